/* The mistakes that can be built in, and which property is expected to notice each. */
#include "sim/sim.h"

#include <string.h>

#define BIT(p) (UINT32_C(1) << (p))

const struct sim_mutant sim_mutant[] = {
    {"ack-before-decision", "the client is told \"committed\" after the first vote",
     TWOPC_ACK_BEFORE_DECISION, SIM_NO_BREAK, BIT(SIM_R2_ANSWER_AFTER_LOG)},
    {"commit-before-decision", "the first participant is sent COMMIT before the record is forced",
     TWOPC_COMMIT_BEFORE_DECISION, SIM_NO_BREAK, BIT(SIM_R1_LOG_DECIDES)},
    {"no-is-yes", "a vote of no is taken for a yes", TWOPC_NO_IS_YES, SIM_NO_BREAK,
     BIT(SIM_VALIDITY)},
    {"timeout-is-abort", "a decision that takes too long is answered \"aborted\"",
     TWOPC_TIMEOUT_IS_ABORT, SIM_NO_BREAK, BIT(SIM_R2_ANSWER_AFTER_LOG) | BIT(SIM_DURABILITY)},
    {"forget-early", "recovery ends a decision when the first participant is settled",
     TWOPC_FORGET_EARLY, SIM_NO_BREAK, BIT(SIM_R3_KEPT_UNTIL_ACKNOWLEDGED)},
    {"presume-commit", "recovery commits what the log does not know", TWOPC_PRESUME_COMMIT,
     SIM_NO_BREAK, BIT(SIM_R1_LOG_DECIDES)},
    {"log-not-forced", "COMMIT is sent when the record is written, before it is synced",
     TWOPC_SOUND, SIM_BREAK_LOG_NOT_FORCED, BIT(SIM_R1_LOG_DECIDES) | BIT(SIM_R2_ANSWER_AFTER_LOG)},
    {"reply-when-queued", "the client is told \"committed\" when the record is queued", TWOPC_SOUND,
     SIM_BREAK_REPLY_WHEN_QUEUED, BIT(SIM_R2_ANSWER_AFTER_LOG)},
    {"abort-while-logging",
     "what is not decided by its deadline is rolled back, while its record "
     "is being forced",
     TWOPC_SOUND, SIM_BREAK_ABORT_WHILE_LOGGING,
     BIT(SIM_R1_LOG_DECIDES) | BIT(SIM_R2_ANSWER_AFTER_LOG) | BIT(SIM_DURABILITY)},
    {"end-before-commit", "the END record goes out with the COMMIT record", TWOPC_SOUND,
     SIM_BREAK_END_BEFORE_COMMIT, BIT(SIM_R3_KEPT_UNTIL_ACKNOWLEDGED)},
    {"end-after-first-ack", "the decision ends with the first acknowledgement", TWOPC_SOUND,
     SIM_BREAK_END_AFTER_FIRST_ACK, BIT(SIM_R3_KEPT_UNTIL_ACKNOWLEDGED)},
    {"abort-by-age", "what has been in doubt for 300 ms is rolled back", TWOPC_SOUND,
     SIM_BREAK_ABORT_BY_AGE, BIT(SIM_R4_NEVER_BY_TIME) | BIT(SIM_R1_LOG_DECIDES)},
    {"prefix-owner", "serve1 takes gids of serve10 for its own", TWOPC_SOUND,
     SIM_BREAK_PREFIX_OWNER, BIT(SIM_R5_FENCED_FIRST)},
    {"any-epoch", "recovery rolls back what this incarnation has just prepared", TWOPC_SOUND,
     SIM_BREAK_ANY_EPOCH, BIT(SIM_R4_NEVER_BY_TIME)},
    {"no-session-fence", "recovery lists before the earlier incarnation's sessions are gone",
     TWOPC_SOUND, SIM_BREAK_NO_SESSION_FENCE, BIT(SIM_R5_FENCED_FIRST)},
    {"late-prepare", "a rollback does not end the session that its PREPARE may still come over",
     TWOPC_SOUND, SIM_BREAK_LATE_PREPARE, BIT(SIM_NOTHING_IN_DOUBT)},
    {"fsync-retried", "a sync that failed is tried again, and believed", TWOPC_SOUND,
     SIM_BREAK_FSYNC_RETRIED, BIT(SIM_R1_LOG_DECIDES) | BIT(SIM_R2_ANSWER_AFTER_LOG)},
    {"folder-not-synced", "a new segment's name is not synced", TWOPC_SOUND,
     SIM_BREAK_FOLDER_NOT_SYNCED,
     BIT(SIM_R1_LOG_DECIDES) | BIT(SIM_R2_ANSWER_AFTER_LOG) | BIT(SIM_R5_FENCED_FIRST)},
    {"torn-tail-taken", "a torn record is taken for a decision", TWOPC_SOUND,
     SIM_BREAK_TORN_TAIL_TAKEN, BIT(SIM_R1_LOG_DECIDES)},
    {"damage-skipped", "a log damaged in its middle is cut there, as if that was a torn tail",
     TWOPC_SOUND, SIM_BREAK_DAMAGE_SKIPPED, BIT(SIM_R1_LOG_DECIDES) | BIT(SIM_R5_FENCED_FIRST)},
    {"epoch-not-logged", "a new incarnation's epoch is not written", TWOPC_SOUND,
     SIM_BREAK_EPOCH_NOT_LOGGED, BIT(SIM_R5_FENCED_FIRST) | BIT(SIM_NOTHING_IN_DOUBT)},
    {"prepare-resent", "a PREPARE whose vote was lost is sent again", TWOPC_SOUND,
     SIM_BREAK_PREPARE_RESENT, BIT(SIM_NOTHING_IN_DOUBT)},
    {"vote-counted-twice", "votes are counted, not voters", TWOPC_SOUND,
     SIM_BREAK_VOTE_COUNTED_TWICE, BIT(SIM_VALIDITY)},
    {"reader-released-early", "a reader's locks go before the votes are in", TWOPC_SOUND,
     SIM_BREAK_READER_RELEASED_EARLY, BIT(SIM_READ_LOCKS)},
    {"rollback-not-retried", "a rollback that was not answered is taken as done", TWOPC_SOUND,
     SIM_BREAK_ROLLBACK_NOT_RETRIED, BIT(SIM_NOTHING_IN_DOUBT)},
    {"commit-not-retried", "a COMMIT that was not answered is taken as done", TWOPC_SOUND,
     SIM_BREAK_COMMIT_NOT_RETRIED,
     BIT(SIM_R3_KEPT_UNTIL_ACKNOWLEDGED) | BIT(SIM_R2_ANSWER_AFTER_LOG)},
    {"request-forgotten", "a request that comes again is executed again", TWOPC_SOUND,
     SIM_BREAK_REQUEST_FORGOTTEN, BIT(SIM_ONCE)},
    {"nota-is-committed", "\"no such gid\" in answer to COMMIT is taken for committed earlier",
     TWOPC_SOUND, SIM_BREAK_NOTA_IS_COMMITTED,
     BIT(SIM_HEURISTIC_TOLD) | BIT(SIM_R2_ANSWER_AFTER_LOG) | BIT(SIM_R3_KEPT_UNTIL_ACKNOWLEDGED)},
    {"recovery-lists-once", "what recovery could not settle is taken as settled", TWOPC_SOUND,
     SIM_BREAK_RECOVERY_LISTS_ONCE,
     BIT(SIM_NOTHING_IN_DOUBT) | BIT(SIM_R3_KEPT_UNTIL_ACKNOWLEDGED)},
};

unsigned sim_mutant_count(void)
{
    return (unsigned)(sizeof sim_mutant / sizeof sim_mutant[0]);
}

const struct sim_mutant *sim_mutant_find(const char *name)
{
    for (unsigned i = 0; i < sim_mutant_count(); i++) {
        if (strcmp(sim_mutant[i].name, name) == 0)
            return &sim_mutant[i];
    }
    return NULL;
}
