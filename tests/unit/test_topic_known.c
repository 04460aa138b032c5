/*
 * What is read of a decision topic, and its records as text. Folder: approaches
 */
#include "approaches/topic_known.h"
#include "approaches/topic_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *round_trip(const struct topic_record *record)
{
    static char text[512];
    struct topic_record again;
    struct buf encoded = {.data = NULL};

    topic_record_encode(record, &encoded);
    assert_true(topic_record_decode(encoded.data, encoded.size, &again));
    assert_int_equal(again.type, record->type);
    assert_int_equal(again.epoch, record->epoch);
    assert_string_equal(again.gid, record->gid);
    assert_string_equal(again.request, record->request);
    (void)snprintf(text, sizeof text, "%s", buf_str(&encoded));
    buf_done(&encoded);
    return text;
}

static void a_record_is_a_line_of_json(void **state)
{
    struct topic_record record = {.type = TOPIC_RECORD_COMMIT,
                                  .by = "serve1",
                                  .epoch = 3,
                                  .incarnation = "0123456789abcdef",
                                  .gid = "sb1:serve1:3:7:c1-7",
                                  .request = "c1-7"};

    (void)state;
    assert_string_equal(round_trip(&record),
                        "{\"v\":1,\"t\":\"commit\",\"by\":\"serve1\",\"epoch\":3,"
                        "\"incarnation\":\"0123456789abcdef\","
                        "\"gid\":\"sb1:serve1:3:7:c1-7\",\"request\":\"c1-7\"}");
    record = (struct topic_record){.type = TOPIC_RECORD_ALIVE, .by = "serve2", .epoch = 1};
    (void)round_trip(&record);
}

static void what_is_none_of_ours_is_not_taken(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "7",
        "{}",
        "{\"v\":2,\"t\":\"alive\",\"by\":\"a\",\"epoch\":1,\"incarnation\":\"\"}",
        "{\"v\":1,\"t\":\"maybe\",\"by\":\"a\",\"epoch\":1,\"incarnation\":\"\"}",
        "{\"v\":1,\"t\":\"commit\",\"by\":\"a\",\"epoch\":1,\"incarnation\":\"\"}",
        "{\"v\":1,\"t\":\"alive\",\"by\":\"a\",\"epoch\":-1,\"incarnation\":\"\"}",
        "{\"v\":1,\"t\":\"alive\",\"by\":\"a-name-that-is-longer-than-any-role-may-have\","
        "\"epoch\":1,\"incarnation\":\"\"}",
    };
    struct topic_record record;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (topic_record_decode(texts[i], strlen(texts[i]), &record))
            fail_msg("taken: %s", texts[i]);
    }
    assert_false(topic_record_decode(NULL, 0, &record));
}

static void who_is_silent_through_four_of_our_signs_of_life_is_gone(void **state)
{
    struct topic_known known = {0};
    struct known_coordinator *c = topic_know_coordinator(&known, "serve2");

    (void)state;
    c->epoch = 2;
    for (unsigned i = 0; i < TOPIC_MISSED_MAX - 1; i++)
        topic_known_missed(&known);
    assert_false(topic_known_gone(&known, "serve2", 2));
    assert_true(topic_known_gone(&known, "serve2", 1)); /* followed by 2 */
    assert_true(topic_known_gone(&known, "serve3", 1)); /* never heard of */
    topic_known_missed(&known);
    assert_true(topic_known_gone(&known, "serve2", 2));
    c->missed = 0;
    assert_false(topic_known_gone(&known, "serve2", 2));
    topic_known_done(&known);
}

static void
what_has_ended_is_forgotten_behind_many_others_but_not_while_we_stand_on_it(void **state)
{
    struct topic_known known = {0};
    struct decision_ticket ticket = {.reserved = false};
    char gid[GID_SIZE];

    (void)state;
    topic_know_gid(&known, "waits")->ticket = &ticket;
    topic_may_forget(&known, topic_know_gid(&known, "waits"));
    topic_may_forget(&known, topic_know_gid(&known, "ended"));
    topic_may_forget(&known, topic_know_gid(&known, "ended")); /* said twice */
    (void)topic_know_gid(&known, "open");
    for (unsigned i = 0; i < TOPIC_ENDED_KEPT + 2; i++) {
        (void)snprintf(gid, sizeof gid, "g%u", i);
        topic_may_forget(&known, topic_know_gid(&known, gid));
    }
    assert_non_null(topic_known_gid(&known, "waits"));
    topic_known_gid(&known, "waits")->ticket = NULL;
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(gid, sizeof gid, "h%u", i);
        topic_may_forget(&known, topic_know_gid(&known, gid));
    }
    assert_null(topic_known_gid(&known, "waits"));
    assert_null(topic_known_gid(&known, "ended"));
    assert_non_null(topic_known_gid(&known, "open"));
    topic_known_done(&known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_a_line_of_json),
        cmocka_unit_test(what_is_none_of_ours_is_not_taken),
        cmocka_unit_test(who_is_silent_through_four_of_our_signs_of_life_is_gone),
        cmocka_unit_test(
            what_has_ended_is_forgotten_behind_many_others_but_not_while_we_stand_on_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
