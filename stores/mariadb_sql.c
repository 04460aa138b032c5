/*
 * mariadb_sql.c - the schema, and the statements that transactions are made of.
 *
 * A change is two statements: an upsert that counts n under the row's lock, and an INSERT into the
 * journal that reads n back. What must not happen *raises* (a duplicate key, a number below its
 * bound): an UPDATE that finds no row is no error, and would vote yes.
 *
 * All text is binary here: keys compare, and lists are cut, by bytes, as journal_fold() does it. A
 * key keeps its text and its number apart: a write leaves the number.
 */
#include "stores/mariadb.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

_Static_assert(VALUE_SIZE - 1 == 256, "JOINED cuts lists where journal_fold() does");

const char *const maria_schema[] = {
    "CREATE TABLE IF NOT EXISTS kv ("
    " `key` VARBINARY(64) PRIMARY KEY, val VARBINARY(256) NOT NULL,"
    " num BIGINT NOT NULL DEFAULT 0, n BIGINT NOT NULL, version BIGINT NOT NULL DEFAULT 0,"
    " held BOOLEAN NOT NULL DEFAULT 0) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS journal ("
    " `key` VARBINARY(64), n BIGINT, request VARBINARY(32) NOT NULL, op VARBINARY(288) NOT NULL,"
    " PRIMARY KEY (`key`, n)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS sink_position ("
    " topic VARBINARY(160), part INT, position BIGINT NOT NULL, epoch BIGINT NOT NULL,"
    " owner VARBINARY(160) NOT NULL, PRIMARY KEY (topic, part)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS executed (request VARBINARY(32) PRIMARY KEY) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS coordinator_epoch ("
    " owner VARBINARY(160) PRIMARY KEY, epoch BIGINT NOT NULL,"
    " mark_epoch BIGINT NOT NULL DEFAULT 0, mark_incarnation BIGINT NOT NULL DEFAULT 0,"
    " mark_sequence BIGINT NOT NULL DEFAULT 0) ENGINE=InnoDB",
    /* A branch's row is there when it is committed, and proves it. Until then it tells who reads
     * what is not committed which connection the branch is on, since when, and for which request.
     */
    "CREATE TABLE IF NOT EXISTS witness ("
    " gid VARBINARY(64) PRIMARY KEY, request VARBINARY(32) NOT NULL, connection BIGINT NOT NULL,"
    " server_start BIGINT NOT NULL, begun DATETIME(6) NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS settled_by_hand ("
    " gid VARBINARY(64) PRIMARY KEY, committed BOOLEAN NOT NULL, at DATETIME(6) NOT NULL)"
    " ENGINE=InnoDB",

    "TRUNCATE TABLE kv", "TRUNCATE TABLE journal", "TRUNCATE TABLE sink_position",
    "TRUNCATE TABLE executed", "TRUNCATE TABLE coordinator_epoch", "TRUNCATE TABLE witness",
    "TRUNCATE TABLE settled_by_hand", NULL};

/* --- texts ----------------------------------------------------------------------------------- */

void maria_quote(struct buf *sql, const char *text)
{
    buf_append_char(sql, '\'');
    for (size_t n; *text; text += n) {
        n = strcspn(text, "'\\");
        buf_append(sql, text, n);
        if (text[n]) {
            buf_append_char(sql, '\\');
            buf_append_char(sql, text[n++]);
        }
    }
    buf_append_char(sql, '\'');
}

void maria_xa(struct maria_session *s, enum maria_purpose purpose, const char *verb)
{
    const struct job *job = s->base.job;

    assert(gid_valid(job->gid));
    buf_printf(maria_statement(s, purpose, 0), "XA %s '%s','%s',%d", verb, job->gid,
               job->store->where.database, MARIA_FORMAT_ID);
}

void maria_limit(struct buf *sql, const struct maria_session *s)
{
    int64_t us = s->base.store->lock_timeout_us;

    buf_printf(sql, "SET STATEMENT max_statement_time=%" PRId64 ".%06" PRId64 " FOR ",
               us / US_PER_S, us % US_PER_S);
}

/* --- reads ----------------------------------------------------------------------------------- */

