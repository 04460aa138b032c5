/*
 * The prober at real stores: the interval that it gives holds the moment at which a write became
 * visible, as told by the writing itself and by a look past the store over another connection.
 *
 * Folder: harness
 */
#include "live_store.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/workload/prober.h"

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GID    "sb1:t:1:1:r1"
#define ROUNDS 20
#define LINES  256

struct line {
    int64_t op;
    char store[STORE_NAME_SIZE];
    int64_t unseen_us, seen_us; /* 0: null */
};

static struct {
    char path[64];
    struct topology topology;
    struct prober *prober;
    unsigned n_lines;
    struct line line[LINES];
} probing;

/* --- waiting ------------------------------------------------------------------------------- */

static struct prober_counts counts(void)
{
    struct prober_counts now;

    prober_count(probing.prober, &now);
    return now;
}

/* As many polls, or more, that missed, found or failed; in all. */
struct goal {
    uint64_t missed, found, failed;
};

static bool is_reached(void *arg)
{
    const struct goal *goal = arg;
    struct prober_counts now = counts();

    return now.missed >= goal->missed && now.found >= goal->found && now.failed >= goal->failed;
}

static void await(struct goal goal)
{
    assert_int_equal(loop_until(live.base, is_reached, &goal, LIVE_DEADLINE_US), 0);
}

/* Two more: the second of them was sent after this was called. */
static void await_misses(void)
{
    await((struct goal){.missed = counts().missed + 2});
}

static bool is_alive(void *arg)
{
    (void)arg;
    return counts().alive == 1;
}

static bool is_polling(void *arg)
{
    const bool *wanted = arg;

    return (counts().polling > 0) == *wanted;
}

static void await_polling(bool wanted)
{
    assert_int_equal(loop_until(live.base, is_polling, &wanted, LIVE_DEADLINE_US), 0);
}

/* Read what has arrived and write what can be written, without waiting. */
static void serve_what_is_ready(void)
{
    for (int i = 0; i < 3; i++)
        assert_true(event_base_loop(live.base, EVLOOP_NONBLOCK) >= 0);
}

/* --- a prober ------------------------------------------------------------------------------ */

