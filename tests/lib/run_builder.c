/* A run folder built in code; see the header. */
#include "run_builder.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const built_store[BUILT_STORES] = {"pg1", "pg2", "redis"};

void built_copy(char to[BUILT_TEXT], const char *from)
{
    size_t size = strlen(from) + 1;

    assert(size <= BUILT_TEXT);
    memmove(to, from, size);
}

int64_t built_us(int64_t ms)
{
    return BUILT_BEGIN_US + ms * 1000;
}

void built_init(struct built *b)
{
    *b = (struct built){.approach = "xa",
                        .schedule = "none",
                        .workload = "{name: fanout, rate_per_s: 400, duration_s: 8}",
                        .prefix = "user",
                        .settled = true,
                        .finished = true,
                        .settle_begin_ms = 9000,
                        .settled_at_ms = 12000};
}

void built_done(struct built *b)
{
    buf_done(&b->faults);
    buf_done(&b->samples);
    buf_done(&b->probes);
    buf_done(&b->evidence);
}

struct built_op *built_op(struct built *b, const char *request, int64_t invoked_ms,
                          int64_t ended_ms, enum history_end end)
{
    struct built_op *op = &b->op[b->n_ops];

    assert(b->n_ops < BUILT_OPS_MAX);
    *op = (struct built_op){.client = b->n_ops % 4,
                            .planned_ms = invoked_ms,
                            .invoked_ms = invoked_ms,
                            .ended_ms = ended_ms,
                            .end = end,
                            .code = end == HISTORY_FAIL ? "conflict" : "timeout",
                            .level = "everywhere"};
    built_copy(op->request, request);
    (void)snprintf(op->server, sizeof op->server, "serve%u", b->n_ops % 2 + 1);
    b->n_ops++;
    return op;
}

struct built_micro *built_micro(struct built_op *op, enum op_kind kind, unsigned store,
                                unsigned key, const char *value)
{
    struct built_micro *micro = &op->micro[op->n_micros];

    assert(op->n_micros < BUILT_MICROS_MAX);
    *micro = (struct built_micro){
        .kind = kind, .store = store, .key = key, .n = value[0] ? 1 : 0, .min = -1000};
    built_copy(micro->value, value);
    op->n_micros++;
    return micro;
}

struct built_op *built_write(struct built *b, const char *request, unsigned key, int64_t invoked_ms,
                             int64_t ended_ms, enum history_end end)
{
    struct built_op *op = built_op(b, request, invoked_ms, ended_ms, end);

    for (unsigned store = 0; store < BUILT_STORES; store++)
        built_micro(op, OP_WRITE, store, key, request);
    return op;
}

struct built_op *built_read(struct built *b, const char *request, unsigned store, unsigned key,
                            const char *value, int64_t invoked_ms, int64_t ended_ms)
{
    struct built_op *op = built_op(b, request, invoked_ms, ended_ms, HISTORY_OK);

    built_micro(op, OP_READ, store, key, value);
    built_copy(op->server, built_store[store]);
    return op;
}

void built_op_text(const struct built_op *op, unsigned i, char *text, size_t size)
{
    const struct built_micro *micro = &op->micro[i];

    if (micro->kind == OP_INCR)
        (void)snprintf(text, size, "%u incr %d", i, micro->delta);
    else if (micro->version > 0)
        (void)snprintf(text, size, "%u w@%u %s", i, micro->version, micro->value);
    else
        (void)snprintf(text, size, "%u %s %s", i, op_kind_name(micro->kind), micro->value);
}

void built_append(struct built *b, unsigned key, unsigned store, const char *request,
                  const char *op_text)
{
    struct built_state *state = &b->state[key][store];
    struct built_entry *entry = &state->entry[state->n_entries];

    assert(state->n_entries < BUILT_JOURNAL);
    built_copy(entry->request, request);
    (void)snprintf(entry->op, sizeof entry->op, "%s", op_text);
    state->n_entries++;
    state->exists = true;
}

void built_apply(struct built *b, const struct built_op *op, unsigned stores)
{
    char text[BUILT_TEXT * 2];

    for (unsigned i = 0; i < op->n_micros; i++) {
        const struct built_micro *micro = &op->micro[i];

        if (micro->kind == OP_READ || !(stores >> micro->store & 1U))
            continue;
        built_op_text(op, i, text, sizeof text);
        built_append(b, micro->key, micro->store, op->request, text);
        if (micro->kind == OP_WRITE)
            built_copy(b->state[micro->key][micro->store].value, micro->value);
    }
}

