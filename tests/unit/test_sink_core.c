/*
 * Unit tests of a sink's decisions (Folder: logsync): batches, what is skipped, lost answers,
 * fencing, a record that the store refuses; and random schedules against what a sink promises.
 *
 * Method: feed events, render the returned actions as text, compare with the expected trace. No
 * broker, store, clock or thread.
 */
#include "logsync/sink_core.h"

#include "base/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* own block: must follow the three above, and clang-format sorts in blocks */

static const struct sink_limits limits = {.records_max = 3, .bytes_max = 100, .backoff_us = 50000};

static size_t render_position(const struct position *p, char *buf, size_t size)
{
    size_t used = 0;

    for (unsigned i = 0; i < p->n; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%lld", i ? "," : "",
                                 (long long)p->offset[i]);
    return used;
}

static size_t render_action(const struct sink_action *a, char *buf, size_t size)
{
    static const char *const names[] = {
        [SINK_ACT_TAKE_OVER] = "take-over", [SINK_ACT_RESUME] = "resume",
        [SINK_ACT_SEEK] = "seek ",          [SINK_ACT_HOLD] = "hold",
        [SINK_ACT_SKIP] = "skip",           [SINK_ACT_APPLY] = "apply ",
        [SINK_ACT_SET_TIMER] = "timer",     [SINK_ACT_STOP] = "stop:",
    };
    static const char *const failures[] = {[SINK_LOST] = "lost",
                                           [SINK_FENCED] = "fenced",
                                           [SINK_REFUSED] = "refused",
                                           [SINK_UNREADABLE] = "unreadable"};
    size_t used = (size_t)snprintf(buf, size, "%s", names[a->type]);

    if (a->type == SINK_ACT_STOP)
        used += (size_t)snprintf(buf + used, size - used, "%s", failures[a->failure]);
    if (a->type == SINK_ACT_APPLY)
        used += (size_t)snprintf(buf + used, size - used, "%u: ", a->n_records);
    if (a->type == SINK_ACT_APPLY || a->type == SINK_ACT_SEEK)
        used += render_position(&a->from, buf + used, size - used);
    if (a->type == SINK_ACT_APPLY) {
        used += (size_t)snprintf(buf + used, size - used, " -> ");
        used += render_position(&a->to, buf + used, size - used);
    }
    return used;
}

static void expect(struct sink_core *s, struct sink_event ev, const char *trace)
{
    struct sink_actions out;
    char got[256] = "";
    size_t used = 0;

    assert_int_equal(sink_core_step(s, &ev, &out), 0);
    for (unsigned i = 0; i < out.n; i++) {
        if (i > 0)
            used += (size_t)snprintf(got + used, sizeof got - used, "; ");
        used += render_action(&out.item[i], got + used, sizeof got - used);
    }
    assert_true(used < sizeof got);
    assert_string_equal(got, trace);
}

static struct sink_event opened(int64_t p0, int64_t p1)
{
    return (struct sink_event){.type = SINK_EV_OPENED, .position = {.n = 2, .offset = {p0, p1}}};
}

static struct sink_event record(unsigned partition, int64_t offset)
{
    return (struct sink_event){
        .type = SINK_EV_RECORD, .partition = partition, .offset = offset, .size = 10};
}

static struct sink_event bad(unsigned partition, int64_t offset)
{
    struct sink_event ev = record(partition, offset);

    ev.type = SINK_EV_BAD_RECORD;
    return ev;
}

static struct sink_event failed(enum sink_failure failure)
{
    return (struct sink_event){.type = SINK_EV_FAILED, .failure = failure};
}

#define START   ((struct sink_event){.type = SINK_EV_START})
#define NO_MORE ((struct sink_event){.type = SINK_EV_NO_MORE})
#define APPLIED ((struct sink_event){.type = SINK_EV_APPLIED})
#define TIMEOUT ((struct sink_event){.type = SINK_EV_TIMEOUT})

