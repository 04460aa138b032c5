/*
 * The checkers against references: small random runs, judged twice.
 * Folder: harness
 *
 * The references below follow the words of docs/results.md pair by pair, on the built run itself,
 * and share nothing with the checkers but those words. A run starts out right and is then damaged,
 * so that every verdict comes out both ways often; how often is asserted at the end.
 */
#include "base/random.h"
#include "harness/checkers/checkers.h"
#include "run_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUNS     10000
#define OPS_MAX  9
#define OPEN_END INT64_MAX

struct judged {
    enum verdict_word word;
    uint64_t count, of;
};

static struct rng rng;

static bool chance(unsigned percent)
{
    return rng_below(&rng, 100) < percent;
}

/* --- runs ------------------------------------------------------------------------------------- */

static void add_write(struct built_op *op)
{
    unsigned key = chance(60) ? 0 : 1;
    unsigned stores = chance(70) ? BUILT_ALL : 1U + (unsigned)rng_below(&rng, 7);
    unsigned version = chance(25) ? 1 + (unsigned)rng_below(&rng, 9) : 0;
    bool number = key == 1;
    int delta = (int)rng_below(&rng, 9) - 4;
    bool has_min = chance(30);
    const char *value = chance(15) ? "same" : op->request;

    for (unsigned store = 0; store < BUILT_STORES; store++) {
        struct built_micro *micro;

        if (!(stores >> store & 1U))
            continue;
        micro = built_micro(op, number ? OP_INCR : OP_WRITE, store, key, number ? "" : value);
        micro->delta = delta;
        micro->has_min = number && has_min;
        micro->min = -3;
        micro->version = number ? 0 : version;
    }
}

static void add_read(struct built *b, struct built_op *op)
{
    const struct built_op *source = &b->op[rng_below(&rng, b->n_ops)];
    unsigned store = (unsigned)rng_below(&rng, BUILT_STORES);
    const char *value = chance(20) ? "" : chance(10) ? "zz" : chance(20) ? "same" : source->request;

    built_micro(op, OP_READ, store, (unsigned)rng_below(&rng, 2), value);
}

static void add_micros(struct built *b, struct built_op *op)
{
    bool reads = chance(55);

    if (!reads || chance(10))
        add_write(op);
    for (unsigned n = chance(30) ? 3 : 1; reads && n > 0; n--)
        add_read(b, op);
    if (!built_has_write(op))
        op->end = HISTORY_OK;
    else if (chance(15))
        op->level = "decided";
}

static void make_ops(struct built *b)
{
    static const enum history_end end[] = {HISTORY_OK, HISTORY_OK, HISTORY_OK, HISTORY_FAIL,
                                           HISTORY_INFO};
    unsigned n = 1 + (unsigned)rng_below(&rng, OPS_MAX);
    int64_t at_ms = 0;

    for (unsigned i = 0; i < n; i++) {
        char request[BUILT_TEXT];
        struct built_op *op;

        at_ms += (int64_t)rng_below(&rng, 3);
        (void)snprintf(request, sizeof request, "c%u-%u", i % 4, i);
        op = built_op(b, request, at_ms, at_ms + (int64_t)rng_below(&rng, 5),
                      end[rng_below(&rng, 5)]);
        if (op->end == HISTORY_INFO && chance(30))
            op->end = HISTORY_OPEN;
        op->client = (unsigned)rng_below(&rng, 3);
        add_micros(b, op);
    }
}

/* Most of what should be applied is, mostly in order, mostly once. */
static void make_journals(struct built *b, unsigned damage)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];
        bool wanted = op->end == HISTORY_OK     ? !chance(damage)
                      : op->end == HISTORY_FAIL ? chance(damage)
                                                : chance(50);

        if (!wanted)
            continue;
        built_apply(b, op, chance(damage) ? (unsigned)rng_below(&rng, 8) : BUILT_ALL);
        if (chance(damage))
            built_apply(b, &b->op[rng_below(&rng, i + 1)], (unsigned)rng_below(&rng, 8));
    }
}

static bool promised_to_all[BUILT_OPS_MAX]; /* decided, or in the log */

