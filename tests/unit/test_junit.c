/*
 * The verdicts as JUnit XML.
 * Folder: harness
 */
#include "harness/report/junit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect(const char *runs, const char *wanted)
{
    json_t *results =
        json_pack("{s:s, s:o}", "experiment", "a & b", "runs", json_loads(runs, 0, NULL));
    struct buf out = {0};

    junit_print(&out, results);
    assert_string_equal(buf_str(&out), wanted);
    buf_done(&out);
    json_decref(results);
}

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define RUN  "\"run\":\"001\",\"variant\":\"xa\",\"schedule\":\"none\","

static void each_word_has_its_outcome(void **state)
{
    (void)state;
    expect("[{" RUN "\"finished\":true,\"ended\":[],\"verdicts\":{"
           "\"durability\":{\"verdict\":\"valid\",\"count\":0,\"of\":9,\"promised\":true},"
           "\"order\":{\"verdict\":\"invalid\",\"count\":2,\"of\":9,\"promised\":true,"
           "\"examples\":[{\"sentence\":\"a < b\"}]},"
           "\"atomicity\":{\"verdict\":\"invalid\",\"count\":1,\"of\":9,\"promised\":false},"
           "\"ghosts\":{\"verdict\":\"not exercised\",\"count\":0,\"of\":0,\"promised\":true},"
           "\"real-time\":{\"verdict\":\"unknown\",\"count\":0,\"of\":9,\"promised\":true},"
           "\"staleness\":{\"verdict\":\"not judged\",\"count\":null,\"of\":null,"
           "\"promised\":true}}}]",
           HEAD
           "<testsuites name=\"a &amp; b\" tests=\"7\" failures=\"1\" errors=\"1\" skipped=\"3\">\n"
           "  <testsuite name=\"xa, none\" tests=\"7\" failures=\"1\" errors=\"1\" skipped=\"3\">\n"
           "    <testcase classname=\"001\" name=\"finished\"/>\n"
           "    <testcase classname=\"001\" name=\"durability\"/>\n"
           "    <testcase classname=\"001\" name=\"order\"><failure message=\"invalid, 2 of 9\">"
           "a &lt; b</failure></testcase>\n"
           "    <testcase classname=\"001\" name=\"atomicity\"><skipped message=\"not promised: "
           "invalid, 1 of 9\"></skipped></testcase>\n"
           "    <testcase classname=\"001\" name=\"ghosts\"><skipped message=\"not exercised, 0 of "
           "0\"></skipped></testcase>\n"
           "    <testcase classname=\"001\" name=\"real-time\"><error message=\"unknown, 0 of "
           "9\"></error></testcase>\n"
           "    <testcase classname=\"001\" name=\"staleness\"><skipped message=\"not "
           "judged\"></skipped></testcase>\n"
           "  </testsuite>\n</testsuites>\n");
}

static void a_run_that_did_not_finish_is_an_error(void **state)
{
    (void)state;
    expect("[{" RUN "\"finished\":false}]", HEAD
           "<testsuites name=\"a &amp; b\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n"
           "  <testsuite name=\"xa, none\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n"
           "    <testcase classname=\"001\" name=\"finished\"><error message=\"the run did not "
           "finish\"></error></testcase>\n"
           "  </testsuite>\n</testsuites>\n");
}

static void what_ended_by_itself_is_an_error(void **state)
{
    (void)state;
    expect("[{" RUN "\"finished\":true,\"ended\":[{\"role\":\"serve1\",\"why\":\"signal "
           "11\\u0001\"}],\"verdicts\":{}}]",
           HEAD
           "<testsuites name=\"a &amp; b\" tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\">\n"
           "  <testsuite name=\"xa, none\" tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\">\n"
           "    <testcase classname=\"001\" name=\"finished\"/>\n"
           "    <testcase classname=\"001\" name=\"no process ended by itself\"><error "
           "message=\"serve1\">signal 11?</error></testcase>\n"
           "  </testsuite>\n</testsuites>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_has_its_outcome),
        cmocka_unit_test(a_run_that_did_not_finish_is_an_error),
        cmocka_unit_test(what_ended_by_itself_is_an_error),
    };

    return cmocka_run_group_tests_name("junit", tests, NULL, NULL);
}
