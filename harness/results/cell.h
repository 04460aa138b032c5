/*
 * table_cell.h - one cell of the table at the terminal: what the runs of an approach under a
 * schedule come to, in a few short lines.
 */
#ifndef SYNCBED_HARNESS_RESULTS_CELL_H
#define SYNCBED_HARNESS_RESULTS_CELL_H

#include <jansson.h>

#define CELL_LINES 12

enum tone {
    TONE_PLAIN,
    TONE_STRONG,
    TONE_SOFT,
    TONE_GOOD,
    TONE_BAD,
    TONE_BROKEN,
    TONE_UNKNOWN,
    TONES
};

struct cell {
    unsigned n;
    enum tone tone[CELL_LINES];
    char line[CELL_LINES][96];
};

/*
 * `runs`: elements of results.json's `runs` (seeds, repeats) of one cell; none is a dash. Of
 * several runs the smallest and largest number are given.
 */
void cell_fill(const json_t *runs, struct cell *ret_cell);

#endif
