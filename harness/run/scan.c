/* One look at all stores: see the header. */
#include "harness/run/scan.h"

#include "base/buf.h"
#include "base/clock.h"
#include "harness/run/await.h"
#include "harness/workload/workload.h"
#include "model/protocol.h"
#include "model/txn.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct scanning {
    FILE *file;
    char path[PATH_MAX];
    int error; /* of writing */
    struct buf line;
    struct scan_store *result;
    struct await *await;
};

/* --- digests ---------------------------------------------------------------------------------- */

/* FNV-1a, then splitmix64's finaliser: sums of these do not depend on the order of rows. */
static uint64_t digest(uint64_t h, const void *data, size_t size)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

static bool is_fold(const struct store_scan_row *row)
{
    struct folded state = {.exists = false};

    for (unsigned i = 0; i < row->n_entries; i++) {
        struct op op;
        unsigned index;

        if (row->entry[i].n != (int64_t)i + 1 || !journal_op_parse(row->entry[i].op, &index, &op))
            return false;
        journal_fold(&state, &op);
    }
    return state.exists && state.n == row->n && strcmp(state.value, row->value) == 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void append_row(struct buf *out, const struct store_scan_row *row)
{
    buf_append_str(out, "{\"key\":");
    protocol_append_string(out, row->key);
    buf_append_str(out, ",\"value\":");
    protocol_append_string(out, row->value);
    buf_printf(out, ",\"n\":%lld,\"journal\":[", (long long)row->n);
    for (unsigned i = 0; i < row->n_entries; i++) {
        buf_printf(out, "%s[%lld,", i > 0 ? "," : "", (long long)row->entry[i].n);
        protocol_append_string(out, row->entry[i].request);
        buf_append_char(out, ',');
        protocol_append_string(out, row->entry[i].op);
        buf_append_char(out, ']');
    }
    buf_append_str(out, "]}\n");
}

static void write_line(struct scanning *s)
{
    if (fwrite(s->line.data, 1, s->line.size, s->file) != s->line.size && !s->error)
        s->error = errno;
}

static void on_row(void *arg, const struct store_scan_row *row)
{
    struct scanning *s = arg;
    uint64_t key = digest(UINT64_C(0xcbf29ce484222325), row->key, strlen(row->key));

    buf_clear(&s->line);
    append_row(&s->line, row);
    write_line(s);
    s->result->keys++;
    s->result->states += digest(key, s->line.data, s->line.size);
    s->result->folds = s->result->folds && is_fold(row);
    if (workload_key_is_single(row->key))
        return;
    s->result->shared++;
    s->result->values += digest(key, row->value, strlen(row->value));
}

static void on_scanned(void *arg, const struct store_reply *reply)
{
    struct scanning *s = arg;

    s->result->complete = reply->status == STORE_OK;
    if (!s->result->complete)
        (void)snprintf(s->result->why, sizeof s->result->why, "%s", reply->detail);
    s->await->n_left--;
}

/* --- all stores ------------------------------------------------------------------------------- */

static int open_file(struct scanning *s, const char *folder, const char *store, struct errctx *err)
{
    (void)snprintf(s->path, sizeof s->path, "%s/%s.ndjson", folder, store);
    s->file = fopen(s->path, "we");
    return s->file ? 0 : err_set(err, errno, ERR_FATAL, "%s: %s", s->path, strerror(errno));
}

/* The closing line is there only if the scan was whole: a reader refuses a file without it. */
static int close_file(struct scanning *s, struct errctx *err)
{
    if (!s->file)
        return 0;
    if (s->result->complete) {
        buf_clear(&s->line);
        buf_printf(&s->line, "{\"t\":\"end\",\"keys\":%llu}\n",
                   (unsigned long long)s->result->keys);
        write_line(s);
    }
    if (fclose(s->file) && !s->error)
        s->error = errno;
    s->file = NULL;
    buf_done(&s->line);
    return s->error ? err_set(err, s->error, ERR_FATAL, "%s: %s", s->path, strerror(s->error)) : 0;
}

int scan_take(struct event_base *base, const struct store_set *stores, const char *folder,
              int64_t timeout_us, struct scan *ret_scan, struct errctx *err)
{
    struct scanning scanning[STORES_MAX] = {{0}};
    struct scan scan = {.from_us = clock_now_us(), .n = stores->n};
    struct await await = {.n_left = 0};
    int rc = 0, wait_rc;

    for (unsigned i = 0; i < stores->n && !rc; i++) {
        scan.store[i].folds = true;
        scanning[i].result = &scan.store[i];
        scanning[i].await = &await;
        rc = open_file(&scanning[i], folder, store_name(stores->store[i]), err);
    }
    for (unsigned i = 0; i < stores->n && !rc; i++) {
        await.n_left++;
        store_scan(stores->store[i], on_row, scan.from_us + timeout_us, on_scanned, &scanning[i]);
    }
    wait_rc = await_all(base, &await, err);
    rc = rc ? rc : wait_rc;
    scan.to_us = clock_now_us();
    for (unsigned i = 0; i < stores->n; i++) {
        int close_rc = close_file(&scanning[i], rc ? NULL : err);

        rc = rc ? rc : close_rc;
    }
    if (!rc)
        *ret_scan = scan;
    return rc;
}

const char *scan_missing(const struct scan *scan, const struct store_set *stores)
{
    for (unsigned i = 0; i < scan->n; i++) {
        if (!scan->store[i].complete)
            return store_name(stores->store[i]);
    }
    return NULL;
}

bool scan_same(const struct scan *a, const struct scan *b)
{
    for (unsigned i = 0; i < a->n; i++) {
        if (!a->store[i].complete || !b->store[i].complete ||
            a->store[i].keys != b->store[i].keys || a->store[i].states != b->store[i].states)
            return false;
    }
    return true;
}

bool scan_equal(const struct scan *scan)
{
    for (unsigned i = 0; i < scan->n; i++) {
        const struct scan_store *store = &scan->store[i];

        if (!store->complete || !store->folds || store->shared != scan->store[0].shared ||
            store->values != scan->store[0].values)
            return false;
    }
    return true;
}
