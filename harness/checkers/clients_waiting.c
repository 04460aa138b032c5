/*
 * Clients behind a transaction in doubt: see metrics.h.
 *
 * The stores tell which of their sessions wait for its locks; but whoever queues in front of the
 * stores, at a coordinator, waits just as long and is in no store's list. So this is taken from the
 * history: what was asked of a key, and not answered, while the key was held.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "harness/checkers/metrics.h"

#include <stdlib.h>

/* A client begins to wait for one operation, or stops. */
struct turn {
    int64_t at_us;
    uint32_t client;
    int change; /* +1, -1 */
};

struct turns {
    size_t n, capacity;
    struct turn *item;
    uint32_t n_clients; /* client numbers are below it */
};

static int by_time(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->change - y->change;
}

static void add_turn(struct turns *turns, int64_t at_us, uint32_t client, int change)
{
    turns->item = mem_grow(turns->item, turns->n, &turns->capacity, sizeof *turns->item);
    turns->item[turns->n++] = (struct turn){at_us, client, change};
    if (client >= turns->n_clients)
        turns->n_clients = client + 1;
}

static void add_waiting(const struct run_data *run, const struct history_op *h, int64_t from_us,
                        int64_t to_us, struct turns *turns)
{
    int64_t lived_from_us, lived_to_us;

    while (run_op_living(run, h, from_us, to_us, &lived_from_us, &lived_to_us)) {
        add_turn(turns, lived_from_us, h->client, 1);
        add_turn(turns, lived_to_us, h->client, -1);
        from_us = lived_to_us;
    }
}

static void add_op(const struct run_data *run, const struct held_list *held, uint32_t op,
                   int64_t open_until_us, struct turns *turns)
{
    const struct history_op *h = &run->history.op[op];
    int64_t ended_us = h->end == HISTORY_OPEN ? open_until_us : h->ended_us;

    for (unsigned m = 0; m < h->txn->n_ops; m++) {
        uint32_t key = run_key_of(run, run->micro[run->op[op].first + m].state);

        for (size_t i = held_first(held, key); i < held->n && held->item[i].key == key; i++) {
            const struct held *by = &held->item[i];
            int64_t from_us = by->from_us > h->invoked_us ? by->from_us : h->invoked_us;

            if (by->op != op)
                add_waiting(run, h, from_us, by->to_us < ended_us ? by->to_us : ended_us, turns);
        }
    }
}

/* Whatever a client waits for, and for how many operations at a time: it counts once. */
static void sweep(const struct turns *turns, struct metrics *m)
{
    int *waits = mem_alloc_array(turns->n_clients, sizeof *waits);
    unsigned n_waiting = 0;
    int64_t last_us = 0;

    for (size_t i = 0; i < turns->n; i++) {
        const struct turn *turn = &turns->item[i];
        int *of_client = &waits[turn->client];

        m->clients_waiting_s +=
            (double)n_waiting * (double)(turn->at_us - last_us) / (double)US_PER_S;
        last_us = turn->at_us;
        n_waiting -= *of_client > 0;
        *of_client += turn->change;
        n_waiting += *of_client > 0;
        if (n_waiting > m->clients_waiting_max)
            m->clients_waiting_max = n_waiting;
    }
    free(waits);
}

void clients_waiting_measure(const struct run_data *run, const struct held_list *held,
                             struct metrics *ret_metrics)
{
    const struct run_phase *load = run_phase(run, "load");
    struct turns turns = {0};

    ret_metrics->clients_waiting_max = ret_metrics->clients_waiting_s = 0;
    for (uint32_t i = 0; held->n > 0 && i < run->history.n; i++) {
        if (run->history.op[i].server[0] && !run->history.op[i].direct_read)
            add_op(run, held, i, load ? load->end_us : 0, &turns);
    }
    if (turns.n > 0)
        qsort(turns.item, turns.n, sizeof *turns.item, by_time);
    sweep(&turns, ret_metrics);
    free(turns.item);
}
