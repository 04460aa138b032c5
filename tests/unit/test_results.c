/*
 * results.json from run folders: its schema, its exit status, its table at the terminal.
 * Folder: harness
 *
 * The schema's check is the subset of JSON Schema that docs/results.schema.json uses, and refuses
 * any keyword that it does not know, so that nothing in that file is only decoration.
 */
#include "harness/results/judge.h"
#include "harness/results/result.h"
#include "harness/results/results.h"
#include "harness/verbs.h"
#include "run_builder.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char out[64];

/* --- the schema ------------------------------------------------------------------------------- */

static const json_t *schema_root;

static bool matches(const json_t *schema, const json_t *value, char *where, size_t size);

static bool is_type(const json_t *value, const char *type)
{
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    assert_string_equal(type, "null");
    return json_is_null(value);
}

static bool matches_type(const json_t *type, const json_t *value)
{
    json_t *one;
    size_t i;

    if (json_is_string(type))
        return is_type(value, json_string_value(type));
    json_array_foreach (type, i, one) {
        if (is_type(value, json_string_value(one)))
            return true;
    }
    return false;
}

static bool one_of(const json_t *list, const json_t *value)
{
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        if (json_equal(one, value))
            return true;
    }
    return false;
}

static bool matches_any(const json_t *schemas, const json_t *value, char *where, size_t size)
{
    json_t *one;
    size_t i;

    json_array_foreach (schemas, i, one) {
        if (matches(one, value, where, size))
            return true;
    }
    return false;
}

static bool has_all(const json_t *required, const json_t *object, char *where, size_t size)
{
    json_t *name;
    size_t i;

    json_array_foreach (required, i, name) {
        if (json_object_get(object, json_string_value(name)))
            continue;
        (void)snprintf(where, size, "%s is missing", json_string_value(name));
        return false;
    }
    return true;
}

/* Each field by its schema in `properties`, the others by `additionalProperties`. */
static bool matches_fields(const json_t *schema, const json_t *object, char *where, size_t size)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        const json_t *field = json_object_get(properties, name);
        char inside[256] = "";

        field = field ? field : others;
        if (!field || matches(field, value, inside, sizeof inside))
            continue;
        (void)snprintf(where, size, "%s: %.200s", name, inside);
        return false;
    }
    return true;
}

static bool matches_items(const json_t *items, const json_t *array, char *where, size_t size)
{
    json_t *value;
    size_t i;

    json_array_foreach (array, i, value) {
        char inside[256] = "";

        if (matches(items, value, inside, sizeof inside))
            continue;
        (void)snprintf(where, size, "[%d] %.200s", (int)i, inside);
        return false;
    }
    return true;
}

static const json_t *follow(const char *ref)
{
    const json_t *found;

    assert_true(strncmp(ref, "#/$defs/", 8) == 0);
    found = json_object_get(json_object_get(schema_root, "$defs"), ref + 8);
    assert_non_null(found);
    return found;
}

static bool matches_keyword(const json_t *schema, const char *keyword, const json_t *argument,
                            const json_t *value, char *where, size_t size)
{
    if (strcmp(keyword, "type") == 0)
        return matches_type(argument, value);
    if (strcmp(keyword, "const") == 0)
        return json_equal(argument, value);
    if (strcmp(keyword, "enum") == 0)
        return one_of(argument, value);
    if (strcmp(keyword, "minimum") == 0)
        return !json_is_number(value) || json_number_value(value) >= json_number_value(argument);
    if (strcmp(keyword, "$ref") == 0)
        return matches(follow(json_string_value(argument)), value, where, size);
    if (strcmp(keyword, "anyOf") == 0)
        return matches_any(argument, value, where, size);
    if (strcmp(keyword, "required") == 0)
        return !json_is_object(value) || has_all(argument, value, where, size);
    if (strcmp(keyword, "items") == 0)
        return !json_is_array(value) || matches_items(argument, value, where, size);
    if (strcmp(keyword, "properties") == 0 || strcmp(keyword, "additionalProperties") == 0)
        return !json_is_object(value) || matches_fields(schema, value, where, size);
    if (strcmp(keyword, "$schema") != 0 && strcmp(keyword, "title") != 0 &&
        strcmp(keyword, "$defs") != 0)
        fail_msg("the schema uses \"%s\", which this test does not know", keyword);
    return true;
}

