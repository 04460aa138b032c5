/*
 * postgres_sql.c - the schema, and the statements that every working session has prepared.
 *
 * A change and its journal entry are one statement: the upsert counts n under the row's lock and
 * returns it to the INSERT into the journal. What must not happen *raises* (a duplicate key, a
 * number below its bound, a batch that is not the next one): an UPDATE that finds no row is no
 * error, and would vote yes.
 *
 * A key keeps its text and its number apart, as journal_fold() does: a write leaves the number.
 */
#include "stores/postgres.h"

#include "model/txn.h"

/* pg_type.dat; libpq has no header of them. */
enum { T_INT8 = 20, T_TEXT = 25, T_INT4_ARRAY = 1007, T_TEXT_ARRAY = 1009, T_INT8_ARRAY = 1016 };

_Static_assert(VALUE_SIZE - 1 == 256, "syncbed_joined() cuts lists where journal_fold() does");

const char *const pg_schema[] = {
    "CREATE TABLE IF NOT EXISTS kv ("
    "  key text COLLATE \"C\" PRIMARY KEY, val text NOT NULL,"
    "  num bigint NOT NULL DEFAULT 0, n bigint NOT NULL, version bigint NOT NULL DEFAULT 0)"
    " WITH (fillfactor = 50)",
    "CREATE TABLE IF NOT EXISTS journal ("
    "  key text COLLATE \"C\", n bigint, request text NOT NULL, op text NOT NULL,"
    "  PRIMARY KEY (key, n))",
    "CREATE TABLE IF NOT EXISTS sink_position ("
    "  topic text, part int, position bigint NOT NULL, epoch bigint NOT NULL,"
    "  owner text NOT NULL, PRIMARY KEY (topic, part))",
    "CREATE TABLE IF NOT EXISTS executed (request text COLLATE \"C\" PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS coordinator_epoch (owner text PRIMARY KEY, epoch bigint NOT NULL)",
    "ALTER TABLE coordinator_epoch"
    "  ADD COLUMN IF NOT EXISTS mark_epoch bigint NOT NULL DEFAULT 0,"
    "  ADD COLUMN IF NOT EXISTS mark_incarnation bigint NOT NULL DEFAULT 0,"
    "  ADD COLUMN IF NOT EXISTS mark_sequence bigint NOT NULL DEFAULT 0",
    "CREATE TABLE IF NOT EXISTS settled_by_hand ("
    "  gid text COLLATE \"C\" PRIMARY KEY, commit boolean NOT NULL,"
    "  at timestamptz NOT NULL DEFAULT clock_timestamp())",

    "CREATE OR REPLACE FUNCTION syncbed_at_least(num bigint, bound bigint) RETURNS boolean"
    " LANGUAGE plpgsql AS $$ BEGIN"
    "  IF num < bound THEN"
    "    RAISE EXCEPTION 'below %', bound USING ERRCODE = 'check_violation';"
    "  END IF;"
    "  RETURN true;"
    " END $$",

    /* "future": an id that was never handed out, so this server is an older copy of itself. */
    "CREATE OR REPLACE FUNCTION syncbed_xact_fate(id xid8) RETURNS text LANGUAGE plpgsql AS $$ "
    "BEGIN"
    "  RETURN pg_xact_status(id);"
    " EXCEPTION WHEN invalid_parameter_value THEN RETURN 'future';"
    " END $$",

    /* A list is cut to 256 bytes of whole characters. */
    "CREATE OR REPLACE FUNCTION syncbed_joined(list text, element text) RETURNS text"
    " LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE joined text := left(list || ',' || element, 256);"
    " BEGIN"
    "  WHILE octet_length(joined) > 256 LOOP joined := left(joined, -1); END LOOP;"
    "  RETURN joined;"
    " END $$",

    /* The compare-and-set of a sink: all partitions of a batch stand where it says, or it raises.
     */
    "CREATE OR REPLACE FUNCTION syncbed_sink_advance("
    "  of_topic text, of_epoch bigint, parts int[], come_from bigint[], go_to bigint[])"
    " RETURNS void LANGUAGE plpgsql AS $$ DECLARE moved int; BEGIN"
    "  UPDATE sink_position p SET position = b.go FROM unnest(parts, come_from, go_to)"
    "    AS b(part, come, go)"
    "   WHERE p.topic = of_topic AND p.epoch = of_epoch AND p.part = b.part"
    "     AND p.position = b.come;"
    "  GET DIAGNOSTICS moved = ROW_COUNT;"
    "  IF moved <> cardinality(parts) THEN"
    "    RAISE EXCEPTION 'another epoch or position' USING ERRCODE = 'SB001';"
    "  END IF;"
    " END $$",
    "TRUNCATE kv, journal, sink_position, executed, coordinator_epoch, settled_by_hand", NULL};

