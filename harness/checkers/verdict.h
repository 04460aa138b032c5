/*
 * verdict.h - what a checker says: a word, how many of how many, and examples that name a key, a
 * request and a time in a sentence that a newcomer understands, with the operations to draw it.
 */
#ifndef SYNCBED_HARNESS_CHECKERS_VERDICT_H
#define SYNCBED_HARNESS_CHECKERS_VERDICT_H

#include "harness/checkers/run_data.h"
#include "model/outcome.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define VERDICT_EXAMPLES_MAX 10
#define EXAMPLE_OPS_MAX      4
#define EXAMPLE_MARKS_MAX    (STORES_MAX * 2)
#define EXAMPLE_SENTENCE_MAX 600

enum verdict_word {
    VERDICT_NOT_JUDGED, /* no checker yet, or a run that did not finish */
    VERDICT_VALID,
    VERDICT_INVALID,
    VERDICT_UNKNOWN,       /* not settled: it may still come right, or go wrong */
    VERDICT_NOT_EXERCISED, /* nothing was found, and there was nothing that could have violated it
                            */
    VERDICT_WORDS
};

/* Where a request stands in the journal of the example's key; n 0: it is not there. */
struct example_mark {
    unsigned store;
    uint32_t request; /* word */
    uint32_t n;
};

struct example {
    char sentence[EXAMPLE_SENTENCE_MAX];
    uint32_t key; /* RUN_NONE: about no single one */
    unsigned n_ops;
    uint32_t op[EXAMPLE_OPS_MAX]; /* operation numbers, the culprit first */
    unsigned n_marks;
    struct example_mark mark[EXAMPLE_MARKS_MAX];
};

struct verdict {
    const char *name;      /* "durability" */
    bool promised;         /* set before the checker is called */
    enum level level;      /* likewise: an acknowledgement of less obliges to nothing */
    const char *condition; /* of the promise; "" for none */
    enum verdict_word word;
    uint64_t count; /* violations */
    uint64_t of;    /* what could have violated it: the exposure */
    unsigned n_examples;
    struct example example[VERDICT_EXAMPLES_MAX]; /* the first ones found */
};

/* "not judged" "valid" "invalid" "unknown" "not exercised" */
const char *verdict_word_name(enum verdict_word word);

/*
 * The word, from count, settling and of: invalid when something was found, else unknown when not
 * settled, else valid, or not exercised with an `of` of 0. For what is a violation whatever comes
 * later.
 */
void verdict_conclude(struct verdict *v, const struct run_data *run);

/*
 * The same where only reads of stores with evidence (run_data.places) could be judged: with others
 * there were, nothing is valid.
 */
void verdict_conclude_reads(struct verdict *v, const struct run_data *run, uint64_t n_unjudged);

/*
 * Room for one more example about `key`, or NULL when there are enough. Counts the violation in
 * any case.
 */
struct example *verdict_add(struct verdict *v, uint32_t key);

__attribute__((format(printf, 2, 3))) void example_say(struct example *e, const char *fmt, ...);
void example_op(struct example *e, uint32_t op); /* once each; RUN_NONE is skipped */
void example_mark(struct example *e, unsigned store, uint32_t request, uint32_t n);

/* Mark where `request` stands in the journals of the example's key, at every store; once each. */
void example_mark_all(const struct run_data *run, struct example *e, uint32_t request);

/* The n of the first entry of `request` in a journal, or 0. Linear: for examples. */
uint32_t journal_find(const struct run_data *run, uint32_t state, uint32_t request);

/* The owner's JSON object: {"verdict":"invalid","count":…,"of":…,"promised":…,"examples":[…]}. */
json_t *verdict_to_json(const struct run_data *run, const struct verdict *v);

/*
 * Words for an operation: "c3-17 wrote user:42 at 3.210 s (serve2)". `key` is the one the example
 * is about. Each call to a phrase function has a buffer of its own, so that one sentence may use
 * several; they are valid until the eighth call after.
 */
const char *phrase_write(const struct run_data *run, uint32_t op, uint32_t key);
/* "c3-21 read user:42 at pg2 at 3.220 s (serve1)": the time is that of the sending. */
const char *phrase_read(const struct run_data *run, uint32_t op, uint32_t state);
/* "was acknowledged at 3.214 s", "failed at 3.214 s (conflict)", "lost its answer at 3.214 s" … */
const char *phrase_end(const struct run_data *run, uint32_t op);
/* "pg1 and redis" of the stores whose bits are set; "no store". */
const char *phrase_stores(const struct run_data *run, uint32_t bits);

#endif