/* `where`: what does not match, inside out. */
static bool matches(const json_t *schema, const json_t *value, char *where, size_t size)
{
    const char *keyword;
    json_t *argument;

    if (json_is_boolean(schema)) {
        (void)snprintf(where, size, "nothing may stand here");
        return json_is_true(schema);
    }
    json_object_foreach ((json_t *)(uintptr_t)schema, keyword, argument) {
        char inside[256] = "";

        if (matches_keyword(schema, keyword, argument, value, inside, sizeof inside))
            continue;
        (void)snprintf(where, size, "%.200s", inside[0] ? inside : keyword);
        return false;
    }
    return true;
}

static json_t *load_schema(void)
{
    char path[PATH_MAX];
    json_error_t why;
    json_t *schema;

    assert_true(verb_find_file("docs/results.schema.json", path));
    schema = json_load_file(path, 0, &why);
    if (!schema)
        fail_msg("%s: %s", path, why.text);
    return schema;
}

static void expect_valid(const json_t *results)
{
    json_t *schema = load_schema();
    char where[256] = "";

    schema_root = schema;
    if (!matches(schema, results, where, sizeof where))
        fail_msg("%s", where);
    json_decref(schema);
}

/* --- experiments ------------------------------------------------------------------------------ */

static void save_run(struct built *b, const char *name)
{
    char dir[256];

    (void)snprintf(dir, sizeof dir, "%s/runs", out);
    (void)mkdir(dir, 0755); /* there from the run before */
    (void)snprintf(dir, sizeof dir, "%s/runs/%s", out, name);
    assert_int_equal(mkdir(dir, 0755), 0);
    b->run = name;
    built_save(b, dir);
    built_done(b);
}

/* A run in which all went well, with a fault. */
static void save_good(const char *approach, const char *schedule, const char *name)
{
    struct built b;

    built_init(&b);
    b.approach = approach;
    b.schedule = schedule;
    for (unsigned i = 0; i < 40; i++) {
        char request[32];

        (void)snprintf(request, sizeof request, "c%u-%u", i % 4, i);
        built_apply(&b, built_write(&b, request, i % 4, 100 * i, 100 * i + 3, HISTORY_OK),
                    BUILT_ALL);
        built_seen(&b, i, 0, 100 * i + 1, i == 0 ? 0 : 100 * i + 2);
    }
    buf_append_str(
        &b.faults,
        "{\"t\":\"begin\",\"fault\":0,\"at\":2000000,\"target\":\"serve1\",\"action\":"
        "\"kill\",\"point\":\"xa-decided\",\"gathered\":8,\"exposure\":{\"xa-decided\":8}"
        "}\n");
    buf_append_str(
        &b.samples,
        "{\"t\":\"in_doubt\",\"at\":2100000,\"store\":\"pg1\",\"gids\":[],\"ages_us\":[],"
        "\"waiters\":0}\n");
    (void)snprintf(b.scans, sizeof b.scans,
                   "[{\"from\":12000000,\"to\":12100000,\"equal\":true},"
                   "{\"from\":13100000,\"to\":13200000,\"equal\":true}]");
    save_run(&b, name);
}

/* A run whose stores end apart, with a read and a failed write in it. */
static void save_apart(const char *approach, const char *schedule, const char *name)
{
    struct built b;
    struct built_op *x, *y;

    built_init(&b);
    b.approach = approach;
    b.schedule = schedule;
    x = built_write(&b, "c0-0", 0, 3210, 3214, HISTORY_OK);
    y = built_write(&b, "c1-1", 0, 3210, 3215, HISTORY_OK);
    (void)built_write(&b, "c2-2", 1, 3300, 3305, HISTORY_FAIL);
    built_read(&b, "c3-3", 2, 0, "c0-0", 3400, 3401)->micro[0].n = 2;
    built_apply(&b, x, 3U);
    built_apply(&b, y, BUILT_ALL);
    built_apply(&b, x, 4U);
    save_run(&b, name);
}

static void save_unfinished(const char *approach, const char *schedule, const char *name)
{
    struct built b;

    built_init(&b);
    b.approach = approach;
    b.schedule = schedule;
    b.finished = false;
    save_run(&b, name);
}

/* The runs that were to come: none but what a test says. */
static struct experiment_run planned[3];
static struct experiment_runs plan = {.run = planned};

