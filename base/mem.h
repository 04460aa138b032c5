/* mem.h - allocation that ends the process, with a message, when memory is gone. */
#ifndef SYNCBED_BASE_MEM_H
#define SYNCBED_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                 /* zeroed */
void *mem_alloc_array(size_t n, size_t size); /* zeroed, overflow checked */
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *str);

/* Room for one more element in a growing array: doubles `*capacity` when `n` has reached it. */
void *mem_grow(void *array, size_t n, size_t *capacity, size_t size);

#endif
