/*
 * Ports: see the header.
 *
 * A block is held by a Unix socket bound to a name in the abstract namespace. That namespace
 * belongs to the network namespace, as ports do: keepers that could take each other's ports always
 * see each other's names, where a lock file is hidden from one in another mount namespace (a
 * container that shares the host's network). The kernel lets go of the name when its holder ends.
 */
#include "servers/ports.h"

#include "base/mem.h"
#include "model/address.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PORT 24000
#define LAST_PORT  32767
#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"

struct block {
    uint16_t first;
    int holder;    /* a descriptor */
    unsigned used; /* ports of it given out or found taken */
};

struct named_port {
    char name[PORTS_NAME_SIZE];
    uint16_t port;
};

struct ports {
    const char *space;
    struct block *block; /* only the last one has ports left */
    size_t n_blocks, block_capacity;
    struct named_port *named;
    size_t n_named, named_capacity;
};

struct ports *ports_new(const char *space)
{
    struct ports *ports = mem_alloc(sizeof *ports);

    ports->space = space;
    return ports;
}

void ports_free(struct ports *ports)
{
    if (!ports)
        return;
    for (size_t i = 0; i < ports->n_blocks; i++)
        (void)close(ports->block[i].holder);
    free(ports->block);
    free(ports->named);
    free(ports);
}

/*
 * Does a block that begins here touch the kernel's own range? A range that leaves us nothing can't
 * be avoided: then probing is all the protection there is.
 */
static bool is_ephemeral(uint16_t first)
{
    FILE *file = fopen(RANGE_FILE, "re");
    unsigned low = 0, high = 0;
    bool known;

    if (!file)
        return false;
    known = fscanf(file, "%u %u", &low, &high) == 2;
    (void)fclose(file);
    if (!known || (low <= FIRST_PORT && high >= LAST_PORT))
        return false;
    return first + PORTS_BLOCK > low && first <= high;
}

/* A descriptor that holds the block; -EADDRINUSE: another does. */
static int hold(const char *space, uint16_t first)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}; /* abstract: begins with a zero */
    int n = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s/%u", space,
                     (unsigned)first);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

    assert(n > 0 && n < (int)sizeof address.sun_path - 1);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
        return fd;
    r = -errno;
    (void)close(fd);
    return r;
}

static int take_block(struct ports *ports, struct errctx *err)
{
    for (unsigned first = FIRST_PORT; first + PORTS_BLOCK - 1 <= LAST_PORT; first += PORTS_BLOCK) {
        int fd;

        if (is_ephemeral((uint16_t)first))
            continue;
        fd = hold(ports->space, (uint16_t)first);
        if (fd == -EADDRINUSE)
            continue;
        if (fd < 0)
            return err_set(err, -fd, ERR_FATAL, "holding ports: %s", strerror(-fd));
        ports->block =
            mem_grow(ports->block, ports->n_blocks, &ports->block_capacity, sizeof *ports->block);
        ports->block[ports->n_blocks++] = (struct block){.first = (uint16_t)first, .holder = fd};
        return 0;
    }
    return err_set(err, EADDRINUSE, ERR_FATAL, "all ports of %d-%d are held by other keepers",
                   FIRST_PORT, LAST_PORT);
}

/* 1 or 0, or -errno. SO_REUSEADDR as the servers set it: remains of closed connections don't count.
 */
static int is_free(uint16_t port, struct errctx *err)
{
    struct sockaddr_in address = address_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    bool is;

    if (fd < 0)
        return err_set(err, errno, ERR_FATAL, "trying port %u: %s", (unsigned)port,
                       strerror(errno));
    is = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
         bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return is;
}

static int next_free(struct ports *ports, uint16_t *ret_port, struct errctx *err)
{
    for (;;) {
        struct block *last = ports->n_blocks ? &ports->block[ports->n_blocks - 1] : NULL;
        int r;

        while (last && last->used < PORTS_BLOCK) {
            uint16_t port = (uint16_t)(last->first + last->used++);

            r = is_free(port, err);
            if (r < 0)
                return r;
            if (r > 0) {
                *ret_port = port;
                return 0;
            }
        }
        r = take_block(ports, err);
        if (r < 0)
            return r;
    }
}

static struct named_port *find(const struct ports *ports, const char *name)
{
    for (size_t i = 0; i < ports->n_named; i++) {
        if (strcmp(ports->named[i].name, name) == 0)
            return &ports->named[i];
    }
    return NULL;
}

int ports_get(struct ports *ports, const char *name, uint16_t *ret_port, struct errctx *err)
{
    const struct named_port *known = find(ports, name);
    struct named_port new = {0};
    int r;

    if (known) {
        *ret_port = known->port;
        return 0;
    }
    if (snprintf(new.name, sizeof new.name, "%s", name) >= (int)sizeof new.name)
        return err_set(err, ENAMETOOLONG, ERR_ABORT, "a port's name has at most %d characters",
                       PORTS_NAME_SIZE - 1);
    r = next_free(ports, &new.port, err);
    if (r < 0)
        return r;
    ports->named = mem_grow(ports->named, ports->n_named, &ports->named_capacity, sizeof new);
    ports->named[ports->n_named++] = new;
    *ret_port = new.port;
    return 0;
}

int ports_get_free(struct ports *ports, const char *name, uint16_t *ret_port, struct errctx *err)
{
    struct named_port *named;
    uint16_t port;
    int r = ports_get(ports, name, &port, err);

    if (r < 0)
        return r;
    named = find(ports, name);
    assert(named);
    r = is_free(port, err);
    if (r == 0)
        r = next_free(ports, &named->port, err);
    if (r < 0)
        return r;
    *ret_port = named->port;
    return 0;
}
