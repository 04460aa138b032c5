/* The table of verbs: the command line and every --help are made from it. */
#include "harness/verbs.h"

#include "harness/versions.h"

#include <stdio.h>

#define OPTIONS(list) .option = (list), .n_options = sizeof(list) / sizeof *(list)

/* --- options ---------------------------------------------------------------------------------- */

#define OPTION_JSON                                                                                \
    {                                                                                              \
        .name = "json", .type = CLI_FLAG, .meaning = "print one JSON object as the last line"      \
    }
#define OPTION_ONLY                                                                                \
    {                                                                                              \
        .name = "only", .value = "TEXT", .type = CLI_TEXT,                                         \
        .meaning = "only the runs whose name has TEXT in it, or the one that is APPROACH/SCHEDULE" \
    }
#define OPTION_REPEAT                                                                              \
    {                                                                                              \
        .name = "repeat", .value = "N", .type = CLI_INT, .min = 1, .max = 100,                     \
        .meaning = "carry out every run N times, instead of the file's `repeats`"                  \
    }
#define OPTION_SEED                                                                                \
    {                                                                                              \
        .name = "seed", .value = "N", .type = CLI_INT, .min = 0, .max = INT64_MAX,                 \
        .meaning = "one seed, instead of the file's `seeds`; the same seed plans the same load"    \
    }
#define OPTION_KEEP                                                                                \
    {                                                                                              \
        .name = "keep", .type = CLI_FLAG,                                                          \
        .meaning = "leave the front doors' data and the servers' logs in the results as well"      \
    }

#define OPTION_RESUME                                                                              \
    {                                                                                              \
        .name = "resume", .type = CLI_FLAG,                                                        \
        .meaning =                                                                                 \
            "go on with what was interrupted: runs that are complete are kept, the one that "      \
            "broke off is done again; same file, same options"                                     \
    }

#define OPTION_BREAK                                                                               \
    {                                                                                              \
        .name = "break", .value = "NAME", .type = CLI_TEXT,                                        \
        .meaning = "build this mistake into the approach that has it, to see whether a verdict "   \
                   "notices: see \"syncbed mutants --help\""                                       \
    }

static const struct cli_option quickstart_options[] = {
    {.name = "out",
     .value = "DIR",
     .type = CLI_TEXT,
     .meaning = "where the results go (out/quickstart); an earlier result there is replaced"},
    OPTION_ONLY,
    OPTION_REPEAT,
    OPTION_SEED,
    OPTION_RESUME,
    OPTION_KEEP,
    OPTION_BREAK,
    OPTION_JSON,
};

static const struct cli_option run_options[] = {
    {.name = "out",
     .value = "DIR",
     .type = CLI_TEXT,
     .meaning = "where the results go (out/NAME, after the file's name); an earlier result there "
                "is replaced"},
    {.name = "attach",
     .value = "SERVERS.yaml",
     .type = CLI_TEXT,
     .meaning = "use these servers, which exist already (docs/attach.md); the others are started"},
    {.name = "approach",
     .value = "APPROACH",
     .type = CLI_TEXTS,
     .meaning = "one more approach beside the file's, as exec:./mine.py (docs/exec.md)"},
    OPTION_ONLY,
    OPTION_REPEAT,
    OPTION_SEED,
    OPTION_RESUME,
    OPTION_KEEP,
    OPTION_BREAK,
    OPTION_JSON,
};

static const struct cli_option check_options[] = {OPTION_JSON};

