/* What a log can carry, and in which partition; see the header. */
#include "approaches/log.h"

#include "model/envelope.h"

#include <errno.h>

static bool commutes(const struct txn *txn)
{
    for (unsigned i = 0; i < txn->n_ops; i++) {
        if (txn->op[i].kind != OP_INCR)
            return false;
    }
    return true;
}

int log_partition(const struct txn *txn, unsigned n_partitions, const char **ret_why)
{
    unsigned partition = envelope_partition(txn->op[0].key, n_partitions);

    for (unsigned i = 0; i < txn->n_ops; i++) {
        const struct op *op = &txn->op[i];

        if (op->kind == OP_READ || op->kind == OP_INSERT || op->has_min) {
            *ret_why = "no store can refuse, or answer, what is already in the log";
            return -ENOTSUP;
        }
        if (envelope_partition(op->key, n_partitions) != partition && !commutes(txn)) {
            *ret_why = "its keys are in different partitions, and it does not commute";
            return -ENOTSUP;
        }
    }
    return (int)partition;
}
