/* in-doubt, settle, forget: what an operator sees of transactions in doubt, and does about them. */
#include "base/mem.h"
#include "harness/json_out.h"
#include "harness/operator/doubt_table.h"
#include "harness/operator/operator.h"
#include "harness/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bad input or servers that are not there: 2, like every verb. Here is the rest. */
enum { DONE = 0, NOT_SO = 1 };

/* --- common ----------------------------------------------------------------------------------- */

static int open_and_look(struct operator_desk *op, const struct cli_args *args, struct errctx *err)
{
    int rc = operator_open(op, cli_text(args, "topology", NULL), err);

    for (unsigned i = 0; !rc && cli_text_at(args, "log", i); i++)
        rc = operator_add_log(op, cli_text_at(args, "log", i), err);
    return rc ? rc : operator_look(op, err);
}

/* Run `act` on what was looked at; its answer is the exit status. */
static int with_operator(const struct cli_args *args,
                         int (*act)(struct operator_desk *op, const struct cli_args *args,
                                    struct errctx *err))
{
    struct operator_desk *op = mem_alloc(sizeof *op); /* too large for a stack */
    struct errctx err;
    int rc = open_and_look(op, args, &err);

    if (!rc)
        rc = act(op, args, &err);
    operator_close(op);
    free(op);
    return rc < 0 ? cli_fail(&err) : rc;
}

static int find_txn(const struct doubt *d, const char *name, const struct doubt_txn **ret_txn,
                    struct errctx *err)
{
    bool several;

    *ret_txn = doubt_find(d, name, &several);
    if (!*ret_txn)
        return err_set(err, ENOENT, ERR_ABORT, "%s is not in doubt at any store that answers",
                       name);
    if (several)
        return err_set(err, EEXIST, ERR_ABORT,
                       "several transactions have the request %s: say which by its gid", name);
    return 0;
}

/* One line a store that was asked; the status of the worst. */
static int tell(const struct operator_desk *op, const struct operator_done done[STORES_MAX],
                const char *what)
{
    int status = DONE;

    for (unsigned i = 0; i < op->stores.n; i++) {
        if (!done[i].asked)
            continue;
        (void)printf("%s: %s%s%s\n", store_name(op->stores.store[i]),
                     done[i].status == STORE_OK ? what : store_status_name(done[i].status),
                     done[i].detail[0] ? ": " : "", done[i].detail);
        if (done[i].status == STORE_UNKNOWN)
            status = CLI_EXIT_UNKNOWN;
        else if (done[i].status != STORE_OK && status == DONE)
            status = NOT_SO;
    }
    return status;
}

/* --- in-doubt --------------------------------------------------------------------------------- */

/* 0 nothing is in doubt; 1 something is, or was settled against its decision; 3 a store is away. */
static int status_of(const struct doubt *d)
{
    for (size_t i = 0; i < d->n_txns; i++) {
        if (d->txn[i]->n_prepared > 0 || d->txn[i]->heuristic == DOUBT_CONTRADICTS)
            return NOT_SO;
    }
    for (unsigned i = 0; i < d->n_stores; i++) {
        if (!d->store[i].reachable)
            return CLI_EXIT_UNKNOWN;
    }
    return DONE;
}

static int show(struct operator_desk *op, const struct cli_args *args, struct errctx *err)
{
    struct buf text = {0};
    json_t *json;

    (void)err;
    doubt_print(&text, &op->doubt);
    (void)fputs(buf_str(&text), stdout);
    buf_done(&text);
    if (cli_given(args, "json")) {
        json = doubt_to_json(&op->doubt);
        json_out_line(stdout, json);
        json_decref(json);
    }
    return status_of(&op->doubt);
}

int verb_in_doubt(const struct cli_args *args)
{
    return with_operator(args, show);
}

/* --- settle ----------------------------------------------------------------------------------- */

static int stores_meant(const struct operator_desk *op, const char *store, uint32_t *ret_at,
                        struct errctx *err)
{
    *ret_at = UINT32_MAX;
    if (!store)
        return 0;
    for (unsigned i = 0; i < op->stores.n; i++) {
        if (strcmp(store_name(op->stores.store[i]), store) == 0) {
            *ret_at = UINT32_C(1) << i;
            return 0;
        }
    }
    return err_set(err, ENOENT, ERR_ABORT, "--store %s: there is no such store here", store);
}

static int settle(struct operator_desk *op, const struct cli_args *args, struct errctx *err)
{
    bool commit = strcmp(cli_argument(args, 1), "commit") == 0;
    struct operator_done done[STORES_MAX];
    const struct doubt_txn *txn;
    const char *why;
    uint32_t at;
    bool agrees;
    int rc, status;

    if (!commit && strcmp(cli_argument(args, 1), "rollback") != 0)
        return err_set(err, EINVAL, ERR_ABORT, "%s: say commit or rollback", cli_argument(args, 1));
    rc = find_txn(&op->doubt, cli_argument(args, 0), &txn, err);
    if (!rc)
        rc = stores_meant(op, cli_text(args, "store", NULL), &at, err);
    if (rc)
        return rc;
    if (txn->n_prepared == 0) {
        (void)fprintf(stderr, "syncbed: not done: %s is prepared nowhere\n", txn->gid);
        return NOT_SO;
    }
    agrees = doubt_may_settle(txn, commit, &why);
    if (!agrees && !cli_given(args, "yes")) {
        (void)fprintf(stderr, "syncbed: not done: %s (--yes does it all the same)\n", why);
        return NOT_SO;
    }
    rc = operator_settle(op, txn, at, commit, done, err);
    if (rc)
        return rc;
    status = tell(op, done, commit ? "committed by hand" : "rolled back by hand");
    if (!agrees)
        (void)printf("%s; kept until \"syncbed forget %s\"\n", why, txn->gid);
    return status;
}

int verb_settle(const struct cli_args *args)
{
    return with_operator(args, settle);
}

/* --- forget ----------------------------------------------------------------------------------- */

static int forget(struct operator_desk *op, const struct cli_args *args, struct errctx *err)
{
    struct operator_done done[STORES_MAX];
    const struct doubt_txn *txn;
    const char *why;
    bool ended;
    int rc = find_txn(&op->doubt, cli_argument(args, 0), &txn, err);

    if (rc)
        return rc;
    if (!doubt_may_forget(&op->doubt, txn, &why)) {
        (void)fprintf(stderr, "syncbed: not done: %s: %s\n", txn->gid, why);
        return NOT_SO;
    }
    rc = operator_end_decision(op, txn->gid, &ended, err);
    if (!rc)
        rc = operator_forget(op, txn->gid, done, err);
    if (rc)
        return rc;
    if (ended)
        (void)printf("%s: its decision has ended\n", txn->name.coordinator);
    return tell(op, done, "forgotten");
}

int verb_forget(const struct cli_args *args)
{
    return with_operator(args, forget);
}
