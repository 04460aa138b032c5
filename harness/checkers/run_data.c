/* One run folder in memory: see the header. Loading of the single files: run_files.c (what the
 * harness noted), run_states.c (history and final states). */
#include "harness/checkers/run_data.h"

#include "base/clock.h"
#include "base/mem.h"
#include "harness/workload/workload.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

unsigned run_find_store(const struct run_data *run, const char *name)
{
    for (unsigned i = 0; i < run->n_stores; i++) {
        if (strcmp(run->store[i], name) == 0)
            return i;
    }
    return STORES_MAX;
}

uint32_t run_find_op(const struct run_data *run, const char *request)
{
    uint32_t word = intern_find(&run->words, request);

    return word < run->n_op_of_word ? run->op_of_word[word] : RUN_NONE;
}

uint32_t run_add_state(struct run_data *run, const char *key, unsigned store)
{
    uint32_t number = intern_add(&run->keys, key);

    assert(store < run->n_stores);
    while (run->n_states < (size_t)run->keys.n * run->n_stores) {
        run->state = mem_grow(run->state, run->n_states, &run->states_capacity, sizeof *run->state);
        run->state[run->n_states++] = (struct run_state){.value = RUN_NONE};
    }
    return number * run->n_stores + store;
}

const struct run_phase *run_phase(const struct run_data *run, const char *name)
{
    for (unsigned i = 0; i < run->n_phases; i++) {
        if (strcmp(run->phase[i].name, name) == 0)
            return &run->phase[i];
    }
    return NULL;
}

int64_t run_load_begin_us(const struct run_data *run)
{
    const struct run_phase *load = run_phase(run, "load");

    return load ? load->begin_us : 0;
}

int64_t run_load_end_us(const struct run_data *run)
{
    size_t n = run->history.n;
    int64_t begin_us = run_load_begin_us(run);

    if (n == 0 || run->history.op[n - 1].planned_us < begin_us)
        return begin_us;
    return run->history.op[n - 1].planned_us;
}

const struct run_fault *run_next_death(const struct run_data *run, const char *target,
                                       int64_t at_us)
{
    const struct run_fault *next = NULL;

    for (unsigned i = 0; i < run->n_faults; i++) {
        const struct run_fault *fault = &run->fault[i];

        if (!fault->begin_us || strcmp(fault->action, "kill") != 0 ||
            strcmp(fault->target, target) != 0 || (fault->end_us && fault->end_us <= at_us))
            continue;
        if (!next || fault->begin_us < next->begin_us)
            next = fault;
    }
    return next;
}

bool run_living(const struct run_data *run, const char *target, int64_t from_us, int64_t to_us,
                int64_t *ret_from_us, int64_t *ret_to_us)
{
    while (from_us < to_us) {
        const struct run_fault *death = run_next_death(run, target, from_us);

        if (!death || death->begin_us > from_us) {
            *ret_from_us = from_us;
            *ret_to_us = death && death->begin_us < to_us ? death->begin_us : to_us;
            return true;
        }
        if (!death->end_us)
            return false;
        from_us = death->end_us;
    }
    return false;
}

bool run_op_living(const struct run_data *run, const struct history_op *op, int64_t from_us,
                   int64_t to_us, int64_t *ret_from_us, int64_t *ret_to_us)
{
    while (from_us < to_us) {
        int64_t until_us;
        const char *door = history_door_at(op, from_us, &until_us);

        until_us = until_us < to_us ? until_us : to_us;
        if (run_living(run, door, from_us, until_us, ret_from_us, ret_to_us))
            return true;
        from_us = until_us;
    }
    return false;
}

double run_seconds(const struct run_data *run, int64_t at_us)
{
    return (double)(at_us - run_load_begin_us(run)) / (double)US_PER_S;
}

unsigned run_store_of(const struct run_data *run, uint32_t state)
{
    return state % run->n_stores;
}

uint32_t run_key_of(const struct run_data *run, uint32_t state)
{
    return state / run->n_stores;
}

const char *run_key_name(const struct run_data *run, uint32_t state)
{
    return intern_text(&run->keys, run_key_of(run, state));
}

const char *run_store_name(const struct run_data *run, uint32_t state)
{
    return run->store[run_store_of(run, state)];
}

const char *run_word(const struct run_data *run, uint32_t word)
{
    return word == RUN_NONE ? "nothing" : intern_text(&run->words, word);
}

