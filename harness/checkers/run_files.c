/* Loading of what the harness noted of a run: configuration, phases, faults, evidence. */
#include "base/mem.h"
#include "base/yaml.h"
#include "harness/checkers/run_data.h"
#include "harness/ndjson.h"
#include "harness/workload/workload.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE         (PATH_MAX + 64)
#define SETTLED_SCANS_MIN 2 /* nothing moved between them: docs/design.md */

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from ? from : ""); /* names of ours; a longer one is cut */
}

static const char *text_or_none(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));

    return text ? text : "";
}

static int64_t int_or_none(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field)); /* 0 when there is none */
}

/* --- config.yaml ------------------------------------------------------------------------------ */

/* Plain words of digits are numbers, which is what a reader of results.json expects. */
static json_t *scalar_to_json(const char *text)
{
    char *end;
    double number;

    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return json_boolean(text[0] == 't');
    errno = 0;
    number = strtod(text, &end);
    if (text[0] == '\0' || *end || errno || strspn(text, "0123456789+-.eE") != strlen(text))
        return json_string(text);
    if (strcspn(text, ".eE") == strlen(text))
        return json_integer(strtoll(text, NULL, 10));
    return json_real(number);
}

static json_t *yaml_to_json(const struct yaml_node *node)
{
    json_t *json;

    switch (yaml_kind(node)) {
    case YAML_SEQUENCE:
        json = json_array();
        for (size_t i = 0; i < yaml_size(node); i++)
            (void)json_array_append_new(json, yaml_to_json(yaml_item(node, i)));
        return json;
    case YAML_MAPPING:
        json = json_object();
        for (size_t i = 0; i < yaml_size(node); i++)
            (void)json_object_set_new(json, yaml_key(node, i), yaml_to_json(yaml_value(node, i)));
        return json;
    case YAML_SCALAR:
        break;
    }
    return scalar_to_json(yaml_text(node));
}

static int find_name(const struct yaml_node *root, const char *section, char *ret_name,
                     struct errctx *err)
{
    const struct yaml_node *node = yaml_find(root, section);

    if (node && yaml_kind(node) == YAML_MAPPING)
        node = yaml_find(node, "name");
    if (!node || !yaml_text(node)[0])
        return yaml_complain(root, err, "%s.name is not there", section);
    copy(ret_name, RUN_NAME_SIZE, yaml_text(node));
    return 0;
}

static int find_stores(struct run_data *run, const struct yaml_node *root, struct errctx *err)
{
    const struct yaml_node *stores = yaml_find(root, "stores");

    if (!stores || yaml_kind(stores) != YAML_SEQUENCE || yaml_size(stores) == 0 ||
        yaml_size(stores) > STORES_MAX)
        return yaml_complain(stores ? stores : root, err, "stores: 1 to %d names are needed",
                             STORES_MAX);
    for (size_t i = 0; i < yaml_size(stores); i++) {
        const struct yaml_node *name = yaml_item(stores, i);

        if (!store_name_valid(yaml_text(name)))
            return yaml_complain(name, err, "stores: \"%s\" is no store's name", yaml_text(name));
        copy(run->store[run->n_stores++], STORE_NAME_SIZE, yaml_text(name));
    }
    return 0;
}

static void find_the_rest(struct run_data *run)
{
    const json_t *config = run->config;

    const char *variant = text_or_none(config, "variant");

    copy(run->variant, sizeof run->variant, variant[0] ? variant : run->approach);
    copy(run->run, sizeof run->run, text_or_none(config, "run"));
    copy(run->question, sizeof run->question, text_or_none(config, "question"));
    copy(run->durability, sizeof run->durability, text_or_none(config, "durability"));
    copy(run->profile, sizeof run->profile, text_or_none(config, "profile"));
    run->transfer = strcmp(run->workload, workload_kind_name(WORKLOAD_TRANSFER)) == 0;
    run->balance = int_or_none(json_object_get(config, "workload"), "balance");
    run->seed = int_or_none(config, "seed");
    run->repeat = int_or_none(config, "repeat");
}

int run_load_config(struct run_data *run, struct errctx *err)
{
    const struct yaml_node *root;
    struct yaml_file *file;
    char path[PATH_SIZE];
    int r;

    (void)snprintf(path, sizeof path, "%s/config.yaml", run->dir);
    r = yaml_open(path, &file, &root, err);
    if (r < 0)
        return r;
    r = find_name(root, "approach", run->approach, err);
    if (r == 0)
        r = find_name(root, "workload", run->workload, err);
    if (r == 0)
        r = find_name(root, "schedule", run->schedule, err);
    if (r == 0)
        r = find_stores(run, root, err);
    if (r == 0) {
        run->config = yaml_to_json(root);
        find_the_rest(run);
    }
    yaml_close(file);
    return r;
}

/* --- files of lines --------------------------------------------------------------------------- */

typedef int (*take_line)(struct run_data *run, const struct ndjson *in, const json_t *line,
                         const char *type, struct errctx *err);

struct taking {
    struct run_data *run;
    take_line take;
};

