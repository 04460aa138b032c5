/* Nearest word by Levenshtein distance: see the header. */
#include "base/suggest.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t n = strlen(b);

    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j];

            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

const char *suggest_nearest(const char *word, const char *const *valid, size_t n)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;

    if (strlen(word) > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = strlen(valid[i]) > WORD_MAX ? SIZE_MAX : distance(word, valid[i]);

        if (d < best_distance) {
            best = valid[i];
            best_distance = d;
        }
    }
    return best && best_distance * 2 <= strlen(word) + 1 ? best : NULL;
}
