/* up, down, ps: servers that stay between runs, under a keeper that stays. */
#include "base/clock.h"
#include "base/loop.h"
#include "harness/json_out.h"
#include "harness/verbs.h"
#include "servers/keeper.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SERVERS_MAX 16

static const char *const usual_servers[] = {"pg1", "pg2", "redis", "kafka"};

static int attach_or_start(struct event_base *base, struct keeper **ret_keeper, bool *ret_started,
                           struct errctx *err)
{
    int rc = keeper_attach(base, NULL, NULL, ret_keeper, err);

    *ret_started = rc == -ENOENT;
    if (rc != -ENOENT)
        return rc;
    return keeper_start(base, KEEPER_UNTIL_DOWN, NULL, NULL, ret_keeper, err);
}

static unsigned wanted_servers(const struct cli_args *args, const char *ret_names[SERVERS_MAX])
{
    unsigned n = cli_n_arguments(args);

    for (unsigned i = 0; i < n; i++)
        ret_names[i] = cli_argument(args, i);
    if (n > 0)
        return n;
    while (n < sizeof usual_servers / sizeof *usual_servers) {
        ret_names[n] = usual_servers[n];
        n++;
    }
    return n;
}

static void print_list(const json_t *list)
{
    size_t i;
    const json_t *p;

    (void)printf("%-10s %-10s %-10s %7s %6s %9s %9s\n", "name", "kind", "state", "pid", "port",
                 "up for", "memory");
    json_array_foreach (list, i, p) {
        int64_t since_us = json_integer_value(json_object_get(p, "since_us"));
        json_int_t rss_kb = json_integer_value(json_object_get(p, "rss_kb"));

        (void)printf("%-10s %-10s %-10s %7d %6d %7.0f s %6.0f MB\n",
                     json_string_value(json_object_get(p, "name")),
                     json_string_value(json_object_get(p, "kind")),
                     json_string_value(json_object_get(p, "state")),
                     (int)json_integer_value(json_object_get(p, "pid")),
                     (int)json_integer_value(json_object_get(p, "port")),
                     (double)(clock_now_us() - since_us) / (double)US_PER_S, (double)rss_kb / 1024);
    }
}

static int show(struct keeper *keeper, bool as_json, struct errctx *err)
{
    json_t *list;
    int rc = keeper_list(keeper, &list, err);

    if (rc)
        return rc;
    if (as_json) {
        json_t *all = json_pack("{s:O}", "processes", list);

        json_out_line(stdout, all);
        json_decref(all);
    } else {
        print_list(list);
    }
    json_decref(list);
    return 0;
}

int verb_up(const struct cli_args *args)
{
    const char *names[SERVERS_MAX];
    unsigned n = wanted_servers(args, names);
    struct event_base *base = loop_new();
    struct keeper *keeper = NULL;
    struct errctx err;
    bool started;
    int rc = attach_or_start(base, &keeper, &started, &err);

    if (!rc)
        rc = keeper_servers_up(keeper, names, n, &err);
    if (rc && started && keeper && keeper_down(keeper, NULL))
        (void)fputs("syncbed: and what did start does not stop\n", stderr);
    if (!rc)
        rc = show(keeper, false, &err);
    keeper_free(keeper);
    event_base_free(base);
    return rc ? cli_fail(&err) : 0;
}

/* "stopped pg1, redis; their data are removed" */
static void tell_down(const json_t *list)
{
    size_t i, n = 0;
    const json_t *p;

    json_array_foreach (list, i, p) {
        if (strcmp(json_string_value(json_object_get(p, "kind")), "role") != 0)
            (void)printf("%s%s", n++ == 0 ? "stopped " : ", ",
                         json_string_value(json_object_get(p, "name")));
    }
    (void)puts(n > 0 ? "; their data are removed" : "stopped: no server was up");
}

int verb_down(const struct cli_args *args)
{
    struct event_base *base = loop_new();
    struct keeper *keeper = NULL;
    struct errctx err;
    json_t *list = NULL;
    int rc = keeper_attach(base, NULL, NULL, &keeper, &err);

    (void)args;
    if (!rc)
        rc = keeper_list(keeper, &list, &err);
    if (!rc)
        rc = keeper_down(keeper, &err);
    if (!rc)
        tell_down(list);
    json_decref(list);
    keeper_free(keeper);
    event_base_free(base);
    if (rc == -ENOENT) {
        (void)puts("nothing is up");
        return 0;
    }
    return rc ? cli_fail(&err) : 0;
}

int verb_ps(const struct cli_args *args)
{
    struct event_base *base = loop_new();
    struct keeper *keeper = NULL;
    struct errctx err;
    int rc = keeper_attach(base, NULL, NULL, &keeper, &err);

    if (!rc)
        rc = show(keeper, cli_given(args, "json"), &err);
    keeper_free(keeper);
    event_base_free(base);
    if (rc == -ENOENT) {
        (void)puts(cli_given(args, "json") ? "{\"processes\":[]}" : "nothing is up");
        return 0;
    }
    return rc ? cli_fail(&err) : 0;
}