static int take_typed(void *arg, const struct ndjson *in, const json_t *line, struct errctx *err)
{
    const struct taking *taking = arg;
    const char *type;
    int r = ndjson_text(in, line, "t", &type, err);

    return r < 0 ? r : taking->take(taking->run, in, line, type, err);
}

static int read_lines(struct run_data *run, const char *name, bool whole, take_line take,
                      struct errctx *err)
{
    struct taking taking = {run, take};
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", run->dir, name);
    return ndjson_each(path, whole, take_typed, &taking, err);
}

static double load_average_of(const json_t *line)
{
    const json_t *load = json_object_get(line, "load_average");

    return json_is_number(load) ? json_number_value(load) : NAN;
}

static int take_phase(struct run_data *run, const struct ndjson *in, const json_t *line,
                      const char *type, struct errctx *err)
{
    const char *name = text_or_none(line, "phase");
    struct run_phase *phase = NULL;
    int64_t at_us;
    int r;

    r = ndjson_int(in, line, "at", &at_us, err);
    if (r < 0)
        return r;
    if (!name[0]) {
        run->finished = strcmp(type, "end") == 0;
        return 0;
    }
    for (unsigned i = 0; i < run->n_phases; i++) {
        if (strcmp(run->phase[i].name, name) == 0)
            phase = &run->phase[i];
    }
    if (!phase && run->n_phases == RUN_PHASES_MAX)
        return ndjson_complain(in, err, "more than %d phases", RUN_PHASES_MAX);
    if (!phase) {
        phase = &run->phase[run->n_phases++];
        copy(phase->name, sizeof phase->name, name);
        phase->load_begin = phase->load_end = NAN;
    }
    if (strcmp(type, "begin") == 0) {
        phase->begin_us = at_us;
        phase->load_begin = load_average_of(line);
    } else {
        phase->end_us = at_us;
        phase->load_end = load_average_of(line);
    }
    return 0;
}

int run_load_phases(struct run_data *run, struct errctx *err)
{
    struct errctx why = {0};
    int r = read_lines(run, "phases.ndjson", false, take_phase, &why);

    if (r < 0 && r != -ENOENT && r != -EBADMSG)
        return err_set(err, -r, why.class, "%s", why.message);
    /* Killed while writing it, or before: not finished is all that can be said, and no error. */
    if (r < 0)
        run->finished = false;
    if (run->finished && !run_phase(run, "load"))
        return err_set(err, EBADMSG, ERR_ABORT, "%s/phases.ndjson: no phase \"load\"", run->dir);
    return 0;
}

/* --- faults ----------------------------------------------------------------------------------- */

static void begin_fault(struct run_fault *fault, const json_t *line)
{
    json_t *exposure = json_object_get(line, "exposure");

    copy(fault->point, sizeof fault->point, text_or_none(line, "point"));
    fault->gathered = json_is_integer(json_object_get(line, "gathered"))
                          ? (unsigned)int_or_none(line, "gathered")
                          : RUN_NONE;
    json_decref(fault->exposure);
    fault->exposure = json_incref(exposure);
    json_decref(fault->held);
    fault->held = json_incref(json_object_get(line, "held"));
}

static int take_fault(struct run_data *run, const struct ndjson *in, const json_t *line,
                      const char *type, struct errctx *err)
{
    struct run_fault *fault;
    int64_t number, at_us;
    int r;

    r = ndjson_int(in, line, "fault", &number, err);
    if (r == 0)
        r = ndjson_int(in, line, "at", &at_us, err);
    if (r < 0)
        return r;
    if (number < 0 || number >= RUN_FAULTS_MAX)
        return ndjson_complain(in, err, "fault %lld: at most %d", (long long)number,
                               RUN_FAULTS_MAX);
    fault = &run->fault[number];
    if (number >= run->n_faults)
        run->n_faults = (unsigned)number + 1;
    if (text_or_none(line, "target")[0])
        copy(fault->target, sizeof fault->target, text_or_none(line, "target"));
    if (text_or_none(line, "action")[0])
        copy(fault->action, sizeof fault->action, text_or_none(line, "action"));
    if (strcmp(type, "armed") == 0) {
        fault->armed_us = at_us;
        fault->gather = (unsigned)int_or_none(line, "gather");
    } else if (strcmp(type, "begin") == 0) {
        fault->begin_us = at_us;
        begin_fault(fault, line);
    } else if (strcmp(type, "end") == 0) {
        fault->end_us = at_us;
    } else if (strcmp(type, "skipped") == 0) {
        copy(fault->skipped, sizeof fault->skipped, text_or_none(line, "why"));
    }
    return 0;
}

int run_load_faults(struct run_data *run, struct errctx *err)
{
    return read_lines(run, "faults.ndjson", true, take_fault, err);
}

/* --- evidence --------------------------------------------------------------------------------- */

static int take_scans(struct run_data *run, const struct ndjson *in, const json_t *scans,
                      struct errctx *err)
{
    struct run_settling *settling = &run->settling;
    int r = 0;

