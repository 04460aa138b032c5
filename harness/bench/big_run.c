/* A large run folder; see the header. */
#include "harness/bench/big_run.h"

#include "base/mem.h"
#include "harness/history/history.h"
#include "harness/run/files.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define STORES     3
#define KEYS       5000
#define CLIENTS    16
#define READ_EVERY 7   /* no divisor of KEYS: each key is read and written */
#define STEP_US    100 /* from one arrival to the next */
#define WRITE_US   60
#define READ_US    30
#define BEGIN_US   INT64_C(1000000)

static const char *const store_name[STORES] = {"pg1", "pg2", "redis"};

struct big_run {
    const char *folder;
    size_t n;
    size_t *first; /* of key k: the operations that wrote it, in order, are writer[first[k] …) */
    size_t *writer;
};

/* Strides through the keys, so that reads and writes meet all of them. */
static size_t key_of(size_t op)
{
    return op * 7919 % KEYS;
}

static bool is_read(size_t op)
{
    return op % READ_EVERY == READ_EVERY - 1;
}

static int64_t planned_us(size_t op)
{
    return BEGIN_US + (int64_t)op * STEP_US;
}

static void name_request(char ret_text[REQUEST_ID_SIZE], size_t op)
{
    (void)snprintf(ret_text, REQUEST_ID_SIZE, "c%zu-%zu", op % CLIENTS, op);
}

static void index_writers(struct big_run *run)
{
    size_t *count = mem_alloc_array(KEYS + 1, sizeof *count);

    run->first = mem_alloc_array(KEYS + 1, sizeof *run->first);
    run->writer = mem_alloc_array(run->n, sizeof *run->writer);
    for (size_t i = 0; i < run->n; i++)
        count[key_of(i)] += !is_read(i);
    for (size_t k = 0; k < KEYS; k++)
        run->first[k + 1] = run->first[k] + count[k];
    for (size_t k = 0; k < KEYS; k++)
        count[k] = run->first[k];
    for (size_t i = 0; i < run->n; i++) {
        if (!is_read(i))
            run->writer[count[key_of(i)]++] = i;
    }
    free(count);
}

/* --- the history ------------------------------------------------------------------------------ */

static void set_op(struct txn *txn, unsigned i, enum op_kind kind, unsigned store, size_t op)
{
    txn->op[i].kind = kind;
    (void)snprintf(txn->op[i].store, sizeof txn->op[i].store, "%s", store_name[store]);
    (void)snprintf(txn->op[i].key, sizeof txn->op[i].key, "user:%zu", key_of(op));
}

static void add_ok(struct history_writer *w, size_t op, const char *server, int64_t took_us,
                   const struct txn *txn, const struct reply *ok)
{
    const struct history_invocation invocation = {
        .op = (int64_t)op,
        .client = (unsigned)(op % CLIENTS),
        .server = server,
        .planned_us = planned_us(op),
        .at_us = planned_us(op) + 5,
    };

    history_invoke(w, &invocation, txn);
    history_end(w, (int64_t)op, HISTORY_OK, planned_us(op) + took_us, ok, txn);
}

static void add_write(struct history_writer *w, size_t op)
{
    static struct txn txn; /* large */
    const struct reply ok = {.level = LEVEL_EVERYWHERE};

    name_request(txn.request, op);
    txn.n_ops = STORES;
    for (unsigned s = 0; s < STORES; s++) {
        set_op(&txn, s, OP_WRITE, s, op);
        (void)snprintf(txn.op[s].value, sizeof txn.op[s].value, "%s", txn.request);
    }
    add_ok(w, op, op % 2 ? "serve2" : "serve1", WRITE_US, &txn, &ok);
}

/* `n_written`: how often its key was written before. */
static void add_read(struct history_writer *w, size_t op, size_t n_written, size_t last_writer)
{
    static struct txn txn;
    static struct reply ok;
    unsigned store = (unsigned)(op / READ_EVERY % STORES);

    name_request(txn.request, op);
    txn.n_ops = 1;
    set_op(&txn, 0, OP_READ, store, op);
    ok.level = LEVEL_NONE;
    ok.has_reads = true;
    ok.read[0].found = n_written > 0;
    ok.read[0].n = (int64_t)n_written;
    if (n_written > 0) {
        char request[REQUEST_ID_SIZE];

        name_request(request, last_writer);
        (void)snprintf(ok.read[0].value, sizeof ok.read[0].value, "%s", request);
    }
    add_ok(w, op, store_name[store], READ_US, &txn, &ok);
}

