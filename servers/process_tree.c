/* Process trees by /proc: see the header. */
#include "servers/process_tree.h"

#include "base/clock.h"
#include "base/mem.h"
#include "servers/spawn.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STOP_MAX_US      (2 * US_PER_S)
#define STOP_PAUSE_NS    500000
#define ENVIRONMENT_SIZE (256 * 1024)
#define TITLE            "postgres: "

struct task {
    pid_t pid;
    pid_t parent;
    char state; /* of /proc/PID/stat: R S D T Z … */
    bool member;
};

struct tasks {
    struct task *task;
    size_t n;
    size_t capacity;
};

/* Up to size - 1 bytes of /proc/PID/NAME and a NUL; the bytes read, 0 when there is nothing. */
static size_t read_proc(pid_t pid, const char *name, char *buffer, size_t size)
{
    char path[64];
    size_t used = 0;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while (used < size - 1 && (n = read(fd, buffer + used, size - 1 - used)) > 0)
        used += (size_t)n;
    (void)close(fd);
    buffer[used] = '\0';
    return used;
}

/* `text` begins with the mark and the mark ends there: at NUL, or ':' in a title. */
static bool mark_matches(const char *text, const char *mark)
{
    size_t size = strlen(mark);

    assert(size > 1); /* "/" would be everybody's */
    if (strncmp(text, mark, size) != 0)
        return false;
    return mark[size - 1] == '/' || text[size] == '\0' || text[size] == ':';
}

static bool is_marked(pid_t pid, const char *mark)
{
    static char text[ENVIRONMENT_SIZE];
    size_t size = read_proc(pid, "cmdline", text, sizeof text);

    if (size > 0 && strncmp(text, TITLE, strlen(TITLE)) == 0)
        return mark_matches(text + strlen(TITLE), mark);
    size = read_proc(pid, "environ", text, sizeof text);
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        if (strncmp(text + at, SPAWN_MARK "=", strlen(SPAWN_MARK) + 1) == 0)
            return mark_matches(text + at + strlen(SPAWN_MARK) + 1, mark);
    }
    return false;
}

/* The name in parentheses may hold anything, so fields are counted from the last ')'. */
static bool read_task(pid_t pid, struct task *ret_task)
{
    char text[512];
    const char *end;
    int parent;
    char state;

    if (read_proc(pid, "stat", text, sizeof text) == 0)
        return false;
    end = strrchr(text, ')');
    if (!end || sscanf(end + 1, " %c %d", &state, &parent) != 2)
        return false;
    *ret_task = (struct task){.pid = pid, .parent = parent, .state = state};
    return true;
}

static void scan(struct tasks *all)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    struct task task;

    while (dir && (entry = readdir(dir))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        if (!read_task((pid_t)atoi(entry->d_name), &task))
            continue;
        all->task = mem_grow(all->task, all->n, &all->capacity, sizeof task);
        all->task[all->n++] = task;
    }
    if (dir)
        (void)closedir(dir);
}

static bool parent_is_member(const struct tasks *all, const struct task *t)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->task[i].pid == t->parent)
            return all->task[i].member;
    }
    return false;
}

/* Is its parent one, or the caller while the caller's descendants are asked for? */
static bool descends(const struct tree *tree, const struct tasks *all, const struct task *t)
{
    pid_t self = getpid();

    return (tree->root == self && t->parent == self) || parent_is_member(all, t);
}

/* Never the caller itself, which may be marked (a keeper that was started under a keeper). */
static struct tasks members(const struct tree *tree)
{
    struct tasks all = {0};
    pid_t self = getpid();
    bool grown = true;

    scan(&all);
    for (size_t i = 0; i < all.n; i++) {
        struct task *t = &all.task[i];

        t->member = t->pid != self && ((tree->root > 0 && t->pid == tree->root) ||
                                       (tree->mark && is_marked(t->pid, tree->mark)));
    }
    while (grown) {
        grown = false;
        for (size_t i = 0; i < all.n; i++) {
            struct task *t = &all.task[i];

            if (t->member || t->pid == self || !descends(tree, &all, t))
                continue;
            t->member = true;
            grown = true;
        }
    }
    return all;
}

static bool is_zombie(const struct task *t)
{
    return t->state == 'Z' || t->state == 'X';
}

bool tree_alive(const struct tree *tree)
{
    struct tasks all = members(tree);
    bool alive = false;

    for (size_t i = 0; i < all.n; i++)
        alive |= all.task[i].member && !is_zombie(&all.task[i]);
    free(all.task);
    return alive;
}

/* To every living member; how many of them are in none of the states in `but`. */
static unsigned signal_members(const struct tree *tree, int sig, const char *but)
{
    struct tasks all = members(tree);
    unsigned n = 0;

    for (size_t i = 0; i < all.n; i++) {
        const struct task *t = &all.task[i];

        if (!t->member || is_zombie(t))
            continue;
        n += !strchr(but, t->state);
        (void)kill(t->pid, sig); /* may have ended since */
    }
    free(all.task);
    return n;
}

unsigned tree_signal(const struct tree *tree, int sig)
{
    return signal_members(tree, sig, "");
}

bool tree_stop(const struct tree *tree)
{
    const struct timespec pause = {.tv_nsec = STOP_PAUSE_NS};
    int64_t until_us = clock_now_us() + STOP_MAX_US;

    /*
     * Two clean looks: a new child may stand before its parent in the listing. Who waits in the
     * kernel (D) is no longer running: it stops before it comes back from there, and a parent in
     * vfork() waits so for a child that was stopped before its exec().
     */
    for (unsigned clean = 0; clean < 2;) {
        if (signal_members(tree, SIGSTOP, "TD") == 0) {
            clean++;
            continue;
        }
        clean = 0;
        if (clock_now_us() > until_us)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

int64_t tree_rss_kb(const struct tree *tree)
{
    int64_t page_kb = sysconf(_SC_PAGESIZE) / 1024;
    int64_t private_kb = 0, shared_max_kb = 0;
    struct tasks all = members(tree);

    for (size_t i = 0; i < all.n; i++) {
        long long resident, shared;
        char text[128];

        if (!all.task[i].member || read_proc(all.task[i].pid, "statm", text, sizeof text) == 0)
            continue;
        if (sscanf(text, "%*d %lld %lld", &resident, &shared) != 2)
            continue;
        private_kb += (resident - shared) * page_kb;
        if (shared * page_kb > shared_max_kb)
            shared_max_kb = shared * page_kb;
    }
    free(all.task);
    return private_kb + shared_max_kb;
}
