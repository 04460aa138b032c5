/*
 * Unit tests of protocol.h: the documented lines to the byte, every refusal, and random mutations
 * of valid lines, which must be refused or read back as what they were taken for.
 * Folder: model
 */
#include "base/buf.h"
#include "base/random.h"
#include "model/protocol.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MUTATIONS 100000

static const char *const requests[] = {
    "{\"id\":17,\"request\":\"c3-17\",\"deadline_ms\":4990,\"txn\":[[\"w\",\"pg1\",\"user:42\","
    "\"c3-17\"],[\"w\",\"redis\",\"user:42\",\"c3-17\"]]}",
    "{\"id\":18,\"request\":\"c3-18\",\"deadline_ms\":5000,\"txn\":[[\"r\",\"pg1\",\"acct:1\","
    "null],[\"incr\",\"pg2\",\"acct:9\",-30,{\"min\":0}]]}",
    "{\"id\":19,\"status\":\"c3-17\"}",
    "{\"id\":0,\"request\":\"a\",\"deadline_ms\":1,\"txn\":[[\"insert\",\"pg1\",\"k\\\\\","
    "\"Z\xc3\xbcrich \\\"1\\\"\"],[\"append\",\"pg1\",\"l\",\"\"],[\"incr\",\"pg1\",\"n\","
    "-9223372036854775808]]}",
    "{\"id\":9223372036854775807,\"request\":\"a\",\"deadline_ms\":600000,\"txn\":[[\"r\",\"pg1\","
    "\"user:42\",null,{\"after\":{\"0\":812,\"3\":0}}],[\"r\",\"pg2\",\"x\",null,{\"after\":{\"0\":"
    "812,\"3\":0}}],[\"r\",\"pg2\",\"y\",null]]}",
    "{\"id\":1,\"request\":\"a\",\"deadline_ms\":1,\"txn\":[[\"w\",\"pg1\",\"k\",\"v\","
    "{\"version\":9223372036854775807}]]}",
};

static const char *const replies[] = {
    "{\"id\":17,\"ok\":true,\"level\":\"everywhere\",\"position\":{\"0\":812}}",
    "{\"id\":18,\"ok\":false,\"code\":\"constraint\",\"definite\":true,\"detail\":\"pg2 acct:9: "
    "below 0\"}",
    "{\"id\":20,\"ok\":false,\"code\":\"timeout\",\"definite\":false}",
    "{\"id\":null,\"ok\":false,\"code\":\"bad-request\",\"definite\":true,\"detail\":\"\\u0001 "
    "\\\\\"}",
    "{\"id\":19,\"ok\":true,\"outcome\":\"committed\"}",
    "{\"id\":21,\"ok\":true,\"level\":\"none\",\"txn\":[[\"r\",\"pg1\",\"user:42\",\"c3-17\",2],"
    "[\"r\",\"pg1\",\"user:43\",null,0],[\"w\",\"pg2\",\"user:42\",\"x\"],[\"incr\",\"pg2\",\"n\","
    "1,{\"min\":-5}]],\"position\":{\"1\":0,\"63\":5}}",
};

#define N_REQUESTS (sizeof requests / sizeof *requests)
#define N_REPLIES  (sizeof replies / sizeof *replies)

static bool decode_request(const char *line, size_t size, struct request *ret_request)
{
    struct errctx err = {0};
    int r = protocol_decode_request(line, size, ret_request, &err);

    if (r < 0) {
        assert_int_equal(r, -EBADMSG);
        assert_true(err.message[0]);
    }
    return r == 0;
}

static bool decode_reply(const char *line, size_t size, struct reply *ret_reply)
{
    struct errctx err = {0};
    int r = protocol_decode_reply(line, size, ret_reply, &err);

    if (r < 0) {
        assert_int_equal(r, -EBADMSG);
        assert_true(err.message[0]);
    }
    return r == 0;
}

/* The transaction of a reply line, as the front door has it when it answers. */
static void txn_of(const char *line, struct txn *ret_txn)
{
    static struct read_result reads[TXN_OPS_MAX];
    json_t *root = json_loads(line, 0, NULL);
    struct errctx err;

    *ret_txn = (struct txn){0};
    if (json_object_get(root, "txn"))
        assert_int_equal(protocol_txn_from_json(json_object_get(root, "txn"), ret_txn, reads, &err),
                         0);
    json_decref(root);
}

