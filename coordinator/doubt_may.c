/* One transaction of the operator's view, and what may be done about it: see doubt.h. */
#include "coordinator/doubt.h"

#include <string.h>

const struct doubt_txn *doubt_find(const struct doubt *d, const char *gid_or_request,
                                   bool *ret_several)
{
    const struct doubt_txn *found = NULL;

    *ret_several = false;
    for (size_t i = 0; i < d->n_txns; i++) {
        const struct doubt_txn *txn = d->txn[i];

        if (strcmp(txn->gid, gid_or_request) == 0)
            return txn;
        if (strcmp(txn->name.request, gid_or_request) != 0)
            continue;
        *ret_several |= found != NULL;
        found = txn;
    }
    return found;
}

bool doubt_may_settle(const struct doubt_txn *txn, bool commit, const char **ret_why)
{
    switch (txn->decision) {
    case DOUBT_COMMIT:
        *ret_why = "its coordinator has decided to commit";
        return commit;
    case DOUBT_ABORT:
        *ret_why = "its coordinator's log has no decision, so abort is presumed";
        return !commit;
    case DOUBT_NONE_YET:
        *ret_why = "nothing is decided, and its coordinator may still run and decide otherwise";
        return false;
    case DOUBT_NOT_KNOWN:
    case DOUBT_DECISIONS:
        break;
    }
    *ret_why =
        "no log of its coordinator is at hand, or one that was lost or is an old copy, so nobody "
        "here knows what was decided";
    return false;
}

bool doubt_may_forget(const struct doubt *d, const struct doubt_txn *txn, const char **ret_why)
{
    bool open = txn->decided && !txn->ended;

    if (txn->n_prepared > 0) {
        *ret_why = "it is still prepared";
        return false;
    }
    for (unsigned i = 0; open && i < d->n_stores; i++) {
        enum doubt_state state = txn->branch[i].state;

        if ((txn->members >> i & 1U) && (state == DOUBT_UNREACHABLE || state == DOUBT_NOTHING)) {
            *ret_why = "it was decided to commit it, and it may still be prepared at a store that "
                       "does not tell";
            return false;
        }
    }
    if (open && txn->others) {
        *ret_why = "it was decided to commit it, also at a store that is not at hand";
        return false;
    }
    return true;
}
