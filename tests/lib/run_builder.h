/*
 * run_builder.h - a run folder built in code, for the tests of what reads run folders.
 *
 * Operations and journals are put together one by one, so that a test can say exactly what a store
 * holds; built_save() writes the files of docs/files.md. Times are in milliseconds from the
 * beginning of the load. Stores are pg1, pg2, redis; keys are user:0, user:1 …
 */
#ifndef SYNCBED_TESTS_RUN_BUILDER_H
#define SYNCBED_TESTS_RUN_BUILDER_H

#include "base/buf.h"
#include "harness/history/history.h"
#include "model/txn.h"

#include <stdbool.h>
#include <stdint.h>

#define BUILT_STORES     3
#define BUILT_KEYS       4
#define BUILT_OPS_MAX    64
#define BUILT_MICROS_MAX 6
#define BUILT_JOURNAL    64
#define BUILT_TEXT       48
#define BUILT_BEGIN_US   INT64_C(1000000) /* the load's begin */
#define BUILT_ALL        7U               /* all three stores */

struct built_micro {
    enum op_kind kind;
    unsigned store, key;
    char value[BUILT_TEXT]; /* written, or read; "" read: nothing found */
    unsigned n;             /* read: journal length; 1 when something was found */
    unsigned version;       /* written: as its door numbers it; 0: not at all */
    int delta;
    bool has_min;
    int min;
};

struct built_op {
    char request[BUILT_TEXT];
    char server[BUILT_TEXT];
    unsigned client;
    int64_t planned_ms, invoked_ms, ended_ms;
    int64_t retried_ms; /* sent again at the other door; 0: not */
    enum history_end end;
    const char *code;  /* fail, info */
    const char *level; /* ok */
    bool probe;
    unsigned n_micros;
    struct built_micro micro[BUILT_MICROS_MAX];
};

struct built_entry {
    char request[BUILT_TEXT];
    char op[BUILT_TEXT * 2];
};

struct built_state {
    bool exists;
    char value[BUILT_TEXT];
    unsigned n_entries;
    struct built_entry entry[BUILT_JOURNAL];
    unsigned skip_n; /* the n left out in the journal; 0: none */
};

struct built {
    const char *approach, *schedule;
    const char *run;      /* its name; NULL: 001, and as the others */
    const char *workload; /* a flow mapping */
    const char *prefix;   /* of keys: "user" */
    bool settled, finished;
    unsigned n_ops;
    struct built_op op[BUILT_OPS_MAX];
    struct built_state state[BUILT_KEYS][BUILT_STORES];
    struct buf faults, samples, probes, evidence; /* lines; evidence beside "settled" */
    char scans[512];                              /* JSON array; "": two, as the states are */
    int64_t settle_begin_ms, settled_at_ms;
};

void built_copy(char to[BUILT_TEXT], const char *from);
int64_t built_us(int64_t ms);

/* An empty run of `xa`, settled and finished; what it then holds is freed by built_done(). */
void built_init(struct built *b);
void built_done(struct built *b);

/* --- operations: they belong to `b` ----------------------------------------------------------- */

/* Planned when it is invoked; the doors take turns, and so do four clients. No micro-operations. */
struct built_op *built_op(struct built *b, const char *request, int64_t invoked_ms,
                          int64_t ended_ms, enum history_end end);
struct built_micro *built_micro(struct built_op *op, enum op_kind kind, unsigned store,
                                unsigned key, const char *value);

/* A fanout write of its own request id to `key` at every store; nothing is applied yet. */
struct built_op *built_write(struct built *b, const char *request, unsigned key, int64_t invoked_ms,
                             int64_t ended_ms, enum history_end end);
struct built_op *built_read(struct built *b, const char *request, unsigned store, unsigned key,
                            const char *value, int64_t invoked_ms, int64_t ended_ms);

bool built_has_write(const struct built_op *op);

/* Micro-operation i as a journal has it. */
void built_op_text(const struct built_op *op, unsigned i, char *text, size_t size);

/* --- what became of them ---------------------------------------------------------------------- */

/* Append any entry, asked for or not. */
void built_append(struct built *b, unsigned key, unsigned store, const char *request,
                  const char *op_text);

/* The stores in the bits of `stores` apply every write of this operation. */
void built_apply(struct built *b, const struct built_op *op, unsigned stores);

/* The value that the journal makes, by another way than journal_fold(). */
void built_fold(const struct built_state *s, char value[BUILT_TEXT]);

/* A probe, the operation `number`, at one store: last missed, and first seen; 0: never. */
void built_seen(struct built *b, unsigned number, unsigned store, int64_t unseen_ms,
                int64_t seen_ms);

/* A durable commit decision of this operation; a record of it in the log. */
void built_decide(struct built *b, const struct built_op *op);
void built_record(struct built *b, const struct built_op *op);

/* --- files ------------------------------------------------------------------------------------ */

/* A fresh folder, in memory where possible; built_remove_dir() takes it away again. */
void built_make_dir(char dir[64]);
void built_remove_dir(const char *dir);

/* The whole run folder; its final/ only. */
void built_save(const struct built *b, const char *dir);
void built_save_finals(const struct built *b, const char *dir);

void built_write_file(const char *dir, const char *name, const char *text);

/* With the closing line, which says how many were before. */
void built_write_lines(const char *dir, const char *name, const char *lines);

#endif
