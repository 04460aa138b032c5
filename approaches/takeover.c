/* Settling for those that are gone: see the header. */
#include "approaches/takeover.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB_DEADLINE_US INT64_C(2000000)

struct looked_at {
    struct takeover *takeover;
    struct store *store;
    unsigned n_outstanding; /* verbs */
};

struct takeover {
    struct topic_log *log;
    struct event *every;
    uint64_t n_committed;
    uint64_t n_rolled_back;
    unsigned n_stores;
    struct looked_at at[STORES_MAX];
};

/* A branch that is being settled. */
struct settling_one {
    struct looked_at *at;
    bool commit;
    char gid[GID_SIZE];
};

static void settled(void *arg, const struct store_reply *reply)
{
    struct settling_one *one = arg;
    struct takeover *t = one->at->takeover;

    one->at->n_outstanding--;
    if (reply->status == STORE_OK) {
        t->n_committed += one->commit;
        t->n_rolled_back += !one->commit;
    } else if (reply->status == STORE_HEURISTIC || reply->status == STORE_FATAL) {
        log_error("%s at %s: %s, %s; the decision topic says %s", one->gid,
                  store_name(one->at->store), store_status_name(reply->status), reply->detail,
                  one->commit ? "commit" : "abort");
    } /* others: it is listed again, or somebody else was faster */
    free(one);
}

static void settle(struct looked_at *at, const char *gid, bool commit)
{
    struct settling_one *one = mem_alloc(sizeof *one);

    one->at = at;
    one->commit = commit;
    (void)snprintf(one->gid, sizeof one->gid, "%s", gid);
    at->n_outstanding++;
    store_resolve(at->store, gid, commit, clock_now_us() + VERB_DEADLINE_US, settled, one);
}

static void found(struct looked_at *at, const char *gid)
{
    struct topic_log *log = at->takeover->log;
    struct gid name;

    if (!gid_parse(gid, &name) || !topic_log_gone(log, name.coordinator, name.epoch))
        return;
    switch (topic_log_outcome(log, gid)) {
    case TOPIC_UNDECIDED:
        topic_log_abort(log, gid); /* settled by what is read, when it is listed again */
        break;
    case TOPIC_COMMIT:
        settle(at, gid, true);
        break;
    case TOPIC_ABORT:
        settle(at, gid, false);
        break;
    }
}

static void listed(void *arg, enum store_status status, const struct store_in_doubt *entries,
                   unsigned n_entries, unsigned waiters)
{
    struct looked_at *at = arg;

    (void)waiters;
    at->n_outstanding--;
    if (status != STORE_OK)
        return; /* asked again soon */
    for (unsigned i = 0; i < n_entries; i++)
        found(at, entries[i].gid);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    struct takeover *t = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < t->n_stores; i++) {
        struct looked_at *at = &t->at[i];

        if (at->n_outstanding > 0)
            continue;
        at->n_outstanding++;
        store_list_in_doubt(at->store, NAMES_PREFIX, clock_now_us() + VERB_DEADLINE_US, listed, at);
    }
}

struct takeover *takeover_new(struct event_base *base, struct topic_log *log,
                              struct store *const *stores, unsigned n_stores)
{
    struct takeover *t = mem_alloc(sizeof *t);
    struct timeval every = clock_timeval(TAKEOVER_LOOK_US);

    assert(n_stores <= STORES_MAX);
    t->log = log;
    t->n_stores = n_stores;
    for (unsigned i = 0; i < n_stores; i++)
        t->at[i] = (struct looked_at){.takeover = t, .store = stores[i]};
    t->every = event_new(base, -1, EV_PERSIST, look, t);
    assert(t->every);
    (void)event_add(t->every, &every);
    return t;
}

void takeover_free(struct takeover *t)
{
    if (!t)
        return;
    event_free(t->every);
    for (unsigned i = 0; i < t->n_stores; i++)
        store_free(t->at[i].store); /* answers what is outstanding */
    free(t);
}

void takeover_counts(const struct takeover *t, uint64_t *ret_committed, uint64_t *ret_rolled_back)
{
    *ret_committed = t->n_committed;
    *ret_rolled_back = t->n_rolled_back;
}
