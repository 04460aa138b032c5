/*
 * Workloads: the file's form, and the plan: the same for the same seed, with the shares asked for,
 * and one share can be changed without moving what it does not concern.
 *
 * Folder: harness
 */
#include "harness/workload/plan.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_STORES 3

static const struct workload usual = {.rate_per_s = 1000,
                                      .duration_s = 20,
                                      .keys = 500,
                                      .zipf = true,
                                      .zipf_exponent = 0.8,
                                      .clients = 16,
                                      .read_share = 0.2,
                                      .pairs = 0.05,
                                      .deadline_ms = 5000};

/* --- the file ------------------------------------------------------------------------------ */

/* Parse `text` as a file's content; the complaint without the file's name in `ret_complaint`. */
static int parse(const char *text, struct workload *ret_workload, char ret_complaint[480])
{
    char path[] = "/tmp/syncbed-test-XXXXXX";
    struct yaml_file *file;
    const struct yaml_node *root;
    struct errctx err = {0};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    int r = yaml_open(path, &file, &root, &err);

    if (r == 0) {
        r = workload_parse(root, ret_workload, &err);
        yaml_close(file);
    }
    assert_int_equal(unlink(path), 0);
    const char *rest = strchr(err.message, ':');

    (void)snprintf(ret_complaint, 480, "%s", rest ? rest + 1 : "");
    return r;
}

static void refused(const char *text, const char *complaint)
{
    struct workload w;
    char got[480];

    assert_int_equal(parse(text, &w, got), -EINVAL);
    if (!strstr(got, complaint))
        fail_msg("\"%s\" is not in \"%s\"", complaint, got);
}

/* `text` is printed as it was read. */
static void round_trip(const char *text)
{
    struct workload w;
    char complaint[480];
    struct buf printed = {0};

    if (parse(text, &w, complaint) < 0)
        fail_msg("%s", complaint);
    workload_print(&printed, &w);
    assert_string_equal(buf_str(&printed), text);
    buf_done(&printed);
}

static void a_workload_reads_and_prints(void **state)
{
    (void)state;
    round_trip("{name: fanout, arrivals: poisson, rate_per_s: 400, duration_s: 8, keys: 500, "
               "skew: zipf 0.8, clients: 16, read_share: 0.2, reads: direct, reread: 0.5, "
               "pairs: 0.05, probe_share: 0.02, retries: 0, deadline_ms: 5000}");
    round_trip("{name: transfer, arrivals: closed, think_ms: 5, duration_s: 8, keys: 50, "
               "skew: uniform, clients: 7, read_share: 0.5, reads: transactional, reread: 0, "
               "pairs: 0, probe_share: 0, balance: 1000, bound: true, retries: 0, "
               "deadline_ms: 5000}");
    round_trip("{name: append, arrivals: constant, steps: [{at_s: 0, rate_per_s: 100}, "
               "{at_s: 4, rate_per_s: 400}], duration_s: 8, keys: 10, skew: uniform, clients: 16, "
               "read_share: 0, reads: after, reread: 1, pairs: 0, probe_share: 0.01, retries: 5, "
               "deadline_ms: 1000}");
    round_trip("{name: fanout, arrivals: poisson, ramp: [{at_s: 0, rate_per_s: 0}, "
               "{at_s: 7.5, rate_per_s: 400.5}], duration_s: 8, keys: 10, skew: uniform, "
               "clients: 16, read_share: 0, reads: direct, reread: 0.5, pairs: 0, "
               "probe_share: 0.02, retries: 1, deadline_ms: 5000}");
}

static void what_is_not_said_has_a_default(void **state)
{
    struct workload w;
    char complaint[480];
    struct buf printed = {0};

    (void)state;
    assert_int_equal(
        parse("{name: fanout, rate_per_s: 0.1, duration_s: 1, keys: 1}", &w, complaint), 0);
    workload_print(&printed, &w);
    assert_string_equal(buf_str(&printed),
                        "{name: fanout, arrivals: poisson, rate_per_s: 0.1, duration_s: 1, "
                        "keys: 1, skew: uniform, clients: 16, read_share: 0, reads: direct, "
                        "reread: 0.5, pairs: 0, probe_share: 0.02, retries: 0, "
                        "deadline_ms: 5000}");
    buf_done(&printed);
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("name: fanout\nrate_per_s: 1\nduration_s: 1\n", "a workload needs keys");
    refused("name: fanout\nrate_per_s: fast\nduration_s: 1\nkeys: 1\n", "2: ");
    refused("name: fanout\nrate_per_s: 1\nduration_s: 1\nkey: 1\n",
            "4: unknown key \"key\"; did you mean \"keys\"?");
    refused("name: fanin\nrate_per_s: 1\nduration_s: 1\nkeys: 1\n", "1: ");
    refused("name: fanout\nrate_per_s: 1\nduration_s: 1\nkeys: 1\nskew: zipf\n", "5: skew: ");
    refused("name: fanout\nrate_per_s: 1\nduration_s: 1\nkeys: 1\nskew: zipf -1\n", "5: skew: ");
    refused("name: fanout\nrate_per_s: 1\nduration_s: 1\nkeys: 1\npairs: 0.6\nread_share: 0.6\n",
            "above 1 together");
    refused("name: fanout\nrate_per_s: 1\nduration_s: 1\nkeys: 1\npairs: 0.1\nclients: 3\n",
            "6: workload.clients: with pairs, an even number");
}

