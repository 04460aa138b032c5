/* Looking at everything every 100 ms: see the header. */
#include "harness/run/sampler.h"

#include "base/clock.h"
#include "harness/run/position.h"

#include <assert.h>
#include <string.h>

#define LIST_TIMEOUT_US (1 * US_PER_S)

/* --- stores ----------------------------------------------------------------------------------- */

static void on_listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                      unsigned n_entries, unsigned waiters)
{
    struct sampled *sampled = arg;
    struct sampler *sampler = sampled->sampler;
    const char *name = store_name(sampler->options.stores->store[sampled->index]);
    json_t *gids, *ages;

    sampled->asked = false;
    sampler->await.n_left--;
    if (status != STORE_OK)
        return;
    sampler->in_doubt[sampled->index] = n_entries;
    gids = json_array();
    ages = json_array();
    for (unsigned i = 0; i < n_entries; i++) {
        json_array_append_new(gids, json_string(entries[i].gid));
        json_array_append_new(ages, json_integer((json_int_t)entries[i].age_us));
    }
    lines_write(sampler->options.samples,
                json_pack("{s:s, s:I, s:s, s:o, s:o, s:I}", "t", "in_doubt", "at",
                          (json_int_t)clock_now_us(), "store", name, "gids", gids, "ages_us", ages,
                          "waiters", (json_int_t)waiters));
}

static void ask_stores(struct sampler *sampler)
{
    int64_t deadline_us = clock_now_us() + LIST_TIMEOUT_US;

    for (unsigned i = 0; i < sampler->options.stores->n; i++) {
        if (sampler->store[i].asked)
            continue;
        sampler->store[i] = (struct sampled){.sampler = sampler, .index = i, .asked = true};
        sampler->await.n_left++;
        store_list_in_doubt(sampler->options.stores->store[i], "", deadline_us, on_listed,
                            &sampler->store[i]);
    }
}

/* --- roles ------------------------------------------------------------------------------------ */

static void take_door(struct sampler *sampler, const struct role_process *role, json_t *reply)
{
    const json_t *in_flight = json_object_get(reply, "in_flight");

    if (json_is_integer(in_flight))
        lines_write(sampler->options.samples,
                    json_pack("{s:s, s:I, s:s, s:I}", "t", "door", "at", (json_int_t)clock_now_us(),
                              "server", role->name, "in_flight", json_integer_value(in_flight)));
}

static void take_sink(struct sampler *sampler, const struct role_process *role, unsigned index,
                      json_t *reply)
{
    int64_t lag = position_lag(reply), applied = position_applied(reply);

    if (lag < 0)
        return;
    sampler->sink_known[index] = true;
    sampler->applied[index] = applied;
    if (applied + lag > sampler->log_end)
        sampler->log_end = applied + lag;
    lines_write(sampler->options.samples,
                json_pack("{s:s, s:I, s:s, s:I, s:I}", "t", "lag", "at", (json_int_t)clock_now_us(),
                          "store", role->name + strlen("sink-"), "records", (json_int_t)lag,
                          "position", (json_int_t)applied));
}

static uint64_t count(const json_t *reply, const char *what)
{
    return (uint64_t)json_integer_value(json_object_get(reply, what));
}

static void on_reply(void *arg, json_t *reply)
{
    struct sampled *sampled = arg;
    struct sampler *sampler = sampled->sampler;
    const struct role_process *role = &sampler->options.roles->role[sampled->index];

    sampled->asked = false;
    if (!reply)
        return;
    switch (role->kind) {
    case ROLE_SERVE:
        take_door(sampler, role, reply);
        break;
    case ROLE_SINK:
        take_sink(sampler, role, sampled->index, reply);
        break;
    case ROLE_LOAD:
        sampler->invoked = count(reply, "invoked");
        sampler->failed = count(reply, "fail");
        sampler->unknown = count(reply, "info");
        break;
    case ROLE_KINDS:
        break;
    }
}

static void ask_roles(struct sampler *sampler)
{
    const struct roles *roles = sampler->options.roles;

    for (unsigned i = 0; i < roles->n; i++) {
        const struct role_process *role = &roles->role[i];

        if (sampler->role[i].asked || !role->control)
            continue;
        sampler->role[i] = (struct sampled){.sampler = sampler, .index = i, .asked = true};
        rpc_send(role->control, role->kind == ROLE_SINK ? "position" : "counters", NULL, on_reply,
                 &sampler->role[i]);
    }
}

/* --- the round -------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    struct sampler *sampler = arg;

    (void)fd;
    (void)events;
    ask_stores(sampler);
    ask_roles(sampler);
    if (sampler->options.tick)
        sampler->options.tick(sampler->options.arg);
}

void sampler_start(struct sampler *sampler, const struct sampler_options *options)
{
    struct timeval period = clock_timeval(SAMPLER_PERIOD_US);

    *sampler = (struct sampler){.options = *options};
    sampler->timer = event_new(options->base, -1, EV_PERSIST, on_timer, sampler);
    assert(sampler->timer);
    (void)evtimer_add(sampler->timer, &period); /* fails when memory is gone only */
}

int64_t sampler_lag(const struct sampler *sampler)
{
    int64_t lag = 0;

    for (unsigned i = 0; i < ROLES_MAX; i++) {
        if (sampler->sink_known[i])
            lag += sampler->log_end - sampler->applied[i];
    }
    return lag;
}

int sampler_stop(struct sampler *sampler, struct errctx *err)
{
    if (!sampler->timer)
        return 0;
    event_free(sampler->timer);
    sampler->timer = NULL;
    return await_all(sampler->options.base, &sampler->await, err);
}
