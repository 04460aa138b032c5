/*
 * What the runs of a cell come to, as data and in the words of the terminal and of the page.
 * Folder: harness
 */
#include "base/buf.h"
#include "harness/report/story.h"
#include "harness/results/axis.h"
#include "harness/results/table_cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define KEPT "Kept every judged promise"
#define BASE "\"approach\":\"xa\",\"schedule\":\"none\",\"finished\":true"

static json_t *results_of(const char *runs)
{
    json_t *results = json_object(), *array = json_loads(runs, 0, NULL);

    assert_non_null(array);
    assert_int_equal(json_object_set_new(results, "runs", array), 0);
    return results;
}

static void print_table_cell(const struct cell *cell, struct buf *out)
{
    struct table_cell words;

    table_cell_fill(cell, &words);
    for (unsigned i = 0; i < words.n; i++)
        buf_printf(out, "%s%s", i > 0 ? "|" : "", words.line[i]);
}

/* As at the terminal, lines parted by "|"; and as on the page. */
static void expect(const char *runs, const char *wanted, const char *headline, const char *page)
{
    json_t *results = results_of(runs);
    struct buf table = {0}, story = {0};
    struct cell cell;

    cell_fill(results, "xa", "none", &cell);
    print_table_cell(&cell, &table);
    story_phrases(&story, &cell);
    assert_string_equal(buf_str(&table), wanted);
    assert_string_equal(story_headline(&cell), headline);
    assert_string_equal(buf_str(&story), page);
    buf_done(&table);
    buf_done(&story);
    json_decref(results);
}

static void a_cell_where_nothing_ran_is_a_dash(void **state)
{
    json_t *results = results_of("[{" BASE "}]");
    struct buf table = {0};
    struct cell cell;

    (void)state;
    cell_fill(results, "xa", "server_killed", &cell);
    assert_int_equal(cell.n_runs, 0);
    assert_null(cell.worst);
    print_table_cell(&cell, &table);
    assert_string_equal(buf_str(&table), "–");
    buf_done(&table);
    json_decref(results);
}

static void writes_acknowledged_through_a_fault_are_told_on_the_page(void **state)
{
    (void)state;
    expect("[{" BASE ",\"longest_gap_s\":0.2,\"faults\":[{}],\"verdicts\":{\"durability\":"
           "{\"verdict\":\"valid\",\"count\":0,\"promised\":true}}}]",
           "✓ kept 1 promise", KEPT, "<li>writes were acknowledged throughout</li>");
}

#define GHOSTS(word)                                                                               \
    "{" BASE ",\"verdicts\":{\"ghosts\":{\"verdict\":\"" word                                      \
    "\",\"count\":0,\"promised\":true},\"order\":{\"verdict\":\"valid\",\"count\":0,\"promised\":" \
    "true}}}"

static void a_promise_that_nothing_could_break_is_not_kept(void **state)
{
    (void)state;
    expect("[" GHOSTS("not exercised") "]", "✓ kept 1 promise|1 not exercised", KEPT,
           "<li>1 promise not exercised</li>");
    expect("[" GHOSTS("not exercised") "," GHOSTS("valid") "]", "✓ kept 2 promises|in 2 runs", KEPT,
           "<li class=\"soft\">in 2 runs</li>");
    expect("[{" BASE
           ",\"verdicts\":{\"ghosts\":{\"verdict\":\"not exercised\",\"promised\":true}}}]",
           "✓ nothing amiss|1 not exercised", KEPT, "<li>1 promise not exercised</li>");
}

