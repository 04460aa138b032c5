/* A history's memory: blocks that are filled from the front, and a table of shared texts. */
#include "harness/history/memory.h"

#include "base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define BLOCK_SIZE (1024 * 1024)
#define ALIGNMENT  8

struct block {
    struct block *next;
    size_t used;
    _Alignas(ALIGNMENT) char data[BLOCK_SIZE];
};

struct shared {
    const char *text;
    UT_hash_handle hh;
};

struct history_memory {
    struct block *blocks; /* the first is the one being filled */
    struct shared *shared;
};

struct history_memory *history_memory_new(void)
{
    return mem_alloc(sizeof(struct history_memory));
}

void history_memory_free(struct history_memory *memory)
{
    if (!memory)
        return;
    HASH_CLEAR(hh, memory->shared); /* its entries lie in the blocks */
    while (memory->blocks) {
        struct block *block = memory->blocks;

        memory->blocks = block->next;
        free(block);
    }
    free(memory);
}

static char *take(struct history_memory *memory, size_t size)
{
    struct block *block = memory->blocks;

    assert(size <= BLOCK_SIZE);
    if (!block || BLOCK_SIZE - block->used < size) {
        block = mem_alloc(sizeof *block);
        block->next = memory->blocks;
        memory->blocks = block;
    }
    block->used += size;
    return block->data + block->used - size;
}

void *history_memory_take(struct history_memory *memory, size_t size)
{
    struct block *block = memory->blocks;
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    if (block) /* texts leave it at any byte */
        block->used = (block->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return take(memory, rounded);
}

const char *history_memory_text(struct history_memory *memory, const char *text)
{
    size_t size = strlen(text) + 1;

    if (size == 1)
        return "";
    return memcpy(take(memory, size), text, size);
}

const char *history_memory_shared(struct history_memory *memory, const char *text)
{
    struct shared *shared;

    if (text[0] == '\0')
        return "";
    HASH_FIND_STR(memory->shared, text, shared);
    if (!shared) {
        shared = history_memory_take(memory, sizeof *shared);
        shared->text = history_memory_text(memory, text);
        HASH_ADD_KEYPTR(hh, memory->shared, shared->text, strlen(shared->text), shared);
    }
    return shared->text;
}
