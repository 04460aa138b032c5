/* The table of checkers: a new one is a function in a file beside this, and a row here. */
#include "harness/checkers/checkers.h"

const struct checker checker_table[CHECKERS] = {
    {"durability", check_durability, "an acknowledged write is in each of its stores", "write lost",
     "writes lost"},
    {"atomicity", check_atomicity, "a transaction is in all its stores or in none",
     "half-done write", "half-done writes"},
    {"convergence", check_convergence, "all stores end with the same value of a key",
     "key diverged", "keys diverged"},
    {"order", check_order, "two writes of a key stand in one order everywhere", "key out of order",
     "keys out of order"},
    {"real-time", check_real_time, "an acknowledged write stands before later ones",
     "write overtaken", "writes overtaken"},
    {"ghosts", check_ghosts, "a failed write is nowhere", "ghost", "ghosts"},
    {"duplicates", check_duplicates, "nothing is applied twice", "write applied twice",
     "writes applied twice"},
};
