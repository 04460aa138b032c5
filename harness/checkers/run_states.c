/*
 * Loading of what was asked (history.ndjson) and of what the stores hold in the end (final/), and
 * the joining of the two: which operation each journal entry is.
 */
#include "base/mem.h"
#include "harness/checkers/run_data.h"
#include "harness/ndjson.h"
#include "harness/run/fill.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE (PATH_MAX + 64)

_Static_assert(TXN_OPS_MAX <= 16, "micro-operations are kept as bits of a uint16_t");

/* --- history ---------------------------------------------------------------------------------- */

static size_t count_micros(const struct history *history)
{
    size_t n = 0;

    for (size_t i = 0; i < history->n; i++)
        n += history->op[i].txn->n_ops;
    return n;
}

/*
 * What a micro-operation writes, or what it has read; RUN_NONE for neither. Most write their
 * request id, whose number is that of the operation.
 */
static uint32_t value_of(struct run_data *run, const struct history_op *op, unsigned i)
{
    switch (op->txn->op[i].kind) {
    case OP_READ:
        return op->read && op->read[i].found ? intern_add(&run->words, op->read[i].value)
                                             : RUN_NONE;
    case OP_WRITE:
    case OP_INSERT:
    case OP_APPEND:
        return op->txn->op[i].value == op->txn->request
                   ? (uint32_t)op->op
                   : intern_add(&run->words, op->txn->op[i].value);
    case OP_INCR:
    case OP_KINDS:
        break;
    }
    return RUN_NONE;
}

static int index_op(struct run_data *run, size_t i, uint32_t first, struct errctx *err)
{
    const struct history_op *op = &run->history.op[i];
    struct run_op *o = &run->op[i];

    *o = (struct run_op){.first = first};
    for (unsigned m = 0; m < op->txn->n_ops; m++) {
        const struct history_micro *micro = &op->txn->op[m];
        unsigned store = run_find_store(run, micro->store);
        uint32_t state;

        if (store == STORES_MAX)
            return err_set(err, EBADMSG, ERR_ABORT,
                           "%s/history.ndjson: operation %zu is of store \"%s\", which config.yaml "
                           "does not name",
                           run->dir, i, micro->store);
        state = run_add_state(run, micro->key, store);
        run->micro[first + m] =
            (struct run_micro){state, value_of(run, op, m), 0, (uint8_t)micro->kind};
        if (micro->kind == OP_READ)
            continue;
        o->writes = (uint16_t)(o->writes | 1U << m);
        run->state[state].asked = true;
    }
    return 0;
}

/* Requests become the first words, so that op_of_word stays as short as the history. */
static int index_requests(struct run_data *run, struct errctx *err)
{
    for (size_t i = 0; i < run->history.n; i++) {
        const char *request = run->history.op[i].txn->request;
        uint32_t word = intern_add(&run->words, request);

        if (word < i)
            return err_set(err, EBADMSG, ERR_ABORT,
                           "%s/history.ndjson: operations %u and %zu are both request %s", run->dir,
                           run->op_of_word[word], i, request);
        run->op_of_word[word] = (uint32_t)i;
    }
    run->n_op_of_word = run->words.n;
    return 0;
}

int run_load_history(struct run_data *run, struct errctx *err)
{
    char path[PATH_SIZE];
    uint32_t first = 0;
    int r;

    (void)snprintf(path, sizeof path, "%s/history.ndjson", run->dir);
    r = history_read(path, &run->history, err);
    if (r < 0)
        return r;
    run->op_of_word = mem_alloc_array(run->history.n, sizeof *run->op_of_word);
    run->op = mem_alloc_array(run->history.n, sizeof *run->op);
    run->micro = mem_alloc_array(count_micros(&run->history), sizeof *run->micro);
    r = index_requests(run, err);
    for (size_t i = 0; r == 0 && i < run->history.n; i++) {
        r = index_op(run, i, first, err);
        first += run->history.op[i].txn->n_ops;
    }
    return r;
}

/* --- journals --------------------------------------------------------------------------------- */

static void set_argument(struct run_data *run, struct run_entry *entry, const char *request,
                         const struct op *op)
{
    entry->kind = (uint8_t)op->kind;
    if (op->kind == OP_INCR)
        entry->delta = op->delta;
    else if (strcmp(op->value, request) == 0) /* as most: spares a search */
        entry->value = entry->request;
    else
        entry->value = intern_add(&run->words, op->value);
    if (op->kind == OP_WRITE)
        entry->version = op->version;
}

/* A versioned write that came too late changes nothing, as journal_fold() has it. */
static void set_idle(struct run_state *s, struct run_entry *entry)
{
    if (entry->kind != OP_WRITE || entry->version == 0)
        return;
    entry->idle = entry->version <= s->version;
    if (!entry->idle)
        s->version = entry->version;
}

/* What the harness itself put into an account before the load. */
static bool is_beginning(const struct run_data *run, const struct run_entry *entry)
{
    int64_t balance;

    return run->state[entry->state].n_entries == 0 && entry->kind == OP_INCR && entry->index == 0 &&
           strcmp(run_word(run, entry->request), FILL_REQUEST) == 0 &&
           run_account_begin(run, entry->state, &balance) && entry->delta == balance;
}

