/*
 * log_known.h - the requests that the log has acknowledged to this door: what it can say about them
 * later, by itself. The last LOG_KNOWN_MAX are remembered, in memory only.
 */
#ifndef SYNCBED_APPROACHES_LOG_KNOWN_H
#define SYNCBED_APPROACHES_LOG_KNOWN_H

#include <stdbool.h>

#define LOG_KNOWN_MAX 16384

struct log_known;

struct log_known *log_known_new(void);
void log_known_free(struct log_known *known); /* NULL is fine */

/* `request` is copied; the oldest is forgotten for it when there are LOG_KNOWN_MAX. */
void log_known_add(struct log_known *known, const char *request);

bool log_known_has(const struct log_known *known, const char *request);

#endif
