/* mariadb_errors.c - the one table from error numbers to classes; what is not listed is fatal. */
#include "stores/mariadb.h"

#include <stddef.h>

static const struct {
    unsigned error;
    enum store_status work;
    enum store_status end;
} table[] = {
    /* The statement was refused; the transaction is rolled back by us. */
    {1062, STORE_CONSTRAINT, STORE_FATAL}, /* ER_DUP_ENTRY */
    {1264, STORE_CONSTRAINT, STORE_FATAL}, /* ER_WARN_DATA_OUT_OF_RANGE */
    {1644, STORE_CONSTRAINT, STORE_FATAL}, /* ER_SIGNAL_EXCEPTION: below a bound */
    {1690, STORE_CONSTRAINT, STORE_FATAL}, /* ER_DATA_OUT_OF_RANGE */

    {1205, STORE_CONFLICT, STORE_RETRY}, /* ER_LOCK_WAIT_TIMEOUT */
    {1206, STORE_CONFLICT, STORE_RETRY}, /* ER_LOCK_TABLE_FULL */
    {1213, STORE_CONFLICT, STORE_RETRY}, /* ER_LOCK_DEADLOCK */
    {1637, STORE_CONFLICT, STORE_RETRY}, /* ER_TOO_MANY_CONCURRENT_TRXS: may be had later */
    {1969, STORE_CONFLICT, STORE_RETRY}, /* ER_STATEMENT_TIMEOUT: our lock time-out */

    /* XA: rolled back already, or a branch of that name is there, which is not ours to end. */
    {1402, STORE_CONFLICT, STORE_RETRY}, /* ER_XA_RBROLLBACK */
    {1440, STORE_CONFLICT, STORE_FATAL}, /* ER_XAER_DUPID */
    {1613, STORE_CONFLICT, STORE_RETRY}, /* ER_XA_RBTIMEOUT */
    {1614, STORE_CONFLICT, STORE_RETRY}, /* ER_XA_RBDEADLOCK */

    /* Ends of a prepared branch: none of that name, or its session is still connected. */
    {1397, STORE_FATAL, STORE_NOTA}, /* ER_XAER_NOTA */

    /* Raised by our own statements when a batch is not the next one, or not ours. */
    {MARIA_ERROR_FENCED, STORE_FENCED, STORE_FATAL},

    /* The words of a connection that dies prove nothing; nor does a statement cut short by hand. */
    {1053, STORE_UNKNOWN, STORE_UNKNOWN}, /* ER_SERVER_SHUTDOWN */
    {1152, STORE_UNKNOWN, STORE_UNKNOWN}, /* ER_ABORTING_CONNECTION */
    {1317, STORE_UNKNOWN, STORE_UNKNOWN}, /* ER_QUERY_INTERRUPTED */
    {1927, STORE_UNKNOWN, STORE_UNKNOWN}, /* ER_CONNECTION_KILLED */
};

enum store_status maria_status_of(unsigned error, enum maria_phase phase)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].error == error)
            return phase == MARIA_PHASE_WORK ? table[i].work : table[i].end;
    }
    return STORE_FATAL;
}
