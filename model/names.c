/* Names of sessions and global transactions: see the header. */
#include "model/names.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SEQ_DIGITS 10 /* ten thousand million transactions an incarnation */

int gid_check_name(const char *coordinator, int64_t epoch, struct errctx *err)
{
    struct gid longest = {.epoch = epoch};
    char text[sizeof longest.coordinator + GID_SIZE + 64];
    int size;

    if (coordinator[0] == '\0' ||
        coordinator[strspn(coordinator, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
        return err_set(err, EINVAL, ERR_FATAL,
                       "\"%s\" cannot name a coordinator: use a-z, 0-9 and '-'", coordinator);
    size = snprintf(text, sizeof text, NAMES_PREFIX "%s:%" PRId64 ":%0*d:%0*d", coordinator, epoch,
                    SEQ_DIGITS, 0, REQUEST_ID_SIZE - 1, 0);
    if (size < 0 || size >= GID_SIZE)
        return err_set(err, EINVAL, ERR_FATAL,
                       "the coordinator's name \"%s\" is too long: with epoch %" PRId64
                       " and a request id of %d its transactions' names take %d bytes of %d",
                       coordinator, epoch, REQUEST_ID_SIZE - 1, size, GID_SIZE - 1);
    return 0;
}

void gid_format(char ret_text[GID_SIZE], const struct gid *gid)
{
    int size = snprintf(ret_text, GID_SIZE, NAMES_PREFIX "%s:%" PRId64 ":%" PRIu64 ":%s",
                        gid->coordinator, gid->epoch, gid->seq, gid->request);

    assert(size > 0 && size < GID_SIZE); /* gid_check_name() has seen to that */
}

bool gid_valid(const char *gid)
{
    size_t n = strspn(gid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-");

    return n > 0 && n < GID_SIZE && gid[n] == '\0';
}

bool gid_parse(const char *text, struct gid *ret_gid)
{
    struct gid gid;
    int used = 0;

    if (sscanf(text, NAMES_PREFIX "%31[a-z0-9-]:%" SCNd64 ":%" SCNu64 ":%n", gid.coordinator,
               &gid.epoch, &gid.seq, &used) != 3 ||
        used == 0 || !request_id_valid(text + used))
        return false;
    (void)snprintf(gid.request, sizeof gid.request, "%s", text + used);
    *ret_gid = gid;
    return true;
}

void role_prefix(char ret_prefix[ROLE_PREFIX_SIZE], const char *role)
{
    (void)snprintf(ret_prefix, ROLE_PREFIX_SIZE, NAMES_PREFIX "%s:", role);
}

void session_name(char ret_name[SESSION_NAME_SIZE], const char *role, const char *part)
{
    (void)snprintf(ret_name, SESSION_NAME_SIZE, NAMES_PREFIX "%s:%s", role, part);
}