static void numbers_of_several_runs_are_ranges_in_both(void **state)
{
    (void)state;
    expect("[{" BASE ",\"longest_gap_s\":1.5,\"ops\":{\"invoked\":1000,\"fail\":3,\"info\":1},"
           "\"verdicts\":{\"convergence\":{\"verdict\":\"invalid\",\"count\":1234}}},"
           "{" BASE ",\"longest_gap_s\":2.5,\"ops\":{\"invoked\":1000,\"fail\":0,\"info\":0},"
           "\"verdicts\":{\"convergence\":{\"verdict\":\"valid\",\"count\":0}}}]",
           "✗ 0–1234 keys diverged|no ok for 1.5–2.5 s|0–3 failed|0–1 unknown|in 2 runs",
           "The stores differ for ever",
           "<li class=\"t-invalid\">0–1,234 keys diverged</li><li>nothing acknowledged for "
           "1.5–2.5 s</li><li>0–3 of 1,000 writes refused</li><li>0–1 write left unknown to the "
           "client</li>"
           "<li class=\"soft\">in 2 runs</li>");
}

static void the_worst_run_gives_the_mark(void **state)
{
    json_t *results = results_of(
        "[{" BASE ",\"run\":\"a\",\"verdicts\":{\"order\":{\"verdict\":\"invalid\"}}},"
        "{" BASE ",\"run\":\"b\",\"verdicts\":{\"order\":{\"verdict\":\"invalid\",\"promised\":"
        "true}}},{\"approach\":\"xa\",\"schedule\":\"none\",\"finished\":false,\"run\":\"c\"}]");
    struct cell cell;

    (void)state;
    cell_fill(results, "xa", "none", &cell);
    assert_int_equal(cell.mark, MARK_BROKEN);
    assert_string_equal(json_string_value(json_object_get(cell.worst, "run")), "b");
    assert_int_equal(cell.n_runs, 3);
    assert_int_equal(cell.n_unfinished, 1);
    json_decref(results);
}

#define LATENCY(p50, p99) "{" BASE ",\"latency_ms\":{\"ack\":{\"p50\":" p50 ",\"p99\":" p99 "}}}"

static void latencies_of_several_runs_are_medians_with_an_interval(void **state)
{
    (void)state;
    expect("[" LATENCY("1.26", "17") "]", "✓ nothing amiss|p50 1.3, p99 17 ms", KEPT, "");
    expect("[" LATENCY("1.2", "17") "," LATENCY("4", "12") "," LATENCY("1.3", "30.2") "]",
           "✓ nothing amiss|p50 1.3 [1.2–4.0] ms|p99 17 [12–30] ms|in 3 runs", KEPT,
           "<li class=\"soft\">in 3 runs</li>");
}

static void who_was_blocked_is_told_and_whether_anybody_else_was(void **state)
{
    (void)state;
    expect("[{" BASE ",\"blocked\":{\"in_doubt\":{\"keys\":5,\"longest_s\":2.04},\"other\":"
           "{\"keys\":0,\"longest_s\":null}}}]",
           "✓ nothing amiss|blocked 2.0 s, 5 keys", KEPT,
           "<li>5 keys in doubt blocked, up to 2.0 s; no other key</li>");
    expect("[{" BASE ",\"blocked\":{\"in_doubt\":{\"keys\":1,\"longest_s\":2},\"other\":"
           "{\"keys\":2,\"longest_s\":1}}}]",
           "✓ nothing amiss|blocked 2.0 s, 1 key|stuck 1.0 s, 2 keys", KEPT,
           "<li>1 key in doubt blocked, up to 2.0 s</li><li>2 keys blocked without being in doubt, "
           "up to 1.0 s</li>");
}

static void a_fault_that_proves_little_is_no_promise_kept(void **state)
{
    (void)state;
    expect("[{" BASE ",\"faults\":[{\"skipped\":\"xa has no sinks\"}]}]",
           "not exercised|no such fault here", "Not exercised",
           "<li>no such fault here: xa has no sinks</li>");
    expect("[{" BASE ",\"faults\":[{\"gather\":8,\"gathered\":3}]}]", "not exercised|caught 3 of 8",
           "Not exercised", "<li>caught 3 of 8 at the crash point</li>");
}

static void one_record_on_its_way_is_no_lag(void **state)
{
    (void)state;
    expect("[{" BASE ",\"sink_lag_max\":1}]", "✓ nothing amiss", KEPT, "");
}

