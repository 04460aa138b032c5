/* memory.h - what a history's operations point into: many small pieces, freed together. */
#ifndef SYNCBED_HARNESS_HISTORY_MEMORY_H
#define SYNCBED_HARNESS_HISTORY_MEMORY_H

#include <stddef.h>

struct history_memory;

struct history_memory *history_memory_new(void);
void history_memory_free(struct history_memory *memory); /* NULL is fine */

/* Zeroed, aligned for any of a history's structs. */
void *history_memory_take(struct history_memory *memory, size_t size);

/* A copy of `text`. */
const char *history_memory_text(struct history_memory *memory, const char *text);

/* The one copy of `text`: equal texts are the same pointer. */
const char *history_memory_shared(struct history_memory *memory, const char *text);

#endif
