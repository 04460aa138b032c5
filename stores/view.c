/* view.c - the views that a job gathers, for whatever kind of store: see store_view(). */
#include "base/mem.h"
#include "stores/driver.h"

#include <stdio.h>
#include <string.h>

struct store_view *job_add_view(struct job *job, const char *gid)
{
    struct store_view *view;

    job->view = mem_grow(job->view, job->n_views, &job->views_capacity, sizeof *job->view);
    view = &job->view[job->n_views++];
    *view = (struct store_view){.horizon = -1};
    (void)snprintf(view->gid, sizeof view->gid, "%s", gid);
    return view;
}

struct store_view *job_find_view(const struct job *job, const char *gid)
{
    for (unsigned i = 0; i < job->n_views; i++) {
        if (strcmp(job->view[i].gid, gid) == 0)
            return &job->view[i];
    }
    return NULL;
}

void view_add_key(struct store_view *view, const char *key)
{
    if (view->n_keys == TXN_OPS_MAX) /* not of ours: no transaction of ours has so many */
        return;
    (void)snprintf(view->key[view->n_keys++], KEY_SIZE, "%s", key);
}

void view_add_waiter(struct store_view *view, const struct store_waiter *waiter)
{
    if (view->n_waiters < STORE_WAITERS_SHOWN)
        view->waiter[view->n_waiters] = *waiter;
    view->n_waiters++;
}
