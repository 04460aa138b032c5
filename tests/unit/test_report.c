/*
 * The page, from run folders: what it says of repeats, levels, faults and predictions, and that
 * each sentence leads to its operations.
 * Folder: harness
 */
#include "base/file.h"
#include "harness/report/report.h"
#include "harness/results/results.h"
#include "run_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char out[64];

static void save(struct built *b, const char *name)
{
    char dir[256];

    (void)snprintf(dir, sizeof dir, "%s/runs", out);
    (void)mkdir(dir, 0755); /* there from the run before */
    (void)snprintf(dir, sizeof dir, "%s/runs/%s", out, name);
    assert_int_equal(mkdir(dir, 0755), 0);
    b->run = name;
    built_save(b, dir);
    built_done(b);
}

/* Two writes of a key that end apart: convergence and order are violated. */
static void save_apart(const char *name)
{
    struct built b;
    struct built_op *x, *y;

    built_init(&b);
    b.approach = "dual";
    x = built_write(&b, "c0-0", 0, 3210, 3214, HISTORY_OK);
    y = built_write(&b, "c1-1", 0, 3210, 3215, HISTORY_OK);
    built_apply(&b, x, 3U);
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, 4U);
    save(&b, name);
}

static void save_good(const char *name, int64_t took_ms)
{
    struct built b;

    built_init(&b);
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 100 + took_ms, HISTORY_OK), BUILT_ALL);
    built_apply(&b, built_write(&b, "c0-1", 0, 200, 200 + took_ms, HISTORY_OK), BUILT_ALL);
    buf_append_str(&b.faults,
                   "{\"t\":\"armed\",\"fault\":0,\"at\":1900000,\"target\":\"serve1\",\"action\":"
                   "\"kill\",\"point\":\"xa-decided\",\"gather\":8}\n"
                   "{\"t\":\"begin\",\"fault\":0,\"at\":2000000,\"target\":\"serve1\",\"action\":"
                   "\"kill\",\"point\":\"xa-decided\",\"gather\":8,\"gathered\":7,\"exposure\":"
                   "{\"xa-decided\":7}}\n");
    save(&b, name);
}

static int setup(void **state)
{
    (void)state;
    built_make_dir(out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    built_remove_dir(out);
    return 0;
}

static void draw(struct buf *ret_page)
{
    struct errctx err = {0};
    char path[128];

    if (results_write(out, NULL, &err) < 0 || report_write(out, &err) < 0)
        fail_msg("%s", err.message);
    (void)snprintf(path, sizeof path, "%s/report.html", out);
    assert_int_equal(file_read(path, ret_page, &err), 0);
}

static void expect_in(const struct buf *page, const char *text)
{
    if (!strstr(buf_str(page), text))
        fail_msg("the page does not say: %s", text);
}

static void a_sentence_leads_to_its_operations(void **state)
{
    struct buf page = {0};

    (void)state;
    save_apart("001-dual-fanout-none-s1");
    draw(&page);
    expect_in(&page, "<a href=\"#example-001-dual-fanout-none-s1-convergence\">1 key diverged</a>");
    expect_in(&page, "id=\"example-001-dual-fanout-none-s1-convergence\"");
    expect_in(&page, "href=\"#ops-001-dual-fanout-none-s1-convergence\">its operations</a>");
    expect_in(&page, "id=\"ops-001-dual-fanout-none-s1-convergence\"");
    expect_in(&page, "{&quot;t&quot;:&quot;invoke&quot;,&quot;op&quot;:1,&quot;request&quot;:"
                     "&quot;c1-1&quot;");
    expect_in(&page, "{&quot;t&quot;:&quot;ok&quot;,&quot;op&quot;:1,");
    buf_done(&page);
}

static void each_href_has_its_id_and_nothing_is_loaded(void **state)
{
    struct buf page = {0};
    unsigned n = 0;

    (void)state;
    save_apart("001-dual-fanout-none-s1");
    save_good("002-xa-fanout-none-s1", 3);
    draw(&page);
    for (const char *at = buf_str(&page); (at = strstr(at, "href=\"#")); n++) {
        char id[256];

        at += strlen("href=\"#");
        (void)snprintf(id, sizeof id, " id=\"%.*s\"", (int)strcspn(at, "\""), at);
        expect_in(&page, id);
    }
    assert_true(n >= 6);
    assert_null(strstr(buf_str(&page), "src=\"http"));
    assert_null(strstr(buf_str(&page), "href=\"http"));
    buf_done(&page);
}

static void several_runs_are_told_as_a_median_with_its_range(void **state)
{
    struct buf page = {0};

    (void)state;
    save_good("001-xa-fanout-none-s1", 3);
    save_good("002-xa-fanout-none-s2", 4);
    save_good("003-xa-fanout-none-s3", 9);
    draw(&page);
    expect_in(&page, "4.00 ms<br><span class=\"interval\">3.00 ms … 9.00 ms</span>");
    expect_in(&page, "with fewer than 6 runs there is no 95 % interval");
    expect_in(&page, "✓</span> 0 <span class=\"soft\">of 6<br>below 50 %</span>");
    buf_done(&page);
}

/* One acknowledgement has no median: a run without one is not among those that the median is of. */
static void a_median_of_some_of_the_runs_says_so(void **state)
{
    struct buf page = {0};
    struct built b;

    (void)state;
    save_good("001-xa-fanout-none-s1", 3);
    save_good("002-xa-fanout-none-s2", 4);
    built_init(&b);
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 4000, HISTORY_OK), BUILT_ALL);
    save(&b, "003-xa-fanout-none-s3");
    draw(&page);
    expect_in(&page, "3.00 ms … 4.00 ms</span><br><span class=\"soft\">in 2 of 3 runs</span>");
    buf_done(&page);
}

static void a_fault_is_shown_with_what_it_hit_over_all_runs(void **state)
{
    struct buf page = {0};

    (void)state;
    save_good("001-xa-fanout-none-s1", 3);
    save_good("002-xa-fanout-none-s2", 3);
    draw(&page);
    expect_in(&page, "<td>kill serve1 at <code>xa-decided</code></td>"
                     "<td class=\"num\">2 of 2</td><td class=\"num\">14 of 16</td>"
                     "<td>14 at <code>xa-decided</code></td>");
    buf_done(&page);
}

static void no_table_mixes_levels(void **state)
{
    const char *everywhere, *costs;
    struct buf page = {0};

    (void)state;
    save_good("001-xa-fanout-none-s1", 3);
    draw(&page);
    costs = strstr(buf_str(&page), "<h2>What it cost");
    everywhere = strstr(costs, "<h3>everywhere ");
    assert_non_null(everywhere);
    assert_null(strstr(costs, "<h3>logged "));
    buf_done(&page);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sentence_leads_to_its_operations),
        TEST(each_href_has_its_id_and_nothing_is_loaded),
        TEST(a_median_of_some_of_the_runs_says_so),
        TEST(several_runs_are_told_as_a_median_with_its_range),
        TEST(a_fault_is_shown_with_what_it_hit_over_all_runs),
        TEST(no_table_mixes_levels),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
