/* history: to and from the forms in which others read histories. */
#include "base/file.h"
#include "harness/history/history.h"
#include "harness/history/jepsen.h"
#include "harness/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PART_SIZE (PATH_MAX + 8)

static int to_edn(const char *in, const char *out, struct errctx *err)
{
    struct history history;
    struct buf text = {0};
    int rc = history_read(in, &history, err);

    if (rc)
        return rc;
    rc = jepsen_print(&text, &history, err);
    if (!rc)
        rc = file_replace(out, &text, err);
    buf_done(&text);
    history_done(&history);
    return rc;
}

/* Under another name until it is whole: a history that was closed is taken for complete. */
static int write_history(const char *in, const struct buf *text, const char *out,
                         struct errctx *err)
{
    struct history_writer *writer;
    char part[PART_SIZE];
    int rc, close_rc;

    (void)snprintf(part, sizeof part, "%.*s.part", PATH_MAX, out);
    rc = history_create(part, &writer, err);
    if (rc)
        return rc;
    rc = jepsen_read(in, text, writer, err);
    close_rc = history_close(writer, rc ? NULL : err);
    rc = rc ? rc : close_rc;
    if (!rc && rename(part, out))
        rc = err_set(err, errno, ERR_FATAL, "%s: %s", out, strerror(errno));
    if (rc)
        (void)unlink(part); /* the first error is what counts */
    return rc;
}

static int from_edn(const char *in, const char *out, struct errctx *err)
{
    struct buf text = {0};
    int rc = file_read(in, &text, err);

    if (!rc)
        rc = write_history(in, &text, out, err);
    buf_done(&text);
    return rc;
}

/* "DIR/history.ndjson" and "edn": "DIR/history.edn" */
static void other_ending(const char *path, const char *ending, char ret_path[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    size_t stem = dot ? (size_t)(dot - path) : strlen(path);

    (void)snprintf(ret_path, PATH_MAX, "%.*s.%s", (int)stem, path, ending);
}

int verb_history(const struct cli_args *args)
{
    const char *in = cli_argument(args, 0);
    bool to = cli_given(args, "to");
    char otherwise[PATH_MAX];
    const char *out;
    struct errctx err;
    int rc;

    if (to == cli_given(args, "from")) {
        (void)err_set(&err, EINVAL, ERR_ABORT, "history takes --to edn or --from edn");
        return cli_fail(&err);
    }
    if (strcmp(cli_text(args, to ? "to" : "from", ""), "edn") != 0) {
        (void)err_set(&err, EINVAL, ERR_ABORT, "history knows one other form: edn");
        return cli_fail(&err);
    }
    other_ending(in, to ? "edn" : "ndjson", otherwise);
    out = cli_text(args, "out", otherwise);
    if (strcmp(in, out) == 0)
        rc = err_set(&err, EINVAL, ERR_ABORT, "%s would be overwritten: say --out FILE", in);
    else
        rc = to ? to_edn(in, out, &err) : from_edn(in, out, &err);
    if (rc)
        return cli_fail(&err);
    (void)printf("%s\n", out);
    return 0;
}
