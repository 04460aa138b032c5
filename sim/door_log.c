/*
 * A door's decision log: the real records, segments and scan on a simulated disk. In place of the
 * writer's thread (decision_log.c) stands an event: all that waits goes out as one batch, and when
 * the disk's time for it is over, the transactions hear of it.
 */
#include "sim/world.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEGMENT_SMALL (SEGMENT_HEADER_SIZE + 2 * DECISION_SIZE_MAX)
#define SEGMENT_LARGE DISK_FILE_SIZE
#define RESTART_US    MS(200)

_Static_assert(SEGMENT_SMALL <= DISK_FILE_SIZE, "a segment fits into a file");

/* --- opening ---------------------------------------------------------------------------------- */

static void remember(void *arg, const struct decision *decision)
{
    struct door *d = arg;

    if (decision->kind == DECISION_EPOCH)
        return;
    open_decisions_note(&d->decisions, decision);
    if (decision->kind == DECISION_COMMIT)
        requests_remember(&d->requests, decision->request, OUTCOME_COMMITTED);
}

static int next_segment(struct door *d, struct errctx *err)
{
    int rc = segment_prepare(&d->writer, d->writer.size);

    if (rc < 0)
        return err_set(err, -rc, ERR_FATAL, "making a segment: %s", strerror(-rc));
    return segment_next(&d->writer, err);
}

/* From the middle of a segment on the next one is made ahead; where there is no space for it, what
 * is here goes on. */
static void make_ahead(struct door *d)
{
    if (d->writer.end <= d->writer.size / 2 || segment_prepared(&d->writer))
        return;
    if (segment_prepare(&d->writer, d->writer.size) < 0)
        return; /* tried again with the next batch */
}

static int append(struct door *d, const uint8_t *bytes, size_t size, size_t n, struct errctx *err)
{
    int rc = 0;

    if (d->writer.fd < 0 || !segment_has_room(&d->writer, size))
        rc = next_segment(d, err);
    if (rc == 0)
        rc = segment_append(&d->writer, bytes, size, n, err);
    if (rc == 0)
        make_ahead(d);
    return rc;
}

static int begin_epoch(struct sim_world *w, struct door *d, struct errctx *err)
{
    struct decision epoch = {
        .kind = DECISION_EPOCH, .epoch = d->writer.epoch, .incarnation = (uint64_t)d->writer.epoch};
    uint8_t bytes[DECISION_SIZE_MAX];
    size_t size = decision_encode(bytes, &epoch, d->writer.sequence + 1, d->writer.sequence);

    if (sim_broken(w, SIM_BREAK_EPOCH_NOT_LOGGED))
        return d->writer.fd < 0 ? next_segment(d, err) : 0;
    return append(d, bytes, size, 1, err);
}

/* A mutant's: what stands behind the last sound record is believed, whatever its checksum. */
static void take_torn_tail(const struct sim_world *w, struct door *d, const char *file, size_t at)
{
    struct decision decision = {.kind = DECISION_COMMIT, .n_participants = w->schedule.n_stores};
    uint8_t bytes[DECISION_HEAD_SIZE + 1 + GID_SIZE] = {0};
    unsigned length;

    sim_disk_peek(&w->name[d->name].disk, file, at, bytes, sizeof bytes);
    length = bytes[DECISION_HEAD_SIZE];
    if (bytes[DECISION_HEAD_SIZE - 1] != DECISION_COMMIT || length >= GID_SIZE)
        return;
    memcpy(decision.gid, bytes + DECISION_HEAD_SIZE + 1, length);
    for (unsigned i = 0; i < w->schedule.n_stores; i++)
        memcpy(decision.participant[i], sim_store_name[i], strlen(sim_store_name[i]) + 1);
    if (sim_ghost_of(w, decision.gid) < w->n_ghosts) /* its name is whole */
        open_decisions_note(&d->decisions, &decision);
}

static int scan(struct sim_world *w, struct door *d, struct decision_scan *ret_scan,
                struct errctx *err)
{
    struct name *n = &w->name[d->name];
    const char *owner = sim_door_name[d->name];
    char path[PATH_MAX];
    int rc = decision_scan(&n->io, "log", owner, remember, d, ret_scan, err);

    if (rc == -EBADMSG && sim_broken(w, SIM_BREAK_DAMAGE_SKIPPED)) {
        decision_scan_done(ret_scan);
        sim_disk_cut_damage(&n->disk);
        rc = decision_scan(&n->io, "log", owner, remember, d, ret_scan, err);
    }
    if (rc == 0 && ret_scan->torn && sim_broken(w, SIM_BREAK_TORN_TAIL_TAKEN) &&
        segment_path(path, "log", ret_scan->segment[ret_scan->n_segments - 1]) == 0)
        take_torn_tail(w, d, path, ret_scan->end);
    return rc;
}

