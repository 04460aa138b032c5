/* Fault schedules, read and written: see the header. */
#include "faults/schedule.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/random.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define AT_S_MAX    86400.0
#define LASTS_S_MAX 3600.0

static const char *const action_names[] = {[FAULT_KILL] = "kill", [FAULT_PAUSE] = "pause"};
static const char *const lasts_names[] = {
    [FAULT_KILL] = "restart_after_s", [FAULT_PAUSE] = "for_s"};

/* --- names ------------------------------------------------------------------------------------ */

/* The name becomes part of a folder's name. */
static bool schedule_name_valid(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size < sizeof((struct schedule *)0)->name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == size;
}

static int parse_name(const struct yaml_node *node, struct schedule *schedule, struct errctx *err)
{
    const struct yaml_node *name = yaml_find(node, "name");

    if (!name)
        return yaml_complain(node, err, "a schedule needs a name");
    if (!schedule_name_valid(yaml_text(name)))
        return yaml_complain(name, err, "\"%s\" is not a schedule's name: 1 to 63 of a-z 0-9 _ -",
                             yaml_text(name));
    (void)strcpy(schedule->name, yaml_text(name)); /* its size was just checked */
    return 0;
}

static int parse_name_of(const struct yaml_node *node, const char *const *targets,
                         unsigned n_targets, char ret_name[FAULT_TARGET_SIZE], struct errctx *err)
{
    size_t i;
    int rc = yaml_to_choice(node, targets, n_targets, &i, err);

    if (rc)
        return rc;
    assert(strlen(targets[i]) < FAULT_TARGET_SIZE);
    (void)strcpy(ret_name, targets[i]);
    return 0;
}

/* "worst" and "before-worst" come first: they are what an experiment on several approaches says. */
static int parse_point(const struct yaml_node *node, struct fault *fault, struct errctx *err)
{
    const char *valid[CRASH_POINTS + 3] = {"worst", "before-worst", "random"};
    size_t n = 3;
    size_t i;
    int rc;

    for (int p = CRASH_NONE + 1; p < CRASH_POINTS; p++)
        valid[n++] = crash_point_info((enum crash_point)p)->name;
    rc = yaml_to_choice(node, valid, n, &i, err);
    if (rc)
        return rc;
    assert(strlen(valid[i]) < sizeof fault->point);
    (void)strcpy(fault->point, valid[i]);
    return 0;
}

/* --- one fault -------------------------------------------------------------------------------- */

static int parse_seconds(const struct yaml_node *node, double max_s, int64_t *ret_us,
                         struct errctx *err)
{
    double s;
    int rc = yaml_to_number(node, 0, max_s, &s, err);

    if (rc)
        return rc;
    *ret_us = llround(s * (double)US_PER_S);
    return 0;
}

/* What each action may say, so that a key of the other one is not silently without effect. */
static int check_fault_keys(const struct yaml_node *node, enum fault_action action,
                            struct errctx *err)
{
    static const char *const kill_keys[] = {"at_s", "kill",           "at", "within_s", "gather",
                                            "of",   "restart_after_s"};
    static const char *const pause_keys[] = {"at_s", "pause", "at", "gather", "of", "for_s"};

    return action == FAULT_KILL
               ? yaml_check_keys(node, kill_keys, sizeof kill_keys / sizeof *kill_keys, err)
               : yaml_check_keys(node, pause_keys, sizeof pause_keys / sizeof *pause_keys, err);
}

/* `at: random, within_s: 3`: a kill that knows nothing of steps, at a moment nobody chose. */
static int parse_random(const struct yaml_node *node, struct fault *fault, struct errctx *err)
{
    const struct yaml_node *within = yaml_find(node, "within_s");
    const struct yaml_node *gather = yaml_find(node, "gather");
    int rc;

    if (!within)
        return yaml_complain(node, err, "at: random needs within_s, the length of its window");
    if (gather)
        return yaml_complain(gather, err, "gather needs a crash point: at: worst");
    rc = parse_seconds(within, LASTS_S_MAX, &fault->within_us, err);
    if (!rc && fault->within_us == 0)
        rc = yaml_complain(within, err, "within_s: above 0");
    return rc;
}

