/* One client's connection to a front door; see the header for its states. */
#include "approaches/door_conn.h"

#include "base/clock.h"
#include "base/line_split.h"
#include "base/mem.h"
#include "model/protocol.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 65536

enum state { READING, ENDING, LINGERING };

struct door_conn {
    enum state state;
    int fd;
    struct event *readable;
    struct event *writable;
    const struct door_conn_handlers *handlers;
    void *arg;
    struct line_split in;
    struct buf out;
    unsigned owed;   /* replies */
    bool paused;     /* not reading: too much output waits */
    bool overflowed; /* OUTPUT_MAX reached: to be cut off */
    bool ended;      /* the client has sent EOF */
    int64_t stall_us;
    int64_t linger_until_us;
};

static void close_now(struct door_conn *conn, bool cut_off)
{
    conn->handlers->closed(conn->arg, cut_off);
    door_conn_free(conn);
}

static void take_line(struct door_conn *conn, const char *line, size_t size)
{
    conn->owed++;
    conn->handlers->line(conn->arg, conn, line, size);
}

static void refuse_oversized(struct door_conn *conn)
{
    conn->state = ENDING;
    conn->owed++;
    conn->handlers->oversized(conn->arg, conn);
}

static void take_input(struct door_conn *conn, const char *data, size_t size)
{
    enum line_found found;
    const char *line;
    size_t line_size;

    line_split_feed(&conn->in, data, size);
    while (conn->state == READING && !conn->overflowed &&
           (found = line_split_next(&conn->in, &line, &line_size)) != LINE_NONE) {
        if (found == LINE_WHOLE)
            take_line(conn, line, line_size);
        else
            refuse_oversized(conn);
    }
}

/* All has been said: tell the client so and wait a little for its own end. */
static void linger(struct door_conn *conn)
{
    struct timeval wait = clock_timeval(DOOR_CONN_LINGER_US);

    assert(conn->state == ENDING);
    conn->state = LINGERING;
    conn->linger_until_us = clock_now_us() + DOOR_CONN_LINGER_US;
    (void)shutdown(conn->fd, SHUT_WR); /* fails only where the connection is gone already */
    event_add(conn->readable, &wait);
}

/* May free the connection. */
static void end_if_done(struct door_conn *conn)
{
    if (conn->state != ENDING || conn->owed > 0 || conn->out.size > 0)
        return;
    if (conn->ended)
        close_now(conn, false);
    else
        linger(conn);
}

static void on_end_of_input(struct door_conn *conn)
{
    event_del(conn->readable);
    conn->ended = true;
    if (conn->state == LINGERING) {
        close_now(conn, false);
        return;
    }
    conn->state = ENDING; /* only its sending half may be closed: it still gets its replies */
    end_if_done(conn);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    static char data[READ_SIZE]; /* shared by all: one thread, and emptied before it is left */
    struct door_conn *conn = arg;

    if (conn->state == LINGERING &&
        ((events & EV_TIMEOUT) || clock_now_us() >= conn->linger_until_us)) {
        close_now(conn, false);
        return;
    }
    ssize_t n = recv(fd, data, sizeof data, 0);

    if (n > 0)
        take_input(conn, data, (size_t)n);
    else if (n == 0)
        on_end_of_input(conn);
    else if (errno != EAGAIN && errno != EINTR)
        close_now(conn, false);
}

static void pause_or_resume(struct door_conn *conn)
{
    if (conn->ended || conn->state == LINGERING)
        return;
    if (!conn->paused && conn->out.size > DOOR_CONN_HIGH_WATER) {
        conn->paused = true;
        event_del(conn->readable);
    } else if (conn->paused && conn->out.size < DOOR_CONN_LOW_WATER) {
        conn->paused = false;
        event_add(conn->readable, NULL);
    }
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
    struct door_conn *conn = arg;
    struct timeval stall = clock_timeval(conn->stall_us);
    ssize_t n = 0;

    if (conn->overflowed || (events & EV_TIMEOUT)) {
        close_now(conn, true);
        return;
    }
    if (conn->out.size > 0)
        n = send(fd, conn->out.data, conn->out.size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        close_now(conn, false);
        return;
    }
    if (n > 0)
        buf_consume(&conn->out, (size_t)n);
    if (conn->out.size > 0)
        event_add(conn->writable, &stall);
    else
        buf_done(&conn->out);
    pause_or_resume(conn);
    end_if_done(conn);
}

struct door_conn *door_conn_new(struct event_base *base, int fd, int64_t stall_us,
                                const struct door_conn_handlers *handlers, void *arg)
{
    struct door_conn *conn = mem_alloc(sizeof *conn);
    int on = 1;

    /* Replies are small and wanted now. Failing costs latency, nothing else. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn->fd = fd;
    conn->in.max = PROTOCOL_LINE_MAX;
    conn->stall_us = stall_us;
    conn->handlers = handlers;
    conn->arg = arg;
    conn->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(base, fd, EV_WRITE, on_writable, conn);
    event_add(conn->readable, NULL);
    return conn;
}

void door_conn_free(struct door_conn *conn)
{
    if (!conn)
        return;
    event_free(conn->readable);
    event_free(conn->writable);
    (void)close(conn->fd); /* nothing to be done about it */
    line_split_done(&conn->in);
    buf_done(&conn->out);
    free(conn);
}

struct buf *door_conn_output(struct door_conn *conn)
{
    return &conn->out;
}

void door_conn_replied(struct door_conn *conn)
{
    assert(conn->owed > 0);
    conn->owed--;
    if (conn->out.size > DOOR_CONN_OUTPUT_MAX)
        conn->overflowed = true;
    pause_or_resume(conn);
    /* Runs after the events of this round, and must not wait for a socket that is full. */
    if (conn->overflowed || !event_pending(conn->writable, EV_WRITE | EV_TIMEOUT, NULL))
        event_active(conn->writable, EV_WRITE, 1);
}

void door_conn_end(struct door_conn *conn)
{
    assert(conn->owed > 0);
    conn->state = ENDING;
}

bool door_conn_flushed(const struct door_conn *conn)
{
    return conn->out.size == 0;
}
