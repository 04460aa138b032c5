/*
 * scan.h - inside stores/: a scan whose rows come one journal entry at a time, ordered by key and
 * n, given to the caller one key at a time.
 */
#ifndef SYNCBED_STORES_SCAN_H
#define SYNCBED_STORES_SCAN_H

#include "stores/driver.h"

struct scan;

struct scan *scan_new(void);
void scan_free(struct scan *scan); /* NULL is fine */

/* A row of `key`: gives the key before it to the job, when this is another one. */
void scan_key(struct scan *scan, struct job *job, const char *key, const char *value, int64_t n);
/* … and its journal entry, where it has one. */
void scan_entry(struct scan *scan, int64_t n, const char *request, const char *op);
/* No more rows: gives the last key. */
void scan_end(struct scan *scan, struct job *job);

#endif
