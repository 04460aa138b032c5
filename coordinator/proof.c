/* A store's proof, and whether the store may be believed: see the header. */
#include "coordinator/proof.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct proof {
    struct watermark *watermark;
    const struct store *store;
    int64_t deadline_us;
    enum store_outcome outcome; /* as the store says */
    store_proved done;
    void *arg;
};

static void finish(struct proof *proof, const struct store_reply *reply, enum store_outcome outcome)
{
    proof->done(proof->arg, reply, outcome);
    free(proof);
}

static void trusted(void *arg, enum watermark_trust trust)
{
    static const char *const words[] = {
        [WATERMARK_NOT_KNOWN] = "whether it was restored is not known",
        [WATERMARK_TRUSTED] = "",
        [WATERMARK_RESTORED] = "it was restored from a backup, or emptied",
    };
    struct proof *proof = arg;
    struct store_reply reply = {.status = trust == WATERMARK_NOT_KNOWN ? STORE_RETRY : STORE_OK};

    (void)snprintf(reply.detail, sizeof reply.detail, "%s", words[trust]);
    if (trust == WATERMARK_RESTORED)
        proof->outcome = STORE_OUTCOME_LOST;
    else if (trust == WATERMARK_NOT_KNOWN)
        proof->outcome = STORE_OUTCOME_UNKNOWN;
    finish(proof, &reply, proof->outcome);
}

static void proved(void *arg, const struct store_reply *reply, enum store_outcome outcome)
{
    struct proof *proof = arg;

    if (outcome != STORE_OUTCOME_COMMITTED && outcome != STORE_OUTCOME_ROLLED_BACK) {
        finish(proof, reply, outcome);
        return;
    }
    proof->outcome = outcome;
    watermark_ask(proof->watermark, proof->store, proof->deadline_us, trusted, proof);
}

void proof_ask(struct watermark *w, struct store *store, const char *gid, const char *memo,
               int64_t deadline_us, store_proved done, void *arg)
{
    struct proof *proof = mem_alloc(sizeof *proof);

    *proof = (struct proof){
        .watermark = w, .store = store, .deadline_us = deadline_us, .done = done, .arg = arg};
    store_prove(store, gid, memo, deadline_us, proved, proof);
}
