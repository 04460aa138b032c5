/*
 * log_admin.h - the harness's side of the log: topics, ends, markers, and reading it all as
 * evidence.
 *
 * Every function blocks, at most for `timeout_ms`: for the harness, tests and tools, never for a
 * role, whose event loop would stand still.
 */
#ifndef SYNCBED_LOGSYNC_LOG_ADMIN_H
#define SYNCBED_LOGSYNC_LOG_ADMIN_H

#include "base/error.h"
#include "model/envelope.h"
#include "model/topology.h"
#include "model/txn.h"

struct log_admin;

/* Succeeds while the broker is down. -EINVAL or -ENOMEM. */
__attribute__((warn_unused_result)) int
log_admin_new(const struct address *bootstrap, struct log_admin **ret_admin, struct errctx *err);
void log_admin_free(struct log_admin *admin); /* NULL is fine */

/*
 * Create a topic: one replica, every record flushed before it is acknowledged (flush.messages=1),
 * kept for ever. Returns when each partition has a leader. -EEXIST; -ETIMEDOUT; -EIO with the
 * broker's words.
 */
__attribute__((warn_unused_result)) int log_admin_create(struct log_admin *admin, const char *topic,
                                                         unsigned n_partitions, int timeout_ms,
                                                         struct errctx *err);

/* -ENOENT; -ETIMEDOUT; -EIO. */
__attribute__((warn_unused_result)) int log_admin_delete(struct log_admin *admin, const char *topic,
                                                         int timeout_ms, struct errctx *err);

/* Where each partition ends: the offset of the next record. -ENOENT; -ETIMEDOUT; -EIO. */
__attribute__((warn_unused_result)) int log_admin_ends(struct log_admin *admin, const char *topic,
                                                       unsigned n_partitions, int timeout_ms,
                                                       struct position *ret_ends,
                                                       struct errctx *err);

/*
 * Append a marker named `name`-PARTITION to each partition. ret_past: the position just behind
 * them, which a sink that has seen them all has reached. -ETIMEDOUT or -EIO: some may have been
 * written.
 */
__attribute__((warn_unused_result)) int log_admin_mark(struct log_admin *admin, const char *topic,
                                                       unsigned n_partitions, const char *name,
                                                       int timeout_ms, struct position *ret_past,
                                                       struct errctx *err);

/* `envelope` is valid during the call. */
typedef void (*log_admin_record)(void *arg, unsigned partition, int64_t offset,
                                 const struct envelope *envelope);

/*
 * Call `record` for every record from the beginning to the ends at the time of the call, in log
 * order within each partition. -EBADMSG: a record that is none of ours, with its place in `err`;
 * -ETIMEDOUT; -EIO.
 */
__attribute__((warn_unused_result)) int log_admin_read(struct log_admin *admin, const char *topic,
                                                       unsigned n_partitions, int timeout_ms,
                                                       log_admin_record record, void *arg,
                                                       struct errctx *err);

#endif
