/*
 * keeper_fixture.h - a keeper in a place of its own, for the tests of servers/. The test program is
 * the keeper, too: its main() hands the verb to keeper_main().
 */
#ifndef SYNCBED_TESTS_KEEPER_FIXTURE_H
#define SYNCBED_TESTS_KEEPER_FIXTURE_H

#include "base/clock.h"
#include "base/loop.h"
#include "servers/folder.h"
#include "servers/keeper.h"
#include "servers/keeper_main.h"
#include "servers/process_tree.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIXTURE_WAIT_US (15 * US_PER_S)

static struct errctx err; /* of the last call that failed */

/* It has to succeed; else the test fails with its message, at the caller's line. */
#define must(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, err.message);                                                \
    } while (0)

static char fixture_place[] = "/var/tmp/syncbed-test-keeper-XXXXXX";

/* Servers run as another user when we are root, so the place is open to all. */
static int fixture_make_place(void)
{
    if (!mkdtemp(fixture_place) || chmod(fixture_place, 0755) < 0)
        return -1;
    return setenv("SYNCBED_DIR", fixture_place, 1);
}

static struct keeper *fixture_keeper(struct event_base *base, keeper_event event, void *arg)
{
    struct keeper *keeper = NULL;

    must(keeper_start(base, KEEPER_OF_CALLER, event, arg, &keeper, &err));
    return keeper;
}

/* One field of one process of the list, as text; "" when it is not there. */
static const char *fixture_field(struct keeper *keeper, const char *name, const char *field)
{
    static char text[PATH_MAX];
    json_t *list = NULL, *item;
    size_t i;

    text[0] = '\0';
    must(keeper_list(keeper, &list, &err));
    json_array_foreach (list, i, item) {
        const json_t *value = json_object_get(item, field);

        if (strcmp(json_string_value(json_object_get(item, "name")), name) != 0)
            continue;
        if (json_is_integer(value))
            (void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
        else
            (void)snprintf(text, sizeof text, "%s", json_string_value(value));
    }
    json_decref(list);
    return text;
}

/* The keeper's folder with a '/' behind it: the mark of all it runs. */
static void fixture_mark(struct keeper *keeper, char ret_mark[PATH_MAX])
{
    char path[PATH_MAX];

    must(keeper_folder(keeper, "mark", path, &err));
    *(strstr(path, "folders/mark")) = '\0';
    (void)snprintf(ret_mark, PATH_MAX, "%s", path);
}

/* Until `done` says so; a message of what was awaited otherwise. */
static void fixture_await(bool (*done)(const void *arg), const void *arg, const char *what)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int64_t until_us = clock_now_us() + FIXTURE_WAIT_US;

    while (!done(arg)) {
        if (clock_now_us() > until_us)
            fail_msg("%s: waited for in vain", what);
        (void)nanosleep(&pause, NULL);
    }
}

static bool fixture_is_gone(const void *mark)
{
    const struct tree tree = {.mark = mark};

    return access(mark, F_OK) < 0 && !tree_alive(&tree);
}

#endif