static void begin(struct sink_core *s)
{
    sink_core_init(s, 2, &limits);
    expect(s, START, "take-over");
    expect(s, opened(5, 7), "seek 5,7");
}

static void applies_what_has_arrived_as_one_batch(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, NO_MORE, "");
    expect(&s, record(0, 5), "hold");
    expect(&s, record(1, 7), "hold");
    expect(&s, NO_MORE, "apply 2: 5,7 -> 6,8");
    expect(&s, APPLIED, "");
}

static void gathers_the_next_batch_while_one_is_under_way(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, record(0, 5), "hold");
    expect(&s, NO_MORE, "apply 1: 5,7 -> 6,7");
    expect(&s, record(0, 6), "hold");
    expect(&s, NO_MORE, "");
    expect(&s, record(1, 7), "hold");
    expect(&s, APPLIED, "apply 2: 6,7 -> 7,8");
    expect(&s, APPLIED, "");
}

static void a_full_batch_goes_at_once_and_wants_no_more(void **state)
{
    struct sink_core s;
    struct sink_actions out;
    struct sink_event late = record(0, 11);

    (void)state;
    begin(&s);
    expect(&s, record(0, 5), "hold");
    expect(&s, record(0, 6), "hold");
    expect(&s, record(0, 7), "hold; apply 3: 5,7 -> 8,7");
    expect(&s, record(0, 8), "hold");
    expect(&s, record(0, 9), "hold");
    assert_true(sink_core_wants(&s));
    expect(&s, record(0, 10), "hold");
    assert_false(sink_core_wants(&s));
    assert_int_equal(sink_core_step(&s, &late, &out), -EPROTO);
    expect(&s, APPLIED, "apply 3: 8,7 -> 11,7");
    assert_true(sink_core_wants(&s));
}

static void bytes_make_a_batch_full_too(void **state)
{
    struct sink_core s;
    struct sink_event large = record(0, 5);

    (void)state;
    begin(&s);
    large.size = 100;
    expect(&s, large, "hold; apply 1: 5,7 -> 6,7");
}

static void skips_below_the_position_and_steps_over_gaps(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, record(0, 4), "skip");
    expect(&s, record(0, 9), "hold");
    expect(&s, record(0, 9), "skip");
    expect(&s, NO_MORE, "apply 1: 5,7 -> 10,7");
    expect(&s, record(0, 9), "skip"); /* under way counts as read */
    expect(&s, APPLIED, "");
    expect(&s, record(0, 9), "skip");
}

/* It may be in the store or not: only the store knows. */
static void a_lost_answer_asks_the_store_where_it_stands(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, record(0, 5), "hold");
    expect(&s, NO_MORE, "apply 1: 5,7 -> 6,7");
    expect(&s, record(0, 6), "hold");
    expect(&s, failed(SINK_LOST), "timer");
    expect(&s, record(0, 7), "skip"); /* will be read again */
    expect(&s, TIMEOUT, "resume");
    expect(&s, failed(SINK_LOST), "timer");
    expect(&s, TIMEOUT, "resume");
    expect(&s, opened(6, 7), "seek 6,7"); /* it was applied */
    expect(&s, record(0, 6), "hold");
    expect(&s, NO_MORE, "apply 1: 6,7 -> 7,7");
    expect(&s, failed(SINK_LOST), "timer");
    expect(&s, TIMEOUT, "resume");
    expect(&s, opened(0, 0), "seek 0,0"); /* the store came back from a backup */
    expect(&s, record(0, 0), "hold");
}

/* Its first answer was lost: whether it took over it does not know, so it may not resume. */
static void takes_over_until_it_has_heard_that_it_has(void **state)
{
    struct sink_core s;

    (void)state;
    sink_core_init(&s, 2, &limits);
    expect(&s, START, "take-over");
    expect(&s, failed(SINK_LOST), "timer");
    expect(&s, TIMEOUT, "take-over");
    expect(&s, opened(0, 0), "seek 0,0");
    expect(&s, record(0, 0), "hold");
    expect(&s, NO_MORE, "apply 1: 0,0 -> 1,0");
    expect(&s, failed(SINK_LOST), "timer");
    expect(&s, TIMEOUT, "resume");
}