static void make_evidence(struct built *b, unsigned damage)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];

        promised_to_all[i] = built_has_write(op) && chance(damage / 3);
        if (promised_to_all[i] && chance(50))
            built_decide(b, op);
        else if (promised_to_all[i])
            built_record(b, op);
    }
}

static void damage_state(struct built_state *s, unsigned damage)
{
    if (s->n_entries >= 2 && chance(damage * 2)) {
        unsigned x = (unsigned)rng_below(&rng, s->n_entries),
                 y = (unsigned)rng_below(&rng, s->n_entries);
        struct built_entry swap = s->entry[x];

        s->entry[x] = s->entry[y];
        s->entry[y] = swap;
    }
    if (s->n_entries >= 1 && chance(damage / 2))
        (void)snprintf(s->entry[0].op, sizeof s->entry[0].op, "7 w odd");
    if (s->n_entries >= 1 && chance(damage / 4))
        s->entry[s->n_entries++] = s->entry[0];
    if (s->n_entries >= 1 && chance(damage / 2))
        s->skip_n = 1 + (unsigned)rng_below(&rng, s->n_entries);
}

/* What the journal makes after n entries. */
static void fold_prefix(const struct built_state *s, unsigned n, char value[BUILT_TEXT])
{
    static struct built_state prefix;

    prefix = *s;
    prefix.n_entries = n;
    built_fold(&prefix, value);
}

/* Reads as a store answers that only ever appends; `false_percent` of them otherwise. */
static void answer_reads(struct built *b, unsigned false_percent)
{
    bool fresh = chance(40);

    for (unsigned i = 0; i < b->n_ops; i++) {
        for (unsigned k = 0; k < b->op[i].n_micros; k++) {
            struct built_micro *m = &b->op[i].micro[k];
            const struct built_state *s = &b->state[m->key][m->store];

            if (m->kind != OP_READ || chance(false_percent))
                continue;
            m->n = s->n_entries - (unsigned)rng_below(&rng, fresh ? 1 : s->n_entries + 1);
            fold_prefix(s, m->n, m->value);
        }
    }
}

static void make_run(struct built *b, uint64_t seed)
{
    unsigned damage;

    rng = rng_new(seed, "run");
    damage = chance(40) ? 0 : (unsigned)rng_below(&rng, 30);
    built_init(b);
    b->settled = chance(85);
    make_ops(b);
    make_journals(b, damage);
    make_evidence(b, damage);
    for (unsigned key = 0; key < BUILT_KEYS; key++) {
        for (unsigned store = 0; store < BUILT_STORES; store++) {
            damage_state(&b->state[key][store], damage);
            built_fold(&b->state[key][store], b->state[key][store].value);
            if (chance(damage / 4) && b->state[key][store].exists)
                (void)snprintf(b->state[key][store].value, BUILT_TEXT, "bad");
        }
    }
    answer_reads(b, chance(70) ? 0 : 50);
}

/* --- references ------------------------------------------------------------------------------- */

static const struct built_op *find_op(const struct built *b, const char *request)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        if (strcmp(b->op[i].request, request) == 0)
            return &b->op[i];
    }
    return NULL;
}

static bool is_write(const struct built_op *op)
{
    return built_has_write(op);
}

static unsigned n_writes(const struct built_op *op)
{
    unsigned n = 0;

    for (unsigned i = 0; i < op->n_micros; i++)
        n += op->micro[i].kind != OP_READ;
    return n;
}

static int64_t ended(const struct built_op *op)
{
    return op->end == HISTORY_OPEN ? OPEN_END : op->ended_ms;
}

/* This entry is what its request asked of this key at this store. */
static bool asked(const struct built *b, unsigned key, unsigned store, const struct built_entry *e)
{
    const struct built_op *op = find_op(b, e->request);
    char text[BUILT_TEXT * 2];

    for (unsigned i = 0; op && i < op->n_micros; i++) {
        built_op_text(op, i, text, sizeof text);
        if (op->micro[i].key == key && op->micro[i].store == store && strcmp(text, e->op) == 0)
            return true;
    }
    return false;
}

static bool has_micro(const struct built *b, const struct built_op *op, unsigned i)
{
    const struct built_state *s = &b->state[op->micro[i].key][op->micro[i].store];
    char text[BUILT_TEXT * 2];

    built_op_text(op, i, text, sizeof text);
    for (unsigned k = 0; k < s->n_entries; k++) {
        if (strcmp(s->entry[k].request, op->request) == 0 && strcmp(s->entry[k].op, text) == 0)
            return true;
    }
    return false;
}

