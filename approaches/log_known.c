/* Acknowledged requests, the last of them; see the header. */
#include "approaches/log_known.h"

#include "base/mem.h"
#include "model/txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct entry {
    char request[REQUEST_ID_SIZE];
    UT_hash_handle hh;
};

struct log_known {
    struct entry *by_request;
    struct entry *ring; /* of LOG_KNOWN_MAX */
    unsigned n;
    unsigned next; /* the oldest, once the ring is full */
};

struct log_known *log_known_new(void)
{
    struct log_known *known = mem_alloc(sizeof *known);

    known->ring = mem_alloc_array(LOG_KNOWN_MAX, sizeof *known->ring);
    return known;
}

void log_known_free(struct log_known *known)
{
    if (!known)
        return;
    HASH_CLEAR(hh, known->by_request);
    free(known->ring);
    free(known);
}

void log_known_add(struct log_known *known, const char *request)
{
    struct entry *entry = &known->ring[known->next];

    if (known->n == LOG_KNOWN_MAX)
        HASH_DEL(known->by_request, entry);
    else
        known->n++;
    known->next = (known->next + 1) % LOG_KNOWN_MAX;
    (void)snprintf(entry->request, sizeof entry->request, "%s", request);
    HASH_ADD_STR(known->by_request, request, entry);
}

bool log_known_has(const struct log_known *known, const char *request)
{
    const struct entry *entry;

    HASH_FIND_STR(known->by_request, request, entry);
    return entry != NULL;
}
