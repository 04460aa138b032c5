/* Warming an approach: see the header. */
#include "harness/run/warm_up.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/run/crew.h"
#include "harness/run/files.h"
#include "harness/run/fill.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BROKER_REQUESTS 20000.0
#define RATE_PER_S_MAX  5000.0
#define LEAD_US         (50 * US_PER_MS)
#define MARGIN_US       (10 * US_PER_S)

struct warming {
    struct session *session;
    struct workload workload;
    struct crew crew;
};

static void on_exited(void *arg, const char *name, const struct keeper_end *end)
{
    struct warming *w = arg;

    (void)crew_exited(&w->crew, name, end); /* work() looks at w->crew.ended */
}

static bool is_over(void *arg)
{
    const struct warming *w = arg;

    return crew_load_over(&w->crew);
}

/*
 * The experiment's own writes, at its highest rate; but for a broker at least as many as it takes,
 * also where the clients of a closed loop would ask less.
 */
static void choose_workload(struct warming *w, const struct experiment_run *run)
{
    const struct experiment *e = w->session->experiment;
    double rate_per_s = BROKER_REQUESTS / ((double)e->warm_up_us / (double)US_PER_S);
    double peak_per_s = workload_peak_per_s(&e->workload);

    w->workload = e->workload;
    w->workload.duration_s = (double)e->warm_up_us / (double)US_PER_S;
    w->workload.read_share = 0;
    w->workload.probe_share = 0;
    w->workload.n_points = 0;
    w->workload.rate_per_s = peak_per_s;
    if (!approach_needs_broker(run->approach->approach, &run->approach->settings) ||
        rate_per_s <= peak_per_s)
        return;
    w->workload.rate_per_s = fmin(rate_per_s, RATE_PER_S_MAX);
    if (w->workload.arrivals == ARRIVALS_CLOSED)
        w->workload.arrivals = ARRIVALS_POISSON;
}

static int work(struct warming *w, const struct experiment_run *run, const char *folder,
                struct errctx *err)
{
    int64_t timeout_us =
        w->session->experiment->warm_up_us + w->workload.deadline_ms * US_PER_MS + MARGIN_US;
    int rc = fill(w->session, &w->workload, err);

    if (!rc)
        rc = crew_start(&w->crew, w->session, run, &w->workload, folder, err);
    if (!rc)
        rc = crew_begin_load(&w->crew, clock_now_us() + LEAD_US, err);
    if (rc)
        return rc;
    rc = loop_until(w->session->base, is_over, w, timeout_us);
    if (rc == -EINTR)
        return err_set(err, EINTR, ERR_ABORT, "interrupted");
    if (rc)
        return err_set(err, -rc, ERR_FATAL, "the warm-up's load did not end in time");
    rc = crew_check_load(&w->crew, err);
    if (!rc)
        rc = crew_stop(&w->crew, err);
    if (!rc && w->crew.ended[0])
        rc = err_set(err, EIO, ERR_FATAL, "in the warm-up %s", w->crew.ended);
    return rc;
}

int warm_up(struct session *session, const struct experiment_run *run, const char *folder,
            struct errctx *err)
{
    struct warming *w = mem_alloc(sizeof *w); /* too large for a stack */
    char own[PATH_MAX + 16];
    int rc;

    (void)snprintf(own, sizeof own, "%s/warm-up", folder);
    w->session = session;
    choose_workload(w, run);
    session->exited = on_exited;
    session->exited_arg = w;
    rc = work(w, run, own, err);
    session->exited = NULL;
    crew_done(&w->crew);
    free(w);
    if (!rc)
        rc = file_remove_tree(own, err);
    if (!rc)
        session->warmed[run->approach - session->experiment->approach] = true;
    return rc;
}
