/*
 * topic_known.h - what has been read of the decision topic (topic_log.h): gids and coordinators. In
 * memory, no I/O.
 *
 * A gid is kept while it is undecided or nobody has said END, and then until TOPIC_ENDED_KEPT
 * others have ended; longer while our own transaction or proposal stands on it.
 */
#ifndef SYNCBED_APPROACHES_TOPIC_KNOWN_H
#define SYNCBED_APPROACHES_TOPIC_KNOWN_H

#include "approaches/topic_record.h"
#include "coordinator/decision_log.h"
#include "model/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#define TOPIC_MISSED_MAX 4     /* of our own signs of life since somebody's last: it is gone */
#define TOPIC_ENDED_KEPT 65536 /* decided gids that nobody asks for any more */

enum topic_outcome { TOPIC_UNDECIDED, TOPIC_COMMIT, TOPIC_ABORT };

struct proposal;

struct known_gid {
    char gid[GID_SIZE];
    enum topic_outcome outcome;
    struct decision_ticket *ticket; /* our own transaction, which waits for it */
    struct proposal *proposal;      /* our COMMIT or ABORT, not delivered yet */
    bool listed;                    /* among those that are forgotten, oldest first */
    struct known_gid *next;
    UT_hash_handle hh;
};

struct known_coordinator {
    char name[ROLE_NAME_SIZE];
    int64_t epoch; /* the highest that was read; 0: none yet */
    char incarnation[TOPIC_INCARNATION_SIZE];
    unsigned missed; /* our own signs of life since its last record */
    UT_hash_handle hh;
};

/* Zeroed at first. */
struct topic_known {
    struct known_gid *by_gid; /* a hash; owned */
    struct known_gid *oldest, *newest;
    unsigned n_listed;
    struct known_coordinator *by_name; /* a hash; owned */
};

void topic_known_done(struct topic_known *k);

/* NULL: nothing was read of it, or it was forgotten. */
struct known_gid *topic_known_gid(const struct topic_known *k, const char *gid);
/* … made where it is not there. */
struct known_gid *topic_know_gid(struct topic_known *k, const char *gid);

/* Nobody has to ask for it again. */
void topic_may_forget(struct topic_known *k, struct known_gid *known);

/* Made where it is not there. */
struct known_coordinator *topic_know_coordinator(struct topic_known *k, const char *name);

/* We have given a sign of life. */
void topic_known_missed(struct topic_known *k);

/* Is this incarnation of somebody silent, followed by another, or was it never heard of? */
bool topic_known_gone(const struct topic_known *k, const char *coordinator, int64_t epoch);

#endif