/*
 * What is not there cannot be locked, so a read that keeps its lock puts a row of n = 0 in its
 * place: whoever else would make the key, or read it so, waits for our transaction. The row is
 * taken back before a commit (maria_clear); nobody ever sees it.
 *
 * A lock that is KEPT is that of a change: `held` says nothing, but a row that is changed is locked
 * until its transaction is over, whatever happens in between.
 */
static void hold(struct maria_session *s, const char *key, enum maria_lock lock)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, 0);

    maria_limit(sql, s);
    buf_append_str(sql, "INSERT INTO kv (`key`, val, n) ");
    if (lock == MARIA_LOCK_KEPT) {
        buf_append_str(sql, "VALUES (");
        maria_quote(sql, key);
        buf_append_str(sql, ", '', 0) ON DUPLICATE KEY UPDATE held = NOT held");
    } else {
        buf_append_str(sql, "SELECT ");
        maria_quote(sql, key);
        buf_append_str(sql, ", '', 0 FROM DUAL WHERE NOT EXISTS"
                            " (SELECT * FROM kv WHERE `key` = ");
        maria_quote(sql, key);
        buf_append_str(sql, " LOCK IN SHARE MODE) ON DUPLICATE KEY UPDATE n = kv.n");
    }
}

void maria_read(struct maria_session *s, const char *key, unsigned op, enum maria_lock lock)
{
    struct buf *sql;

    if (lock == MARIA_LOCK_SHARED || lock == MARIA_LOCK_KEPT)
        hold(s, key, lock);
    sql = maria_statement(s, MARIA_VALUE, op);
    if (lock == MARIA_LOCK_SHARED || lock == MARIA_LOCK_INSERTING)
        maria_limit(sql, s);
    buf_append_str(sql, "SELECT val, n FROM kv WHERE `key` = ");
    maria_quote(sql, key);
    if (lock == MARIA_LOCK_SHARED)
        buf_append_str(sql, " LOCK IN SHARE MODE");
    if (lock == MARIA_LOCK_INSERTING)
        buf_append_str(sql, " FOR UPDATE");
}

void maria_clear(struct maria_session *s, const char *key)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, 0);

    buf_append_str(sql, "DELETE FROM kv WHERE n = 0 AND `key` = ");
    maria_quote(sql, key);
}

/* --- changes --------------------------------------------------------------------------------- */

/* A list and one more element, cut to 256 bytes of whole characters: byte 257 begins one, or … */
#define LIST           "CONCAT(val, ',', VALUES(val))"
#define BEGINS_ONE(at) "SUBSTRING(" LIST ", " at ", 1) NOT BETWEEN x'80' AND x'BF'"
#define JOINED                                                                                     \
    "CASE WHEN n = 0 THEN VALUES(val) WHEN LENGTH(" LIST ") <= 256 THEN " LIST                     \
    " WHEN " BEGINS_ONE("257") " THEN LEFT(" LIST ", 256)"                                         \
                               " WHEN " BEGINS_ONE("256") " THEN LEFT(" LIST ", 255)"              \
                                                          " WHEN " BEGINS_ONE(                     \
                                                              "255") " THEN LEFT(" LIST            \
                                                                     ", 254) ELSE LEFT(" LIST      \
                                                                     ", 253) END"

/* Assignments take effect from left to right. */
static const char *on_duplicate(const struct op *op)
{
    static const char *const texts[OP_KINDS] = {
        [OP_WRITE] = " ON DUPLICATE KEY UPDATE val = VALUES(val), n = n + 1",
        [OP_INSERT] = "",
        [OP_INCR] = " ON DUPLICATE KEY UPDATE num = num + VALUES(num), val = num, n = n + 1",
        [OP_APPEND] = " ON DUPLICATE KEY UPDATE val = " JOINED ", n = n + 1",
    };

    if (op->kind == OP_WRITE && op->version != 0)
        return " ON DUPLICATE KEY UPDATE val = IF(VALUES(version) > version, VALUES(val), val),"
               " version = GREATEST(version, VALUES(version)), n = n + 1";
    return texts[op->kind];
}

static const struct op *op_of(const struct maria_change *change)
{
    return &change->txn->op[change->op];
}

bool maria_same_kind(const struct maria_change *a, const struct maria_change *b)
{
    const struct op *x = op_of(a), *y = op_of(b);

    return x->kind == y->kind && (x->version != 0) == (y->version != 0) && !x->has_min &&
           !y->has_min;
}

