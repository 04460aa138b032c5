/*
 * Workloads: the file's form, and the plan: the same for the same seed, with the shares asked for,
 * and one share can be changed without moving what it does not concern.
 *
 * Folder: harness
 */
#include "harness/workload/workload.h"

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
    refused("name: transfer\nduration_s: 1\nkeys: 1\nrate_per_s: 1\n", "2 to 100000 accounts");
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

static void a_write_goes_to_every_store_under_its_request_id(void **state)
{
    static struct topology topology = {.n_stores = 2,
                                       .store = {{.name = "pg1"}, {.name = "redis"}}};
    struct arrival arrivals[] = {{.client = 0}, {.client = 1, .key = 42}};
    struct plan plan = {2, arrivals};
    struct txn txn;

    (void)state;
    plan_txn(&plan, 1, &usual, &topology, &txn);
    assert_string_equal(txn.request, "c1-1");
    assert_int_equal(txn.n_ops, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(txn.op[i].kind, OP_WRITE);
        assert_string_equal(txn.op[i].store, topology.store[i].name);
        assert_string_equal(txn.op[i].key, "user:42");
        assert_string_equal(txn.op[i].value, "c1-1");
    }
    arrivals[1].is_read = true;
    arrivals[1].store = 1;
    plan_txn(&plan, 1, &usual, &topology, &txn);
    assert_int_equal(txn.n_ops, 1);
    assert_int_equal(txn.op[0].kind, OP_READ);
    assert_string_equal(txn.op[0].store, "redis");
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
        cmocka_unit_test(a_write_goes_to_every_store_under_its_request_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
