/*
 * The benchmark `2pc`: our coordinator, the floors under it (bench/floors/floor.c) and the peers
 * beside it (bench/peers/), all under the same load on the same two servers.
 *
 * Contenders take turns within each repeat, so that what the machine does meanwhile hits all of
 * them, and ratios are of neighbours in time.
 */
#include "harness/bench/bench.h"

#include "harness/bench/contest.h"
#include "harness/bench/two_phase_cases.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define REPEATS         5
#define WARM_UP_MS      1500
#define PEER_WARM_UP_MS 4000 /* Java compiles what it runs often */
#define MEASURE_MS      3000
#define QUICK_MS        1000

struct two_phase {
    const struct bench_options *options;
    struct bench *bench;
    struct two_servers servers;
    struct contest contest;
};

static bool matches(const struct two_phase *b, const struct two_phase_case *c, unsigned clients)
{
    char scenario[BENCH_NAME_SIZE];

    two_phase_scenario(c, clients, scenario);
    return !b->options->only || strstr(scenario, b->options->only);
}

/* It was asked for, or what was asked for is compared with it. */
static bool is_wanted(const struct two_phase *b, const struct two_phase_case *c, unsigned clients)
{
    bool wanted = matches(b, c, clients);

    for (unsigned i = 0; i < two_phase_n_cases && !wanted; i++) {
        const struct two_phase_case *other = &two_phase_cases[i];

        wanted = matches(b, other, clients) &&
                 (strcmp(other->floor, c->name) == 0 || strcmp(other->peer, c->name) == 0);
    }
    return wanted && (c->kind != CONTENDER_PEER || !contest_no_peers());
}

static void add(struct two_phase *b, const char *scenario, const struct measurement *m)
{
    const struct {
        const char *metric;
        double value;
    } numbers[] = {
        {"tps", m->tps},
        {"p50_ms", m->p50_ms},
        {"p99_ms", m->p99_ms},
        {"fsyncs_per_txn", m->fsyncs_per_txn},
        {"flushes_per_txn", m->flushes_per_txn},
        {"cpu_us_per_txn", m->cpu_us_per_txn},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        bench_add(b->bench, scenario, numbers[i].metric, numbers[i].value);
}

static int run_case(struct two_phase *b, const struct two_phase_case *c, unsigned clients,
                    struct errctx *err)
{
    bool quick = b->options->quick;
    char scenario[BENCH_NAME_SIZE], floor[BENCH_NAME_SIZE] = "", peer[BENCH_NAME_SIZE] = "";
    struct measurement m;
    int rc;

    two_phase_scenario(c, clients, scenario);
    if (c->floor[0])
        (void)snprintf(floor, sizeof floor, "%s/%u", c->floor, clients);
    if (c->peer[0])
        (void)snprintf(peer, sizeof peer, "%s/%u", c->peer, clients);
    b->contest.measure_ms = quick ? QUICK_MS : MEASURE_MS;
    b->contest.warm_up_ms = quick                       ? QUICK_MS
                            : c->kind == CONTENDER_PEER ? PEER_WARM_UP_MS
                                                        : WARM_UP_MS;
    rc = contest_run(&b->contest, c->kind, c->mode, clients, &m, err);
    if (rc < 0)
        return rc;
    (void)fprintf(stderr, "%-28s %7.0f/s  p50 %.2f ms  p99 %.2f ms\n", scenario, m.tps, m.p50_ms,
                  m.p99_ms);
    add(b, scenario, &m);
    bench_compare(b->bench, scenario, floor, peer);
    return 0;
}

static int check_only(const struct two_phase *b, struct errctx *err)
{
    for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
        for (unsigned i = 0; i < two_phase_n_cases; i++) {
            if (is_wanted(b, &two_phase_cases[i], two_phase_clients[k]))
                return 0;
        }
    }
    return err_set(err, EINVAL, ERR_ABORT, "no case has \"%s\" in its name", b->options->only);
}

static int run_cases(struct two_phase *b, struct errctx *err)
{
    unsigned repeats = b->options->quick ? 1 : REPEATS;
    int rc = 0;

    for (unsigned repeat = 0; repeat < repeats; repeat++) {
        for (unsigned k = 0; k < TWO_PHASE_LOADS; k++) {
            for (unsigned i = 0; rc == 0 && i < two_phase_n_cases; i++) {
                if (is_wanted(b, &two_phase_cases[i], two_phase_clients[k]))
                    rc = run_case(b, &two_phase_cases[i], two_phase_clients[k], err);
            }
        }
    }
    return rc;
}

static void on_event(void *arg, const char *what, const char *name, const struct keeper_end *end)
{
    struct two_phase *b = arg;

    (void)end;
    if (strcmp(what, "exited") == 0)
        roles_exited(&b->contest.roles, name);
}

int bench_two_phase(const struct bench_options *options, struct bench *bench, struct errctx *err)
{
    struct two_phase b = {.options = options, .bench = bench};
    int rc = check_only(&b, err);

    if (rc < 0)
        return rc;
    if (contest_no_peers())
        (void)fprintf(stderr, "peers are left out: %s\n", contest_no_peers());
    b.contest = (struct contest){.servers = &b.servers, .folder = options->folder};
    rc = two_servers_start(&b.servers, 2, on_event, &b, err);
    roles_init(&b.contest.roles, b.servers.base, b.servers.keeper, options->folder);
    if (rc == 0)
        rc = run_cases(&b, err);
    roles_done(&b.contest.roles);
    two_servers_stop(&b.servers);
    return rc;
}
