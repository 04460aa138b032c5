/* suggest.h - the nearest valid word, for messages about a wrong one. */
#ifndef SYNCBED_BASE_SUGGEST_H
#define SYNCBED_BASE_SUGGEST_H

#include <stddef.h>

/* Of `n` valid words the nearest to `word` by edit distance; NULL when none is near (over half). */
const char *suggest_nearest(const char *word, const char *const *valid, size_t n);

#endif