static void requests_stand_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_REQUESTS; i++) {
        struct request request;
        struct buf out = {0};

        assert_true(decode_request(requests[i], strlen(requests[i]), &request));
        protocol_encode_request(&out, &request);
        assert_int_equal(out.data[out.size - 1], '\n');
        out.data[out.size - 1] = '\0';
        assert_string_equal(out.data, requests[i]);
        buf_done(&out);
    }
}

static void replies_stand_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_REPLIES; i++) {
        struct reply reply;
        struct txn txn;
        struct buf out = {0};

        txn_of(replies[i], &txn);
        assert_true(decode_reply(replies[i], strlen(replies[i]), &reply));
        protocol_encode_reply(&out, &reply, &txn);
        assert_int_equal(out.data[out.size - 1], '\n');
        out.data[out.size - 1] = '\0';
        assert_string_equal(out.data, replies[i]);
        buf_done(&out);
    }
}

static void a_request_is_taken_apart(void **state)
{
    static struct request r;

    (void)state;
    assert_true(decode_request(requests[1], strlen(requests[1]), &r));
    assert_int_equal(r.kind, REQUEST_TXN);
    assert_int_equal(r.id, 18);
    assert_string_equal(r.txn.request, "c3-18");
    assert_int_equal(r.deadline_ms, 5000);
    assert_int_equal(r.txn.n_ops, 2);
    assert_int_equal(r.txn.op[0].kind, OP_READ);
    assert_false(r.txn.op[0].has_after);
    assert_int_equal(r.txn.op[1].kind, OP_INCR);
    assert_string_equal(r.txn.op[1].store, "pg2");
    assert_string_equal(r.txn.op[1].key, "acct:9");
    assert_true(r.txn.op[1].delta == -30);
    assert_true(r.txn.op[1].has_min);
    assert_true(r.txn.op[1].min == 0);
    assert_true(decode_request(requests[4], strlen(requests[4]), &r));
    assert_true(r.txn.op[1].has_after);
    assert_int_equal(r.txn.after.n, 4);
    assert_int_equal(r.txn.after.offset[0], 812);
    assert_true(r.txn.after.offset[1] == -1);
    assert_int_equal(r.txn.after.offset[3], 0);
    assert_true(decode_request(requests[2], strlen(requests[2]), &r));
    assert_int_equal(r.kind, REQUEST_STATUS);
    assert_string_equal(r.txn.request, "c3-17");
    assert_int_equal(r.txn.n_ops, 0);
}

static void what_is_absent_has_its_default_and_what_is_unknown_is_ignored(void **state)
{
    static const char line[] = " {\"txn\" : [[\"w\",\"pg1\",\"k\",\"\\u00fc\"]], \"request\":\"a\","
                               "\"later\":{\"x\":[1]}, \"id\":1 } ";
    struct request r;

    (void)state;
    assert_true(decode_request(line, sizeof line - 1, &r));
    assert_int_equal(r.deadline_ms, PROTOCOL_DEADLINE_MS);
    assert_string_equal(r.txn.op[0].value, "\xc3\xbc");
}

