/*
 * story.h - what a run of results.json says, in a few words: the cells of the verdict table.
 *
 * Works on the JSON alone, so that a report can be made from results that somebody sends.
 */
#ifndef SYNCBED_HARNESS_REPORT_STORY_H
#define SYNCBED_HARNESS_REPORT_STORY_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

enum story_mark {
    STORY_AGREE,     /* every verdict that was judged is valid */
    STORY_ANOMALIES, /* something invalid that was not promised either */
    STORY_UNKNOWN,   /* a promised verdict could not be given */
    STORY_BROKEN,    /* a promise was broken */
    STORY_MARKS
};

/* Worst of a run's verdicts. A run that was not judged is STORY_UNKNOWN. */
enum story_mark story_mark_of(const json_t *run);

/* "All stores agree", "The stores differ for ever" …: what the mark says of this run. */
const char *story_headline(const json_t *run, enum story_mark mark);

/* The phrases behind the headline, each as <li>…</li>: anomalies first, then availability. */
void story_phrases(struct buf *out, const json_t *run);

/*
 * The number at a dotted path below `object`, as in "latency_ms.ack.p99"; false when it is missing
 * or null, which means that it was not measured.
 */
bool story_number(const json_t *object, const char *path, double *ret_value);

/* The word of one verdict of a run: "valid" …; "not judged" when the run has no such verdict. */
const char *story_verdict(const json_t *run, const char *name);

/* A string field, "" when missing. */
const char *story_text(const json_t *object, const char *field);

#endif