static int parse_crash_point(const struct yaml_node *node, struct fault *fault, struct errctx *err)
{
    const struct yaml_node *at = yaml_find(node, "at");
    const struct yaml_node *gather = yaml_find(node, "gather");
    int64_t n = 1;
    int rc;

    if (gather && !at)
        return yaml_complain(gather, err, "gather needs a crash point: at: worst");
    if (yaml_find(node, "within_s") && !(at && strcmp(yaml_text(at), "random") == 0))
        return yaml_complain(node, err, "within_s needs at: random");
    if (!at)
        return 0;
    if (strcmp(yaml_text(at), "random") == 0)
        return parse_random(node, fault, err);
    rc = parse_point(at, fault, err);
    if (!rc && gather)
        rc = yaml_to_int(gather, 1, 10000, &n, err);
    if (!rc)
        fault->gather = (unsigned)n;
    return rc;
}

/* `of: serve1`: the target is hit while transactions of somebody else stand at a step of theirs. */
static int parse_of(const struct yaml_node *node, const char *const *targets, unsigned n_targets,
                    struct fault *fault, struct errctx *err)
{
    const struct yaml_node *of = yaml_find(node, "of");

    if (!of && fault->action == FAULT_PAUSE && fault->point[0])
        return yaml_complain(node, err, "a pause at a crash point needs `of`: who comes there");
    if (!of)
        return 0;
    if (!fault->point[0])
        return yaml_complain(of, err, "of needs a crash point: at: xa-voted");
    if (fault_at_start(fault))
        return yaml_complain(of, err, "%s is passed while a role starts, where nobody waits",
                             fault->point);
    return parse_name_of(of, targets, n_targets, fault->of, err);
}

static int parse_action(const struct yaml_node *node, struct fault *fault,
                        const struct yaml_node **ret_target, struct errctx *err)
{
    const struct yaml_node *kill = yaml_find(node, "kill");
    const struct yaml_node *pause = yaml_find(node, "pause");

    if (!kill && !pause) {
        static const char *const keys[] = {"at_s",   "kill",  "pause",          "at",
                                           "gather", "for_s", "restart_after_s"};
        int rc = yaml_check_keys(node, keys, sizeof keys / sizeof *keys, err);

        return rc ? rc : yaml_complain(node, err, "a fault needs what it does: kill or pause");
    }
    if (kill && pause)
        return yaml_complain(pause, err, "a fault does one thing: kill or pause");
    fault->action = kill ? FAULT_KILL : FAULT_PAUSE;
    *ret_target = kill ? kill : pause;
    return 0;
}

static int parse_fault(const struct yaml_node *node, const char *const *targets, unsigned n_targets,
                       struct fault *fault, struct errctx *err)
{
    const struct yaml_node *target = NULL;
    const struct yaml_node *at, *lasts;
    int rc;

    *fault = (struct fault){.gather = 1, .lasts_us = -1, .line = yaml_line(node)};
    if (yaml_kind(node) != YAML_MAPPING)
        return yaml_complain(node, err, "a fault is a mapping, as in {at_s: 3, kill: serve1}");
    rc = parse_action(node, fault, &target, err);
    if (!rc)
        rc = check_fault_keys(node, fault->action, err);
    if (!rc)
        rc = parse_name_of(target, targets, n_targets, fault->target, err);
    if (!rc)
        rc = parse_crash_point(node, fault, err);
    if (!rc)
        rc = parse_of(node, targets, n_targets, fault, err);
    if (rc)
        return rc;