static void stops_for_good_when_fenced(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, record(0, 5), "hold");
    expect(&s, NO_MORE, "apply 1: 5,7 -> 6,7");
    expect(&s, record(0, 6), "hold");
    expect(&s, failed(SINK_FENCED), "stop:fenced");
    expect(&s, record(0, 7), "skip");
    expect(&s, NO_MORE, "");
    expect(&s, TIMEOUT, "");
    assert_false(sink_core_wants(&s));
}

static void a_refused_batch_is_taken_again_record_by_record(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, record(0, 5), "hold");
    expect(&s, record(0, 6), "hold");
    expect(&s, NO_MORE, "apply 2: 5,7 -> 7,7");
    expect(&s, failed(SINK_REFUSED), "timer");
    expect(&s, TIMEOUT, "resume");
    expect(&s, opened(5, 7), "seek 5,7");
    expect(&s, record(0, 5), "hold; apply 1: 5,7 -> 6,7");
    expect(&s, record(0, 6), "hold");
    assert_false(sink_core_wants(&s));
    expect(&s, APPLIED, "apply 1: 6,7 -> 7,7");
    expect(&s, failed(SINK_REFUSED), "stop:refused");
}

static void large_batches_come_back_after_a_refusal_that_passed(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, record(0, 5), "hold");
    expect(&s, record(0, 6), "hold");
    expect(&s, NO_MORE, "apply 2: 5,7 -> 7,7");
    expect(&s, failed(SINK_REFUSED), "timer");
    expect(&s, TIMEOUT, "resume");
    expect(&s, opened(5, 7), "seek 5,7");
    expect(&s, record(0, 5), "hold; apply 1: 5,7 -> 6,7");
    expect(&s, APPLIED, "");
    expect(&s, record(0, 6), "hold; apply 1: 6,7 -> 7,7");
    expect(&s, APPLIED, "");
    expect(&s, record(0, 7), "hold");
    expect(&s, record(0, 8), "hold");
    expect(&s, NO_MORE, "apply 2: 7,7 -> 9,7");
}

static void applies_what_precedes_an_unreadable_record(void **state)
{
    struct sink_core s;
    struct sink_actions out;
    struct sink_event late = record(0, 8);

    (void)state;
    begin(&s);
    expect(&s, bad(0, 4), "skip"); /* below the position: whoever moved that has seen to it */
    expect(&s, record(0, 5), "hold");
    expect(&s, NO_MORE, "apply 1: 5,7 -> 6,7");
    expect(&s, record(0, 6), "hold");
    expect(&s, bad(0, 7), "");
    assert_false(sink_core_wants(&s));
    assert_int_equal(sink_core_step(&s, &late, &out), -EPROTO);
    expect(&s, NO_MORE, "");
    expect(&s, APPLIED, "apply 1: 6,7 -> 7,7");
    expect(&s, APPLIED, "stop:unreadable");
    expect(&s, bad(0, 7), "skip");
}

static void an_unreadable_record_sends_off_what_is_held(void **state)
{
    struct sink_core s;

    (void)state;
    begin(&s);
    expect(&s, record(0, 5), "hold");
    expect(&s, bad(1, 7), "apply 1: 5,7 -> 6,7");
    expect(&s, failed(SINK_LOST), "timer");
    expect(&s, bad(1, 7), "skip"); /* will be read again */
    expect(&s, TIMEOUT, "resume");
    expect(&s, opened(6, 7), "seek 6,7");
    assert_true(sink_core_wants(&s));
    expect(&s, bad(1, 7), "stop:unreadable");
}

