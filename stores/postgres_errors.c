/* postgres_errors.c - the one table from SQLSTATEs to classes; what is not listed is fatal. */
#include "stores/postgres.h"

#include <string.h>

static const struct {
    const char *prefix; /* five characters, or a whole class of two */
    enum store_status work;
    enum store_status end;
} table[] = {
    /* The transaction was refused, and rolled back. */
    {"22003", STORE_CONSTRAINT, STORE_FATAL}, /* number out of range */
    {"23", STORE_CONSTRAINT, STORE_FATAL},    /* unique_violation, check_violation, … */
    {"40001", STORE_CONFLICT, STORE_RETRY},   /* serialization_failure */
    {"40P01", STORE_CONFLICT, STORE_RETRY},   /* deadlock_detected */
    {"55P03", STORE_CONFLICT, STORE_RETRY},   /* lock_not_available: lock_timeout */
    {"57014", STORE_CONFLICT, STORE_RETRY},   /* query_canceled */
    /* Out of memory, or no slot left for a prepared transaction: rolled back, may be had later. */
    {"53200", STORE_CONFLICT, STORE_RETRY},

    /* duplicate_object: the gid is another branch's, which must not be rolled back for this one. */
    {"42710", STORE_CONFLICT, STORE_FATAL},

    /* Ends of a prepared transaction. */
    {"42704", STORE_FATAL, STORE_NOTA},  /* undefined_object: no such gid */
    {"55000", STORE_FATAL, STORE_RETRY}, /* busy: somebody else is ending it */

    /* Raised by our own function when a batch is not the next one, or not ours. */
    {"SB001", STORE_FENCED, STORE_FATAL},

    /* The words of a connection that dies prove nothing. */
    {"08", STORE_UNKNOWN, STORE_UNKNOWN},
    {"25P03", STORE_UNKNOWN, STORE_UNKNOWN}, /* idle_in_transaction_session_timeout */
    {"57P01", STORE_UNKNOWN, STORE_UNKNOWN}, /* admin_shutdown */
    {"57P02", STORE_UNKNOWN, STORE_UNKNOWN}, /* crash_shutdown */
    {"57P03", STORE_UNKNOWN, STORE_UNKNOWN}, /* cannot_connect_now */
};

/*
 * A session that ends with its error (FATAL), or a server that does (PANIC, as when WAL cannot be
 * flushed), proves nothing: the record of a COMMIT or PREPARE may already be on disk.
 */
static bool is_last_word(const char *severity)
{
    return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

enum store_status pg_status_of(const char *severity, const char *sqlstate, enum pg_phase phase)
{
    if (!severity || !sqlstate) /* libpq's own errors have none: the connection broke */
        return STORE_UNKNOWN;
    if (is_last_word(severity))
        return STORE_UNKNOWN;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)) == 0)
            return phase == PG_PHASE_WORK ? table[i].work : table[i].end;
    }
    return STORE_FATAL;
}
