/* Verdicts and their sentences: see the header. */
#include "harness/checkers/verdict.h"

#include "model/outcome.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PHRASES     8
#define PHRASE_SIZE 256

const char *verdict_word_name(enum verdict_word word)
{
    static const char *const name[VERDICT_WORDS] = {
        [VERDICT_NOT_JUDGED] = "not judged",
        [VERDICT_VALID] = "valid",
        [VERDICT_INVALID] = "invalid",
        [VERDICT_UNKNOWN] = "unknown",
        [VERDICT_NOT_EXERCISED] = "not exercised",
    };

    assert(word < VERDICT_WORDS);
    return name[word];
}

void verdict_conclude(struct verdict *v, const struct run_data *run)
{
    if (v->count > 0)
        v->word = VERDICT_INVALID;
    else if (!run->settling.settled)
        v->word = VERDICT_UNKNOWN;
    else
        v->word = v->of > 0 ? VERDICT_VALID : VERDICT_NOT_EXERCISED;
}

void verdict_conclude_reads(struct verdict *v, const struct run_data *run, uint64_t n_unjudged)
{
    verdict_conclude(v, run);
    if (n_unjudged > 0 && v->word != VERDICT_INVALID)
        v->word = VERDICT_UNKNOWN;
}

struct example *verdict_add(struct verdict *v, uint32_t key)
{
    struct example *e;

    v->count++;
    if (v->n_examples == VERDICT_EXAMPLES_MAX)
        return NULL;
    e = &v->example[v->n_examples++];
    *e = (struct example){.key = key};
    return e;
}

void example_say(struct example *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(e->sentence, sizeof e->sentence, fmt, ap); /* a very long one is cut */
    va_end(ap);
}

void example_op(struct example *e, uint32_t op)
{
    for (unsigned i = 0; i < e->n_ops; i++) {
        if (e->op[i] == op)
            return;
    }
    if (op != RUN_NONE && e->n_ops < EXAMPLE_OPS_MAX)
        e->op[e->n_ops++] = op;
}

void example_mark(struct example *e, unsigned store, uint32_t request, uint32_t n)
{
    if (e->n_marks < EXAMPLE_MARKS_MAX)
        e->mark[e->n_marks++] = (struct example_mark){store, request, n};
}

uint32_t journal_find(const struct run_data *run, uint32_t state, uint32_t request)
{
    const struct run_state *s = &run->state[state];

    for (uint32_t i = 0; i < s->n_entries; i++) {
        if (run->entry[s->first + i].request == request)
            return i + 1;
    }
    return 0;
}

void example_mark_all(const struct run_data *run, struct example *e, uint32_t request)
{
    for (unsigned i = 0; i < e->n_marks; i++) {
        if (e->mark[i].request == request)
            return;
    }
    for (unsigned i = 0; i < run->n_stores; i++)
        example_mark(e, i, request, journal_find(run, e->key * run->n_stores + i, request));
}

/* --- phrases ---------------------------------------------------------------------------------- */

static char *phrase_buffer(void)
{
    static char buffer[PHRASES][PHRASE_SIZE];
    static unsigned next;

    next = (next + 1) % PHRASES;
    return buffer[next];
}

const char *phrase_write(const struct run_data *run, uint32_t op, uint32_t key)
{
    const struct history_op *h = &run->history.op[op];
    char *text = phrase_buffer();

    (void)snprintf(text, PHRASE_SIZE, "%s wrote %s at %.3f s (%s)", h->txn->request,
                   intern_text(&run->keys, key), run_seconds(run, h->invoked_us),
                   h->server[0] ? h->server : "never sent");
    return text;
}

const char *phrase_read(const struct run_data *run, uint32_t op, uint32_t state)
{
    const struct history_op *h = &run->history.op[op];
    char *text = phrase_buffer();

    (void)snprintf(text, PHRASE_SIZE, "%s read %s at %s at %.3f s (%s)", h->txn->request,
                   run_key_name(run, state), run_store_name(run, state),
                   run_seconds(run, h->invoked_us), h->direct_read ? "directly" : h->server);
    return text;
}

/* How a client that got no definite answer came to know that it would not. */
static void say_unknown(const struct history_op *h, double at_s, char *text)
{
    if (h->code == CODE_TIMEOUT)
        (void)snprintf(text, PHRASE_SIZE, "had no answer by %.3f s", at_s);
    else if (h->code == CODE_PARTIAL)
        (void)snprintf(text, PHRASE_SIZE, "was answered \"partial\" at %.3f s", at_s);
    else
        (void)snprintf(text, PHRASE_SIZE, "lost its answer at %.3f s", at_s);
}