static const struct cli_option sim_options[] = {
    {.name = "schedules",
     .value = "N",
     .type = CLI_INT,
     .min = 1,
     .max = INT64_MAX,
     .meaning = "how many (100000)"},
    {.name = "seconds",
     .value = "S",
     .type = CLI_INT,
     .min = 1,
     .max = 1000000,
     .meaning = "for so long, instead"},
    {.name = "seed",
     .value = "N",
     .type = CLI_INT,
     .min = 0,
     .max = INT64_MAX,
     .meaning = "of the first schedule (1); the next have the next numbers"},
    {.name = "participants",
     .value = "N",
     .type = CLI_INT,
     .min = 2,
     .max = 3,
     .meaning = "how many stores (2 or 3, drawn for each schedule)"},
    {.name = "break", .value = "NAME", .type = CLI_TEXT, .meaning = "build this mistake in"},
    {.name = "mutants",
     .type = CLI_FLAG,
     .meaning = "every mistake in turn, until the property that it breaks notices; a minute each"},
    {.name = "costs",
     .type = CLI_FLAG,
     .meaning =
         "forced writes and messages of a transaction, counted, beside what presumed nothing "
         "and presumed commit would cost; those two are for comparison only"},
    {.name = "exhaustive",
     .type = CLI_FLAG,
     .meaning =
         "one transaction in every order of messages, crashes and losses, on a log that is a "
         "word; says how many states there are"},
    {.name = "crashes",
     .value = "N",
     .type = CLI_INT,
     .min = 0,
     .max = 3,
     .meaning = "with --exhaustive: at most (2; with 3 stores 1)"},
    {.name = "losses",
     .value = "N",
     .type = CLI_INT,
     .min = 0,
     .max = 3,
     .meaning = "with --exhaustive: at most (2; with 3 stores 1)"},
    {.name = "trace",
     .type = CLI_FLAG,
     .meaning = "one schedule, drawn and told, whether or not it breaks a property"},
    {.name = "txns",
     .value = "LIST",
     .type = CLI_TEXT,
     .meaning = "of the schedule's transactions only these: \"0,2\""},
    {.name = "faults",
     .value = "LIST",
     .type = CLI_TEXT,
     .meaning = "of its faults only these: \"1,3\", or \"none\""},
    OPTION_JSON,
};

static const struct cli_option crash_points_options[] = {OPTION_JSON};

static const struct cli_option history_options[] = {
    {.name = "to", .value = "edn", .type = CLI_TEXT, .meaning = "from our form to this one"},
    {.name = "from", .value = "edn", .type = CLI_TEXT, .meaning = "from this form to ours"},
    {.name = "out",
     .value = "FILE",
     .type = CLI_TEXT,
     .meaning = "where it goes (FILE with another ending: history.edn, history.ndjson)"},
};

static const struct cli_option bench_options[] = {
    {.name = "quick", .type = CLI_FLAG, .meaning = "once and short, to see that it works"},
    {.name = "out",
     .value = "DIR",
     .type = CLI_TEXT,
     .meaning = "where bench.json goes (out/bench-NAME)"},
    {.name = "only",
     .value = "CASE",
     .type = CLI_TEXT,
     .meaning = "of 2pc: only the cases that begin with this (\"default/1\"), and what they are "
                "compared with"},
    {.name = "soak",
     .value = "MINUTES",
     .type = CLI_INT,
     .min = 2,
     .max = 1440,
     .meaning =
         "of 2pc: only this: 32 clients for so long, and the coordinator's memory over time"},
    OPTION_JSON,
};

static const struct cli_option ps_options[] = {OPTION_JSON};

static const struct cli_option mutants_options[] = {
    {.name = "out",
     .value = "DIR",
     .type = CLI_TEXT,
     .meaning = "where the results go (out/mutants); an earlier result there is replaced"},
    {.name = "only",
     .value = "NAME",
     .type = CLI_TEXT,
     .meaning = "only this mistake, or those of this approach"},
    {.name = "clean",
     .value = "N",
     .type = CLI_INT,
     .min = 0,
     .max = 100,
     .meaning = "run each schedule N times without the mistake, too (1)"},
    {.name = "random",
     .type = CLI_FLAG,
     .meaning = "make each mistake with its kill at a random instant, too: how many that hits, "
                "beside the kill at the worst moment"},
    OPTION_JSON,
};

static const struct cli_option matrix_options[] = {
    {.name = "out",
     .value = "DIR",
     .type = CLI_TEXT,
     .meaning = "where the results go (out/matrix-2pc); an earlier result there is replaced"},
    {.name = "only", .value = "ROW", .type = CLI_TEXT, .meaning = "only what shows this row: C8"},
    {.name = "table", .type = CLI_FLAG, .meaning = "run nothing: the rows as the page has them"},
    OPTION_BREAK,
    OPTION_JSON,
};

#define OPTION_WHERE                                                                               \
    {                                                                                              \
        .name = "topology", .value = "FILE", .type = CLI_TEXT,                                     \
        .meaning = "topology.yaml of a run, instead of what \"syncbed up\" left"                   \
    }
