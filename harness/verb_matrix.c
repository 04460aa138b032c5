/* matrix: every row of what can fail, shown on real servers or listed with where else, or why not.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "harness/json_out.h"
#include "harness/matrix/caught.h"
#include "harness/matrix/rows.h"
#include "harness/results/machine.h"
#include "harness/series.h"
#include "harness/verbs.h"
#include "harness/versions.h"
#include "version.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME      "matrix-2pc"
#define ROWS      "experiments/" NAME "/rows.yaml"
#define FILES_MAX 48
#define RUNS_MAX  (FILES_MAX * EXPERIMENT_SCHEDULES_MAX)

/* An experiment file, which may show several rows. */
struct file {
    const char *name;
    enum matrix_outcome outcome;
    bool in_doubt;                 /* somebody has to be, or a row that shows it is not exercised */
    struct experiment *experiment; /* owned */
};

/* One schedule of it. */
struct shown {
    const struct file *file;
    const struct schedule *schedule;
    bool done;
    enum matrix_word word;
    struct caught caught;
    json_t *verdicts; /* owned; NULL: it broke off */
    char run[128];    /* its folder's name */
};

struct matrix {
    struct matrix_rows rows;
    char folder[PATH_MAX]; /* where rows.yaml lies */
    unsigned n_files;
    struct file file[FILES_MAX];
    unsigned n_shown;
    struct shown shown[RUNS_MAX];
    const char *broken; /* the mistake to build in; NULL: none */
    struct series series;
};

/* --- before anything starts ------------------------------------------------------------------- */

static struct file *find_file(struct matrix *m, const char *name)
{
    for (unsigned i = 0; i < m->n_files; i++) {
        if (strcmp(m->file[i].name, name) == 0)
            return &m->file[i];
    }
    return NULL;
}

static int read_file(struct matrix *m, const struct matrix_row *row, const char *name,
                     struct errctx *err)
{
    struct file *file = find_file(m, name);
    char path[PATH_MAX + 32];

    if (file && file->outcome == row->outcome) {
        file->in_doubt |= row->in_doubt;
        return 0;
    }
    if (file)
        return err_set(err, EINVAL, ERR_ABORT, "%s: two rows want two outcomes of it", file->name);
    if (m->n_files == FILES_MAX)
        return err_set(err, E2BIG, ERR_ABORT, "more than %d experiments", FILES_MAX);
    file = &m->file[m->n_files++];
    file->name = name;
    file->outcome = row->outcome;
    file->in_doubt = row->in_doubt;
    file->experiment = mem_alloc(sizeof *file->experiment);
    (void)snprintf(path, sizeof path, "%s/%s.yaml", m->folder, name);
    return experiment_read(path, file->experiment, err);
}

static void list_schedules(struct matrix *m, const struct file *file)
{
    for (unsigned i = 0; i < file->experiment->n_schedules; i++)
        m->shown[m->n_shown++] =
            (struct shown){.file = file, .schedule = &file->experiment->schedule[i]};
}

/* `only`: a row, or NULL. */
static int read_all(struct matrix *m, const char *only, struct errctx *err)
{
    char path[PATH_MAX];
    int rc;

    if (!verb_find_file(ROWS, path))
        return err_set(err, ENOENT, ERR_ABORT, "no " ROWS " here or above the executable");
    rc = matrix_read(path, &m->rows, err);
    *strrchr(path, '/') = '\0';
    (void)snprintf(m->folder, sizeof m->folder, "%s", path);
    for (unsigned i = 0; !rc && i < m->rows.n; i++) {
        const struct matrix_row *row = &m->rows.row[i];

        for (unsigned e = 0; !rc && e < row->n_experiments; e++) {
            if (!only || strcmp(only, row->id) == 0)
                rc = read_file(m, row, row->experiment[e], err);
        }
    }
    for (unsigned i = 0; !rc && i < m->n_files; i++)
        list_schedules(m, &m->file[i]);
    if (!rc && m->n_files == 0)
        rc = err_set(err, ENOENT, ERR_ABORT, "--only %s: no row of that name has an experiment",
                     only);
    return rc;
}

/* --- the runs --------------------------------------------------------------------------------- */

