/* mutants: every known mistake, made under the schedule that exposes it; and the same without. */
#include "base/mem.h"
#include "harness/experiment.h"
#include "harness/json_out.h"
#include "harness/results/machine.h"
#include "harness/results/mutant.h"
#include "harness/results/result.h"
#include "harness/series.h"
#include "harness/verbs.h"
#include "harness/versions.h"
#include "version.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT         "out/mutants"
#define MUTANTS_MAX 64

struct mutant {
    const struct approach *approach;
    const struct approach_break *broken;
    struct experiment *sound; /* owned: its file, which has no break */
    json_t *row;              /* owned: of mutants.json; NULL: not carried out */
};

struct mutating {
    unsigned n;
    struct mutant mutant[MUTANTS_MAX];
    unsigned n_clean;     /* runs without the break, each */
    bool random;          /* also make it with the faults at a random instant */
    struct series series; /* `tried`: a mutant's, changed for the run that goes on */
    unsigned n_word[MUTANT_WORDS];
    unsigned n_clean_word[CLEAN_UNKNOWN + 1];
};

/* --- before anything starts ------------------------------------------------------------------- */

static int read_mutant(struct mutant *m, struct errctx *err)
{
    char path[PATH_MAX], name[128];

    (void)snprintf(name, sizeof name, "experiments/mutants/%s.yaml", m->broken->name);
    if (!verb_find_file(name, path))
        return err_set(err, ENOENT, ERR_ABORT, "no %s here or above the executable", name);
    m->sound = mem_alloc(sizeof *m->sound);
    int rc = experiment_read(path, m->sound, err);

    if (rc)
        return rc;
    if (m->sound->n_approaches != 1 || m->sound->n_schedules != 1 ||
        m->sound->approach[0].approach != m->approach || m->sound->approach[0].broken)
        return err_set(err, EINVAL, ERR_ABORT,
                       "%s: one approach, %s without a break, and one schedule", path,
                       m->approach->name);
    return 0;
}

static int unknown_mutant(const char *only, struct errctx *err)
{
    const char *near = approach_break_near(only);

    if (near)
        return err_set(err, ENOENT, ERR_ABORT, "--only %s: no break is called so; did you mean %s?",
                       only, near);
    return err_set(err, ENOENT, ERR_ABORT,
                   "--only %s: no break and no approach is called so; \"syncbed mutants --help\" "
                   "lists them",
                   only);
}

/* All of them are known to be sound files before the first server starts. */
static int read_all(struct mutating *all, const char *only, struct errctx *err)
{
    int rc = 0;

    for (unsigned a = 0; !rc && a < approach_count(); a++) {
        const struct approach *approach = approach_at(a);

        for (unsigned b = 0; !rc && b < approach->n_breaks; b++) {
            struct mutant *m = &all->mutant[all->n];

            if (only && strcmp(only, approach->breaks[b].name) != 0 &&
                strcmp(only, approach->name) != 0)
                continue;
            assert(all->n < MUTANTS_MAX);
            *m = (struct mutant){.approach = approach, .broken = &approach->breaks[b]};
            all->n++;
            rc = read_mutant(m, err);
        }
    }
    if (!rc && all->n == 0)
        rc = unknown_mutant(only, err);
    return rc;
}

/* One session for all: the servers of the first file that needs the most. */
static const struct experiment *largest(const struct mutating *all)
{
    for (unsigned i = 0; i < all->n; i++) {
        if (experiment_uses_log(all->mutant[i].sound))
            return all->mutant[i].sound;
    }
    return all->mutant[0].sound;
}

/* --- one run ---------------------------------------------------------------------------------- */

/* Of what is tried. The folder's name ends with `suffix`; ret_run as of series_run(). */
static int run_one(struct mutating *all, const struct mutant *m, const char *suffix,
                   json_t **ret_run, struct errctx *err)
{
    char name[128], folder[PATH_MAX];

    (void)snprintf(name, sizeof name, "%s-%s%s", m->approach->name, m->broken->name, suffix);
    return series_run(&all->series, all->series.tried.schedule[0].name, name, folder, ret_run, err);
}

static int run_broken(struct mutating *all, const struct mutant *m, struct errctx *err)
{
    struct buf exposure = {0};
    enum mutant_word word;
    json_t *run;
    int rc;

    all->series.tried = *m->sound;
    rc = experiment_break(&all->series.tried, m->broken->name, err);
    if (!rc)
        rc = run_one(all, m, "", &run, err);
    if (rc)
        return rc;
    word = run ? mutant_judge(run) : MUTANT_UNKNOWN;
    all->n_word[word]++;
    mutant_exposure(&exposure, run);
    json_object_set_new(m->row, "result", json_string(mutant_word(word)));
    json_object_set(m->row, "run", json_object_get(run, "run"));
    json_object_set(m->row, "times", json_object_get(json_object_get(run, "break"), "times"));
    json_object_set_new(m->row, "exposure", json_string(buf_str(&exposure)));
    json_object_set(m->row, "verdicts", json_object_get(run, "verdicts"));
    if (run)
        progress_end(&all->series.session.progress, mutant_word(word));
    buf_done(&exposure);
    json_decref(run);
    return 0;
}

