/* Interned strings: see the header. */
#include "harness/checkers/intern.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024

/* FNV-1a, then a multiplication that carries its high bits into the low ones we index by. */
static size_t hash(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h >> 20);
}

/* The slot that holds `text`, or the free one where it belongs. */
static size_t find_slot(const struct intern *table, const char *text)
{
    size_t i = hash(text) & (table->n_slots - 1);

    while (table->slot[i] != INTERN_NONE && strcmp(intern_text(table, table->slot[i]), text) != 0)
        i = (i + 1) & (table->n_slots - 1);
    return i;
}

static void rehash(struct intern *table)
{
    size_t n_slots = table->n_slots ? table->n_slots * 2 : SLOTS_MIN;

    free(table->slot);
    table->slot = mem_alloc_array(n_slots, sizeof *table->slot);
    table->n_slots = n_slots;
    memset(table->slot, 0xff, n_slots * sizeof *table->slot);
    for (uint32_t i = 0; i < table->n; i++)
        table->slot[find_slot(table, intern_text(table, i))] = i;
}

static void append_text(struct intern *table, const char *text)
{
    size_t size = strlen(text) + 1;

    while (table->text_size + size > table->text_capacity) {
        table->text_capacity = table->text_capacity ? table->text_capacity * 2 : 4096;
        table->text = mem_realloc(table->text, table->text_capacity);
    }
    memcpy(table->text + table->text_size, text, size);
    table->text_size += size;
}

uint32_t intern_add(struct intern *table, const char *text)
{
    size_t i;

    if ((size_t)table->n * 2 >= table->n_slots)
        rehash(table);
    i = find_slot(table, text);
    if (table->slot[i] != INTERN_NONE)
        return table->slot[i];
    assert(table->n < INTERN_NONE - 1);
    table->start = mem_grow(table->start, table->n, &table->start_capacity, sizeof *table->start);
    table->start[table->n] = table->text_size;
    append_text(table, text);
    table->slot[i] = table->n;
    return table->n++;
}

uint32_t intern_find(const struct intern *table, const char *text)
{
    return table->n_slots ? table->slot[find_slot(table, text)] : INTERN_NONE;
}

const char *intern_text(const struct intern *table, uint32_t number)
{
    assert(number < table->n);
    return table->text + table->start[number];
}

void intern_done(struct intern *table)
{
    if (!table)
        return;
    free(table->text);
    free(table->start);
    free(table->slot);
    *table = (struct intern){0};
}
