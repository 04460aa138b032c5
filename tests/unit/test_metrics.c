/*
 * The numbers of a run: counts, latencies, gaps, what was in doubt and what was blocked.
 * Folder: harness
 */
#include "harness/checkers/metrics.h"
#include "run_builder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static char dir[64];
static struct built b;

static int setup(void **state)
{
    (void)state;
    built_make_dir(dir);
    built_init(&b);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    built_remove_dir(dir);
    built_done(&b);
    return 0;
}

static bool unmeasured(double value)
{
    return isnan(value);
}

static void measure(struct metrics *ret)
{
    struct errctx err = {0};
    struct run_data run;

    built_save(&b, dir);
    if (run_data_load(dir, &run, &err) < 0)
        fail_msg("%s", err.message);
    metrics_compute(&run, LEVEL_EVERYWHERE, ret);
    run_data_done(&run);
}

static void expect_text(const char *got, const char *wanted)
{
    assert_string_equal(got, wanted);
}

#define EXPECT(wanted, ...)                                                                        \
    do {                                                                                           \
        char text[256];                                                                            \
        (void)snprintf(text, sizeof text, __VA_ARGS__);                                            \
        expect_text(text, wanted);                                                                 \
    } while (0)

/* An operation that is a probe and was acknowledged, asked for at 100 ms, whatever became of it. */
static void probe(unsigned key, enum history_end end, const int64_t unseen_ms[BUILT_STORES],
                  const int64_t seen_ms[BUILT_STORES])
{
    char request[16];

    (void)snprintf(request, sizeof request, "c0-%u", b.n_ops);
    struct built_op *op = built_write(&b, request, key, 100, 110, end);
    unsigned stores = 0;

    for (unsigned i = 0; i < BUILT_STORES; i++) {
        built_seen(&b, b.n_ops - 1, i, unseen_ms[i], seen_ms[i]);
        stores |= (seen_ms[i] ? 1U : 0U) << i;
    }
    built_apply(&b, op, stores);
}

#define AT(pg1, pg2, redis) ((const int64_t[]){pg1, pg2, redis})

static void expect_visibility(const char *wanted, const struct visibility *v)
{
    char text[128];

    (void)snprintf(text, sizeof text, "%d: p50 %g..%g max %g unseen %d", (int)v->high.n,
                   v->low_p50_ms, v->high.p50_ms, v->high.max_ms, (int)v->n_unseen);
    assert_string_equal(text, wanted);
}

static void kill_serve1(int64_t from_ms, int64_t to_ms)
{
    buf_printf(&b.faults,
               "{\"t\":\"begin\",\"fault\":0,\"at\":%lld,\"target\":\"serve1\",\"action\":\"kill\"}"
               "\n{\"t\":\"end\",\"fault\":0,\"at\":%lld,\"target\":\"serve1\"}\n",
               (long long)built_us(from_ms), (long long)built_us(to_ms));
}

static void in_doubt(int64_t at_ms, const char *store, const char *request, int64_t age_ms)
{
    buf_printf(&b.samples, "{\"t\":\"in_doubt\",\"at\":%lld,\"store\":\"%s\",\"gids\":[",
               (long long)built_us(at_ms), store);
    if (request)
        buf_printf(&b.samples, "\"sb1:serve1:1:5:%s\"", request);
    buf_append_str(&b.samples, "],\"ages_us\":[");
    if (request)
        buf_printf(&b.samples, "%lld", (long long)(age_ms * 1000));
    buf_printf(&b.samples, "],\"waiters\":%u}\n", request ? 3U : 0U);
}

/* A write through the given door. */
static void write_at(const char *door, const char *request, unsigned key, int64_t from_ms,
                     int64_t to_ms, enum history_end end)
{
    struct built_op *op = built_write(&b, request, key, from_ms, to_ms, end);

    built_copy(op->server, door);
}

