/*
 * sink_core.h - a sink's decisions: which records make the next batch, and what to do about each
 * answer of the store.
 *
 * The core decides, the driver (logsync/sink.c) does: sink_core_step() takes one event and returns
 * the actions the caller must carry out. It reads no clock, does no I/O, allocates nothing and
 * never sees a record's contents.
 *
 * The log delivers at least once. The store keeps its own position in the log and moves it in the
 * same local transaction as the data, so that the effect is exactly once (Kleppmann, DDIA, ch. 11;
 * Helland 2012). From that follow the rules here:
 *   - whatever was read below the position is skipped;
 *   - one batch is under way at a time, from the position held to the one behind its last record;
 *     what arrives meanwhile is the next batch, so batches grow with the backlog;
 *   - when an answer is lost nothing is guessed: ask the store where it stands, read from there.
 *
 *   NEW -> OPENING -> READING <-> APPLYING
 *             ^ |                    |
 *             | v                    |
 *           WAITING <---(answer lost)+       fenced, one record refused or unreadable: -> STOPPED
 *
 * A record that cannot be applied stops the sink, since skipping it would break the order and there
 * is no dead-letter topic yet; but all that was read before it is applied first. One that cannot be
 * read ends the batch being gathered. One that the store refuses takes its whole batch along, which
 * is therefore taken again record by record, until the sink stops with that one in hand.
 */
#ifndef SYNCBED_LOGSYNC_SINK_CORE_H
#define SYNCBED_LOGSYNC_SINK_CORE_H

#include "model/txn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_CORE_ACTIONS_MAX 2 /* a record is held, and makes the batch full */

enum sink_state {
    SINK_NEW,
    SINK_OPENING,  /* asked the store for ownership and position */
    SINK_READING,  /* nothing under way at the store */
    SINK_APPLYING, /* one batch under way, the next being gathered */
    SINK_WAITING,  /* backoff before opening again */
    SINK_STOPPED,  /* for good */
};

enum sink_event_type {
    SINK_EV_START,      /* once */
    SINK_EV_OPENED,     /* the store is ours and stands at `position` */
    SINK_EV_RECORD,     /* read from the log; only while sink_core_wants() */
    SINK_EV_BAD_RECORD, /* the same, but nobody can tell what it says */
    SINK_EV_NO_MORE,    /* no further record has arrived by now */
    SINK_EV_APPLIED,    /* the batch under way, and its position, are in the store */
    SINK_EV_FAILED,     /* the open or the batch under way, with `failure` */
    SINK_EV_TIMEOUT,
};

enum sink_failure {
    SINK_LOST,       /* did or did not happen, or could not be tried: ask again */
    SINK_FENCED,     /* another process owns the store */
    SINK_REFUSED,    /* the store will not take it */
    SINK_UNREADABLE, /* never of FAILED: a bad record is the next to be applied */
};

struct sink_event {
    enum sink_event_type type;
    struct position position;  /* OPENED: n_partitions offsets, each the next one to apply */
    unsigned partition;        /* RECORD, BAD_RECORD */
    int64_t offset;            /* RECORD, BAD_RECORD */
    size_t size;               /* RECORD: bytes, to bound the batch */
    enum sink_failure failure; /* FAILED */
};

enum sink_action_type {
    SINK_ACT_TAKE_OVER, /* open the store, from whoever has it */
    SINK_ACT_RESUME,    /* open it again, if it is still ours */
    SINK_ACT_SEEK,      /* drop everything held, read the log from `from` */
    SINK_ACT_HOLD,      /* keep this record: it is the last of the next batch */
    SINK_ACT_SKIP,      /* drop it: it has been applied, or will be read again */
    SINK_ACT_APPLY,     /* everything held is the batch now under way, `from` -> `to` */
    SINK_ACT_SET_TIMER, /* fires EV_TIMEOUT after `delay_us` */
    SINK_ACT_STOP,      /* because of `failure`; nothing follows */
};

struct sink_action {
    enum sink_action_type type;
    unsigned n_records;        /* APPLY: how many that are, above 0 */
    struct position from, to;  /* APPLY; SEEK: only `from` */
    int64_t delay_us;          /* SET_TIMER */
    enum sink_failure failure; /* STOP: not LOST */
};

/* Filled by sink_core_step(); owned by the caller, valid until the next step. */
struct sink_actions {
    unsigned n;
    struct sink_action item[SINK_CORE_ACTIONS_MAX];
};

struct sink_limits {
    unsigned records_max; /* of a batch, above 0 */
    size_t bytes_max;     /* a batch is full once it has reached this */
    int64_t backoff_us;   /* before opening again */
};

/* Fields are private to sink_core.c, but `owned` and `durable` may be read. */
struct sink_core {
    enum sink_state state;
    struct sink_limits limits;
    bool owned;               /* the store was ours once: from then on only resume */
    struct position durable;  /* where the store stands, as far as it has told */
    struct position applying; /* where it stands once the batch under way is in */
    struct position next;     /* behind the last record held */
    unsigned n_applying;
    unsigned n_held; /* the next batch */
    size_t bytes_held;
    bool bad_next;     /* a bad record follows what is held: nothing more is read */
    unsigned n_singly; /* so many records of a refused batch are still to be taken one by one */
};

void sink_core_init(struct sink_core *s, unsigned n_partitions, const struct sink_limits *limits);

/* Another record is welcome. While false the driver leaves them where they are. */
bool sink_core_wants(const struct sink_core *s);

/*
 * Apply one event. Returns 0, or -EPROTO for one that is never legal in this state (START twice, an
 * answer to nothing); then `s` is unchanged and ret_actions->n is 0. A record that comes while none
 * is wanted is a SKIP when it will be read again, else -EPROTO.
 */
int sink_core_step(struct sink_core *s, const struct sink_event *ev,
                   struct sink_actions *ret_actions);

#endif
