/* The faults of one target: see the header. */
#include "harness/run/injected_order.h"

#include <string.h>

struct injected *injected_next_at_start(const struct injected *f)
{
    struct injector *injector = f->injector;

    for (unsigned i = f->number + 1; i < injector->n; i++) {
        struct injected *next = &injector->fault[i];

        if (strcmp(next->fault->target, f->fault->target) == 0)
            return fault_at_start(next->fault) ? next : NULL;
    }
    return NULL;
}

const struct injected *injected_before(const struct injected *f)
{
    for (unsigned i = f->number; i-- > 0;) {
        const struct injected *earlier = &f->injector->fault[i];

        if (strcmp(earlier->fault->target, f->fault->target) == 0)
            return earlier;
    }
    return NULL;
}

bool injected_waits_for_a_start(const struct injected *f)
{
    return fault_at_start(f->fault) && (f->state == INJECTED_WAITS || f->state == INJECTED_ARMED);
}

bool injected_killed_since(const struct injected *f)
{
    const struct injector *injector = f->injector;

    for (unsigned i = f->number + 1; i < injector->n; i++) {
        const struct injected *later = &injector->fault[i];

        if (later->fault->action == FAULT_KILL && later->hit_us > f->hit_us &&
            strcmp(later->fault->target, f->fault->target) == 0)
            return true;
    }
    return false;
}