/* The server of the test as store "s", and one that never answers. */
static void begin_probing(void)
{
    struct errctx err = {0};
    int fd;

    (void)strcpy(probing.path, "/tmp/syncbed-probes-XXXXXX");
    fd = mkstemp(probing.path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    probing.topology.n_stores = 2;
    probing.topology.store[0] = (struct topology_store){
        .name = "gone", .kind = live.server.kind, .address = {"127.0.0.1", 9}};
    probing.topology.store[1] = live_place();
    if (prober_new(live.base, &probing.topology, "load", probing.path, &probing.prober, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(loop_until(live.base, is_alive, NULL, LIVE_DEADLINE_US), 0);
    assert_false(prober_connected(probing.prober));
}

static int64_t time_of(const json_t *line, const char *field)
{
    const json_t *at = json_object_get(line, field);

    assert_true(json_is_integer(at) || json_is_null(at));
    return json_integer_value(at);
}

static void read_line(const char *text)
{
    json_t *line = json_loads(text, 0, NULL);

    assert_non_null(line);
    if (strcmp(json_string_value(json_object_get(line, "t")), "end") == 0) {
        assert_int_equal(json_integer_value(json_object_get(line, "lines")), probing.n_lines);
    } else {
        struct line *to = &probing.line[probing.n_lines++];

        assert_true(probing.n_lines < LINES);
        to->op = json_integer_value(json_object_get(line, "op"));
        (void)snprintf(to->store, sizeof to->store, "%s",
                       json_string_value(json_object_get(line, "store")));
        to->unseen_us = time_of(line, "unseen");
        to->seen_us = time_of(line, "seen");
    }
    json_decref(line);
}

static void end_probing(void)
{
    struct errctx err = {0};
    char text[256];
    FILE *file;

    if (prober_stop(probing.prober, &err) < 0)
        fail_msg("%s", err.message);
    prober_free(probing.prober);
    probing.n_lines = 0;
    file = fopen(probing.path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file))
        read_line(text);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(unlink(probing.path), 0);
}

/* --- tests --------------------------------------------------------------------------------- */

static void the_interval_holds_the_moment_of_the_commit(void **state)
{
    int64_t from_us[ROUNDS], to_us[ROUNDS];

    (void)state;
    begin_probing();
    for (int i = 0; i < ROUNDS; i++) {
        char word[32];

        (void)snprintf(word, sizeof word, "w probe:%d v", i);
        struct txn txn = live_txn("r1", word, NULL);

        prober_watch(probing.prober, i, &txn);
        await_misses();
        assert_string_equal(live_peek(txn.op[0].key), "none");
        from_us[i] = clock_now_us();
        assert_int_equal(live_execute(live.store, &txn), STORE_OK);
        to_us[i] = clock_now_us();
        assert_string_not_equal(live_peek(txn.op[0].key), "none");
    }
    await((struct goal){.found = ROUNDS});
    end_probing();
    assert_int_equal(probing.n_lines, ROUNDS);
    for (int i = 0; i < ROUNDS; i++) {
        const struct line *line = &probing.line[i];

        assert_true(line->op >= 0 && line->op < ROUNDS);
        assert_true(line->seen_us >= from_us[line->op]);
        assert_true(line->unseen_us <= to_us[line->op]);
        assert_true(line->unseen_us < line->seen_us);
    }
}

static void what_is_prepared_is_not_visible(void **state)
{
    struct txn txn = live_txn("r1", "w probe:1 v", NULL);
    struct store_branch *branch;
    struct answer answer;
    int64_t from_us;

    (void)state;
    begin_probing();
    prober_watch(probing.prober, 1, &txn);
    branch = live_begin(live.store, &txn, GID, STORE_UNTIL_PREPARED, &answer);
    assert_int_equal(answer.reply.status, STORE_OK);
    await_misses();
    from_us = clock_now_us();
    assert_int_equal(live_branch(branch, store_branch_commit), STORE_OK);
    await((struct goal){.found = 1});
    end_probing();
    store_branch_free(branch);
    assert_int_equal(probing.n_lines, 1);
    assert_true(probing.line[0].unseen_us > 0);
    assert_true(probing.line[0].seen_us >= from_us);
}

/*
 * A poll on its way while the write happens: the server is paused and has both to do when it goes
 * on, first the one that was sent first. What misses the write counts from when it was sent, what
 * finds it to when it was answered: not the other way round.
 */
static int64_t commit_around_a_poll(int64_t op, bool poll_first)
{
    struct txn txn = live_txn("r1", "w probe:1 v", NULL);
    struct answer answer = {0};
    int64_t from_us;

    (void)snprintf(txn.op[0].key, sizeof txn.op[0].key, "probe:%" PRId64, op);
    prober_watch(probing.prober, op, &txn);
    await_misses();
    await_polling(false);
    live_server_pause(&live.server);
    if (poll_first)
        await_polling(true);
    serve_what_is_ready();
    store_execute(live.store, &txn, live_deadline(), answer_done, &answer);
    serve_what_is_ready();
    await_polling(true);
    from_us = clock_now_us();
    live_server_continue(&live.server);
    assert_int_equal(live_await(&answer), STORE_OK);
    await((struct goal){.found = (uint64_t)op + 1});
    return from_us;
}

static void a_poll_on_its_way_is_dated_to_the_safe_side(void **state)
{
    int64_t from_us[2];

    (void)state;
    begin_probing();
    from_us[0] = commit_around_a_poll(0, true);
    from_us[1] = commit_around_a_poll(1, false);
    end_probing();
    assert_int_equal(probing.n_lines, 2);
    for (int i = 0; i < 2; i++)
        assert_true(probing.line[i].seen_us >= from_us[i]);
    /* Redis does one after the other: no poll comes between. PostgreSQL's commit takes longer. */
    if (live_is_redis())
        assert_true(probing.line[0].unseen_us < from_us[0]);
}

static void a_store_that_does_not_answer_says_nothing(void **state)
{
    struct txn txn = live_txn("r1", "w probe:1 v", "w probe:1 v", NULL);

    (void)state;
    (void)strcpy(txn.op[0].store, "gone");
    begin_probing();
    assert_int_equal(live_execute(live.store, &txn), STORE_OK);
    prober_watch(probing.prober, 1, &txn);
    await((struct goal){.found = 1});
    end_probing();
    assert_int_equal(probing.n_lines, 2);
    assert_string_equal(probing.line[0].store, "gone");
    assert_int_equal(probing.line[0].unseen_us, 0);
    assert_int_equal(probing.line[0].seen_us, 0);
    assert_string_equal(probing.line[1].store, "s");
    assert_int_equal(probing.line[1].unseen_us, 0); /* there from the first poll on */
    assert_true(probing.line[1].seen_us > 0);
}

static void a_poll_that_failed_says_nothing(void **state)
{
    struct txn txn = live_txn("r1", "w probe:1 v", NULL);

    (void)state;
    begin_probing();
    live_server_pause(&live.server);
    prober_watch(probing.prober, 1, &txn);
    await((struct goal){.failed = 1}); /* waited for in vain */
    end_probing();
    live_server_continue(&live.server);
    assert_int_equal(probing.n_lines, 1);
    assert_int_equal(probing.line[0].unseen_us, 0);
    assert_int_equal(probing.line[0].seen_us, 0);
}

static void one_too_many_ends_the_oldest(void **state)
{
    struct txn txn = live_txn("r1", "w probe:1 v", NULL);

    (void)state;
    begin_probing();
    for (int i = 0; i <= PROBES_MAX; i++)
        prober_watch(probing.prober, i, &txn);
    assert_int_equal(live_execute(live.store, &txn), STORE_OK);
    await((struct goal){.found = PROBES_MAX});
    end_probing();
    assert_int_equal(probing.n_lines, PROBES_MAX + 1);
    assert_int_equal(probing.line[0].op, 0);
    assert_int_equal(probing.line[0].seen_us, 0);
    for (int i = 1; i <= PROBES_MAX; i++)
        assert_true(probing.line[i].seen_us > 0);
}

static void what_failed_is_not_looked_for_any_more(void **state)
{
    struct txn txn = live_txn("r1", "w probe:1 v", NULL);

    (void)state;
    begin_probing();
    prober_watch(probing.prober, 1, &txn);
    await_misses();
    prober_forget(probing.prober, 1);
    prober_forget(probing.prober, 2);
    assert_int_equal(live_execute(live.store, &txn), STORE_OK);
    prober_watch(probing.prober, 3, &txn); /* the same key, found; by then 1 would be, too */
    await((struct goal){.found = 1});
    end_probing();
    assert_int_equal(probing.n_lines, 2);
    assert_int_equal(probing.line[0].op, 1);
    assert_int_equal(probing.line[0].seen_us, 0);
}

/* Stopped and freed with polls on their way, and while a line can't be written. */
static void a_full_disk_is_told(void **state)
{
    struct txn txn = live_txn("r1", "w probe:1 v", NULL);
    struct errctx err = {0};

    (void)state;
    assert_true(
        prober_new(live.base, &probing.topology, "load", "/dev/null/x", &probing.prober, &err) < 0);
    assert_int_equal(
        prober_new(live.base, &probing.topology, "load", "/dev/full", &probing.prober, &err), 0);
    assert_int_equal(loop_until(live.base, is_alive, NULL, LIVE_DEADLINE_US), 0);
    prober_watch(probing.prober, 1, &txn);
    assert_int_equal(counts().polling, 1);
    assert_true(prober_stop(probing.prober, &err) < 0);
    assert_string_equal(err.message, "writing full: No space left on device");
    prober_free(probing.prober);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_interval_holds_the_moment_of_the_commit, live_empty),
        cmocka_unit_test_setup(what_is_prepared_is_not_visible, live_empty),
        cmocka_unit_test_setup(a_poll_on_its_way_is_dated_to_the_safe_side, live_empty),
        cmocka_unit_test_setup(a_store_that_does_not_answer_says_nothing, live_empty),
        cmocka_unit_test_setup(a_poll_that_failed_says_nothing, live_empty),
        cmocka_unit_test_setup(one_too_many_ends_the_oldest, live_empty),
        cmocka_unit_test_setup(what_failed_is_not_looked_for_any_more, live_empty),
        cmocka_unit_test_setup(a_full_disk_is_told, live_empty),
    };

    return live_run_tests(tests, sizeof tests / sizeof *tests);
}
