/*
 * Folder: model
 * The lines that a participant is sent: what is understood, and what is said of the rest.
 */
#include "model/participant_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct participant_request request;

static const char *decode(const char *line)
{
    static struct errctx err;

    return participant_decode(line, strlen(line), &request, &err) < 0 ? err.message : "";
}

static void takes_a_prepare_with_its_transaction(void **state)
{
    (void)state;
    assert_string_equal(decode("{\"id\":7,\"prepare\":\"sb1:me:1:1:r1\",\"request\":\"r1\","
                               "\"deadline_ms\":20,\"txn\":[[\"w\",\"pg1\",\"a\",\"x\"]]}"),
                        "");
    assert_int_equal(request.verb, PARTICIPANT_PREPARE);
    assert_true(request.id == 7);
    assert_true(request.deadline_ms == 20);
    assert_string_equal(request.gid, "sb1:me:1:1:r1");
    assert_string_equal(request.txn.request, "r1");
    assert_int_equal(request.txn.n_ops, 1);
}

static void takes_each_other_verb(void **state)
{
    static const struct {
        const char *line;
        enum participant_verb verb;
    } of[] = {
        {"{\"id\":1,\"commit\":\"g\"}", PARTICIPANT_COMMIT},
        {"{\"id\":1,\"rollback\":\"g\"}", PARTICIPANT_ROLLBACK},
        {"{\"id\":1,\"recover\":\"g\"}", PARTICIPANT_RECOVER},
        {"{\"id\":1,\"recover\":\"\"}", PARTICIPANT_RECOVER},
        {"{\"id\":1,\"status\":\"g\"}", PARTICIPANT_STATUS},
        {"{\"id\":1,\"forget\":\"g\"}", PARTICIPANT_FORGET},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof of / sizeof of[0]; i++) {
        assert_string_equal(decode(of[i].line), "");
        assert_int_equal(request.verb, of[i].verb);
    }
}

static void a_status_may_carry_a_memo(void **state)
{
    (void)state;
    assert_string_equal(decode("{\"id\":1,\"status\":\"g\",\"memo\":\"762+1\"}"), "");
    assert_string_equal(request.memo, "762+1");
    assert_string_equal(decode("{\"id\":1,\"status\":\"g\"}"), "");
    assert_string_equal(request.memo, "");
    assert_non_null(strstr(decode("{\"id\":1,\"status\":\"g\",\"memo\":\"x\"}"), "memo"));
    assert_non_null(strstr(decode("{\"id\":1,\"status\":\"g\",\"memo\":"
                                  "\"111111111111111111111111\"}"),
                           "memo"));
}

static void says_what_is_wrong_and_whose_line_it_was(void **state)
{
    (void)state;
    assert_non_null(strstr(decode("nonsense"), "not JSON"));
    assert_true(request.id == -1);
    assert_non_null(strstr(decode("{\"commit\":\"g\"}"), "id"));
    assert_non_null(strstr(decode("{\"id\":5}"), "one of prepare, commit"));
    assert_true(request.id == 5);
    assert_non_null(strstr(decode("{\"id\":5,\"commit\":\"g\",\"rollback\":\"g\"}"), "one of"));
    assert_non_null(strstr(decode("{\"id\":5,\"commit\":\"\"}"), "must be a gid"));
    assert_non_null(strstr(decode("{\"id\":5,\"commit\":\"a'b\"}"), "must be a gid"));
    assert_non_null(strstr(decode("{\"id\":5,\"commit\":\"a23456789012345678901234567890123456789"
                                  "01234567890123456789012345\"}"),
                           "must be a gid"));
    assert_non_null(strstr(decode("{\"id\":5,\"commit\":3}"), "commit"));
    assert_non_null(strstr(decode("{\"id\":5,\"recover\":\"a b\"}"), "beginning of a gid"));
    assert_non_null(strstr(decode("{\"id\":5,\"prepare\":\"g\",\"txn\":[]}"), "request"));
    assert_non_null(strstr(decode("{\"id\":5,\"prepare\":\"g\",\"request\":\"r\"}"), "txn"));
    assert_non_null(strstr(decode("{\"id\":5,\"commit\":\"g\",\"deadline_ms\":0}"), "deadline_ms"));
}

static void writes_answers(void **state)
{
    struct buf out = {0};

    (void)state;
    participant_begin_reply(&out, 3);
    buf_append_str(&out, "}\n");
    participant_refuse(&out, -1, "bad-request", "a \"quoted\" word");
    participant_refuse(&out, 4, "nota", "");
    assert_string_equal(buf_str(&out),
                        "{\"id\":3,\"ok\":true}\n"
                        "{\"id\":null,\"ok\":false,\"code\":\"bad-request\",\"detail\":\"a "
                        "\\\"quoted\\\" word\"}\n"
                        "{\"id\":4,\"ok\":false,\"code\":\"nota\"}\n");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_prepare_with_its_transaction),
        cmocka_unit_test(takes_each_other_verb),
        cmocka_unit_test(a_status_may_carry_a_memo),
        cmocka_unit_test(says_what_is_wrong_and_whose_line_it_was),
        cmocka_unit_test(writes_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
