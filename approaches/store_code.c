/* A store's answer as the client's code; see the header. */
#include "approaches/store_code.h"

enum code store_code(enum store_status status)
{
    switch (status) {
    case STORE_OK:
        return CODE_NONE;
    case STORE_CONSTRAINT:
        return CODE_CONSTRAINT;
    case STORE_CONFLICT:
    case STORE_RETRY:
        return CODE_CONFLICT;
    case STORE_UNAVAILABLE:
        return CODE_UNAVAILABLE;
    case STORE_BARRED:
    case STORE_NOTA:
    case STORE_FENCED: /* these three belong to two-phase commit and sinks: nothing is known */
    case STORE_FATAL:  /* not in the store's table, so neither is what it means for the write */
    case STORE_UNKNOWN:
    case STORE_STATUSES:
        break;
    }
    return CODE_UNKNOWN;
}