    free(settling->scan);
    settling->n_scans = 0;
    settling->scan = mem_alloc_array(json_array_size(scans), sizeof *settling->scan);
    for (size_t i = 0; r == 0 && i < json_array_size(scans); i++) {
        struct run_scan *scan = &settling->scan[i];
        const json_t *item = json_array_get(scans, i);

        r = ndjson_int(in, item, "from", &scan->from_us, err);
        if (r == 0)
            r = ndjson_int(in, item, "to", &scan->to_us, err);
        if (r == 0)
            r = ndjson_bool(in, item, "equal", &scan->equal, err);
        settling->n_scans = i + 1;
    }
    return r;
}

/* Drained, and still in doubt: one of the two is wrong. */
static int not_both(const struct run_settling *settling, const struct ndjson *in,
                    struct errctx *err)
{
    if (settling->settled && settling->n_prepared > 0)
        return ndjson_complain(in, err, "settled, and still prepared somewhere");
    return 0;
}

static int take_settled(struct run_data *run, const struct ndjson *in, const json_t *line,
                        struct errctx *err)
{
    struct run_settling *settling = &run->settling;
    json_t *scans;
    int r;

    r = ndjson_int(in, line, "at", &settling->at_us, err);
    if (r == 0)
        r = ndjson_bool(in, line, "settled", &settling->settled, err);
    if (r == 0)
        r = ndjson_array(in, line, "scans", &scans, err);
    if (r < 0)
        return r;
    copy(settling->why, sizeof settling->why, text_or_none(line, "why"));
    settling->line = in->line;
    r = take_scans(run, in, scans, err);
    if (r == 0 && settling->settled && settling->n_scans < SETTLED_SCANS_MIN)
        r = ndjson_complain(in, err, "settled after %zu scans: at least %d are needed",
                            settling->n_scans, SETTLED_SCANS_MIN);
    return r == 0 ? not_both(settling, in, err) : r;
}

static int take_topic(struct run_data *run, const struct ndjson *in, const json_t *line,
                      struct errctx *err)
{
    int64_t end;
    int r = ndjson_int(in, line, "end", &end, err);

    if (r == 0)
        run->log_end += end;
    return r;
}

static int take_broken(struct run_data *run, const struct ndjson *in, const json_t *line,
                       struct errctx *err)
{
    int64_t times;
    int r = ndjson_int(in, line, "times", &times, err);

    if (r == 0)
        run->n_broken += times;
    return r;
}

static int take_ended(struct run_data *run, const struct ndjson *in, const json_t *line,
                      struct errctx *err)
{
    struct run_ended ended;
    int r = ndjson_int(in, line, "at", &ended.at_us, err);

    if (r < 0 || run->n_ended == RUN_ENDED_MAX)
        return r;
    copy(ended.role, sizeof ended.role, text_or_none(line, "role"));
    copy(ended.why, sizeof ended.why, text_or_none(line, "why"));
    run->ended[run->n_ended++] = ended;
    return 0;
}

/* Whose branch it was may be nobody's in this history: it counts all the same. */
static int take_by_hand(struct run_data *run, const struct ndjson *in, const json_t *line,
                        struct errctx *err)
{
    const char *request;
    uint32_t op;
    int r = ndjson_text(in, line, "request", &request, err);

    if (r < 0)
        return r;
    run->n_by_hand++;
    op = run_find_op(run, request);
    if (op != RUN_NONE)
        run->op[op].by_hand = true;
    return 0;
}

static int take_evidence(struct run_data *run, const struct ndjson *in, const json_t *line,
                         const char *type, struct errctx *err)
{
    bool decision = strcmp(type, "decision") == 0;
    const char *request;
    uint32_t op;
    int r;

    if (strcmp(type, "settled") == 0)
        return take_settled(run, in, line, err);
    if (strcmp(type, "prepared") == 0) {
        run->settling.n_prepared++;
        return not_both(&run->settling, in, err);
    }
    if (strcmp(type, "topic") == 0)
        return take_topic(run, in, line, err);
    if (strcmp(type, "broken") == 0)
        return take_broken(run, in, line, err);
    if (strcmp(type, "ended") == 0)
        return take_ended(run, in, line, err);
    if (strcmp(type, "by_hand") == 0)
        return take_by_hand(run, in, line, err);
    if (!decision && strcmp(type, "record") != 0)
        return 0;
    r = ndjson_text(in, line, "request", &request, err);
    if (r < 0)
        return r;
    op = run_find_op(run, request);
    if (op == RUN_NONE) /* nothing that a client of this run had asked for */
        return 0;
    if (decision)
        run->op[op].decided = true;
    else
        run->op[op].recorded = true;
    return 0;
}

int run_load_evidence(struct run_data *run, struct errctx *err)
{
    int r = read_lines(run, "evidence.ndjson", true, take_evidence, err);

    if (r == 0 && run->settling.at_us == 0)
        return err_set(err, EBADMSG, ERR_ABORT, "%s/evidence.ndjson: no line \"settled\"",
                       run->dir);
    return r;
}
