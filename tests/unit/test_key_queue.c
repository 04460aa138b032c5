/*
 * Queues of keys. Folder: coordinator
 *
 * Cases by hand, then random comings and goings against a plain model: who holds what together,
 * who may go on, and that all of them end.
 */
#include "base/random.h"
#include "coordinator/key_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct key_queue queue;

/* "w pg1/a" or "r pg1/a"; ends with NULL. */
static struct txn touching(const char *first, ...)
{
    struct txn txn = {.n_ops = 0};
    va_list ap;

    va_start(ap, first);
    for (const char *word = first; word; word = va_arg(ap, const char *)) {
        struct op *op = &txn.op[txn.n_ops++];

        op->kind = word[0] == 'r' ? OP_READ : OP_WRITE;
        assert_int_equal(sscanf(word + 2, "%15[^/]/%64s", op->store, op->key), 2);
    }
    va_end(ap);
    return txn;
}

static void a_second_writer_waits_for_the_first(void **state)
{
    struct txn txn = touching("w pg1/a", NULL);
    struct key_ticket t1, t2;

    (void)state;
    assert_true(key_queue_enter(&queue, &t1, &txn));
    assert_false(key_queue_enter(&queue, &t2, &txn));
    assert_ptr_equal(key_queue_leave(&queue, &t1, NULL), &t2);
    assert_null(t2.next);
    assert_null(key_queue_leave(&queue, &t2, NULL));
}

static void the_same_key_at_another_store_is_another_key(void **state)
{
    struct txn one = touching("w pg1/a", NULL);
    struct txn two = touching("w pg2/a", NULL);
    struct key_ticket t1, t2;

    (void)state;
    assert_true(key_queue_enter(&queue, &t1, &one));
    assert_true(key_queue_enter(&queue, &t2, &two));
    assert_null(key_queue_leave(&queue, &t1, NULL));
    assert_null(key_queue_leave(&queue, &t2, NULL));
}

static void readers_share_and_a_writer_is_not_overtaken(void **state)
{
    struct txn read = touching("r pg1/a", NULL);
    struct txn write = touching("w pg1/a", NULL);
    struct key_ticket r1, r2, w, late;

    (void)state;
    assert_true(key_queue_enter(&queue, &r1, &read));
    assert_true(key_queue_enter(&queue, &r2, &read));
    assert_false(key_queue_enter(&queue, &w, &write));
    assert_false(key_queue_enter(&queue, &late, &read));
    assert_null(key_queue_leave(&queue, &r1, NULL));
    assert_ptr_equal(key_queue_leave(&queue, &r2, NULL), &w);
    assert_ptr_equal(key_queue_leave(&queue, &w, NULL), &late);
    assert_null(key_queue_leave(&queue, &late, NULL));
}

static void reading_and_writing_one_key_is_writing_it(void **state)
{
    struct txn both = touching("r pg1/a", "w pg1/a", NULL);
    struct txn read = touching("r pg1/a", NULL);
    struct key_ticket t1, t2;

    (void)state;
    assert_true(key_queue_enter(&queue, &t1, &both));
    assert_int_equal(t1.n, 1);
    assert_false(key_queue_enter(&queue, &t2, &read));
    assert_ptr_equal(key_queue_leave(&queue, &t1, NULL), &t2);
    assert_null(key_queue_leave(&queue, &t2, NULL));
}

static void opposed_orders_do_not_deadlock(void **state)
{
    struct txn ab = touching("w pg1/a", "w pg1/b", NULL);
    struct txn ba = touching("w pg1/b", "w pg1/a", NULL);
    struct key_ticket t1, t2;

    (void)state;
    assert_true(key_queue_enter(&queue, &t1, &ab));
    assert_false(key_queue_enter(&queue, &t2, &ba));
    assert_ptr_equal(key_queue_leave(&queue, &t1, NULL), &t2);
    assert_null(key_queue_leave(&queue, &t2, NULL));
}

/* In phase two each store's keys are free as soon as that store has committed. */
static void keys_are_left_store_by_store(void **state)
{
    struct txn both = touching("w pg1/a", "w pg2/a", NULL);
    struct txn one = touching("w pg1/a", NULL);
    struct key_ticket t1, t2;

    (void)state;
    assert_true(key_queue_enter(&queue, &t1, &both));
    assert_false(key_queue_enter(&queue, &t2, &one));
    assert_null(key_queue_leave(&queue, &t1, "pg2"));
    assert_ptr_equal(key_queue_leave(&queue, &t1, "pg1"), &t2);
    assert_null(key_queue_leave(&queue, &t1, NULL));
    assert_null(key_queue_leave(&queue, &t2, NULL));
}