void built_seen(struct built *b, unsigned number, unsigned store, int64_t unseen_ms,
                int64_t seen_ms)
{
    char unseen[32] = "null", seen[32] = "null";

    if (unseen_ms)
        (void)snprintf(unseen, sizeof unseen, "%lld", (long long)built_us(unseen_ms));
    if (seen_ms)
        (void)snprintf(seen, sizeof seen, "%lld", (long long)built_us(seen_ms));
    b->op[number].probe = true;
    buf_printf(&b->probes,
               "{\"t\":\"probe\",\"op\":%u,\"store\":\"%s\",\"unseen\":%s,\"seen\":%s}\n", number,
               built_store[store], unseen, seen);
}

void built_decide(struct built *b, const struct built_op *op)
{
    buf_printf(&b->evidence,
               "{\"t\":\"decision\",\"server\":\"%s\",\"gid\":\"sb1:%s:1:1:%s\",\"request\":"
               "\"%s\"}\n",
               op->server, op->server, op->request, op->request);
}

void built_record(struct built *b, const struct built_op *op)
{
    buf_printf(&b->evidence, "{\"t\":\"record\",\"partition\":0,\"offset\":8,\"request\":\"%s\"}\n",
               op->request);
}

/* --- what the scans saw ----------------------------------------------------------------------- */

/* The value that the journal makes, by another way than journal_fold(). */
void built_fold(const struct built_state *s, char value[BUILT_TEXT])
{
    long number = 0, highest = 0;

    value[0] = '\0';
    for (unsigned i = 0; i < s->n_entries; i++) {
        char text[BUILT_TEXT], list[BUILT_TEXT * 2 + 1];
        long delta, version;

        if (sscanf(s->entry[i].op, "%*u incr %ld", &delta) == 1) {
            number += delta;
            (void)snprintf(value, BUILT_TEXT, "%ld", number);
        } else if (sscanf(s->entry[i].op, "%*u append %40s", text) == 1) {
            (void)snprintf(list, sizeof list, "%s%s%s", value, value[0] ? "," : "", text);
            built_copy(value, list);
        } else if (sscanf(s->entry[i].op, "%*u w@%ld %40s", &version, text) == 2) {
            if (version > highest)
                built_copy(value, text);
            highest = version > highest ? version : highest;
        } else {
            (void)sscanf(s->entry[i].op, "%*u w %40s", value);
        }
    }
}

/* Every store holds the same, and each what its journals make of it. */
static bool built_equal(const struct built *b)
{
    bool single = strcmp(b->prefix, "acct") == 0; /* each at one store */

    for (unsigned key = 0; key < BUILT_KEYS; key++) {
        for (unsigned store = 0; store < BUILT_STORES; store++) {
            const struct built_state *s = &b->state[key][store], *first = &b->state[key][0];
            char value[BUILT_TEXT];

            built_fold(s, value);
            if ((!single && s->exists != first->exists) ||
                (!single && strcmp(s->value, first->value) != 0) ||
                (s->exists && (s->skip_n > 0 || strcmp(s->value, value) != 0)))
                return false;
        }
    }
    return true;
}

/* --- files ------------------------------------------------------------------------------------ */