static unsigned n_applied(const struct built *b, const struct built_op *op)
{
    unsigned n = 0;

    for (unsigned i = 0; i < op->n_micros; i++)
        n += op->micro[i].kind != OP_READ && has_micro(b, op, i);
    return n;
}

static void conclude(const struct built *b, struct judged *j)
{
    j->word = j->count      ? VERDICT_INVALID
              : !b->settled ? VERDICT_UNKNOWN
              : j->of == 0  ? VERDICT_NOT_EXERCISED
                            : VERDICT_VALID;
}

static void ref_durability(const struct built *b, struct judged *j)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        if (b->op[i].end != HISTORY_OK || !is_write(&b->op[i]))
            continue;
        j->of++;
        j->count += b->settled && n_applied(b, &b->op[i]) < n_writes(&b->op[i]);
    }
    conclude(b, j);
}

static void ref_atomicity(const struct built *b, struct judged *j)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        unsigned n = n_applied(b, &b->op[i]);

        if (!is_write(&b->op[i]))
            continue;
        j->of++;
        j->count += b->settled && n < n_writes(&b->op[i]) && (n > 0 || promised_to_all[i]);
    }
    conclude(b, j);
}

/* A read's value is all right when some write of it, not failed, was sent before it returned. */
static bool read_explained(const struct built *b, const struct built_op *read,
                           const struct built_micro *found)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];

        for (unsigned k = 0; k < op->n_micros; k++) {
            const struct built_micro *m = &op->micro[k];

            if (m->kind == OP_WRITE && m->key == found->key && m->store == found->store &&
                strcmp(m->value, found->value) == 0 && op->end != HISTORY_FAIL &&
                op->invoked_ms <= read->ended_ms)
                return true;
        }
    }
    return false;
}

static bool has_numbers(const struct built *b, unsigned key, unsigned store)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        for (unsigned k = 0; k < b->op[i].n_micros; k++) {
            if (b->op[i].micro[k].kind == OP_INCR && b->op[i].micro[k].key == key &&
                b->op[i].micro[k].store == store)
                return true;
        }
    }
    return false;
}

static void ref_ghosts(const struct built *b, struct judged *j)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];

        if (is_write(op)) {
            j->of += op->end == HISTORY_FAIL;
            j->count += op->end == HISTORY_FAIL && (n_applied(b, op) > 0 || promised_to_all[i]);
        }
        for (unsigned k = 0; op->end == HISTORY_OK && k < op->n_micros; k++) {
            const struct built_micro *m = &op->micro[k];

            j->count += m->kind == OP_READ && m->value[0] && !has_numbers(b, m->key, m->store) &&
                        !read_explained(b, op, m);
        }
    }
    for (unsigned key = 0; key < BUILT_KEYS; key++) {
        for (unsigned store = 0; store < BUILT_STORES; store++) {
            for (unsigned i = 0; i < b->state[key][store].n_entries; i++)
                j->count += !asked(b, key, store, &b->state[key][store].entry[i]);
        }
    }
    conclude(b, j);
}

static bool stands_before(const struct built_state *s, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(s->entry[k].request, s->entry[i].request) == 0 &&
            strcmp(s->entry[k].op, s->entry[i].op) == 0)
            return true;
    }
    return false;
}

static void ref_duplicates(const struct built *b, struct judged *j)
{
    for (unsigned key = 0; key < BUILT_KEYS; key++) {
        for (unsigned store = 0; store < BUILT_STORES; store++) {
            const struct built_state *s = &b->state[key][store];

            j->of += s->n_entries;
            for (unsigned i = 0; i < s->n_entries; i++)
                j->count += stands_before(s, i);
        }
    }
    conclude(b, j);
}

/* Some operation writes this key at this store, or the store has it. */
static bool counts(const struct built *b, unsigned key, unsigned store)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        for (unsigned k = 0; k < b->op[i].n_micros; k++) {
            if (b->op[i].micro[k].kind != OP_READ && b->op[i].micro[k].key == key &&
                b->op[i].micro[k].store == store)
                return true;
        }
    }
    return b->state[key][store].exists;
}

