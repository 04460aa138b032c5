/* child_output.h - the lines that a child says on its standard output. */
#ifndef SYNCBED_SERVERS_CHILD_OUTPUT_H
#define SYNCBED_SERVERS_CHILD_OUTPUT_H

#include <event2/event.h>

struct child_output;

/* Without its newline; borrowed. Must not free the output. */
typedef void (*child_output_line)(void *arg, const char *line);

/*
 * Read `fd` (non-blocking, owned) to its end. A line of over 4096 bytes, with its
 * newline, is dropped.
 */
struct child_output *child_output_new(struct event_base *base, int fd, child_output_line line,
                                      void *arg);
void child_output_free(struct child_output *output);

#endif
