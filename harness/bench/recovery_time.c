/* A killed coordinator and the next; see the header. */
#include "harness/bench/recovery_time.h"

#include <errno.h>

static int check_in_doubt(const struct contest *c, struct errctx *err)
{
    unsigned n = 0, here = 0;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < c->servers->n; i++) {
        rc = two_servers_prepared(c->servers, i, &here, err);
        n += here;
    }
    if (rc == 0 && n != RECOVERY_BRANCHES)
        return err_set(err, EIO, ERR_FATAL, "%u branches were left in doubt, not %d", n,
                       RECOVERY_BRANCHES);
    return rc;
}

int recovery_measure(struct contest *c, struct recovery_time *ret_time, struct errctx *err)
{
    unsigned transactions = RECOVERY_BRANCHES / c->servers->n;
    json_t *line = NULL;
    int rc = two_servers_settle(c->servers, err);

    c->measure_ms = 1; /* there is no window, but none is refused */
    if (rc == 0)
        rc = contest_call(c, "recovery", "crash", transactions, &line, err);
    if (rc == 0)
        rc = check_in_doubt(c, err);
    if (rc == 0)
        rc = contest_call(c, "recovery", "recover", transactions, &line, err);
    if (rc < 0)
        return rc;
    *ret_time = (struct recovery_time){
        .from_log_ms = json_number_value(json_object_get(line, "from_log_ms")),
        .from_start_ms = json_number_value(json_object_get(line, "from_start_ms"))};
    json_decref(line);
    return two_servers_check(c->servers, transactions, err);
}