#define OPTION_LOG                                                                                 \
    {                                                                                              \
        .name = "log", .value = "NAME=DIR", .type = CLI_TEXTS,                                     \
        .meaning = "a coordinator's decision log, which is only read; those of the topology's "    \
                   "front doors are found"                                                         \
    }

static const struct cli_option participant_options[] = {
    OPTION_WHERE,
    {.name = "listen",
     .value = "HOST:PORT",
     .type = CLI_TEXT,
     .meaning = "listen there, on loopback (port 0: a free one); default: standard input, output"},
    {.name = "reset", .type = CLI_FLAG, .meaning = "empty the store first, and make its tables"},
};

static const struct cli_option in_doubt_options[] = {OPTION_WHERE, OPTION_LOG, OPTION_JSON};

static const struct cli_option settle_options[] = {
    OPTION_WHERE,
    OPTION_LOG,
    {.name = "store",
     .value = "STORE",
     .type = CLI_TEXT,
     .meaning = "only there, instead of wherever it is prepared"},
    {.name = "yes",
     .type = CLI_FLAG,
     .meaning = "also against the decision, or where none is known"},
};

static const struct cli_option forget_options[] = {OPTION_WHERE, OPTION_LOG};

#define OPTION_TOPOLOGY                                                                            \
    {                                                                                              \
        .name = "topology", .value = "FILE", .type = CLI_TEXT, .required = true,                   \
        .meaning = "who is where (topology.yaml of a run)"                                         \
    }
#define OPTION_NAME                                                                                \
    {                                                                                              \
        .name = "name", .value = "NAME", .type = CLI_TEXT, .required = true,                       \
        .meaning = "which of the topology's roles this process is"                                 \
    }

#define OPTION_TOKEN(says)                                                                         \
    {                                                                                              \
        .name = "token-file", .value = "FILE", .type = CLI_TEXT, .meaning = (says)                 \
    }

static const struct cli_option serve_options[] = {
    OPTION_TOPOLOGY,
    OPTION_NAME,
    {.name = "approach",
     .value = "APPROACH",
     .type = CLI_TEXT,
     .required = true,
     .meaning = "how to keep the stores in sync, see below"},
    {.name = "set",
     .value = "KEY=VALUE",
     .type = CLI_TEXTS,
     .meaning = "a setting of the approach, see below"},
    OPTION_TOKEN("what clients have to say first, one line; must be given where the topology has "
                 "this door listen elsewhere than on loopback"),
    {.name = "http",
     .value = "PORT|auto",
     .type = CLI_TEXT,
     .meaning = "xa: an operator's HTTP on loopback (docs/operator.md)"},
    {.name = "http-token-file",
     .value = "FILE",
     .type = CLI_TEXT,
     .meaning = "the token that an operator has to know, one line"},
    {.name = "force-presume-abort",
     .type = CLI_FLAG,
     .meaning = "xa: start although the decision log was lost or is an old copy, and roll back "
                "what it has no decision for"},
};

static const struct cli_option sink_options[] = {OPTION_TOPOLOGY, OPTION_NAME};

static const struct cli_option load_options[] = {
    OPTION_TOPOLOGY,
    OPTION_NAME,
    {.name = "config",
     .value = "FILE",
     .type = CLI_TEXT,
     .required = true,
     .meaning = "workload and seed (config.yaml of a run)"},
    {.name = "history",
     .value = "FILE",
     .type = CLI_TEXT,
     .required = true,
     .meaning = "where every operation is recorded"},
    OPTION_TOKEN("what to say first to front doors, see serve"),
    {.name = "probes",
     .value = "FILE",
     .type = CLI_TEXT,
     .meaning = "where it is recorded when probes were seen; without it nobody looks"},
};

static const struct cli_option keeper_options[] = {
    {.name = "until-down",
     .type = CLI_FLAG,
     .meaning = "stay until \"syncbed down\"; else end when standard input closes"},
};

/* It has done them before it gets here; so who gets here asked the program itself. */
static int verb_of_launcher(const struct cli_args *args)
{
    (void)args;
    (void)fputs("syncbed: that is done by ./syncbed at the root of the tree\n", stderr);
    return CLI_EXIT_BAD_INPUT;
}

/* --- verbs ------------------------------------------------------------------------------------ */

#define EXIT_STATUS                                                                                \
    "Exit status: 0 all promises were kept, 1 a promise was broken, 2 bad input or an "            \
    "environment that does not work, 3 a promised verdict could not be given."

