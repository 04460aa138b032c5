/*
 * exec.h - somebody else's program as an approach: `exec:./mine.py` (docs/exec.md).
 *
 * A program in any language that speaks the client protocol. It is started, killed, paused and
 * judged like ours, but what our front doors say beside the protocol it does not: it has no control
 * socket, so no crash points, no counters and no drain; and it promises only what an experiment
 * says that it does.
 */
#ifndef SYNCBED_APPROACHES_EXEC_H
#define SYNCBED_APPROACHES_EXEC_H

#include "approaches/approach.h"

/* The row of every such program. It has no functions: nothing of it runs in `serve`. */
extern const struct approach exec_approach;

/* The program's path in "exec:PATH", or NULL: `name` is not of this form. */
const char *exec_program(const char *name);

#endif
