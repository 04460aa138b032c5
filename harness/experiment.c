/* Experiment files, read and checked; what they expand to is in experiment_runs.c. */
#include "harness/experiment.h"

#include "base/clock.h"
#include "base/suggest.h"
#include "servers/kind.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGETS_MAX       (2 * STORES_MAX + EXPERIMENT_DOORS + 1)
#define SETTLE_DEADLINE_S 30
#define WARM_UP_S         4
#define TEXTS(array)      (array), sizeof(array) / sizeof *(array)

/* --- simple parts ----------------------------------------------------------------------------- */

static int need(const struct yaml_node *root, const char *key, const struct yaml_node **ret_node,
                struct errctx *err)
{
    *ret_node = yaml_find(root, key);
    return *ret_node ? 0 : yaml_complain(root, err, "an experiment needs %s", key);
}

static int need_list(const struct yaml_node *root, const char *key, size_t n_max,
                     const struct yaml_node **ret_node, struct errctx *err)
{
    int rc = need(root, key, ret_node, err);

    if (rc)
        return rc;
    if (yaml_kind(*ret_node) != YAML_SEQUENCE || yaml_size(*ret_node) == 0)
        return yaml_complain(*ret_node, err, "%s is a list of at least one", key);
    if (yaml_size(*ret_node) > n_max)
        return yaml_complain(*ret_node, err, "%s: more than %zu", key, n_max);
    return 0;
}

static int parse_sentence(const struct yaml_node *node, const char *key, char *ret_text,
                          size_t size, struct errctx *err)
{
    const char *text = yaml_text(node);

    if (!*text || strlen(text) >= size)
        return yaml_complain(node, err, "%s is a text of 1 to %zu bytes", key, size - 1);
    (void)strcpy(ret_text, text); /* its size was just checked */
    return 0;
}

/* What is asked, and what its author expects to see: written down before the runs. */
static int parse_question(const struct yaml_node *root, struct experiment *e, struct errctx *err)
{
    const struct yaml_node *prediction = yaml_find(root, "prediction");
    const struct yaml_node *question;
    int rc = need(root, "question", &question, err);

    if (!rc)
        rc = parse_sentence(question, "question", e->question, sizeof e->question, err);
    if (!rc && prediction)
        rc = parse_sentence(prediction, "prediction", e->prediction, sizeof e->prediction, err);
    return rc;
}

/* Only what syncbed can set up today is accepted: a label must not promise more. */
static int parse_conditions(const struct yaml_node *root, struct experiment *e, struct errctx *err)
{
    static const char *const durabilities[] = {"D3"};
    static const char *const profiles[] = {"local"};
    const struct yaml_node *node = yaml_find(root, "durability");
    size_t i;
    int rc = 0;

    (void)strcpy(e->durability, "D3");
    (void)strcpy(e->profile, "local");
    if (node)
        rc = yaml_to_choice(node, TEXTS(durabilities), &i, err);
    node = yaml_find(root, "profile");
    if (!rc && node)
        rc = yaml_to_choice(node, TEXTS(profiles), &i, err);
    return rc;
}

static int parse_seconds(const struct yaml_node *root, const char *key, double min_s, double max_s,
                         int64_t otherwise_s, int64_t *ret_us, struct errctx *err)
{
    const struct yaml_node *node = yaml_find(root, key);
    double s = (double)otherwise_s;
    int rc = node ? yaml_to_number(node, min_s, max_s, &s, err) : 0;

    if (!rc)
        *ret_us = llround(s * (double)US_PER_S);
    return rc;
}

static int parse_seeds(const struct yaml_node *root, struct experiment *e, struct errctx *err)
{
    const struct yaml_node *node = yaml_find(root, "seeds");
    int64_t repeats = 1;
    int rc = 0;

    e->n_seeds = 1;
    e->seed[0] = 1;
    if (node) {
        rc = need_list(root, "seeds", EXPERIMENT_SEEDS_MAX, &node, err);
        e->n_seeds = rc ? 0 : (unsigned)yaml_size(node);
    }
    for (unsigned i = 0; node && !rc && i < e->n_seeds; i++) {
        int64_t seed;

        rc = yaml_to_int(yaml_item(node, i), 0, INT64_MAX, &seed, err);
        if (!rc)
            e->seed[i] = (uint64_t)seed;
    }
    node = yaml_find(root, "repeats");
    if (!rc && node)
        rc = yaml_to_int(node, 1, EXPERIMENT_REPEATS_MAX, &repeats, err);
    e->repeats = (unsigned)repeats;
    return rc;
}