static bool bad_key(const struct built *b, unsigned key)
{
    bool bad = false;

    for (unsigned x = 0; x < BUILT_STORES; x++) {
        const struct built_state *s = &b->state[key][x];
        char value[BUILT_TEXT];

        built_fold(s, value);
        bad |= s->exists && (strcmp(value, s->value) != 0 || s->skip_n > 0);
        for (unsigned y = 0; y < BUILT_STORES; y++)
            bad |= counts(b, key, x) && counts(b, key, y) &&
                   (s->exists != b->state[key][y].exists ||
                    strcmp(s->value, b->state[key][y].value) != 0);
    }
    return bad;
}

static void ref_convergence(const struct built *b, struct judged *j)
{
    for (unsigned key = 0; key < BUILT_KEYS; key++) {
        j->of += counts(b, key, 0) || counts(b, key, 1) || counts(b, key, 2);
        j->count += b->settled && bad_key(b, key);
    }
    conclude(b, j);
}

/* 1-based place of the request's first entry, 0 for none. */
static unsigned place(const struct built_state *s, const char *request)
{
    for (unsigned i = 0; i < s->n_entries; i++) {
        if (strcmp(s->entry[i].request, request) == 0)
            return i + 1;
    }
    return 0;
}

/* All that this request does to this key at this store is unbounded increments. */
static bool only_adds(const struct built *b, unsigned key, unsigned store, const char *request)
{
    const struct built_state *s = &b->state[key][store];
    const struct built_op *op = find_op(b, request);

    if (!op || !strstr(s->entry[place(s, request) - 1].op, " incr "))
        return false;
    for (unsigned i = 0; i < op->n_micros; i++) {
        if (op->micro[i].key == key && op->micro[i].store == store &&
            op->micro[i].kind != OP_READ && (op->micro[i].kind != OP_INCR || op->micro[i].has_min))
            return false;
    }
    return true;
}

static bool opposite(const struct built *b, unsigned key, unsigned x, unsigned y)
{
    const struct built_state *s = &b->state[key][x], *t = &b->state[key][y];

    for (unsigned i = 0; i < s->n_entries; i++) {
        for (unsigned k = 0; k < s->n_entries; k++) {
            const char *p = s->entry[i].request, *q = s->entry[k].request;

            if (place(s, p) < place(s, q) && place(t, q) > 0 && place(t, q) < place(t, p) &&
                !(only_adds(b, key, y, p) && only_adds(b, key, y, q)))
                return true;
        }
    }
    return false;
}

static void ref_order(const struct built *b, struct judged *j)
{
    for (unsigned key = 0; key < BUILT_KEYS; key++) {
        unsigned n = 0;

        for (unsigned store = 0; store < BUILT_STORES; store++)
            n += b->state[key][store].n_entries > 0;
        j->of += n > 1;
        j->count += opposite(b, key, 0, 1) || opposite(b, key, 0, 2) || opposite(b, key, 1, 2);
    }
    conclude(b, j);
}

/* Everything that `op` writes to this key and store is a number added to it. */
static bool adds_only(const struct built_op *op, unsigned key, unsigned store)
{
    unsigned n_adds = 0, n_writes = 0;

    for (unsigned k = 0; k < op->n_micros; k++) {
        const struct built_micro *m = &op->micro[k];

        if (m->key != key || m->store != store || m->kind == OP_READ)
            continue;
        n_writes++;
        n_adds += m->kind == OP_INCR && !m->has_min;
    }
    return n_writes > 0 && n_adds == n_writes;
}

static bool writes_beside_more_than_additions(const struct built *b, const struct built_op *op)
{
    for (unsigned k = 0; k < op->n_micros; k++) {
        const struct built_micro *m = &op->micro[k];

        for (unsigned i = 0; m->kind != OP_READ && i < b->n_ops; i++) {
            const struct built_op *other = &b->op[i];

            for (unsigned l = 0; l < other->n_micros; l++) {
                if (other->micro[l].key == m->key && other->micro[l].store == m->store &&
                    other->micro[l].kind != OP_READ && !adds_only(other, m->key, m->store))
                    return true;
            }
        }
    }
    return false;
}

