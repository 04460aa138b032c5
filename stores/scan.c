/* Rows of a scan, gathered key by key: see the header. */
#include "stores/scan.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    char key[KEY_SIZE];
    char value[VALUE_SIZE];
    int64_t n;
    bool any;
    struct buf text; /* requests and operations, each with its NUL */
    struct store_journal_entry *entry;
    size_t *at; /* where entry i's request begins in `text`; its operation follows */
    size_t n_entries, entry_capacity, at_capacity;
};

struct scan *scan_new(void)
{
    return mem_alloc(sizeof(struct scan));
}

void scan_free(struct scan *scan)
{
    if (!scan)
        return;
    buf_done(&scan->text);
    free(scan->entry);
    free(scan->at);
    free(scan);
}

void scan_end(struct scan *scan, struct job *job)
{
    struct store_scan_row row = {.key = scan->key,
                                 .value = scan->value,
                                 .n = scan->n,
                                 .n_entries = (unsigned)scan->n_entries,
                                 .entry = scan->entry};

    for (size_t i = 0; i < scan->n_entries; i++) {
        scan->entry[i].request = scan->text.data + scan->at[i];
        scan->entry[i].op = scan->entry[i].request + strlen(scan->entry[i].request) + 1;
    }
    if (scan->any && !job->told)
        job->row(job->arg, &row);
    scan->any = false;
    scan->n_entries = 0;
    buf_clear(&scan->text);
}

void scan_key(struct scan *scan, struct job *job, const char *key, const char *value, int64_t n)
{
    if (scan->any && strcmp(scan->key, key) == 0)
        return;
    scan_end(scan, job);
    scan->any = true;
    (void)snprintf(scan->key, sizeof scan->key, "%s", key);
    (void)snprintf(scan->value, sizeof scan->value, "%s", value);
    scan->n = n;
}

void scan_entry(struct scan *scan, int64_t n, const char *request, const char *op)
{
    size_t i = scan->n_entries;

    scan->entry = mem_grow(scan->entry, i, &scan->entry_capacity, sizeof *scan->entry);
    scan->at = mem_grow(scan->at, i, &scan->at_capacity, sizeof *scan->at);
    scan->entry[i].n = n;
    scan->at[i] = scan->text.size;
    buf_append(&scan->text, request, strlen(request) + 1);
    buf_append(&scan->text, op, strlen(op) + 1);
    scan->n_entries++;
}