static bool was_asked(const struct run_data *run, const struct run_entry *entry)
{
    const struct run_op *op = &run->op[entry->op];
    const struct run_micro *micro = &run->micro[op->first + entry->index];

    if (!((unsigned)op->writes >> entry->index & 1U) || micro->state != entry->state ||
        micro->kind != entry->kind)
        return false;
    if (entry->kind == OP_INCR)
        return run->history.op[entry->op].txn->op[entry->index].delta == entry->delta;
    return micro->value == entry->value;
}

/* Which operation of the history this entry is, if any; and whether it has been here before. */
static void join(struct run_data *run, struct run_entry *entry)
{
    struct run_micro *micro;
    struct run_op *op;

    if (entry->request >= run->n_op_of_word) {
        entry->asked = is_beginning(run, entry);
        return;
    }
    entry->op = run->op_of_word[entry->request];
    entry->asked = was_asked(run, entry);
    if (!entry->asked)
        return;
    op = &run->op[entry->op];
    entry->again = ((unsigned)op->applied >> entry->index & 1U) != 0;
    op->applied = (uint16_t)(op->applied | 1U << entry->index);
    micro = &run->micro[op->first + entry->index];
    if (!entry->again)
        micro->place = run->state[entry->state].n_entries + 1;
}

/* One [n, request, operation]. */
static int add_entry(struct run_data *run, const struct ndjson *in, uint32_t state,
                     const json_t *item, struct errctx *err)
{
    const json_t *n = json_array_get(item, 0);
    const char *request = json_string_value(json_array_get(item, 1));
    const char *text = json_string_value(json_array_get(item, 2));
    struct run_entry entry = {.state = state, .op = RUN_NONE, .value = RUN_NONE, .kind = OP_KINDS};
    struct run_state *s = &run->state[state];
    unsigned index;
    struct op op;

    if (!json_is_integer(n) || !request || !text)
        return ndjson_complain(in, err, "a journal entry is not [n, request, operation]");
    if (s->gap == 0 && json_integer_value(n) != (json_int_t)s->n_entries + 1)
        s->gap = s->n_entries + 1;
    entry.request = intern_add(&run->words, request);
    if (journal_op_parse(text, &index, &op) && index < TXN_OPS_MAX) {
        entry.index = (uint8_t)index;
        set_argument(run, &entry, request, &op);
        set_idle(s, &entry);
        join(run, &entry);
    } else {
        entry.value = intern_add(&run->words, text);
    }
    run->entry = mem_grow(run->entry, run->n_entries, &run->entries_capacity, sizeof *run->entry);
    run->entry[run->n_entries++] = entry;
    s->n_entries++;
    return 0;
}

static int add_row(struct run_data *run, const struct ndjson *in, unsigned store,
                   const json_t *object, struct errctx *err)
{
    const char *key, *value;
    struct run_state *s;
    json_t *journal;
    uint32_t state;
    int64_t n;
    int r;

    r = ndjson_text(in, object, "key", &key, err);
    if (r == 0)
        r = ndjson_text(in, object, "value", &value, err);
    if (r == 0)
        r = ndjson_int(in, object, "n", &n, err);
    if (r == 0)
        r = ndjson_array(in, object, "journal", &journal, err);
    if (r < 0)
        return r;
    state = run_add_state(run, key, store);
    s = &run->state[state];
    if (s->value != RUN_NONE)
        return ndjson_complain(in, err, "key %s stands twice", key);
    s->value = intern_add(&run->words, value);
    s->first = (uint32_t)run->n_entries;
    for (size_t i = 0; r == 0 && i < json_array_size(journal); i++)
        r = add_entry(run, in, state, json_array_get(journal, i), err);
    if (r == 0 && s->gap == 0 && n != (int64_t)s->n_entries)
        s->gap = s->n_entries + 1;
    return r;
}

static int read_rows(struct run_data *run, struct ndjson *in, unsigned store, struct errctx *err)
{
    json_t *object = NULL;
    int64_t n_rows = 0, n_said;
    int r;

    while ((r = ndjson_next(in, &object, err)) > 0) {
        bool end = json_object_get(object, "t") != NULL;

        if (end)
            r = ndjson_int(in, object, "keys", &n_said, err);
        else
            r = add_row(run, in, store, object, err);
        json_decref(object);
        if (r < 0)
            return r;
        if (end && n_said != n_rows)
            return ndjson_complain(in, err, "%lld keys said, %lld there", (long long)n_said,
                                   (long long)n_rows);
        if (end)
            return 0;
        n_rows++;
    }
    return r < 0 ? r : ndjson_complain(in, err, "the file is cut: no closing line");
}

int run_load_finals(struct run_data *run, struct errctx *err)
{
    char path[PATH_SIZE];
    struct ndjson in;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < run->n_stores; i++) {
        (void)snprintf(path, sizeof path, "%s/final/%s.ndjson", run->dir, run->store[i]);
        /* A store that is still away when settling ends cannot be collected. */
        if (!run->settling.settled && access(path, F_OK) < 0)
            continue;
        r = ndjson_open(&in, path, err);
        if (r < 0)
            return r;
        r = read_rows(run, &in, i, err);
        ndjson_close(&in);
        run->collected[i] = true;
    }
    return r;
}
