/*
 * protocol.h - the client protocol: one JSON object a line, over TCP. docs/design.md "Client
 * protocol".
 *
 *   > {"id":17,"request":"c3-17","deadline_ms":4990,"txn":[["w","pg1","user:42","c3-17"]]}
 *   < {"id":17,"ok":true,"level":"everywhere"}
 *   > {"id":19,"status":"c3-17"}
 *   < {"id":19,"ok":true,"outcome":"committed"}
 *
 * Where a door listens to other machines, a connection begins with a token: model/token.h.
 *
 * Only bytes and structs here, no sockets.
 */
#ifndef SYNCBED_MODEL_PROTOCOL_H
#define SYNCBED_MODEL_PROTOCOL_H

#include "base/buf.h"
#include "base/error.h"
#include "model/outcome.h"
#include "model/txn.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PROTOCOL_LINE_MAX        65536 /* with its newline */
#define PROTOCOL_DETAIL_SIZE     200
#define PROTOCOL_DEADLINE_MS     5000 /* when a request says none */
#define PROTOCOL_DEADLINE_MS_MAX 600000

enum request_kind { REQUEST_TXN, REQUEST_STATUS };

struct request {
    enum request_kind kind;
    int64_t id; /* the connection's; -1 when a malformed line had none that could be read */
    int64_t deadline_ms; /* TXN: time left from now, 1..PROTOCOL_DEADLINE_MS_MAX */
    struct txn txn;      /* TXN; STATUS uses only txn.request */
};

struct reply {
    int64_t id;       /* the request's; -1 (on the wire: null) when the door could not read it */
    enum code code;   /* CODE_NONE: ok */
    enum level level; /* TXN and ok */
    char detail[PROTOCOL_DETAIL_SIZE];
    bool is_status; /* then `outcome` counts */
    enum outcome outcome;
    bool has_reads; /* ok, and the transaction has reads: read[i] belongs to op i */
    struct read_result read[TXN_OPS_MAX];
    uint32_t came;            /* decoded, with has_reads: bit i: a read came in op i's place */
    struct position position; /* log approaches; n = 0: none */
};

/*
 * Take one line (without its newline) apart. -EBADMSG with a sentence in `err`; then
 * ret_request->id is set if it could be read, else -1.
 */
__attribute__((warn_unused_result)) int protocol_decode_request(const char *line, size_t size,
                                                                struct request *ret_request,
                                                                struct errctx *err);
/* Appends the line with its newline. */
void protocol_encode_request(struct buf *out, const struct request *request);

__attribute__((warn_unused_result)) int
protocol_decode_reply(const char *line, size_t size, struct reply *ret_reply, struct errctx *err);
/* `txn` is the transaction answered (its reads are filled in), NULL for status and errors. */
void protocol_encode_reply(struct buf *out, const struct reply *reply, const struct txn *txn);

/*
 * A transaction as the JSON array of its micro-operations, the form shared by the protocol, the
 * history and the envelope. With `reads`, each read stands as ["r",store,key,value-or-null,n].
 */
void protocol_append_txn(struct buf *out, const struct txn *txn, const struct read_result *reads);
/* Fills n_ops, op and after; `reads` may be NULL, else gets what reads found. -EBADMSG. */
__attribute__((warn_unused_result)) int protocol_txn_from_json(const json_t *array,
                                                               struct txn *ret_txn,
                                                               struct read_result *ret_reads,
                                                               struct errctx *err);

/* Append `text` as a JSON string, quotes included. `text` is UTF-8. */
void protocol_append_string(struct buf *out, const char *text);

#endif