static int show_one(struct matrix *m, struct shown *shown, struct errctx *err)
{
    const struct file *file = shown->file;
    char name[128], folder[PATH_MAX];
    json_t *run;
    int rc;

    m->series.tried = *file->experiment;
    if (m->broken) {
        rc = experiment_break(&m->series.tried, m->broken, err);
        if (rc)
            return rc;
    }
    (void)snprintf(name, sizeof name, "%s-%s", file->name, shown->schedule->name);
    rc = series_run(&m->series, shown->schedule->name, name, folder, &run, err);
    if (rc)
        return rc;
    if (run)
        rc = caught_read(folder, shown->schedule, &shown->caught, err);
    shown->done = true;
    shown->word = matrix_judge(run, &shown->caught, file->outcome, file->in_doubt);
    shown->verdicts = json_incref(json_object_get(run, "verdicts"));
    if (run)
        (void)snprintf(shown->run, sizeof shown->run, "%s", strrchr(folder, '/') + 1);
    if (run && !rc)
        progress_end(&m->series.session.progress, matrix_word(shown->word));
    json_decref(run);
    return rc;
}

/* --- what comes of them ----------------------------------------------------------------------- */

/* The worst of a row's runs; MATRIX_WORDS: it has none. */
static enum matrix_word word_of(const struct matrix *m, const struct matrix_row *row)
{
    enum matrix_word word = MATRIX_WORDS;

    for (unsigned i = 0; i < m->n_shown; i++) {
        const struct shown *shown = &m->shown[i];

        if (matrix_row_has(row, shown->file->name))
            word = matrix_worst(word, shown->done, shown->word);
    }
    return word;
}

static json_t *fates_to_json(const struct fates *f)
{
    return json_pack("{s:i, s:i, s:i, s:i}", "n", (int)f->n, "committed", (int)f->n_committed,
                     "rolled_back", (int)f->n_rolled_back, "mixed", (int)f->n_mixed);
}

static json_t *shown_to_json(const struct shown *shown)
{
    const struct caught *c = &shown->caught;
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "experiment",
                  shown->file->name, "schedule", shown->schedule->name, "run", shown->run, "result",
                  matrix_word(shown->word), "gather", (int)c->gather, "gathered", (int)c->gathered,
                  "caught", (int)c->all.n, "committed", (int)c->all.n_committed, "rolled_back",
                  (int)c->all.n_rolled_back, "mixed", (int)c->all.n_mixed, "in_doubt",
                  (int)c->n_in_doubt, "failed", (int)c->n_failed);

    (void)json_object_set_new(json, "held", fates_to_json(&c->held));
    (void)json_object_set_new(json, "resolve_us",
                              c->resolve_us < 0 ? json_null()
                                                : json_integer((json_int_t)c->resolve_us));
    (void)json_object_set(json, "verdicts", shown->verdicts);
    return json;
}

static json_t *row_to_json(const struct matrix *m, const struct matrix_row *row)
{
    enum matrix_word word = word_of(m, row);
    json_t *runs = json_array(), *tests = json_array();

    for (unsigned i = 0; i < m->n_shown; i++) {
        if (m->shown[i].done && matrix_row_has(row, m->shown[i].file->name))
            (void)json_array_append_new(runs, shown_to_json(&m->shown[i]));
    }
    for (unsigned i = 0; i < row->n_tests; i++)
        (void)json_array_append_new(tests, json_string(row->test[i]));
    return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o, s:o, s:s?}", "id", row->id, "fault",
                     row->fault, "expect", row->expect, "outcome",
                     row->n_experiments > 0 ? matrix_outcome_word(row->outcome) : NULL, "result",
                     word < MATRIX_WORDS ? matrix_word(word)
                     : row->n_tests > 0  ? "by tests"
                                         : "not here",
                     "runs", runs, "tests", tests, "reason", row->reason[0] ? row->reason : NULL);
}

struct totals {
    unsigned word[MATRIX_WORDS];
    unsigned by_tests, not_here;
};

static struct totals totals_of(const struct matrix *m)
{
    struct totals t = {.by_tests = 0};

