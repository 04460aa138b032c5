/*
 * settings.h - the settings of an approach: names and values from a closed list, so that a wrong
 * one is refused with the nearest right one, in experiment files and on the command line alike.
 */
#ifndef SYNCBED_APPROACHES_SETTINGS_H
#define SYNCBED_APPROACHES_SETTINGS_H

#include "base/error.h"

#define SETTINGS_MAX       8
#define SETTING_VALUES_MAX 6

struct setting_info {
    const char *name;                      /* "lock_order" */
    const char *value[SETTING_VALUES_MAX]; /* the first is the default; ends with NULL */
    const char *meaning;                   /* one line, for --help */
};

struct settings {
    unsigned n;
    struct {
        const struct setting_info *info;
        unsigned value; /* index into info->value */
    } item[SETTINGS_MAX];
};

/* All at their defaults. */
void settings_init(struct settings *s, const struct setting_info *info, unsigned n);

/* -EINVAL with the nearest valid name or value in `err`. */
__attribute__((warn_unused_result)) int settings_set(struct settings *s, const char *name,
                                                     const char *value, struct errctx *err);

/* The value chosen; asserts that `name` is one of the settings. */
const char *settings_get(const struct settings *s, const char *name);

#endif
