/* The approaches of an experiment: ours by name with settings, and somebody else's programs. */
#include "approaches/exec.h"
#include "base/suggest.h"
#include "harness/checkers/checkers.h"
#include "harness/experiment.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- by name ---------------------------------------------------------------------------------- */

static int unknown(const char *name, struct errctx *err)
{
    const char *names[EXPERIMENT_APPROACHES_MAX];
    struct buf list = {0};
    const char *near;

    assert(approach_count() <= EXPERIMENT_APPROACHES_MAX);
    for (unsigned i = 0; i < approach_count(); i++) {
        names[i] = approach_at(i)->name;
        buf_printf(&list, "%s, ", names[i]);
    }
    near = suggest_nearest(name, names, approach_count());
    (void)err_set(err, EINVAL, ERR_ABORT, "\"%s\" is no approach: one of %sexec:PROGRAM%s%s%s",
                  name, buf_str(&list), near ? "; did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
    buf_done(&list);
    return -EINVAL;
}

/* What it is called becomes part of a folder's name, and of tables. */
static int name_program(struct experiment_approach *a, struct errctx *err)
{
    const char *stem = strrchr(a->program, '/') + 1;
    int size = snprintf(a->name, sizeof a->name, "exec:%s", stem);

    if (size >= (int)sizeof a->name ||
        strspn(stem, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
            strlen(stem))
        return err_set(err, EINVAL, ERR_ABORT,
                       "\"%s\" is no name for a program: at most %zu of A-Z a-z 0-9 . _ -", stem,
                       sizeof a->name - sizeof "exec:");
    return 0;
}

static int find_program(struct experiment_approach *a, const char *folder, const char *path,
                        struct errctx *err)
{
    char full[2 * PATH_MAX];
    struct stat found;

    (void)snprintf(full, sizeof full, "%s%s", path[0] == '/' ? "" : folder, path);
    if (!realpath(full, a->program))
        return err_set(err, errno, ERR_ABORT, "exec: %s: %s", full, strerror(errno));
    if (stat(a->program, &found) || !S_ISREG(found.st_mode) || access(a->program, X_OK))
        return err_set(err, EACCES, ERR_ABORT, "exec: %s is not an executable file", full);
    return name_program(a, err);
}

static int choose(struct experiment_approach *a, const char *folder, const char *name,
                  struct errctx *err)
{
    const char *program = exec_program(name);

    *a = (struct experiment_approach){.approach = approach_find(name)};
    if (!a->approach)
        return unknown(name, err);
    if (!(a->approach->ops & (UINT32_C(1) << OP_WRITE)))
        return err_set(err, EINVAL, ERR_ABORT, "%s does not support the writes of the workload",
                       name);
    settings_init(&a->settings, a->approach->settings, a->approach->n_settings);
    if (program)
        return find_program(a, folder, program, err);
    (void)snprintf(a->name, sizeof a->name, "%s", name);
    return 0;
}

/* --- what an item says beside its name -------------------------------------------------------- */

static int parse_promises(const struct yaml_node *node, struct experiment_approach *a,
                          struct errctx *err)
{
    const char *names[CHECKERS];

    if (yaml_kind(node) != YAML_SEQUENCE || yaml_size(node) > APPROACH_PROMISES_MAX - 1)
        return yaml_complain(node, err, "promises is a list of at most %d verdicts",
                             APPROACH_PROMISES_MAX - 1);
    for (unsigned i = 0; i < CHECKERS; i++)
        names[i] = checker_table[i].name;
    for (size_t i = 0; i < yaml_size(node); i++) {
        size_t which;
        int rc = yaml_to_choice(yaml_item(node, i), names, CHECKERS, &which, err);

        if (rc)
            return rc;
        a->promise[a->n_promises++] = names[which];
    }
    return 0;
}

static int parse_break(const struct yaml_node *node, struct experiment_approach *a,
                       struct errctx *err)
{
    const char *near = approach_break_near(yaml_text(node));

    a->broken = approach_break(a->approach, yaml_text(node));
    if (a->broken)
        return 0;
    if (near)
        return yaml_complain(node, err, "%s has no break \"%s\"; did you mean \"%s\"?", a->name,
                             yaml_text(node), near);
    return yaml_complain(node, err, "%s has no break \"%s\"", a->name, yaml_text(node));
}

static int parse_key(const char *key, const struct yaml_node *value, struct experiment_approach *a,
                     struct errctx *err)
{
    struct errctx why;

    if (a->program[0] && strcmp(key, "promises") == 0)
        return parse_promises(value, a, err);
    if (strcmp(key, "break") == 0)
        return parse_break(value, a, err);
    if (settings_set(&a->settings, key, yaml_text(value), &why))
        return yaml_complain(value, err, "%s: %s", a->name, why.message);
    return 0;
}

static int parse_keys(const struct yaml_node *node, struct experiment_approach *a,
                      struct errctx *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < yaml_size(node); i++) {
        if (strcmp(yaml_key(node, i), "name") != 0)
            rc = parse_key(yaml_key(node, i), yaml_value(node, i), a, err);
    }
    return rc;
}

/* --- adding ----------------------------------------------------------------------------------- */

static int name_variant(struct experiment_approach *a, struct errctx *err)
{
    struct buf name = {0};
    int rc = 0;

    buf_append_str(&name, a->name);
    for (unsigned i = 0; i < a->settings.n; i++) {
        const struct setting_info *info = a->settings.item[i].info;
        unsigned value = a->settings.item[i].value;

        if (value > 0)
            buf_printf(&name, " %s=%s", info->name, info->value[value]);
    }
    if (a->broken)
        buf_printf(&name, " break=%s", a->broken->name);
    if (name.size < sizeof a->variant)
        (void)strcpy(a->variant, buf_str(&name)); /* its size was just checked */
    else
        rc = err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: too long a name for an approach",
                     buf_str(&name));
    buf_done(&name);
    return rc;
}