static void operations_add_up(void **state)
{
    struct metrics m;

    (void)state;
    (void)built_write(&b, "c0-0", 0, 10, 15, HISTORY_OK);
    built_write(&b, "c1-1", 0, 20, 25, HISTORY_OK)->level = "decided";
    (void)built_write(&b, "c2-2", 0, 30, 35, HISTORY_FAIL);
    built_apply(&b, built_write(&b, "c3-3", 0, 40, 45, HISTORY_INFO), 1U);
    (void)built_write(&b, "c0-4", 0, 50, 55, HISTORY_INFO);
    (void)built_write(&b, "c1-5", 0, 60, 0, HISTORY_OPEN);
    (void)built_read(&b, "c2-6", 0, 0, "", 70, 71);
    measure(&m);
    EXPECT("6 invoked: 2 ok (1 decided) 1 fail 3 info (1 happened 2 not 0 unknown)",
           "%d invoked: %d ok (%d decided) %d fail %d info (%d happened %d not %d unknown)",
           (int)m.writes.invoked, (int)m.writes.ok, (int)m.writes.ok_decided, (int)m.writes.fail,
           (int)m.writes.info, (int)m.writes.info_happened, (int)m.writes.info_did_not,
           (int)m.writes.info_unknown);
    EXPECT("1 conflict, 2 timeout", "%d conflict, %d timeout", (int)m.writes.code[CODE_CONFLICT],
           (int)m.writes.code[CODE_TIMEOUT]);
    EXPECT("1 read, 1 ok", "%d read, %d ok", (int)m.reads.invoked, (int)m.reads.ok);
    EXPECT("ack 1, decided 1, read 1", "ack %d, decided %d, read %d", (int)m.ack.n,
           (int)m.decided.n, (int)m.read.n);
}

static void read_at(const char *request, const char *value, unsigned n, int64_t at_ms)
{
    built_read(&b, request, 0, 0, value, at_ms, at_ms + 1)->micro[0].n = n;
}

/* c0-0 is acknowledged at 15, c1-1 never; what lies before a read's n it does not lack. */
static void a_read_is_as_stale_as_what_it_lacks_was_acknowledged(void **state)
{
    struct metrics m;

    (void)state;
    built_apply(&b, built_write(&b, "c2-2", 0, 1, 2, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c0-0", 0, 10, 15, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c1-1", 0, 11, 16, HISTORY_INFO), BUILT_ALL);
    read_at("c0-3", "c2-2", 1, 40); /* stale by 25 */
    read_at("c0-4", "c2-2", 1, 15); /* sent as the answer came */
    read_at("c0-5", "c0-0", 2, 90); /* lacks only what nobody has heard of */
    read_at("c0-6", "", 0, 4);      /* stale by 2 */
    measure(&m);
    EXPECT("2 of 4, p50 0.0 max 25.0", "%d of %d, p50 %.1f max %.1f", (int)m.n_stale,
           (int)m.staleness.n, m.staleness.p50_ms, m.staleness.max_ms);
    read_at("c0-7", "zz", 2, 95); /* this store was not always what it is */
    measure(&m);
    EXPECT("0 of 0", "%d of %d", (int)m.n_stale, (int)m.staleness.n);
}

static void quantiles_are_exact(void **state)
{
    double value[1000];
    struct latency l;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        value[i] = 1000 - i;
    l = latency_of(value, 1000);
    EXPECT("500 900 990 999 1000", "%g %g %g %g %g", l.p50_ms, l.p90_ms, l.p99_ms, l.p999_ms,
           l.max_ms);
    l = latency_of(value, 99);
    assert_false(unmeasured(l.p90_ms));
    assert_true(unmeasured(l.p99_ms));
    l = latency_of(value, 0);
    assert_true(unmeasured(l.max_ms));
}

static void latency_counts_from_the_plan_and_service_from_the_sending(void **state)
{
    struct metrics m;

    (void)state;
    built_write(&b, "c0-0", 0, 30, 35, HISTORY_OK)->planned_ms = 10;
    measure(&m);
    EXPECT("25 5", "%g %g", m.ack.max_ms, m.service.max_ms);
}

static void the_longest_gap_is_between_acknowledgements_of_writes(void **state)
{
    struct metrics m;

    (void)state;
    (void)built_write(&b, "c0-0", 0, 500, 600, HISTORY_OK);
    (void)built_write(&b, "c1-1", 0, 700, 710, HISTORY_FAIL);
    (void)built_read(&b, "c2-2", 0, 0, "", 800, 801);
    (void)built_write(&b, "c3-3", 0, 1500, 1900, HISTORY_OK);
    (void)built_read(&b, "c0-4", 0, 0, "", 2000, 2001);
    measure(&m);
    EXPECT("gap 1.3 s, 1.0 ok/s", "gap %.1f s, %.1f ok/s", m.longest_gap_s, m.ok_per_s);
}