static const struct cli_verb verbs[] = {
    {.name = "quickstart",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_SERVERS,
     .arguments = "",
     .summary = "dual writes, two-phase commit and a log, side by side",
     .detail = "Runs experiments/quickstart.yaml: three approaches, each without a fault, with a "
               "front door killed at its worst moment, and with a store killed. About three "
               "minutes; then open report.html. " EXIT_STATUS,
     OPTIONS(quickstart_options),
     .run = verb_quickstart},
    {.name = "run",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_SERVERS,
     .arguments = "EXPERIMENT.yaml",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "carry out an experiment, judge it and write its report",
     .detail = "Uses the servers that \"syncbed up\" left, or starts its own and stops them. "
               "The file is checked before anything starts. " EXIT_STATUS,
     OPTIONS(run_options),
     .more = verb_help_approaches,
     .run = verb_run},
    {.name = "mutants",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_SERVERS,
     .arguments = "",
     .summary = "make known mistakes on purpose: do the verdicts notice?",
     .detail =
         "Carries out experiments/mutants/NAME.yaml with each mistake built in, and the same "
         "without it. A mistake is caught when its verdict is invalid and it was really made; "
         "without it nothing may be invalid that is promised, nor that verdict. Look at one "
         "more closely with \"syncbed run experiments/mutants/NAME.yaml --break NAME\". Exit "
         "status: 0 all were caught, and no false alarm; 1 one was missed, or a false alarm; "
         "2 bad input or an environment that does not work; 3 one was not exercised, or a run "
         "could not be judged.",
     OPTIONS(mutants_options),
     .more = verb_help_breaks,
     .run = verb_mutants},
    {.name = "matrix",
     .group = CLI_EXPERIMENTS,
     .arguments = "2pc",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "every crash, fault, message and log fault of two-phase commit, row by row",
     .detail = "The fault of each row, a restart, then what became of whom it caught, and all "
               "promises of xa (docs/two-phase-commit.md). Exit status: 0 all is so, 1 something "
               "is not, 2 bad input or environment, 3 a fault hit nobody, or nobody could judge.",
     .needs = CLI_NEEDS_SERVERS,
     OPTIONS(matrix_options),
     .run = verb_matrix},
    {.name = "sim",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "2pc",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "two-phase commit in virtual time: thousands of faulty schedules a second",
     .detail =
         "Runs the real protocol cores and the real decision log against simulated stores, "
         "network, disks and clocks, each schedule drawn from one seed, and checks rules R1 to R6 "
         "of presumed abort, agreement, validity, durability of answers and that nothing is left "
         "in doubt. The first schedule that breaks one is made as small as it goes, drawn, and "
         "can be run again by the command that is printed. Exit status: 0 none; 1 a violation, "
         "or with --mutants one that was missed; 2 bad input; 3 --exhaustive gave up.",
     OPTIONS(sim_options),
     .more = verb_sim_list_breaks,
     .run = verb_sim},
    {.name = "crash-points",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "",
     .summary = "list the steps at which a role can be made to die",
     .detail =
         "As in {at_s: 3, kill: serve1, at: xa-decided, gather: 8} in an experiment's schedule.",
     OPTIONS(crash_points_options),
     .run = verb_crash_points},
    {.name = "check",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "DIR",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "judge the results in DIR again",
     .detail =
         "Recomputes results.json and junit.xml from the histories, final states and evidence that "
         "\"run\" left. " EXIT_STATUS,
     OPTIONS(check_options),
     .run = verb_check},
    {.name = "report",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_DRAWING,
     .arguments = "DIR",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "draw DIR/report.html again from DIR/results.json",
     .run = verb_report},
    {.name = "history",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "FILE",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "convert a run's history to or from Jepsen's EDN",
     .detail = "For Elle and its kin: lists that are read and appended to (workload append). What "
               "Jepsen has no word for goes along as further keys, so that a history comes back "
               "as it was. The result is printed as a path.",
     OPTIONS(history_options),
     .run = verb_history},
    {.name = "bench",
     .group = CLI_EXPERIMENTS,
     .needs = CLI_NEEDS_SERVERS,
     .arguments = "NAME",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "what syncbed itself costs: load, 2pc",
     .detail = "load: the load generator against a front door that does nothing, and the checkers "
               "over a history of 1,000,000 operations; two minutes. 2pc: the coordinator against "
               "the least that two-phase commit over two PostgreSQL can cost, and against other "
               "transaction managers; half an hour. On a machine that does nothing else.",
     OPTIONS(bench_options),
     .run = verb_bench},
    {.name = "up",
     .group = CLI_SERVERS,
     .needs = CLI_NEEDS_SERVERS,
     .arguments = "[SERVER...]",
     .n_arguments_max = 16,
     .summary = "start servers and leave them running for later runs",
     .detail = "Servers are called by their kind and digits: pg1, maria1 …, redis, kafka; "
               "mariabin1 has its binary log on. Without arguments: pg1 pg2 redis kafka.",
     .run = verb_up},
    {.name = "down",
     .group = CLI_SERVERS,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "",
     .summary = "stop what \"up\" started, and remove its data",
     .run = verb_down},
    {.name = "ps",
     .group = CLI_SERVERS,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "",
     .summary = "list what \"up\" started",
     OPTIONS(ps_options),
     .run = verb_ps},
    {.name = "in-doubt",
     .group = CLI_OPERATOR,
     .arguments = "",
     .summary = "what is prepared where, since when, and who waits for it",
     .detail = "Exit status: 0 nothing is in doubt, 1 something is, or was settled against its "
               "decision or lost, 2 bad input or no servers, 3 a store does not answer.",
     .needs = CLI_NEEDS_PROGRAM,
     OPTIONS(in_doubt_options),
     .run = verb_in_doubt},
    {.name = "settle",
     .group = CLI_OPERATOR,
     .arguments = "GID|REQUEST commit|rollback",
     .n_arguments_min = 2,
     .n_arguments_max = 2,
     .summary = "end by hand what is in doubt",
     .detail = "What is decided is done at once, anything else takes --yes. Exit status: 0 "
               "done, 1 not done, 2 bad input or no servers, 3 a store's answer was lost.",
     .needs = CLI_NEEDS_PROGRAM,
     OPTIONS(settle_options),
     .run = verb_settle},
    {.name = "forget",
     .group = CLI_OPERATOR,
     .arguments = "GID|REQUEST",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "forget that it was settled by hand",
     .detail = "And end its decision in the coordinator's log, if that does not run.",
     .needs = CLI_NEEDS_PROGRAM,
     OPTIONS(forget_options),
     .run = verb_forget},
    {.name = "serve",
     .group = CLI_ROLES,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "",
     .summary = "a front door: takes transactions, syncs the stores",
     OPTIONS(serve_options),
     .more = verb_help_approaches,
     .run = verb_serve},
    {.name = "sink",
     .group = CLI_ROLES,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "",
     .summary = "applies the log to one store",
     OPTIONS(sink_options),
     .run = verb_sink},
    {.name = "participant",
     .group = CLI_ROLES,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "STORE",
     .n_arguments_min = 1,
     .n_arguments_max = 1,
     .summary = "a store as a participant, for a coordinator of your own",
     .detail = "It speaks prepare, commit, rollback and recover in lines: docs/participant.md.",
     OPTIONS(participant_options),
     .run = verb_participant},
    {.name = "load",
     .group = CLI_ROLES,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "",
     .summary = "the clients: an open-loop load and its history",
     OPTIONS(load_options),
     .run = verb_load},
    {.name = "keeper",
     .group = CLI_ROLES,
     .needs = CLI_NEEDS_SERVERS,
     .arguments = "",
     .summary = "the parent of all servers and roles",
     OPTIONS(keeper_options),
     .run = verb_keeper},
    {.name = "build",
     .group = CLI_LAUNCHER,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "",
     .summary = "install what is missing and build build/release",
     .run = verb_of_launcher},
    {.name = "test",
     .group = CLI_LAUNCHER,
     .needs = CLI_NEEDS_PROGRAM,
     .arguments = "[NAME...]",
     .n_arguments_max = 16,
     .summary = "build with sanitizers and run all tests, or those whose names match",
     .run = verb_of_launcher},
};

const struct cli syncbed_cli = {
    .program = "syncbed",
    .purpose = "Runs the same workload through different ways to keep several stores in sync, on "
               "real servers, injects the same faults, and reports what readers could observe.",
    .verb = verbs,
    .n_verbs = sizeof verbs / sizeof *verbs,
    .version = versions_print,
};
