/* Sockets and lines shared by rpc's two ends: see the header. */
#include "base/rpc_line.h"

#include "base/mem.h"
#include "base/rpc.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    int fd;

    if (!slash)
        return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (slash == path)
        return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    folder = mem_strdup(path);
    folder[slash - path] = '\0';
    fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return fd;
}

int rpc_path_open(struct rpc_path *ret_path, const char *path, struct errctx *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = open_folder(path);
    int size;

    if (fd < 0)
        return err_set(err, errno, ERR_FATAL, "%s: the folder: %s", path, strerror(errno));
    size = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", fd, name);
    if (size < 0 || (size_t)size >= sizeof address.sun_path) {
        (void)close(fd);
        return err_set(err, ENAMETOOLONG, ERR_FATAL, "%s: the socket's name is too long", path);
    }
    *ret_path = (struct rpc_path){.folder = fd, .name = name, .address = address};
    return 0;
}

void rpc_path_done(struct rpc_path *path)
{
    if (path->folder >= 0)
        (void)close(path->folder);
    path->folder = -1;
}

void rpc_line_write(struct bufferevent *bev, json_t *message)
{
    struct evbuffer *output = bufferevent_get_output(bev);
    char *text = json_dumps(message, JSON_COMPACT);

    json_decref(message);
    if (!text || evbuffer_add_printf(output, "%s\n", text) < 0 ||
        evbuffer_get_length(output) > RPC_OUTPUT_MAX)
        bufferevent_trigger_event(bev, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
    free(text);
}

int rpc_line_read(struct bufferevent *bev, json_t **ret_message)
{
    struct evbuffer *input = bufferevent_get_input(bev);
    json_t *message;
    size_t size;
    char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_LF);

    if (!line)
        return evbuffer_get_length(input) >= RPC_LINE_MAX ? -EBADMSG : 0;
    message = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    free(line);
    if (!json_is_object(message)) {
        json_decref(message);
        return -EBADMSG;
    }
    *ret_message = message;
    return 1;
}