void built_write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "w");
    assert(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void built_print_micros(struct buf *out, const struct built *b, const struct built_op *op,
                               bool filled)
{
    for (unsigned i = 0; i < op->n_micros; i++) {
        const struct built_micro *m = &op->micro[i];

        buf_printf(out, "%s[\"%s\",\"%s\",\"%s:%u\",", i ? "," : "", op_kind_name(m->kind),
                   built_store[m->store], b->prefix, m->key);
        if (m->kind == OP_INCR)
            buf_printf(out, "%d", m->delta);
        else if (m->kind == OP_READ && (!filled || !m->value[0]))
            buf_append_str(out, "null");
        else
            buf_printf(out, "\"%s\"", m->value);
        if (m->kind == OP_INCR && m->has_min)
            buf_printf(out, ",{\"min\":%d}", m->min);
        if (m->kind == OP_READ && filled)
            buf_printf(out, ",%u", m->n);
        buf_append_str(out, "]");
    }
}

static bool built_has_read(const struct built_op *op)
{
    for (unsigned i = 0; i < op->n_micros; i++) {
        if (op->micro[i].kind == OP_READ)
            return true;
    }
    return false;
}

bool built_has_write(const struct built_op *op)
{
    for (unsigned i = 0; i < op->n_micros; i++) {
        if (op->micro[i].kind != OP_READ)
            return true;
    }
    return false;
}

static void built_print_end(struct buf *out, const struct built *b, unsigned number)
{
    const struct built_op *op = &b->op[number];
    long long at = (long long)built_us(op->ended_ms);
    bool reads = built_has_read(op);

    switch (op->end) {
    case HISTORY_OK:
        buf_printf(out, "{\"t\":\"ok\",\"op\":%u,\"at\":%lld,\"level\":\"%s\"", number, at,
                   built_has_write(op) ? op->level : "none");
        if (reads) {
            buf_append_str(out, ",\"txn\":[");
            built_print_micros(out, b, op, true);
            buf_append_str(out, "]");
        }
        buf_append_str(out, "}\n");
        break;
    case HISTORY_FAIL:
        buf_printf(out, "{\"t\":\"fail\",\"op\":%u,\"at\":%lld,\"code\":\"%s\"}\n", number, at,
                   op->code);
        break;
    case HISTORY_INFO:
        buf_printf(out, "{\"t\":\"info\",\"op\":%u,\"at\":%lld,\"code\":\"%s\"}\n", number, at,
                   op->code);
        break;
    case HISTORY_OPEN:
        break;
    }
}

static void built_print_history(struct buf *out, const struct built *b)
{
    unsigned n_open = 0;

    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];

        buf_printf(out,
                   "{\"t\":\"invoke\",\"op\":%u,\"request\":\"%s\",\"client\":%u,\"server\":\"%s\","
                   "\"planned\":%lld,\"at\":%lld%s,\"txn\":[",
                   i, op->request, op->client, op->server, (long long)built_us(op->planned_ms),
                   (long long)built_us(op->invoked_ms), op->probe ? ",\"probe\":true" : "");
        built_print_micros(out, b, op, false);
        buf_append_str(out, "]}\n");
        if (op->retried_ms)
            buf_printf(out, "{\"t\":\"retry\",\"op\":%u,\"server\":\"%s\",\"at\":%lld}\n", i,
                       strcmp(op->server, "serve1") == 0 ? "serve2" : "serve1",
                       (long long)built_us(op->retried_ms));
        built_print_end(out, b, i);
        n_open += op->end == HISTORY_OPEN;
    }
    buf_printf(out, "{\"t\":\"end\",\"ops\":%u,\"open\":%u}\n", b->n_ops, n_open);
}

static void built_print_state(struct buf *out, const struct built *b, unsigned key, unsigned store)
{
    const struct built_state *s = &b->state[key][store];
    unsigned n = 0;

    buf_printf(out, "{\"key\":\"%s:%u\",\"value\":\"%s\",\"n\":%u,\"journal\":[", b->prefix, key,
               s->value, s->n_entries + (s->skip_n ? 1 : 0));
    for (unsigned i = 0; i < s->n_entries; i++) {
        n++;
        if (n == s->skip_n)
            n++;
        buf_printf(out, "%s[%u,\"%s\",\"%s\"]", i ? "," : "", n, s->entry[i].request,
                   s->entry[i].op);
    }
    buf_append_str(out, "]}\n");
}

void built_save_finals(const struct built *b, const char *dir)
{
    char name[64];

    for (unsigned store = 0; store < BUILT_STORES; store++) {
        struct buf out = {0};
        unsigned n = 0;

        for (unsigned key = 0; key < BUILT_KEYS; key++) {
            if (!b->state[key][store].exists)
                continue;
            built_print_state(&out, b, key, store);
            n++;
        }
        buf_printf(&out, "{\"t\":\"end\",\"keys\":%u}\n", n);
        (void)snprintf(name, sizeof name, "final/%s.ndjson", built_store[store]);
        built_write_file(dir, name, buf_str(&out));
        buf_done(&out);
    }
}

