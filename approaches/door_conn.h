/*
 * door_conn.h - one client's connection to a front door: lines in, bytes out, and its bounds.
 *
 *   READING --(EOF, a line too long, door_conn_end)--> ENDING --(every reply owed is sent)-->
 * LINGERING --> closed
 *
 * READING stops for a while when the client leaves too much unread (HIGH_WATER). A connection is
 * *cut off* when the client does not read: OUTPUT_MAX bytes wait for it, or the socket took
 * nothing for `stall_us`. LINGERING reads and drops what still comes: closing with input unread
 * would send a reset, which may overtake our last reply and erase it at the client.
 *
 * Every line gets exactly one reply. Idle connections hold no buffers.
 */
#ifndef SYNCBED_APPROACHES_DOOR_CONN_H
#define SYNCBED_APPROACHES_DOOR_CONN_H

#include "base/buf.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOOR_CONN_HIGH_WATER (256 * 1024)
#define DOOR_CONN_LOW_WATER  (64 * 1024)
#define DOOR_CONN_OUTPUT_MAX (1024 * 1024)
#define DOOR_CONN_LINGER_US  INT64_C(1000000)

struct door_conn;

struct door_conn_handlers {
    /* A line without its newline, valid during the call: one reply is owed for it from now on. */
    void (*line)(void *arg, struct door_conn *conn, const char *line, size_t size);
    /* A line above PROTOCOL_LINE_MAX began: one reply is owed, nothing more will be read. */
    void (*oversized)(void *arg, struct door_conn *conn);
    /* The connection is gone and freed after this call; replies owed can no longer be given. */
    void (*closed)(void *arg, bool cut_off);
};

/* `fd` is non-blocking and owned from now on; `handlers` and `arg` are kept. */
struct door_conn *door_conn_new(struct event_base *base, int fd, int64_t stall_us,
                                const struct door_conn_handlers *handlers, void *arg);
/* Close at once; `closed` is not called. */
void door_conn_free(struct door_conn *conn);

/* To answer: append one line to this buffer, then call door_conn_replied(). Sent once a round of
 * the event loop, so that many replies are one system call. */
struct buf *door_conn_output(struct door_conn *conn);
void door_conn_replied(struct door_conn *conn);

/* Read no further: it ends when every reply owed is sent. From inside `line` only. */
void door_conn_end(struct door_conn *conn);

/* Nothing waits to be sent. */
bool door_conn_flushed(const struct door_conn *conn);

#endif
