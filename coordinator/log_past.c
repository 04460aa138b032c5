/* How far a decision log goes: see the header. */
#include "coordinator/log_past.h"

#include "base/mem.h"

#include <stdlib.h>

void log_past_done(struct log_past *past)
{
    free(past->incarnation);
    *past = (struct log_past){0};
}

void log_past_note(struct log_past *past, const struct decision *decision)
{
    const struct past_incarnation *last =
        past->n_incarnations > 0 ? &past->incarnation[past->n_incarnations - 1] : NULL;

    past->sequence = (int64_t)decision->sequence;
    if (decision->kind != DECISION_EPOCH || (last && last->epoch == decision->epoch))
        return;
    past->incarnation = mem_grow(past->incarnation, past->n_incarnations, &past->capacity,
                                 sizeof *past->incarnation);
    past->incarnation[past->n_incarnations++] =
        (struct past_incarnation){.epoch = decision->epoch,
                                  .incarnation = (int64_t)decision->incarnation,
                                  .first = (int64_t)decision->sequence};
}

bool log_past_holds(const struct log_past *past, const struct store_mark *mark)
{
    int64_t last = past->sequence; /* of the records that mark->epoch has written */
    bool older = past->n_incarnations == 0 || mark->epoch < past->incarnation[0].epoch;
    bool found = false;

    if (mark->epoch > past->epoch)
        return false;
    for (size_t i = past->n_incarnations; i-- > 0;) {
        const struct past_incarnation *p = &past->incarnation[i];

        found |= p->epoch == mark->epoch && p->incarnation == mark->incarnation;
        if (p->epoch > mark->epoch)
            last = p->first - 1;
    }
    return (older || found) && mark->sequence <= last;
}