/* The same faults, at no crash point: what hits whom is left to chance. Returns the first point. */
static const char *at_random(struct experiment *e, const struct experiment *sound)
{
    struct schedule *schedule = &e->schedule[0];
    const char *point = "";

    schedule->n_faults = 0;
    for (unsigned i = 0; i < sound->schedule[0].n_faults; i++) {
        const struct fault *fault = &sound->schedule[0].fault[i];

        if (fault_at_start(fault))
            continue;
        if (!*point)
            point = fault->point;
        schedule->fault[schedule->n_faults] = *fault;
        schedule->fault[schedule->n_faults++].point[0] = '\0';
    }
    return point;
}

/* How many it hits there, and whether they are enough for the verdict to notice. */
static int run_random(struct mutating *all, const struct mutant *m, struct errctx *err)
{
    const char *point, *verdict;
    json_t *run, *standing;
    int rc;

    all->series.tried = *m->sound;
    point = at_random(&all->series.tried, m->sound);
    if (!*point)
        return 0;
    rc = experiment_break(&all->series.tried, m->broken->name, err);
    if (!rc)
        rc = run_one(all, m, "-random", &run, err);
    if (rc || !run)
        return rc;
    verdict = result_verdict_word(run, m->broken->verdict);
    standing = json_object_get(json_object_get(run, "exposure"), point);
    json_object_set_new(m->row, "random",
                        json_pack("{s:s, s:I, s:s}", "point", point, "standing",
                                  (json_int_t)json_integer_value(standing), "verdict", verdict));
    progress_end(&all->series.session.progress, verdict);
    json_decref(run);
    return 0;
}

static int run_clean(struct mutating *all, const struct mutant *m, unsigned i, unsigned n_word[],
                     struct errctx *err)
{
    static const char *const words[] = {
        [CLEAN] = "clean", [CLEAN_FALSE_ALARM] = "FALSE ALARM", [CLEAN_UNKNOWN] = "unknown"};
    enum clean_word word;
    char suffix[48];
    json_t *run;
    int rc;

    all->series.tried = *m->sound;
    all->series.tried.n_seeds = 1;
    all->series.tried.seed[0] += i; /* not the same load every time */
    (void)snprintf(suffix, sizeof suffix, "-clean-s%llu",
                   (unsigned long long)all->series.tried.seed[0]);
    rc = run_one(all, m, suffix, &run, err);
    if (rc)
        return rc;
    word = run ? mutant_judge_clean(run, m->broken) : CLEAN_UNKNOWN;
    n_word[word]++;
    all->n_clean_word[word]++;
    if (run)
        progress_end(&all->series.session.progress, words[word]);
    json_decref(run);
    return 0;
}

static int run_mutant(struct mutating *all, struct mutant *m, struct errctx *err)
{
    unsigned n_word[CLEAN_UNKNOWN + 1] = {0};
    int rc;

    m->row =
        json_pack("{s:s, s:s, s:s, s:s}", "approach", m->approach->name, "break", m->broken->name,
                  "sentence", m->broken->sentence, "verdict", m->broken->verdict);
    rc = run_broken(all, m, err);
    if (!rc && all->random)
        rc = run_random(all, m, err);
    for (unsigned i = 0; !rc && i < all->n_clean; i++)
        rc = run_clean(all, m, i, n_word, err);
    json_object_set_new(m->row, "clean", json_integer(n_word[CLEAN]));
    json_object_set_new(m->row, "false_alarms", json_integer(n_word[CLEAN_FALSE_ALARM]));
    json_object_set_new(m->row, "clean_unknown", json_integer(n_word[CLEAN_UNKNOWN]));
    return rc;
}

/* --- what comes of them ----------------------------------------------------------------------- */

static json_t *totals(const struct mutating *all)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "mutants", (int)all->n, "caught",
                     (int)all->n_word[MUTANT_CAUGHT], "missed", (int)all->n_word[MUTANT_MISSED],
                     "not_exercised", (int)all->n_word[MUTANT_NOT_EXERCISED], "clean_runs",
                     (int)(all->n * all->n_clean), "false_alarms",
                     (int)all->n_clean_word[CLEAN_FALSE_ALARM], "unknown",
                     (int)(all->n_word[MUTANT_UNKNOWN] + all->n_clean_word[CLEAN_UNKNOWN]));
}

