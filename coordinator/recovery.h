/*
 * recovery.h - what earlier incarnations of this coordinator left at the participants.
 *
 * The driver of recovery_core.h, which says what is done at each participant, and in which order.
 *
 * A participant may be given new transactions once it is fenced: theirs carry the new epoch, so
 * neither side touches the other's. Each step may be repeated after a crash anywhere.
 *
 * A step that fails is tried again for ever (backoff.h), whatever the reason: a participant that is
 * down comes back, one that lacks our tables may be given them. Why it fails goes to the log, once
 * for each reason, and to who asks for that participant: recovery_why_not().
 */
#ifndef SYNCBED_COORDINATOR_RECOVERY_H
#define SYNCBED_COORDINATOR_RECOVERY_H

#include "base/error.h"
#include "coordinator/decision_log.h"
#include "coordinator/forgetting.h"
#include "coordinator/twopc_core.h"
#include "coordinator/watermark.h"
#include "stores/store.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recovery;

struct recovery_handlers {
    void (*progress)(void *arg); /* a participant more was settled, or is back */
    /* It is fenced by this: tell it how far the log has got, until recovery_marked() or
     * recovery_restored() is called, perhaps in this call. */
    void (*mark)(void *arg, unsigned participant, int64_t fence);
    /* A branch of an earlier incarnation was committed or rolled back. */
    void (*settled)(void *arg, const char *request, bool committed);
    /* … was ended the other way by somebody else, who came first; its participant has lost it.
     * Logged; its decision stays open. */
    void (*contradicted)(void *arg);
    void (*lost)(void *arg);
    void (*failed)(void *arg, const struct errctx *err); /* must not go on */
    void *arg;
};

/* `name` and `handlers` are copied. */
struct recovery *recovery_new(struct event_base *base, const char *name, enum twopc_break broken,
                              const struct recovery_handlers *handlers);
/* Do nothing any more; then the stores are freed, which answers what is outstanding; then free. */
void recovery_stop(struct recovery *r);
void recovery_free(struct recovery *r); /* NULL is fine */

/* Every record of the log, in order, before recovery_start(). */
void recovery_note(struct recovery *r, const struct decision *decision);

/* The log (for END records), who forgets behind it, who knows which participants were restored, and
 * the stores are borrowed. The stores have not been alive yet. */
void recovery_start(struct recovery *r, struct decision_log *log, struct forgetting *forgetting,
                    struct watermark *watermark, struct store *const *stores, unsigned n_stores);

/* What is in doubt is settled by somebody else: here sessions are ended and epochs raised only. */
void recovery_leave_settling(struct recovery *r);

/* Begin at participant `i`, an index into the stores. Listens to its store_on_alive(). */
void recovery_begin(struct recovery *r, unsigned i);

/* Participant `i` knew what it had been told of the log, and was told more: go on there. */
void recovery_marked(struct recovery *r, unsigned i);

/* … it knew less, now or later: from now on nothing is settled there. Logged by the caller. */
void recovery_restored(struct recovery *r, unsigned i);

/* Is participant `i` fenced? New transactions then do not meet what is recovered. */
bool recovery_fenced(const struct recovery *r, unsigned i);

/* What is being done at participant `i`, and why the last try of it failed. */
void recovery_why_not(const struct recovery *r, unsigned i, char *ret_text, size_t size);

/* Nothing of earlier incarnations is left at any participant. */
bool recovery_complete(const struct recovery *r);

/*
 * A decision of this incarnation that is carried out, but for participants (as bits of `commit`)
 * where somebody else has settled it the other way, and those that have lost it: it stays open like
 * those of earlier ones.
 */
void recovery_leave_open(struct recovery *r, const struct decision *commit, uint32_t contradicted,
                         uint32_t lost);

/*
 * An operator has taken note of it: the decision of this gid gets its END if it is open for nothing
 * but branches that somebody else has settled the other way, or that are lost. Any other stays:
 * false, as where none is open here.
 */
bool recovery_forget(struct recovery *r, const char *gid);

/* A decision of this gid is among the following. */
bool recovery_has_open(const struct recovery *r, const char *gid);

/* Decisions that some participant may not have heard of, of earlier incarnations; and those that
 * were left open. */
unsigned recovery_open_decisions(const struct recovery *r);

#endif