static int write_history(const struct big_run *run, struct errctx *err)
{
    struct history_writer *w;
    size_t *n_written = mem_alloc_array(KEYS, sizeof *n_written);
    char path[PATH_MAX];
    int r;

    (void)snprintf(path, sizeof path, "%s/history.ndjson", run->folder);
    r = history_create(path, &w, err);
    for (size_t i = 0; r == 0 && i < run->n; i++) {
        size_t key = key_of(i), n = n_written[key];

        if (is_read(i)) {
            add_read(w, i, n, n > 0 ? run->writer[run->first[key] + n - 1] : 0);
        } else {
            add_write(w, i);
            n_written[key]++;
        }
    }
    free(n_written);
    return r < 0 ? r : history_close(w, err);
}

/* --- final states ----------------------------------------------------------------------------- */

/* False: the key was never written. */
static bool append_state(const struct big_run *run, struct buf *out, unsigned store, size_t key)
{
    size_t n = run->first[key + 1] - run->first[key];
    char request[REQUEST_ID_SIZE];

    if (n == 0)
        return false;
    name_request(request, run->writer[run->first[key + 1] - 1]);
    buf_printf(out, "{\"key\":\"user:%zu\",\"value\":\"%s\",\"n\":%zu,\"journal\":[", key, request,
               n);
    for (size_t i = 0; i < n; i++) {
        name_request(request, run->writer[run->first[key] + i]);
        buf_printf(out, "%s[%zu,\"%s\",\"%u w %s\"]", i ? "," : "", i + 1, request, store, request);
    }
    buf_append_str(out, "]}\n");
    return true;
}

static int write_final(const struct big_run *run, unsigned store, struct errctx *err)
{
    struct buf text = {0};
    char name[64];
    unsigned n_keys = 0;

    for (size_t key = 0; key < KEYS; key++)
        n_keys += append_state(run, &text, store, key);
    buf_printf(&text, "{\"t\":\"end\",\"keys\":%u}\n", n_keys);
    (void)snprintf(name, sizeof name, "final/%s.ndjson", store_name[store]);
    return files_save(run->folder, name, &text, err);
}

/* --- what the harness notes ------------------------------------------------------------------- */

static int write_config(const struct big_run *run, struct errctx *err)
{
    struct buf text = {0};

    buf_append_str(&text, "run: 001-xa-fanout-none-s1\n"
                          "question: How long do the checkers take?\n"
                          "approach: {name: xa}\n"
                          "variant: xa\n"
                          "stores: [pg1, pg2, redis]\n"
                          "durability: D3\n"
                          "profile: local\n"
                          "workload: {name: fanout, rate_per_s: 10000, duration_s: 100}\n"
                          "schedule: {name: none, faults: []}\n"
                          "seed: 1\n"
                          "repeat: 1\n");
    return files_save(run->folder, "config.yaml", &text, err);
}

static int write_notes(const struct big_run *run, struct errctx *err)
{
    int64_t end_us = planned_us(run->n) + WRITE_US;
    struct buf phases = {0}, nothing = {0}, evidence = {0};
    int r;

    buf_printf(&phases, "{\"t\":\"begin\",\"phase\":\"load\",\"at\":%" PRId64 "}\n", BEGIN_US);
    buf_printf(&phases, "{\"t\":\"end\",\"phase\":\"load\",\"at\":%" PRId64 "}\n", end_us);
    buf_printf(&phases, "{\"t\":\"end\",\"at\":%" PRId64 "}\n", end_us + 9);
    r = files_save(run->folder, "phases.ndjson", &phases, err);
    for (unsigned i = 0; r == 0 && i < 2; i++) {
        buf_append_str(&nothing, "{\"t\":\"end\",\"lines\":0}\n");
        r = files_save(run->folder, i == 0 ? "faults.ndjson" : "samples.ndjson", &nothing, err);
    }
    if (r < 0)
        return r;
    buf_printf(&evidence, "{\"t\":\"settled\",\"at\":%" PRId64 ",\"settled\":true,\"scans\":[",
               end_us + 8);
    for (int64_t i = 1; i <= 3; i += 2)
        buf_printf(&evidence, "%s{\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"equal\":true}",
                   i > 1 ? "," : "", end_us + i, end_us + i + 1);
    buf_append_str(&evidence, "],\"why\":\"\"}\n{\"t\":\"end\",\"lines\":1}\n");
    return files_save(run->folder, "evidence.ndjson", &evidence, err);
}

int big_run_write(const char *folder, size_t n, struct errctx *err)
{
    struct big_run run = {.folder = folder, .n = n};
    char final[PATH_MAX];
    int r;

    (void)snprintf(final, sizeof final, "%s/final", folder);
    r = files_make_folder(final, err);
    index_writers(&run);
    if (r == 0)
        r = write_config(&run, err);
    if (r == 0)
        r = write_notes(&run, err);
    if (r == 0)
        r = write_history(&run, err);
    for (unsigned s = 0; r == 0 && s < STORES; s++)
        r = write_final(&run, s, err);
    free(run.first);
    free(run.writer);
    return r;
}
