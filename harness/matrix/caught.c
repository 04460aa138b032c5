/* Whom a fault caught: see the header. */
#include "harness/matrix/caught.h"

#include "base/mem.h"
#include "harness/checkers/run_data.h"
#include "harness/results/cell.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[MATRIX_WORDS] = {
    [MATRIX_SHOWN] = "shown",
    [MATRIX_NOT_EXERCISED] = "not exercised",
    [MATRIX_UNKNOWN] = "unknown",
    [MATRIX_VIOLATED] = "NOT SO",
};

const char *matrix_word(enum matrix_word word)
{
    assert(word < MATRIX_WORDS);
    return words[word];
}

/* --- whom ------------------------------------------------------------------------------------- */

/* The door whose transactions it hit, or NULL: a store by itself hits nobody in particular. */
static const char *door_of(const struct fault *fault)
{
    if (fault_at_start(fault))
        return NULL; /* its door answers nobody yet */
    if (fault->of[0])
        return fault->of;
    return strncmp(fault->target, "serve", 5) == 0 ? fault->target : NULL;
}

static bool was_unanswered(const struct history_op *op, const char *door, int64_t at_us)
{
    int64_t until_us;

    return op->invoked_us > 0 && op->invoked_us <= at_us &&
           (op->ended_us == 0 || op->ended_us > at_us) &&
           strcmp(history_door_at(op, at_us, &until_us), door) == 0;
}

static bool is_caught(const struct run_data *run, const struct schedule *schedule, size_t op)
{
    for (unsigned i = 0; i < run->n_faults && i < schedule->n_faults; i++) {
        const char *door = door_of(&schedule->fault[i]);

        if (door && run->fault[i].begin_us > 0 &&
            was_unanswered(&run->history.op[op], door, run->fault[i].begin_us))
            return true;
    }
    return false;
}

static void count(const struct run_op *op, struct fates *f)
{
    f->n++;
    if (op->applied == op->writes)
        f->n_committed++;
    else if (op->applied == 0)
        f->n_rolled_back++;
    else
        f->n_mixed++;
}

/* --- when ------------------------------------------------------------------------------------- */

/* Everybody is being started, or goes on, from then on. */
static int64_t restart_us(const struct run_data *run, const struct schedule *schedule)
{
    int64_t at_us = 0;

    for (unsigned i = 0; i < run->n_faults && i < schedule->n_faults; i++) {
        int64_t over_us = run->fault[i].begin_us + schedule->fault[i].lasts_us;

        if (run->fault[i].begin_us > 0 && over_us > at_us)
            at_us = over_us;
    }
    return at_us;
}

static void look_when(const struct run_data *run, const struct schedule *schedule,
                      const bool *caught, struct caught *c)
{
    int64_t from_us = restart_us(run, schedule);

    c->resolve_us = -1;
    for (size_t i = 0; i < run->n_in_doubt; i++) {
        const struct run_in_doubt *sample = &run->in_doubt[i];

        for (uint32_t g = sample->first; g < sample->first + sample->n; g++) {
            uint32_t op = run->gid[g].op;

            if (op != RUN_NONE && caught[op] && sample->at_us > from_us &&
                sample->at_us - from_us > c->resolve_us)
                c->resolve_us = sample->at_us - from_us;
        }
    }
}

/* When the first fault hit; 0: none did. */
static int64_t first_hit_us(const struct run_data *run)
{
    int64_t at_us = 0;

    for (unsigned i = 0; i < run->n_faults; i++) {
        int64_t begin_us = run->fault[i].begin_us;

        if (begin_us > 0 && (at_us == 0 || begin_us < at_us))
            at_us = begin_us;
    }
    return at_us;
}

/* How many of them a store's sample shows prepared since then. */
static unsigned count_in_doubt(const struct run_data *run, const bool *them)
{
    bool *seen = mem_alloc_array(run->history.n + 1, sizeof *seen);
    int64_t hit_us = first_hit_us(run);
    unsigned n = 0;

    for (size_t i = 0; i < run->n_in_doubt; i++) {
        const struct run_in_doubt *sample = &run->in_doubt[i];

        for (uint32_t g = sample->first; g < sample->first + sample->n; g++) {
            uint32_t op = run->gid[g].op;

            if (op == RUN_NONE || !them[op] || seen[op] || sample->at_us < hit_us)
                continue;
            seen[op] = true;
            n++;
        }
    }
    free(seen);
    return n;
}

