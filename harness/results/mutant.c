/* Is a mistake noticed: see the header. */
#include "harness/results/mutant.h"

#include "harness/results/cell.h"
#include "harness/results/result.h"

#include <string.h>

const char *mutant_word(enum mutant_word word)
{
    static const char *const words[MUTANT_WORDS] = {[MUTANT_CAUGHT] = "caught",
                                                    [MUTANT_MISSED] = "MISSED",
                                                    [MUTANT_NOT_EXERCISED] = "not exercised",
                                                    [MUTANT_UNKNOWN] = "unknown"};

    return words[word];
}

/* It happened; and if it was to hit at a crash point, somebody stood there. */
static bool hit(const json_t *fault)
{
    double gathered;

    if (*result_text(fault, "skipped"))
        return false;
    return !*result_text(fault, "point") ||
           (result_number(fault, "gathered", &gathered) && gathered > 0);
}

static bool all_hit(const json_t *run)
{
    json_t *fault;
    size_t i;

    json_array_foreach (json_object_get(run, "faults"), i, fault) {
        if (!hit(fault))
            return false;
    }
    return true;
}

static bool exercised(const json_t *run)
{
    double times;

    return all_hit(run) && result_number(run, "break.times", &times) && times > 0;
}

enum mutant_word mutant_judge(const json_t *run)
{
    const char *verdict = result_text(json_object_get(run, "break"), "verdict");

    if (!json_is_true(json_object_get(run, "finished")))
        return MUTANT_UNKNOWN;
    if (!exercised(run))
        return MUTANT_NOT_EXERCISED;
    if (result_verdict_is(run, verdict, VERDICT_INVALID))
        return MUTANT_CAUGHT;
    return result_verdict_is(run, verdict, VERDICT_UNKNOWN) ? MUTANT_UNKNOWN : MUTANT_MISSED;
}

enum clean_word mutant_judge_clean(const json_t *run, const struct approach_break *broken)
{
    switch (cell_mark_of(run)) {
    case MARK_BROKEN:
        return CLEAN_FALSE_ALARM;
    case MARK_UNKNOWN:
        return CLEAN_UNKNOWN;
    case MARK_AGREE:
    case MARK_PASSING:
    case MARK_NOT_EXERCISED:
    case MARK_ANOMALIES:
    case MARKS:
        break;
    }
    if (result_verdict_is(run, broken->verdict, VERDICT_INVALID))
        return CLEAN_FALSE_ALARM;
    return all_hit(run) ? CLEAN : CLEAN_UNKNOWN;
}

void mutant_exposure(struct buf *out, const json_t *run)
{
    const char *separator = "";
    json_t *fault;
    size_t i;

    json_array_foreach (json_object_get(run, "faults"), i, fault) {
        double gathered, gather;

        if (!*result_text(fault, "point"))
            continue;
        buf_append_str(out, separator);
        separator = "; ";
        if (result_number(fault, "gathered", &gathered) && result_number(fault, "gather", &gather))
            buf_printf(out, "%.0f of %.0f at %s", gathered, gather, result_text(fault, "point"));
        else
            buf_printf(out, "nobody knows how many at %s", result_text(fault, "point"));
    }
}