static void who_gives_up_waiting_lets_the_next_go_on(void **state)
{
    struct txn a = touching("r pg1/a", NULL);
    struct txn write = touching("w pg1/a", NULL);
    struct key_ticket t1, t2, t3;

    (void)state;
    assert_true(key_queue_enter(&queue, &t1, &a));
    assert_false(key_queue_enter(&queue, &t2, &write));
    assert_false(key_queue_enter(&queue, &t3, &a));
    assert_ptr_equal(key_queue_leave(&queue, &t2, NULL), &t3);
    assert_null(key_queue_leave(&queue, &t1, NULL));
    assert_null(key_queue_leave(&queue, &t3, NULL));
}

/* --- random ----------------------------------------------------------------------------------- */

#define N_TICKETS 12
#define N_KEYS    4
#define ROUNDS    2000
#define STEPS     100

struct member {
    bool in;
    bool goes_on; /* as the queue has said */
    unsigned came;
    struct txn txn;
    struct key_ticket ticket;
};

struct room {
    uint64_t seed;
    struct rng rng;
    unsigned n_came;
    struct member member[N_TICKETS];
};

static bool conflict(const struct txn *a, const struct txn *b)
{
    for (unsigned i = 0; i < a->n_ops; i++) {
        for (unsigned k = 0; k < b->n_ops; k++) {
            if (strcmp(a->op[i].key, b->op[k].key) == 0 &&
                (a->op[i].kind != OP_READ || b->op[k].kind != OP_READ))
                return true;
        }
    }
    return false;
}

/* Go on: exactly those that conflict with nobody who came earlier and is still there. */
static void check(const struct room *r)
{
    bool anybody = false;
    bool somebody_goes_on = false;

    for (unsigned i = 0; i < N_TICKETS; i++) {
        const struct member *m = &r->member[i];
        bool free = true;

        if (!m->in)
            continue;
        for (unsigned k = 0; k < N_TICKETS; k++) {
            const struct member *other = &r->member[k];

            if (other->in && other->came < m->came && conflict(&other->txn, &m->txn))
                free = false;
        }
        if (free != m->goes_on)
            fail_msg("seed %llu: ticket %u %s", (unsigned long long)r->seed, i,
                     free ? "waits for nothing" : "goes on beside an earlier one");
        anybody = true;
        somebody_goes_on |= m->goes_on;
    }
    if (anybody && !somebody_goes_on)
        fail_msg("seed %llu: deadlock", (unsigned long long)r->seed);
}

static void come_or_go(struct room *r, struct member *m)
{
    struct key_ticket *ready;

    if (!m->in) {
        m->in = true;
        m->came = r->n_came++;
        m->txn = (struct txn){.n_ops = 1 + (unsigned)rng_below(&r->rng, 3)};
        for (unsigned i = 0; i < m->txn.n_ops; i++) {
            m->txn.op[i].kind = rng_below(&r->rng, 3) == 0 ? OP_READ : OP_WRITE;
            (void)snprintf(m->txn.op[i].store, STORE_NAME_SIZE, "pg1");
            (void)snprintf(m->txn.op[i].key, KEY_SIZE, "k%u", (unsigned)rng_below(&r->rng, N_KEYS));
        }
        m->ticket.arg = m;
        m->goes_on = key_queue_enter(&queue, &m->ticket, &m->txn);
        return;
    }
    m->in = m->goes_on = false;
    for (ready = key_queue_leave(&queue, &m->ticket, NULL); ready; ready = ready->next) {
        struct member *other = ready->arg;

        if (other->goes_on)
            fail_msg("seed %llu: told twice to go on", (unsigned long long)r->seed);
        other->goes_on = true;
    }
}

static void everybody_goes_on_when_nobody_earlier_is_in_the_way(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct room r = {.seed = seed, .rng = rng_new(seed, "keys")};

        for (unsigned step = 0; step < STEPS; step++) {
            come_or_go(&r, &r.member[rng_below(&r.rng, N_TICKETS)]);
            check(&r);
        }
        for (unsigned i = 0; i < N_TICKETS; i++) {
            if (r.member[i].in)
                come_or_go(&r, &r.member[i]);
            check(&r);
        }
    }
}

static int start_empty(void **state)
{
    (void)state;
    key_queue_init(&queue);
    return 0;
}

static int end_empty(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEY_QUEUE_BUCKETS; i++) {
        if (queue.first[i] || queue.last[i])
            return -1;
    }
    return 0;
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, start_empty, end_empty)
    const struct CMUnitTest tests[] = {
        CASE(a_second_writer_waits_for_the_first),
        CASE(the_same_key_at_another_store_is_another_key),
        CASE(readers_share_and_a_writer_is_not_overtaken),
        CASE(reading_and_writing_one_key_is_writing_it),
        CASE(opposed_orders_do_not_deadlock),
        CASE(keys_are_left_store_by_store),
        CASE(who_gives_up_waiting_lets_the_next_go_on),
        CASE(everybody_goes_on_when_nobody_earlier_is_in_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
