/*
 * group_log.h - the least that a durable decision costs: one file that is zeroed beforehand, one
 * fdatasync for all records that wait (leader and followers).
 */
#ifndef SYNCBED_BENCH_FLOORS_GROUP_LOG_H
#define SYNCBED_BENCH_FLOORS_GROUP_LOG_H

#include <stddef.h>
#include <stdint.h>

struct group_log;

/* Make the file; ends the program when it cannot. */
struct group_log *group_log_open(const char *folder);
void group_log_close(struct group_log *log); /* NULL is fine */

/* Write `record` (64 bytes are kept of it) and return when it is durable. From any thread. */
void group_log_write(struct group_log *log, const char *record);

uint64_t group_log_fsyncs(struct group_log *log);

#endif