/* A decision says that the transaction will be there, which is less than that it is. */
static void an_answer_below_the_native_level_ends_no_gap(void **state)
{
    struct metrics m;

    (void)state;
    (void)built_write(&b, "c0-0", 0, 500, 600, HISTORY_OK);
    built_write(&b, "c1-1", 0, 1000, 1100, HISTORY_OK)->level = "decided";
    (void)built_write(&b, "c3-3", 0, 1500, 1900, HISTORY_OK);
    (void)built_read(&b, "c0-4", 0, 0, "", 2000, 2001);
    measure(&m);
    EXPECT("gap 1.3 s, 1.0 ok/s and 0.5", "gap %.1f s, %.1f ok/s and %.1f", m.longest_gap_s,
           m.ok_per_s, m.ok_decided_per_s);
}

/* All clients wait from 0.6 s on: nothing is planned any more, and the time counts. */
static void a_closed_loop_that_stalls_is_slow_to_its_end(void **state)
{
    struct metrics m;

    (void)state;
    b.workload = "{name: fanout, arrivals: closed, duration_s: 4}";
    (void)built_write(&b, "c0-0", 0, 100, 500, HISTORY_OK);
    (void)built_write(&b, "c0-1", 0, 500, 600, HISTORY_OK);
    (void)built_write(&b, "c0-2", 0, 600, 5600, HISTORY_INFO);
    measure(&m);
    EXPECT("gap 3.4 s, 0.5 ok/s", "gap %.1f s, %.1f ok/s", m.longest_gap_s, m.ok_per_s);
}

static void what_nobody_measured_is_not_zero(void **state)
{
    struct metrics m;

    (void)state;
    b.settled = false;
    (void)snprintf(b.scans, sizeof b.scans, "[]");
    measure(&m);
    assert_true(unmeasured(m.in_doubt_s));
    assert_true(unmeasured(m.keys_held));
    assert_true(unmeasured(m.waiters_max));
    assert_true(unmeasured(m.clients_waiting_max));
    assert_true(unmeasured(m.sink_lag_max));
    assert_true(unmeasured(m.longest_gap_s));
    assert_true(unmeasured(m.ok_decided_per_s));
    assert_false(m.blocked_measured);
    assert_true(unmeasured(m.settle_s));
    assert_true(unmeasured(m.converge_high_s));
}

/*
 * The first store to show it and the last are intervals made of intervals: pg2's, which lies inside
 * the others, decides neither alone.
 */
static void a_write_is_visible_within_an_interval(void **state)
{
    struct metrics m;

    (void)state;
    probe(0, HISTORY_OK, AT(101, 102, 104), AT(109, 106, 107));
    probe(1, HISTORY_OK, AT(101, 102, 104), AT(109, 106, 107));
    measure(&m);
    expect_visibility("2: p50 1..9 max 9 unseen 0", &m.visible[0]);
    expect_visibility("2: p50 2..6 max 6 unseen 0", &m.visible[1]);
    expect_visibility("2: p50 4..7 max 7 unseen 0", &m.visible[2]);
    expect_visibility("2: p50 1..6 max 6 unseen 0", &m.first);
    expect_visibility("2: p50 4..9 max 9 unseen 0", &m.everywhere);
}

/* Nothing of it is left out: to drop what was not seen would make a slow approach look fast. */
static void what_was_never_seen_is_slower_than_all(void **state)
{
    struct metrics m;

    (void)state;
    probe(0, HISTORY_OK, AT(101, 500, 101), AT(102, 0, 102));
    probe(1, HISTORY_OK, AT(103, 400, 103), AT(104, 0, 104));
    probe(2, HISTORY_OK, AT(105, 105, 105), AT(106, 106, 106));
    measure(&m);
    expect_visibility("3: p50 3..4 max 6 unseen 0", &m.first);
    expect_visibility("3: p50 300..inf max inf unseen 2", &m.visible[1]);
    expect_visibility("3: p50 300..inf max inf unseen 2", &m.everywhere);
}

/* One that nobody missed was not there before it was sent, which is all that is known. */
static void without_a_poll_that_missed_it_the_sending_is_the_low_end(void **state)
{
    struct metrics m;

    (void)state;
    probe(0, HISTORY_OK, AT(0, 0, 0), AT(103, 103, 103));
    b.op[0].planned_ms = 60;
    probe(1, HISTORY_OK, AT(0, 0, 0), AT(103, 103, 103));
    b.op[1].planned_ms = 60;
    measure(&m);
    expect_visibility("2: p50 40..43 max 43 unseen 0", &m.first);
}

