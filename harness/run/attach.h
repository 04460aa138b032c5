/*
 * attach.h - servers that were there before us: `run --attach servers.yaml` (docs/attach.md).
 *
 * Nothing that we did not start is killed, paused, emptied or removed. In each attached store we
 * take a place that nobody has (a schema, an empty database), work in it, and remove it in the end.
 */
#ifndef SYNCBED_HARNESS_RUN_ATTACH_H
#define SYNCBED_HARNESS_RUN_ATTACH_H

#include "base/error.h"
#include "harness/experiment.h"
#include "model/topology.h"

struct session;

/*
 * Read the servers, look their names up, and check that the experiment can do with them: each store
 * is of the kind that its name says, and no fault hits one. What the file does not name is started
 * as ever. The experiment keeps a pointer to *ret_servers; its durability and profile are not ours
 * to tell any more, and are changed.
 */
__attribute__((warn_unused_result)) int attach_read(const char *path, struct experiment *experiment,
                                                    struct topology *ret_servers,
                                                    struct errctx *err);

/* Take our place in each attached store of the session. */
__attribute__((warn_unused_result)) int attach_claim(struct session *session, struct errctx *err);

/*
 * Remove the places that attach_claim() took, also after it failed half-way: our sessions are
 * ended, what we have prepared is rolled back. No role may be running. -errno tells what is left.
 */
__attribute__((warn_unused_result)) int attach_leave(struct session *session, struct errctx *err);

#endif
