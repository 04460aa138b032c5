/*
 * progress.h - what somebody who waits sees: on a terminal one live line per run, redrawn in place;
 * otherwise a line for each thing that happens. All of it on standard error.
 */
#ifndef SYNCBED_HARNESS_RUN_PROGRESS_H
#define SYNCBED_HARNESS_RUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool live; /* standard error is a terminal */
    unsigned columns;
    size_t number, n_runs; /* "2/9"; number 0: no run yet */
    char run[128];
    char phase[24];
    int64_t run_began_us;
    int64_t phase_began_us;
    char faults[96]; /* the last thing that a fault did */
    char last[256];  /* as drawn: drawn again only when it changed */
};

void progress_init(struct progress *p);

/* Something outside any run: "starting servers". */
void progress_say(struct progress *p, const char *text);

void progress_begin(struct progress *p, size_t number, size_t n_runs, const char *run);
void progress_phase(struct progress *p, const char *phase);
/* A fault begins or ends. */
void progress_fault(struct progress *p, const char *text);
/* Redraw, with what the phase has to tell ("1,360 operations"); only on a terminal. */
void progress_tick(struct progress *p, const char *tell);
/* The run's final line. */
void progress_end(struct progress *p, const char *result);

/* Clear the live line, before something else is printed. */
void progress_clear(struct progress *p);

#endif