/* --- a run ------------------------------------------------------------------------------------ */

/* Of the first fault at a crash point: exactly those that its record names. */
static void look_at_point(const struct run_data *run, bool *held, struct caught *c)
{
    const struct run_fault *fault = run->fault;
    const struct run_fault *end = fault + run->n_faults;

    while (fault < end && !fault->point[0])
        fault++;
    if (fault == end)
        return;
    c->gather = fault->gather;
    c->gathered = fault->gathered == RUN_NONE ? 0 : fault->gathered;
    for (size_t i = 0; i < json_array_size(fault->held); i++) {
        const char *request = json_string_value(json_array_get(fault->held, i));
        uint32_t op = request ? run_find_op(run, request) : RUN_NONE;

        if (op != RUN_NONE)
            held[op] = true;
    }
}

static void look(const struct run_data *run, const struct schedule *schedule, struct caught *c)
{
    bool *caught = mem_alloc_array(run->history.n + 1, sizeof *caught);
    bool *held = mem_alloc_array(run->history.n + 1, sizeof *held);

    look_at_point(run, held, c);
    for (size_t i = 0; i < run->history.n; i++) {
        if (!run_op_writes(run, i))
            continue;
        c->n_failed += run->history.op[i].end == HISTORY_FAIL;
        caught[i] = is_caught(run, schedule, i);
        if (caught[i])
            count(&run->op[i], &c->all);
        if (held[i])
            count(&run->op[i], &c->held);
    }
    look_when(run, schedule, caught, c);
    c->n_in_doubt = count_in_doubt(run, c->gather > 0 ? held : caught);
    free(held);
    free(caught);
}

int caught_read(const char *folder, const struct schedule *schedule, struct caught *ret_caught,
                struct errctx *err)
{
    struct run_data *run = mem_alloc(sizeof *run); /* too large for a stack */
    int rc = run_data_load(folder, run, err);

    *ret_caught = (struct caught){.any_fault = schedule->n_faults > 0, .resolve_us = -1};
    if (!rc && run->finished)
        look(run, schedule, ret_caught);
    run_data_done(run);
    free(run);
    return rc;
}

/* --- the word --------------------------------------------------------------------------------- */

/* Of those that stood at the crash point: who had not come to it, or had passed it, ends otherwise.
 */
static bool is_right(const struct caught *c, enum matrix_outcome outcome)
{
    switch (outcome) {
    case MATRIX_COMMITTED:
        return c->held.n_committed == c->held.n;
    case MATRIX_ROLLED_BACK:
        return c->held.n_rolled_back == c->held.n;
    case MATRIX_EITHER:
    case MATRIX_OUTCOMES:
        break;
    }
    return true;
}

enum matrix_word matrix_judge(const json_t *run, const struct caught *c,
                              enum matrix_outcome outcome, bool in_doubt)
{
    enum cell_mark mark = run ? cell_mark_of(run) : MARK_UNKNOWN;

    if (mark == MARK_BROKEN)
        return MATRIX_VIOLATED;
    if (mark == MARK_UNKNOWN) /* not at rest: what is mixed may still become whole */
        return MATRIX_UNKNOWN;
    if (c->all.n_mixed + c->held.n_mixed > 0 || !is_right(c, outcome))
        return MATRIX_VIOLATED;
    if (mark == MARK_NOT_EXERCISED || c->gathered < c->gather || c->held.n < c->gather)
        return MATRIX_NOT_EXERCISED;
    if (c->any_fault ? c->all.n == 0 : c->n_failed == 0)
        return MATRIX_NOT_EXERCISED;
    return in_doubt && c->n_in_doubt == 0 ? MATRIX_NOT_EXERCISED : MATRIX_SHOWN;
}

enum matrix_word matrix_worst(enum matrix_word so_far, bool done, enum matrix_word word)
{
    enum matrix_word next = done ? word : MATRIX_UNKNOWN;

    return so_far == MATRIX_WORDS || next > so_far ? next : so_far;
}
