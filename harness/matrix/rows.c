/* Reading the rows of a matrix: see the header. */
#include "harness/matrix/rows.h"

#include "base/yaml.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const outcome_words[MATRIX_OUTCOMES] = {
    [MATRIX_EITHER] = "either",
    [MATRIX_COMMITTED] = "committed",
    [MATRIX_ROLLED_BACK] = "rolled back",
};

const char *matrix_outcome_word(enum matrix_outcome outcome)
{
    assert(outcome < MATRIX_OUTCOMES);
    return outcome_words[outcome];
}

bool matrix_row_has(const struct matrix_row *row, const char *experiment)
{
    for (unsigned i = 0; i < row->n_experiments; i++) {
        if (strcmp(row->experiment[i], experiment) == 0)
            return true;
    }
    return false;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int parse_text(const struct yaml_node *row, const char *key, bool required, char *ret_text,
                      size_t size, struct errctx *err)
{
    const struct yaml_node *node = yaml_find(row, key);

    if (!node && required)
        return yaml_complain(row, err, "a row needs %s", key);
    if (node && strlen(yaml_text(node)) >= size)
        return yaml_complain(node, err, "%s: at most %zu bytes", key, size - 1);
    (void)snprintf(ret_text, size, "%s", node ? yaml_text(node) : "");
    return 0;
}

static int take_experiment(const struct yaml_node *node, struct matrix_row *row, struct errctx *err)
{
    char *name = row->experiment[row->n_experiments];
    size_t size = sizeof row->experiment[0];

    if (strlen(yaml_text(node)) == 0 || strlen(yaml_text(node)) >= size)
        return yaml_complain(node, err, "an experiment's name has 1 to %zu bytes", size - 1);
    (void)snprintf(name, size, "%s", yaml_text(node));
    row->n_experiments++;
    return 0;
}

/* One name, or a list of them. */
static int parse_experiments(const struct yaml_node *node, struct matrix_row *row,
                             struct errctx *err)
{
    const struct yaml_node *names = yaml_find(node, "experiment");
    int rc = 0;

    if (!names)
        return 0;
    if (yaml_kind(names) == YAML_SCALAR)
        return take_experiment(names, row, err);
    if (yaml_kind(names) != YAML_SEQUENCE || yaml_size(names) > MATRIX_EXPERIMENTS_MAX)
        return yaml_complain(names, err, "experiment is a name, or a list of at most %d",
                             MATRIX_EXPERIMENTS_MAX);
    for (size_t i = 0; !rc && i < yaml_size(names); i++)
        rc = take_experiment(yaml_item(names, i), row, err);
    return rc;
}

static int parse_outcome(const struct yaml_node *node, struct matrix_row *row, struct errctx *err)
{
    const struct yaml_node *outcome = yaml_find(node, "outcome");
    size_t i = MATRIX_EITHER;
    int rc = 0;

    if (!outcome != (row->n_experiments == 0))
        return yaml_complain(node, err, "outcome and experiment belong together");
    if (outcome)
        rc = yaml_to_choice(outcome, outcome_words, MATRIX_OUTCOMES, &i, err);
    row->outcome = (enum matrix_outcome)i;
    return rc;
}

static int parse_in_doubt(const struct yaml_node *node, struct matrix_row *row, struct errctx *err)
{
    const struct yaml_node *in_doubt = yaml_find(node, "in_doubt");

    if (!in_doubt)
        return 0;
    if (row->n_experiments == 0)
        return yaml_complain(in_doubt, err, "in_doubt and experiment belong together");
    return yaml_to_bool(in_doubt, &row->in_doubt, err);
}

static int parse_tests(const struct yaml_node *node, struct matrix_row *row, struct errctx *err)
{
    const struct yaml_node *tests = yaml_find(node, "tests");

    if (!tests)
        return 0;
    if (yaml_kind(tests) != YAML_SEQUENCE || yaml_size(tests) > MATRIX_TESTS_MAX)
        return yaml_complain(tests, err, "tests is a list of at most %d", MATRIX_TESTS_MAX);
    for (; row->n_tests < yaml_size(tests); row->n_tests++) {
        const char *name = yaml_text(yaml_item(tests, row->n_tests));

        if (!strchr(name, '/') || strlen(name) >= MATRIX_TEXT_SIZE)
            return yaml_complain(tests, err, "\"%s\": say PROGRAM/CASE", name);
        (void)snprintf(row->test[row->n_tests], MATRIX_TEXT_SIZE, "%s", name);
    }
    return 0;
}

static int parse_row(const struct yaml_node *node, struct matrix_row *row, struct errctx *err)
{
    static const char *const keys[] = {"id",      "fault",    "expect", "experiment",
                                       "outcome", "in_doubt", "tests",  "reason"};
    int rc = yaml_check_keys(node, keys, sizeof keys / sizeof *keys, err);

    if (!rc)
        rc = parse_text(node, "id", true, row->id, sizeof row->id, err);
    if (!rc)
        rc = parse_text(node, "fault", true, row->fault, sizeof row->fault, err);
    if (!rc)
        rc = parse_text(node, "expect", true, row->expect, sizeof row->expect, err);
    if (!rc)
        rc = parse_experiments(node, row, err);
    if (!rc)
        rc = parse_text(node, "reason", false, row->reason, sizeof row->reason, err);
    if (!rc)
        rc = parse_outcome(node, row, err);
    if (!rc)
        rc = parse_in_doubt(node, row, err);
    if (!rc)
        rc = parse_tests(node, row, err);
    if (!rc && row->n_experiments == 0 && !row->reason[0])
        rc = yaml_complain(node, err, "%s has neither an experiment nor a reason", row->id);
    return rc;
}

static int parse_rows(const struct yaml_node *root, struct matrix_rows *rows, struct errctx *err)
{
    static const char *const keys[] = {"rows"};
    const struct yaml_node *list;
    int rc = yaml_check_keys(root, keys, 1, err);

    if (rc)
        return rc;
    list = yaml_find(root, "rows");
    if (!list || yaml_kind(list) != YAML_SEQUENCE || yaml_size(list) > MATRIX_ROWS_MAX)
        return yaml_complain(root, err, "rows is a list of at most %d", MATRIX_ROWS_MAX);
    for (; !rc && rows->n < yaml_size(list); rows->n++)
        rc = parse_row(yaml_item(list, rows->n), &rows->row[rows->n], err);
    return rc;
}

int matrix_read(const char *path, struct matrix_rows *ret_rows, struct errctx *err)
{
    const struct yaml_node *root;
    struct yaml_file *file;
    int rc = yaml_open(path, &file, &root, err);

    if (rc)
        return rc;
    memset(ret_rows, 0, sizeof *ret_rows);
    rc = parse_rows(root, ret_rows, err);
    yaml_close(file);
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void print_how(struct buf *out, const struct matrix_row *row)
{
    const char *separator = "";

    for (unsigned i = 0; i < row->n_experiments; i++) {
        buf_printf(out, "%s[%s.yaml](../experiments/matrix-2pc/%s.yaml)", separator,
                   row->experiment[i], row->experiment[i]);
        separator = ", ";
    }
    if (row->n_experiments > 0 && row->outcome != MATRIX_EITHER)
        buf_printf(out, ": %s", outcome_words[row->outcome]);
    if (row->in_doubt)
        buf_append_str(out, ", some from in doubt");
    if (row->n_experiments > 0)
        separator = "; ";
    for (unsigned i = 0; i < row->n_tests; i++) {
        buf_printf(out, "%s`%s`", separator, row->test[i]);
        separator = ", ";
    }
    if (row->reason[0])
        buf_printf(out, "%s*%s*", *separator ? ". " : "", row->reason);
}

void matrix_print_markdown(struct buf *out, const struct matrix_rows *rows)
{
    buf_append_str(out, "| row | what fails | what is right | shown by, or why not |\n"
                        "| --- | --- | --- | --- |\n");
    for (unsigned i = 0; i < rows->n; i++) {
        const struct matrix_row *row = &rows->row[i];

        buf_printf(out, "| %s | %s | %s | ", row->id, row->fault, row->expect);
        print_how(out, row);
        buf_append_str(out, " |\n");
    }
}