/*
 * What is not there cannot be locked, so a read that keeps its lock puts a row of n = 0 in its
 * place: whoever else would make the key, or read it so, waits for our transaction. The row is
 * taken back before a commit (CLEAR); nobody ever sees it. When somebody was faster, his is read.
 */
#define READ_LOCKED(lock)                                                                          \
    "WITH r AS (SELECT val, n FROM kv WHERE key = $1 " lock "),"                                   \
    " i AS (INSERT INTO kv (key, val, n) SELECT $1, '', 0 WHERE NOT EXISTS (SELECT FROM r)"        \
    "  ON CONFLICT (key) DO UPDATE SET n = kv.n RETURNING val, n)"                                 \
    " SELECT val, n FROM r UNION ALL SELECT val, n FROM i"

/*
 * A change answers the transaction's id, which is the branch's memo: pg_xact_status() tells later
 * what became of it. As part of the statement it costs next to nothing.
 */
#define JOURNALLED_IF(change, condition)                                                           \
    "WITH u AS (" change " RETURNING key, num, n)"                                                 \
    " INSERT INTO journal (key, n, request, op) SELECT key, n, $3, $4 FROM u" condition            \
    " RETURNING pg_current_xact_id()"
#define UNJOURNALLED_IF(change, condition)                                                         \
    "WITH u AS (" change " RETURNING num) SELECT pg_current_xact_id() FROM u" condition
#define JOURNALLED(change)   JOURNALLED_IF(change, "")
#define UNJOURNALLED(change) UNJOURNALLED_IF(change, "")

#define WRITE                                                                                      \
    "INSERT INTO kv (key, val, n) VALUES ($1, $2, 1)"                                              \
    " ON CONFLICT (key) DO UPDATE SET val = excluded.val, n = kv.n + 1"
#define WRITE_VERSIONED                                                                            \
    "INSERT INTO kv (key, val, version, n) VALUES ($1, $2, $5, 1)"                                 \
    " ON CONFLICT (key) DO UPDATE SET n = kv.n + 1,"                                               \
    "   val = CASE WHEN excluded.version > kv.version THEN excluded.val ELSE kv.val END,"          \
    "   version = greatest(kv.version, excluded.version)"
#define INSERT "INSERT INTO kv (key, val, n) VALUES ($1, $2, 1)"
#define INCR                                                                                       \
    "INSERT INTO kv (key, val, num, n) VALUES ($1, $2::text, $2, 1)"                               \
    " ON CONFLICT (key) DO UPDATE SET num = kv.num + excluded.num,"                                \
    "   val = (kv.num + excluded.num)::text, n = kv.n + 1"
#define APPEND                                                                                     \
    "INSERT INTO kv (key, val, n) VALUES ($1, $2, 1)"                                              \
    " ON CONFLICT (key) DO UPDATE SET n = kv.n + 1, val = CASE WHEN kv.n = 0 THEN excluded.val"    \
    "   ELSE syncbed_joined(kv.val, excluded.val) END"
#define BOUNDED " WHERE syncbed_at_least(u.num, $5)"

/*
 * A sink's operations of one kind, as arrays in log order: each key is changed once, by all of its
 * operations together, and journalled once for each: the i-th of c gets n - c + i.
 */
#define BATCH(value_type)                                                                          \
    "WITH ops AS ("                                                                                \
    "  SELECT key, val, request, op, ord, row_number() OVER w AS i, count(*) OVER k AS c"          \
    "    FROM unnest($1::text[], $2::" value_type "[], $3::text[], $4::text[])"                    \
    "      WITH ORDINALITY AS o(key, val, request, op, ord)"                                       \
    "  WINDOW k AS (PARTITION BY key), w AS (PARTITION BY key ORDER BY ord)), u AS ("
#define BATCH_JOURNALLED(change)                                                                   \
    change " RETURNING key, n)"                                                                    \
           " INSERT INTO journal (key, n, request, op)"                                            \
           " SELECT key, u.n - c + i, request, op FROM ops JOIN u USING (key)"
#define BATCH_UNJOURNALLED(change) change " RETURNING n) SELECT n FROM u LIMIT 0"

