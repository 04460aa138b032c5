/* The role `serve`; see the header. */
#include "approaches/serve.h"

#include "approaches/approach.h"
#include "approaches/door.h"
#include "approaches/operator_http.h"
#include "approaches/role.h"
#include "base/log.h"
#include "base/suggest.h"
#include "model/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define APPROACHES_MAX 32

struct serve {
    const struct approach *approach;
    struct settings settings;
    struct role *role;
    struct door *door;
    bool force_presume_abort;
    char token[TOKEN_SIZE]; /* "": none */
    bool wants_http;
    uint16_t http_port; /* 0: a free one */
    char http_token[TOKEN_SIZE];
    struct operator_http *http;
    uint16_t ready_port; /* 0: not ready */
};

static int choose_approach(struct serve *serve, const char *name, struct errctx *err)
{
    const char *valid[APPROACHES_MAX];
    unsigned n = approach_count() < APPROACHES_MAX ? approach_count() : APPROACHES_MAX;

    serve->approach = approach_find(name);
    if (serve->approach && serve->approach->open)
        return 0;
    for (unsigned i = 0; i < n; i++)
        valid[i] = approach_at(i)->name;
    const char *near = suggest_nearest(name, valid, n);

    if (!near)
        return err_set(err, EINVAL, ERR_ABORT, "unknown approach \"%s\"", name);
    return err_set(err, EINVAL, ERR_ABORT, "unknown approach \"%s\"; did you mean \"%s\"?", name,
                   near);
}

static int take_setting(struct settings *settings, const char *text, struct errctx *err)
{
    const char *equals = strchr(text, '=');
    char name[64];

    if (!equals || (size_t)(equals - text) >= sizeof name)
        return err_set(err, EINVAL, ERR_ABORT, "--set takes KEY=VALUE, not \"%s\"", text);
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    return settings_set(settings, name, equals + 1, err);
}

static int take_http(struct serve *serve, const struct serve_options *options, struct errctx *err)
{
    char *end = NULL;
    unsigned long port;

    if (!options->http != !options->http_token_file)
        return err_set(err, EINVAL, ERR_ABORT, "--http and --http-token-file belong together");
    if (!options->http)
        return 0;
    serve->wants_http = true;
    if (strcmp(options->http, "auto") != 0) {
        port = strtoul(options->http, &end, 10);
        if (*end || port == 0 || port > UINT16_MAX)
            return err_set(err, EINVAL, ERR_ABORT, "--http %s: a port, or auto", options->http);
        serve->http_port = (uint16_t)port;
    }
    return token_read(options->http_token_file, serve->http_token, err);
}

static int take_options(struct serve *serve, const struct serve_options *options,
                        struct errctx *err)
{
    int r = choose_approach(serve, options->approach, err);

    if (r < 0)
        return r;
    settings_init(&serve->settings, serve->approach->settings, serve->approach->n_settings);
    for (unsigned i = 0; i < options->n_settings && r == 0; i++)
        r = take_setting(&serve->settings, options->setting[i], err);
    if (r == 0 && options->force_presume_abort && !serve->approach->in_doubt)
        r = err_set(err, EINVAL, ERR_ABORT, "--force-presume-abort: %s decides nothing",
                    serve->approach->name);
    serve->force_presume_abort = options->force_presume_abort;
    if (r == 0 && options->token_file)
        r = token_read(options->token_file, serve->token, err);
    return r == 0 ? take_http(serve, options, err) : r;
}

/* A client is a descriptor. Where the limit cannot be raised, the listener pauses at it. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warn("cannot raise the limit of open files: %s", strerror(errno));
}

/* Once both are there: clients are let in from inside door_open() at times, before the operator. */
static void say_ready(const struct serve *serve)
{
    if (serve->ready_port == 0 || (serve->wants_http && !serve->http))
        return;
    log_info("%s serves %s at port %u", role_self(serve->role)->name, serve->approach->name,
             serve->ready_port);
    if (serve->http)
        role_ready_http(serve->role, serve->ready_port, operator_http_port(serve->http));
    else
        role_ready(serve->role, serve->ready_port);
}

static void on_ready(void *arg, uint16_t port)
{
    struct serve *serve = arg;

    serve->ready_port = port;
    say_ready(serve);
}

static int open_http(struct serve *serve, struct errctx *err)
{
    const struct operator_http_options options = {.base = role_base(serve->role),
                                                  .port = serve->http_port,
                                                  .token = serve->http_token,
                                                  .approach = serve->approach,
                                                  .self = door_approach(serve->door)};
    int r = operator_http_open(&options, &serve->http, err);

    if (r == 0)
        say_ready(serve);
    return r;
}

static void on_failed(void *arg, const struct errctx *err)
{
    struct serve *serve = arg;

    log_error("%s: %s", serve->approach->name, err->message);
    role_stop(serve->role, err->class == ERR_FENCED ? 2 : 1);
}

static void on_counters(void *arg, json_t *into)
{
    const struct serve *serve = arg;

    if (serve->door) /* not while it opens */
        door_counters(serve->door, into);
}

static void on_drained(void *arg)
{
    rpc_reply_ok(arg, NULL);
}

static void on_drain(void *arg, struct rpc_call *call)
{
    const struct serve *serve = arg;

    if (serve->door)
        door_drain(serve->door, on_drained, call);
    else
        rpc_reply_error(call, "not open yet");
}

static int check_break(const struct serve *serve, struct errctx *err)
{
    const char *name = role_topology(serve->role)->broken;

    if (name[0] == '\0')
        return 0;
    if (!approach_break(serve->approach, name))
        return err_set(err, EINVAL, ERR_ABORT, "%s has no break \"%s\"", serve->approach->name,
                       name);
    log_warn("broken on purpose: %s", name);
    return 0;
}

static int open_and_run(struct serve *serve, struct errctx *err)
{
    const struct door_options options = {
        .base = role_base(serve->role),
        .topology = role_topology(serve->role),
        .role = role_self(serve->role),
        .approach = serve->approach,
        .settings = &serve->settings,
        .token = serve->token[0] ? serve->token : NULL,
        .force_presume_abort = serve->force_presume_abort,
        .ready = on_ready,
        .failed = on_failed,
        .arg = serve,
    };
    int r = door_open(&options, &serve->door, err);

    if (r < 0)
        return r;
    if (serve->wants_http)
        r = open_http(serve, err);
    if (r == 0)
        r = role_run(serve->role);
    operator_http_free(serve->http);
    door_free(serve->door);
    return r;
}

int serve_main(const struct serve_options *options)
{
    struct serve serve = {0};
    struct errctx err = {0};
    const struct role_handlers handlers = {
        .counters = on_counters, .drain = on_drain, .arg = &serve};
    int r = take_options(&serve, options, &err);

    if (r == 0)
        r = role_new(options->topology, options->name, ROLE_SERVE, &handlers, &serve.role, &err);
    if (r == 0)
        r = check_break(&serve, &err);
    if (r < 0) {
        log_error("serve: %s", err.message);
        role_free(serve.role);
        return 2;
    }
    raise_descriptor_limit();
    r = open_and_run(&serve, &err);
    if (r < 0)
        log_error("serve: %s", err.message);
    role_free(serve.role);
    return r < 0 ? 1 : r;
}