static void built_save_config(const struct built *b, const char *dir)
{
    char text[1024], name[256];

    (void)snprintf(name, sizeof name, "001-%s-fanout-%s-s1", b->approach, b->schedule);
    (void)snprintf(text, sizeof text,
                   "run: %s\n"
                   "question: What does a crash leave behind?\n"
                   "approach: {name: %s}\n"
                   "stores: [pg1, pg2, redis]\n"
                   "durability: D3\n"
                   "profile: local\n"
                   "workload: %s\n"
                   "schedule: {name: %s, faults: []}\n"
                   "seed: 1\n"
                   "repeat: 1\n",
                   b->run ? b->run : name, b->approach, b->workload, b->schedule);
    built_write_file(dir, "config.yaml", text);
}

static void built_save_phases(const struct built *b, const char *dir)
{
    char text[1024];

    (void)snprintf(text, sizeof text,
                   "{\"t\":\"begin\",\"phase\":\"load\",\"at\":%lld}\n"
                   "{\"t\":\"end\",\"phase\":\"load\",\"at\":%lld}\n"
                   "{\"t\":\"begin\",\"phase\":\"settle\",\"at\":%lld}\n"
                   "{\"t\":\"end\",\"phase\":\"settle\",\"at\":%lld}\n%s",
                   (long long)built_us(0), (long long)built_us(b->settle_begin_ms),
                   (long long)built_us(b->settle_begin_ms), (long long)built_us(b->settled_at_ms),
                   b->finished ? "{\"t\":\"end\",\"at\":99000000}\n" : "");
    built_write_file(dir, "phases.ndjson", text);
}

void built_write_lines(const char *dir, const char *name, const char *lines)
{
    struct buf out = {0};
    unsigned n = 0;

    for (const char *end = strchr(lines, '\n'); end; end = strchr(end + 1, '\n'))
        n++;
    buf_printf(&out, "%s{\"t\":\"end\",\"lines\":%u}\n", lines, n);
    built_write_file(dir, name, buf_str(&out));
    buf_done(&out);
}

static void built_print_settled(struct buf *out, const struct built *b)
{
    const char *equal = built_equal(b) ? "true" : "false";
    long long at = (long long)built_us(b->settled_at_ms);

    buf_printf(out, "{\"t\":\"settled\",\"at\":%lld,\"settled\":%s,\"why\":\"%s\",\"scans\":", at,
               b->settled ? "true" : "false", b->settled ? "" : "serve1 holds 2 transactions");
    if (b->scans[0])
        buf_append_str(out, b->scans);
    else
        buf_printf(out,
                   "[{\"from\":%lld,\"to\":%lld,\"equal\":%s},"
                   "{\"from\":%lld,\"to\":%lld,\"equal\":%s}]",
                   at - 1200000, at - 1190000, equal, at - 100000, at - 90000, equal);
    buf_append_str(out, "}\n");
}

void built_save(const struct built *b, const char *dir)
{
    struct buf out = {0};
    char final[512];

    (void)snprintf(final, sizeof final, "%s/final", dir);
    (void)mkdir(final, 0755); /* there from the test before */
    built_save_config(b, dir);
    built_save_phases(b, dir);
    built_print_history(&out, b);
    built_write_file(dir, "history.ndjson", buf_str(&out));
    buf_clear(&out);
    built_print_settled(&out, b);
    buf_append_str(&out, buf_str(&b->evidence));
    built_write_lines(dir, "evidence.ndjson", buf_str(&out));
    built_write_lines(dir, "faults.ndjson", buf_str(&b->faults));
    built_write_lines(dir, "samples.ndjson", buf_str(&b->samples));
    if (b->probes.size > 0)
        built_write_lines(dir, "probes.ndjson", buf_str(&b->probes));
    built_save_finals(b, dir);
    buf_done(&out);
}

void built_make_dir(char dir[64])
{
    char *made;

    (void)snprintf(dir, 64, "%s/syncbed-test-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    made = mkdtemp(dir);
    assert(made);
}

static int built_remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

void built_remove_dir(const char *dir)
{
    (void)nftw(dir, built_remove_one, 16, FTW_DEPTH | FTW_PHYS); /* best effort, in /tmp */
}
