/* Making librdkafka handles and waking the loop for them; see the header. */
#include "logsync/kafka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * What all of ours have in common. The defaults are made for clusters over networks: a broker that
 * was restarted would be looked for every 10 s, and a lost packet be waited for for half a minute.
 */
static const struct kafka_setting common[] = {
    {"client.id", "syncbed"},
    {"socket.nagle.disable", "true"},
    {"socket.connection.setup.timeout.ms", "2000"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "200"},
    {"retry.backoff.ms", "50"},
    {"topic.metadata.refresh.fast.interval.ms", "50"},
    {NULL, NULL},
};

static int apply(rd_kafka_conf_t *conf, const struct kafka_setting *setting, struct errctx *err)
{
    char why[256];

    for (; setting->name; setting++) {
        if (rd_kafka_conf_set(conf, setting->name, setting->value, why, sizeof why) !=
            RD_KAFKA_CONF_OK)
            return err_set(err, EINVAL, ERR_FATAL, "log client: %s=%s: %s", setting->name,
                           setting->value, why);
    }
    return 0;
}

int kafka_new(rd_kafka_type_t type, const struct address *bootstrap,
              const struct kafka_setting *settings, int events, rd_kafka_t **ret_kafka,
              struct errctx *err)
{
    char where[HOST_SIZE + 8];
    const struct kafka_setting place[] = {{"bootstrap.servers", where}, {NULL, NULL}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *kafka;
    char why[256];
    int r;

    (void)snprintf(where, sizeof where, "%s:%u", bootstrap->host, bootstrap->port);
    r = apply(conf, common, err);
    if (r == 0)
        r = apply(conf, place, err);
    if (r == 0)
        r = apply(conf, settings, err);
    if (r != 0)
        goto fail;
    rd_kafka_conf_set_events(conf, events);
    /* What matters comes as an error event; its own lines on standard error would be told twice. */
    rd_kafka_conf_set_log_cb(conf, NULL);
    kafka = rd_kafka_new(type, conf, why, sizeof why);
    if (!kafka) {
        r = err_set(err, ENOMEM, ERR_FATAL, "log client: %s", why);
        goto fail;
    }
    *ret_kafka = kafka; /* which owns conf now */
    return 0;

fail:
    rd_kafka_conf_destroy(conf);
    return r;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct kafka_waker *waker = arg;
    uint64_t n_wakings;

    (void)what;
    /* Before the queues are emptied, so that what arrives meanwhile wakes again. */
    (void)!read(fd, &n_wakings, sizeof n_wakings); /* EAGAIN: poked, no matter */
    waker->woken(waker->arg);
}

int kafka_waker_init(struct kafka_waker *waker, struct event_base *base, void (*woken)(void *arg),
                     void *arg, struct errctx *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    *waker = (struct kafka_waker){.fd = -1};
    if (fd < 0)
        return err_set(err, errno, ERR_FATAL, "eventfd: %s", strerror(errno));
    *waker = (struct kafka_waker){.fd = fd, .woken = woken, .arg = arg};
    waker->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, waker);
    if (!waker->event || event_add(waker->event, NULL) != 0) {
        kafka_waker_done(waker);
        return err_set(err, ENOMEM, ERR_FATAL, "no event for the log client");
    }
    return 0;
}

void kafka_waker_done(struct kafka_waker *waker)
{
    if (waker->event)
        event_free(waker->event);
    if (waker->fd >= 0)
        (void)close(waker->fd);
    *waker = (struct kafka_waker){.fd = -1};
}

void kafka_waker_watch(struct kafka_waker *waker, rd_kafka_queue_t *queue)
{
    static const uint64_t one = 1;

    rd_kafka_queue_io_event_enable(queue, waker->fd, &one, sizeof one);
    kafka_waker_poke(waker); /* for what is in it already: a refused connection is quick */
}

void kafka_waker_poke(struct kafka_waker *waker)
{
    event_active(waker->event, EV_READ, 0);
}
