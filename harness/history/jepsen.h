/*
 * jepsen.h - histories to and from Jepsen's EDN, for Elle's list-append (Kingsbury, Alvaro, VLDB
 * 2020): one map an event, reads and appends of lists.
 *
 *   {:type :invoke, :f :txn, :value [[:append "pg1/list:5" 3] [:r "redis/list:2" nil]],
 *    :process 4, :time 18331059679000, :index 12, :client 0, :request "c0-0",
 *    :server "serve1", :planned 18331059634000}
 *   {:type :ok, :f :txn, :value [[:append "pg1/list:5" 3] [:r "redis/list:2" [1 2]]],
 *    :process 4, :time 18331060000000, :index 15, :level :everywhere}
 *
 * Times are nanoseconds. A Jepsen process has one operation at a time and never goes on after an
 * unknown one; our clients do, so that each is several processes. What Jepsen has no word for
 * (:client, :request, :server, :planned, :level, :error) are further keys: with them, an operation
 * comes back as it was. Retries and positions are not kept.
 */
#ifndef SYNCBED_HARNESS_HISTORY_JEPSEN_H
#define SYNCBED_HARNESS_HISTORY_JEPSEN_H

#include "base/buf.h"
#include "base/error.h"
#include "harness/history/history.h"

#define JEPSEN_NS_PER_US 1000

/* Append the history's events, in the order of time. Probes are left out: they are no lists.
 * -ENOTSUP when an operation is more than reads and appends, or a list was cut at the value's
 * limit. */
__attribute__((warn_unused_result)) int jepsen_print(struct buf *out, const struct history *history,
                                                     struct errctx *err);

/*
 * Events of `text` into a history. Without our further keys: client is the process, the request
 * "c<process>-<n>", the server "jepsen", the level everywhere, a failure `aborted`, an info
 * `unknown`; a key without a store's name is at a store "jepsen". Events of processes that are no
 * numbers (the nemesis) are left out. `path` is for complaints: -EBADMSG with FILE:LINE.
 */
__attribute__((warn_unused_result)) int jepsen_read(const char *path, const struct buf *text,
                                                    struct history_writer *into,
                                                    struct errctx *err);

#endif
