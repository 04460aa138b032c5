/* Servers that were there before us: see the header. */
#include "harness/run/attach.h"

#include "base/clock.h"
#include "harness/run/await.h"
#include "harness/run/session.h"
#include "model/names.h"
#include "servers/kind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* --- what is attached ------------------------------------------------------------------------- */

/* Once, here: roles are told numbers, and look up nothing while a run goes on. */
static int look_up(struct address *address, struct errctx *err)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    struct sockaddr_in in;
    int rc = getaddrinfo(address->host, NULL, &hints, &found);

    if (rc)
        return err_set(err, EHOSTUNREACH, ERR_ABORT, "%s: %s", address->host, gai_strerror(rc));
    memcpy(&in, found->ai_addr, sizeof in);
    freeaddrinfo(found);
    (void)inet_ntop(AF_INET, &in.sin_addr, address->host, sizeof address->host); /* it fits */
    return 0;
}

static int check_store(struct topology_store *store, struct errctx *err)
{
    const struct server_kind *kind = server_kind_of(store->name);

    if (!kind || !kind->is_store || kind->store_kind != store->kind)
        return err_set(err, EINVAL, ERR_ABORT, "a store of kind %s is not called %s: pg1, redis …",
                       store_kind_name(store->kind), store->name);
    return look_up(&store->address, err);
}

static bool is_attached(const struct topology *servers, const char *name)
{
    return topology_store(servers, name) || (servers->log.port && strcmp(name, "kafka") == 0);
}

static int check_faults(const struct experiment *e, const struct topology *servers,
                        struct errctx *err)
{
    for (unsigned s = 0; s < e->n_schedules; s++) {
        for (unsigned i = 0; i < e->schedule[s].n_faults; i++) {
            const char *target = e->schedule[s].fault[i].target;

            if (is_attached(servers, target))
                return err_set(err, EPERM, ERR_ABORT,
                               "schedule %s hits %s, which is attached: what we did not start is "
                               "neither killed nor paused",
                               e->schedule[s].name, target);
        }
    }
    return 0;
}

int attach_read(const char *path, struct experiment *e, struct topology *ret_servers,
                struct errctx *err)
{
    int rc = topology_read_servers(path, ret_servers, err);

    for (unsigned i = 0; !rc && i < ret_servers->n_stores; i++)
        rc = check_store(&ret_servers->store[i], err);
    if (!rc)
        rc = check_faults(e, ret_servers, err);
    if (rc)
        return err_prefix(err, rc, "%s", path);
    (void)strcpy(e->durability, "unknown"); /* both are larger */
    (void)strcpy(e->profile, "attached");
    e->attached = ret_servers;
    return 0;
}

/* --- our place in it -------------------------------------------------------------------------- */

struct asking {
    struct await await;
    enum store_status status;
    char why[STORE_DETAIL_SIZE];
};

static void on_answer(void *arg, const struct store_reply *reply)
{
    struct asking *asking = arg;

    asking->await.n_left--;
    asking->status = reply->status;
    (void)snprintf(asking->why, sizeof asking->why, "%s", reply->detail);
}

typedef void (*store_verb)(struct store *store, int64_t deadline_us, store_done done, void *arg);

static void end_ours(struct store *store, int64_t deadline_us, store_done done, void *arg)
{
    store_end_sessions(store, NAMES_PREFIX, deadline_us, done, arg);
}

static int ask(struct session *session, struct store *store, store_verb verb, const char *what,
               struct errctx *err)
{
    struct asking asking = {.await = {.n_left = 1}};
    int rc;

    verb(store, clock_now_us() + SESSION_STORE_TIMEOUT_US, on_answer, &asking);
    rc = await_all(session->base, &asking.await, err);
    if (!rc && asking.status != STORE_OK)
        rc = err_set(err, EIO, ERR_ABORT, "%s, which is attached, cannot be %s: %s",
                     store_name(store), what, asking.why);
    return rc;
}

int attach_claim(struct session *session, struct errctx *err)
{
    for (unsigned i = 0; i < session->stores.n; i++) {
        int rc;

        if (!session->servers.store[i].attached)
            continue;
        rc = ask(session, session->stores.store[i], store_claim, "used", err);
        if (rc)
            return rc;
        session->claimed[i] = true;
    }
    return 0;
}

static int leave(struct session *session, struct store *store, struct errctx *err)
{
    int rc = ask(session, store, end_ours, "left by our sessions", err);

    if (!rc)
        rc = ask(session, store, store_reset, "emptied", err);
    if (!rc)
        rc = ask(session, store, store_leave, "left", err);
    return rc;
}

int attach_leave(struct session *session, struct errctx *err)
{
    int rc = 0;

    for (unsigned i = 0; i < session->stores.n; i++) {
        int one =
            session->claimed[i] ? leave(session, session->stores.store[i], rc ? NULL : err) : 0;

        rc = rc ? rc : one;
        session->claimed[i] = false;
    }
    return rc;
}
