/*
 * injected_tell.h - what a fault says of itself: its lines in faults.ndjson (docs/files.md), and a
 * few words for whoever looks on.
 */
#ifndef SYNCBED_HARNESS_RUN_INJECTED_TELL_H
#define SYNCBED_HARNESS_RUN_INJECTED_TELL_H

#include "harness/run/injector.h"

#include <stdint.h>

/* "kill", "pause" */
const char *injected_action(const struct injected *f);

/* It waits for its crash point, since armed_us. */
void injected_tell_armed(const struct injected *f);

/* It has hit, at hit_us: what, and where the target's transactions stood. */
void injected_tell_begin(const struct injected *f);

void injected_tell_end(const struct injected *f, int64_t at_us);

/* It never hit. */
void injected_tell_skipped(const struct injected *f, const char *why);

/* Only for whoever looks on. */
__attribute__((format(printf, 2, 3))) void injected_note(const struct injected *f, const char *fmt,
                                                         ...);

#endif
