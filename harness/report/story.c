/* The words of a run: see the header. */
#include "harness/report/story.h"

#include "harness/checkers/checkers.h"
#include "harness/report/html.h"

#include <stdio.h>
#include <string.h>

/* A gap or a blocked key shorter than this is noise, not a story. */
#define WORTH_TELLING_S 0.5

const char *story_text(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));

    return text ? text : "";
}

bool story_number(const json_t *object, const char *path, double *ret_value)
{
    char field[64];

    while (object && *path) {
        size_t size = strcspn(path, ".");

        if (size >= sizeof field)
            return false;
        memcpy(field, path, size);
        field[size] = '\0';
        object = json_object_get(object, field);
        path += size + (path[size] == '.');
    }
    if (!json_is_number(object))
        return false;
    *ret_value = json_number_value(object);
    return true;
}

static const json_t *verdict_of(const json_t *run, const char *name)
{
    return json_object_get(json_object_get(run, "verdicts"), name);
}

const char *story_verdict(const json_t *run, const char *name)
{
    const char *word = story_text(verdict_of(run, name), "verdict");

    return *word ? word : verdict_word_name(VERDICT_NOT_JUDGED);
}

static enum story_mark mark_of_verdict(const json_t *verdict)
{
    const char *word = story_text(verdict, "verdict");
    bool promised = json_is_true(json_object_get(verdict, "promised"));

    if (strcmp(word, verdict_word_name(VERDICT_INVALID)) == 0)
        return promised ? STORY_BROKEN : STORY_ANOMALIES;
    if (strcmp(word, verdict_word_name(VERDICT_UNKNOWN)) == 0 && promised)
        return STORY_UNKNOWN;
    return STORY_AGREE;
}

enum story_mark story_mark_of(const json_t *run)
{
    json_t *verdicts = json_object_get(run, "verdicts");
    enum story_mark worst = json_object_size(verdicts) ? STORY_AGREE : STORY_UNKNOWN;
    const char *name;
    json_t *verdict;

    json_object_foreach (verdicts, name, verdict) {
        enum story_mark mark = mark_of_verdict(verdict);

        if (mark > worst)
            worst = mark;
    }
    return worst;
}

const char *story_headline(const json_t *run, enum story_mark mark)
{
    const char *invalid = verdict_word_name(VERDICT_INVALID);

    switch (mark) {
    case STORY_AGREE:
        return "Kept every promise; the stores agree";
    case STORY_BROKEN:
        return "Broke a promise";
    case STORY_UNKNOWN:
        return json_object_get(run, "verdicts") ? "Cannot be told" : "Did not finish";
    case STORY_ANOMALIES:
        return strcmp(story_verdict(run, "convergence"), invalid) == 0
                   ? "The stores differ for ever"
                   : "Anomalies, none of them promised away";
    case STORY_MARKS:
        break;
    }
    return "";
}

static void anomalies(struct buf *out, const json_t *run)
{
    for (unsigned i = 0; i < CHECKERS; i++) {
        const struct checker *checker = &checker_table[i];
        const json_t *verdict = verdict_of(run, checker->name);
        double count;

        if (!verdict || !story_number(verdict, "count", &count) || count < 1)
            continue;
        buf_append_str(out, "<li class=\"t-invalid\">");
        html_count(out, (long long)count);
        buf_printf(out, " %s</li>", count > 1 ? checker->many : checker->one);
    }
}

static void count_phrase(struct buf *out, const char *before, double count, const char *after)
{
    buf_printf(out, "<li>%s", before);
    html_count(out, (long long)count);
    buf_printf(out, "%s</li>", after);
}

/* Who waited behind a key in doubt, and whether anybody else did: the claim about two-phase commit.
 */
static void blocked(struct buf *out, const json_t *run)
{
    double keys, others, longest_s;

    if (!story_number(run, "blocked.in_doubt.keys", &keys) ||
        !story_number(run, "blocked.other.keys", &others))
        return;
    if (keys >= 1 && story_number(run, "blocked.in_doubt.longest_s", &longest_s))
        buf_printf(out, "<li>%.0f key%s in doubt blocked, up to %.1f s%s</li>", keys,
                   keys > 1 ? "s" : "", longest_s, others < 1 ? "; no other key" : "");
    if (others >= 1 && story_number(run, "blocked.other.longest_s", &longest_s))
        buf_printf(out, "<li>%.0f key%s blocked without being in doubt, up to %.1f s</li>", others,
                   others > 1 ? "s" : "", longest_s);
}

static void availability(struct buf *out, const json_t *run)
{
    double seconds, count, of;
    char of_text[48];

    if (story_number(run, "longest_gap_s", &seconds)) {
        if (seconds >= WORTH_TELLING_S)
            buf_printf(out, "<li>nothing acknowledged for %.1f s</li>", seconds);
        else if (json_array_size(json_object_get(run, "faults")) > 0)
            buf_append_str(out, "<li>writes were acknowledged throughout</li>");
    }
    blocked(out, run);
    if (story_number(run, "ops.fail", &count) && count >= 1 &&
        story_number(run, "ops.invoked", &of)) {
        (void)snprintf(of_text, sizeof of_text, " of %.0f writes refused", of);
        count_phrase(out, "", count, of_text);
    }
    if (story_number(run, "ops.info", &count) && count >= 1)
        count_phrase(out, "", count, count > 1 ? " answers never came" : " answer never came");
    if (story_number(run, "sink_lag_max", &count) && count >= 1)
        count_phrase(out, "a sink fell ", count, " records behind, and caught up");
}

void story_phrases(struct buf *out, const json_t *run)
{
    anomalies(out, run);
    availability(out, run);
}
