/* A history as Jepsen's EDN; see the header. */
#include "harness/history/jepsen.h"

#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_PROCESS UINT32_MAX

struct event {
    int64_t at_us;
    size_t op;
    bool is_end;
};

/* Processes of a client: those whose operation has ended wait in a list for the next. */
struct processes {
    uint32_t n;
    uint32_t *of_op; /* by operation */
    uint32_t *next;  /* by process: the next one that is free, of the same client */
    uint32_t *free;  /* by client: the first */
};

/* Of one instant, invocations come first: nothing is said to have ended before it began. */
static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    if (x->is_end != y->is_end)
        return x->is_end ? 1 : -1;
    return (x->op > y->op) - (x->op < y->op);
}

/* --- processes ----------------------------------------------------------------------------- */

static void processes_init(struct processes *p, const struct history *history)
{
    unsigned n_clients = 0;

    for (size_t i = 0; i < history->n; i++)
        n_clients = history->op[i].client >= n_clients ? history->op[i].client + 1 : n_clients;
    *p = (struct processes){.of_op = mem_alloc_array(history->n + 1, sizeof *p->of_op),
                            .next = mem_alloc_array(history->n + 1, sizeof *p->next),
                            .free = mem_alloc_array(n_clients + 1, sizeof *p->free)};
    for (unsigned i = 0; i < n_clients; i++)
        p->free[i] = NO_PROCESS;
}

static void processes_done(struct processes *p)
{
    free(p->of_op);
    free(p->next);
    free(p->free);
}

static void take_process(struct processes *p, const struct history_op *op)
{
    uint32_t process = p->free[op->client];

    if (process == NO_PROCESS)
        process = p->n++;
    else
        p->free[op->client] = p->next[process];
    p->of_op[op->op] = process;
}

static void give_process(struct processes *p, const struct history_op *op)
{
    uint32_t process = p->of_op[op->op];

    if (op->end == HISTORY_INFO)
        return;
    p->next[process] = p->free[op->client];
    p->free[op->client] = process;
}

/* --- text ---------------------------------------------------------------------------------- */

/* Written as an integer is written: "7", and not "07", which would come back as another text. */
static bool is_integer(const char *text)
{
    char canonical[VALUE_SIZE];

    (void)snprintf(canonical, sizeof canonical, "%lld", strtoll(text, NULL, 10));
    return strcmp(text, canonical) == 0;
}

/* Without its quotes. */
static void print_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\"\\", *text))
            buf_append_char(out, '\\');
        buf_append_char(out, *text);
    }
}

static void print_element(struct buf *out, const char *text, size_t size)
{
    char element[VALUE_SIZE];

    memcpy(element, text, size);
    element[size] = '\0';
    if (is_integer(element)) {
        buf_append_str(out, element);
        return;
    }
    buf_append_char(out, '"');
    print_text(out, element);
    buf_append_char(out, '"');
}

/* "1,2,3" as [1 2 3]; returns how many there are. */
static int64_t print_list(struct buf *out, const char *list)
{
    int64_t n = 0;

    buf_append_char(out, '[');
    while (*list) {
        size_t size = strcspn(list, ",");

        if (n++ > 0)
            buf_append_char(out, ' ');
        print_element(out, list, size);
        list += size + (list[size] == ',');
    }
    buf_append_char(out, ']');
    return n;
}

static int print_micro(struct buf *out, const struct history_op *op, unsigned i,
                       const struct history_read *read, struct errctx *err)
{
    const struct history_micro *micro = &op->txn->op[i];

    if (micro->kind != OP_READ && micro->kind != OP_APPEND)
        return err_set(err, ENOTSUP, ERR_ABORT,
                       "operation %" PRId64 ": %s of %s; list-append has reads and appends only",
                       op->op, op_kind_name(micro->kind), micro->key);
    buf_printf(out, "%s[%s \"%s/", i > 0 ? " " : "", micro->kind == OP_READ ? ":r" : ":append",
               micro->store);
    print_text(out, micro->key);
    buf_append_str(out, "\" ");
    if (micro->kind == OP_APPEND)
        print_element(out, micro->value, strlen(micro->value));
    else if (!read || !read->found)
        buf_append_str(out, "nil");
    else if (print_list(out, read->value) != read->n)
        return err_set(err, ENOTSUP, ERR_ABORT,
                       "operation %" PRId64 ": %s of %s is cut, or no list: %" PRId64
                       " changes and \"%s\"",
                       op->op, micro->key, micro->store, read->n, read->value);
    buf_append_char(out, ']');
    return 0;
}

static const char *type_of(const struct history_op *op, bool is_end)
{
    static const char *const names[] = {
        [HISTORY_OK] = "ok", [HISTORY_FAIL] = "fail", [HISTORY_INFO] = "info"};

    return is_end ? names[op->end] : "invoke";
}

static int print_event(struct buf *out, const struct event *event, const struct history_op *op,
                       uint32_t process, size_t index, struct errctx *err)
{
    buf_printf(out, "{:type :%s, :f :txn, :value [", type_of(op, event->is_end));
    for (unsigned i = 0; i < op->txn->n_ops; i++) {
        int r = print_micro(out, op, i, event->is_end && op->read ? &op->read[i] : NULL, err);

        if (r < 0)
            return r;
    }
    buf_printf(out, "], :process %" PRIu32 ", :time %" PRId64 ", :index %zu", process,
               event->at_us * JEPSEN_NS_PER_US, index);
    if (!event->is_end)
        buf_printf(out, ", :client %u, :request \"%s\", :server \"%s\", :planned %" PRId64 "}\n",
                   op->client, op->txn->request, op->server, op->planned_us * JEPSEN_NS_PER_US);
    else if (op->end == HISTORY_OK)
        buf_printf(out, ", :level :%s}\n", level_name(op->level));
    else
        buf_printf(out, ", :error :%s}\n", code_name(op->code));
    return 0;
}

/* --- all of it ----------------------------------------------------------------------------- */

static size_t list_events(const struct history *history, struct event *event)
{
    size_t n = 0;

    for (size_t i = 0; i < history->n; i++) {
        const struct history_op *op = &history->op[i];

        if (op->probe)
            continue;
        event[n++] = (struct event){op->invoked_us, i, false};
        if (op->end != HISTORY_OPEN)
            event[n++] = (struct event){op->ended_us, i, true};
    }
    qsort(event, n, sizeof *event, compare_events);
    return n;
}

int jepsen_print(struct buf *out, const struct history *history, struct errctx *err)
{
    struct event *event = mem_alloc_array(2 * history->n + 1, sizeof *event);
    size_t n = list_events(history, event);
    struct processes processes;
    int r = 0;

    processes_init(&processes, history);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct history_op *op = &history->op[event[i].op];

        if (!event[i].is_end)
            take_process(&processes, op);
        r = print_event(out, &event[i], op, processes.of_op[event[i].op], i, err);
        if (event[i].is_end)
            give_process(&processes, op);
    }
    processes_done(&processes);
    free(event);
    return r;
}
