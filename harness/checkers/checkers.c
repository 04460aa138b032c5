/* The table of checkers: a new one is a function in a file beside this, and a row here. */
#include "harness/checkers/checkers.h"

#include <string.h>

const struct checker checker_table[CHECKERS] = {
    {"durability", check_durability, "an acknowledged write is in each of its stores", "write lost",
     "writes lost", false},
    {"atomicity", check_atomicity, "a transaction is in all its stores or in none",
     "half-done write", "half-done writes", false},
    {"convergence", check_convergence, "all stores end with the same value of a key",
     "key diverged", "keys diverged", false},
    {"order", check_order, "two writes of a key stand in one order everywhere", "key out of order",
     "keys out of order", false},
    {"real-time", check_real_time, "an acknowledged write stands before later ones",
     "write overtaken", "writes overtaken", false},
    {"ghosts", check_ghosts, "a failed write is nowhere", "ghost", "ghosts", false},
    {"duplicates", check_duplicates, "nothing is applied twice", "write applied twice",
     "writes applied twice", false},
    {"conservation", check_conservation, "each balance is its beginning and all that happened",
     "wrong balance", "wrong balances", false},
    {"fractured", check_fractured,
     "no reader sees one half of a transaction and then lacks the other", "fractured read",
     "fractured reads", true},
    {"read-your-writes", check_read_your_writes, "a client reads what it has written",
     "missed own write", "missed own writes", true},
    {"monotonic-reads", check_monotonic_reads, "what a client has read it does not unread",
     "read back in time", "reads back in time", true},
};

const struct checker *checker_find(const char *name)
{
    for (unsigned i = 0; i < CHECKERS; i++) {
        if (strcmp(checker_table[i].name, name) == 0)
            return &checker_table[i];
    }
    return NULL;
}