static void rejects_answers_to_nothing(void **state)
{
    struct sink_core s;
    struct sink_actions out;
    struct sink_event start = START, applied = APPLIED, lost = failed(SINK_LOST);
    struct sink_event again = opened(0, 0);

    (void)state;
    begin(&s);
    assert_int_equal(sink_core_step(&s, &start, &out), -EPROTO);
    assert_int_equal(sink_core_step(&s, &applied, &out), -EPROTO);
    assert_int_equal(sink_core_step(&s, &lost, &out), -EPROTO);
    assert_int_equal(sink_core_step(&s, &again, &out), -EPROTO);
    assert_int_equal(out.n, 0);
    assert_int_equal(s.state, SINK_READING);
}

/* --- random schedules ------------------------------------------------------------------------ */

/*
 * One log of two partitions with gaps, one store, two sink processes that both think it is theirs,
 * and a network that loses answers before or after they took effect. After every apply:
 *
 *   prefix   what the store has applied of each partition is exactly the log's first records
 *   bad      nothing at or behind a record that nobody can read is applied, and when a sink stops
 *            because of it, all that it was given before is in the store
 *   fenced   a process that was fenced never changes the store again
 *   bounded  no batch is larger than its limits say
 */
#define SCHEDULES  100000
#define STEPS      120
#define PARTITIONS 2
#define LOG_MAX    40
#define SINKS      2

struct world {
    struct rng rng;
    uint64_t seed;
    unsigned n_log[PARTITIONS];
    int64_t log[PARTITIONS][LOG_MAX]; /* offsets, ascending, with gaps */
    unsigned bad[PARTITIONS];         /* index of the unreadable one; LOG_MAX: none */

    int64_t epoch; /* the store */
    int owner;
    struct position stands;
    unsigned n_applied[PARTITIONS];
    int64_t applied[PARTITIONS][LOG_MAX];

    struct process {
        struct sink_core core;
        int64_t epoch;
        unsigned next[PARTITIONS]; /* index into the log of what is delivered next */
        int64_t held[2][3][2];     /* [gathering, under way][i] = partition, offset */
        unsigned n_held[2];
        bool opening, applying, resume;
        struct position from, to;
        bool superseded; /* another has opened since */
    } sink[SINKS];
    unsigned n_batches, n_fenced, n_unreadable;
};

static void check_prefix(const struct world *w)
{
    for (unsigned p = 0; p < PARTITIONS; p++) {
        for (unsigned i = 0; i < w->n_applied[p]; i++) {
            if (i >= w->n_log[p] || i >= w->bad[p] || w->applied[p][i] != w->log[p][i])
                fail_msg("seed %llu: partition %u, applied %u is offset %lld",
                         (unsigned long long)w->seed, p, i, (long long)w->applied[p][i]);
        }
    }
}

static void feed(struct world *w, unsigned who, const struct sink_event *ev);

static void act(struct world *w, unsigned who, const struct sink_action *a,
                const struct sink_event *ev)
{
    struct process *s = &w->sink[who];

    switch (a->type) {
    case SINK_ACT_TAKE_OVER:
    case SINK_ACT_RESUME:
        s->opening = true;
        s->resume = a->type == SINK_ACT_RESUME;
        break;
    case SINK_ACT_SEEK:
        s->n_held[0] = 0;
        s->n_held[1] = 0;
        for (unsigned p = 0; p < PARTITIONS; p++) {
            s->next[p] = 0;
            while (s->next[p] < w->n_log[p] && w->log[p][s->next[p]] < a->from.offset[p])
                s->next[p]++;
        }
        break;
    case SINK_ACT_HOLD:
        assert_true(s->n_held[0] < limits.records_max);
        s->held[0][s->n_held[0]][0] = ev->partition;
        s->held[0][s->n_held[0]++][1] = ev->offset;
        break;
    case SINK_ACT_APPLY:
        assert_int_equal(a->n_records, s->n_held[0]);
        memcpy(s->held[1], s->held[0], sizeof s->held[1]);
        s->n_held[1] = s->n_held[0];
        s->n_held[0] = 0;
        s->from = a->from;
        s->to = a->to;
        s->applying = true;
        break;
    case SINK_ACT_STOP:
        w->n_fenced += a->failure == SINK_FENCED;
        w->n_unreadable += a->failure == SINK_UNREADABLE;
        assert_true(a->failure == SINK_FENCED || (s->n_held[0] == 0 && !s->applying));
        break;
    case SINK_ACT_SKIP:
    case SINK_ACT_SET_TIMER:
        break;
    }
}

