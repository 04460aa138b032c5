/*
 * Settling what recovery has found in doubt: one gid at one participant, from the core's decision
 * to the store's answer. It may be held at three crash points on the way (base/crash_point.h). And
 * asking for the proof of what is not in doubt any more.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/proof.h"
#include "coordinator/recovery_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

void recovery_settling_free(struct recovery_settling *s)
{
    crash_point_leave(&s->stand);
    DL_DELETE(s->participant->recovery->settlings, s);
    free(s);
}

static enum recovery_answer answer_of(enum store_status status)
{
    switch (status) {
    case STORE_OK:
        return RECOVERY_OK;
    case STORE_NOTA:
        return RECOVERY_GONE;
    case STORE_HEURISTIC:
        return RECOVERY_OTHER_WAY;
    case STORE_CONSTRAINT:
    case STORE_CONFLICT:
    case STORE_BARRED:
    case STORE_AGAIN:
    case STORE_ELSEWHERE:
    case STORE_UNAVAILABLE:
    case STORE_UNKNOWN:
    case STORE_RETRY:
    case STORE_FENCED:
    case STORE_FATAL:
    case STORE_STATUSES:
        break;
    }
    return RECOVERY_AGAIN;
}

static void settled(void *arg)
{
    struct recovery_settling *s = arg;
    struct recovering *p = s->participant;
    struct recovery_event ev = {.type = RECOVERY_EV_RESOLVED,
                                .participant = p->index,
                                .answer = answer_of(s->status),
                                .decision = open_decisions_find(&p->recovery->open, s->gid),
                                .committed = s->commit};
    struct recovery_scene scene = {
        .gid = s->gid, .request = s->request, .commit = s->commit, .detail = s->detail};

    if (ev.answer == RECOVERY_AGAIN)
        recovery_failed(p, s->status, s->detail);
    recovery_feed(p, &ev, &scene);
    recovery_settling_free(s);
}

static void take_answer(struct recovery_settling *s)
{
    s->answered = false;
    if (s->status != STORE_OK || !crash_point_reach(&s->stand, CRASH_XA_START_RESOLVED, settled, s))
        settled(s);
}

static void settle_answered(void *arg, const struct store_reply *reply)
{
    struct recovery_settling *s = arg;

    s->answered = true;
    s->status = reply->status;
    (void)snprintf(s->detail, sizeof s->detail, "%s", reply->detail);
    if (!s->stand.held) /* else released() takes it */
        take_answer(s);
}

static void released(void *arg)
{
    struct recovery_settling *s = arg;

    if (s->answered) /* else settle_answered() will find it free to go on */
        take_answer(s);
}

static void resolve(void *arg)
{
    struct recovery_settling *s = arg;

    if (recovery_is_held(s->participant)) {
        s->status = STORE_RETRY;
        settled(s);
        return;
    }
    store_resolve(s->participant->store, s->gid, s->commit,
                  clock_now_us() + RECOVERY_VERB_DEADLINE_US, settle_answered, s);
    (void)crash_point_reach(&s->stand, CRASH_XA_START_RESOLVING, released, s);
}

void recovery_settle(struct recovering *p, const char *gid, bool commit)
{
    struct recovery_settling *s = mem_alloc(sizeof *s);
    struct gid parts;
    bool ours = gid_parse(gid, &parts);

    assert(ours); /* or the core would have left it alone */
    s->participant = p;
    s->commit = commit;
    (void)snprintf(s->gid, sizeof s->gid, "%s", gid);
    memcpy(s->request, parts.request, sizeof s->request);
    DL_APPEND(p->recovery->settlings, s);
    if (!crash_point_reach(&s->stand, CRASH_XA_START_LISTED, resolve, s))
        resolve(s);
}

/* --- proofs ----------------------------------------------------------------------------------- */

static void proved(void *arg, const struct store_reply *reply, enum store_outcome outcome)
{
    static const enum recovery_answer answers[STORE_OUTCOMES] = {
        [STORE_OUTCOME_UNKNOWN] = RECOVERY_AGAIN, [STORE_OUTCOME_PREPARED] = RECOVERY_AGAIN,
        [STORE_OUTCOME_COMMITTED] = RECOVERY_OK,  [STORE_OUTCOME_ROLLED_BACK] = RECOVERY_OTHER_WAY,
        [STORE_OUTCOME_LOST] = RECOVERY_LOST,
    };
    struct recovery_proof *proof = arg;
    struct recovering *p = proof->participant;
    struct recovery_event ev = {.type = RECOVERY_EV_PROVED,
                                .participant = p->index,
                                .answer = answers[outcome],
                                .decision = open_decisions_find(&p->recovery->open, proof->gid)};
    struct recovery_scene scene = {
        .gid = proof->gid, .detail = reply->detail, .decision = ev.decision};

    if (ev.answer == RECOVERY_AGAIN)
        recovery_failed(p, reply->status == STORE_OK ? STORE_RETRY : reply->status, reply->detail);
    recovery_feed(p, &ev, &scene);
    free(proof);
}

void recovery_prove(struct recovering *p, const struct open_decision *d)
{
    struct recovery_proof *proof = mem_alloc(sizeof *proof);
    unsigned i = 0;

    while (strcmp(d->participant[i], store_name(p->store)) != 0) {
        i++;
        assert(i < d->n_participants); /* or the core would not have asked */
    }
    proof->participant = p;
    memcpy(proof->gid, d->gid, sizeof proof->gid);
    proof_ask(p->recovery->watermark, p->store, d->gid, d->memo[i],
              clock_now_us() + RECOVERY_VERB_DEADLINE_US, proved, proof);
}
