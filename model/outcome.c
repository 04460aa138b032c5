/* Names of outcomes, codes and levels: see the header. */
#include "model/outcome.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const outcome_names[OUTCOMES] = {
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_PENDING] = "pending",
    [OUTCOME_COMMITTED] = "committed",
    [OUTCOME_ABORTED] = "aborted",
};

static const char *const code_names[CODES] = {
    [CODE_NONE] = "",
    [CODE_CONSTRAINT] = "constraint",
    [CODE_CONFLICT] = "conflict",
    [CODE_ABORTED] = "aborted",
    [CODE_UNSUPPORTED] = "unsupported",
    [CODE_REFUSED] = "refused",
    [CODE_BAD_REQUEST] = "bad-request",
    [CODE_UNAVAILABLE] = "unavailable",
    [CODE_TIMEOUT] = "timeout",
    [CODE_PARTIAL] = "partial",
    [CODE_UNKNOWN] = "unknown",
};

static const char *const level_names[LEVELS] = {
    [LEVEL_NONE] = "none",   [LEVEL_LOGGED] = "logged",         [LEVEL_DECIDED] = "decided",
    [LEVEL_FIRST] = "first", [LEVEL_EVERYWHERE] = "everywhere",
};

/* The index of `name`, or `n`. "" names nothing. */
static size_t find(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (*name && strcmp(name, names[i]) == 0)
            return i;
    }
    return n;
}

const char *outcome_name(enum outcome outcome)
{
    assert(outcome < OUTCOMES);
    return outcome_names[outcome];
}

const char *code_name(enum code code)
{
    assert(code < CODES);
    return code_names[code];
}

const char *level_name(enum level level)
{
    assert(level < LEVELS);
    return level_names[level];
}

bool outcome_find(const char *name, enum outcome *ret_outcome)
{
    size_t i = find(name, outcome_names, OUTCOMES);

    if (i < OUTCOMES)
        *ret_outcome = (enum outcome)i;
    return i < OUTCOMES;
}

bool code_find(const char *name, enum code *ret_code)
{
    size_t i = find(name, code_names, CODES);

    if (i < CODES)
        *ret_code = (enum code)i;
    return i < CODES;
}

bool level_find(const char *name, enum level *ret_level)
{
    size_t i = find(name, level_names, LEVELS);

    if (i < LEVELS)
        *ret_level = (enum level)i;
    return i < LEVELS;
}

bool code_definite(enum code code)
{
    assert(code != CODE_NONE);
    assert(code < CODES);
    return code != CODE_TIMEOUT && code != CODE_PARTIAL && code != CODE_UNKNOWN;
}