static void feed(struct world *w, unsigned who, const struct sink_event *ev)
{
    struct sink_actions out;

    if (sink_core_step(&w->sink[who].core, ev, &out) != 0)
        fail_msg("seed %llu: event %d rejected", (unsigned long long)w->seed, (int)ev->type);
    for (unsigned i = 0; i < out.n; i++)
        act(w, who, &out.item[i], ev);
}

static bool one_in(struct world *w, unsigned n)
{
    return rng_below(&w->rng, n) == 0;
}

static struct sink_event answer_open(struct world *w, unsigned who)
{
    struct process *s = &w->sink[who];

    s->opening = false;
    if (one_in(w, 8))
        return failed(SINK_LOST); /* before it got there */
    if (s->resume && w->owner != (int)who)
        return failed(SINK_FENCED);
    w->owner = (int)who;
    s->epoch = ++w->epoch;
    s->superseded = false;
    for (unsigned i = 0; i < SINKS; i++)
        w->sink[i].superseded |= i != who;
    if (one_in(w, 8))
        return failed(SINK_LOST); /* the answer only */
    return (struct sink_event){.type = SINK_EV_OPENED, .position = w->stands};
}

static void store_apply(struct world *w, struct process *s)
{
    if (s->superseded)
        fail_msg("seed %llu: a fenced sink changed the store", (unsigned long long)w->seed);
    for (unsigned i = 0; i < s->n_held[1]; i++) {
        int64_t p = s->held[1][i][0];

        assert_true(w->n_applied[p] < LOG_MAX);
        w->applied[p][w->n_applied[p]++] = s->held[1][i][1];
    }
    w->stands = s->to;
    w->n_batches++;
    check_prefix(w);
}

static struct sink_event answer_apply(struct world *w, unsigned who)
{
    struct process *s = &w->sink[who];

    s->applying = false;
    if (one_in(w, 8))
        return failed(SINK_LOST);
    if (s->epoch != w->epoch || memcmp(&s->from, &w->stands, sizeof s->from) != 0)
        return failed(SINK_FENCED);
    if (one_in(w, 16) && s->n_held[1] > 1)
        return failed(SINK_REFUSED); /* passing: taken singly it goes in */
    store_apply(w, s);
    return one_in(w, 8) ? failed(SINK_LOST) : APPLIED;
}

/* The next record, or one delivered before: at least once is all that the log says. */
static void deliver(struct world *w, unsigned who)
{
    struct process *s = &w->sink[who];
    unsigned p = (unsigned)rng_below(&w->rng, PARTITIONS);
    unsigned at = s->next[p];
    struct sink_event ev;

    if (!sink_core_wants(&s->core))
        return;
    if (at > 0 && one_in(w, 4))
        at = (unsigned)rng_below(&w->rng, at);
    if (at >= w->n_log[p]) {
        feed(w, who, &NO_MORE);
        return;
    }
    ev = at == w->bad[p] ? bad(p, w->log[p][at]) : record(p, w->log[p][at]);
    ev.size = 1 + (size_t)rng_below(&w->rng, 60);
    if (at == s->next[p])
        s->next[p]++;
    feed(w, who, &ev);
}

