/*
 * watermark.h - how far the decision log had got, remembered at the participants: so that a log
 * which was lost or rolled back is noticed, and so is a participant which was.
 *
 *   CHECKING   what was this participant told of our log, and what is in doubt there under our
 *              name? Nothing is written at any participant before each that answers has been asked
 *   CHECKED    the log holds all that; recovery begins there (recovery.h)
 *   MARKED     fenced, and told of this incarnation: it may be given transactions, and what is in
 *              doubt there is settled. From now on it is told how far the log has got,
 *              WATERMARK_EVERY_US after a decision
 *   RESTORED   it knows less than the log says it was told, or than it was seen to know: so it was
 *              restored from a backup, or emptied. Nothing is settled there without somebody's hand
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
    void (*marked)(void *arg, unsigned participant);     /* for the first time: settle there */
    void (*restored)(void *arg, unsigned participant);   /* logged; at most once, at any time */
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
 * there) is then no proof of what had become of it. Known when it starts to be used, at the next
 * mark after it has happened, and when it is asked for.
 */
bool watermark_restored(const struct watermark *w, unsigned i);

enum watermark_trust {
    WATERMARK_NOT_KNOWN, /* it does not answer: ask again */
    WATERMARK_TRUSTED,   /* it knows what it was told, so what it had said before is no older */
    WATERMARK_RESTORED,
};

typedef void (*watermark_trusted)(void *arg, enum watermark_trust trust);

/* Ask a participant that was marked whether it was restored since. `done` may be called at once.
 * One that is not among ours, or that nobody tells anything, is trusted. */
void watermark_ask(struct watermark *w, const struct store *store, int64_t deadline_us,
                   watermark_trusted done, void *arg);

/* Of one that is not MARKED: what is being done there, and why it does not succeed. */
void watermark_why_not(const struct watermark *w, unsigned i, char *ret_text, size_t size);

/* Participants that cannot be given transactions by us yet. */
unsigned watermark_unmarked(const struct watermark *w);

#endif
