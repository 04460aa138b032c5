/* The standard output of a child, by lines: see the header. */
#include "servers/child_output.h"

#include "base/line_split.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_SIZE 4096

struct child_output {
    struct event *readable;
    struct line_split in;
    child_output_line line;
    void *arg;
};

static void take_lines(struct child_output *output, const char *data, size_t size)
{
    char text[LINE_MAX_SIZE];
    enum line_found found;
    const char *line;
    size_t line_size;

    line_split_feed(&output->in, data, size);
    while ((found = line_split_next(&output->in, &line, &line_size)) != LINE_NONE) {
        if (found == LINE_TOO_LONG)
            continue;
        (void)snprintf(text, sizeof text, "%.*s", (int)line_size, line);
        output->line(output->arg, text);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct child_output *output = arg;
    char chunk[1024];
    ssize_t n = read(fd, chunk, sizeof chunk);

    (void)what;
    if (n > 0)
        take_lines(output, chunk, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        (void)event_del(output->readable); /* its end; cannot fail for an event that was added */
}

struct child_output *child_output_new(struct event_base *base, int fd, child_output_line line,
                                      void *arg)
{
    struct child_output *output = mem_alloc(sizeof *output);

    output->line = line;
    output->in.max = LINE_MAX_SIZE;
    output->arg = arg;
    output->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, output);
    if (!output->readable || event_add(output->readable, NULL) < 0)
        abort(); /* out of memory */
    return output;
}

void child_output_free(struct child_output *output)
{
    if (!output)
        return;
    (void)close(event_get_fd(output->readable));
    event_free(output->readable);
    line_split_done(&output->in);
    free(output);
}