/* In this journal, `x` stands behind something that was invoked after it was acknowledged. */
static bool overtaken(const struct built *b, unsigned key, unsigned store, const struct built_op *x)
{
    const struct built_state *s = &b->state[key][store];

    for (unsigned i = 0; i < s->n_entries; i++) {
        const struct built_entry *e = &s->entry[i];

        if (strcmp(e->request, x->request) != 0 || !asked(b, key, store, e) || stands_before(s, i))
            continue;
        for (unsigned k = 0; k < i; k++) {
            const struct built_op *y = find_op(b, s->entry[k].request);

            if (y && asked(b, key, store, &s->entry[k]) && ended(x) < y->invoked_ms &&
                !(adds_only(x, key, store) && adds_only(y, key, store)))
                return true;
        }
    }
    return false;
}

static void ref_real_time(const struct built *b, struct judged *j)
{
    for (unsigned i = 0; i < b->n_ops; i++) {
        bool found = false;

        if (b->op[i].end != HISTORY_OK || !writes_beside_more_than_additions(b, &b->op[i]))
            continue;
        j->of++;
        for (unsigned key = 0; key < BUILT_KEYS; key++) {
            for (unsigned store = 0; store < BUILT_STORES; store++)
                found |= overtaken(b, key, store, &b->op[i]);
        }
        j->count += found;
    }
    conclude(b, j);
}

/* --- references: money ------------------------------------------------------------------------ */

static bool did_happen(const struct built *b, unsigned i)
{
    const struct built_op *op = &b->op[i];

    return op->end == HISTORY_OK ||
           (op->end != HISTORY_FAIL && (n_applied(b, op) > 0 || promised_to_all[i]));
}

/* Some entry left less than the bound that its operation carries. */
static bool below_bound(const struct built *b, unsigned key, unsigned store)
{
    const struct built_state *s = &b->state[key][store];

    for (unsigned i = 0; i < s->n_entries && (s->skip_n == 0 || i + 1 < s->skip_n); i++) {
        const struct built_op *op = find_op(b, s->entry[i].request);
        char value[BUILT_TEXT];

        if (!strstr(s->entry[i].op, " incr "))
            return false;
        fold_prefix(s, i + 1, value);
        for (unsigned k = 0; op && asked(b, key, store, &s->entry[i]) && k < op->n_micros; k++) {
            const struct built_micro *m = &op->micro[k];

            if (m->key == key && m->store == store && m->kind == OP_INCR && m->has_min &&
                atoi(value) < m->min)
                return true;
        }
    }
    return false;
}

static bool wrong_balance(const struct built *b, unsigned key, unsigned store)
{
    const struct built_state *s = &b->state[key][store];
    long sum = 0, balance;
    char *end;

    for (unsigned i = 0; i < b->n_ops; i++) {
        for (unsigned k = 0; did_happen(b, i) && k < b->op[i].n_micros; k++) {
            const struct built_micro *m = &b->op[i].micro[k];

            if (m->key == key && m->store == store && m->kind == OP_INCR)
                sum += m->delta;
        }
    }
    balance = strtol(s->value, &end, 10);
    return *end || (s->exists && !s->value[0]) || balance != sum;
}

static void ref_conservation(const struct built *b, struct judged *j)
{
    for (unsigned store = 0; store < BUILT_STORES; store++) {
        if (!has_numbers(b, 1, store)) /* key 0 is overwritten */
            continue;
        j->of++;
        j->count += below_bound(b, 1, store) || (b->settled && wrong_balance(b, 1, store));
    }
    conclude(b, j);
}

/* --- references: readers ---------------------------------------------------------------------- */

/* Answered, and its transaction does not write there itself. */
static bool is_seen(const struct built_op *op, unsigned k)
{
    for (unsigned i = 0; i < op->n_micros; i++) {
        if (op->micro[i].kind != OP_READ && op->micro[i].key == op->micro[k].key &&
            op->micro[i].store == op->micro[k].store)
            return false;
    }
    return op->end == HISTORY_OK && op->micro[k].kind == OP_READ;
}