/* Two of one variant could not be told apart in what comes of them. */
static int add(struct experiment *e, struct experiment_approach *a, struct errctx *err)
{
    int rc = name_variant(a, err);

    if (rc)
        return rc;
    for (unsigned i = 0; i < e->n_approaches; i++) {
        if (strcmp(e->approach[i].variant, a->variant) == 0)
            return err_set(err, EINVAL, ERR_ABORT, "%s is there twice, settings and all", a->name);
    }
    if (e->n_approaches == EXPERIMENT_APPROACHES_MAX)
        return err_set(err, E2BIG, ERR_ABORT, "more than %d approaches", EXPERIMENT_APPROACHES_MAX);
    e->approach[e->n_approaches++] = *a;
    return 0;
}

int experiment_add_approach(struct experiment *e, const char *name, struct errctx *err)
{
    struct experiment_approach a;
    int rc = choose(&a, "", name, err);

    return rc ? rc : add(e, &a, err);
}

int experiment_parse_approach(const struct yaml_node *node, struct experiment *e,
                              struct errctx *err)
{
    bool bare = yaml_kind(node) != YAML_MAPPING;
    const struct yaml_node *name = bare ? node : yaml_find(node, "name");
    struct experiment_approach a;
    struct errctx why;
    int rc;

    if (!name)
        return yaml_complain(node, err, "an approach needs a name");
    if (choose(&a, e->folder, yaml_text(name), &why))
        return yaml_complain(name, err, "%s", why.message);
    rc = bare ? 0 : parse_keys(node, &a, err);
    if (!rc && add(e, &a, &why))
        rc = yaml_complain(node, err, "%s", why.message);
    return rc;
}

/* --- broken variants -------------------------------------------------------------------------- */

static int no_break(const struct experiment *e, const char *name, struct errctx *err)
{
    const char *near = approach_break_near(name);

    if (near && strcmp(near, name) != 0)
        return err_set(err, ENOENT, ERR_ABORT,
                       "no approach of %s has a break \"%s\"; did you mean \"%s\"?", e->name, name,
                       near);
    return err_set(err, ENOENT, ERR_ABORT,
                   "no approach of %s has a break \"%s\"; \"syncbed mutants --help\" lists them",
                   e->name, name);
}

int experiment_break(struct experiment *e, const char *name, struct errctx *err)
{
    bool found = false;
    int rc = 0;

    for (unsigned i = 0; !rc && i < e->n_approaches; i++) {
        struct experiment_approach *a = &e->approach[i];
        const struct approach_break *broken = approach_break(a->approach, name);

        if (!broken)
            continue;
        found = true;
        a->broken = broken;
        rc = name_variant(a, err);
    }
    if (!rc && !found)
        rc = no_break(e, name, err);
    return rc;
}
