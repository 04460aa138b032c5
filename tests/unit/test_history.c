/*
 * Histories: what is written reads back, and files that are cut, doubled or contradict themselves
 * are refused with file and line.
 *
 * Folder: harness
 */
#include "harness/history/history.h"
#include "temp_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INVOKE(op)                                                                                 \
    "{\"t\":\"invoke\",\"op\":" #op ",\"request\":\"c3-" #op "\",\"client\":3,"                    \
    "\"server\":\"serve2\",\"planned\":100,\"at\":110,\"txn\":[[\"w\",\"pg1\",\"user:42\","        \
    "\"c3-" #op "\"]]}\n"
#define RETRY(op, at) "{\"t\":\"retry\",\"op\":" #op ",\"server\":\"serve1\",\"at\":" #at "}\n"
#define OK(op)        "{\"t\":\"ok\",\"op\":" #op ",\"at\":120,\"level\":\"everywhere\"}\n"
#define OK_WITH(micro)                                                                             \
    "{\"t\":\"ok\",\"op\":0,\"at\":120,\"level\":\"everywhere\",\"txn\":[" micro "]}\n"

static void put(const char *text)
{
    FILE *file = fopen(temp_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Reading `text` fails with "PATH:" + `complaint`. */
static void refused(const char *text, const char *complaint)
{
    struct history history;
    struct errctx err = {0};
    char expected[600];

    put(text);
    assert_int_equal(history_read(temp_path, &history, &err), -EBADMSG);
    (void)snprintf(expected, sizeof expected, "%s:%s", temp_path, complaint);
    assert_string_equal(err.message, expected);
}

static struct txn write_to_two(void)
{
    struct txn txn = {.request = "c3-0", .n_ops = 2};

    txn.op[0] = (struct op){.kind = OP_WRITE, .store = "pg1", .key = "user:42", .value = "c3-0"};
    txn.op[1] = (struct op){
        .kind = OP_INCR, .store = "redis", .key = "acct:1", .delta = -30, .has_min = true};
    return txn;
}

static struct txn read_of_one(void)
{
    struct txn txn = {.request = "c4-1", .n_ops = 1};

    txn.op[0] = (struct op){.kind = OP_READ, .store = "pg1", .key = "user:42"};
    return txn;
}

/* Sent 10 µs after its planned time. */
static void invoke(struct history_writer *w, int64_t op, unsigned client, const char *server,
                   int64_t planned_us, const struct txn *txn)
{
    const struct history_invocation invocation = {.op = op,
                                                  .client = client,
                                                  .server = server,
                                                  .planned_us = planned_us,
                                                  .at_us = planned_us + 10,
                                                  .probe = op == 2};

    history_invoke(w, &invocation, txn);
}

static void write_history(void)
{
    struct history_writer *w;
    struct errctx err = {0};
    struct txn both = write_to_two();
    struct txn read = read_of_one();
    struct reply ok = {.level = LEVEL_EVERYWHERE};
    struct reply found = {.level = LEVEL_NONE, .has_reads = true};
    struct reply lost = {.code = CODE_UNKNOWN, .detail = "connection \"lost\""};

    found.read[0] = (struct read_result){.found = true, .value = "c3-0", .n = 7};
    assert_int_equal(history_create(temp_path, &w, &err), 0);
    invoke(w, 1, 4, "pg1", 200, &read); /* not in the order of their numbers */
    invoke(w, 0, 3, "serve2", 100, &both);
    history_end(w, 0, HISTORY_OK, 130, &ok, &both);
    history_end(w, 1, HISTORY_OK, 230, &found, &read);
    invoke(w, 2, 5, "serve1", 300, &both);
    history_retry(w, 2, "serve2", 320);
    history_retry(w, 2, "serve1", 330);
    history_end(w, 2, HISTORY_INFO, 340, &lost, &both);
    invoke(w, 3, 5, "", 400, &both);
    assert_int_equal(history_close(w, &err), 0);
}

static void what_is_written_reads_back(void **state)
{
    struct history history;
    struct errctx err = {0};

    (void)state;
    write_history();
    if (history_read(temp_path, &history, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(history.n, 4);
    const struct history_op *op = &history.op[0];

    assert_string_equal(op->txn->request, "c3-0");
    assert_string_equal(op->server, "serve2");
    assert_int_equal(op->client, 3);
    assert_int_equal(op->planned_us, 100);
    assert_int_equal(op->invoked_us, 110);
    assert_int_equal(op->ended_us, 130);
    assert_int_equal(op->end, HISTORY_OK);
    assert_int_equal(op->level, LEVEL_EVERYWHERE);
    assert_int_equal(op->txn->n_ops, 2);
    assert_string_equal(op->txn->op[0].value, "c3-0");
    assert_int_equal(op->txn->op[1].delta, -30);
    assert_true(op->txn->op[1].has_min);
    assert_false(op->direct_read);
    assert_null(op->read);

    op = &history.op[1];
    assert_true(op->direct_read);
    assert_true(op->read[0].found);
    assert_string_equal(op->read[0].value, "c3-0");
    assert_int_equal(op->read[0].n, 7);
    assert_ptr_equal(op->txn->op[0].key, history.op[0].txn->op[0].key);

    assert_null(op->retry);
    assert_false(op->probe);

    assert_true(history.op[2].probe);
    assert_string_equal(history.op[2].retry->server, "serve1");
    assert_int_equal(history.op[2].retry->at_us, 330);
    assert_string_equal(history.op[2].retry->earlier->server, "serve2");
    assert_null(history.op[2].retry->earlier->earlier);
    assert_int_equal(history.op[2].end, HISTORY_INFO);
    assert_int_equal(history.op[2].code, CODE_UNKNOWN);
    assert_int_equal(history.op[3].end, HISTORY_OPEN);
    assert_string_equal(history.op[3].server, "");
    history_done(&history);
}

static void an_operation_expands_to_its_transaction(void **state)
{
    struct history history;
    struct errctx err = {0};
    struct txn expected = write_to_two();
    struct txn got;

    (void)state;
    write_history();
    assert_int_equal(history_read(temp_path, &history, &err), 0);
    history_txn(&history.op[0], &got);
    assert_memory_equal(&got, &expected, sizeof got);
    history_done(&history);
}

static void an_empty_history_is_complete(void **state)
{
    struct history history;
    struct errctx err = {0};

    (void)state;
    put("{\"t\":\"end\",\"ops\":0,\"open\":0}\n");
    assert_int_equal(history_read(temp_path, &history, &err), 0);
    assert_int_equal(history.n, 0);
    history_done(&history);
}

static void unknown_fields_are_left_to_later_versions(void **state)
{
    struct history history;
    struct errctx err = {0};

    (void)state;
    put("{\"colour\":[1,{}]," /* then the invocation as it always is */
        "\"t\":\"invoke\",\"op\":0,\"request\":\"c3-0\",\"client\":3,\"server\":\"serve2\","
        "\"planned\":100,\"at\":110,\"txn\":[[\"w\",\"pg1\",\"k\",\"v\"]]}\n"
        "{\"t\":\"end\",\"ops\":1,\"open\":1}\n");
    assert_int_equal(history_read(temp_path, &history, &err), 0);
    assert_int_equal(history.n, 1);
    history_done(&history);
}

static void a_cut_file_is_refused(void **state)
{
    (void)state;
    refused("", "0: cut: the closing line {\"t\":\"end\"} is missing");
    refused(INVOKE(0) OK(0), "2: cut: the closing line {\"t\":\"end\"} is missing");
    refused(INVOKE(0) "{\"t\":\"ok\",\"op\":0,\"at\":1", "2: the file is cut: no end of line");
}

static void a_malformed_line_is_refused(void **state)
{
    (void)state;
    refused(INVOKE(0) "[]\n", "2: no JSON object");
    refused("{\"t\":1}\n", "1: \"t\" is not there, or no string");
    refused("{\"t\":\"begin\"}\n", "1: \"begin\" is no line of a history");
    refused("{\"t\":\"invoke\",\"op\":0,\"request\":\"c\",\"client\":1048576,\"server\":\"serve1\","
            "\"planned\":1,\"at\":1,\"txn\":[[\"w\",\"pg1\",\"k\",\"v\"]]}\n",
            "1: no such request id or client");
    refused(INVOKE(0) "{\"t\":\"ok\",\"op\":0,\"at\":120,\"level\":\"nowhere\"}\n",
            "2: no level is named \"nowhere\"");
    refused(INVOKE(0) "{\"t\":\"fail\",\"op\":0,\"at\":120,\"code\":\"odd\"}\n",
            "2: no code is named \"odd\"");
}

static void a_contradiction_is_refused(void **state)
{
    (void)state;
    refused(INVOKE(0) INVOKE(0), "2: operation 0 is invoked twice");
    refused(INVOKE(0) OK(0) OK(0), "3: operation 0 ends after its end");
    refused(INVOKE(1) OK(0), "2: operation 0 ends and was not invoked");
    refused(OK(0) INVOKE(0), "1: operation 0 ends and was not invoked");
    refused(INVOKE(0) "{\"t\":\"ok\",\"op\":0,\"at\":109,\"level\":\"first\"}\n",
            "2: operation 0 ends before it was sent");
    refused(INVOKE(0) "{\"t\":\"fail\",\"op\":0,\"at\":120,\"code\":\"timeout\"}\n",
            "2: \"timeout\" is no definite failure");
    refused(INVOKE(0) "{\"t\":\"info\",\"op\":0,\"at\":120,\"code\":\"conflict\"}\n",
            "2: \"conflict\" is definite: a fail");
    refused(INVOKE(0) OK_WITH("[\"w\",\"pg1\",\"user:43\",\"c3-0\"]"),
            "2: txn: not the one that was invoked");
    refused(INVOKE(0) OK_WITH("[\"w\",\"pg2\",\"user:42\",\"c3-0\"]"),
            "2: txn: not the one that was invoked");
    refused(INVOKE(0) OK_WITH("[\"r\",\"pg1\",\"user:42\",null,0]"),
            "2: txn: not the one that was invoked");
    refused(INVOKE(9999999), "1: operation 9999999 in a file of this size");
}

static void a_retry_stands_between_invocation_and_end(void **state)
{
    (void)state;
    refused(INVOKE(1) RETRY(0, 115), "2: operation 0 is sent again and was not invoked");
    refused(INVOKE(0) OK(0) RETRY(0, 130), "3: operation 0 is sent again after its end");
    refused(INVOKE(0) RETRY(0, 109), "2: operation 0 is sent again before it was sent");
    refused(INVOKE(0) RETRY(0, 115) RETRY(0, 114),
            "3: operation 0 is sent again before it was sent");
    refused(INVOKE(0) RETRY(0, 121) OK(0), "3: operation 0 ends before it was sent");
    refused(INVOKE(0) RETRY(0, 115) "{\"t\":\"fail\",\"op\":0,\"at\":120,\"code\":\"conflict\"}\n",
            "3: operation 0 was sent again, so what became of it first is unknown: no definite "
            "failure");
}

static void the_closing_line_must_tell_the_truth(void **state)
{
    (void)state;
    refused(INVOKE(0) "{\"t\":\"end\",\"ops\":2,\"open\":1}\n",
            "2: 1 operations, 1 of them open, are not what is said here");
    refused(INVOKE(0) OK(0) "{\"t\":\"end\",\"ops\":1,\"open\":1}\n",
            "3: 1 operations, 0 of them open, are not what is said here");
    refused(INVOKE(0) INVOKE(2) "{\"t\":\"end\",\"ops\":2,\"open\":2}\n",
            "3: operations are missing: the last one's number is 2");
    refused("{\"t\":\"end\",\"ops\":0,\"open\":0}\n" INVOKE(0), "2: a line after the closing one");
}

static void a_full_disk_is_told_when_closing(void **state)
{
    struct history_writer *w;
    struct errctx err = {0};
    struct txn both = write_to_two();

    (void)state;
    assert_int_equal(history_create("/dev/full", &w, &err), 0);
    invoke(w, 0, 3, "serve2", 100, &both);
    assert_int_equal(history_close(w, &err), -ENOSPC);
    assert_string_equal(err.message, "/dev/full: No space left on device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(an_operation_expands_to_its_transaction),
        cmocka_unit_test(an_empty_history_is_complete),
        cmocka_unit_test(unknown_fields_are_left_to_later_versions),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(a_malformed_line_is_refused),
        cmocka_unit_test(a_contradiction_is_refused),
        cmocka_unit_test(a_retry_stands_between_invocation_and_end),
        cmocka_unit_test(the_closing_line_must_tell_the_truth),
        cmocka_unit_test(a_full_disk_is_told_when_closing),
    };

    return cmocka_run_group_tests(tests, temp_file_make, temp_file_remove);
}
