/* The keeper's folder: see the header. */
#include "servers/folder.h"

#include "base/file.h"
#include "base/log.h"
#include "servers/file_lock.h"
#include "servers/kind.h"
#include "servers/process_tree.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PLACE "/var/tmp"
#define PREFIX        "syncbed-"
#define LOCK          "lock"
#define LOCK_NEW      "lock.new"
#define FOLDER_MODE   0711 /* the servers' user passes through to its own folders */

const char *folder_place(void)
{
    const char *place = getenv("SYNCBED_DIR");

    return place && place[0] ? place : DEFAULT_PLACE;
}

void folder_of_up(char *ret_path)
{
    (void)snprintf(ret_path, PATH_MAX, "%s/" PREFIX "%u-up", folder_place(), (unsigned)geteuid());
}

/* False when it does not fit. */
static bool join(char ret_path[PATH_MAX], const char *folder, const char *name)
{
    int n = snprintf(ret_path, PATH_MAX, "%s/%s", folder, name);

    return n > 0 && n < PATH_MAX;
}

static int check_disk(const char *place, struct errctx *err)
{
    struct statfs fs;

    if (statfs(place, &fs) < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", place, strerror(errno));
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
        return err_set(err, ENOTSUP, ERR_FATAL,
                       "%s is in memory (tmpfs), where fsync does nothing and durability can't be "
                       "judged: set SYNCBED_DIR to a folder on a disk",
                       place);
    return 0;
}

/* The lock is taken before it has its name: a folder with an unlocked `lock` is a dead keeper's. */
static int lock_new(struct folder *folder, struct errctx *err)
{
    char temporary[PATH_MAX], final[PATH_MAX];
    int fd;

    if (!join(temporary, folder->path, LOCK_NEW) || !join(final, folder->path, LOCK))
        return err_set(err, ENAMETOOLONG, ERR_FATAL, "%s: path too long", folder->path);
    fd = file_lock(temporary);
    if (fd < 0)
        return err_set(err, -fd, ERR_FATAL, "%s: %s", temporary, strerror(-fd));
    if (rename(temporary, final) < 0) {
        int code = errno;

        file_unlock(temporary, fd);
        return err_set(err, code, ERR_FATAL, "%s: %s", final, strerror(code));
    }
    folder->lock = fd;
    return 0;
}

int folder_make(bool up, struct folder *ret_folder, struct errctx *err)
{
    struct folder folder = {.lock = -1};
    int r = check_disk(folder_place(), err);

    if (r < 0)
        return r;
    if (up)
        folder_of_up(folder.path);
    else if (!join(folder.path, folder_place(), PREFIX "XXXXXX"))
        return err_set(err, ENAMETOOLONG, ERR_FATAL, "%s: path too long", folder_place());
    if (up ? mkdir(folder.path, FOLDER_MODE) < 0 : !mkdtemp(folder.path)) {
        if (errno == EEXIST)
            return err_set(err, EEXIST, ERR_ABORT,
                           "servers are up already (%s): `syncbed down` ends them", folder.path);
        return err_set(err, errno, ERR_FATAL, "%s: %s", folder.path, strerror(errno));
    }
    if (chmod(folder.path, FOLDER_MODE) < 0) /* whatever the umask is */
        r = err_set(err, errno, ERR_FATAL, "%s: %s", folder.path, strerror(errno));
    if (r == 0)
        r = lock_new(&folder, err);
    if (r < 0) {
        (void)rmdir(folder.path);
        return r;
    }
    *ret_folder = folder;
    return 0;
}

void folder_remove(struct folder *folder)
{
    struct errctx err;

    if (file_remove_tree(folder->path, &err) < 0)
        log_warn("%s: not wholly removed", err.message);
    if (folder->lock >= 0)
        (void)close(folder->lock);
    folder->lock = -1;
}

/* Parent-death signals end a dead keeper's children; what they had forked may outlive them. */
static void end_leftovers(const char *path)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    char mark[PATH_MAX];
    struct tree tree = {.mark = mark};

    if (!join(mark, path, ""))
        return;
    for (unsigned tries = 0; tries < 1000 && tree_alive(&tree); tries++) {
        (void)tree_signal(&tree, SIGKILL);
        (void)nanosleep(&pause, NULL);
    }
}

static void sweep_one(const char *path)
{
    struct folder stale;
    struct stat st;
    char lock[PATH_MAX];

    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return;
    if (!join(lock, path, LOCK))
        return;
    stale.lock = file_lock_existing(lock);
    if (stale.lock < 0)
        return; /* its keeper lives, or it is no keeper's folder */
    log_info("removing %s, which a keeper that was killed left", path);
    (void)snprintf(stale.path, sizeof stale.path, "%s", path);
    end_leftovers(path);
    server_kinds_release(path);
    folder_remove(&stale);
}

void folder_sweep(void)
{
    DIR *dir = opendir(folder_place());
    const struct dirent *entry;
    char path[PATH_MAX];

    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
            join(path, folder_place(), entry->d_name))
            sweep_one(path);
    }
    if (dir)
        (void)closedir(dir);
}
