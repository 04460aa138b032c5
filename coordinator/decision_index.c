/* Open decisions by gid and by segment: see the header. */
#include "coordinator/decision_index.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct open_entry {
    struct decision commit; /* its `segment` is where it stands now */
    UT_hash_handle hh;
};

static void remove_entry(struct decision_index *ix, struct open_entry *entry)
{
    HASH_DEL(ix->by_gid, entry);
    free(entry);
}

void decision_index_done(struct decision_index *ix)
{
    struct open_entry *entry, *tmp;

    HASH_ITER (hh, ix->by_gid, entry, tmp)
        remove_entry(ix, entry);
    free(ix->segment);
    free(ix->mark);
    *ix = (struct decision_index){0};
}

void decision_index_reach(struct decision_index *ix, uint64_t number)
{
    uint64_t next = ix->n_segments > 0 ? ix->segment[0].number + ix->n_segments : number;

    for (; next <= number; next++) {
        ix->segment =
            mem_grow(ix->segment, ix->n_segments, &ix->segments_capacity, sizeof *ix->segment);
        ix->segment[ix->n_segments++] = (struct open_segment){.number = next};
    }
}

static struct open_segment *segment_of(struct decision_index *ix, const struct open_entry *entry)
{
    uint64_t at = entry->commit.segment - ix->segment[0].number;

    assert(at < ix->n_segments); /* no segment is dropped before its entries have gone */
    return &ix->segment[at];
}

static struct open_entry *find(const struct decision_index *ix, const char *gid)
{
    struct open_entry *entry;

    HASH_FIND_STR(ix->by_gid, gid, entry);
    return entry;
}

static void note_commit(struct decision_index *ix, const struct decision *commit)
{
    struct open_entry *entry = find(ix, commit->gid);

    if (entry) {
        segment_of(ix, entry)->n_open--;
    } else {
        entry = mem_alloc(sizeof *entry);
        entry->commit = *commit;
        HASH_ADD_STR(ix->by_gid, commit.gid, entry);
    }
    entry->commit.segment = commit->segment;
    segment_of(ix, entry)->n_open++;
}

static void note_mark(struct decision_index *ix, const struct decision *mark)
{
    size_t i = 0;

    while (i < ix->n_marks && strcmp(ix->mark[i].participant[0], mark->participant[0]) != 0)
        i++;
    if (i == ix->n_marks) {
        ix->mark = mem_grow(ix->mark, ix->n_marks, &ix->marks_capacity, sizeof *ix->mark);
        ix->n_marks++;
    }
    ix->mark[i] = *mark;
}

void decision_index_note(struct decision_index *ix, const struct decision *decision)
{
    switch (decision->kind) {
    case DECISION_EPOCH:
        break;
    case DECISION_COMMIT:
        note_commit(ix, decision);
        break;
    case DECISION_END:
        (void)decision_index_end(ix, decision->gid); /* of a segment that was dropped: not there */
        break;
    case DECISION_MARK:
        note_mark(ix, decision);
        break;
    }
}

uint64_t decision_index_end(struct decision_index *ix, const char *gid)
{
    struct open_entry *entry = find(ix, gid);
    uint64_t segment;

    if (!entry)
        return 0;
    segment = entry->commit.segment;
    segment_of(ix, entry)->n_open--;
    remove_entry(ix, entry);
    return segment;
}

bool decision_index_is_open(const struct decision_index *ix, const char *gid)
{
    return find(ix, gid) != NULL;
}

size_t decision_index_carry(const struct decision_index *ix, struct decision *ret_decisions,
                            size_t n_max)
{
    const struct open_entry *entry;
    size_t n = 0;

    for (entry = ix->by_gid; entry && n < n_max; entry = entry->hh.next) {
        if (entry->commit.segment != ix->segment[0].number)
            continue;
        ret_decisions[n] = entry->commit;
        ret_decisions[n++].carried = true;
    }
    return n;
}

bool decision_index_can_drop(const struct decision_index *ix, size_t n_kept)
{
    return ix->n_segments > n_kept && ix->segment[0].n_open == 0;
}

void decision_index_dropped(struct decision_index *ix)
{
    assert(ix->n_segments > 0 && ix->segment[0].n_open == 0);
    ix->n_segments--;
    memmove(&ix->segment[0], &ix->segment[1], ix->n_segments * sizeof ix->segment[0]);
}
