/* One run of an experiment: see the header. */
#include "harness/run/live_run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/lines.h"
#include "harness/run/crew.h"
#include "harness/run/evidence.h"
#include "harness/run/files.h"
#include "harness/run/fill.h"
#include "harness/run/injector.h"
#include "harness/run/sampler.h"
#include "harness/run/settle.h"
#include "harness/run/warm_up.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_LEAD_US (200 * US_PER_MS) /* from telling the load to its begin */
#define LOAD_MARGIN_US                                                                             \
    (10 * US_PER_S)                  /* it has its own deadlines; this one is for a hung process */
#define FAULT_END_US (30 * US_PER_S) /* for a server to come back: the keeper gives up before */

struct live {
    struct session *session;
    const struct experiment_run *run;
    char folder[PATH_MAX];
    struct crew crew;
    struct injector injector;
    struct sampler sampler;
    struct settling settling;
    struct lines phases, faults, samples, evidence;
    const char *phase; /* the one that goes on; NULL: none */
    int64_t phase_began_us;
};

/* --- phases ----------------------------------------------------------------------------------- */

/* With the load average of the last minute: who measures on a busy machine should know. */
static void note_phase(struct live *live, const char *what, const char *phase, int64_t at_us)
{
    double load;

    lines_write(&live->phases,
                json_pack("{s:s, s:s, s:I, s:o}", "t", what, "phase", phase, "at",
                          (json_int_t)at_us, "load_average",
                          getloadavg(&load, 1) == 1 ? json_real(load) : json_null()));
}

static void end_phase(struct live *live)
{
    int64_t now_us = clock_now_us();

    if (!live->phase)
        return;
    note_phase(live, "end", live->phase, now_us);
    phases_add(&live->session->phases, live->phase, now_us - live->phase_began_us);
    live->phase = NULL;
}

static void begin_phase_at(struct live *live, const char *phase, int64_t at_us)
{
    end_phase(live);
    live->phase = phase;
    live->phase_began_us = at_us;
    note_phase(live, "begin", phase, at_us);
    progress_phase(&live->session->progress, phase);
}

static void begin_phase(struct live *live, const char *phase)
{
    begin_phase_at(live, phase, clock_now_us());
}

/* --- looking on ------------------------------------------------------------------------------- */

static void on_tick(void *arg)
{
    struct live *live = arg;
    const struct sampler *s = &live->sampler;
    uint64_t in_doubt = 0;
    int64_t lag = sampler_lag(s);
    struct buf text = {0};

    for (unsigned i = 0; i < live->session->stores.n; i++)
        in_doubt += s->in_doubt[i];
    buf_printf(&text, "%llu operations", (unsigned long long)s->invoked);
    if (s->failed + s->unknown > 0)
        buf_printf(&text, ", %llu not ok", (unsigned long long)(s->failed + s->unknown));
    if (in_doubt > 0)
        buf_printf(&text, ", %llu in doubt", (unsigned long long)in_doubt);
    if (lag > 0)
        buf_printf(&text, ", lag %lld", (long long)lag);
    progress_tick(&live->session->progress, buf_str(&text));
    buf_done(&text);
}

static void on_fault(void *arg, const char *text)
{
    struct live *live = arg;

    progress_fault(&live->session->progress, text);
}

static void tell_ended(struct live *live, const char *name, const char *why)
{
    char text[ROLE_NAME_SIZE + 24];

    (void)snprintf(text, sizeof text, "%s ended by itself", name);
    progress_fault(&live->session->progress, text);
    lines_write(&live->evidence, json_pack("{s:s, s:I, s:s, s:s}", "t", "ended", "at",
                                           (json_int_t)clock_now_us(), "role", name, "why", why));
}

static void on_exited(void *arg, const char *name, const struct keeper_end *end)
{
    struct live *live = arg;

    if (injector_exited(&live->injector, name, end))
        roles_exited(&live->crew.roles, name);
    else if (crew_exited(&live->crew, name, end))
        tell_ended(live, name, end->why[0] ? end->why : live->crew.ended);
}

/* --- the load and its faults ------------------------------------------------------------------ */

/* The load ended, or will not: its process is gone, or a target could not be brought back. */
static bool load_over(void *arg)
{
    const struct live *live = arg;

    return live->injector.failure.message[0] || crew_load_over(&live->crew);
}

