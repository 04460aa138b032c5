/* COMMITs without an END: see the header. */
#include "coordinator/open_decisions.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void open_decisions_done(struct open_decisions *open)
{
    struct open_decision *d, *tmp;

    HASH_ITER (hh, open->by_gid, d, tmp)
        open_decisions_remove(open, d);
}

void open_decisions_note(struct open_decisions *open, const struct decision *decision)
{
    struct open_decision *d = open_decisions_find(open, decision->gid);

    if (decision->kind == DECISION_COMMIT && !d) {
        d = mem_alloc(sizeof *d);
        memcpy(d->gid, decision->gid, sizeof d->gid);
        memcpy(d->participant, decision->participant, sizeof d->participant);
        memcpy(d->memo, decision->memo, sizeof d->memo);
        d->n_participants = decision->n_participants;
        HASH_ADD_STR(open->by_gid, gid, d);
    } else if (decision->kind == DECISION_END && d) {
        open_decisions_remove(open, d);
    }
}

struct open_decision *open_decisions_find(const struct open_decisions *open, const char *gid)
{
    struct open_decision *d;

    HASH_FIND_STR(open->by_gid, gid, d);
    return d;
}

void open_decisions_remove(struct open_decisions *open, struct open_decision *decision)
{
    HASH_DEL(open->by_gid, decision);
    free(decision);
}