static void an_unknown_probe_counts_when_it_happened(void **state)
{
    struct metrics m;

    (void)state;
    probe(0, HISTORY_INFO, AT(101, 101, 101), AT(105, 105, 105)); /* it did */
    probe(1, HISTORY_INFO, AT(900, 900, 900), AT(0, 0, 0));       /* it did not */
    probe(2, HISTORY_FAIL, AT(101, 101, 101), AT(0, 0, 0));
    probe(3, HISTORY_OPEN, AT(101, 101, 101), AT(107, 107, 107));
    measure(&m);
    expect_visibility("2: p50 1..5 max 7 unseen 0", &m.everywhere);
}

static void transactions_in_doubt_are_counted_once_over_stores(void **state)
{
    struct metrics m;

    (void)state;
    write_at("serve1", "c0-0", 0, 1000, 1100, HISTORY_INFO);
    in_doubt(1000, "pg1", NULL, 0);
    in_doubt(1100, "pg1", "c0-0", 90);
    in_doubt(1100, "redis", "c0-0", 80);
    in_doubt(2100, "pg1", "c0-0", 1090);
    in_doubt(3000, "pg1", NULL, 0);
    in_doubt(3100, "redis", NULL, 0);
    measure(&m);
    EXPECT("longest 1.09 s, 2.0 txn s, 1 key, 3 waiters",
           "longest %.2f s, %.1f txn s, %g key, %g waiters", m.in_doubt_s, m.in_doubt_txn_s,
           m.keys_held, m.waiters_max);
}

static void a_key_behind_a_transaction_in_doubt_is_blocked(void **state)
{
    struct metrics m;

    (void)state;
    kill_serve1(1000, 3000);
    write_at("serve1", "c0-0", 0, 990, 1000, HISTORY_INFO);
    write_at("serve2", "c1-1", 0, 1200, 3200, HISTORY_OK);
    write_at("serve2", "c2-2", 0, 1300, 3210, HISTORY_OK);
    write_at("serve2", "c3-3", 1, 1300, 1310, HISTORY_OK);
    in_doubt(1100, "pg1", "c0-0", 105);
    in_doubt(3000, "pg1", "c0-0", 2005);
    measure(&m);
    EXPECT("in doubt: 1 key 2.010 key s 2.010 s; other: 0 keys",
           "in doubt: %u key %.3f key s %.3f s; other: %u keys", m.blocked_in_doubt.keys,
           m.blocked_in_doubt.key_s, m.blocked_in_doubt.longest_s, m.blocked_other.keys);
}

/* From 0.995 s to 3 s the key is held by c0-0, which itself does not count, nor does its door. */
static void clients_wait_behind_a_transaction_in_doubt(void **state)
{
    struct metrics m;

    (void)state;
    kill_serve1(1000, 3000);
    write_at("serve1", "c0-0", 0, 990, 3200, HISTORY_INFO);
    write_at("serve2", "c1-1", 0, 1200, 3200, HISTORY_OK);
    write_at("serve2", "c2-2", 0, 1300, 1800, HISTORY_FAIL);
    write_at("serve2", "c3-3", 1, 1300, 3210, HISTORY_OK); /* another key */
    write_at("serve1", "c0-4", 0, 1400, 2000, HISTORY_INFO);
    write_at("serve2", "c1-5", 0, 1500, 3300, HISTORY_OK); /* client 1 once more */
    in_doubt(1100, "pg1", "c0-0", 105);
    measure(&m);
    EXPECT("0 clients, 0 s", "%g clients, %g s", m.clients_waiting_max, m.clients_waiting_s);
    in_doubt(3000, "pg1", "c0-0", 2005);
    measure(&m);
    EXPECT("2 clients, 2.3 s", "%g clients, %g s", m.clients_waiting_max, m.clients_waiting_s);
}

static void waiting_before_or_after_the_doubt_is_put_down_to_somebody_else(void **state)
{
    struct metrics m;

    (void)state;
    kill_serve1(1000, 2300);
    write_at("serve1", "c0-0", 0, 990, 1000, HISTORY_INFO);
    write_at("serve2", "c1-1", 0, 1200, 2200, HISTORY_FAIL);
    write_at("serve2", "c2-2", 0, 3000, 5000, HISTORY_FAIL);
    in_doubt(1100, "pg1", "c0-0", 105);
    in_doubt(2200, "pg1", "c0-0", 1205);
    in_doubt(2300, "pg1", NULL, 0);
    measure(&m);
    EXPECT("in doubt: 1 key 1.0 s; other: 1 key 2.0 s",
           "in doubt: %u key %.1f s; other: %u key %.1f s", m.blocked_in_doubt.keys,
           m.blocked_in_doubt.key_s, m.blocked_other.keys, m.blocked_other.key_s);
}

