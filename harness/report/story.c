/* The words of a cell on the page: see the header. */
#include "harness/report/story.h"

#include "harness/report/html.h"
#include "harness/results/result.h"

const char *story_mark_class(enum cell_mark mark)
{
    static const char *const name[MARKS] = {
        [MARK_AGREE] = "valid",       [MARK_PASSING] = "valid",   [MARK_NOT_EXERCISED] = "unknown",
        [MARK_ANOMALIES] = "invalid", [MARK_UNKNOWN] = "unknown", [MARK_BROKEN] = "invalid",
    };

    return name[mark];
}

const char *story_headline(const struct cell *cell)
{
    switch (cell->mark) {
    case MARK_AGREE:
    case MARK_PASSING:
        return result_verdict_is(cell->worst, "convergence", VERDICT_VALID)
                   ? "Kept every judged promise; the stores agree"
                   : "Kept every judged promise";
    case MARK_NOT_EXERCISED:
        return "Not exercised";
    case MARK_BROKEN:
        return "Broke a promise";
    case MARK_UNKNOWN:
        if (cell->n_unfinished > 0)
            return "Did not finish";
        return cell->ended ? "A process ended by itself" : "Cannot be told";
    case MARK_ANOMALIES:
        return cell_has_anomaly(cell, "convergence") ? "The stores differ for ever"
                                                     : "Anomalies, none of them promised away";
    case MARKS:
        break;
    }
    return "";
}

static void counts(struct buf *out, const struct cell_range *range)
{
    html_count(out, (long long)range->low);
    if (range->low < range->high) {
        buf_append_str(out, "–");
        html_count(out, (long long)range->high);
    }
}

static void seconds(struct buf *out, const struct cell_range *range)
{
    char text[CELL_RANGE_SIZE];

    cell_range_text(range, 1, text);
    buf_append_str(out, text);
}

static const char *plural(const struct cell_phrase *phrase)
{
    return phrase->count.high > 1 ? "s" : "";
}

/* Who waited behind a key in doubt, and whether anybody else did: the claim about two-phase commit.
 */
static void blocked(struct buf *out, const struct cell_phrase *phrase)
{
    counts(out, &phrase->count);
    buf_printf(out, " key%s %s, up to %.1f s%s", plural(phrase),
               phrase->fact == FACT_IN_DOUBT ? "in doubt blocked"
                                             : "blocked without being in doubt",
               phrase->seconds.high, phrase->alone ? "; no other key" : "");
}

void story_anchor(struct buf *out, const char *prefix, const json_t *run,
                  const struct checker *checker)
{
    buf_printf(out, "%s-", prefix);
    html_id(out, result_text(run, "run"));
    buf_append_char(out, '-');
    html_id(out, checker->name);
}

/* Leads to its example. */
static void anomaly(struct buf *out, const struct cell_phrase *phrase)
{
    if (phrase->seen) {
        buf_append_str(out, "<a href=\"#");
        story_anchor(out, "example", phrase->seen, phrase->checker);
        buf_append_str(out, "\">");
    }
    counts(out, &phrase->count);
    buf_printf(out, " %s%s", plural(phrase)[0] ? phrase->checker->many : phrase->checker->one,
               phrase->seen ? "</a>" : "");
}

static void words(struct buf *out, const struct cell_phrase *phrase)
{
    switch (phrase->fact) {
    case FACT_ANOMALY:
        anomaly(out, phrase);
        break;
    case FACT_IN_DOUBT:
    case FACT_STUCK:
        blocked(out, phrase);
        break;
    case FACT_GAP:
        buf_append_str(out, "nothing acknowledged for ");
        seconds(out, &phrase->seconds);
        buf_append_str(out, " s");
        break;
    case FACT_THROUGHOUT:
        buf_append_str(out, "writes were acknowledged throughout");
        break;
    case FACT_REFUSED:
        counts(out, &phrase->count);
        buf_append_str(out, " of ");
        counts(out, &phrase->of);
        buf_append_str(out, " writes refused");
        break;
    case FACT_UNANSWERED:
        counts(out, &phrase->count);
        buf_printf(out, " write%s left unknown to the client", plural(phrase));
        break;
    case FACT_UNTRIED:
        counts(out, &phrase->count);
        buf_printf(out, " promise%s not exercised", plural(phrase));
        break;
    case FACT_SKIPPED:
        buf_append_str(out, "no such fault here: ");
        html_text(out, phrase->why);
        break;
    case FACT_GATHERED:
        buf_printf(out, "caught %.0f of %.0f at the crash point", phrase->count.low,
                   phrase->of.low);
        break;
    case FACT_LAG:
        buf_append_str(out, "a sink fell ");
        counts(out, &phrase->count);
        buf_printf(out, " records behind%s", phrase->caught_up ? ", and caught up" : "");
        break;
    case FACTS:
        break;
    }
}

static const char *phrase_class(const struct cell_phrase *phrase)
{
    if (phrase->fact != FACT_ANOMALY)
        return "";
    return phrase->checker->passes && !phrase->promised ? " class=\"t-unknown\""
                                                        : " class=\"t-invalid\"";
}

void story_phrases(struct buf *out, const struct cell *cell)
{
    for (unsigned i = 0; i < cell->n_phrases; i++) {
        const struct cell_phrase *phrase = &cell->phrase[i];

        buf_printf(out, "<li%s>", phrase_class(phrase));
        words(out, phrase);
        buf_append_str(out, "</li>");
    }
    if (cell->n_runs > 1)
        buf_printf(out, "<li class=\"soft\">in %u runs</li>", cell->n_runs);
}
