/* story.h - what a cell comes to (results/cell.h), in the words of the page. */
#ifndef SYNCBED_HARNESS_REPORT_STORY_H
#define SYNCBED_HARNESS_REPORT_STORY_H

#include "base/buf.h"
#include "harness/results/cell.h"

/* "Kept every promise; the stores agree", "The stores differ for ever" …: its mark, in words. */
const char *story_headline(const struct cell *cell);

/* The CSS class of a mark: "valid", "invalid", "unknown". */
const char *story_mark_class(enum cell_mark mark);

/*
 * The name in the page of this checker's example in this run, behind a prefix: "example-…" is its
 * card, "ops-…" its operations.
 */
void story_anchor(struct buf *out, const char *prefix, const json_t *run,
                  const struct checker *checker);

/* The phrases behind the headline, each as <li>…</li>: anomalies first, then availability. */
void story_phrases(struct buf *out, const struct cell *cell);

#endif
