/* What the client of dual writes hears; see the header. */
#include "approaches/dual.h"

#include <stdio.h>

static bool surely_failed(const struct dual_answer *answer)
{
    enum code code = store_status_code(answer->status);

    return code != CODE_NONE && code_definite(code);
}

/* "pg1 ok, pg2 unavailable, redis ok" */
static void describe_all(const struct dual_answer *answer, unsigned n, struct reply *reply)
{
    size_t used = 0;

    for (unsigned i = 0; i < n && used < sizeof reply->detail; i++) {
        int written =
            snprintf(reply->detail + used, sizeof reply->detail - used, "%s%s %s",
                     i > 0 ? ", " : "", answer[i].store, store_status_name(answer[i].status));

        used += (size_t)written;
    }
}

/* Surely nothing was written: the first refusal tells why. */
static void combine_failed(const struct dual_answer *answer, unsigned n, struct reply *reply)
{
    for (unsigned i = 0; i < n; i++) {
        if (!surely_failed(&answer[i]))
            continue;
        reply->code = store_status_code(answer[i].status);
        (void)snprintf(reply->detail, sizeof reply->detail, "%s %s", answer[i].store,
                       answer[i].detail[0] != '\0' ? answer[i].detail
                                                   : store_status_name(answer[i].status));
        return;
    }
    reply->code = CODE_UNKNOWN; /* only reads, and an answer was lost */
    describe_all(answer, n, reply);
}

void dual_combine(const struct dual_answer *answer, unsigned n, bool expired,
                  struct reply *ret_reply)
{
    unsigned n_ok = 0;
    unsigned n_wrote = 0;
    unsigned n_may_have = 0;

    for (unsigned i = 0; i < n; i++) {
        bool ok = answer[i].status == STORE_OK;

        n_ok += ok;
        n_wrote += ok && answer[i].writes;
        n_may_have += !ok && answer[i].writes && !surely_failed(&answer[i]);
    }
    ret_reply->level = LEVEL_NONE;
    ret_reply->detail[0] = '\0';
    if (n_ok == n) {
        ret_reply->code = CODE_NONE;
        ret_reply->level = LEVEL_EVERYWHERE;
    } else if (n_wrote > 0) {
        ret_reply->code = CODE_PARTIAL;
        describe_all(answer, n, ret_reply);
    } else if (n_may_have > 0) {
        ret_reply->code = expired ? CODE_TIMEOUT : CODE_UNKNOWN;
        describe_all(answer, n, ret_reply);
    } else {
        combine_failed(answer, n, ret_reply);
    }
}
