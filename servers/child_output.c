/* The standard output of a child, by lines: see the header. */
#include "servers/child_output.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_SIZE 4096

struct child_output {
    struct event *readable;
    struct buf text; /* of the line that is not complete yet */
    child_output_line line;
    void *arg;
};

static void take_lines(struct child_output *output)
{
    struct buf *text = &output->text;
    char *end;

    while (text->size > 0 && (end = memchr(text->data, '\n', text->size))) {
        *end = '\0';
        output->line(output->arg, text->data);
        buf_consume(text, (size_t)(end - text->data) + 1);
    }
    if (text->size > LINE_MAX_SIZE)
        buf_clear(text);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct child_output *output = arg;
    char chunk[1024];
    ssize_t n = read(fd, chunk, sizeof chunk);

    (void)what;
    if (n > 0) {
        buf_append(&output->text, chunk, (size_t)n);
        take_lines(output);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        (void)event_del(output->readable); /* its end; cannot fail for an event that was added */
    }
}

struct child_output *child_output_new(struct event_base *base, int fd, child_output_line line,
                                      void *arg)
{
    struct child_output *output = mem_alloc(sizeof *output);

    output->line = line;
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
    buf_done(&output->text);
    free(output);
}
