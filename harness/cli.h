/*
 * cli.h - the command line: one table of verbs, from which parsing, complaints and --help are made.
 *
 * A wrong verb, option or value gets one line that names the nearest valid one, and exit status 2.
 * Nothing is printed or done before the whole line has been understood.
 */
#ifndef SYNCBED_HARNESS_CLI_H
#define SYNCBED_HARNESS_CLI_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_group { CLI_EXPERIMENTS, CLI_SERVERS, CLI_OPERATOR, CLI_ROLES, CLI_LAUNCHER, CLI_GROUPS };

/* What has to be on the machine before a verb runs; the launcher's list of packages follows it. */
enum cli_needs {
    CLI_NEEDS_UNSAID,
    CLI_NEEDS_PROGRAM, /* itself */
    CLI_NEEDS_DRAWING, /* and gnuplot */
    CLI_NEEDS_SERVERS  /* and all that it may start */
};

enum cli_type {
    CLI_FLAG, /* there or not */
    CLI_TEXT,
    CLI_INT,  /* within [min, max] */
    CLI_TEXTS /* may be given several times */
};

struct cli_option {
    const char *name;  /* "out" for --out */
    const char *value; /* its value's name in --help: "DIR"; NULL for a flag */
    enum cli_type type;
    int64_t min, max; /* CLI_INT */
    bool required;
    const char *meaning; /* with its default; wrapped by --help */
};

struct cli_args;

struct cli_verb {
    const char *name;
    enum cli_group group;
    enum cli_needs needs;
    const char *arguments; /* "EXPERIMENT.yaml"; "" for none */
    unsigned n_arguments_min, n_arguments_max;
    const char *summary; /* one line */
    const char *detail;  /* what --help says below it; NULL for nothing */
    const struct cli_option *option;
    unsigned n_options;
    void (*more)(struct buf *out);           /* appends to --help; may be NULL */
    int (*run)(const struct cli_args *args); /* returns the exit status */
};

struct cli {
    const char *program;
    const char *purpose; /* a paragraph, for --help */
    const struct cli_verb *verb;
    unsigned n_verbs;
    void (*version)(struct buf *out); /* for --version */
};

/* Beside 0 and 1: done, and the answer is no. */
#define CLI_EXIT_BAD_INPUT 2
#define CLI_EXIT_UNKNOWN   3   /* done, and there is no answer */
#define CLI_EXIT_BY_SIGNAL 128 /* plus its number: broken off by SIGINT or SIGTERM */

/* Understand the command line and run its verb; returns the exit status. */
__attribute__((warn_unused_result)) int cli_main(const struct cli *cli, int argc,
                                                 const char *const *argv);

/* Of a verb's options, by name (asserted to exist). */
bool cli_given(const struct cli_args *args, const char *option);
const char *cli_text(const struct cli_args *args, const char *option, const char *otherwise);
int64_t cli_int(const struct cli_args *args, const char *option, int64_t otherwise);

/* The i-th value of a CLI_TEXTS option; NULL when there is none. */
const char *cli_text_at(const struct cli_args *args, const char *option, unsigned i);

unsigned cli_n_arguments(const struct cli_args *args);
const char *cli_argument(const struct cli_args *args, unsigned i);

/* For a verb's `more`: append `text`, wrapped, each line indented. */
void cli_wrap(struct buf *out, size_t indent, const char *text);

/* "syncbed: MESSAGE" on standard error; returns CLI_EXIT_BAD_INPUT. */
int cli_fail(const struct errctx *err);

#endif
