/*
 * Jepsen's EDN: forms are read and what is no form is refused with its line; a history becomes one
 * and comes back the same; a history from elsewhere is understood.
 *
 * Folder: harness
 */
#include "harness/history/jepsen.h"

#include "base/file.h"
#include "harness/history/edn.h"
#include "temp_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- forms --------------------------------------------------------------------------------- */

/* All forms of `text` as JSON, or the complaint. */
static void reads_as(const char *text, const char *expected)
{
    struct edn in = {"x.edn", text, text + strlen(text), 1};
    struct errctx err = {0};
    struct buf got = {0};
    json_t *form;
    int r;

    while ((r = edn_next(&in, &form, &err)) > 0) {
        char *json = json_dumps(form, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

        buf_printf(&got, "%s%s", got.size > 0 ? " " : "", json);
        free(json);
        json_decref(form);
    }
    if (r < 0)
        buf_printf(&got, "%s%s", got.size > 0 ? " " : "", err.message);
    assert_string_equal(buf_str(&got), expected);
    buf_done(&got);
}

static void forms_are_read(void **state)
{
    (void)state;
    reads_as("", "");
    reads_as(" ,\n; nothing\n", "");
    reads_as("nil true false -3 +4 5N 1.5 2e3 :k s/y", "null true false -3 4 5 1.5 2000.0 \":k\" "
                                                       "\"s/y\"");
    reads_as("[1 (2, 3) #{4}] {:a 1 \"b\" [] 7 nil}",
             "[1,[2,3],[4]] {\"7\":null,\":a\":1,\"b\":[]}");
    reads_as("\"a\\n\\\"b\\\\\"", "\"a\\n\\\"b\\\\\"");
    reads_as("[1 #_ {:no [2]} 3 #_4] #_5", "[1,3]");
    reads_as("#jepsen.history.Op{:a 1} #inst \"2016\"", "{\":a\":1} \"2016\"");
}

static void what_is_no_form_is_refused_with_its_line(void **state)
{
    char deep[200];

    (void)state;
    reads_as("1\n]", "1 x.edn:2: ']' begins nothing");
    reads_as("[1\n\n2", "x.edn:3: cut: ']' is missing");
    reads_as("{:a}", "x.edn:1: a map with a key that has no value");
    reads_as("{:a 1 :a 2}", "x.edn:1: a map has :a twice");
    reads_as("{[] 1}", "x.edn:1: a map's key is a word, a string or an integer");
    reads_as("\"abc", "x.edn:1: a string without an end");
    reads_as("\"\\q\"", "x.edn:1: \\q in a string");
    reads_as("99999999999999999999",
             "x.edn:1: \"99999999999999999999\" is no number that can be kept");
    reads_as("1/2", "x.edn:1: \"1/2\" is no number that can be kept");
    reads_as("#_", "x.edn:1: cut: a form is missing");
    reads_as("#", "x.edn:1: cut behind #");
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    reads_as(deep, "x.edn:1: more than 32 forms in each other");
}

/* --- histories ----------------------------------------------------------------------------- */

/* Events into the file at `temp_path`; the complaint, or "". */
static void read_events(const char *events, struct errctx *ret_err)
{
    struct history_writer *w;
    struct buf text = {0};
    struct errctx err = {0};

    *ret_err = (struct errctx){0};
    buf_append_str(&text, events);
    assert_int_equal(history_create(temp_path, &w, &err), 0);
    int r = jepsen_read("x.edn", &text, w, ret_err);

    assert_true(r == 0 || r == -EBADMSG);
    assert_int_equal(history_close(w, &err), 0);
    buf_done(&text);
}

static struct history read_back(void)
{
    struct history history;
    struct errctx err = {0};

    if (history_read(temp_path, &history, &err) < 0)
        fail_msg("%s", err.message);
    return history;
}

#define LINE(json) json "\n"

/* Client 0 has two operations under way at a time; one is never answered, one is a probe. */
static const char ours[] = LINE(
    "{\"t\":\"invoke\",\"op\":0,\"request\":\"c0-0\",\"client\":0,\"server\":\"serve1\","
    "\"planned\":100,\"at\":110,\"txn\":[[\"append\",\"pg1\",\"list:0\",\"1\"],"
    "[\"r\",\"pg2\",\"list:1\",null]]}")
    LINE("{\"t\":\"invoke\",\"op\":1,\"request\":\"c0-1\",\"client\":0,\"server\":\"serve1\","
         "\"planned\":120,\"at\":130,\"txn\":[[\"append\",\"pg1\",\"list:0\",\"2\"]]}")
        LINE("{\"t\":\"ok\",\"op\":0,\"at\":140,\"level\":\"everywhere\",\"txn\":["
             "[\"append\",\"pg1\",\"list:0\",\"1\"],[\"r\",\"pg2\",\"list:1\",null,0]]}")
            LINE("{\"t\":\"invoke\",\"op\":2,\"request\":\"c0-2\",\"client\":0,\"server\":\"pg1\","
                 "\"planned\":150,\"at\":160,\"txn\":[[\"r\",\"pg1\",\"list:0\",null]]}")
                LINE("{\"t\":\"info\",\"op\":1,\"at\":165,\"code\":\"timeout\"}") LINE(
                    "{\"t\":\"ok\",\"op\":2,\"at\":170,\"level\":\"none\",\"txn\":["
                    "[\"r\",\"pg1\",\"list:0\",\"1,2\",2]]}")
                    LINE("{\"t\":\"invoke\",\"op\":3,\"request\":\"c1-3\",\"client\":1,\"server\":"
                         "\"serve2\","
                         "\"planned\":180,\"at\":190,\"txn\":[[\"append\",\"pg1\",\"list:0\",\"3\"]"
                         "]}") LINE("{\"t\":\"fail\",\"op\":3,\"at\":195,\"code\":\"conflict\"}")
                        LINE("{\"t\":\"invoke\",\"op\":4,\"request\":\"c0-4\",\"client\":0,"
                             "\"server\":\"serve1\","
                             "\"planned\":200,\"at\":210,\"txn\":[[\"append\",\"pg1\",\"list:0\","
                             "\"4\"]]}") LINE("{\"t\":\"end\",\"ops\":5,\"open\":1}");

static const char theirs[] = LINE(
    "{:type :invoke, :f :txn, :value [[:append \"pg1/list:0\" 1] [:r \"pg2/list:1\" nil]], "
    ":process 0, :time 110000, :index 0, :client 0, :request \"c0-0\", :server \"serve1\", "
    ":planned 100000}")
    LINE("{:type :invoke, :f :txn, :value [[:append \"pg1/list:0\" 2]], :process 1, :time 130000, "
         ":index 1, :client 0, :request \"c0-1\", :server \"serve1\", :planned 120000}")
        LINE("{:type :ok, :f :txn, :value [[:append \"pg1/list:0\" 1] [:r \"pg2/list:1\" nil]], "
             ":process 0, :time 140000, :index 2, :level :everywhere}")
            LINE("{:type :invoke, :f :txn, :value [[:r \"pg1/list:0\" nil]], :process 0, :time "
                 "160000, "
                 ":index 3, :client 0, :request \"c0-2\", :server \"pg1\", :planned 150000}")
                LINE("{:type :info, :f :txn, :value [[:append \"pg1/list:0\" 2]], :process 1, "
                     ":time 165000, "
                     ":index 4, :error :timeout}")
                    LINE("{:type :ok, :f :txn, :value [[:r \"pg1/list:0\" [1 2]]], :process 0, "
                         ":time 170000, "
                         ":index 5, :level :none}")
                        LINE("{:type :invoke, :f :txn, :value [[:append \"pg1/list:0\" 3]], "
                             ":process 2, :time 190000, "
                             ":index 6, :client 1, :request \"c1-3\", :server \"serve2\", :planned "
                             "180000}") LINE("{:type :fail, :f :txn, :value [[:append "
                                             "\"pg1/list:0\" 3]], :process 2, :time 195000, "
                                             ":index 7, :error :conflict}")
                            LINE("{:type :invoke, :f :txn, :value [[:append \"pg1/list:0\" 4]], "
                                 ":process 0, :time 210000, "
                                 ":index 8, :client 0, :request \"c0-4\", :server \"serve1\", "
                                 ":planned 200000}");

static void put(const char *text)
{
    struct buf buf = {0};
    struct errctx err = {0};

    buf_append_str(&buf, text);
    assert_int_equal(file_write(temp_path, &buf, &err), 0);
    buf_done(&buf);
}

static void a_history_becomes_events_and_comes_back_the_same(void **state)
{
    struct errctx err = {0};
    struct buf edn = {0}, back = {0};

    (void)state;
    put(ours);
    struct history history = read_back();

    assert_int_equal(jepsen_print(&edn, &history, &err), 0);
    assert_string_equal(buf_str(&edn), theirs);
    history_done(&history);

    read_events(theirs, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(file_read(temp_path, &back, &err), 0);
    assert_string_equal(buf_str(&back), ours);
    buf_done(&edn);
    buf_done(&back);
}

static void prints_not(const char *txn, const char *complaint)
{
    struct buf text = {0}, edn = {0};
    struct errctx err = {0};

    buf_printf(&text,
               "{\"t\":\"invoke\",\"op\":0,\"request\":\"a\",\"client\":0,\"server\":\"s\","
               "\"planned\":1,\"at\":1,\"txn\":%s}\n"
               "{\"t\":\"end\",\"ops\":1,\"open\":1}\n",
               txn);
    put(buf_str(&text));
    struct history history = read_back();

    assert_int_equal(jepsen_print(&edn, &history, &err), -ENOTSUP);
    assert_string_equal(err.message, complaint);
    history_done(&history);
    buf_done(&text);
    buf_done(&edn);
}

static void what_is_no_list_is_not_converted(void **state)
{
    struct buf edn = {0};
    struct errctx err = {0};

    (void)state;
    prints_not("[[\"incr\",\"pg1\",\"acct:1\",5]]",
               "operation 0: incr of acct:1; list-append has reads and appends only");
    put(LINE("{\"t\":\"invoke\",\"op\":0,\"request\":\"a\",\"client\":0,\"server\":\"s\","
             "\"planned\":1,\"at\":1,\"txn\":[[\"r\",\"pg1\",\"list:1\",null]]}")
            LINE("{\"t\":\"ok\",\"op\":0,\"at\":2,\"level\":\"none\",\"txn\":["
                 "[\"r\",\"pg1\",\"list:1\",\"1,2\",3]]}")
                LINE("{\"t\":\"end\",\"ops\":1,\"open\":0}"));
    struct history history = read_back();

    assert_int_equal(jepsen_print(&edn, &history, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, "list:1 of pg1 is cut, or no list: 3 changes"));
    history_done(&history);
    buf_done(&edn);
}

static void a_probe_is_left_out(void **state)
{
    struct buf edn = {0};
    struct errctx err = {0};

    (void)state;
    put(LINE("{\"t\":\"invoke\",\"op\":0,\"request\":\"a\",\"client\":0,\"server\":\"s\","
             "\"planned\":1,\"at\":1,\"probe\":true,\"txn\":[[\"w\",\"pg1\",\"probe:0\",\"a\"]]}")
            LINE("{\"t\":\"end\",\"ops\":1,\"open\":1}"));
    struct history history = read_back();

    assert_int_equal(jepsen_print(&edn, &history, &err), 0);
    assert_string_equal(buf_str(&edn), "");
    history_done(&history);
    buf_done(&edn);
}

/* As Jepsen and elle-cli write it: keys are numbers, nothing is said of servers, a nemesis acts. */
static void a_history_from_elsewhere_is_understood(void **state)
{
    struct errctx err;

    (void)state;
    read_events(
        "[{:type :info, :f :kill, :process :nemesis, :time 5, :value nil}\n"
        " {:type :invoke, :f :txn, :value [[:append 7 1] [:r 8 nil]], :process 3, :time "
        "1000}\n"
        " {:type :ok, :f :txn, :value [[:append 7 1] [:r 8 [2 9]]], :process 3, :time 9000}\n"
        " {:type :invoke, :f :txn, :value [[:append 7 2]], :process 3, :time 9000}\n"
        " {:type :info, :f :txn, :value [[:append 7 2]], :process 3, :time 9999}]",
        &err);
    assert_string_equal(err.message, "");
    struct history history = read_back();

    assert_int_equal(history.n, 2);
    assert_int_equal(history.op[0].client, 3);
    assert_int_equal(history.op[0].invoked_us, 1);
    assert_int_equal(history.op[0].ended_us, 9);
    assert_string_equal(history.op[0].txn->request, "c3-0");
    assert_string_equal(history.op[0].txn->op[0].store, "jepsen");
    assert_string_equal(history.op[0].txn->op[0].key, "7");
    assert_string_equal(history.op[0].txn->op[0].value, "1");
    assert_string_equal(history.op[0].read[1].value, "2,9");
    assert_int_equal(history.op[0].read[1].n, 2);
    assert_int_equal(history.op[1].end, HISTORY_INFO);
    assert_int_equal(history.op[1].code, CODE_UNKNOWN);
    history_done(&history);
}

/* "07" would come back as 7. */
static void an_element_keeps_its_text(void **state)
{
    static const char events[] =
        LINE("{:type :invoke, :f :txn, :value [[:append \"s/k\" \"07\"] [:append \"s/k\" -7] "
             "[:append \"s/k\" \"a\\\"\\\\\"]], :process 0, :time 1000, :index 0, :client 0, "
             ":request \"c0-0\", :server \"jepsen\", :planned 1000}");
    struct buf edn = {0};
    struct errctx err;

    (void)state;
    read_events(events, &err);
    assert_string_equal(err.message, "");
    struct history history = read_back();

    assert_int_equal(jepsen_print(&edn, &history, &err), 0);
    assert_string_equal(buf_str(&edn), events);
    history_done(&history);
    buf_done(&edn);
}

static void refused(const char *events, const char *complaint)
{
    struct errctx err;

    read_events(events, &err);
    assert_string_equal(err.message, complaint);
}

static void events_that_make_no_history_are_refused(void **state)
{
    (void)state;
    refused("7", "x.edn:1: no event: a map with :type, :process and :value");
    refused("{:type :ok, :process 1, :value []}", "x.edn:1: process 1 has no operation under way");
    refused("{:type :invoke, :process 1, :value [[:r 1 nil]]}\n"
            "{:type :invoke, :process 1, :value [[:r 1 nil]]}",
            "x.edn:2: process 1 has an operation under way");
    refused("{:type :invoke, :process 1, :value [[:w 1 2]]}",
            "x.edn:1: micro-operation 0 is no [:r key list-or-nil] or [:append key element]");
    refused("{:type :invoke, :process 1, :value [[:append 1 [2]]]}",
            "x.edn:1: micro-operation 0 is no [:r key list-or-nil] or [:append key element]");
    refused("{:type :invoke, :process 1, :value []}", "x.edn:1: txn has no operation");
    refused("{:type :invoke, :process 1, :value [[:r 1 nil]]", "x.edn:1: cut: '}' is missing");
    refused("{:type :invoke, :process 1, :time 5000, :value [[:r 1 nil]]}\n"
            "{:type :ok, :process 1, :time 4000, :value [[:r 1 nil]]}",
            "x.edn:2: process 1 ends what it has not begun yet");
    refused("{:type :invoke, :process 1, :value [[:r 1 nil]]}\n"
            "{:type :ok, :process 1, :value [[:r 1 nil] [:r 2 nil]]}",
            "x.edn:2: :value is not what was invoked");
    refused("{:type :invoke, :process 1, :value [[:append 1 2]]}\n"
            "{:type :ok, :process 1, :value [[:append 1 3]]}",
            "x.edn:2: :value is not what was invoked");
    refused("{:type :what, :process 1, :value [[:r 1 nil]]}",
            "x.edn:1: :type is :invoke, :ok, :fail or :info");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_read),
        cmocka_unit_test(what_is_no_form_is_refused_with_its_line),
        cmocka_unit_test(a_history_becomes_events_and_comes_back_the_same),
        cmocka_unit_test(what_is_no_list_is_not_converted),
        cmocka_unit_test(a_probe_is_left_out),
        cmocka_unit_test(a_history_from_elsewhere_is_understood),
        cmocka_unit_test(an_element_keeps_its_text),
        cmocka_unit_test(events_that_make_no_history_are_refused),
    };

    return cmocka_run_group_tests(tests, temp_file_make, temp_file_remove);
}
