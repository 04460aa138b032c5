/* story.h - what a cell comes to (results/cell.h), in the words of the page. */
#ifndef SYNCBED_HARNESS_REPORT_STORY_H
#define SYNCBED_HARNESS_REPORT_STORY_H

#include "base/buf.h"
#include "harness/results/cell.h"

/* "Kept every promise; the stores agree", "The stores differ for ever" …: its mark, in words. */
const char *story_headline(const struct cell *cell);

/* The phrases behind the headline, each as <li>…</li>: anomalies first, then availability. */
void story_phrases(struct buf *out, const struct cell *cell);

#endif