#define BASIC "duration_s: 8\nkeys: 2\n"

static void a_rate_is_given_once_and_makes_sense(void **state)
{
    (void)state;
    refused("name: fanout\n" BASIC, "a workload needs rate_per_s, or steps, or ramp");
    refused("name: fanout\n" BASIC "rate_per_s: 1\nramp: [{at_s: 0, rate_per_s: 1}]\n",
            "one of them");
    refused("name: fanout\n" BASIC "steps: [{at_s: 1, rate_per_s: 1}]\n", "the first is 0");
    refused("name: fanout\n" BASIC "steps: [{at_s: 0, rate_per_s: 0}]\n", "nothing ever arrives");
    refused("name: fanout\n" BASIC "steps: []\n", "a list of 1 to 16");
    refused("name: fanout\n" BASIC "steps: [{at_s: 0}]\n", "needs rate_per_s");
    refused("name: fanout\n" BASIC "ramp: [{at_s: 0, rate_per_s: 1}, {at_s: 0, rate_per_s: 2}]\n",
            "each is after the last");
    refused("name: fanout\n" BASIC "ramp: [{at_s: 0, rate_per_s: 1}, {at_s: 8, rate_per_s: 2}]\n",
            "the load is over by then");
    refused("name: fanout\narrivals: closed\n" BASIC "rate_per_s: 1\n",
            "5: in a closed loop the clients make the rate");
    refused("name: fanout\narrivals: closed\n" BASIC "pairs: 0.5\n", "pairs: a closed loop");
    refused("name: fanout\n" BASIC "rate_per_s: 1\nthink_ms: 1\n", "arrivals: closed only");
}

static void what_means_nothing_here_is_refused(void **state)
{
    (void)state;
    refused("name: fanout\n" BASIC "rate_per_s: 1\nbalance: 5\n", "balance is for transfer only");
    refused("name: append\n" BASIC "rate_per_s: 1\nbound: true\n", "bound is for transfer only");
    refused("name: transfer\nduration_s: 1\nkeys: 1\nrate_per_s: 1\n", "2 to 10000 accounts");
    refused("name: transfer\n" BASIC "rate_per_s: 1\nbound: yes\n", "5: ");
    refused("name: fanout\n" BASIC "rate_per_s: 1\nretries: 6\n", "5: ");
    refused("name: fanout\n" BASIC "rate_per_s: 1\nprobe_share: 0.03\n", "5: ");
    refused("name: fanout\n" BASIC "rate_per_s: 1\nreads: dirty\n", "5: ");
}

/* --- the plan ------------------------------------------------------------------------------ */

static void the_same_seed_gives_the_same_plan(void **state)
{
    struct plan a, b, other;

    (void)state;
    plan_make(&a, &usual, 7, N_STORES);
    plan_make(&b, &usual, 7, N_STORES);
    plan_make(&other, &usual, 8, N_STORES);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.arrival[i].planned_us, b.arrival[i].planned_us);
        assert_int_equal(a.arrival[i].key, b.arrival[i].key);
        assert_int_equal(a.arrival[i].is_read, b.arrival[i].is_read);
        assert_int_equal(a.arrival[i].store, b.arrival[i].store);
    }
    assert_int_not_equal(a.arrival[0].planned_us, other.arrival[0].planned_us);
    plan_done(&a);
    plan_done(&b);
    plan_done(&other);
}

static void arrivals_are_ordered_and_belong_to_clients_in_turn(void **state)
{
    struct plan plan;
    int64_t last = 0;

    (void)state;
    plan_make(&plan, &usual, 1, N_STORES);
    for (size_t i = 0; i < plan.n; i++) {
        assert_true(plan.arrival[i].planned_us >= last);
        assert_true(plan.arrival[i].planned_us < 20000000);
        assert_int_equal(plan.arrival[i].client, i % 16);
        assert_true(plan.arrival[i].key < 500);
        assert_true(plan.arrival[i].store < N_STORES);
        last = plan.arrival[i].planned_us;
    }
    plan_done(&plan);
}

