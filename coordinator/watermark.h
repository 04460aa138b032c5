/*
 * watermark.h - how far the decision log had got, remembered at the participants: so that a log
 * which was lost or rolled back is noticed, and so is a participant which was.
 *
 *   CHECKING   what was this participant told of our log, and what is in doubt there under our
 *              name? Nothing is written at any participant before each that answers has been asked
 *   CHECKED    the log holds all that; recovery begins there (recovery.h)
 *   MARKED     fenced, and told of this incarnation: it may be given transactions. From now on it
 *              is told how far the log has got, WATERMARK_EVERY_US after a decision
 *   RESTORED   it knows less than the log says it was told, so it was restored from a backup, or
 *              emptied: nothing is settled there without somebody's hand
 *
 * A log that does not hold what a participant was told is refused: presumed abort would roll back
 * what was committed. With `force` all participants are asked, the log goes on above all that they
 * have seen, and what it has no decision for is rolled back after all.
 *
 * What is noticed, what is not, and why: docs/decisions/0008-a-lost-log-is-refused.md.
 */
#ifndef SYNCBED_COORDINATOR_WATERMARK_H
#define SYNCBED_COORDINATOR_WATERMARK_H

#include "base/error.h"
#include "coordinator/decision_log.h"
#include "stores/store.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATERMARK_EVERY_US INT64_C(200000)

struct watermark;

struct watermark_handlers {
    void (*checked)(void *arg, unsigned participant);    /* recover it */
    void (*progress)(void *arg);                         /* one more is MARKED, or RESTORED */
    void (*failed)(void *arg, const struct errctx *err); /* ERR_FENCED: must not go on */
    void *arg;
};

/* `name` and `handlers` are copied. `force`: presume abort for all that the log does not hold. */
struct watermark *watermark_new(struct event_base *base, const char *name, bool force,
                                const struct watermark_handlers *handlers);
/* Do nothing any more; then the stores are freed, which answers what is outstanding; then free. */
void watermark_stop(struct watermark *w);
void watermark_free(struct watermark *w); /* NULL is fine */

/* Every record of the log, in order, before watermark_start(). */
void watermark_note(struct watermark *w, const struct decision *decision);

/* Begin. Borrowed. Listens to store_on_alive() of a participant until it is checked. */
void watermark_start(struct watermark *w, struct decision_log *log, struct store *const *stores,
                     unsigned n_stores);

/* The log is not in a folder: nobody is asked or told. Before watermark_start(). */
void watermark_turn_off(struct watermark *w);

/* Participant `i` is fenced by this value. Calls after the first are ignored. */
void watermark_fenced(struct watermark *w, unsigned i, int64_t fence);

/* The log holds what participant `i` was told; its recovery may have begun. */
bool watermark_checked(const struct watermark *w, unsigned i);

/* May participant `i` be given new transactions? */
bool watermark_marked(const struct watermark *w, unsigned i);

/*
 * Was participant `i` restored from a backup? What it says of a branch (prepared, committed, not
 * there) is then no proof of what had become of it. Known when it starts to be used, and at the
 * next mark after it has happened.
 */
bool watermark_restored(const struct watermark *w, unsigned i);

/* Of one that is not MARKED: what is being done there, and why it does not succeed. */
void watermark_why_not(const struct watermark *w, unsigned i, char *ret_text, size_t size);

/* Participants that cannot be given transactions by us yet. */
unsigned watermark_unmarked(const struct watermark *w);

#endif
