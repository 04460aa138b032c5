/* Settings of an approach; see the header. */
#include "approaches/settings.h"

#include "base/suggest.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

void settings_init(struct settings *s, const struct setting_info *info, unsigned n)
{
    assert(n <= SETTINGS_MAX);
    *s = (struct settings){.n = n};
    for (unsigned i = 0; i < n; i++)
        s->item[i].info = &info[i];
}

static int unknown_name(const struct settings *s, const char *name, struct errctx *err)
{
    const char *valid[SETTINGS_MAX];

    for (unsigned i = 0; i < s->n; i++)
        valid[i] = s->item[i].info->name;
    const char *near = suggest_nearest(name, valid, s->n);

    if (!near)
        return err_set(err, EINVAL, ERR_ABORT, "unknown setting \"%s\"", name);
    return err_set(err, EINVAL, ERR_ABORT, "unknown setting \"%s\"; did you mean \"%s\"?", name,
                   near);
}

static unsigned count_values(const struct setting_info *info)
{
    unsigned n = 0;

    while (n < SETTING_VALUES_MAX && info->value[n])
        n++;
    return n;
}

static int unknown_value(const struct setting_info *info, const char *value, struct errctx *err)
{
    const char *near = suggest_nearest(value, info->value, count_values(info));

    return err_set(err, EINVAL, ERR_ABORT, "%s: \"%s\" is not a value of it; did you mean \"%s\"?",
                   info->name, value, near ? near : info->value[0]);
}

int settings_set(struct settings *s, const char *name, const char *value, struct errctx *err)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct setting_info *info = s->item[i].info;

        if (strcmp(info->name, name) != 0)
            continue;
        for (unsigned v = 0; v < count_values(info); v++) {
            if (strcmp(info->value[v], value) == 0) {
                s->item[i].value = v;
                return 0;
            }
        }
        return unknown_value(info, value, err);
    }
    return unknown_name(s, name, err);
}

const char *settings_get(const struct settings *s, const char *name)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (strcmp(s->item[i].info->name, name) == 0)
            return s->item[i].info->value[s->item[i].value];
    }
    assert(!"no such setting");
    return NULL;
}