static void two_episodes_of_doubt_do_not_cover_the_time_between(void **state)
{
    struct metrics m;

    (void)state;
    write_at("serve1", "c0-0", 0, 990, 1000, HISTORY_INFO);
    write_at("serve2", "c1-1", 0, 2000, 3000, HISTORY_FAIL);
    in_doubt(1100, "pg1", "c0-0", 105);
    in_doubt(1500, "pg1", "c0-0", 505);
    in_doubt(1600, "pg1", NULL, 0);
    in_doubt(4000, "pg2", "c0-0", 100);
    in_doubt(4500, "pg2", "c0-0", 600);
    measure(&m);
    EXPECT("in doubt: 0 keys; other: 1 key 1.0 s", "in doubt: %u keys; other: %u key %.1f s",
           m.blocked_in_doubt.keys, m.blocked_other.keys, m.blocked_other.key_s);
}

/* Nobody can ask pg2, but a durable decision means that it had prepared. */
static void what_a_dead_store_holds_is_inferred(void **state)
{
    struct metrics m;

    (void)state;
    buf_printf(&b.faults,
               "{\"t\":\"begin\",\"fault\":0,\"at\":%lld,\"target\":\"pg2\",\"action\":\"kill\"}\n"
               "{\"t\":\"end\",\"fault\":0,\"at\":%lld,\"target\":\"pg2\"}\n",
               (long long)built_us(1000), (long long)built_us(3000));
    buf_append_str(
        &b.evidence,
        "{\"t\":\"decision\",\"server\":\"serve1\",\"gid\":\"g\",\"request\":\"c0-0\"}\n"
        "{\"t\":\"decision\",\"server\":\"serve1\",\"gid\":\"g\",\"request\":\"c1-1\"}\n");
    built_write(&b, "c0-0", 0, 1001, 2001, HISTORY_OK)->level = "decided";
    write_at("serve1", "c1-1", 1, 980, 990, HISTORY_OK);
    write_at("serve2", "c2-2", 0, 1300, 3210, HISTORY_OK);
    in_doubt(900, "pg1", NULL, 0);
    in_doubt(3100, "pg2", NULL, 0);
    measure(&m);
    EXPECT("longest 2.0 s, 1 key held, blocked in doubt 1 key 2.2 s, other 0",
           "longest %.1f s, %g key held, blocked in doubt %u key %.1f s, other %u", m.in_doubt_s,
           m.keys_held, m.blocked_in_doubt.keys, m.blocked_in_doubt.key_s, m.blocked_other.keys);
}

/* pg2 is gone from 6 s on, until `to_ms` or for ever (0). */
static void lose_pg2(const char *action, int64_t to_ms)
{
    buf_printf(&b.faults,
               "{\"t\":\"begin\",\"fault\":1,\"at\":%lld,\"target\":\"pg2\",\"action\":\"%s\"}\n",
               (long long)built_us(6000), action);
    if (to_ms)
        buf_printf(&b.faults, "{\"t\":\"end\",\"fault\":1,\"at\":%lld,\"target\":\"pg2\"}\n",
                   (long long)built_us(to_ms));
}

/* A decided write through serve1. */
static void decided(const char *request, unsigned key, int64_t from_ms, int64_t to_ms,
                    enum history_end end)
{
    write_at("serve1", request, key, from_ms, to_ms, end);
    built_decide(&b, &b.op[b.n_ops - 1]);
}

/* Decided when serve1 was killed, and settled when it was back: pg2's absence is another matter. */
static void what_was_settled_before_a_store_went_is_not_in_doubt_there(void **state)
{
    struct metrics m;

    (void)state;
    kill_serve1(1000, 2000);
    decided("c0-0", 0, 990, 1000, HISTORY_INFO);
    decided("c1-1", 1, 5000, 5010, HISTORY_OK);
    lose_pg2("kill", 8000);
    in_doubt(1100, "pg2", "c0-0", 105);
    in_doubt(2000, "pg2", "c0-0", 1005);
    in_doubt(2100, "pg2", NULL, 0);
    in_doubt(5950, "pg2", NULL, 0);
    in_doubt(8100, "pg2", NULL, 0);
    measure(&m);
    EXPECT("longest 1.0 s, 1.0 txn s", "longest %.1f s, %.1f txn s", m.in_doubt_s,
           m.in_doubt_txn_s);
}