static void save_experiment(void)
{
    struct errctx err = {0};
    json_t *versions = json_pack("{s:s}", "postgres", "15.8");
    struct experiment *experiment = calloc(1, sizeof *experiment);
    char path[256];

    built_write_file(
        out, "experiment.yaml",
        "question: What does a crash of a writing server leave behind?\n"
        "prediction: dual differs, xa blocks\n"
        "stores: [pg1, pg2, redis]\n"
        "workload: {name: fanout, rate_per_s: 400, duration_s: 8, keys: 4, clients: 4}\n"
        "approaches: [dual, {name: xa, lock_order: sorted}, log]\n"
        "schedules:\n"
        "  - {name: none}\n"
        "  - {name: server_killed, faults: [{at_s: 3, kill: serve1}]}\n");
    (void)snprintf(path, sizeof path, "%s/experiment.yaml", out);
    if (experiment_read(path, experiment, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(results_begin(out, experiment, &plan, versions, &err), 0);
    free(experiment);
    json_decref(versions);
}

static int setup(void **state)
{
    (void)state;
    built_make_dir(out);
    save_experiment();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    built_remove_dir(out);
    return 0;
}

static json_t *judge_out(void)
{
    struct errctx err = {0};
    json_t *results = NULL;

    if (results_write(out, &results, &err) < 0)
        fail_msg("%s", err.message);
    return results;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void results_follow_their_schema(void **state)
{
    struct errctx err = {0};
    json_t *results, *read_back;

    (void)state;
    save_good("xa", "server_killed", "001-xa-fanout-server_killed-s1");
    save_apart("dual", "none", "002-dual-fanout-none-s1");
    save_unfinished("xa", "none", "003-xa-fanout-none-s1");
    results = judge_out();
    expect_valid(results);
    assert_int_equal(results_read(out, &read_back, &err), 0);
    expect_valid(read_back);
    assert_int_equal(json_array_size(json_object_get(read_back, "runs")), 3);
    json_decref(read_back);
    json_decref(results);
}

static void what_nobody_looked_at_is_null(void **state)
{
    json_t *results, *run, *fault, *blocked;
    struct built b;

    (void)state;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    built_init(&b);
    buf_append_str(&b.faults,
                   "{\"t\":\"begin\",\"fault\":0,\"at\":2000000,\"target\":\"serve1\",\"action\":"
                   "\"kill\",\"point\":\"xa-decided\",\"gather\":8,\"gathered\":null}\n");
    save_run(&b, "002-xa-fanout-server_killed-s1");
    results = judge_out();
    expect_valid(results);
    run = json_array_get(json_object_get(results, "runs"), 0);
    fault = json_array_get(json_object_get(run, "faults"), 0);
    blocked = json_object_get(run, "blocked");
    assert_int_equal(json_integer_value(json_object_get(fault, "gathered")), 8);
    assert_true(json_is_object(json_object_get(blocked, "in_doubt")));
    assert_true(json_is_object(json_object_get(blocked, "other")));
    run = json_array_get(json_object_get(results, "runs"), 1);
    fault = json_array_get(json_object_get(run, "faults"), 0);
    blocked = json_object_get(run, "blocked");
    assert_true(json_is_null(json_object_get(fault, "gathered")));
    assert_true(json_is_null(json_object_get(blocked, "in_doubt")));
    assert_true(json_is_null(json_object_get(blocked, "other")));
    json_decref(results);
}

static void a_schema_that_is_not_met_is_noticed(void **state)
{
    json_t *schema = load_schema(), *results, *run;
    char where[256] = "";

    (void)state;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    results = judge_out();
    run = json_array_get(json_object_get(results, "runs"), 0);
    schema_root = schema;
    (void)json_object_set_new(run, "keys_held", json_string("3"));
    assert_false(matches(schema, results, where, sizeof where));
    (void)json_object_set_new(run, "keys_held", json_integer(-3));
    assert_false(matches(schema, results, where, sizeof where));
    (void)json_object_set_new(run, "keys_held", json_null());
    assert_true(matches(schema, results, where, sizeof where));
    (void)json_object_set_new(run, "more", json_null());
    assert_false(matches(schema, results, where, sizeof where));
    (void)json_object_del(run, "more");
    (void)json_object_del(run, "ops");
    assert_false(matches(schema, results, where, sizeof where));
    json_decref(results);
    json_decref(schema);
}

static void expect_status(int wanted)
{
    json_t *results = judge_out();

    assert_int_equal(results_exit_status(results), wanted);
    json_decref(results);
}

static void anomalies_that_nobody_promised_away_keep_status_0(void **state)
{
    (void)state;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    save_apart("dual", "none", "002-dual-fanout-none-s1");
    expect_status(0);
}

/* No request failed: nothing was there that could have become a ghost. */
static void what_was_not_exercised_keeps_status_0(void **state)
{
    const json_t *run, *ghosts;
    json_t *results;

    (void)state;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    results = judge_out();
    expect_valid(results);
    run = json_array_get(json_object_get(results, "runs"), 0);
    ghosts = result_verdict(run, "ghosts");
    assert_true(json_is_true(json_object_get(ghosts, "promised")));
    assert_int_equal(json_integer_value(json_object_get(ghosts, "of")), 0);
    assert_true(result_verdict_is(run, "ghosts", VERDICT_NOT_EXERCISED));
    assert_true(result_verdict_is(run, "duplicates", VERDICT_VALID));
    assert_true(json_is_null(json_object_get(ghosts, "bound95")));
    assert_true(json_real_value(json_object_get(result_verdict(run, "durability"), "bound95")) ==
                3.0 / 40);
    json_decref(results);
    expect_status(0);
}

/* Interrupted before the second: what there is kept its promises, and of the rest nothing is known.
 */
static void a_run_that_is_missing_is_named_and_unknown(void **state)
{
    json_t *results;

    (void)state;
    plan.n = 2;
    (void)strcpy(planned[0].name, "001-xa-fanout-none-s1");
    (void)strcpy(planned[1].name, "002-xa-fanout-server_killed-s1");
    save_experiment();
    plan.n = 0;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    expect_status(3);
    results = judge_out();
    expect_valid(results);
    assert_int_equal(json_array_size(json_object_get(results, "missing")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(results, "missing"), 0)),
                        "002-xa-fanout-server_killed-s1");
    json_decref(results);
    save_good("xa", "server_killed", "002-xa-fanout-server_killed-s1");
    expect_status(0);
}

static void a_broken_promise_is_status_1(void **state)
{
    (void)state;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    save_apart("xa", "server_killed", "002-xa-fanout-server_killed-s1");
    save_unfinished("xa", "none", "003-xa-fanout-none-s1");
    expect_status(1);
}

/* One transaction that reads half of another. */
static void save_fractured(const char *workload, const char *name)
{
    struct built b;
    struct built_op *read;

    built_init(&b);
    b.workload = workload;
    built_apply(&b, built_write(&b, "c0-0", 0, 3210, 3214, HISTORY_OK), BUILT_ALL);
    read = built_op(&b, "c1-1", 3212, 3213, HISTORY_OK);
    built_micro(read, OP_READ, 0, 0, "c0-0");
    built_micro(read, OP_READ, 1, 0, "");
    save_run(&b, name);
}

static void a_promise_is_made_only_where_its_condition_holds(void **state)
{
    (void)state;
    save_fractured("{name: fanout, reads: direct, retries: 0}", "001-xa-fanout-none-s1");
    expect_status(0);
    save_fractured("{name: fanout, reads: transactional, retries: 0}", "002-xa-fanout-none-s1");
    expect_status(1);
}

static void an_unfinished_run_is_status_3(void **state)
{
    (void)state;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    save_unfinished("xa", "none", "002-xa-fanout-none-s1");
    expect_status(3);
}

static void a_role_that_crashed_leaves_no_promise_valid(void **state)
{
    const json_t *run, *ended;
    json_t *results;
    struct built b;

    (void)state;
    built_init(&b);
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 103, HISTORY_OK), BUILT_ALL);
    buf_append_str(&b.evidence, "{\"t\":\"ended\",\"at\":1500000,\"role\":\"serve1\",\"why\":"
                                "\"serve1 ended by signal 11\"}\n");
    save_run(&b, "001-xa-fanout-none-s1");
    results = judge_out();
    expect_valid(results);
    run = json_array_get(json_object_get(results, "runs"), 0);
    ended = json_array_get(json_object_get(run, "ended"), 0);
    assert_string_equal(json_string_value(json_object_get(ended, "role")), "serve1");
    assert_string_equal(json_string_value(json_object_get(ended, "why")),
                        "serve1 ended by signal 11");
    assert_true(json_real_value(json_object_get(ended, "at_s")) == 0.5);
    assert_true(result_verdict_is(run, "durability", VERDICT_UNKNOWN));
    json_decref(results);
    expect_status(3);
}