static bool faults_over(void *arg)
{
    const struct live *live = arg;

    return live->injector.failure.message[0] || injector_over(&live->injector);
}

static int wait_for(struct live *live, bool (*over)(void *arg), int64_t timeout_us,
                    const char *what, struct errctx *err)
{
    int rc = loop_until(live->session->base, over, live, timeout_us);

    if (rc == -EINTR)
        return err_set(err, EINTR, ERR_ABORT, "interrupted");
    if (rc)
        return err_set(err, -rc, ERR_FATAL, "%s did not end in time", what);
    if (live->injector.failure.message[0])
        return err_set(err, EIO, ERR_FATAL, "%s", live->injector.failure.message);
    return 0;
}

static void start_faults(struct live *live, int64_t load_at_us)
{
    const struct injector_options injector = {.base = live->session->base,
                                              .keeper = live->session->keeper,
                                              .roles = &live->crew.roles,
                                              .schedule = live->run->schedule,
                                              .seed = live->run->seed,
                                              .approach = live->run->approach->approach,
                                              .faults = &live->faults,
                                              .note = on_fault,
                                              .arg = live};
    const struct sampler_options sampler = {.base = live->session->base,
                                            .stores = &live->session->stores,
                                            .roles = &live->crew.roles,
                                            .samples = &live->samples,
                                            .tick = on_tick,
                                            .arg = live};

    injector_start(&live->injector, &injector, load_at_us);
    sampler_start(&live->sampler, &sampler);
}

static int load(struct live *live, struct errctx *err)
{
    const struct workload *w = &live->session->experiment->workload;
    int64_t load_us = llround(w->duration_s * (double)US_PER_S) + w->deadline_ms * US_PER_MS;
    int64_t load_at_us = clock_now_us() + LOAD_LEAD_US;
    int rc;

    begin_phase_at(live, "load", load_at_us);
    rc = crew_begin_load(&live->crew, load_at_us, err);
    if (rc)
        return rc;
    start_faults(live, load_at_us);
    rc = wait_for(live, load_over, LOAD_LEAD_US + load_us + LOAD_MARGIN_US, "the load", err);
    return rc ? rc : crew_check_load(&live->crew, err);
}

/* --- coming to rest --------------------------------------------------------------------------- */

/* What a fault holds for ever is let go, so that the final states can be read. */
static int look_at_what_did_not_settle(struct live *live, struct errctx *err)
{
    const char *missing;
    int rc;

    injector_release(&live->injector);
    rc = wait_for(live, faults_over, FAULT_END_US, "a fault", err);
    if (!rc)
        rc = settle_look(&live->settling, err);
    if (rc)
        return rc;
    missing = scan_missing(&live->settling.last, &live->session->stores);
    return missing ? err_set(err, EIO, ERR_FATAL, "%s cannot be read in the end", missing) : 0;
}

/* A role that ended by itself explains more than what came of it. */
static void name_the_ended(struct live *live)
{
    struct settling *s = &live->settling;

    if (!s->settled && live->crew.ended[0])
        (void)snprintf(s->why, sizeof s->why, "%s by itself", live->crew.ended);
}

static int settle(struct live *live, struct errctx *err)
{
    const struct schedule *schedule = live->run->schedule;
    int64_t faults_us = FAULT_END_US;
    int rc;

    begin_phase(live, "drain");
    for (unsigned i = 0; i < schedule->n_faults; i++)
        faults_us += schedule->fault[i].lasts_us > 0 ? schedule->fault[i].lasts_us : 0;
    rc = wait_for(live, faults_over, faults_us, "a fault", err);
    if (rc)
        return rc;
    settling_init(&live->settling, &live->crew, live->session->experiment->settle_deadline_us);
    rc = settle_drain(&live->settling, err);
    if (rc)
        return rc;
    begin_phase(live, "settle");
    rc = settle_rest(&live->settling, err);
    name_the_ended(live);
    return rc;
}

