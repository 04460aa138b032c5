/* What somebody who waits sees: see the header. */
#include "harness/run/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static double seconds(int64_t since_us)
{
    return (double)(clock_now_us() - since_us) / (double)US_PER_S;
}

void progress_init(struct progress *p)
{
    struct winsize size;

    *p = (struct progress){.live = isatty(STDERR_FILENO) == 1, .columns = 80};
    if (p->live && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        p->columns = size.ws_col;
}

void progress_clear(struct progress *p)
{
    if (p->live && p->last[0])
        (void)fputs("\r\033[K", stderr);
    p->last[0] = '\0';
}

/* Draw over what was drawn before, cut at the terminal's width so that it stays one line. */
static void draw(struct progress *p, const char *line)
{
    char cut[sizeof p->last];

    (void)snprintf(cut, sizeof cut, "%.*s", (int)p->columns - 1, line);
    if (strcmp(cut, p->last) == 0)
        return;
    (void)fprintf(stderr, "\r\033[K%s", cut);
    (void)fflush(stderr);
    (void)strcpy(p->last, cut); /* of the same size */
}

void progress_say(struct progress *p, const char *text)
{
    if (p->live)
        draw(p, text);
    else
        (void)fprintf(stderr, "%s\n", text);
}

void progress_begin(struct progress *p, size_t number, size_t n_runs, const char *run)
{
    p->number = number;
    p->n_runs = n_runs;
    (void)snprintf(p->run, sizeof p->run, "%s", run);
    p->run_began_us = clock_now_us();
    p->faults[0] = '\0';
}

void progress_phase(struct progress *p, const char *phase)
{
    (void)snprintf(p->phase, sizeof p->phase, "%s", phase);
    p->phase_began_us = clock_now_us();
    if (p->live)
        progress_tick(p, "");
    else
        (void)fprintf(stderr, "[%zu/%zu] %s  %.1f s  %s\n", p->number, p->n_runs, p->run,
                      seconds(p->run_began_us), phase);
}

void progress_fault(struct progress *p, const char *text)
{
    (void)snprintf(p->faults, sizeof p->faults, "%s", text);
    if (!p->live)
        (void)fprintf(stderr, "[%zu/%zu] %s  %.1f s  %s  %s\n", p->number, p->n_runs, p->run,
                      seconds(p->run_began_us), p->phase, text);
}

void progress_tick(struct progress *p, const char *tell)
{
    char line[512];

    if (!p->live)
        return;
    (void)snprintf(line, sizeof line, "[%zu/%zu] %s  %s %.1f s%s%s%s%s", p->number, p->n_runs,
                   p->run, p->phase, seconds(p->phase_began_us), *tell ? "  " : "", tell,
                   p->faults[0] ? "  ! " : "", p->faults);
    draw(p, line);
}

void progress_end(struct progress *p, const char *result)
{
    progress_clear(p);
    (void)fprintf(stderr, "[%zu/%zu] %s  %.1f s  %s\n", p->number, p->n_runs, p->run,
                  seconds(p->run_began_us), result);
}
