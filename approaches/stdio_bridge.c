/* A thread for each direction: see the header. */
#include "approaches/stdio_bridge.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LAST_WORDS_S 2 /* for what was written last to be read */

struct stdio_bridge {
    int fd; /* our end */
    pthread_t in, out;
};

/* False: the end of `from`, or nobody reads `to` any more. */
static bool pump(int from, int to)
{
    char data[16384];
    ssize_t n = read(from, data, sizeof data);

    if (n < 0 && errno == EINTR)
        return true;
    for (ssize_t done = 0; done < n;) {
        ssize_t m = write(to, data + done, (size_t)(n - done));

        if (m < 0 && errno != EINTR)
            return false;
        done += m > 0 ? m : 0;
    }
    return n > 0;
}

static void *pump_in(void *arg)
{
    const struct stdio_bridge *b = arg;

    while (pump(STDIN_FILENO, b->fd))
        ;
    (void)shutdown(b->fd, SHUT_WR); /* fails only where the other end is gone */
    return NULL;
}

static void *pump_out(void *arg)
{
    const struct stdio_bridge *b = arg;

    while (pump(b->fd, STDOUT_FILENO))
        ;
    return NULL;
}

int stdio_bridge_new(struct stdio_bridge **ret_bridge, int *ret_fd, struct errctx *err)
{
    struct stdio_bridge *b;
    int pair[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, errno, ERR_FATAL, "a pair of sockets: %s", strerror(errno));
    b = mem_alloc(sizeof *b);
    b->fd = pair[0];
    (void)fcntl(pair[1], F_SETFL, O_NONBLOCK); /* of a socket: cannot fail */
    r = pthread_create(&b->in, NULL, pump_in, b);
    if (r == 0)
        r = pthread_create(&b->out, NULL, pump_out, b);
    if (r != 0)
        abort(); /* out of memory */
    *ret_bridge = b;
    *ret_fd = pair[1];
    return 0;
}

/* Ends with the other end of the pair, unless whoever has our output does not read it. */
static void end_out(pthread_t out)
{
    struct timespec deadline;

    (void)clock_gettime(CLOCK_REALTIME, &deadline); /* what pthread_timedjoin_np() counts by */
    deadline.tv_sec += LAST_WORDS_S;
    if (pthread_timedjoin_np(out, NULL, &deadline) == 0)
        return;
    (void)pthread_cancel(out);
    (void)pthread_join(out, NULL);
}

/* The thread that reads may be waiting for input that nobody will send. */
void stdio_bridge_free(struct stdio_bridge *b)
{
    if (!b)
        return;
    end_out(b->out);
    (void)pthread_cancel(b->in);
    (void)pthread_join(b->in, NULL);
    (void)close(b->fd);
    free(b);
}
