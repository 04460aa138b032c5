/*
 * sink.h - the role `sink`: follows the run's topic into one store (logsync/sink.h), as a process.
 *
 * Besides the commands of every role (role.h) its control socket knows
 *
 *   position    {"position":{"0":812,…},"end":{"0":815,…},"lag":3}
 *
 * `position` is what the store durably has, by its own word, {} before it has spoken; `end` is
 * where the log ended when the sink last heard from it; `lag` counts offsets between them, null
 * while one of them is not known.
 */
#ifndef SYNCBED_APPROACHES_SINK_H
#define SYNCBED_APPROACHES_SINK_H

/*
 * Follow until SIGTERM; the process' exit status: 0; 1: taken over by another sink, or a record
 * that the store cannot take (standard error names it); 2: a wrong topology or name.
 *
 * It says it is ready at once: waiting for a store that is down is part of its work.
 */
int sink_main(const char *topology_path, const char *name);

#endif
