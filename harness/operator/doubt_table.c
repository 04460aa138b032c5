/* The operator's view for a terminal: a line a transaction, what it holds and who waits below. */
#include "harness/operator/doubt_table.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "340 ms", "4.2 s", "3 min 20 s", "2 h 5 min"; "?" below 0 */
static void print_duration(struct buf *out, int64_t us)
{
    int64_t s = us / US_PER_S;

    if (us < 0)
        buf_append_char(out, '?');
    else if (us < US_PER_S)
        buf_printf(out, "%" PRId64 " ms", us / US_PER_MS);
    else if (s < 100)
        buf_printf(out, "%.1f s", (double)us / (double)US_PER_S);
    else if (s < 6000)
        buf_printf(out, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        buf_printf(out, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
}

/* --- columns ---------------------------------------------------------------------------------- */

static const char *request_of(const struct doubt_txn *txn)
{
    return txn->name.request[0] ? txn->name.request : txn->gid;
}

static int wider(int width, const char *text)
{
    int n = (int)strlen(text);

    return n > width ? n : width;
}

static int request_width(const struct doubt *d)
{
    int width = (int)strlen("request");

    for (size_t i = 0; i < d->n_txns; i++)
        width = wider(width, request_of(d->txn[i]));
    return width;
}

static int store_width(const struct doubt *d, unsigned store)
{
    int width = (int)strlen(d->store[store].name);

    for (size_t i = 0; i < d->n_txns; i++)
        width = wider(width, doubt_state_word(d->txn[i]->branch[store].state));
    return width;
}

static void print_duration_in(struct buf *out, int width, int64_t us)
{
    struct buf text = {0};

    print_duration(&text, us);
    buf_printf(out, "%*s", width, buf_str(&text));
    buf_done(&text);
}

/* --- below a transaction ---------------------------------------------------------------------- */

static void print_keys(struct buf *out, const struct doubt *d, const struct doubt_txn *txn)
{
    const char *separator = "    holds ";

    for (unsigned i = 0; i < d->n_stores; i++) {
        const struct store_view *view = &txn->branch[i].view;

        if (txn->branch[i].state != DOUBT_PREPARED || view->n_keys == 0)
            continue;
        buf_printf(out, "%s%s", separator, d->store[i].name);
        for (unsigned k = 0; k < view->n_keys; k++)
            buf_printf(out, " %s", view->key[k]);
        separator = "; ";
    }
    if (*separator == ';')
        buf_append_char(out, '\n');
}

static void print_waiter(struct buf *out, const struct store_waiter *w)
{
    buf_append_str(out, w->who);
    if (w->pid > 0)
        buf_printf(out, " (backend %" PRId64, w->pid);
    if (w->pid > 0 && w->for_us >= 0) {
        buf_append_str(out, ", ");
        print_duration(out, w->for_us);
    }
    if (w->pid > 0)
        buf_append_char(out, ')');
}

static void print_waiters(struct buf *out, const struct doubt *d, const struct doubt_txn *txn)
{
    for (unsigned i = 0; i < d->n_stores; i++) {
        const struct store_view *view = &txn->branch[i].view;

        if (txn->branch[i].state != DOUBT_PREPARED || view->n_waiters == 0)
            continue;
        buf_printf(out, "    behind it at %s: ", d->store[i].name);
        for (unsigned w = 0; w < view->n_waiters && w < STORE_WAITERS_SHOWN; w++) {
            buf_append_str(out, w > 0 ? ", " : "");
            print_waiter(out, &view->waiter[w]);
        }
        if (view->n_waiters > STORE_WAITERS_SHOWN)
            buf_printf(out, " and %u more", view->n_waiters - STORE_WAITERS_SHOWN);
        buf_append_char(out, '\n');
    }
}

static bool is_lost(const struct doubt *d, const struct doubt_txn *txn)
{
    for (unsigned i = 0; i < d->n_stores; i++) {
        if (txn->branch[i].state == DOUBT_LOST)
            return true;
    }
    return false;
}

static void print_hand(struct buf *out, const struct doubt *d, const struct doubt_txn *txn)
{
    static const char *const sentences[DOUBT_HEURISTICS] = {
        [DOUBT_NO_HAND] = NULL,
        [DOUBT_AGREES] = "settled by hand as was decided",
        [DOUBT_CONTRADICTS] = "SETTLED BY HAND AGAINST THE DECISION: its stores disagree",
        [DOUBT_UNDECIDED] = "settled by hand; nobody here knows the decision to compare it with",
    };

    const char *sentence = sentences[txn->heuristic];

    if (txn->heuristic == DOUBT_CONTRADICTS && is_lost(d, txn))
        sentence = "LOST, THOUGH IT WAS DECIDED TO COMMIT IT: its stores disagree";
    if (sentence)
        buf_printf(out, "    %s (syncbed forget %s)\n", sentence, txn->gid);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void print_head(struct buf *out, const struct doubt *d, int width)
{
    buf_printf(out, "%-*s  %11s  %-16s", width, "request", "age", "decision");
    for (unsigned i = 0; i < d->n_stores; i++)
        buf_printf(out, "  %-*s", store_width(d, i), d->store[i].name);
    buf_append_char(out, '\n');
}

static void print_txn(struct buf *out, const struct doubt *d, const struct doubt_txn *txn,
                      int width)
{
    buf_printf(out, "%-*s  ", width, request_of(txn));
    print_duration_in(out, 11, txn->age_us);
    buf_printf(out, "  %-16s", doubt_decision_word(txn->decision));
    for (unsigned i = 0; i < d->n_stores; i++)
        buf_printf(out, "  %-*s", store_width(d, i), doubt_state_word(txn->branch[i].state));
    buf_append_char(out, '\n');
    if (txn->name.request[0])
        buf_printf(out, "    %s\n", txn->gid);
    print_keys(out, d, txn);
    print_waiters(out, d, txn);
    print_hand(out, d, txn);
}

static void print_store(struct buf *out, const struct doubt_store *s)
{
    buf_printf(out, "%-10s", s->name);
    if (!s->reachable) {
        buf_printf(out, "  unreachable: %s\n", s->why);
        return;
    }
    buf_printf(out, "  %8u", s->n_prepared);
    if (s->n_prepared > 0)
        print_duration_in(out, 13, s->oldest_us);
    else
        buf_printf(out, "%13s", "-");
    buf_printf(out, "  %7u", s->n_waiters);
    if (s->horizon >= 0)
        buf_printf(out, "  what %" PRId64 " transactions leave behind cannot be vacuumed",
                   s->horizon);
    buf_append_char(out, '\n');
}

void doubt_print(struct buf *out, const struct doubt *d)
{
    int width = request_width(d);

    if (d->n_txns > 0)
        print_head(out, d, width);
    for (size_t i = 0; i < d->n_txns; i++)
        print_txn(out, d, d->txn[i], width);
    if (d->n_txns > 0)
        buf_append_char(out, '\n');
    buf_printf(out, "%-10s  in doubt  oldest since  waiting\n", "store");
    for (unsigned i = 0; i < d->n_stores; i++)
        print_store(out, &d->store[i]);
}
