/* Names of sessions and transactions. Folder: model */
#include "model/names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_gid_names_owner_epoch_and_request(void **state)
{
    struct gid gid = {.coordinator = "serve1", .epoch = 3, .seq = 17, .request = "c3-17"};
    struct gid back;
    char text[GID_SIZE];

    (void)state;
    gid_format(text, &gid);
    assert_string_equal(text, "sb1:serve1:3:17:c3-17");
    assert_true(gid_parse(text, &back));
    assert_string_equal(back.coordinator, "serve1");
    assert_string_equal(back.request, "c3-17");
    assert_true(back.epoch == 3 && back.seq == 17);
}

static void what_is_not_ours_is_no_gid(void **state)
{
    static const char *const others[] = {
        "",
        "sb1:",
        "sb1:serve1:3:17",
        "sb1:serve1:3:17:",
        "sb2:serve1:3:17:a",
        "sb1::3:1:a",
        "sb1:serve1:x:1:a",
        "sb1:Serve:3:1:a",
        "sb1:serve1:3:1:a b",
        "131075_MS4xLmE=",
    };
    struct gid gid;

    (void)state;
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (gid_parse(others[i], &gid))
            fail_msg("\"%s\" was taken for ours", others[i]);
    }
}

/* As Atomikos does: its "tm1" claims the branches of "tm10". */
static void a_prefix_is_nobody_elses(void **state)
{
    char one[ROLE_PREFIX_SIZE], ten[ROLE_PREFIX_SIZE];

    (void)state;
    role_prefix(one, "serve1");
    role_prefix(ten, "serve10");
    assert_int_not_equal(strncmp(ten, one, strlen(one)), 0);
}

static void a_session_begins_with_its_roles_prefix(void **state)
{
    char prefix[ROLE_PREFIX_SIZE];
    char name[SESSION_NAME_SIZE];

    (void)state;
    role_prefix(prefix, "a-role-with-a-name-of-31-bytes-");
    session_name(name, "a-role-with-a-name-of-31-bytes-", "123456789012345678901234");
    assert_int_equal(strncmp(name, prefix, strlen(prefix)), 0);
    assert_string_equal(name + strlen(prefix), "123456789012345678901234");
    session_name(name, "serve1", "3");
    assert_string_equal(name, "sb1:serve1:3");
}

static void a_name_that_leaves_no_room_is_refused(void **state)
{
    struct errctx err = {.message = ""};

    (void)state;
    assert_int_equal(gid_check_name("serve1", 1, NULL), 0);
    assert_int_equal(gid_check_name("serve1", 99999999, NULL), 0);
    assert_int_equal(gid_check_name("serve1", 999999999999, &err), -EINVAL);
    assert_int_equal(gid_check_name("a-rather-long-name-of-a-door", 1, &err), -EINVAL);
    assert_non_null(strstr(err.message, "too long"));
    assert_int_equal(gid_check_name("a:b", 1, NULL), -EINVAL);
    assert_int_equal(gid_check_name("", 1, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gid_names_owner_epoch_and_request),
        cmocka_unit_test(what_is_not_ours_is_no_gid),
        cmocka_unit_test(a_prefix_is_nobody_elses),
        cmocka_unit_test(a_session_begins_with_its_roles_prefix),
        cmocka_unit_test(a_name_that_leaves_no_room_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
