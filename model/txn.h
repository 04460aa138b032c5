/*
 * txn.h - a transaction: one shot, up to 16 micro-operations, all known when it is sent.
 *
 * A transaction is named by its *request id*, which is the client's and the same across retries and
 * servers. A micro-operation concerns one key of one store. docs/design.md "Client protocol".
 */
#ifndef SYNCBED_MODEL_TXN_H
#define SYNCBED_MODEL_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TXN_OPS_MAX     16
#define REQUEST_ID_SIZE 33 /* 32 characters of [A-Za-z0-9._-] and the NUL */
#define STORE_NAME_SIZE 16 /* 15 characters of [a-z0-9-] and the NUL */
#define KEY_SIZE        65 /* 64 characters, printable ASCII without space and quotes, and the NUL */
#define VALUE_SIZE      257 /* 256 bytes of UTF-8 without control characters, and the NUL */
#define STORES_MAX      8
#define PARTITIONS_MAX  64

/* A position in the log: for each partition the offset of the next record to read. */
struct position {
    unsigned n;                     /* partitions known, 0 for "no position" */
    int64_t offset[PARTITIONS_MAX]; /* -1: no record of this partition concerned */
};

enum op_kind {
    OP_READ,   /* value and journal length of the key */
    OP_WRITE,  /* overwrite; with `version`, only if it is higher than the key's */
    OP_INSERT, /* fails (constraint) if the key exists */
    OP_INCR,   /* add delta to a number that starts at 0; with `min`, fails below it */
    OP_APPEND, /* append an element to a list that starts empty */
    OP_KINDS
};

struct op {
    enum op_kind kind;
    char store[STORE_NAME_SIZE];
    char key[KEY_SIZE];
    char value[VALUE_SIZE]; /* WRITE, INSERT, APPEND */
    int64_t version;        /* WRITE: 0, or above: the last writer wins by it */
    int64_t delta;          /* INCR */
    bool has_min;           /* INCR */
    int64_t min;            /* INCR, with has_min */
    bool has_after;         /* READ: wait until the store has reached transaction.after */
};

struct txn {
    char request[REQUEST_ID_SIZE];
    unsigned n_ops;
    struct op op[TXN_OPS_MAX];
    struct position after; /* for reads that wait; n = 0 when none does */
};

/* What a read found. */
struct read_result {
    bool found;
    char value[VALUE_SIZE]; /* as text; a list is its elements joined by ',' and cut at the limit */
    int64_t n;              /* journal length of the key, 0 when it was never written */
};

const char *op_kind_name(enum op_kind kind); /* "r" "w" "insert" "incr" "append" */
bool op_kind_find(const char *name, enum op_kind *ret_kind);

bool request_id_valid(const char *id);
bool store_name_valid(const char *name);
bool key_valid(const char *key);
bool value_valid(const char *value);

/* Bit i set: op i is of this store. */
uint32_t txn_ops_of(const struct txn *txn, const char *store);

/* One of the operations `ops` (as of txn_ops_of()) is no read. */
bool txn_writes(const struct txn *txn, uint32_t ops);

/*
 * The journal's text for operation `i`: its index, kind and argument, as in "0 w c3-17",
 * "1 incr -30", "2 append x"; a versioned write is "0 w@1234 c3-17". The index keeps two equal
 * operations of a transaction apart.
 */
#define JOURNAL_OP_SIZE (VALUE_SIZE + 32)
void txn_journal_op(const struct txn *txn, unsigned i, char ret_text[JOURNAL_OP_SIZE]);

/* Take a journal text apart again; false when it is not one of ours. READ is never journalled. */
bool journal_op_parse(const char *text, unsigned *ret_index, struct op *ret_op);

/*
 * The state of a key as the fold of its journal: apply one entry, as every store does. Text and
 * number are apart: a write replaces the text and leaves the number, an incr counts on from the
 * number and its decimal becomes the text. A list is cut at the limit, between characters.
 *
 * A versioned write stands in the journal in any case, but changes the text only if its version is
 * above the highest so far: stores that got the same writes in different orders agree in the end.
 * What has no version takes effect always, and leaves the key's version as it is.
 */
struct folded {
    bool exists;
    int64_t n;
    int64_t number;
    int64_t version;
    char value[VALUE_SIZE];
};
void journal_fold(struct folded *state, const struct op *op);

#endif