static int write_rows(const struct mutating *all, struct errctx *err)
{
    json_t *json = totals(all), *rows = json_array(), *versions = versions_to_json(NULL);
    int rc;

    for (unsigned i = 0; i < all->n && all->mutant[i].row; i++)
        (void)json_array_append(rows, all->mutant[i].row);
    (void)json_object_set_new(json, "syncbed", json_string(SYNCBED_VERSION));
    (void)json_object_set_new(json, "commit", json_string(SYNCBED_COMMIT));
    (void)json_object_set_new(json, "machine", machine_describe());
    (void)json_object_set_new(json, "versions", versions);
    (void)json_object_set_new(json, "rows", rows);
    rc = json_out_file(all->series.out, "mutants.json", json, err);
    json_decref(json);
    return rc;
}

static const char *text_of(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));

    return text ? text : "";
}

static long long number_of(const json_t *row, const char *field)
{
    return (long long)json_integer_value(json_object_get(row, field));
}

/* The worst moment and a random one, side by side. */
static void show_random(const struct mutating *all)
{
    (void)printf("\n%-5s %-22s %-34s the same kill at a random instant\n", "", "mistake",
                 "hit by the fault");
    for (unsigned i = 0; i < all->n; i++) {
        const json_t *row = all->mutant[i].row, *random = json_object_get(row, "random");

        if (random)
            (void)printf("%-5s %-22s %-34s %lld there: %s %s\n", text_of(row, "approach"),
                         text_of(row, "break"), text_of(row, "exposure"),
                         number_of(random, "standing"), text_of(row, "verdict"),
                         text_of(random, "verdict"));
    }
}

static void show(const struct mutating *all)
{
    (void)printf("%-5s %-22s %-12s %-13s %6s  %-9s %s\n", "", "mistake", "verdict", "", "made",
                 "without", "hit by the fault");
    for (unsigned i = 0; i < all->n; i++) {
        const json_t *row = all->mutant[i].row;
        char clean[32];

        (void)snprintf(clean, sizeof clean, "%lld of %u", number_of(row, "clean"), all->n_clean);
        (void)printf("%-5s %-22s %-12s %-13s %6lld  %-9s %s\n", text_of(row, "approach"),
                     text_of(row, "break"), text_of(row, "verdict"), text_of(row, "result"),
                     number_of(row, "times"), clean, text_of(row, "exposure"));
    }
    (void)printf(
        "\n%u of %u mistakes caught, %u false alarms in %u runs without one; %s/mutants.json\n",
        all->n_word[MUTANT_CAUGHT], all->n, all->n_clean_word[CLEAN_FALSE_ALARM],
        all->n * all->n_clean, all->series.out);
}

static int exit_status(const struct mutating *all)
{
    if (all->n_word[MUTANT_MISSED] > 0 || all->n_clean_word[CLEAN_FALSE_ALARM] > 0)
        return 1;
    return all->n_word[MUTANT_CAUGHT] == all->n && all->n_clean_word[CLEAN_UNKNOWN] == 0
               ? 0
               : CLI_EXIT_UNKNOWN;
}

static int carry_out(struct mutating *all, struct errctx *err)
{
    size_t n_runs = all->n * (1 + (size_t)all->n_clean + all->random); /* at most */
    int rc = series_begin(&all->series, largest(all), n_runs, err);

    if (!rc) /* an earlier result goes only now */
        rc = series_empty(&all->series, err);
    if (!rc)
        rc = write_rows(all, err); /* also tells whose folder this is */
    for (unsigned i = 0; !rc && i < all->n; i++) {
        rc = run_mutant(all, &all->mutant[i], err);
        if (!rc)
            rc = write_rows(all, err);
    }
    series_end(&all->series);
    return rc;
}

static int conclude(const struct mutating *all, bool as_json)
{
    json_t *json;

    show(all);
    if (all->random)
        show_random(all);
    if (as_json) {
        json = totals(all);
        json_out_line(stdout, json);
        json_decref(json);
    }
    return exit_status(all);
}

int verb_mutants(const struct cli_args *args)
{
    struct mutating *all = mem_alloc(sizeof *all); /* too large for a stack */
    const char *out = cli_text(args, "out", OUT);
    struct errctx err;
    int status, rc;

    all->series.lock = -1;
    all->n_clean = (unsigned)cli_int(args, "clean", 1);
    all->random = cli_given(args, "random");
    rc = read_all(all, cli_text(args, "only", NULL), &err);
    if (!rc)
        rc = series_claim(&all->series, out, &err);
    if (!rc)
        rc = carry_out(all, &err);
    if (all->series.session.signal) {
        (void)fprintf(stderr, "syncbed: interrupted; all that it started has ended\n");
        status = CLI_EXIT_BY_SIGNAL + all->series.session.signal;
    } else {
        status = rc ? cli_fail(&err) : conclude(all, cli_given(args, "json"));
    }
    for (unsigned i = 0; i < all->n; i++) {
        free(all->mutant[i].sound);
        json_decref(all->mutant[i].row);
    }
    series_done(&all->series);
    free(all);
    return status;
}
