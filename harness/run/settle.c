/* Waiting until nothing can change any more: see the header. */
#include "harness/run/settle.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "harness/run/await.h"
#include "harness/run/in_doubt.h"
#include "harness/run/position.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US (20 * US_PER_MS)
#define LOOK_US (1 * US_PER_S) /* of the first look, which nothing depends on */

void settling_init(struct settling *s, struct crew *crew, int64_t timeout_us)
{
    *s = (struct settling){.crew = crew, .deadline_us = clock_now_us() + timeout_us};
}

void settling_done(struct settling *s)
{
    free(s->scan);
    *s = (struct settling){.crew = NULL};
}

static int64_t left_us(const struct settling *s)
{
    int64_t left = s->deadline_us - clock_now_us();

    return left > 0 ? left : 0;
}

/*
 * Ask again and again until `step` answers something else than -EAGAIN, or the deadline passes;
 * then the message that the last -EAGAIN came with tells what was missing.
 */
static int retry(struct settling *s, int (*step)(struct settling *s, struct errctx *err),
                 struct errctx *err)
{
    for (;;) {
        int rc = step(s, err);

        if (rc != -EAGAIN)
            return rc;
        if (left_us(s) == 0)
            return -ETIMEDOUT; /* `err` says why */
        rc = loop_for(s->crew->session->base, POLL_US);
        if (rc)
            return err_set(err, -rc, ERR_ABORT, "interrupted");
    }
}

/* --- scans ------------------------------------------------------------------------------------ */

static int look(struct settling *s, int64_t timeout_us, struct errctx *err)
{
    struct session *session = s->crew->session;
    char folder[PATH_MAX + 16];
    int rc;

    (void)snprintf(folder, sizeof folder, "%s/final", s->crew->folder);
    rc = scan_take(session->base, &session->stores, folder, timeout_us, &s->last, err);
    if (rc)
        return rc;
    s->scan = mem_grow(s->scan, s->n_scans, &s->capacity, sizeof *s->scan);
    s->scan[s->n_scans++] = (struct settle_scan){
        .from_us = s->last.from_us, .to_us = s->last.to_us, .equal = scan_equal(&s->last)};
    return 0;
}

int settle_look(struct settling *s, struct errctx *err)
{
    return look(s, SESSION_STORE_TIMEOUT_US, err);
}

/* --- drain ------------------------------------------------------------------------------------ */

static int drain_door(struct settling *s, const char *name, struct rpc_client *control,
                      struct errctx *err)
{
    int rc = rpc_call(control, "drain", NULL, left_us(s), NULL, err);

    if (rc == -ETIMEDOUT)
        return err_set(err, ETIMEDOUT, ERR_RETRY, "%s still has transactions in flight", name);
    if (rc && rc != -EINTR) /* it died, or is not open yet */
        return err_prefix(err, -EAGAIN, "%s does not drain", name);
    return rc;
}

/* A door that does not run has nothing in flight; what it left in doubt is seen at the stores. */
static int drain_doors(struct settling *s, struct errctx *err)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < EXPERIMENT_DOORS; i++) {
        char name[ROLE_NAME_SIZE];
        struct rpc_client *control;

        crew_door(i, name);
        control = roles_control(&s->crew->roles, name);
        if (control)
            rc = drain_door(s, name, control, err);
    }
    return rc;
}

static int nothing_in_doubt(struct settling *s, struct errctx *err)
{
    struct session *session = s->crew->session;
    struct in_doubt in_doubt;
    int rc = in_doubt_list(session->base, &session->stores, &in_doubt, err);

    if (rc)
        return rc;
    for (unsigned i = 0; i < session->stores.n; i++) {
        const char *name = store_name(session->stores.store[i]);

        if (!in_doubt.store[i].known)
            return err_set(err, EAGAIN, ERR_RETRY, "%s cannot be asked what is in doubt", name);
        if (in_doubt.store[i].n > 0)
            return err_set(err, EAGAIN, ERR_RETRY, "%u transactions are still in doubt at %s",
                           in_doubt.store[i].n, name);
    }
    return 0;
}

struct ending {
    struct await await;
    unsigned failed;
};

static void on_ended(void *arg, const struct store_reply *reply)
{
    struct ending *ending = arg;

    ending->await.n_left--;
    ending->failed += reply->status != STORE_OK;
}

static int sessions_of_gone(struct settling *s, const char *door, struct errctx *err)
{
    struct session *session = s->crew->session;
    struct ending ending = {.failed = 0};
    char prefix[ROLE_PREFIX_SIZE];
    int rc;

    role_prefix(prefix, door);
    for (unsigned i = 0; i < session->stores.n; i++) {
        ending.await.n_left++;
        store_end_sessions(session->stores.store[i], prefix, clock_now_us() + US_PER_S, on_ended,
                           &ending);
    }
    rc = await_all(session->base, &ending.await, err);
    if (!rc && ending.failed > 0)
        rc = err_set(err, EAGAIN, ERR_RETRY, "%s's sessions are not gone from %u of the stores",
                     door, ending.failed);
    return rc;
}

static int sessions_gone(struct settling *s, struct errctx *err)
{
    const struct topology *t = s->crew->topology;
    int rc = 0;

    for (unsigned i = 0; !rc && i < t->n_roles; i++) {
        if (t->role[i].kind == ROLE_SERVE)
            rc = sessions_of_gone(s, t->role[i].name, err);
    }
    return rc;
}

