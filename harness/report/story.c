/* The words of a run: see the header. */
#include "harness/report/story.h"

#include "harness/checkers/checkers.h"
#include "harness/report/html.h"

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

static void availability(struct buf *out, const json_t *run)
{
    double keys, seconds, count, of;

    if (story_number(run, "longest_gap_s", &seconds) && seconds >= WORTH_TELLING_S)
        buf_printf(out, "<li>nothing acknowledged for %.1f s</li>", seconds);
    if (story_number(run, "blocked.in_doubt.keys", &keys) && keys >= 1 &&
        story_number(run, "blocked.in_doubt.longest_s", &seconds))
        buf_printf(out, "<li>%.0f key%s in doubt blocked, up to %.1f s</li>", keys,
                   keys > 1 ? "s" : "", seconds);
    if (story_number(run, "blocked.other.keys", &keys) &&
        story_number(run, "blocked.other.longest_s", &seconds))
        buf_printf(out,
                   keys >= 1 ? "<li>%.0f other key%s blocked, up to %.1f s</li>"
                             : "<li>no other key blocked</li>",
                   keys, keys > 1 ? "s" : "", seconds);
    if (story_number(run, "ops.fail", &count) && count >= 1 &&
        story_number(run, "ops.invoked", &of)) {
        buf_append_str(out, "<li>");
        html_count(out, (long long)count);
        buf_append_str(out, " of ");
        html_count(out, (long long)of);
        buf_append_str(out, " refused</li>");
    }
    if (story_number(run, "ops.info", &count) && count >= 1)
        buf_printf(out, "<li>%.0f answer%s unknown to the client</li>", count,
                   count > 1 ? "s" : "");
    if (story_number(run, "sink_lag_max", &count) && count >= 1) {
        buf_append_str(out, "<li>a sink fell ");
        html_count(out, (long long)count);
        buf_append_str(out, " records behind</li>");
    }
}

void story_phrases(struct buf *out, const json_t *run)
{
    anomalies(out, run);
    availability(out, run);
}
