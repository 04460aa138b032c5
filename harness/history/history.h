/*
 * history.h - the record of every client operation: invoked, then ok, fail or info (unknown).
 *
 * One JSON line each, times in microseconds of CLOCK_MONOTONIC. An operation whose end is missing
 * (the load generator died) counts as info. The words are Jepsen's.
 *
 *   {"t":"invoke","op":17,"request":"c3-17","client":3,"server":"serve2","planned":1200345,"at":1200350,"txn":[…]}
 *   {"t":"ok","op":17,"at":1201010,"level":"everywhere","txn":[…]}
 *   {"t":"fail","op":18,"at":1201020,"code":"conflict","detail":"…"}      t: fail | info
 *   {"t":"retry","op":17,"server":"serve1","at":1200900}                  sent again, same request
 *   {"t":"end","ops":19,"open":0}                                         the file is complete
 *
 * The invocation of a probe has "probe":true as well. An operation is sent again only when an
 * earlier sending of it ended unknown, so that one with a retry never ends as fail.
 *
 * A history is kept in memory in a form of its own, not as `struct txn`: a million operations then
 * take a third of a gigabyte instead of six. history_txn() makes a `struct txn` of one.
 */
#ifndef SYNCBED_HARNESS_HISTORY_HISTORY_H
#define SYNCBED_HARNESS_HISTORY_HISTORY_H

#include "base/error.h"
#include "model/outcome.h"
#include "model/protocol.h"
#include "model/topology.h"
#include "model/txn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Client numbers are below it, so that what counts by client can have an array. */
#define HISTORY_CLIENTS_MAX (1U << 20)

enum history_end { HISTORY_OPEN, HISTORY_OK, HISTORY_FAIL, HISTORY_INFO };

/* A micro-operation. Its strings belong to the history; equal store names and keys are one pointer,
 * so that they may be compared as such. */
struct history_micro {
    enum op_kind kind;
    const char *store;
    const char *key;
    const char *value; /* WRITE, INSERT, APPEND; else "" */
    int64_t delta;     /* INCR */
    int64_t min;       /* INCR, with has_min */
    bool has_min;
};

struct history_txn {
    const char *request;
    unsigned n_ops;
    struct history_micro op[];
};

struct history_read {
    bool found;
    const char *value; /* "" when not found */
    int64_t n;         /* journal length of the key */
};

/* A sending of an operation behind its first. */
struct history_retry {
    const char *server;
    int64_t at_us;
    const struct history_retry *earlier; /* NULL: this is the first retry */
};

struct history_op {
    int64_t op; /* 0, 1, 2 … in the order of the planned times */
    unsigned client;
    const char *server; /* the door asked, or the store read directly; "" never sent */
    int64_t planned_us;
    int64_t invoked_us;
    int64_t ended_us; /* 0 while open */
    enum history_end end;
    enum code code;                    /* fail, info */
    enum level level;                  /* ok */
    bool direct_read;                  /* read of one store by the load generator itself */
    bool probe;                        /* a fresh key inside the load, for the prober */
    const struct history_txn *txn;     /* owned by the history */
    const struct history_read *read;   /* NULL unless ok with reads; read[i] of op i */
    const struct history_retry *retry; /* the last one; NULL when it was sent once */
};

struct history {
    size_t n;
    struct history_op *op;         /* in the order of `op` numbers: op[i].op == i */
    struct history_memory *memory; /* what the operations point into */
};

/* A truncated or malformed file is refused with FILE:LINE: never a verdict from half a history. */
__attribute__((warn_unused_result)) int history_read(const char *path, struct history *ret_history,
                                                     struct errctx *err);
void history_done(struct history *history);

/* The door that the operation was last sent to by then, and when it went to the next: INT64_MAX for
 * never. */
const char *history_door_at(const struct history_op *op, int64_t at_us, int64_t *ret_until_us);

/* The whole transaction, for what takes one: txn_journal_op() and the like. `after` is not kept. */
void history_txn(const struct history_op *op, struct txn *ret_txn);

struct history_writer;

/* The file is created anew. Lines are buffered; errors (disk full) are kept and told by close. */
__attribute__((warn_unused_result)) int
history_create(const char *path, struct history_writer **ret_writer, struct errctx *err);
struct history_invocation {
    int64_t op;
    unsigned client;
    const char *server; /* "" when it was never sent */
    int64_t planned_us;
    int64_t at_us;
    bool probe;
};

void history_invoke(struct history_writer *w, const struct history_invocation *invocation,
                    const struct txn *txn);
void history_retry(struct history_writer *w, int64_t op, const char *server, int64_t at_us);
/* `txn` is the one invoked, needed only where `reply` has reads. `end` is not HISTORY_OPEN. */
void history_end(struct history_writer *w, int64_t op, enum history_end end, int64_t at_us,
                 const struct reply *reply, const struct txn *txn);
/* Writes a closing line {"t":"end",…}, whose absence history_read() takes for a cut. `w` may be
 * NULL and is freed in any case. */
__attribute__((warn_unused_result)) int history_close(struct history_writer *w, struct errctx *err);

#endif
