/*
 * process_tree.h - a process and everything that came from it, found by reading /proc.
 *
 * A server's tree is its main process, what descends from it, and what carries its *mark*, the
 * path of its folder. The mark is needed since PostgreSQL's backends are sessions of their own
 * and, once the postmaster is dead, nobody's descendants. It is read from the environment, or from
 * a title "postgres: MARK: …" (cluster_name), since PostgreSQL writes its titles over the
 * environment. A mark that ends in '/' stands for all marks below it.
 *
 * Everything here does its work before it returns; a look at /proc takes about a millisecond.
 */
#ifndef SYNCBED_SERVERS_PROCESS_TREE_H
#define SYNCBED_SERVERS_PROCESS_TREE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * `root` 0: only what is marked; `mark` NULL: only what descends from `root`. The caller is never a
 * member; as the root it stands for all its descendants.
 */
struct tree {
    pid_t root;
    const char *mark;
};

/* Is any process of it left? Zombies don't count: they hold neither memory nor locks. */
bool tree_alive(const struct tree *tree);

/* Send `sig` to each process of it; returns how many there were. */
unsigned tree_signal(const struct tree *tree, int sig);

/*
 * Stop all of it, so that nobody is left to fork: until a look finds no process that is not
 * stopped or about to be, before it comes back from the kernel. False when that takes over 2 s.
 */
bool tree_stop(const struct tree *tree);

/* Resident memory in kB; pages shared within the tree count once. */
int64_t tree_rss_kb(const struct tree *tree);

#endif
