/* recovery_private.h - what a recovery consists of; private to its files of this folder. */
#ifndef SYNCBED_COORDINATOR_RECOVERY_PRIVATE_H
#define SYNCBED_COORDINATOR_RECOVERY_PRIVATE_H

#include "base/crash_point.h"
#include "coordinator/forgetting.h"
#include "coordinator/open_decisions.h"
#include "coordinator/recovery.h"
#include "coordinator/recovery_core.h"
#include "model/names.h"

#include <event2/event.h>
#include <stdbool.h>

#define RECOVERY_VERB_DEADLINE_US INT64_C(2000000)

/* One participant. */
struct recovering {
    struct recovery *recovery;
    unsigned index; /* in the core, too */
    struct store *store;
    struct event *retry;
    enum store_status status; /* of the last try of this step that failed; OK: none did */
    char detail[STORE_DETAIL_SIZE];
    bool complained;              /* of some step: the log is told when all is well again */
    struct crash_stand stand;     /* of its start */
    struct recovery_actions todo; /* what the core has decided, and a crash point may hold back */
};

/* A gid that was found in doubt, while it is being settled. */
struct recovery_settling {
    struct recovering *participant;
    char gid[GID_SIZE];
    char request[REQUEST_ID_SIZE];
    bool commit;
    struct crash_stand stand;
    bool answered; /* by the store: while it is held at a crash point */
    enum store_status status;
    char detail[STORE_DETAIL_SIZE];
    struct recovery_settling *prev, *next; /* in recovery->settlings */
};

/* A branch of a decision, while its participant is asked what became of it. */
struct recovery_proof {
    struct recovering *participant;
    char gid[GID_SIZE];
};

/* The last memo that a participant gave, as far as the log goes back. */
struct recovery_memo {
    char store[STORE_NAME_SIZE];
    char memo[STORE_MEMO_SIZE];
};

struct recovery {
    struct event_base *base;
    char name[ROLE_NAME_SIZE];
    char prefix[ROLE_PREFIX_SIZE];
    enum twopc_break broken;
    struct recovery_handlers handlers;
    struct decision_log *log;
    struct forgetting *forgetting; /* borrowed */
    struct watermark *watermark;   /* borrowed */
    struct open_decisions open;
    unsigned n_memos;
    struct recovery_memo memo[STORES_MAX];
    bool settled_elsewhere;
    bool stopped;
    struct recovery_settling *settlings; /* all that are not over */
    unsigned n_participants;
    struct recovery_core core;
    struct recovering participant[STORES_MAX];
};

/* What an event was about, where its actions are carried out. */
struct recovery_scene {
    const char *gid;
    const char *request;
    bool commit;
    const char *detail;             /* the store's words */
    struct open_decision *decision; /* REVIEW, PROVED */
};

/* The core takes the event, and what it decides is carried out. */
void recovery_feed(struct recovering *p, const struct recovery_event *ev,
                   const struct recovery_scene *scene);

/* A try of its step has failed: for the log, and for who asks. */
void recovery_failed(struct recovering *p, enum store_status status, const char *detail);

/* It was restored: nothing is sent there any more to settle anything. */
bool recovery_is_held(const struct recovering *p);

/* --- recovery_settle.c ------------------------------------------------------------------------ */

/* Commit or roll back a gid that was found in doubt; then feed RESOLVED. */
void recovery_settle(struct recovering *p, const char *gid, bool commit);

/* Ask what became of this participant's branch of `decision`; then feed PROVED. */
void recovery_prove(struct recovering *p, const struct open_decision *decision);

/* Forget it in whatever state; its store has answered, or was not asked. */
void recovery_settling_free(struct recovery_settling *s);

#endif