/* Arrivals at one instant: a Poisson process has next to none of its own. */
static size_t count_paired(const struct plan *plan)
{
    size_t n = 0;

    for (size_t i = 0; i + 1 < plan->n; i++) {
        const struct arrival *a = &plan->arrival[i];

        if (a[0].planned_us != a[1].planned_us || a[0].key != a[1].key)
            continue;
        assert_false(a[0].is_read || a[1].is_read);
        assert_int_not_equal(a[0].client % 2, a[1].client % 2); /* one through each door */
        n += 2;
        i++;
    }
    return n;
}

static void near(const char *what, double got, double expected, double tolerance)
{
    if (fabs(got - expected) > tolerance)
        fail_msg("%s: %g, not %g", what, got, expected);
}

static void the_shares_are_those_asked_for(void **state)
{
    struct plan plan;
    size_t n_reads = 0;
    size_t n_hottest = 0;

    (void)state;
    plan_make(&plan, &usual, 1, N_STORES);
    for (size_t i = 0; i < plan.n; i++) {
        n_reads += plan.arrival[i].is_read;
        n_hottest += plan.arrival[i].key == 0;
    }
    double n = (double)plan.n;
    double weights = 0;

    for (int k = 1; k <= 500; k++)
        weights += pow(k, -0.8);
    near("arrivals", n, 20000, 700);
    near("reads", (double)n_reads / n, 0.2, 0.015);
    near("pairs", (double)count_paired(&plan) / n, 0.05, 0.01);
    near("hottest key", (double)n_hottest / n, 1 / weights, 0.01);
    plan_done(&plan);
}

static void more_reads_move_neither_times_nor_keys(void **state)
{
    struct workload more = usual;
    struct plan a, b;

    (void)state;
    more.read_share = 0.5;
    plan_make(&a, &usual, 1, N_STORES);
    plan_make(&b, &more, 1, N_STORES);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.arrival[i].planned_us, b.arrival[i].planned_us);
        assert_int_equal(a.arrival[i].key, b.arrival[i].key);
        assert_true(b.arrival[i].is_read || !a.arrival[i].is_read);
    }
    plan_done(&a);
    plan_done(&b);
}

static void constant_arrivals_are_evenly_spaced(void **state)
{
    struct workload even = usual;
    struct plan plan;

    (void)state;
    even.arrivals = ARRIVALS_CONSTANT;
    even.pairs = 0;
    plan_make(&plan, &even, 1, N_STORES);
    assert_int_equal(plan.n, 20000);
    for (size_t i = 0; i < plan.n; i++)
        assert_int_equal(plan.arrival[i].planned_us, i * 1000);
    plan_done(&plan);
}

static size_t arrivals_between(const struct plan *plan, double from_s, double to_s)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++) {
        double at_s = (double)plan->arrival[i].planned_us / 1e6;

        n += at_s >= from_s && at_s < to_s;
    }
    return n;
}

static void steps_and_ramps_have_the_rate_of_their_time(void **state)
{
    struct workload w = usual;
    struct plan plan;

    (void)state;
    w.arrivals = ARRIVALS_CONSTANT;
    w.pairs = 0;
    w.rate_per_s = 0;
    w.n_points = 3;
    w.point[0] = (struct rate_point){0, 1000};
    w.point[1] = (struct rate_point){5, 0};
    w.point[2] = (struct rate_point){10, 2000};
    plan_make(&plan, &w, 1, N_STORES);
    assert_int_equal(arrivals_between(&plan, 0, 5), 5000);
    assert_int_equal(arrivals_between(&plan, 5, 10), 0);
    assert_int_equal(arrivals_between(&plan, 10, 20), 20000);
    plan_done(&plan);

    w.ramp = true; /* 1000 falls to 0, then rises to 2000, and stays there */
    plan_make(&plan, &w, 1, N_STORES);
    near("falling", (double)arrivals_between(&plan, 0, 2.5), 1875, 1.5);
    near("rising", (double)arrivals_between(&plan, 5, 10), 5000, 1.5);
    near("at the top", (double)arrivals_between(&plan, 10, 20), 20000, 1.5);
    plan_done(&plan);

    w.arrivals = ARRIVALS_POISSON;
    plan_make(&plan, &w, 1, N_STORES);
    near("falling", (double)arrivals_between(&plan, 0, 2.5), 1875, 150);
    near("rising", (double)arrivals_between(&plan, 5, 10), 5000, 250);
    plan_done(&plan);
}