    at = yaml_find(node, "at_s");
    if (!at)
        return yaml_complain(node, err, "a fault needs at_s, seconds from the start of the load");
    rc = parse_seconds(at, AT_S_MAX, &fault->at_us, err);
    lasts = yaml_find(node, lasts_names[fault->action]);
    if (!rc && lasts)
        rc = parse_seconds(lasts, LASTS_S_MAX, &fault->lasts_us, err);
    return rc;
}

/* --- the list --------------------------------------------------------------------------------- */

/* Insertion sort: few, nearly sorted as people write them, and stable. */
static void insert_by_time(struct schedule *schedule, const struct fault *fault)
{
    unsigned i = schedule->n_faults++;

    for (; i > 0 && schedule->fault[i - 1].at_us > fault->at_us; i--)
        schedule->fault[i] = schedule->fault[i - 1];
    schedule->fault[i] = *fault;
}

/* The last fault of its target before it; NULL: none. */
static const struct fault *before(const struct schedule *schedule, const struct fault *fault)
{
    for (const struct fault *f = fault; f > schedule->fault;) {
        f--;
        if (strcmp(f->target, fault->target) == 0)
            return f;
    }
    return NULL;
}

/* The latest time at which it is over. */
static int64_t over_us(const struct schedule *schedule, const struct fault *fault)
{
    int64_t hit_us = fault->at_us + fault->within_us + (fault->point[0] ? FAULT_REACH_US : 0);

    if (fault->lasts_us < 0)
        return INT64_MAX;
    if (fault_at_start(fault)) { /* hits when the one before is over */
        const struct fault *first = before(schedule, fault);

        assert(first); /* which has been checked */
        hit_us = over_us(schedule, first) + FAULT_REACH_US;
    }
    return hit_us + fault->lasts_us;
}

/* What is passed while a role starts takes somebody who makes it start. */
static int check_at_start(const struct yaml_node *faults, const struct schedule *schedule,
                          const struct fault *fault, struct errctx *err)
{
    const struct fault *a = before(schedule, fault);

    if (a && a->action == FAULT_KILL && a->lasts_us >= 0 &&
        (fault_at_start(a) || fault->at_us <= a->at_us + a->lasts_us))
        return 0;
    return yaml_complain_line(faults, fault->line, err,
                              "%s is passed while %s starts, so an earlier fault has to kill it, "
                              "with a restart_after_s that is not over at %g s",
                              fault->point, fault->target, (double)fault->at_us / (double)US_PER_S);
}

/* What was stopped may be killed, which ends the pause; but not before it has been stopped. */
static bool kills_the_paused(const struct fault *a, const struct fault *b)
{
    int64_t paused_us = a->at_us + (a->point[0] ? FAULT_REACH_US : 0);

    return a->action == FAULT_PAUSE && b->action == FAULT_KILL && !b->point[0] &&
           b->at_us >= paused_us;
}

/* What is dead can't be killed: two faults of one target must not overlap. */
static int check_overlap(const struct yaml_node *faults, const struct schedule *schedule,
                         struct errctx *err)
{
    for (unsigned i = 0; i < schedule->n_faults; i++) {
        const struct fault *a = &schedule->fault[i];
        int rc = fault_at_start(a) ? check_at_start(faults, schedule, a, err) : 0;

        if (rc)
            return rc;
        for (unsigned j = i + 1; j < schedule->n_faults; j++) {
            const struct fault *b = &schedule->fault[j];

            if (strcmp(a->target, b->target) == 0 && !fault_at_start(b) &&
                !kills_the_paused(a, b) && b->at_us < over_us(schedule, a))
                return yaml_complain_line(faults, b->line, err,
                                          "this fault of %s begins before its earlier one (at %g "
                                          "s) is surely over",
                                          a->target, (double)a->at_us / (double)US_PER_S);
        }
    }
    return 0;
}