int sim_door_log_open(struct sim_world *w, struct door *d, struct errctx *err)
{
    struct decision_scan found;
    int rc;

    segment_writer_init(&d->writer, &w->name[d->name].io, "log", sim_door_name[d->name],
                        w->schedule.small_segments ? SEGMENT_SMALL : SEGMENT_LARGE);
    rc = scan(w, d, &found, err);
    d->writer.epoch = found.epoch + 1;
    if (rc == 0 && found.n_segments > 0)
        rc = segment_resume(&d->writer, &found, err);
    decision_scan_done(&found);
    return rc < 0 ? rc : begin_epoch(w, d, err);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void fill_in(const struct sim_world *w, const struct door *d, const struct log_entry *e,
                    struct decision *ret_record)
{
    const struct ghost *g = &w->ghost[e->ghost];

    *ret_record = (struct decision){.kind = e->end ? DECISION_END : DECISION_COMMIT};
    memcpy(ret_record->gid, g->gid, sizeof ret_record->gid);
    if (e->end)
        return;
    memcpy(ret_record->request, w->txn[g->txn].request, sizeof ret_record->request);
    for (unsigned i = 0; i < d->tx[e->tx].n_branches; i++) {
        if (d->tx[e->tx].core.prepared >> i & 1U)
            (void)snprintf(ret_record->participant[ret_record->n_participants++], STORE_NAME_SIZE,
                           "%s", sim_store_name[d->tx[e->tx].branch[i].store]);
    }
}

/* As much of what waits as surely fits into a segment. */
static size_t take_batch(struct sim_world *w, struct door *d, uint8_t *bytes)
{
    size_t fit = (d->writer.size - SEGMENT_HEADER_SIZE) / DECISION_SIZE_MAX;
    size_t size = 0;
    struct decision record;

    d->n_writing = d->n_waiting < fit ? d->n_waiting : (unsigned)fit;
    memcpy(d->writing, d->waiting, d->n_writing * sizeof d->writing[0]);
    d->n_waiting -= d->n_writing;
    memmove(d->waiting, d->waiting + d->n_writing, d->n_waiting * sizeof d->waiting[0]);
    for (unsigned i = 0; i < d->n_writing; i++) {
        fill_in(w, d, &d->writing[i], &record);
        size +=
            decision_encode(bytes + size, &record, d->writer.sequence + 1 + i, d->writer.sequence);
    }
    return size;
}

static void write_batch(struct sim_world *w, struct door *d)
{
    struct name *n = &w->name[d->name];
    uint8_t bytes[8 * DECISION_SIZE_MAX];
    struct errctx err;
    size_t size = take_batch(w, d, bytes);
    unsigned syncs = n->disk.n_syncs;

    d->is_writing = true;
    if (n->owner == d->slot) {
        n->disk.at_us = w->now_us;
        d->write_rc = append(d, bytes, size, d->n_writing, &err);
        w->result->costs.coordinator_forced += n->disk.n_syncs - syncs;
    } else {
        d->write_rc = -ESTALE;
    }
    sim_door_disk_used(w, d, EV_LOG_WRITTEN);
}

static bool somebody_waits(const struct door *d)
{
    for (unsigned i = 0; i < d->n_waiting; i++) {
        if (!d->waiting[i].end)
            return true;
    }
    return false;
}

void sim_door_log_queue(struct sim_world *w, struct door *d, const struct log_entry *e)
{
    if (d->n_waiting == LOG_QUEUE_MAX) /* an END may be dropped: recovery writes it again */
        return;
    d->waiting[d->n_waiting++] = *e;
    if (!d->is_writing && somebody_waits(d))
        write_batch(w, d);
}

/* After an error nobody knows what is on disk: the process must end. */
void sim_door_log_written(struct sim_world *w, struct door *d)
{
    uint32_t life = d->life;

    if (d->write_rc < 0) {
        if (w->trace)
            sim_trace_door(w, d->slot, "cannot write its log: %s", strerror(-d->write_rc));
        sim_door_dies(w, d, false, RESTART_US);
        return;
    }
    if (!sim_door_step(w, d))
        return;
    for (unsigned i = 0; i < d->n_writing && d->life == life; i++) {
        if (!d->writing[i].end)
            sim_tx_logged(w, d, &d->tx[d->writing[i].tx]);
    }
    if (d->life != life)
        return;
    d->is_writing = false;
    if (somebody_waits(d))
        write_batch(w, d);
}