static void each_malformed_request_gets_its_sentence(void **state)
{
    static const struct {
        const char *line;
        const char *sentence;
        int64_t id; /* so that the sender is told which one, where it can be read */
    } cases[] = {
        {"", "not JSON", -1},
        {"hello", "not JSON", -1},
        {"[]", "not a JSON object", -1},
        {"{\"id\":1,\"status\":\"a\"} x", "not JSON", -1},
        {"{\"id\":1,\"id\":1,\"status\":\"a\"}", "not JSON: duplicate object key", -1},
        {"{\"status\":\"a\"}", "id is missing", -1},
        {"{\"id\":\"1\",\"status\":\"a\"}", "id must be a whole number", -1},
        {"{\"id\":1.0,\"status\":\"a\"}", "id must be a whole number", -1},
        {"{\"id\":-1,\"status\":\"a\"}", "id must be between 0 and 9223372036854775807", -1},
        {"{\"id\":9223372036854775808,\"status\":\"a\"}", "not JSON: too big integer", -1},
        {"{\"id\":1}", "request is missing", 1},
        {"{\"id\":1,\"status\":7}", "status must be a string", 1},
        {"{\"id\":1,\"status\":\"a b\"}", "status must be 1 to 32 characters", 1},
        {"{\"id\":1,\"status\":\"a\",\"txn\":[]}", "a request has either txn or status", 1},
        {"{\"id\":1,\"request\":\"\",\"txn\":[]}", "request must be 1 to 32 characters", 1},
        {"{\"id\":1,\"request\":\"a\",\"deadline_ms\":0,\"txn\":[]}", "deadline_ms must be between",
         1},
        {"{\"id\":1,\"request\":\"a\",\"deadline_ms\":600001,\"txn\":[]}", "deadline_ms must be",
         1},
        {"{\"id\":1,\"request\":\"a\",\"deadline_ms\":\"5\",\"txn\":[]}", "deadline_ms must be a",
         1},
        {"{\"id\":1,\"request\":\"a\"}", "txn is missing", 1},
        {"{\"id\":1,\"request\":\"a\",\"txn\":{}}", "txn must be a list of operations", 1},
        {"{\"id\":1,\"request\":\"a\",\"txn\":[]}", "txn has no operation", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errctx err = {0};
        struct request r;

        assert_int_equal(protocol_decode_request(cases[i].line, strlen(cases[i].line), &r, &err),
                         -EBADMSG);
        assert_memory_equal(err.message, cases[i].sentence, strlen(cases[i].sentence));
        assert_true(r.id == cases[i].id);
    }
}

static void each_malformed_operation_gets_its_sentence(void **state)
{
    static const char *const cases[][2] = {
        {"1", "must be [operation, store, key, argument]"},
        {"[]", "must be [operation, store, key, argument]"},
        {"[\"w\",\"pg1\",\"k\"]", "must be [operation, store, key, argument]"},
        {"[\"w\",\"pg1\",\"k\",\"v\",{},{}]", "must be [operation, store, key, argument]"},
        {"{\"op\":\"w\"}", "must be [operation, store, key, argument]"},
        {"[\"x\",\"pg1\",\"k\",\"v\"]", "the operation must be r, w, insert, incr or append"},
        {"[1,\"pg1\",\"k\",\"v\"]", "the operation must be r, w, insert, incr or append"},
        {"[\"w\",\"PG1\",\"k\",\"v\"]", "store must be 1 to 15 characters"},
        {"[\"w\",1,\"k\",\"v\"]", "store must be a string"},
        {"[\"w\",\"pg1\",\"\",\"v\"]", "key must be 1 to 64 printable"},
        {"[\"w\",\"pg1\",\"a b\",\"v\"]", "key must be 1 to 64 printable"},
        {"[\"w\",\"pg1\",null,\"v\"]", "key must be a string"},
        {"[\"w\",\"pg1\",\"k\",7]", "value must be a string"},
        {"[\"w\",\"pg1\",\"k\",null]", "value must be a string"},
        {"[\"w\",\"pg1\",\"k\",\"\\n\"]", "value must be at most 256 bytes"},
        {"[\"w\",\"pg1\",\"k\",\"\\u007f\"]", "value must be at most 256 bytes"},
        {"[\"w\",\"pg1\",\"k\",\"\\u0085\"]", "value must be at most 256 bytes"},
        {"[\"w\",\"pg1\",\"k\",\"v\",{}]", "the options of w are"},
        {"[\"w\",\"pg1\",\"k\",\"v\",{\"min\":1}]", "version is missing"},
        {"[\"w\",\"pg1\",\"k\",\"v\",{\"version\":0}]", "version must be between 1 and"},
        {"[\"insert\",\"pg1\",\"k\",\"v\",{\"version\":1}]", "insert takes a value and"},
        {"[\"append\",\"pg1\",\"k\",\"v\",1]", "append takes a value and nothing more"},
        {"[\"incr\",\"pg1\",\"k\",\"1\"]", "delta must be a whole number"},
        {"[\"incr\",\"pg1\",\"k\",1.5]", "delta must be a whole number"},
        {"[\"incr\",\"pg1\",\"k\",1,null]", "the options of incr are"},
        {"[\"incr\",\"pg1\",\"k\",1,{}]", "the options of incr are"},
        {"[\"incr\",\"pg1\",\"k\",1,{\"max\":1}]", "min is missing"},
        {"[\"incr\",\"pg1\",\"k\",1,{\"min\":1,\"max\":1}]", "the options of incr are"},
        {"[\"incr\",\"pg1\",\"k\",1,{\"min\":\"0\"}]", "min must be a whole number"},
        {"[\"r\",\"pg1\",\"k\",\"v\"]", "a read's value must be null"},
        {"[\"r\",\"pg1\",\"k\",null,5]", "the options of a read are"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{},\"x\":1}]", "the options of a read are"},
        {"[\"r\",\"pg1\",\"k\",null,{\"x\":{}}]", "after must be an object of partitions"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{}}]", "after must be an object of partitions"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{\"64\":1}}]", "after: a partition is a number"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{\"01\":1}}]", "after: a partition is a number"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{\"x\":1}}]", "after: a partition is a number"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{\"\":1}}]", "after: a partition is a number"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{\"0\":-1}}]", "after: an offset must be between"},
        {"[\"r\",\"pg1\",\"k\",null,{\"after\":{\"0\":\"1\"}}]", "after: an offset must be a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errctx err = {0};
        struct request r;
        struct buf line = {0};

        buf_printf(&line, "{\"id\":1,\"request\":\"a\",\"txn\":[[\"w\",\"pg1\",\"k\",\"v\"],%s]}",
                   cases[i][0]);
        assert_int_equal(protocol_decode_request(line.data, line.size, &r, &err), -EBADMSG);
        assert_memory_equal(err.message, "operation 1: ", 13);
        if (strncmp(err.message + 13, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("%s: %s", cases[i][0], err.message);
        buf_done(&line);
    }
}

static void reads_wait_for_one_position(void **state)
{
    static const char line[] =
        "{\"id\":1,\"request\":\"a\",\"txn\":[[\"r\",\"pg1\",\"k\",null,{\"after\":{\"0\":1}}],"
        "[\"r\",\"pg2\",\"k\",null,{\"after\":{\"0\":2}}]]}";
    struct errctx err;
    struct request r;

    (void)state;
    assert_int_equal(protocol_decode_request(line, sizeof line - 1, &r, &err), -EBADMSG);
    assert_string_equal(err.message,
                        "operation 1: the reads of a transaction wait for one position");
}

static void bytes_that_json_does_not_allow_are_refused(void **state)
{
    static const char nul[] = "{\"id\":1,\"status\":\"a\0b\"}";
    static const char nul_outside[] = "{\"id\":1,\"status\":\"a\"}\0";
    static const char escaped[] = "{\"id\":1,\"status\":\"a\\u0000b\"}";
    static const char control[] = "{\"id\":1,\"status\":\"a\tb\"}";
    static const char latin1[] = "{\"id\":1,\"status\":\"a\xfc\"}";
    struct request r;

    (void)state;
    assert_false(decode_request(nul, sizeof nul - 1, &r));
    assert_false(decode_request(nul_outside, sizeof nul_outside - 1, &r));
    assert_false(decode_request(escaped, sizeof escaped - 1, &r));
    assert_false(decode_request(control, sizeof control - 1, &r));
    assert_false(decode_request(latin1, sizeof latin1 - 1, &r));
}

static void limits_hold_to_the_one(void **state)
{
    struct buf line = {0};
    struct request r;

    (void)state;
    for (unsigned n = TXN_OPS_MAX; n <= TXN_OPS_MAX + 1; n++) {
        buf_clear(&line);
        buf_append_str(&line, "{\"id\":1,\"request\":\"a\",\"txn\":[");
        for (unsigned i = 0; i < n; i++)
            buf_append_str(&line,
                           i ? ",[\"w\",\"pg1\",\"k\",\"v\"]" : "[\"w\",\"pg1\",\"k\",\"v\"]");
        buf_append_str(&line, "]}");
        assert_int_equal(decode_request(line.data, line.size, &r), n == TXN_OPS_MAX);
    }
    for (int size = VALUE_SIZE - 1; size <= VALUE_SIZE; size++) {
        buf_clear(&line);
        buf_printf(&line, "{\"id\":1,\"request\":\"a\",\"txn\":[[\"w\",\"pg1\",\"k\",\"%0*d\"]]}",
                   size, 0);
        assert_int_equal(decode_request(line.data, line.size, &r), size == VALUE_SIZE - 1);
    }
    buf_clear(&line);
    buf_append_str(&line, "{\"id\":1,\"status\":\"a\"}");
    while (line.size < PROTOCOL_LINE_MAX - 1)
        buf_append_char(&line, ' ');
    assert_true(decode_request(line.data, line.size, &r));
    buf_append_char(&line, ' ');
    assert_false(decode_request(line.data, line.size, &r));
    buf_done(&line);
}

static void deep_nesting_is_refused(void **state)
{
    struct buf line = {0};
    struct request r;

    (void)state;
    buf_append_str(&line, "{\"id\":1,\"status\":\"a\",\"x\":");
    while (line.size < PROTOCOL_LINE_MAX - 1)
        buf_append_char(&line, '[');
    assert_false(decode_request(line.data, line.size, &r));
    buf_done(&line);
}

static void each_malformed_reply_is_refused(void **state)
{
    static const char *const lines[] = {
        "{}",
        "{\"id\":1}",
        "{\"ok\":true,\"level\":\"none\"}",
        "{\"id\":1,\"ok\":1}",
        "{\"id\":1,\"ok\":true}",
        "{\"id\":1,\"ok\":true,\"level\":\"all\"}",
        "{\"id\":1,\"ok\":true,\"outcome\":\"done\"}",
        "{\"id\":1,\"ok\":true,\"outcome\":1}",
        "{\"id\":1,\"ok\":false}",
        "{\"id\":1,\"ok\":false,\"code\":\"\"}",
        "{\"id\":1,\"ok\":false,\"code\":\"timeout\",\"detail\":7}",
        "{\"id\":1,\"ok\":true,\"level\":\"none\",\"position\":7}",
        "{\"id\":1,\"ok\":true,\"level\":\"none\",\"txn\":[]}",
        "{\"id\":1,\"ok\":true,\"level\":\"none\",\"txn\":[[\"r\",\"pg1\",\"k\",null]]}",
        "{\"id\":1,\"ok\":true,\"level\":\"none\",\"txn\":[[\"r\",\"pg1\",\"k\",null,-1]]}",
        "{\"id\":1,\"ok\":true,\"level\":\"none\",\"txn\":[[\"r\",\"pg1\",\"k\",7,1]]}",
    };
    struct reply reply;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (decode_reply(lines[i], strlen(lines[i]), &reply))
            fail_msg("taken: %s", lines[i]);
    }
}

static void a_detail_of_any_bytes_is_sent_as_utf8_and_cut(void **state)
{
    struct reply reply = {.id = 1, .code = CODE_CONSTRAINT, .detail = "cut \xe2\x82\n\t\x7f"};
    struct reply again;
    struct buf out = {0};

    (void)state;
    protocol_encode_reply(&out, &reply, NULL);
    assert_true(decode_reply(out.data, out.size, &again));
    assert_string_equal(again.detail, "cut \xef\xbf\xbd\xef\xbf\xbd\n\t\x7f");
    buf_clear(&out);
    buf_printf(&out, "{\"id\":1,\"ok\":false,\"code\":\"timeout\",\"detail\":\"%0500d\"}", 0);
    assert_true(decode_reply(out.data, out.size, &again));
    assert_int_equal(strlen(again.detail), PROTOCOL_DETAIL_SIZE - 1);
    buf_done(&out);
}

/* --- mutations ----------------------------------------------------------------------------- */

static void mutate(struct rng *rng, struct buf *line, const char *const *corpus, size_t n_corpus)
{
    static const char *const pieces[] = {"\"",   "\\",        "{",          "}",
                                         "[",    "]",         ",",          ":",
                                         "null", "0",         "-1",         "1e9",
                                         "true", "\\u0000",   "\\ud800",    "\xff",
                                         "\n",   "\"id\":1,", "\"after\":", "9999999999999999999",
                                         " "};
    size_t at = rng_below(rng, line->size + 1);
    size_t cut = rng_below(rng, 4) ? 0 : rng_below(rng, line->size - at + 1) % 40;
    struct buf out = {0};

    buf_append(&out, line->data, at);
    switch (rng_below(rng, 4)) {
    case 0:
        buf_append_char(&out, (char)rng_below(rng, 256));
        break;
    case 1:
        buf_append_str(&out, pieces[rng_below(rng, sizeof pieces / sizeof *pieces)]);
        break;
    case 2: { /* a piece of another line */
        const char *other = corpus[rng_below(rng, n_corpus)];
        size_t from = rng_below(rng, strlen(other));

        buf_append(&out, other + from, rng_below(rng, strlen(other) - from + 1));
        break;
    }
    default: /* a byte changed */
        if (at < line->size) {
            buf_append_char(&out, (char)(line->data[at] ^ (1 << rng_below(rng, 7))));
            cut = 1;
        }
    }
    if (at + cut < line->size)
        buf_append(&out, line->data + at + cut, line->size - at - cut);
    buf_done(line);
    *line = out;
}

static void check_request(const struct buf *line)
{
    static struct request first, second;
    struct buf encoded = {0}, again = {0};

    if (!decode_request(buf_str(line), line->size, &first))
        return;
    protocol_encode_request(&encoded, &first);
    if (!decode_request(encoded.data, encoded.size, &second) ||
        memcmp(&first, &second, sizeof first) != 0)
        fail_msg("taken for something else: %.*s", (int)line->size, line->data);
    protocol_encode_request(&again, &second);
    assert_string_equal(encoded.data, again.data);
    buf_done(&encoded);
    buf_done(&again);
}

static void check_reply(const struct buf *line)
{
    static struct reply first, second;
    static struct txn txn;
    struct buf encoded = {0};

    if (!decode_reply(buf_str(line), line->size, &first))
        return;
    if (first.has_reads)
        txn_of(buf_str(line), &txn);
    protocol_encode_reply(&encoded, &first, &txn);
    if (!decode_reply(encoded.data, encoded.size, &second) ||
        memcmp(&first, &second, sizeof first) != 0)
        fail_msg("taken for something else: %.*s", (int)line->size, line->data);
    buf_done(&encoded);
}

static void run_mutations(const char *const *corpus, size_t n_corpus,
                          void (*check)(const struct buf *line))
{
    for (uint64_t seed = 0; seed < MUTATIONS; seed++) {
        struct rng rng = rng_new(seed, "mutation");
        const char *line = corpus[rng_below(&rng, n_corpus)];
        size_t n = 1 + rng_below(&rng, 3);
        struct buf mutant = {0};

        buf_append_str(&mutant, line);
        for (size_t i = 0; i < n; i++)
            mutate(&rng, &mutant, corpus, n_corpus);
        check(&mutant);
        buf_done(&mutant);
    }
}

static void mutated_requests_are_refused_or_read_back_the_same(void **state)
{
    (void)state;
    run_mutations(requests, N_REQUESTS, check_request);
}

static void mutated_replies_are_refused_or_read_back_the_same(void **state)
{
    (void)state;
    run_mutations(replies, N_REPLIES, check_reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_stand_as_documented),
        cmocka_unit_test(replies_stand_as_documented),
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(what_is_absent_has_its_default_and_what_is_unknown_is_ignored),
        cmocka_unit_test(each_malformed_request_gets_its_sentence),
        cmocka_unit_test(each_malformed_operation_gets_its_sentence),
        cmocka_unit_test(reads_wait_for_one_position),
        cmocka_unit_test(bytes_that_json_does_not_allow_are_refused),
        cmocka_unit_test(limits_hold_to_the_one),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(each_malformed_reply_is_refused),
        cmocka_unit_test(a_detail_of_any_bytes_is_sent_as_utf8_and_cut),
        cmocka_unit_test(mutated_requests_are_refused_or_read_back_the_same),
        cmocka_unit_test(mutated_replies_are_refused_or_read_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
