/* serve.h - the role `serve`: a front door (door.h) with an approach behind it, as a process. */
#ifndef SYNCBED_APPROACHES_SERVE_H
#define SYNCBED_APPROACHES_SERVE_H

#include "approaches/settings.h"

#include <stdbool.h>

struct serve_options {
    const char *topology; /* path */
    const char *name;     /* this role's name in it */
    const char *approach;
    const char *token_file;      /* path; NULL: none, and then only loopback will do */
    bool force_presume_abort;    /* door.h */
    const char *http;            /* a port, or "auto": for the operator; NULL: none */
    const char *http_token_file; /* path; with `http` */
    unsigned n_settings;
    const char *setting[SETTINGS_MAX]; /* "KEY=VALUE" */
};

/* Serve until SIGTERM; the process' exit status: 0, 1 (cannot go on), 2 (bad options, or the stores
 * say that somebody else is, or was, this role: ERR_FENCED). */
int serve_main(const struct serve_options *options);

#endif