/* Every read of this store saw what the first n entries make, and no n is missing. */
static bool only_appended(const struct built *b, unsigned store)
{
    for (unsigned key = 0; key < BUILT_KEYS; key++) {
        if (b->state[key][store].skip_n > 0)
            return false;
    }
    for (unsigned i = 0; i < b->n_ops; i++) {
        for (unsigned k = 0; k < b->op[i].n_micros; k++) {
            const struct built_micro *m = &b->op[i].micro[k];
            const struct built_state *s = &b->state[m->key][m->store];
            char value[BUILT_TEXT];

            if (m->store != store || !is_seen(&b->op[i], k))
                continue;
            if (m->n > s->n_entries)
                return false;
            fold_prefix(s, m->n, value);
            if (strcmp(m->value, value) != 0)
                return false;
        }
    }
    return true;
}

/* Its version was not above those before it. */
static bool no_effect(const struct built_state *s, unsigned i)
{
    unsigned version, before;

    if (sscanf(s->entry[i].op, "%*u w@%u", &version) != 1)
        return false;
    for (unsigned k = 0; k < i; k++) {
        if (sscanf(s->entry[k].op, "%*u w@%u", &before) == 1 && before >= version)
            return true;
    }
    return false;
}

/* The n of the first entry that micro-operation i is; 0: none, or one that showed nowhere. */
static unsigned shown_at(const struct built *b, const struct built_op *op, unsigned i)
{
    const struct built_state *s = &b->state[op->micro[i].key][op->micro[i].store];
    char text[BUILT_TEXT * 2];

    if (op->micro[i].kind == OP_READ)
        return 0;
    built_op_text(op, i, text, sizeof text);
    for (unsigned k = 0; k < s->n_entries; k++) {
        if (strcmp(s->entry[k].request, op->request) == 0 && strcmp(s->entry[k].op, text) == 0)
            return no_effect(s, k) ? 0 : k + 1;
    }
    return 0;
}

static bool same_state(const struct built_micro *x, const struct built_micro *y)
{
    return x->key == y->key && x->store == y->store;
}

/* The longest journal that this read had to find; what obliges was over before it was sent. */
static unsigned own_write(const struct built *b, const struct built_op *read,
                          const struct built_micro *found)
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];

        if (op->client != read->client || op->end != HISTORY_OK ||
            op->ended_ms >= read->invoked_ms || strcmp(op->level, "everywhere") != 0)
            continue;
        for (unsigned k = 0; k < op->n_micros; k++) {
            if (same_state(&op->micro[k], found) && shown_at(b, op, k) > n)
                n = shown_at(b, op, k);
        }
    }
    return n;
}

static unsigned own_read(const struct built *b, const struct built_op *read,
                         const struct built_micro *found)
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];

        if (op->client != read->client || op->ended_ms >= read->invoked_ms)
            continue;
        for (unsigned k = 0; k < op->n_micros; k++) {
            if (is_seen(op, k) && same_state(&op->micro[k], found) && op->micro[k].n > n)
                n = op->micro[k].n;
        }
    }
    return n;
}

/* Some read showed transaction t in micro-operation i, so that `read` had to see it elsewhere. */
static bool was_shown(const struct built *b, const struct built_op *t, unsigned i,
                      const struct built_op *read)
{
    unsigned n = shown_at(b, t, i);

    for (unsigned o = 0; n > 0 && o < b->n_ops; o++) {
        const struct built_op *op = &b->op[o];
        bool over = op == read ? t->invoked_ms <= op->ended_ms : op->ended_ms < read->invoked_ms;

        for (unsigned k = 0; over && k < op->n_micros; k++) {
            if (is_seen(op, k) && same_state(&op->micro[k], &t->micro[i]) && op->micro[k].n >= n)
                return true;
        }
    }
    return false;
}

/* The longest journal that this read had to find; *ret_due: it had to find any of t at all. */
static bool lacks_half(const struct built *b, const struct built_op *read,
                       const struct built_micro *found, bool *ret_due)
{
    bool lacks = false;

    for (unsigned o = 0; o < b->n_ops; o++) {
        const struct built_op *t = &b->op[o];

        for (unsigned here = 0; here < t->n_micros; here++) {
            unsigned n = same_state(&t->micro[here], found) ? shown_at(b, t, here) : 0;

            for (unsigned there = 0; n > 0 && there < t->n_micros; there++) {
                if (t->micro[there].store == found->store ||
                    !only_appended(b, t->micro[there].store) || !was_shown(b, t, there, read))
                    continue;
                *ret_due = true;
                lacks |= found->n < n;
            }
        }
    }
    return lacks;
}

