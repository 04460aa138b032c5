/* The role `load`; see the header. */
#include "harness/workload/load.h"

#include "approaches/role.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/yaml.h"
#include "harness/workload/generator.h"
#include "model/token.h"

#include <stdbool.h>
#include <string.h>

#define READY_LOOK_US (5 * US_PER_MS)
#define READY_WAIT_US (2 * US_PER_S) /* then without the doors and stores that are down */

struct load {
    struct role *role;
    struct generator *generator;
    struct event *ready_timer;
    int64_t ready_until_us;
    bool failed; /* what it recorded is not whole */
};

static int read_config(const char *path, struct generator_options *options, struct errctx *err)
{
    struct yaml_file *file;
    const struct yaml_node *root, *workload, *seed;
    int64_t number;
    int r = yaml_open(path, &file, &root, err);

    if (r < 0)
        return r;
    workload = yaml_find(root, "workload");
    seed = yaml_find(root, "seed");
    if (!workload || !seed)
        r = yaml_complain(root, err, "the load needs workload and seed");
    if (r == 0)
        r = workload_parse(workload, &options->workload, err);
    if (r == 0)
        r = yaml_to_int(seed, 0, INT64_MAX, &number, err);
    if (r == 0)
        options->seed = (uint64_t)number;
    yaml_close(file);
    return r;
}

static void on_ready_timer(evutil_socket_t fd, short events, void *arg)
{
    struct load *load = arg;
    struct timeval look = clock_timeval(READY_LOOK_US);
    bool connected = generator_connected(load->generator);

    (void)fd;
    (void)events;
    if (!connected && clock_now_us() < load->ready_until_us) {
        event_add(load->ready_timer, &look);
        return;
    }
    if (!connected)
        log_warn("beginning without all doors and stores");
    role_ready(load->role, 0);
}

static void on_finished(void *arg, int r, const struct errctx *err)
{
    struct load *load = arg;

    if (r < 0) {
        log_error("load: %s", err->message);
        load->failed = true;
        rpc_event(role_control(load->role),
                  json_pack("{s:s,s:s,s:s}", "event", "failed", "name", role_self(load->role)->name,
                            "why", err->message));
        return;
    }
    rpc_event(role_control(load->role),
              json_pack("{s:s,s:s}", "event", "finished", "name", role_self(load->role)->name));
}

static void on_start(struct load *load, struct rpc_call *call, const json_t *request)
{
    const json_t *at_us = json_object_get(request, "at_us");

    if (generator_started(load->generator)) {
        rpc_reply_error(call, "started already");
    } else if (!json_is_integer(at_us)) {
        rpc_reply_error(call, "start takes at_us");
    } else {
        generator_start(load->generator, json_integer_value(at_us));
        rpc_reply_ok(call, NULL);
    }
}

static void on_command(void *arg, struct rpc_call *call, const char *cmd, json_t *request)
{
    struct load *load = arg;

    if (!load->generator) {
        rpc_reply_error(call, "not open yet");
    } else if (strcmp(cmd, "start") == 0) {
        on_start(load, call, request);
    } else if (strcmp(cmd, "progress") == 0) {
        json_t *fields = json_object();

        generator_progress(load->generator, fields);
        rpc_reply_ok(call, fields);
    } else {
        rpc_reply_error(call, "unknown command: %s", cmd);
    }
}

static void on_counters(void *arg, json_t *into)
{
    const struct load *load = arg;

    if (load->generator)
        generator_progress(load->generator, into);
}

static int run(struct load *load, const struct generator_options *options, struct errctx *err)
{
    struct timeval at_once = {0};
    int r = generator_new(options, &load->generator, err);

    if (r < 0)
        return r;
    load->ready_until_us = clock_now_us() + READY_WAIT_US;
    load->ready_timer = evtimer_new(role_base(load->role), on_ready_timer, load);
    event_add(load->ready_timer, &at_once);
    int status = role_run(load->role);

    r = generator_stop(load->generator, err);
    event_free(load->ready_timer);
    generator_free(load->generator);
    if (r < 0) {
        log_error("load: %s", err->message);
        return 1;
    }
    return load->failed ? 1 : status;
}

int load_main(const struct load_options *options)
{
    struct load load = {0};
    struct errctx err = {0};
    const struct role_handlers handlers = {
        .counters = on_counters, .command = on_command, .arg = &load};
    struct generator_options generator = {.history = options->history,
                                          .probes = options->probes,
                                          .finished = on_finished,
                                          .arg = &load};
    char token[TOKEN_SIZE];
    int r = read_config(options->config, &generator, &err);

    if (r == 0 && options->token_file) {
        r = token_read(options->token_file, token, &err);
        generator.token = token;
    }
    if (r == 0)
        r = role_new(options->topology, options->name, ROLE_LOAD, &handlers, &load.role, &err);
    if (r == 0) {
        generator.base = role_base(load.role);
        generator.topology = role_topology(load.role);
        generator.role = options->name;
        r = run(&load, &generator, &err);
    }
    if (r < 0)
        log_error("load: %s", err.message);
    role_free(load.role);
    return r < 0 ? 2 : r;
}
