/* Listening; see the header. */
#include "approaches/door_listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ACCEPT_PAUSE_US (100 * US_PER_MS) /* when descriptors have run out */
#define BACKLOG         4096

struct door_listener {
    struct evconnlistener *listener;
    struct event *accept_again;
    void (*accepted)(void *arg, int fd);
    void *arg;
};

int door_may_listen(const struct address *where, const char *token, struct errctx *err)
{
    if (token || address_is_loopback(where))
        return 0;
    return err_set(err, EACCES, ERR_FATAL,
                   "others can come to %s:%u, so clients need a token: --token-file", where->host,
                   where->port);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int address_size, void *arg)
{
    const struct door_listener *l = arg;

    (void)listener;
    (void)address;
    (void)address_size;
    l->accepted(l->arg, fd);
}

/* Most likely out of descriptors: without a pause, the listener would be ready for ever. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    const struct door_listener *l = arg;
    struct timeval pause = clock_timeval(ACCEPT_PAUSE_US);

    log_warn("cannot accept: %s", strerror(errno));
    evconnlistener_disable(listener);
    event_add(l->accept_again, &pause);
}

static void on_accept_again(evutil_socket_t fd, short events, void *arg)
{
    const struct door_listener *l = arg;

    (void)fd;
    (void)events;
    evconnlistener_enable(l->listener);
}

int door_listener_new(struct event_base *base, const struct address *where,
                      void (*accepted)(void *arg, int fd), void *arg,
                      struct door_listener **ret_listener, struct errctx *err)
{
    struct sockaddr_in address;
    struct door_listener *l;

    if (address_socket(where, &address) < 0)
        return err_set(err, EINVAL, ERR_FATAL, "%s is no IPv4 address", where->host);
    l = mem_alloc(sizeof *l);
    l->accepted = accepted;
    l->arg = arg;
    l->listener = evconnlistener_new_bind(
        base, on_accept, l, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        BACKLOG, (const struct sockaddr *)&address, sizeof address);
    if (!l->listener) {
        int r = err_set(err, errno, ERR_FATAL, "cannot listen at %s:%u: %s", where->host,
                        where->port, strerror(errno));

        free(l);
        return r;
    }
    l->accept_again = evtimer_new(base, on_accept_again, l);
    evconnlistener_set_error_cb(l->listener, on_accept_error);
    *ret_listener = l;
    return 0;
}

void door_listener_free(struct door_listener *l)
{
    if (!l)
        return;
    evconnlistener_free(l->listener);
    event_free(l->accept_again);
    free(l);
}

uint16_t door_listener_port(const struct door_listener *l)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;

    /* Of a socket that is bound: cannot fail. */
    (void)getsockname(evconnlistener_get_fd(l->listener), (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}