static void what_was_not_recovered_when_a_store_went_is_in_doubt_there(void **state)
{
    struct metrics m;

    (void)state;
    kill_serve1(5500, 7000);
    decided("c0-0", 0, 5490, 5500, HISTORY_INFO);
    lose_pg2("kill", 8000);
    in_doubt(5950, "pg2", "c0-0", 455);
    in_doubt(8100, "pg2", NULL, 0);
    measure(&m);
    EXPECT("longest 2.0 s, 2.1 txn s", "longest %.1f s, %.1f txn s", m.in_doubt_s,
           m.in_doubt_txn_s);
}

/* It was on its way through when it was seen, and was over everywhere before the store went. */
static void what_a_store_saw_last_is_not_all_that_it_holds(void **state)
{
    struct metrics m;

    (void)state;
    decided("c0-0", 0, 5940, 5960, HISTORY_OK);
    lose_pg2("kill", 8000);
    in_doubt(5950, "pg2", "c0-0", 5);
    in_doubt(8100, "pg2", NULL, 0);
    measure(&m);
    EXPECT("0.05 txn s", "%.2f txn s", m.in_doubt_txn_s);
}

static void what_a_store_lists_before_and_after_it_held_meanwhile(void **state)
{
    struct metrics m;

    (void)state;
    write_at("serve1", "c0-0", 0, 5940, 6940, HISTORY_INFO);
    lose_pg2("kill", 8000);
    in_doubt(5950, "pg2", "c0-0", 5);
    in_doubt(8050, "pg2", "c0-0", 2105);
    in_doubt(8150, "pg2", NULL, 0);
    measure(&m);
    EXPECT("2.2 txn s", "%.1f txn s", m.in_doubt_txn_s);
}

/* The answer was under way when the store was killed, or the question when it came back. */
static void an_answer_of_an_absent_store_does_not_count(void **state)
{
    struct metrics m;

    (void)state;
    decided("c0-0", 0, 5990, 6500, HISTORY_INFO);
    lose_pg2("kill", 8000);
    in_doubt(5900, "pg2", NULL, 0);
    in_doubt(6001, "pg2", NULL, 0);
    in_doubt(7999, "pg2", NULL, 0);
    in_doubt(8100, "pg2", NULL, 0);
    measure(&m);
    EXPECT("longest 2.0 s, 2.1 txn s", "longest %.1f s, %.1f txn s", m.in_doubt_s,
           m.in_doubt_txn_s);
}

static void a_store_that_never_comes_back_holds_to_the_end(void **state)
{
    struct metrics m;

    (void)state;
    decided("c0-0", 0, 5990, 6500, HISTORY_INFO);
    lose_pg2("kill", 0);
    in_doubt(5900, "pg2", NULL, 0);
    in_doubt(9000, "pg1", NULL, 0);
    measure(&m);
    EXPECT("longest 3.0 s", "longest %.1f s", m.in_doubt_s);
}

/* Its vote may have been given only when it went on; before the answer it must have been. */
static void a_paused_store_holds_what_was_answered_meanwhile(void **state)
{
    struct metrics m;

    (void)state;
    decided("c0-0", 0, 5990, 8050, HISTORY_OK);
    lose_pg2("pause", 8000);
    in_doubt(5900, "pg2", NULL, 0);
    in_doubt(8100, "pg2", NULL, 0);
    measure(&m);
    EXPECT("longest 0.0 s", "longest %.1f s", m.in_doubt_s);
    b.op[0].ended_ms = 7000;
    b.op[0].level = "decided";
    measure(&m);
    EXPECT("longest 2.0 s", "longest %.1f s", m.in_doubt_s);
}

static void waiting_at_a_dead_door_is_no_blocking(void **state)
{
    struct metrics m;

    (void)state;
    kill_serve1(1000, 3000);
    write_at("serve1", "c0-0", 0, 700, 3300, HISTORY_INFO);
    measure(&m);
    EXPECT("0.600", "%.3f", m.blocked_other.longest_s); /* 0.3 s before, 0.3 s after */
    b.op[0].invoked_ms = 900;
    b.op[0].ended_ms = 3100;
    measure(&m);
    EXPECT("0 keys", "%u keys", m.blocked_other.keys);
}