static int parse_faults(const struct yaml_node *faults, const char *const *targets,
                        unsigned n_targets, struct schedule *schedule, struct errctx *err)
{
    if (yaml_kind(faults) != YAML_SEQUENCE)
        return yaml_complain(faults, err, "faults is a list, as in [{at_s: 3, kill: serve1}]");
    if (yaml_size(faults) > SCHEDULE_FAULTS_MAX)
        return yaml_complain(faults, err, "more than %d faults in one schedule",
                             SCHEDULE_FAULTS_MAX);
    for (size_t i = 0; i < yaml_size(faults); i++) {
        struct fault fault;
        int rc = parse_fault(yaml_item(faults, i), targets, n_targets, &fault, err);

        if (rc)
            return rc;
        insert_by_time(schedule, &fault);
    }
    return check_overlap(faults, schedule, err);
}

int schedule_parse(const struct yaml_node *node, const char *const *targets, unsigned n_targets,
                   struct schedule *ret_schedule, struct errctx *err)
{
    static const char *const keys[] = {"name", "faults"};
    struct schedule schedule = {.n_faults = 0};
    const struct yaml_node *faults;
    int rc;

    rc = yaml_check_keys(node, keys, sizeof keys / sizeof *keys, err);
    if (!rc)
        rc = parse_name(node, &schedule, err);
    if (rc)
        return rc;
    faults = yaml_find(node, "faults");
    if (faults)
        rc = parse_faults(faults, targets, n_targets, &schedule, err);
    if (!rc)
        *ret_schedule = schedule;
    return rc;
}

bool fault_at_start(const struct fault *fault)
{
    return crash_point_info(crash_point_find(fault->point))->at_start;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Seconds as a person would write them: 3, 0.5. */
static void print_seconds(struct buf *out, const char *key, int64_t us)
{
    char text[32];
    size_t size = (size_t)snprintf(text, sizeof text, "%lld.%06lld", (long long)(us / US_PER_S),
                                   (long long)(us % US_PER_S));

    while (text[size - 1] == '0')
        text[--size] = '\0';
    if (text[size - 1] == '.')
        text[--size] = '\0';
    buf_printf(out, "%s: %s", key, text);
}

static void print_fault(struct buf *out, const struct fault *fault)
{
    buf_append_char(out, '{');
    print_seconds(out, "at_s", fault->at_us);
    buf_printf(out, ", %s: %s", action_names[fault->action], fault->target);
    if (fault->point[0])
        buf_printf(out, ", at: %s, gather: %u", fault->point, fault->gather);
    if (fault->of[0])
        buf_printf(out, ", of: %s", fault->of);
    if (fault->within_us > 0) {
        buf_append_str(out, ", at: random, ");
        print_seconds(out, "within_s", fault->within_us);
    }
    if (fault->lasts_us >= 0) {
        buf_append_str(out, ", ");
        print_seconds(out, lasts_names[fault->action], fault->lasts_us);
    }
    buf_append_char(out, '}');
}

int64_t fault_moment_us(const struct schedule *schedule, unsigned i, uint64_t seed)
{
    const struct fault *fault = &schedule->fault[i];
    char what[32];
    struct rng rng;

    if (fault->within_us == 0)
        return fault->at_us;
    (void)snprintf(what, sizeof what, "moment of fault %u", i);
    rng = rng_new(seed, what);
    return fault->at_us + (int64_t)rng_below(&rng, (uint64_t)fault->within_us);
}

void schedule_print(struct buf *out, const struct schedule *schedule)
{
    buf_append_str(out, "{name: ");
    yaml_quote(out, schedule->name);
    if (schedule->n_faults > 0) {
        buf_append_str(out, ", faults: [");
        for (unsigned i = 0; i < schedule->n_faults; i++) {
            if (i > 0)
                buf_append_str(out, ", ");
            print_fault(out, &schedule->fault[i]);
        }
        buf_append_char(out, ']');
    }
    buf_append_char(out, '}');
}