/* --- transactions -------------------------------------------------------------------------- */

static const struct topology topology = {.n_stores = 3,
                                         .store = {{.name = "pg1", .kind = STORE_POSTGRES},
                                                   {.name = "pg2", .kind = STORE_POSTGRES},
                                                   {.name = "redis", .kind = STORE_REDIS}}};

static void a_write_goes_to_every_store_under_its_request_id(void **state)
{
    struct arrival arrivals[] = {{.client = 0}, {.client = 1, .key = 42}};
    const struct plan plan = {.n = 2, .arrival = arrivals};
    struct txn txn;

    (void)state;
    plan_txn(&plan, 1, &usual, &topology, &txn);
    assert_string_equal(txn.request, "c1-1");
    assert_int_equal(txn.n_ops, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(txn.op[i].kind, OP_WRITE);
        assert_string_equal(txn.op[i].store, topology.store[i].name);
        assert_string_equal(txn.op[i].key, "user:42");
        assert_string_equal(txn.op[i].value, "c1-1");
    }
    arrivals[1].is_probe = true;
    plan_txn(&plan, 1, &usual, &topology, &txn);
    assert_int_equal(txn.n_ops, 3);
    assert_string_equal(txn.op[2].key, "probe:1");
}

static void a_read_is_of_one_store_or_of_all_in_one_transaction(void **state)
{
    struct workload w = usual;
    struct arrival arrivals[] = {{.client = 0, .key = 42, .is_read = true, .store = 2}};
    const struct plan plan = {.n = 1, .arrival = arrivals};
    struct txn txn;

    (void)state;
    plan_txn(&plan, 0, &w, &topology, &txn);
    assert_int_equal(txn.n_ops, 1);
    assert_int_equal(txn.op[0].kind, OP_READ);
    assert_string_equal(txn.op[0].store, "redis");
    w.reads = READS_TRANSACTIONAL;
    plan_txn(&plan, 0, &w, &topology, &txn);
    assert_int_equal(txn.n_ops, 3);
    assert_string_equal(txn.op[1].store, "pg2");
    assert_string_equal(txn.op[1].key, "user:42");
}

static unsigned index_in(const char *key, const char *prefix)
{
    assert_memory_equal(key, prefix, strlen(prefix));
    return (unsigned)strtoul(key + strlen(prefix), NULL, 10);
}

/* An account is always at the same store, and nobody's money stays within one. */
static void a_transfer_moves_money_from_one_store_to_the_other(void **state)
{
    struct workload w = usual;
    struct plan plan;
    struct txn txn;
    unsigned n = 0;

    (void)state;
    w.kind = WORKLOAD_TRANSFER;
    w.keys = 7;
    w.bound = true;
    plan_make(&plan, &w, 1, 3);
    for (size_t i = 0; i < plan.n; i++) {
        plan_txn(&plan, i, &w, &topology, &txn);
        if (plan.arrival[i].is_read) {
            assert_int_equal(txn.n_ops, 1);
            continue;
        }
        n++;
        assert_int_equal(txn.n_ops, 2);
        assert_true(txn.op[0].delta < 0 && txn.op[0].delta >= -10);
        assert_int_equal(txn.op[0].delta, -txn.op[1].delta);
        assert_true(txn.op[0].has_min && !txn.op[1].has_min);
        for (unsigned k = 0; k < 2; k++) {
            unsigned account = index_in(txn.op[k].key, "acct:");

            assert_true(account < 7);
            assert_string_equal(txn.op[k].store, account % 2 == 0 ? "pg1" : "pg2");
        }
        assert_string_not_equal(txn.op[0].store, txn.op[1].store);
    }
    assert_true(n > 10000);
    plan_done(&plan);
}

static void elements_are_unique_and_lists_stay_short(void **state)
{
    struct workload w = usual;
    struct plan plan;
    struct txn txn;
    static unsigned last[100000]; /* element of each list */

    (void)state;
    w.kind = WORKLOAD_APPEND;
    w.keys = 5;
    w.read_share = 0;
    plan_make(&plan, &w, 1, 3);
    for (size_t i = 0; i < plan.n; i++) {
        plan_txn(&plan, i, &w, &topology, &txn);
        assert_true(txn.n_ops >= 1 && txn.n_ops <= 8);
        assert_int_equal(txn.op[0].kind, OP_APPEND);
        for (unsigned k = 0; k < txn.n_ops; k++) {
            unsigned list = index_in(txn.op[k].key, "list:");

            assert_true(list < 100000);
            assert_string_equal(txn.op[k].store, topology.store[list % 3].name);
            if (txn.op[k].kind == OP_APPEND)
                assert_int_equal(strtoul(txn.op[k].value, NULL, 10), ++last[list]);
            assert_true(last[list] <= 32);
        }
    }
    assert_int_equal(last[0], 32);
    plan_done(&plan);
}