static void a_promise_that_cannot_be_judged_is_status_3(void **state)
{
    struct built b;

    (void)state;
    built_init(&b);
    b.settled = false;
    save_run(&b, "001-xa-fanout-none-s1");
    expect_status(3);
}

/* Until it has settled nobody looks whether what was acknowledged is there. */
static void what_was_not_looked_at_has_no_bound(void **state)
{
    const json_t *durability;
    json_t *results;
    struct built b;

    (void)state;
    built_init(&b);
    built_apply(&b, built_write(&b, "c0-0", 0, 100, 103, HISTORY_OK), BUILT_ALL);
    b.settled = false;
    save_run(&b, "001-xa-fanout-none-s1");
    results = judge_out();
    expect_valid(results);
    durability = result_verdict(json_array_get(json_object_get(results, "runs"), 0), "durability");
    assert_int_equal(json_integer_value(json_object_get(durability, "of")), 1);
    assert_true(json_is_null(json_object_get(durability, "bound95")));
    json_decref(results);
}

static void nothing_is_written_when_a_folder_is_bad(void **state)
{
    struct errctx err = {0};
    char dir[256];
    json_t *results;

    (void)state;
    save_good("xa", "none", "001-xa-fanout-none-s1");
    (void)snprintf(dir, sizeof dir, "%s/runs/001-xa-fanout-none-s1", out);
    built_write_file(dir, "history.ndjson", "");
    assert_int_equal(results_write(out, NULL, &err), -EBADMSG);
    assert_int_equal(results_read(out, &results, &err), -ENOENT);
}

