/*
 * Dual writes: what the client hears, for every kind of combination of what the stores answered.
 *
 * Folder: approaches
 */
#include "approaches/dual.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N 3

/* Answers of pg1, pg2 and redis, all of them written but for those that were only read. */
struct row {
    enum store_status status[N];
    bool only_read[N];
    bool expired;
    const char *heard; /* code and detail, or "ok" and level */
};

static const struct row rows[] = {
    {{STORE_OK, STORE_OK, STORE_OK}, .heard = "ok everywhere"},

    /* some did, some did not */
    {{STORE_OK, STORE_UNAVAILABLE, STORE_OK},
     .heard = "partial: pg1 ok, pg2 unavailable, redis ok"},
    {{STORE_OK, STORE_CONFLICT, STORE_CONSTRAINT},
     .heard = "partial: pg1 ok, pg2 conflict, redis constraint"},
    {{STORE_CONFLICT, STORE_OK, STORE_OK}, .heard = "partial: pg1 conflict, pg2 ok, redis ok"},
    /* some did, some may have: also when the deadline has passed */
    {{STORE_OK, STORE_UNKNOWN, STORE_OK}, .heard = "partial: pg1 ok, pg2 unknown, redis ok"},
    {{STORE_OK, STORE_UNKNOWN, STORE_UNKNOWN},
     .expired = true,
     .heard = "partial: pg1 ok, pg2 unknown, redis unknown"},

    /* surely nothing anywhere: the first one's reason, definite */
    {{STORE_UNAVAILABLE, STORE_UNAVAILABLE, STORE_UNAVAILABLE},
     .heard = "unavailable: pg1 its words"},
    {{STORE_CONFLICT, STORE_UNAVAILABLE, STORE_CONSTRAINT}, .heard = "conflict: pg1 its words"},
    {{STORE_RETRY, STORE_CONFLICT, STORE_CONFLICT}, .heard = "conflict: pg1 its words"},

    /* none is known to have, but one may have: never definite */
    {{STORE_UNKNOWN, STORE_UNKNOWN, STORE_UNKNOWN},
     .heard = "unknown: pg1 unknown, pg2 unknown, redis unknown"},
    {{STORE_UNKNOWN, STORE_UNKNOWN, STORE_UNKNOWN},
     .expired = true,
     .heard = "timeout: pg1 unknown, pg2 unknown, redis unknown"},
    {{STORE_UNAVAILABLE, STORE_UNKNOWN, STORE_UNAVAILABLE},
     .heard = "unknown: pg1 unavailable, pg2 unknown, redis unavailable"},
    {{STORE_FATAL, STORE_CONFLICT, STORE_CONFLICT},
     .heard = "unknown: pg1 fatal, pg2 conflict, redis conflict"},

    /* a store that was only read writes nothing, whatever it answered */
    {{STORE_OK, STORE_CONFLICT, STORE_CONFLICT},
     .only_read = {true},
     .heard = "conflict: pg2 its words"},
    {{STORE_UNKNOWN, STORE_CONFLICT, STORE_CONFLICT},
     .only_read = {true},
     .heard = "conflict: pg2 its words"},
    {{STORE_UNKNOWN, STORE_OK, STORE_OK},
     .only_read = {true},
     .heard = "partial: pg1 unknown, pg2 ok, redis ok"},
    {{STORE_OK, STORE_UNKNOWN, STORE_OK},
     .only_read = {true, true, true},
     .heard = "unknown: pg1 ok, pg2 unknown, redis ok"},
};

static void render(const struct reply *reply, char *buf, size_t size)
{
    if (reply->code == CODE_NONE)
        (void)snprintf(buf, size, "ok %s", level_name(reply->level));
    else
        (void)snprintf(buf, size, "%s: %s", code_name(reply->code), reply->detail);
}

static void the_client_hears_what_the_stores_said(void **state)
{
    static const char *const names[N] = {"pg1", "pg2", "redis"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dual_answer answer[N];
        struct reply reply = {0};
        char heard[300];

        for (unsigned s = 0; s < N; s++) {
            answer[s] = (struct dual_answer){.store = names[s],
                                             .writes = !rows[i].only_read[s],
                                             .status = rows[i].status[s],
                                             .detail = "its words"};
        }
        dual_combine(answer, N, rows[i].expired, &reply);
        render(&reply, heard, sizeof heard);
        assert_string_equal(heard, rows[i].heard);
    }
}

static void one_store_cannot_be_partial(void **state)
{
    struct reply reply;

    (void)state;
    for (int status = STORE_OK; status < STORE_STATUSES; status++) {
        const struct dual_answer answer = {
            .store = "pg1", .writes = true, .status = (enum store_status)status};

        reply = (struct reply){0};
        dual_combine(&answer, 1, false, &reply);
        assert_int_not_equal(reply.code, CODE_PARTIAL);
        assert_int_equal(reply.code == CODE_NONE, status == STORE_OK);
    }
}

static void a_long_list_of_stores_is_cut_not_overrun(void **state)
{
    struct dual_answer answer[STORES_MAX];
    struct reply reply = {0};

    (void)state;
    for (unsigned i = 0; i < STORES_MAX; i++) {
        answer[i] = (struct dual_answer){.store = "a-store-name-15",
                                         .writes = true,
                                         .status = i == 0 ? STORE_OK : STORE_UNAVAILABLE};
    }
    dual_combine(answer, STORES_MAX, false, &reply);
    assert_int_equal(reply.code, CODE_PARTIAL);
    assert_int_equal(strlen(reply.detail), sizeof reply.detail - 1);
}

/* Doors never give the same version, and each one's rise also when its clock does not. */
static void versions_rise_and_are_a_doors_own(void **state)
{
    int64_t last[2] = {0, 0};

    (void)state;
    for (int64_t i = 0; i < 100; i++) {
        int64_t wall_us = 1000000 + i / 10 * (i % 3 == 0 ? -5 : 1);

        for (unsigned door = 0; door < 2; door++) {
            int64_t version = dual_version(wall_us, door, last[door]);

            assert_true(version > last[door]);
            assert_true(version != last[1 - door]);
            assert_int_equal(version % ROLES_MAX, door);
            last[door] = version;
        }
    }
    assert_true(dual_version(2000000, 0, last[0]) > last[1]); /* the clock goes on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_hears_what_the_stores_said),
        cmocka_unit_test(one_store_cannot_be_partial),
        cmocka_unit_test(a_long_list_of_stores_is_cut_not_overrun),
        cmocka_unit_test(versions_rise_and_are_a_doors_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