static void add_upsert(struct maria_session *s, const struct maria_change *change, unsigned n,
                       bool limited)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, change->op);

    if (limited)
        maria_limit(sql, s);
    buf_append_str(sql, "INSERT INTO kv (`key`, val, num, version, n) VALUES ");
    for (unsigned i = 0; i < n; i++) {
        const struct op *op = op_of(&change[i]);

        buf_append_str(sql, i == 0 ? "(" : ", (");
        maria_quote(sql, op->key);
        if (op->kind == OP_INCR) {
            buf_printf(sql, ", '%" PRId64 "', %" PRId64 ", 0, 1)", op->delta, op->delta);
        } else {
            buf_append_str(sql, ", ");
            maria_quote(sql, op->value);
            buf_printf(sql, ", 0, %" PRId64 ", 1)", op->version);
        }
    }
    buf_append_str(sql, on_duplicate(op_of(change)));
}

static void check_bound(struct maria_session *s, const struct op *op)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, 0);

    buf_append_str(sql, "IF (SELECT num FROM kv WHERE `key` = ");
    maria_quote(sql, op->key);
    buf_printf(sql,
               ") < %" PRId64 " THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'below %" PRId64
               "'; END IF",
               op->min, op->min);
}

static void add_texts(struct buf *sql, const struct maria_change *change)
{
    char journal[JOURNAL_OP_SIZE];

    txn_journal_op(change->txn, change->op, journal);
    maria_quote(sql, change->txn->request);
    buf_append_str(sql, ", ");
    maria_quote(sql, journal);
}

static void journal_one(struct maria_session *s, const struct maria_change *change)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, change->op);

    buf_append_str(sql, "INSERT INTO journal (`key`, n, request, op) SELECT `key`, n, ");
    add_texts(sql, change);
    buf_append_str(sql, " FROM kv WHERE `key` = ");
    maria_quote(sql, op_of(change)->key);
}

struct key_count {
    const char *key;
    unsigned n;
    UT_hash_handle hh;
};

/* How many of the changes behind each one are of its key. */
static unsigned *count_behind(const struct maria_change *change, unsigned n)
{
    unsigned *behind = mem_alloc_array(n, sizeof *behind);
    struct key_count *count = mem_alloc_array(n, sizeof *count);
    struct key_count *counts = NULL;

    for (unsigned i = n; i-- > 0;) {
        const char *key = op_of(&change[i])->key;
        struct key_count *found;

        HASH_FIND_STR(counts, key, found);
        if (!found) {
            found = &count[i];
            found->key = key;
            HASH_ADD_KEYPTR(hh, counts, key, strlen(key), found);
        }
        behind[i] = found->n++;
    }
    HASH_CLEAR(hh, counts);
    free(count);
    return behind;
}

/* The rows stand as after all of them: of the changes of one key, the last has its n. */
static void journal_many(struct maria_session *s, const struct maria_change *change, unsigned n)
{
    struct buf *sql = maria_statement(s, MARIA_COMMAND, change->op);
    unsigned *behind = count_behind(change, n);

    buf_append_str(sql, "INSERT INTO journal (`key`, n, request, op)"
                        " WITH o (k, behind, request, op) AS (VALUES ");
    for (unsigned i = 0; i < n; i++) {
        buf_append_str(sql, i == 0 ? "(" : ", (");
        maria_quote(sql, op_of(&change[i])->key);
        buf_printf(sql, ", %u, ", behind[i]);
        add_texts(sql, &change[i]);
        buf_append_char(sql, ')');
    }
    buf_append_str(sql, ") SELECT kv.`key`, kv.n - o.behind, o.request, o.op"
                        " FROM o STRAIGHT_JOIN kv ON kv.`key` = o.k");
    free(behind);
}

void maria_changes(struct maria_session *s, const struct maria_change *change, unsigned n,
                   bool limited)
{
    const struct op *first = op_of(change);

    assert(n > 0);
    assert(first->kind != OP_READ);
    add_upsert(s, change, n, limited);
    if (first->kind == OP_INCR && first->has_min)
        check_bound(s, first);
    if (s->base.store->no_journal)
        return;
    if (n == 1)
        journal_one(s, change);
    else
        journal_many(s, change, n);
}
