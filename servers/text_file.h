/* text_file.h - configuration files written, log files looked into. */
#ifndef SYNCBED_SERVERS_TEXT_FILE_H
#define SYNCBED_SERVERS_TEXT_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Write FOLDER/NAME anew, readable by all (the servers' user is another one). */
__attribute__((warn_unused_result, format(printf, 3, 5))) int
text_file_write(const char *folder, const char *name, const char *fmt, struct errctx *err, ...);

/* Append to what is there; what can't be written is dropped: it is only a log. */
void text_file_append(const char *path, const char *data, size_t size);

off_t text_file_size(const char *path); /* 0 when there is none */

/* Does `text` occur at or behind byte `from`? */
bool text_file_contains(const char *path, off_t from, const char *text);

/*
 * The last lines behind byte `from`, joined by " | ", as many whole ones as fit; at least the end
 * of the last one. "" when there is nothing.
 */
void text_file_last_lines(const char *path, off_t from, char *ret_text, size_t size);

#endif