    for (unsigned i = 0; i < m->rows.n; i++) {
        enum matrix_word word = word_of(m, &m->rows.row[i]);

        if (word < MATRIX_WORDS)
            t.word[word]++;
        else if (m->rows.row[i].n_tests > 0)
            t.by_tests++;
        else
            t.not_here++;
    }
    return t;
}

static json_t *totals_to_json(const struct matrix *m)
{
    struct totals t = totals_of(m);

    return json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "matrix", "2pc", "rows", (int)m->rows.n,
        "shown", (int)t.word[MATRIX_SHOWN], "violated", (int)t.word[MATRIX_VIOLATED],
        "not_exercised", (int)t.word[MATRIX_NOT_EXERCISED], "unknown", (int)t.word[MATRIX_UNKNOWN],
        "by_tests", (int)t.by_tests, "not_here", (int)t.not_here, "runs", (int)m->series.next_run);
}

static int write_json(const struct matrix *m, struct errctx *err)
{
    json_t *json = totals_to_json(m), *rows = json_array();
    int rc;

    for (unsigned i = 0; i < m->rows.n; i++)
        (void)json_array_append_new(rows, row_to_json(m, &m->rows.row[i]));
    (void)json_object_set_new(json, "syncbed", json_string(SYNCBED_VERSION));
    (void)json_object_set_new(json, "commit", json_string(SYNCBED_COMMIT));
    (void)json_object_set_new(json, "machine", machine_describe());
    (void)json_object_set_new(json, "versions", versions_to_json(NULL));
    (void)json_object_set_new(json, "table", rows);
    rc = json_out_file(m->series.out, "matrix.json", json, err);
    json_decref(json);
    return rc;
}

/* --- the table -------------------------------------------------------------------------------- */

static void print_seen(struct buf *out, const struct shown *shown)
{
    const struct caught *c = &shown->caught;

    if (c->gather > 0)
        buf_printf(out, "%u of %u stood there: %u committed, %u rolled back; ", c->gathered,
                   c->gather, c->held.n_committed, c->held.n_rolled_back);
    if (c->any_fault)
        buf_printf(out, "%u caught: %u committed, %u rolled back, %u mixed; %u in doubt", c->all.n,
                   c->all.n_committed, c->all.n_rolled_back, c->all.n_mixed, c->n_in_doubt);
    else
        buf_printf(out, "%u failed, none mixed", c->n_failed);
    if (c->resolve_us >= 0)
        buf_printf(out, ", resolved in %lld ms", (long long)(c->resolve_us / US_PER_MS));
    else if (c->n_in_doubt > 0)
        buf_append_str(out, ", resolved at once");
}

static void print_runs(struct buf *out, const struct matrix *m, const struct matrix_row *row)
{
    for (unsigned i = 0; i < m->n_shown; i++) {
        const struct shown *shown = &m->shown[i];

        if (!shown->done || !matrix_row_has(row, shown->file->name))
            continue;
        buf_printf(out, "     %s-%s: %s: ", shown->file->name, shown->schedule->name,
                   matrix_word(shown->word));
        print_seen(out, shown);
        buf_append_char(out, '\n');
    }
}

static void print_row(struct buf *out, const struct matrix *m, const struct matrix_row *row)
{
    buf_printf(out, "%-4s %s: %s\n", row->id, row->fault, row->expect);
    print_runs(out, m, row);
    for (unsigned i = 0; i < row->n_tests; i++)
        buf_printf(out, "     test %s\n", row->test[i]);
    if (row->reason[0])
        buf_printf(out, "     %s\n", row->reason);
}

static void print_totals(struct buf *out, const struct matrix *m)
{
    struct totals t = totals_of(m);

    buf_printf(out,
               "\n%u rows: %u shown here, %u not so, %u not exercised, %u unknown; %u by tests, "
               "%u not here\nresults: %s/matrix.json\n",
               m->rows.n, t.word[MATRIX_SHOWN], t.word[MATRIX_VIOLATED],
               t.word[MATRIX_NOT_EXERCISED], t.word[MATRIX_UNKNOWN], t.by_tests, t.not_here,
               m->series.out);
}