/* --- stores ----------------------------------------------------------------------------------- */

static bool store_known(const char *name)
{
    const struct server_kind *kind = server_kind_of(name);

    return store_name_valid(name) && kind && kind->is_store;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int parse_stores(const struct yaml_node *root, struct experiment *e, struct errctx *err)
{
    static const char *const examples[] = {"pg1", "pg2", "redis", "maria1", "mariabin1"};
    const struct yaml_node *node;
    int rc = need_list(root, "stores", STORES_MAX, &node, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < yaml_size(node); i++) {
        const struct yaml_node *item = yaml_item(node, i);
        const char *name = yaml_text(item);
        const char *near = suggest_nearest(name, TEXTS(examples));

        if (!store_known(name))
            return yaml_complain(item, err, "no such store: \"%s\"; did you mean \"%s\"?", name,
                                 near ? near : examples[0]);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(e->store[j], name) == 0)
                return yaml_complain(item, err, "store \"%s\" is there twice", name);
        }
        (void)strcpy(e->store[i], name); /* store_name_valid() checked its size */
        e->n_stores++;
    }
    qsort(e->store, e->n_stores, sizeof e->store[0], compare_names);
    return 0;
}

static int check_accounts(const struct yaml_node *workload, const struct experiment *e,
                          struct errctx *err)
{
    unsigned n_sql = 0;

    for (unsigned i = 0; i < e->n_stores; i++)
        n_sql += store_kind_is_sql(server_kind_of(e->store[i])->store_kind);
    if (e->workload.kind == WORKLOAD_TRANSFER && n_sql < 2)
        return yaml_complain(workload, err,
                             "transfer moves money between two SQL stores: stores: [pg1, "
                             "pg2, …]");
    return 0;
}

/* --- approaches ------------------------------------------------------------------------------- */

static int parse_approaches(const struct yaml_node *root, struct experiment *e, struct errctx *err)
{
    const struct yaml_node *node;
    int rc = need_list(root, "approaches", EXPERIMENT_APPROACHES_MAX, &node, err);

    for (size_t i = 0; !rc && i < yaml_size(node); i++)
        rc = experiment_parse_approach(yaml_item(node, i), e, err);
    return rc;
}

bool experiment_uses_log(const struct experiment *e)
{
    for (unsigned i = 0; i < e->n_approaches; i++) {
        if (approach_needs_broker(e->approach[i].approach, &e->approach[i].settings))
            return true;
    }
    return false;
}

