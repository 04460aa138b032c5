/* What decides unknown outcomes: see the header. */
#include "harness/run/evidence.h"

#include "base/clock.h"
#include "coordinator/decision_log.h"
#include "harness/run/await.h"
#include "harness/run/in_doubt.h"
#include "model/names.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_TIMEOUT_US (1 * US_PER_S)

/* --- how it settled --------------------------------------------------------------------------- */

static void tell_settling(struct lines *evidence, const struct settling *s)
{
    json_t *scans = json_array();

    for (size_t i = 0; i < s->n_scans; i++)
        json_array_append_new(
            scans, json_pack("{s:I, s:I, s:b}", "from", (json_int_t)s->scan[i].from_us, "to",
                             (json_int_t)s->scan[i].to_us, "equal", s->scan[i].equal));
    lines_write(evidence, json_pack("{s:s, s:I, s:b, s:o, s:s}", "t", "settled", "at",
                                    (json_int_t)clock_now_us(), "settled", s->settled, "scans",
                                    scans, "why", s->why));
}

/* --- decisions -------------------------------------------------------------------------------- */

struct door_decisions {
    struct lines *evidence;
    const char *server;
};

static void on_decision(void *arg, const struct decision *decision)
{
    const struct door_decisions *door = arg;

    if (decision->kind == DECISION_COMMIT)
        lines_write(door->evidence,
                    json_pack("{s:s, s:s, s:s, s:s}", "t", "decision", "server", door->server,
                              "gid", decision->gid, "request", decision->request));
}

static int tell_decisions(struct lines *evidence, const struct topology *topology,
                          struct errctx *err)
{
    for (unsigned i = 0; i < topology->n_roles; i++) {
        const struct topology_role *role = &topology->role[i];
        struct door_decisions door = {.evidence = evidence, .server = role->name};
        int rc;

        if (role->kind != ROLE_SERVE)
            continue;
        rc = decision_log_read(role->data, on_decision, &door, err);
        if (rc)
            return err_prefix(err, rc, "decisions of %s", role->name);
    }
    return 0;
}

/* --- the log ---------------------------------------------------------------------------------- */

static void on_record(void *arg, unsigned partition, int64_t offset,
                      const struct envelope *envelope)
{
    struct lines *evidence = arg;
    bool marker = envelope->kind == ENVELOPE_MARKER;
    json_t *line = json_pack("{s:s, s:i, s:I}", "t", marker ? "marker" : "record", "partition",
                             (int)partition, "offset", (json_int_t)offset);

    if (!marker)
        json_object_set_new(line, "request", json_string(envelope->txn.request));
    lines_write(evidence, line);
}

static int tell_log(struct lines *evidence, struct crew *crew, struct errctx *err)
{
    struct log_admin *log = crew->session->log;
    const char *topic = crew->topology->topic;
    struct position ends;
    int rc;

    if (!topic[0])
        return 0;
    rc = crew_log_ends(crew, &ends, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < ends.n; i++)
        lines_write(evidence, json_pack("{s:s, s:i, s:I}", "t", "topic", "partition", (int)i, "end",
                                        (json_int_t)ends.offset[i]));
    return log_admin_read(log, topic, EXPERIMENT_PARTITIONS, SESSION_LOG_TIMEOUT_MS, on_record,
                          evidence, err);
}

/* --- what is still prepared ------------------------------------------------------------------- */

static void on_prepared(void *arg, const char *store, const char *gid)
{
    struct lines *evidence = arg;

    lines_write(evidence,
                json_pack("{s:s, s:s, s:s}", "t", "prepared", "store", store, "gid", gid));
}

int evidence_prepared(struct lines *evidence, struct session *session, struct errctx *err)
{
    struct in_doubt in_doubt; /* a store that cannot be asked has said nothing */

    return in_doubt_each(session->base, &session->stores, on_prepared, evidence, &in_doubt, err);
}

/* --- what somebody has settled by hand -------------------------------------------------------- */

struct looking {
    struct await await;
    struct lines *evidence;
    struct looking_store {
        struct looking *all;
        const char *store;
    } at[STORES_MAX];
};

static void tell_by_hand(struct lines *evidence, const char *store, const struct store_view *view)
{
    struct gid gid;

    if (view->state == STORE_VIEW_PREPARED)
        return;
    lines_write(
        evidence,
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "t", "by_hand", "store", store, "gid", view->gid,
                  "request", gid_parse(view->gid, &gid) ? gid.request : "", "outcome",
                  view->state == STORE_VIEW_COMMITTED_BY_HAND ? "committed" : "rolled back"));
}

/* A store that cannot be asked has said nothing. */
static void on_viewed(void *arg, const struct store_reply *reply, const struct store_view *view,
                      unsigned n_views)
{
    const struct looking_store *at = arg;

    at->all->await.n_left--;
    for (unsigned i = 0; reply->status == STORE_OK && i < n_views; i++)
        tell_by_hand(at->all->evidence, at->store, &view[i]);
}

int evidence_by_hand(struct lines *evidence, struct session *session, struct errctx *err)
{
    struct looking all = {.evidence = evidence};
    int64_t deadline_us = clock_now_us() + LOOK_TIMEOUT_US;

    for (unsigned i = 0; i < session->stores.n; i++) {
        struct store *store = session->stores.store[i];

        all.at[i] = (struct looking_store){.all = &all, .store = store_name(store)};
        all.await.n_left++;
        store_view(store, "", deadline_us, on_viewed, &all.at[i]);
    }
    return await_all(session->base, &all.await, err);
}

/* --- a broken variant's mistakes -------------------------------------------------------------- */

/* A role that was never started has made none: it has no file. */
static int64_t count_mistakes(const struct topology *topology, const char *role)
{
    char path[PATH_MAX + ROLE_NAME_SIZE + 16];
    struct stat file;

    (void)snprintf(path, sizeof path, "%s/%s.broken", topology->control, role);
    return stat(path, &file) == 0 ? (int64_t)file.st_size : 0;
}

static void tell_mistakes(struct lines *evidence, const struct topology *topology)
{
    for (unsigned i = 0; topology->broken[0] && i < topology->n_roles; i++) {
        const char *role = topology->role[i].name;
        int64_t n = count_mistakes(topology, role);

        if (n > 0)
            lines_write(evidence, json_pack("{s:s, s:s, s:s, s:I}", "t", "broken", "role", role,
                                            "break", topology->broken, "times", (json_int_t)n));
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

int evidence_collect(struct lines *evidence, struct crew *crew, const struct settling *settling,
                     struct errctx *err)
{
    int rc;

    tell_settling(evidence, settling);
    tell_mistakes(evidence, crew->topology);
    rc = crew->run->approach->program[0] ? 0 : tell_decisions(evidence, crew->topology, err);
    return rc ? rc : tell_log(evidence, crew, err);
}