/* `only`: a row, or NULL for all. */
static void show(const struct matrix *m, const char *only)
{
    struct buf out = {0};

    for (unsigned i = 0; i < m->rows.n; i++) {
        if (!only || strcmp(only, m->rows.row[i].id) == 0)
            print_row(&out, m, &m->rows.row[i]);
    }
    if (!only)
        print_totals(&out, m);
    (void)fputs(buf_str(&out), stdout);
    buf_done(&out);
}

/* Of the runs that were to be carried out: with --only, not of all rows. */
static int exit_status(const struct matrix *m)
{
    enum matrix_word worst = MATRIX_SHOWN;

    for (unsigned i = 0; i < m->n_shown; i++)
        worst = matrix_worst(worst, m->shown[i].done, m->shown[i].word);
    if (worst == MATRIX_VIOLATED)
        return 1;
    return worst == MATRIX_SHOWN ? 0 : CLI_EXIT_UNKNOWN;
}

/* --- the verb --------------------------------------------------------------------------------- */

static bool same_stores(const struct experiment *a, const struct experiment *b)
{
    if (a->n_stores != b->n_stores)
        return false;
    for (unsigned i = 0; i < a->n_stores; i++) {
        if (strcmp(a->store[i], b->store[i]) != 0)
            return false;
    }
    return true;
}

/* All that is still to be done with the stores of `e`, over one session. */
static int show_those_of(struct matrix *m, const struct experiment *e, struct errctx *err)
{
    int rc = series_begin(&m->series, e, m->n_shown, err);

    for (unsigned i = 0; !rc && i < m->n_shown; i++) {
        if (m->shown[i].done || !same_stores(m->shown[i].file->experiment, e))
            continue;
        rc = show_one(m, &m->shown[i], err);
        if (!rc)
            rc = write_json(m, err);
    }
    series_end(&m->series);
    return rc;
}

static int carry_out(struct matrix *m, struct errctx *err)
{
    int rc = series_empty(&m->series, err);

    if (!rc)
        rc = write_json(m, err); /* also tells whose folder this is */
    for (unsigned i = 0; !rc && i < m->n_shown; i++) {
        if (!m->shown[i].done)
            rc = show_those_of(m, m->shown[i].file->experiment, err);
    }
    return rc;
}

static int conclude(const struct matrix *m, const struct cli_args *args)
{
    json_t *json;

    show(m, cli_text(args, "only", NULL));
    if (cli_given(args, "json")) {
        json = totals_to_json(m);
        json_out_line(stdout, json);
        json_decref(json);
    }
    return exit_status(m);
}

static int table_only(const struct matrix *m)
{
    struct buf out = {0};

    matrix_print_markdown(&out, &m->rows);
    (void)fputs(buf_str(&out), stdout);
    buf_done(&out);
    return 0;
}

static int run_all(struct matrix *m, const struct cli_args *args, struct errctx *err)
{
    int rc = series_claim(&m->series, cli_text(args, "out", "out/" NAME), err);

    if (!rc)
        rc = carry_out(m, err);
    if (m->series.session.signal) {
        (void)fprintf(stderr, "syncbed: interrupted; all that it started has ended\n");
        return CLI_EXIT_BY_SIGNAL + m->series.session.signal;
    }
    return rc ? cli_fail(err) : conclude(m, args);
}

int verb_matrix(const struct cli_args *args)
{
    struct matrix *m = mem_alloc(sizeof *m); /* too large for a stack */
    struct errctx err;
    int status, rc = 0;

    m->series.lock = -1;
    m->broken = cli_text(args, "break", NULL);
    if (strcmp(cli_argument(args, 0), "2pc") != 0)
        rc = err_set(&err, EINVAL, ERR_ABORT, "no such matrix: %s; there is 2pc",
                     cli_argument(args, 0));
    if (!rc)
        rc = read_all(m, cli_text(args, "only", NULL), &err);
    if (rc)
        status = cli_fail(&err);
    else
        status = cli_given(args, "table") ? table_only(m) : run_all(m, args, &err);
    for (unsigned i = 0; i < m->n_files; i++)
        free(m->file[i].experiment);
    for (unsigned i = 0; i < m->n_shown; i++)
        json_decref(m->shown[i].verdicts);
    series_done(&m->series);
    free(m);
    return status;
}