/* The two of a pair ask for the same keys, one through each door; but a list that the first filled
 * is left for a fresh one. */
static void pairs_meet_at_the_same_keys(void **state)
{
    struct workload w = usual;
    struct plan plan;
    struct txn a, b;

    (void)state;
    w.pairs = 1;
    w.read_share = 0;
    for (int kind = 0; kind < WORKLOAD_KINDS; kind++) {
        size_t n_same = 0;

        w.kind = (enum workload_kind)kind;
        plan_make(&plan, &w, 1, 3);
        for (size_t i = 0; i + 1 < plan.n; i += 2) {
            plan_txn(&plan, i, &w, &topology, &a);
            plan_txn(&plan, i + 1, &w, &topology, &b);
            assert_int_equal(plan.arrival[i].planned_us, plan.arrival[i + 1].planned_us);
            assert_int_not_equal(a.op[0].kind, OP_READ);
            assert_int_not_equal(b.op[0].kind, OP_READ);
            n_same += strcmp(a.op[0].key, b.op[0].key) == 0;
        }
        near("same keys", (double)n_same, (double)(plan.n / 2), (double)plan.n / 20);
        assert_true(w.kind == WORKLOAD_APPEND || n_same == plan.n / 2);
        plan_done(&plan);
    }
}

/* With `reread` 1 every read asks for what its client last planned to write. */
static void rereads_ask_for_the_last_write(void **state)
{
    struct workload w = usual;
    struct plan plan;
    uint32_t last[16];
    unsigned n = 0;

    (void)state;
    w.reread = 1;
    memset(last, 0xff, sizeof last);
    plan_make(&plan, &w, 1, N_STORES);
    for (size_t i = 0; i < plan.n; i++) {
        const struct arrival *a = &plan.arrival[i];

        if (a->is_probe)
            continue;
        if (!a->is_read) {
            last[a->client] = a->key;
        } else if (last[a->client] != UINT32_MAX) {
            assert_int_equal(a->key, last[a->client]);
            n++;
        }
    }
    assert_true(n > 3000);
    plan_done(&plan);
}

static void a_closed_loop_grows_the_same_plan(void **state)
{
    struct workload w = usual;
    struct plan a, b;

    (void)state;
    w.arrivals = ARRIVALS_CLOSED;
    w.pairs = 0;
    w.reread = 0;
    plan_make(&a, &w, 1, N_STORES);
    plan_make(&b, &w, 1, N_STORES);
    assert_int_equal(a.n, 0);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(plan_add(&a, i % 16, i), i);
        (void)plan_add(&b, i % 3, 2 * i);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(a.arrival[i].client, i % 16);
        assert_int_equal(a.arrival[i].key, b.arrival[i].key);
        assert_int_equal(a.arrival[i].is_read, b.arrival[i].is_read);
    }
    plan_done(&a);
    plan_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workload_reads_and_prints),
        cmocka_unit_test(what_is_not_said_has_a_default),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(a_rate_is_given_once_and_makes_sense),
        cmocka_unit_test(what_means_nothing_here_is_refused),
        cmocka_unit_test(the_same_seed_gives_the_same_plan),
        cmocka_unit_test(arrivals_are_ordered_and_belong_to_clients_in_turn),
        cmocka_unit_test(the_shares_are_those_asked_for),
        cmocka_unit_test(more_reads_move_neither_times_nor_keys),
        cmocka_unit_test(constant_arrivals_are_evenly_spaced),
        cmocka_unit_test(steps_and_ramps_have_the_rate_of_their_time),
        cmocka_unit_test(a_write_goes_to_every_store_under_its_request_id),
        cmocka_unit_test(a_read_is_of_one_store_or_of_all_in_one_transaction),
        cmocka_unit_test(a_transfer_moves_money_from_one_store_to_the_other),
        cmocka_unit_test(elements_are_unique_and_lists_stay_short),
        cmocka_unit_test(pairs_meet_at_the_same_keys),
        cmocka_unit_test(rereads_ask_for_the_last_write),
        cmocka_unit_test(a_closed_loop_grows_the_same_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
