/* The table of approaches, in the order in which reports show them. */
#include "approaches/approach.h"

#include "approaches/dual.h"
#include "approaches/exec.h"
#include "approaches/log.h"
#include "approaches/null.h"
#include "approaches/xa.h"
#include "base/suggest.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define BREAKS_MAX 64 /* of all approaches */

static const struct approach *const table[] = {
    &null_approach,
    &dual_approach,
    &xa_approach,
    &log_approach,
};

unsigned approach_count(void)
{
    return sizeof table / sizeof table[0];
}

const struct approach *approach_at(unsigned i)
{
    return table[i];
}

const struct approach *approach_find(const char *name)
{
    for (unsigned i = 0; i < approach_count(); i++) {
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    }
    return exec_program(name) ? &exec_approach : NULL;
}

bool approach_replicates_decisions(const struct settings *settings)
{
    for (unsigned i = 0; i < settings->n; i++) {
        const struct setting_info *info = settings->item[i].info;

        if (strcmp(info->name, "log") == 0)
            return strcmp(info->value[settings->item[i].value], "replicated") == 0;
    }
    return false;
}

bool approach_needs_broker(const struct approach *approach, const struct settings *settings)
{
    return approach->uses_log || approach_replicates_decisions(settings);
}

const struct approach_break *approach_break(const struct approach *approach, const char *name)
{
    for (unsigned i = 0; name && i < approach->n_breaks; i++) {
        if (strcmp(approach->breaks[i].name, name) == 0)
            return &approach->breaks[i];
    }
    return NULL;
}

const char *approach_break_near(const char *name)
{
    const char *names[BREAKS_MAX];
    size_t n = 0;

    for (unsigned i = 0; i < approach_count(); i++) {
        for (unsigned b = 0; b < table[i]->n_breaks; b++) {
            assert(n < BREAKS_MAX);
            names[n++] = table[i]->breaks[b].name;
        }
    }
    return suggest_nearest(name, names, n);
}

unsigned approach_break_number(const struct approach *approach, const char *name)
{
    const struct approach_break *found = approach_break(approach, name);

    return found ? found->number : 0;
}

const struct approach_promise *approach_promise(const struct approach *approach,
                                                const char *verdict)
{
    for (unsigned i = 0; i < APPROACH_PROMISES_MAX && approach->promise[i].verdict; i++) {
        if (strcmp(approach->promise[i].verdict, verdict) == 0)
            return &approach->promise[i];
    }
    return NULL;
}
