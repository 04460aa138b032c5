/* Verdicts as JUnit XML: see the header. */
#include "harness/report/junit.h"

#include "base/file.h"
#include "harness/report/html.h"
#include "harness/results/result.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum outcome_of_case { CASE_PASSED, CASE_FAILED, CASE_ERROR, CASE_SKIPPED, CASES };

struct suite {
    const json_t *run;
    struct buf cases;
    unsigned n[CASES];
};

static void attribute(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, " %s=\"", name);
    html_text(out, value);
    buf_append_char(out, '"');
}

/* `message` says why; `text` (may be "") more of it. A passed case needs neither. */
static void add_case(struct suite *suite, const char *name, enum outcome_of_case outcome,
                     const char *message, const char *text)
{
    static const char *const element[CASES] = {
        [CASE_FAILED] = "failure", [CASE_ERROR] = "error", [CASE_SKIPPED] = "skipped"};
    struct buf *out = &suite->cases;

    suite->n[outcome]++;
    buf_append_str(out, "    <testcase");
    attribute(out, "classname", result_text(suite->run, "run"));
    attribute(out, "name", name);
    if (outcome == CASE_PASSED) {
        buf_append_str(out, "/>\n");
        return;
    }
    buf_printf(out, "><%s", element[outcome]);
    attribute(out, "message", message);
    buf_append_char(out, '>');
    html_text(out, text);
    buf_printf(out, "</%s></testcase>\n", element[outcome]);
}

static long long count_of(const json_t *verdict, const char *field)
{
    return (long long)json_integer_value(json_object_get(verdict, field));
}

static enum outcome_of_case case_of(const json_t *run, const char *name, bool promised)
{
    if (result_verdict_is(run, name, VERDICT_VALID))
        return CASE_PASSED;
    if (!promised || result_verdict_is(run, name, VERDICT_NOT_EXERCISED) ||
        result_verdict_is(run, name, VERDICT_NOT_JUDGED))
        return CASE_SKIPPED;
    return result_verdict_is(run, name, VERDICT_INVALID) ? CASE_FAILED : CASE_ERROR;
}

static void add_verdict(struct suite *suite, const char *name, const json_t *verdict)
{
    bool promised = json_is_true(json_object_get(verdict, "promised"));
    const json_t *example = json_array_get(json_object_get(verdict, "examples"), 0);
    const char *word = result_text(verdict, "verdict");
    struct buf message = {0};

    buf_printf(&message, "%s%s", promised ? "" : "not promised: ", word);
    if (json_is_integer(json_object_get(verdict, "of")))
        buf_printf(&message, ", %lld of %lld", count_of(verdict, "count"), count_of(verdict, "of"));
    add_case(suite, name, case_of(suite->run, name, promised), buf_str(&message),
             result_text(example, "sentence"));
    buf_done(&message);
}

static void add_cases(struct suite *suite)
{
    const char *name;
    json_t *item;
    size_t i;

    if (!json_is_true(json_object_get(suite->run, "finished"))) {
        add_case(suite, "finished", CASE_ERROR, "the run did not finish", "");
        return;
    }
    add_case(suite, "finished", CASE_PASSED, "", "");
    json_array_foreach (json_object_get(suite->run, "ended"), i, item)
        add_case(suite, "no process ended by itself", CASE_ERROR, result_text(item, "role"),
                 result_text(item, "why"));
    json_object_foreach (json_object_get(suite->run, "verdicts"), name, item)
        add_verdict(suite, name, item);
}

static void counts(struct buf *out, const unsigned n[CASES])
{
    buf_printf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\">\n",
               n[CASE_PASSED] + n[CASE_FAILED] + n[CASE_ERROR] + n[CASE_SKIPPED], n[CASE_FAILED],
               n[CASE_ERROR], n[CASE_SKIPPED]);
}

static void print_suite(struct buf *out, struct suite *suite)
{
    struct buf name = {0};

    buf_printf(&name, "%s, %s", result_variant(suite->run), result_text(suite->run, "schedule"));
    buf_append_str(out, "  <testsuite");
    attribute(out, "name", buf_str(&name));
    counts(out, suite->n);
    buf_append(out, suite->cases.data, suite->cases.size);
    buf_append_str(out, "  </testsuite>\n");
    buf_done(&name);
}

/* A run that was to come and did not is no success of anybody's. */
static unsigned add_missing(struct buf *out, const json_t *results)
{
    json_t *name;
    size_t i;

    json_array_foreach (json_object_get(results, "missing"), i, name) {
        json_t *run = json_pack("{s:O}", "run", name);
        struct suite suite = {.run = run};

        add_case(&suite, "carried out", CASE_ERROR, "the experiment was interrupted before", "");
        buf_append_str(out, "  <testsuite");
        attribute(out, "name", json_string_value(name));
        counts(out, suite.n);
        buf_append(out, suite.cases.data, suite.cases.size);
        buf_append_str(out, "  </testsuite>\n");
        buf_done(&suite.cases);
        json_decref(run);
    }
    return (unsigned)i;
}

void junit_print(struct buf *out, const json_t *results)
{
    struct buf suites = {0};
    unsigned n[CASES] = {0};
    json_t *run;
    size_t i;

    json_array_foreach (json_object_get(results, "runs"), i, run) {
        struct suite suite = {.run = run};

        add_cases(&suite);
        print_suite(&suites, &suite);
        for (int outcome = 0; outcome < CASES; outcome++)
            n[outcome] += suite.n[outcome];
        buf_done(&suite.cases);
    }
    n[CASE_ERROR] += add_missing(&suites, results);
    buf_append_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    attribute(out, "name", result_text(results, "experiment"));
    counts(out, n);
    buf_append(out, suites.data, suites.size);
    buf_append_str(out, "</testsuites>\n");
    buf_done(&suites);
}

int junit_write(const char *out_dir, const json_t *results, struct errctx *err)
{
    struct buf text = {0};
    char path[PATH_MAX];
    int r;

    if (snprintf(path, sizeof path, "%s/junit.xml", out_dir) >= (int)sizeof path)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: the path is too long", out_dir);
    junit_print(&text, results);
    r = file_replace(path, &text, err);
    buf_done(&text);
    return r;
}
