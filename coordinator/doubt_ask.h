/* doubt_ask.h - the operator's view of live stores: all are asked at once, within a deadline. */
#ifndef SYNCBED_COORDINATOR_DOUBT_ASK_H
#define SYNCBED_COORDINATOR_DOUBT_ASK_H

#include "coordinator/doubt.h"

/* `d` has the views of all stores that answered; the logs and doubt_conclude() are still to come.
 * The callee copies the struct, which then is its own, for doubt_done(). */
typedef void (*doubt_asked)(void *arg, struct doubt *d);

/*
 * Ask each store for what is in doubt under gids that begin with `prefix` (copied by the stores).
 * `done` comes once, from the loop, when all have answered or could not by `deadline_us`. The
 * stores are borrowed until then.
 */
void doubt_ask(struct store *const *stores, unsigned n_stores, const char *prefix,
               int64_t deadline_us, doubt_asked done, void *arg);

/*
 * Of a view that was concluded: have proven what became of the branches that a decision names and
 * that are not prepared. Returns how many there are. Unless that is 0 `done` comes once, from the
 * loop; then doubt_conclude() again. `d` and the stores must stay where they are until then.
 */
size_t doubt_prove(struct doubt *d, struct store *const *stores, int64_t deadline_us,
                   void (*done)(void *arg), void *arg);

#endif