#define LAG(settled, verdict)                                                                      \
    "[{" BASE ",\"sink_lag_max\":1390,\"settled\":" settled                                        \
    ",\"verdicts\":{\"convergence\":{\"verdict\":\"" verdict "\"}}}]"

static void only_a_store_that_agrees_in_the_end_has_caught_up(void **state)
{
    (void)state;
    expect(LAG("true", "valid"), "✓ nothing amiss|sink lag 1390 records", KEPT "; the stores agree",
           "<li>a sink fell 1,390 records behind, and caught up</li>");
    expect(LAG("false", "unknown"), "✓ nothing amiss|sink lag 1390 records", KEPT,
           "<li>a sink fell 1,390 records behind</li>");
    expect(LAG("true", "unknown"), "✓ nothing amiss|sink lag 1390 records", KEPT,
           "<li>a sink fell 1,390 records behind</li>");
}

static void axes_are_in_the_order_of_the_experiment(void **state)
{
    json_t *results = json_loads("{\"approaches\":[\"log\",\"xa\",\"dual\"],\"schedules\":[\"b\","
                                 "\"a\"],\"runs\":[{\"approach\":\"dual\",\"schedule\":\"a\"},"
                                 "{\"approach\":\"log\",\"schedule\":\"c\"},"
                                 "{\"approach\":\"dual\",\"schedule\":\"b\"}]}",
                                 0, NULL);
    struct axis variants, schedules;

    (void)state;
    axis_variants(results, &variants);
    axis_schedules(results, &schedules);
    assert_int_equal(variants.n, 2);
    assert_string_equal(variants.name[0], "log");
    assert_string_equal(variants.name[1], "dual");
    assert_int_equal(schedules.n, 3);
    assert_string_equal(schedules.name[0], "b");
    assert_string_equal(schedules.name[1], "a");
    assert_string_equal(schedules.name[2], "c");
    json_decref(results);
}

static void settings_make_a_variant_and_so_a_cell(void **state)
{
    json_t *results = results_of("[{" BASE "},{" BASE ",\"variant\":\"xa lock_order=parallel\","
                                 "\"verdicts\":{\"order\":{\"verdict\":\"invalid\"}}}]");
    struct axis variants;
    struct cell cell;

    (void)state;
    axis_variants(results, &variants);
    assert_int_equal(variants.n, 2);
    assert_string_equal(variants.name[1], "xa lock_order=parallel");
    cell_fill(results, "xa", "none", &cell);
    assert_int_equal(cell.n_runs, 1);
    assert_int_equal(cell.mark, MARK_AGREE);
    cell_fill(results, variants.name[1], "none", &cell);
    assert_int_equal(cell.n_runs, 1);
    assert_int_equal(cell.mark, MARK_ANOMALIES);
    json_decref(results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_where_nothing_ran_is_a_dash),
        cmocka_unit_test(writes_acknowledged_through_a_fault_are_told_on_the_page),
        cmocka_unit_test(a_promise_that_nothing_could_break_is_not_kept),
        cmocka_unit_test(numbers_of_several_runs_are_ranges_in_both),
        cmocka_unit_test(the_worst_run_gives_the_mark),
        cmocka_unit_test(latencies_of_several_runs_are_medians_with_an_interval),
        cmocka_unit_test(who_was_blocked_is_told_and_whether_anybody_else_was),
        cmocka_unit_test(a_fault_that_proves_little_is_no_promise_kept),
        cmocka_unit_test(one_record_on_its_way_is_no_lag),
        cmocka_unit_test(only_a_store_that_agrees_in_the_end_has_caught_up),
        cmocka_unit_test(settings_make_a_variant_and_so_a_cell),
        cmocka_unit_test(axes_are_in_the_order_of_the_experiment),
    };

    return cmocka_run_group_tests_name("cell", tests, NULL, NULL);
}