static int collect(struct live *live, struct errctx *err)
{
    int rc;

    begin_phase(live, "collect");
    rc = sampler_stop(&live->sampler, err);
    if (!rc)
        rc = evidence_prepared(&live->evidence, live->session, err);
    if (!rc)
        rc = evidence_by_hand(&live->evidence, live->session, err);
    if (!rc && !live->settling.settled)
        rc = look_at_what_did_not_settle(live, err);
    if (!rc)
        rc = roles_stop(&live->crew.roles, ROLE_SERVE, err);
    if (!rc)
        rc = evidence_collect(&live->evidence, &live->crew, &live->settling, err);
    if (!rc)
        rc = crew_stop(&live->crew, err);
    end_phase(live);
    return rc;
}

/* --- one run ---------------------------------------------------------------------------------- */

static int open_files(struct live *live, struct errctx *err)
{
    int rc = crew_make_folder(live->session, live->run, &live->session->experiment->workload,
                              live->folder, err);

    if (!rc)
        rc = lines_open(&live->phases, live->folder, "phases.ndjson", err);
    if (!rc)
        rc = lines_open(&live->faults, live->folder, "faults.ndjson", err);
    if (!rc)
        rc = lines_open(&live->samples, live->folder, "samples.ndjson", err);
    if (!rc)
        rc = lines_open(&live->evidence, live->folder, "evidence.ndjson", err);
    return rc;
}

static json_t *last_word(int rc, const struct errctx *err)
{
    json_t *line =
        json_pack("{s:s, s:I}", "t", rc ? "broken_off" : "end", "at", (json_int_t)clock_now_us());

    if (rc)
        json_object_set_new(line, "why", json_string(err->message));
    return line;
}

/* Every file is closed; of several errors the first is told. */
static int close_files(struct live *live, int rc, struct errctx *err)
{
    struct lines *const files[] = {&live->faults, &live->samples, &live->evidence, &live->phases};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int close_rc;

        if (files[i] == &live->phases && files[i]->file) /* the last word: all else is on disk */
            lines_write(files[i], last_word(rc, err));
        else if (!rc)
            lines_end(files[i]);
        close_rc = lines_close(files[i], rc ? NULL : err);
        rc = rc ? rc : close_rc;
    }
    return rc;
}

static bool warm(const struct live *live)
{
    const struct session *session = live->session;

    return session->warmed[live->run->approach - session->experiment->approach] ||
           session->experiment->warm_up_us == 0;
}

static int prepare(struct live *live, struct errctx *err)
{
    int rc;

    begin_phase(live, "reset");
    rc = session_reset(live->session, err);
    if (!rc && !warm(live)) {
        begin_phase(live, "warm-up");
        rc = warm_up(live->session, live->run, live->folder, err);
        if (!rc) {
            begin_phase(live, "reset");
            rc = session_reset(live->session, err);
        }
    }
    if (!rc && live->session->experiment->workload.kind == WORKLOAD_TRANSFER) {
        begin_phase(live, "fill");
        rc = fill(live->session, &live->session->experiment->workload, err);
    }
    if (rc)
        return rc;
    begin_phase(live, "roles");
    live->session->exited = on_exited;
    live->session->exited_arg = live;
    return crew_start(&live->crew, live->session, live->run, &live->session->experiment->workload,
                      live->folder, err);
}

static int carry_out(struct live *live, struct errctx *err)
{
    int rc = open_files(live, err);

    if (!rc)
        rc = prepare(live, err);
    if (!rc)
        rc = load(live, err);
    if (!rc)
        rc = settle(live, err);
    if (!rc)
        rc = collect(live, err);
    return rc;
}

int live_run(struct session *session, const struct experiment_run *run, char *ret_folder,
             struct errctx *err)
{
    struct live *live = mem_alloc(sizeof *live); /* too large for a stack */
    int rc, stop_rc;

    live->session = session;
    live->run = run;
    (void)snprintf(live->folder, sizeof live->folder, "%.*s/runs/%s",
                   PATH_MAX - (int)sizeof run->name - 8, session->out, run->name);
    rc = carry_out(live, err);
    stop_rc = sampler_stop(&live->sampler, rc ? NULL : err);
    rc = rc ? rc : stop_rc;
    session->exited = NULL;
    injector_stop(&live->injector);
    crew_done(&live->crew);
    settling_done(&live->settling);
    rc = close_files(live, rc, err);
    (void)snprintf(ret_folder, PATH_MAX, "%s", live->folder);
    if (rc)
        session_bury(session, live);
    else
        free(live);
    return rc;
}
