/* Ports: see the header. */
#include "servers/ports.h"

#include "base/mem.h"
#include "model/address.h"
#include "servers/file_lock.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PORT  20000
#define LAST_PORT   32767
#define RANGE_FILE  "/proc/sys/net/ipv4/ip_local_port_range"
#define LOCK_FOLDER "syncbed-ports"

struct block {
    uint16_t first;
    int lock;
    unsigned used; /* ports of it given out or found taken */
};

struct named_port {
    char name[PORTS_NAME_SIZE];
    uint16_t port;
};

struct ports {
    char folder[PATH_MAX]; /* of the lock files */
    struct block *block;   /* only the last one has ports left */
    size_t n_blocks, block_capacity;
    struct named_port *named;
    size_t n_named, named_capacity;
};

static void lock_path(const struct ports *ports, uint16_t first, char ret_path[PATH_MAX])
{
    int n = snprintf(ret_path, PATH_MAX, "%s/%u", ports->folder, (unsigned)first);

    assert(n > 0 && n < PATH_MAX);
}

/* Remove the lock files of keepers that were killed. */
static void sweep(const struct ports *ports)
{
    DIR *dir = opendir(ports->folder);
    const struct dirent *entry;
    char path[PATH_MAX];

    while (dir && (entry = readdir(dir))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        lock_path(ports, (uint16_t)atoi(entry->d_name), path);
        file_unlock(path, file_lock_existing(path));
    }
    if (dir)
        (void)closedir(dir);
}

struct ports *ports_new(const char *place)
{
    struct ports *ports = mem_alloc(sizeof *ports);

    assert(strlen(place) + sizeof LOCK_FOLDER + 16 < sizeof ports->folder);
    (void)snprintf(ports->folder, sizeof ports->folder, "%s/" LOCK_FOLDER, place);
    sweep(ports);
    return ports;
}

void ports_free(struct ports *ports)
{
    char path[PATH_MAX];

    if (!ports)
        return;
    for (size_t i = 0; i < ports->n_blocks; i++) {
        lock_path(ports, ports->block[i].first, path);
        file_unlock(path, ports->block[i].lock);
    }
    (void)rmdir(ports->folder); /* stays while others hold blocks */
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

/* Sticky and open to all: keepers of all users share the ports of a machine. */
static int make_folder(const struct ports *ports)
{
    if (mkdir(ports->folder, 0777) == 0)
        return chmod(ports->folder, 01777) < 0 ? -errno : 0;
    return errno == EEXIST ? 0 : -errno;
}

static int lock_block(struct ports *ports, uint16_t first)
{
    char path[PATH_MAX];
    int fd;

    lock_path(ports, first, path);
    do {
        int r = make_folder(ports);

        if (r < 0)
            return r;
        fd = file_lock(path);
    } while (fd == -ENOENT); /* the folder's last user removed it just now */
    if (fd < 0)
        return fd;
    ports->block =
        mem_grow(ports->block, ports->n_blocks, &ports->block_capacity, sizeof *ports->block);
    ports->block[ports->n_blocks++] = (struct block){.first = first, .lock = fd};
    return 0;
}

static int take_block(struct ports *ports, struct errctx *err)
{
    for (unsigned first = FIRST_PORT; first + PORTS_BLOCK - 1 <= LAST_PORT; first += PORTS_BLOCK) {
        int r;

        if (is_ephemeral((uint16_t)first))
            continue;
        r = lock_block(ports, (uint16_t)first);
        if (r != -EWOULDBLOCK && r != -EACCES) /* another's, by its umask ours not even to try */
            return r < 0 ? err_set(err, -r, ERR_FATAL, "%s: %s", ports->folder, strerror(-r)) : 0;
    }
    return err_set(err, EADDRINUSE, ERR_FATAL, "all ports of %d-%d are held by other keepers",
                   FIRST_PORT, LAST_PORT);
}

/* SO_REUSEADDR as the servers set it: remains of closed connections don't count. */
static bool is_free(uint16_t port)
{
    struct sockaddr_in address = address_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    bool is;

    if (fd < 0)
        return false;
    is = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
         bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return is;
}

static int next_free(struct ports *ports, uint16_t *ret_port, struct errctx *err)
{
    for (;;) {
        struct block *last = ports->n_blocks ? &ports->block[ports->n_blocks - 1] : NULL;

        while (last && last->used < PORTS_BLOCK) {
            uint16_t port = (uint16_t)(last->first + last->used++);

            if (is_free(port)) {
                *ret_port = port;
                return 0;
            }
        }
        int r = take_block(ports, err);

        if (r < 0)
            return r;
    }
}

int ports_get(struct ports *ports, const char *name, uint16_t *ret_port, struct errctx *err)
{
    struct named_port new = {0};
    int r;

    for (size_t i = 0; i < ports->n_named; i++) {
        if (strcmp(ports->named[i].name, name) == 0) {
            *ret_port = ports->named[i].port;
            return 0;
        }
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
