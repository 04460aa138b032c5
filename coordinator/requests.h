/*
 * requests.h - what became of each request: so that none is executed twice, and status is answered.
 *
 * Holds every request in flight, and the REQUESTS_MAX that ended last. An older one is forgotten:
 * asked for its status the coordinator then says `unknown`, and sent again it would be executed
 * again. When the coordinator starts, it reads from the decision log what it has committed at
 * several stores, and learns from the stores what recovery rolls back. All other aborts, and what
 * was done at one store, without a decision, have lived in memory only.
 */
#ifndef SYNCBED_COORDINATOR_REQUESTS_H
#define SYNCBED_COORDINATOR_REQUESTS_H

#include "model/outcome.h"
#include "model/txn.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#define REQUESTS_MAX 65536

struct transaction;

struct known_request {
    char id[REQUEST_ID_SIZE];
    enum outcome outcome;
    enum code code;   /* once answered: the answer */
    enum level level; /* committed: how far it has got */
    bool mixed; /* decided, but not so at each store: `unknown` for good, never executed again */
    struct transaction *running; /* NULL: over */
    struct known_request *next_ended;
    UT_hash_handle hh;
};

struct requests {
    struct known_request *by_id;
    struct known_request *first_ended, *last_ended; /* oldest first */
    unsigned n_ended;
};

void requests_init(struct requests *r);
void requests_done(struct requests *r);

struct known_request *requests_find(const struct requests *r, const char *id); /* or NULL */

/* A new request, OUTCOME_PENDING; `id` is not known yet. Valid until it has ended. */
struct known_request *requests_begin(struct requests *r, const char *id,
                                     struct transaction *running);

/*
 * What is answered when an answered request is sent again: as before, but where that was indefinite
 * and the outcome is known by now, the outcome. ret_level: of CODE_NONE.
 */
enum code requests_answer(const struct known_request *request, enum level *ret_level);

/* Its transaction is over; its outcome and answer have been filled in. May forget the oldest. */
void requests_end(struct requests *r, struct known_request *request);

/* One that has ended is not known any more. */
void requests_forget(struct requests *r, struct known_request *request);

/* An earlier incarnation's: learnt from the log or from a participant. A known one stays. */
void requests_remember(struct requests *r, const char *id, enum outcome outcome);

#endif