/* A store restored from a backup: some applied batches, and the position with them, are gone. */
static void restore(struct world *w)
{
    for (unsigned p = 0; p < PARTITIONS; p++) {
        w->n_applied[p] = (unsigned)rng_below(&w->rng, w->n_applied[p] + 1);
        w->stands.offset[p] = w->n_applied[p] > 0 ? w->applied[p][w->n_applied[p] - 1] + 1 : 0;
    }
}

static void turn(struct world *w)
{
    unsigned who = (unsigned)rng_below(&w->rng, SINKS);
    struct process *s = &w->sink[who];
    struct sink_event ev;

    if (s->core.state == SINK_NEW && w->epoch > 0 && !one_in(w, 16))
        return; /* the successor starts some time later */
    if (s->core.state == SINK_STOPPED && one_in(w, 8))
        sink_core_init(&s->core, PARTITIONS, &limits); /* restarted */
    switch (rng_below(&w->rng, 8)) {
    case 0:
        if (s->core.state == SINK_NEW)
            feed(w, who, &START);
        else
            feed(w, who, &TIMEOUT);
        break;
    case 1:
        feed(w, who, &NO_MORE);
        break;
    case 2:
    case 3:
        if (s->opening)
            ev = answer_open(w, who);
        else if (s->applying)
            ev = answer_apply(w, who);
        else
            break;
        feed(w, who, &ev);
        break;
    case 4:
        if (one_in(w, 30))
            restore(w);
        break;
    default:
        deliver(w, who);
    }
}

static void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w); /* positions are compared as bytes */
    w->seed = seed;
    w->rng = rng_new(seed, "sink schedule");
    w->owner = -1;
    w->stands.n = PARTITIONS;
    for (unsigned p = 0; p < PARTITIONS; p++) {
        int64_t offset = 0;

        w->bad[p] = one_in(w, 4) ? (unsigned)rng_below(&w->rng, LOG_MAX / 4) : LOG_MAX;
        w->n_log[p] = (unsigned)rng_below(&w->rng, LOG_MAX + 1);
        for (unsigned i = 0; i < w->n_log[p]; i++) {
            offset += one_in(w, 5) ? 1 + (int64_t)rng_below(&w->rng, 3) : 0;
            w->log[p][i] = offset++;
        }
    }
    for (unsigned i = 0; i < SINKS; i++)
        sink_core_init(&w->sink[i].core, PARTITIONS, &limits);
}

static void random_schedules_apply_the_log_and_nothing_else(void **state)
{
    uint64_t n_batches = 0, n_fenced = 0, n_unreadable = 0;
    static struct world w;

    (void)state;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        world_init(&w, seed);
        for (unsigned i = 0; i < STEPS; i++)
            turn(&w);
        n_batches += w.n_batches;
        n_fenced += w.n_fenced;
        n_unreadable += w.n_unreadable;
    }
    /* Schedules in which nothing happens prove nothing. */
    assert_true(n_batches > SCHEDULES);
    assert_true(n_fenced > SCHEDULES / 10);
    assert_true(n_unreadable > SCHEDULES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applies_what_has_arrived_as_one_batch),
        cmocka_unit_test(gathers_the_next_batch_while_one_is_under_way),
        cmocka_unit_test(a_full_batch_goes_at_once_and_wants_no_more),
        cmocka_unit_test(bytes_make_a_batch_full_too),
        cmocka_unit_test(skips_below_the_position_and_steps_over_gaps),
        cmocka_unit_test(a_lost_answer_asks_the_store_where_it_stands),
        cmocka_unit_test(takes_over_until_it_has_heard_that_it_has),
        cmocka_unit_test(stops_for_good_when_fenced),
        cmocka_unit_test(a_refused_batch_is_taken_again_record_by_record),
        cmocka_unit_test(large_batches_come_back_after_a_refusal_that_passed),
        cmocka_unit_test(applies_what_precedes_an_unreadable_record),
        cmocka_unit_test(an_unreadable_record_sends_off_what_is_held),
        cmocka_unit_test(rejects_answers_to_nothing),
        cmocka_unit_test(random_schedules_apply_the_log_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