#define SINK_WRITE                                                                                 \
    BATCH("text")                                                                                  \
    "INSERT INTO kv (key, val, n) SELECT key, val, c FROM ops WHERE i = c ORDER BY key"            \
    " ON CONFLICT (key) DO UPDATE SET val = excluded.val, n = kv.n + excluded.n"
#define SINK_INCR                                                                                  \
    BATCH("bigint")                                                                                \
    "INSERT INTO kv (key, val, num, n)"                                                            \
    " SELECT key, sum(val)::text, sum(val)::bigint, count(*) FROM ops GROUP BY key ORDER BY key"   \
    " ON CONFLICT (key) DO UPDATE SET num = kv.num + excluded.num,"                                \
    "   val = (kv.num + excluded.num)::text, n = kv.n + excluded.n"
/* Appends have no such statement: a list is cut after each element. */

#define BOTH(statement) .sql = (statement), .sql_no_journal = (statement)

const struct pg_prepared pg_prepared[PG_STATEMENTS] = {
    [PG_READ] = {"read", BOTH("SELECT val, n FROM kv WHERE key = $1"), 1, {T_TEXT}},
    [PG_READ_SHARED] = {"read_shared", BOTH(READ_LOCKED("FOR SHARE")), 1, {T_TEXT}},
    [PG_READ_EXCLUSIVE] = {"read_exclusive", BOTH(READ_LOCKED("FOR NO KEY UPDATE")), 1, {T_TEXT}},
    [PG_READ_INSERTING] = {"read_inserting",
                           BOTH("SELECT val, n FROM kv WHERE key = $1 FOR NO KEY UPDATE"),
                           1,
                           {T_TEXT}},
    [PG_CLEAR] = {"clear", BOTH("DELETE FROM kv WHERE key = $1 AND n = 0"), 1, {T_TEXT}},
    [PG_WRITE] =
        {"write", JOURNALLED(WRITE), UNJOURNALLED(WRITE), 4, {T_TEXT, T_TEXT, T_TEXT, T_TEXT}},
    [PG_WRITE_VERSIONED] = {"write_versioned",
                            JOURNALLED(WRITE_VERSIONED),
                            UNJOURNALLED(WRITE_VERSIONED),
                            5,
                            {T_TEXT, T_TEXT, T_TEXT, T_TEXT, T_INT8}},
    [PG_INSERT] =
        {"insert", JOURNALLED(INSERT), UNJOURNALLED(INSERT), 4, {T_TEXT, T_TEXT, T_TEXT, T_TEXT}},
    [PG_INCR] = {"incr", JOURNALLED(INCR), UNJOURNALLED(INCR), 4, {T_TEXT, T_INT8, T_TEXT, T_TEXT}},
    [PG_INCR_BOUNDED] = {"incr_bounded",
                         JOURNALLED_IF(INCR, BOUNDED),
                         UNJOURNALLED_IF(INCR, BOUNDED),
                         5,
                         {T_TEXT, T_INT8, T_TEXT, T_TEXT, T_INT8}},
    [PG_APPEND] =
        {"append", JOURNALLED(APPEND), UNJOURNALLED(APPEND), 4, {T_TEXT, T_TEXT, T_TEXT, T_TEXT}},
    [PG_ONCE] = {"once", BOTH("INSERT INTO executed (request) VALUES ($1)"), 1, {T_TEXT}},
    [PG_SINK_ADVANCE] = {"sink_advance",
                         BOTH("SELECT syncbed_sink_advance($1, $2, $3, $4, $5)"),
                         5,
                         {T_TEXT, T_INT8, T_INT4_ARRAY, T_INT8_ARRAY, T_INT8_ARRAY}},
    [PG_SINK_WRITE] = {"sink_write",
                       BATCH_JOURNALLED(SINK_WRITE),
                       BATCH_UNJOURNALLED(SINK_WRITE),
                       4,
                       {T_TEXT_ARRAY, T_TEXT_ARRAY, T_TEXT_ARRAY, T_TEXT_ARRAY}},
    [PG_SINK_INCR] = {"sink_incr",
                      BATCH_JOURNALLED(SINK_INCR),
                      BATCH_UNJOURNALLED(SINK_INCR),
                      4,
                      {T_TEXT_ARRAY, T_INT8_ARRAY, T_TEXT_ARRAY, T_TEXT_ARRAY}},
    [PG_BEGIN] = {"begin", BOTH("BEGIN"), 0, {0}},
    [PG_COMMIT] = {"commit", BOTH("COMMIT"), 0, {0}},
};
