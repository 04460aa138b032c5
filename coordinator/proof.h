/*
 * proof.h - what became of a branch that is not prepared any more, where that is asked for certain:
 * by who decides now (twopc_driver.c) and by who recovers (recovery_settle.c).
 */
#ifndef SYNCBED_COORDINATOR_PROOF_H
#define SYNCBED_COORDINATOR_PROOF_H

#include "coordinator/watermark.h"
#include "stores/store.h"

#include <stdint.h>

/*
 * As store_prove(), which knows nothing of most restores: what a store says counts once it has then
 * shown that it was not restored since we marked it (watermark_ask()). COMMITTED and ROLLED_BACK
 * are LOST otherwise, since they may be of another branch, and UNKNOWN while it does not answer
 * that.
 */
void proof_ask(struct watermark *w, struct store *store, const char *gid, const char *memo,
               int64_t deadline_us, store_proved done, void *arg);

#endif
