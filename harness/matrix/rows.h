/*
 * rows.h - the rows of a matrix, as experiments/matrix-2pc/rows.yaml has them: what can fail, what
 * is right then, and how it is shown: by an experiment, by named tests, or not, and why.
 */
#ifndef SYNCBED_HARNESS_MATRIX_ROWS_H
#define SYNCBED_HARNESS_MATRIX_ROWS_H

#include "base/buf.h"
#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

#define MATRIX_ROWS_MAX        96
#define MATRIX_TESTS_MAX       5
#define MATRIX_EXPERIMENTS_MAX 3
#define MATRIX_TEXT_SIZE       160

/* What must become of the transactions that a fault caught. */
enum matrix_outcome { MATRIX_EITHER, MATRIX_COMMITTED, MATRIX_ROLLED_BACK, MATRIX_OUTCOMES };

struct matrix_row {
    char id[8];
    char fault[MATRIX_TEXT_SIZE];
    char expect[MATRIX_TEXT_SIZE];
    unsigned n_experiments; /* files beside rows.yaml, named without ".yaml" */
    char experiment[MATRIX_EXPERIMENTS_MAX][24];
    enum matrix_outcome outcome;
    bool in_doubt; /* nothing is shown unless one of those it caught was in doubt */
    unsigned n_tests;
    char test[MATRIX_TESTS_MAX][MATRIX_TEXT_SIZE]; /* "test_twopc_core/CASE", "integration/FILE" */
    char reason[MATRIX_TEXT_SIZE]; /* why no experiment shows all of it; "" when one does */
};

struct matrix_rows {
    unsigned n;
    struct matrix_row row[MATRIX_ROWS_MAX];
};

/*
 * -EINVAL with FILE:LINE; a row is shown by an experiment or tests, or has a reason. The struct is
 * large: keep it on the heap.
 */
__attribute__((warn_unused_result)) int matrix_read(const char *path, struct matrix_rows *ret_rows,
                                                    struct errctx *err);

/* Is the row shown by this experiment? */
bool matrix_row_has(const struct matrix_row *row, const char *experiment);

const char *matrix_outcome_word(enum matrix_outcome outcome); /* "committed" … */

/* As a table in Markdown, for docs/two-phase-commit.md. */
void matrix_print_markdown(struct buf *out, const struct matrix_rows *rows);

#endif