static void an_unknown_approach_is_refused(void **state)
{
    struct errctx err = {0};

    (void)state;
    save_good("xy", "none", "001-xy-fanout-none-s1");
    assert_int_equal(results_write(out, NULL, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "config.yaml: there is no approach \"xy\""));
}

#define RULE "────────────────────────────────────────────────────────────\n"

/* The legend that follows is left out: it changes with what approaches promise. */
static void expect_table(const json_t *results, unsigned width, const char *wanted)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    results_print_table(file, results, width, false);
    (void)fclose(file);
    assert_true(size > strlen(wanted));
    text[strlen(wanted)] = '\0';
    assert_string_equal(text, wanted);
    free(text);
}

static void the_table_tells_what_happened(void **state)
{
    static const char wanted[] =
        "What does a crash of a writing server leave behind?\n"
        "predicted: dual differs, xa blocks\n"
        "\n"
        "      no fault                   server_killed\n" RULE
        "dual  ✗ 1 key diverged           –\n"
        "      ✗ 1 key out of order\n"
        "      2 not exercised\n"
        "      no ok for 3.2 s\n"
        "      1 failed\n"
        "      p50 4.0 ms\n" RULE "xa    ? 1 of 1 not finished      ✓ kept 6 promises\n"
        "                                 4 not exercised\n"
        "                                 p50 3.0 ms\n"
        "\n"
        "dual, no fault: user:0 ends as c1-1 in pg1 and pg2 but as\n"
        "  c0-0 in redis.\n";
    json_t *results;

    (void)state;
    save_good("xa", "server_killed", "001-xa-fanout-server_killed-s1");
    save_apart("dual", "none", "002-dual-fanout-none-s1");
    save_unfinished("xa", "none", "003-xa-fanout-none-s1");
    results = judge_out();
    expect_table(results, 60, wanted);
    json_decref(results);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(results_follow_their_schema),
        TEST(what_nobody_looked_at_is_null),
        TEST(a_schema_that_is_not_met_is_noticed),
        TEST(anomalies_that_nobody_promised_away_keep_status_0),
        TEST(what_was_not_exercised_keeps_status_0),
        TEST(a_run_that_is_missing_is_named_and_unknown),
        TEST(a_broken_promise_is_status_1),
        TEST(a_promise_is_made_only_where_its_condition_holds),
        TEST(an_unfinished_run_is_status_3),
        TEST(a_role_that_crashed_leaves_no_promise_valid),
        TEST(a_promise_that_cannot_be_judged_is_status_3),
        TEST(what_was_not_looked_at_has_no_bound),
        TEST(nothing_is_written_when_a_folder_is_bad),
        TEST(an_unknown_approach_is_refused),
        TEST(the_table_tells_what_happened),
    };

    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
