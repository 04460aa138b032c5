/*
 * folder.h - the keeper's folder on disk, and what dead keepers left behind.
 *
 *   /var/tmp/syncbed-k3Xw9a/          of one owner's keeper
 *   /var/tmp/syncbed-0-up/            of the keeper that user 0's `syncbed up` left: one at most
 *       lock                          locked while the keeper lives
 *       keeper.sock                   its control socket
 *       pg1/ pg1.log redis/ …         servers, and their output
 *       folders/                      what keeper_folder() made
 *
 * SYNCBED_DIR names another place than /var/tmp. A tmpfs is refused: fsync does nothing there, and
 * every durability we claim would be a mockery.
 */
#ifndef SYNCBED_SERVERS_FOLDER_H
#define SYNCBED_SERVERS_FOLDER_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

#define FOLDER_SOCKET "keeper.sock"

struct folder {
    char path[PATH_MAX];
    int lock;
};

const char *folder_place(void); /* "/var/tmp" */

/* Where the keeper of `up` lives, whether it does or not. `ret_path` has PATH_MAX bytes. */
void folder_of_up(char *ret_path);

/*
 * Make it and lock it; `up` chooses the well-known one: -EEXIST when a living keeper has it.
 * -ENOTSUP on a tmpfs.
 */
__attribute__((warn_unused_result)) int folder_make(bool up, struct folder *ret_folder,
                                                    struct errctx *err);
void folder_remove(struct folder *folder); /* with all that is in it */

/* End what our user's dead keepers left running, and remove their folders. */
void folder_sweep(void);

#endif
