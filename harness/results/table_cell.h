/* table_cell.h - a cell in a few short lines, for the table at the terminal. */
#ifndef SYNCBED_HARNESS_RESULTS_TABLE_CELL_H
#define SYNCBED_HARNESS_RESULTS_TABLE_CELL_H

#include "harness/results/cell.h"

#define TABLE_CELL_LINES 32
_Static_assert(TABLE_CELL_LINES >= CELL_PHRASES_MAX + 5, "headline, latencies and runs beside");

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

struct table_cell {
    unsigned n;
    enum tone tone[TABLE_CELL_LINES];
    char line[TABLE_CELL_LINES][96];
};

/* A cell without runs is a dash. */
void table_cell_fill(const struct cell *cell, struct table_cell *ret_cell);

#endif