const char *phrase_end(const struct run_data *run, uint32_t op)
{
    const struct history_op *h = &run->history.op[op];
    double at_s = run_seconds(run, h->ended_us);
    char *text = phrase_buffer();

    switch (h->end) {
    case HISTORY_OK:
        (void)snprintf(text, PHRASE_SIZE, "was acknowledged at %.3f s", at_s);
        break;
    case HISTORY_FAIL:
        (void)snprintf(text, PHRASE_SIZE, "failed at %.3f s (%s)", at_s, code_name(h->code));
        break;
    case HISTORY_INFO:
        say_unknown(h, at_s, text);
        break;
    case HISTORY_OPEN:
        (void)snprintf(text, PHRASE_SIZE, "was never answered");
        break;
    }
    return text;
}

const char *phrase_stores(const struct run_data *run, uint32_t bits)
{
    char *text = phrase_buffer();
    unsigned n = (unsigned)__builtin_popcount(bits), done = 0;
    size_t used = 0;

    if (n == 0)
        return "no store";
    text[0] = '\0';
    for (unsigned i = 0; i < run->n_stores; i++) {
        const char *glue = done == 0 ? "" : done + 1 == n ? " and " : ", ";

        if (!(bits >> i & 1U))
            continue;
        used += (size_t)snprintf(text + used, PHRASE_SIZE - used, "%s%s", glue, run->store[i]);
        assert(used < PHRASE_SIZE);
        done++;
    }
    return text;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *end_name(enum history_end end)
{
    static const char *const name[] = {"info", "ok", "fail", "info"}; /* open counts as info */

    return name[end];
}

static json_t *op_to_json(const struct run_data *run, uint32_t op)
{
    const struct history_op *h = &run->history.op[op];
    json_t *json = json_object();

    (void)json_object_set_new(json, "op", json_integer((json_int_t)op));
    (void)json_object_set_new(json, "request", json_string(h->txn->request));
    (void)json_object_set_new(json, "client", json_integer((json_int_t)h->client));
    (void)json_object_set_new(json, "server", json_string(h->server));
    (void)json_object_set_new(json, "invoked_s", json_real(run_seconds(run, h->invoked_us)));
    (void)json_object_set_new(json, "ended_s",
                              h->end == HISTORY_OPEN ? json_null()
                                                     : json_real(run_seconds(run, h->ended_us)));
    (void)json_object_set_new(json, "end", json_string(end_name(h->end)));
    (void)json_object_set_new(json, "code", json_string(code_name(h->code)));
    (void)json_object_set_new(json, "read", json_boolean(!run_op_writes(run, op)));
    return json;
}

static json_t *mark_to_json(const struct run_data *run, const struct example_mark *mark)
{
    json_t *json = json_object();

    (void)json_object_set_new(json, "store", json_string(run->store[mark->store]));
    (void)json_object_set_new(json, "request", json_string(run_word(run, mark->request)));
    (void)json_object_set_new(json, "n", mark->n ? json_integer(mark->n) : json_null());
    return json;
}

static json_t *example_to_json(const struct run_data *run, const struct example *e)
{
    json_t *json = json_object(), *ops = json_array(), *marks = json_array();

    for (unsigned i = 0; i < e->n_ops; i++)
        (void)json_array_append_new(ops, op_to_json(run, e->op[i]));
    for (unsigned i = 0; i < e->n_marks; i++)
        (void)json_array_append_new(marks, mark_to_json(run, &e->mark[i]));
    (void)json_object_set_new(json, "sentence", json_string(e->sentence));
    (void)json_object_set_new(json, "key",
                              e->key == RUN_NONE ? json_null()
                                                 : json_string(intern_text(&run->keys, e->key)));
    (void)json_object_set_new(json, "ops", ops);
    (void)json_object_set_new(json, "journals", marks);
    return json;
}

/*
 * The rule of three (Hanley & Lippman-Hand, JAMA 1983): 0 of n leaves any share below 3/n possible.
 * Of n that were looked at: an unknown verdict has seen some of them, or none.
 */
static json_t *bound95_to_json(const struct verdict *v)
{
    return v->word == VERDICT_VALID ? json_real(3.0 / (double)v->of) : json_null();
}

json_t *verdict_to_json(const struct run_data *run, const struct verdict *v)
{
    json_t *json = json_object(), *examples = json_array();
    bool judged = v->word != VERDICT_NOT_JUDGED;

    for (unsigned i = 0; i < v->n_examples; i++)
        (void)json_array_append_new(examples, example_to_json(run, &v->example[i]));
    (void)json_object_set_new(json, "verdict", json_string(verdict_word_name(v->word)));
    (void)json_object_set_new(json, "count",
                              judged ? json_integer((json_int_t)v->count) : json_null());
    (void)json_object_set_new(json, "of", judged ? json_integer((json_int_t)v->of) : json_null());
    (void)json_object_set_new(json, "bound95", bound95_to_json(v));
    (void)json_object_set_new(json, "promised", json_boolean(v->promised));
    (void)json_object_set_new(json, "condition", json_string(v->condition ? v->condition : ""));
    (void)json_object_set_new(json, "examples", examples);
    return json;
}