bool run_account_begin(const struct run_data *run, uint32_t state, int64_t *ret_balance)
{
    if (!run->transfer || !workload_key_is_single(run_key_name(run, state)))
        return false;
    *ret_balance = run->balance;
    return true;
}

bool run_op_writes(const struct run_data *run, size_t op)
{
    return run->op[op].writes != 0;
}

bool run_op_writes_to(const struct run_data *run, size_t op, unsigned store)
{
    const struct run_op *o = &run->op[op];

    for (unsigned m = 0; o->writes >> m; m++) {
        if ((o->writes >> m & 1) && run_store_of(run, run->micro[o->first + m].state) == store)
            return true;
    }
    return false;
}

bool run_entry_commutes(const struct run_data *run, const struct run_entry *entry)
{
    return entry->kind == OP_INCR && entry->op != RUN_NONE &&
           run_op_only_adds(run, entry->op, entry->state);
}

bool run_entry_shows(const struct run_entry *entry)
{
    return entry->op != RUN_NONE && entry->asked && !entry->again && !entry->idle;
}

bool run_op_only_adds(const struct run_data *run, size_t op, uint32_t state)
{
    const struct run_op *o = &run->op[op];
    const struct history_micro *micro = run->history.op[op].txn->op;
    bool adds = false;

    for (unsigned m = 0; o->writes >> m; m++) {
        if (!(o->writes >> m & 1) || run->micro[o->first + m].state != state)
            continue;
        if (micro[m].kind != OP_INCR || micro[m].has_min)
            return false;
        adds = true;
    }
    return adds;
}

enum run_fate run_op_fate(const struct run_data *run, size_t op)
{
    const struct run_op *o = &run->op[op];

    switch (run->history.op[op].end) {
    case HISTORY_OK:
        return FATE_OK;
    case HISTORY_FAIL:
        return FATE_FAIL;
    case HISTORY_INFO:
    case HISTORY_OPEN:
        break;
    }
    if (o->applied || o->recorded || o->decided)
        return FATE_HAPPENED;
    return run->settling.settled ? FATE_DID_NOT : FATE_UNKNOWN;
}

bool run_op_happened(const struct run_data *run, size_t op)
{
    enum run_fate fate = run_op_fate(run, op);

    return fate == FATE_OK || fate == FATE_HAPPENED;
}

static int load_all(struct run_data *run, struct errctx *err)
{
    static int (*const step[])(struct run_data *, struct errctx *) = {
        run_load_history, run_load_faults,   run_load_samples,
        run_load_probes,  run_load_evidence, run_load_finals,
    };
    int r;

    r = run_load_config(run, err);
    if (r == 0)
        r = run_load_phases(run, err);
    if (r < 0 || !run->finished)
        return r;
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        r = step[i](run, err);
        if (r < 0)
            return r;
    }
    run_index_reads(run);
    return run_check_settling(run, err);
}

static int begin(const char *dir, struct run_data *ret_run, struct errctx *err)
{
    *ret_run = (struct run_data){0};
    if (strlen(dir) >= sizeof ret_run->dir)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "%s: too long", dir);
    memcpy(ret_run->dir, dir, strlen(dir) + 1);
    return 0;
}

int run_data_load(const char *dir, struct run_data *ret_run, struct errctx *err)
{
    int r = begin(dir, ret_run, err);

    return r < 0 ? r : load_all(ret_run, err);
}

int run_data_finished(const char *dir, bool *ret_finished, struct errctx *err)
{
    struct run_data *run = mem_alloc(sizeof *run); /* too large for a stack */
    int r = begin(dir, run, err);

    if (r == 0)
        r = run_load_phases(run, err);
    if (r == 0)
        *ret_finished = run->finished;
    run_data_done(run);
    free(run);
    return r;
}

void run_data_done(struct run_data *run)
{
    if (!run)
        return;
    json_decref(run->config);
    history_done(&run->history);
    intern_done(&run->keys);
    intern_done(&run->words);
    free(run->op_of_word);
    free(run->op);
    free(run->micro);
    free(run->entry);
    free(run->state);
    free(run->read);
    for (unsigned i = 0; i < run->n_faults; i++) {
        json_decref(run->fault[i].exposure);
        json_decref(run->fault[i].held);
    }
    free(run->in_doubt);
    free(run->gid);
    free(run->lag);
    free(run->probe);
    free(run->settling.scan);
    *run = (struct run_data){0};
}
