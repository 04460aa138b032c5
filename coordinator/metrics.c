/* A coordinator's counters as text: see the header. */
#include "coordinator/metrics.h"

#include <inttypes.h>

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP syncbed_%s %s\n# TYPE syncbed_%s %s\n", name, help, name, type);
}

static void counters(struct buf *out, const struct coordinator_counters *c)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } list[] = {
        {"committed_total", "counter", "Transactions committed.", c->committed},
        {"aborted_total", "counter", "Transactions rolled back.", c->aborted},
        {"conflicts_total", "counter", "Of the aborted: a lock was not to be had.", c->conflicts},
        {"constraints_total", "counter", "Of the aborted: a store refused.", c->constraints},
        {"refused_total", "counter", "Not begun: too many in flight.", c->refused},
        {"unavailable_total", "counter", "Nothing sent: a store was not there.", c->unavailable},
        {"retries_total", "counter", "Decisions sent again.", c->retries},
        {"proofs_total", "counter", "Branches that were not there, and had to be proven.",
         c->proofs},
        {"heuristic_total", "counter", "Branches settled against the decision.", c->heuristic},
        {"against_by_hand", "gauge",
         "Transactions settled by hand against the decision, and not forgotten.",
         c->against_by_hand},
        {"lost_total", "counter", "Branches to commit that their participant has lost.", c->lost},
        {"restored_total", "counter", "Participants that came back as an older copy.", c->restored},
        {"recovered_committed_total", "counter", "Branches of earlier incarnations committed.",
         c->recovered_committed},
        {"recovered_rolled_back_total", "counter", "Branches of earlier incarnations rolled back.",
         c->recovered_rolled_back},
        {"open_decisions", "gauge", "Decisions that some participant may not have heard of.",
         c->open_decisions},
        {"not_recovered", "gauge", "Participants that cannot be given transactions yet.",
         c->not_recovered},
        {"log_records_total", "counter", "Records written to the decision log.", c->log.records},
        {"log_fsyncs_total", "counter",
         "Flushes of the decision log; records / fsyncs is what "
         "group commit gains.",
         c->log.fsyncs},
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        head(out, list[i].name, list[i].type, list[i].help);
        buf_printf(out, "syncbed_%s %" PRIu64 "\n", list[i].name, list[i].value);
    }
}

static void durations(struct buf *out, const struct coordinator_counters *c)
{
    head(out, "log_fsync_seconds", "histogram", "How long a flush of the decision log took.");
    histogram_print(out, "syncbed_log_fsync_seconds", "", &c->log.fsync_time);
    head(out, "phase_seconds", "histogram", "How long each phase of a committed transaction took.");
    histogram_print(out, "syncbed_phase_seconds", "phase=\"vote\"", &c->vote_time);
    histogram_print(out, "syncbed_phase_seconds", "phase=\"decide\"", &c->decide_time);
    histogram_print(out, "syncbed_phase_seconds", "phase=\"commit\"", &c->commit_time);
}

static void participants(struct buf *out, const struct doubt *d)
{
    head(out, "in_doubt", "gauge", "Branches prepared at a participant now.");
    for (unsigned i = 0; i < d->n_stores; i++) {
        if (d->store[i].reachable)
            buf_printf(out, "syncbed_in_doubt{participant=\"%s\"} %u\n", d->store[i].name,
                       d->store[i].n_prepared);
    }
    head(out, "in_doubt_oldest_seconds", "gauge", "Age of the oldest of them; 0: there is none.");
    for (unsigned i = 0; i < d->n_stores; i++) {
        if (d->store[i].reachable)
            buf_printf(out, "syncbed_in_doubt_oldest_seconds{participant=\"%s\"} %g\n",
                       d->store[i].name, (double)d->store[i].oldest_us / 1e6);
    }
    head(out, "participant_up", "gauge", "1: it answered now.");
    for (unsigned i = 0; i < d->n_stores; i++)
        buf_printf(out, "syncbed_participant_up{participant=\"%s\"} %d\n", d->store[i].name,
                   d->store[i].reachable);
}

void metrics_print(struct buf *out, const char *coordinator, const struct coordinator_counters *c,
                   const struct doubt *d)
{
    head(out, "coordinator_info", "gauge", "Whose numbers these are.");
    buf_printf(out, "syncbed_coordinator_info{coordinator=\"%s\"} 1\n", coordinator);
    counters(out, c);
    durations(out, c);
    participants(out, d);
}