static int drain(struct settling *s, struct errctx *err)
{
    int rc = look(s, LOOK_US, err); /* what readers saw before: the begin of convergence */

    if (!rc)
        rc = retry(s, drain_doors, err);
    if (!rc)
        rc = retry(s, nothing_in_doubt, err);
    if (!rc)
        rc = roles_stop(&s->crew->roles, ROLE_SERVE, err);
    if (!rc)
        rc = retry(s, sessions_gone, err);
    if (!rc)
        rc = retry(s, nothing_in_doubt, err); /* a PREPARE that was still under way */
    return rc;
}

/* --- rest ------------------------------------------------------------------------------------- */

/* A passing failure, or one that time may mend. */
static int again(int rc, const char *sink, struct errctx *err)
{
    if (rc == -EINTR)
        return rc;
    return err_set(err, EAGAIN, ERR_RETRY, "%s does not say where it is", sink);
}

static int sink_past(struct settling *s, const char *sink, struct errctx *err)
{
    struct rpc_client *control = roles_control(&s->crew->roles, sink);
    json_t *reply;
    bool reached;
    int rc;

    if (!control)
        return err_set(err, EAGAIN, ERR_RETRY, "%s does not run", sink);
    rc = rpc_call(control, "position", NULL, US_PER_S, &reply, err);
    if (rc)
        return again(rc, sink, err);
    reached = position_reached(reply, &s->past);
    json_decref(reply);
    return reached ? 0 : err_set(err, EAGAIN, ERR_RETRY, "%s has not applied all of the log", sink);
}

static int sinks_past(struct settling *s, struct errctx *err)
{
    const struct topology *t = s->crew->topology;

    for (unsigned i = 0; i < t->n_roles; i++) {
        int rc = t->role[i].kind == ROLE_SINK ? sink_past(s, t->role[i].name, err) : 0;

        if (rc)
            return rc;
    }
    return 0;
}

static int mark(struct settling *s, struct errctx *err)
{
    int rc = log_admin_mark(s->crew->session->log, s->crew->topology->topic, EXPERIMENT_PARTITIONS,
                            "settle", CREW_LOG_TIMEOUT_MS, &s->past, err);

    return rc ? err_prefix(err, -EAGAIN, "no marker in the log") : 0;
}

/* Where the topic ends; n = 0 where there is none. */
static int ends(struct settling *s, struct position *ret_ends, struct errctx *err)
{
    int rc;

    ret_ends->n = 0;
    if (!s->crew->topology->topic[0])
        return 0;
    rc = log_admin_ends(s->crew->session->log, s->crew->topology->topic, EXPERIMENT_PARTITIONS,
                        CREW_LOG_TIMEOUT_MS, ret_ends, err);
    return rc ? err_prefix(err, -EAGAIN, "the log's end") : 0;
}

static bool same_position(const struct position *a, const struct position *b)
{
    return a->n == b->n && memcmp(a->offset, b->offset, a->n * sizeof *a->offset) == 0;
}

/*
 * Two looks, at least a second apart, and nothing moved between them. What a door had sent before
 * it was stopped may still get into the log behind the marker, so the sinks have to be at its end.
 */
static int two_equal_looks(struct settling *s, struct errctx *err)
{
    struct session *session = s->crew->session;
    struct position after;
    struct scan first;
    const char *missing;
    int rc = ends(s, &s->past, err);

    if (!rc)
        rc = sinks_past(s, err);
    if (!rc)
        rc = settle_look(s, err);
    if (rc)
        return rc;
    missing = scan_missing(&s->last, &session->stores);
    if (missing)
        return err_set(err, EAGAIN, ERR_RETRY, "%s cannot be read", missing);
    first = s->last;
    rc = loop_for(session->base, SETTLE_SCANS_APART_US);
    if (rc)
        return err_set(err, -rc, ERR_ABORT, "interrupted");
    rc = settle_look(s, err);
    if (!rc)
        rc = ends(s, &after, err);
    if (!rc && !(scan_same(&first, &s->last) && same_position(&s->past, &after)))
        rc = err_set(err, EAGAIN, ERR_RETRY, "the stores were still changing");
    return rc;
}

static int rest(struct settling *s, struct errctx *err)
{
    int rc = 0;

    if (s->crew->topology->topic[0]) {
        rc = retry(s, mark, err);
        if (!rc)
            rc = retry(s, sinks_past, err);
    }
    return rc ? rc : retry(s, two_equal_looks, err);
}

/* --- the two parts ---------------------------------------------------------------------------- */

static int conclude(struct settling *s, int rc, const struct errctx *err)
{
    if (rc != -ETIMEDOUT)
        return rc;
    (void)snprintf(s->why, sizeof s->why, "%.*s", (int)sizeof s->why - 1, err->message);
    return 0;
}

int settle_drain(struct settling *s, struct errctx *err)
{
    return conclude(s, drain(s, err), err);
}

int settle_rest(struct settling *s, struct errctx *err)
{
    int rc;

    if (s->why[0])
        return 0;
    rc = rest(s, err);
    s->settled = rc == 0;
    return conclude(s, rc, err);
}
