/*
 * broken.h - how often a process has made the mistake that it was given.
 *
 * A broken variant is an approach with one known mistake built in, to see whether the verdicts
 * notice it. A verdict that stays valid proves nothing if the mistake was never made; so whoever
 * makes it says so here, and each time leaves a byte in a file. Written at once: the process may be
 * about to be killed, which is what most of these mistakes need to show.
 *
 * One thread only: the event loop's.
 */
#ifndef SYNCBED_BASE_BROKEN_H
#define SYNCBED_BASE_BROKEN_H

#include <stdbool.h>

/* Where to leave them: an open descriptor, append mode; -1 (as at first): nowhere. */
void broken_report_to(int fd);

/* It was made once more. */
void broken_made(void);

/*
 * Stands where a mistake is made: true, and counted, when `mistake` is the one that is `carried`.
 * Both are of the approach's own enum, in which 0 is the sound variant and is never asked for.
 */
bool broken_here(unsigned carried, unsigned mistake);

#endif
