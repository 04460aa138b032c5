/* verbs.h - what `syncbed VERB` does: the functions behind the table in verbs.c. */
#ifndef SYNCBED_HARNESS_VERBS_H
#define SYNCBED_HARNESS_VERBS_H

#include "harness/cli.h"

extern const struct cli syncbed_cli;

/* Each returns the exit status. Of those that judge 0, 1, 2 or 3: docs/results.md. */
int verb_quickstart(const struct cli_args *args);
int verb_run(const struct cli_args *args);
int verb_mutants(const struct cli_args *args);
int verb_sim(const struct cli_args *args);
void verb_sim_list_breaks(struct buf *out); /* for its --help */
int verb_matrix(const struct cli_args *args);
int verb_crash_points(const struct cli_args *args);
int verb_check(const struct cli_args *args);
int verb_report(const struct cli_args *args);
int verb_history(const struct cli_args *args);
int verb_bench(const struct cli_args *args);
int verb_up(const struct cli_args *args);
int verb_down(const struct cli_args *args);
int verb_ps(const struct cli_args *args);
int verb_in_doubt(const struct cli_args *args);
int verb_settle(const struct cli_args *args);
int verb_forget(const struct cli_args *args);
int verb_serve(const struct cli_args *args);
int verb_sink(const struct cli_args *args);
int verb_participant(const struct cli_args *args);
int verb_load(const struct cli_args *args);
int verb_keeper(const struct cli_args *args);

/* Below the --help of a verb: the approaches with their settings, the mistakes. */
void verb_help_approaches(struct buf *out);
void verb_help_breaks(struct buf *out);

/*
 * A file of the project, as "experiments/quickstart.yaml": in a folder above the executable
 * (build/release/syncbed in a clone), else below this one. ret_path has PATH_MAX bytes.
 */
bool verb_find_file(const char *name, char *ret_path);

#endif