/* Its first door is dead, but it waits at the second. */
static void what_was_sent_again_waits_at_its_second_door(void **state)
{
    struct metrics m;

    (void)state;
    kill_serve1(1000, 3000);
    write_at("serve1", "c0-0", 0, 900, 1900, HISTORY_INFO);
    measure(&m);
    EXPECT("0 keys", "%u keys", m.blocked_other.keys);
    b.op[0].retried_ms = 1200;
    measure(&m);
    EXPECT("0.800", "%.3f", m.blocked_other.longest_s); /* 0.1 s before, 0.7 s after */
}

static void attempts_between_two_oks_sum_up(void **state)
{
    struct metrics m;

    (void)state;
    write_at("serve2", "c0-0", 2, 1000, 1200, HISTORY_FAIL);
    write_at("serve2", "c1-1", 2, 1100, 1300, HISTORY_FAIL); /* 0.3 s by now, not 0.4 */
    write_at("serve2", "c2-2", 2, 1500, 1700, HISTORY_FAIL);
    measure(&m);
    EXPECT("1 key 0.5 s", "%u key %.1f s", m.blocked_other.keys, m.blocked_other.key_s);
    b.op[2].invoked_ms = 1501;
    measure(&m);
    EXPECT("0 keys", "%u keys", m.blocked_other.keys);
}

static void an_ok_begins_anew(void **state)
{
    struct metrics m;

    (void)state;
    write_at("serve2", "c0-0", 2, 1000, 1900, HISTORY_INFO);
    write_at("serve1", "c1-1", 2, 1390, 1400, HISTORY_OK);
    measure(&m);
    EXPECT("1 key 0.5 s", "%u key %.1f s", m.blocked_other.keys, m.blocked_other.key_s);
    write_at("serve1", "c2-2", 2, 1440, 1450, HISTORY_OK);
    measure(&m);
    EXPECT("0 keys", "%u keys", m.blocked_other.keys);
}

static void quick_refusals_are_no_blocking(void **state)
{
    struct metrics m;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char request[32];

        (void)snprintf(request, sizeof request, "c0-%d", i);
        write_at("serve2", request, 0, 1000 + i * 50, 1001 + i * 50, HISTORY_FAIL);
    }
    measure(&m);
    EXPECT("0 keys", "%u keys", m.blocked_other.keys);
}

static void convergence_lies_between_two_scans(void **state)
{
    struct metrics m;

    (void)state;
    (void)built_write(&b, "c0-0", 0, 1000, 1005, HISTORY_OK);
    kill_serve1(1500, 2000);
    (void)snprintf(b.scans, sizeof b.scans,
                   "[{\"from\":%lld,\"to\":%lld,\"equal\":false},"
                   "{\"from\":%lld,\"to\":%lld,\"equal\":true},"
                   "{\"from\":%lld,\"to\":%lld,\"equal\":true}]",
                   (long long)built_us(2500), (long long)built_us(2600), (long long)built_us(3500),
                   (long long)built_us(3600), (long long)built_us(4500), (long long)built_us(4600));
    measure(&m);
    EXPECT("0.5 to 1.6 s, settled 2.6 s", "%.1f to %.1f s, settled %.1f s", m.converge_low_s,
           m.converge_high_s, m.settle_s);
}

/* At `at_ms` the sink of a store answers: so much is applied, so much it knows to be left. */
static void lag(int64_t at_ms, const char *store, unsigned position, unsigned records)
{
    buf_printf(&b.samples,
               "{\"t\":\"lag\",\"at\":%lld,\"store\":\"%s\",\"records\":%u,\"position\":%u}\n",
               (long long)built_us(at_ms), store, records, position);
}

static void the_furthest_behind_sink_counts(void **state)
{
    struct metrics m;

    (void)state;
    lag(100, "pg1", 3, 17);
    lag(100, "redis", 20, 0);
    lag(200, "pg2", 17, 3);
    measure(&m);
    EXPECT("17", "%g", m.sink_lag_max);
}

/* pg1's sink answers at 100 ms for the last time; the others go on to record 400. */
static void pg1_falls_silent(void)
{
    lag(100, "pg1", 10, 1);
    for (unsigned i = 1; i <= 40; i++) {
        lag(i * 100, "pg2", i * 10, 1);
        lag(i * 100, "redis", i * 10, 0);
    }
}

static void a_sink_that_is_gone_lags_by_all_that_others_see(void **state)
{
    struct metrics m;

    (void)state;
    pg1_falls_silent();
    measure(&m);
    EXPECT("391", "%g", m.sink_lag_max);
}

