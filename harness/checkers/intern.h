/*
 * intern.h - strings as small numbers: equal strings get equal numbers, 0, 1, 2 … in the order of
 * their first appearance. A request id or a key of a run then costs four bytes wherever it stands.
 */
#ifndef SYNCBED_HARNESS_CHECKERS_INTERN_H
#define SYNCBED_HARNESS_CHECKERS_INTERN_H

#include <stddef.h>
#include <stdint.h>

#define INTERN_NONE UINT32_MAX

struct intern {
    uint32_t n;
    char *text; /* all strings, each with its NUL */
    size_t text_size;
    size_t text_capacity;
    size_t *start; /* of string i in `text` */
    size_t start_capacity;
    uint32_t *slot; /* open addressing, linear probing; INTERN_NONE: free */
    size_t n_slots; /* a power of two, 0 at first */
};

/* A zeroed struct is an empty table. */
void intern_done(struct intern *table);

uint32_t intern_add(struct intern *table, const char *text);
uint32_t intern_find(const struct intern *table, const char *text); /* or INTERN_NONE */

/* Valid until the next intern_add(). */
const char *intern_text(const struct intern *table, uint32_t number);

#endif