/* --- schedules -------------------------------------------------------------------------------- */

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool has_approach(const struct experiment *e, const char *name)
{
    for (unsigned i = 0; i < e->n_approaches; i++) {
        if (strcmp(e->approach[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A crash point must be a step of who is to stand there, in one approach at least. */
static int check_point(const struct yaml_node *node, const struct experiment *e,
                       const struct fault *fault, struct errctx *err)
{
    const char *who = fault->of[0] ? fault->of : fault->target;
    enum crash_point point = crash_point_find(fault->point);
    bool is_sink = begins_with(who, "sink-");
    const char *approach;

    if (!is_sink && !begins_with(who, "serve"))
        return yaml_complain_line(node, fault->line, err,
                                  "%s is a server, it has no crash points%s", who,
                                  fault->of[0] ? "" : "; of: serve1 has");
    if (point == CRASH_NONE) /* worst, before-worst: everybody has one */
        return 0;
    approach = crash_point_info(point)->approach;
    if (is_sink ? strcmp(approach, "sink") != 0 : !has_approach(e, approach))
        return yaml_complain_line(node, fault->line, err, "%s never stands at %s here", who,
                                  fault->point);
    return 0;
}

static int check_faults(const struct yaml_node *node, const struct experiment *e,
                        const struct schedule *schedule, struct errctx *err)
{
    int64_t load_us = llround(e->workload.duration_s * (double)US_PER_S);

    for (unsigned i = 0; i < schedule->n_faults; i++) {
        const struct fault *fault = &schedule->fault[i];
        int rc = fault->point[0] ? check_point(node, e, fault, err) : 0;

        if (rc)
            return rc;
        if (fault->at_us + fault->within_us >= load_us)
            return yaml_complain_line(node, fault->line, err,
                                      "the fault comes after the load's end (%g s)",
                                      e->workload.duration_s);
    }
    return 0;
}

/* Whom a fault may hit here. The names live in `ret_text`. */
static unsigned list_targets(const struct experiment *e, char (*ret_text)[FAULT_TARGET_SIZE],
                             const char **ret_targets)
{
    unsigned n = 0;

    for (unsigned i = 0; i < EXPERIMENT_DOORS; i++)
        (void)snprintf(ret_text[n++], FAULT_TARGET_SIZE, "serve%u", i + 1);
    for (unsigned i = 0; i < e->n_stores; i++)
        (void)snprintf(ret_text[n++], FAULT_TARGET_SIZE, "%s", e->store[i]);
    if (experiment_uses_log(e)) {
        (void)snprintf(ret_text[n++], FAULT_TARGET_SIZE, "kafka");
        for (unsigned i = 0; i < e->n_stores; i++)
            (void)snprintf(ret_text[n++], FAULT_TARGET_SIZE, "sink-%s", e->store[i]);
    }
    for (unsigned i = 0; i < n; i++)
        ret_targets[i] = ret_text[i];
    return n;
}

static int parse_schedules(const struct yaml_node *root, struct experiment *e, struct errctx *err)
{
    char text[TARGETS_MAX][FAULT_TARGET_SIZE];
    const char *targets[TARGETS_MAX];
    unsigned n_targets = list_targets(e, text, targets);
    const struct yaml_node *node;
    int rc = need_list(root, "schedules", EXPERIMENT_SCHEDULES_MAX, &node, err);

    for (size_t i = 0; !rc && i < yaml_size(node); i++) {
        const struct yaml_node *item = yaml_item(node, i);
        struct schedule *schedule = &e->schedule[i];

        rc = schedule_parse(item, targets, n_targets, schedule, err);
        for (size_t j = 0; !rc && j < i; j++) {
            if (strcmp(schedule->name, e->schedule[j].name) == 0)
                rc = yaml_complain(item, err, "schedule \"%s\" is there twice", schedule->name);
        }
        if (!rc)
            rc = check_faults(item, e, schedule, err);
        if (!rc)
            e->n_schedules++;
    }
    return rc;
}

/* --- the file --------------------------------------------------------------------------------- */

static int name_after_file(struct experiment *e, const char *path, struct errctx *err)
{
    const char *slash = strrchr(path, '/');
    const char *stem = slash ? slash + 1 : path;
    const char *dot = strrchr(stem, '.');
    size_t size = dot && dot > stem ? (size_t)(dot - stem) : strlen(stem);

    (void)snprintf(e->name, sizeof e->name, "%.*s", (int)size, stem); /* a long name is cut */
    if (stem - path >= (ptrdiff_t)sizeof e->folder)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: too long", path);
    (void)snprintf(e->folder, sizeof e->folder, "%.*s", (int)(stem - path), path);
    return 0;
}

static int parse(const struct yaml_node *root, struct experiment *e, struct errctx *err)
{
    static const char *const keys[] = {
        "question",   "prediction", "stores", "durability", "profile",           "workload",
        "approaches", "schedules",  "seeds",  "repeats",    "settle_deadline_s", "warm_up_s"};
    const struct yaml_node *workload;
    int rc = yaml_check_keys(root, TEXTS(keys), err);

    if (!rc)
        rc = parse_question(root, e, err);
    if (!rc)
        rc = parse_stores(root, e, err);
    if (!rc)
        rc = parse_conditions(root, e, err);
    if (!rc)
        rc = need(root, "workload", &workload, err);
    if (!rc)
        rc = workload_parse(workload, &e->workload, err);
    if (!rc)
        rc = check_accounts(workload, e, err);
    if (!rc)
        rc = parse_approaches(root, e, err);
    if (!rc)
        rc = parse_schedules(root, e, err);
    if (!rc)
        rc = parse_seeds(root, e, err);
    if (!rc)
        rc = parse_seconds(root, "settle_deadline_s", 2, 3600, SETTLE_DEADLINE_S,
                           &e->settle_deadline_us, err);
    if (!rc)
        rc = parse_seconds(root, "warm_up_s", 0, 600, WARM_UP_S, &e->warm_up_us, err);
    return rc;
}

int experiment_read(const char *path, struct experiment *ret_experiment, struct errctx *err)
{
    struct yaml_file *file;
    const struct yaml_node *root;
    int rc = yaml_open(path, &file, &root, err);

    if (rc)
        return rc;
    *ret_experiment = (struct experiment){.n_stores = 0};
    rc = name_after_file(ret_experiment, path, err);
    if (!rc)
        rc = parse(root, ret_experiment, err);
    yaml_close(file);
    return rc;
}