static void a_sink_that_was_paused_lagged_until_it_went_on(void **state)
{
    struct metrics m;

    (void)state;
    pg1_falls_silent();
    lag(4100, "pg1", 401, 0);
    measure(&m);
    EXPECT("391", "%g", m.sink_lag_max);
}

/* The store stands still while its sink answers, and hears no more of the log's end itself. */
static void a_sink_with_a_stale_end_lags_behind_what_others_know(void **state)
{
    struct metrics m;

    (void)state;
    lag(100, "pg2", 5, 0);
    lag(100, "redis", 50, 0);
    lag(101, "pg1", 5, 2);
    lag(200, "pg2", 50, 0);
    measure(&m);
    EXPECT("45", "%g", m.sink_lag_max);
}

static void between_two_answers_a_sink_is_not_behind(void **state)
{
    struct metrics m;

    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        lag(i * 100, "pg1", i * 40, 1);
        lag(i * 100, "pg2", i * 40, 2);
        lag(i * 100, "redis", i * 40, 2);
    }
    measure(&m);
    EXPECT("2", "%g", m.sink_lag_max);
}

static void when_all_sinks_are_gone_the_topic_tells_the_end(void **state)
{
    struct metrics m;

    (void)state;
    lag(100, "pg1", 10, 0);
    lag(100, "pg2", 10, 0);
    lag(100, "redis", 10, 0);
    buf_append_str(&b.evidence, "{\"t\":\"topic\",\"partition\":0,\"end\":300}\n"
                                "{\"t\":\"topic\",\"partition\":1,\"end\":336}\n");
    measure(&m);
    EXPECT("626", "%g", m.sink_lag_max);
}

static void a_store_never_heard_of_leaves_the_lag_unmeasured(void **state)
{
    struct metrics m;

    (void)state;
    lag(100, "pg1", 10, 1);
    lag(100, "pg2", 10, 1);
    measure(&m);
    assert_true(unmeasured(m.sink_lag_max));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(operations_add_up),
        TEST(a_read_is_as_stale_as_what_it_lacks_was_acknowledged),
        TEST(quantiles_are_exact),
        TEST(latency_counts_from_the_plan_and_service_from_the_sending),
        TEST(a_closed_loop_that_stalls_is_slow_to_its_end),
        TEST(the_longest_gap_is_between_acknowledgements_of_writes),
        TEST(an_answer_below_the_native_level_ends_no_gap),
        TEST(what_nobody_measured_is_not_zero),
        TEST(a_write_is_visible_within_an_interval),
        TEST(what_was_never_seen_is_slower_than_all),
        TEST(without_a_poll_that_missed_it_the_sending_is_the_low_end),
        TEST(an_unknown_probe_counts_when_it_happened),
        TEST(transactions_in_doubt_are_counted_once_over_stores),
        TEST(a_key_behind_a_transaction_in_doubt_is_blocked),
        TEST(clients_wait_behind_a_transaction_in_doubt),
        TEST(waiting_before_or_after_the_doubt_is_put_down_to_somebody_else),
        TEST(two_episodes_of_doubt_do_not_cover_the_time_between),
        TEST(what_a_dead_store_holds_is_inferred),
        TEST(what_was_settled_before_a_store_went_is_not_in_doubt_there),
        TEST(what_was_not_recovered_when_a_store_went_is_in_doubt_there),
        TEST(what_a_store_saw_last_is_not_all_that_it_holds),
        TEST(what_a_store_lists_before_and_after_it_held_meanwhile),
        TEST(an_answer_of_an_absent_store_does_not_count),
        TEST(a_store_that_never_comes_back_holds_to_the_end),
        TEST(a_paused_store_holds_what_was_answered_meanwhile),
        TEST(waiting_at_a_dead_door_is_no_blocking),
        TEST(what_was_sent_again_waits_at_its_second_door),
        TEST(attempts_between_two_oks_sum_up),
        TEST(an_ok_begins_anew),
        TEST(quick_refusals_are_no_blocking),
        TEST(convergence_lies_between_two_scans),
        TEST(the_furthest_behind_sink_counts),
        TEST(a_sink_that_is_gone_lags_by_all_that_others_see),
        TEST(a_sink_that_was_paused_lagged_until_it_went_on),
        TEST(a_sink_with_a_stale_end_lags_behind_what_others_know),
        TEST(between_two_answers_a_sink_is_not_behind),
        TEST(when_all_sinks_are_gone_the_topic_tells_the_end),
        TEST(a_store_never_heard_of_leaves_the_lag_unmeasured),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