enum about { OWN_WRITES, OWN_READS, HALVES };

static void judge_reads(const struct built *b, enum about about, struct judged *j)
{
    unsigned n_unjudged = 0;

    for (unsigned i = 0; i < b->n_ops; i++) {
        const struct built_op *op = &b->op[i];

        for (unsigned k = 0; k < op->n_micros; k++) {
            const struct built_micro *m = &op->micro[k];
            bool due = false;

            if (!is_seen(op, k))
                continue;
            if (about != OWN_READS && !only_appended(b, m->store)) {
                n_unjudged++;
            } else if (about == HALVES) {
                j->count += lacks_half(b, op, m, &due);
                j->of += due;
            } else {
                unsigned n = about == OWN_WRITES ? own_write(b, op, m) : own_read(b, op, m);

                j->of += n > 0;
                j->count += m->n < n;
            }
        }
    }
    conclude(b, j);
    if (n_unjudged > 0 && j->count == 0)
        j->word = VERDICT_UNKNOWN;
}

static void ref_fractured(const struct built *b, struct judged *j)
{
    judge_reads(b, HALVES, j);
}

static void ref_read_your_writes(const struct built *b, struct judged *j)
{
    judge_reads(b, OWN_WRITES, j);
}

static void ref_monotonic_reads(const struct built *b, struct judged *j)
{
    judge_reads(b, OWN_READS, j);
}

/* --- the comparison --------------------------------------------------------------------------- */

struct reference {
    const char *name;
    void (*judge)(const struct built *b, struct judged *j);
    unsigned n_valid, n_invalid;
};

static struct reference reference[] = {
    {.name = "durability", .judge = ref_durability},
    {.name = "atomicity", .judge = ref_atomicity},
    {.name = "convergence", .judge = ref_convergence},
    {.name = "order", .judge = ref_order},
    {.name = "real-time", .judge = ref_real_time},
    {.name = "ghosts", .judge = ref_ghosts},
    {.name = "duplicates", .judge = ref_duplicates},
    {.name = "conservation", .judge = ref_conservation},
    {.name = "fractured", .judge = ref_fractured},
    {.name = "read-your-writes", .judge = ref_read_your_writes},
    {.name = "monotonic-reads", .judge = ref_monotonic_reads},
};

static void compare(const struct built *b, const struct run_data *run, uint64_t seed)
{
    for (unsigned i = 0; i < CHECKERS; i++) {
        struct verdict v = {.promised = true, .level = LEVEL_EVERYWHERE};
        struct judged j = {0};

        assert_string_equal(checker_table[i].name, reference[i].name);
        checker_table[i].check(run, &v);
        reference[i].judge(b, &j);
        if (v.word != j.word || v.count != j.count || v.of != j.of)
            fail_msg("seed %d: %s is %s, %d of %d; reference: %s, %d of %d", (int)seed,
                     checker_table[i].name, verdict_word_name(v.word), (int)v.count, (int)v.of,
                     verdict_word_name(j.word), (int)j.count, (int)j.of);
        reference[i].n_valid += v.word == VERDICT_VALID;
        reference[i].n_invalid += v.word == VERDICT_INVALID;
    }
}

static void checkers_agree_with_references(void **state)
{
    static struct built b;
    struct errctx err = {0};
    struct run_data run;
    char dir[64];

    (void)state;
    built_make_dir(dir);
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make_run(&b, seed);
        built_save(&b, dir);
        if (run_data_load(dir, &run, &err) < 0)
            fail_msg("seed %d: %s", (int)seed, err.message);
        compare(&b, &run, seed);
        run_data_done(&run);
        built_done(&b);
    }
    built_remove_dir(dir);
    for (unsigned i = 0; i < CHECKERS; i++) {
        if (reference[i].n_valid <= RUNS / 50 || reference[i].n_invalid <= RUNS / 50)
            fail_msg("%s: %u runs valid, %u invalid", reference[i].name, reference[i].n_valid,
                     reference[i].n_invalid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkers_agree_with_references),
    };

    return cmocka_run_group_tests_name("checkers, random", tests, NULL, NULL);
}
