/*
 * Running gnuplot and mending its SVG: see the header.
 *
 * gnuplot gets the script from a temporary file and writes the figure to its standard output; both
 * are anonymous files, so nothing is left behind and neither side can block on a full pipe.
 */
#include "harness/report/plot.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct replacement {
    const char *from;
    const char *to;
};

/* What gnuplot 5.4 writes -> what the page needs. "@" stands for the figure's id. */
static const struct replacement replacements[] = {
    {"id=\"gnuplot_plot_", "id=\"@-plot-"},
    {"id='gp", "id='@-gp"},
    {"href='#gp", "href='#@-gp"},
    {"url(#gp", "url(#@-gp"},
    {"id=\"gnuplot_canvas\"", "id=\"@-canvas\""},
    {"id='gnuplot_canvas'", "id='@-canvas'"},
    {"id='textbox'", "id='@-textbox'"},
    {"id='greybox'", "id='@-greybox'"},
    {"stroke='black'", "stroke='currentColor'"},
    {"stroke=\"black\"", "stroke=\"currentColor\""},
    {"fill='black'", "fill='currentColor'"},
    {"fill=\"black\"", "fill=\"currentColor\""},
    {"fill = 'black'", "fill='currentColor'"},
    {"color=\"black\"", "color=\"currentColor\""},
    {"rgb(  0,   0,   0)", "currentColor"},
    {"rgb(  1,   1,   1)", "var(--c-dual)"},
    {"rgb(  2,   2,   2)", "var(--c-xa)"},
    {"rgb(  3,   3,   3)", "var(--c-log)"},
    {"rgb(  4,   4,   4)", "var(--c-other)"},
    {"rgb(  5,   5,   5)", "var(--c-bad)"},
    {"rgb(  6,   6,   6)", "var(--c-fault)"},
    {"rgb(  7,   7,   7)", "var(--c-grid)"},
};

const char *plot_colour(const char *approach)
{
    static const struct replacement colours[] = {
        {"dual", PLOT_DUAL}, {"xa", PLOT_XA}, {"log", PLOT_LOG}};

    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        if (strcmp(colours[i].from, approach) == 0)
            return colours[i].to;
    }
    return PLOT_OTHER;
}

/* An anonymous file holding `text`, at its start; -1 with errno. */
static int file_of(const char *name, const char *text, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, text + done, size - done);

        if (n < 0) {
            (void)close(fd); /* errno of the write is the one that tells */
            return -1;
        }
        done += (size_t)n;
    }
    if (lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static int read_back(int fd, struct buf *out)
{
    char chunk[16384];
    ssize_t n;

    if (lseek(fd, 0, SEEK_SET) != 0)
        return -errno;
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        buf_append(out, chunk, (size_t)n);
    return n < 0 ? -errno : 0;
}

/* gnuplot with these three descriptors; 0, or a negative errno when it could not run or failed. */
static int run_gnuplot(int in, int out, int messages)
{
    char name[] = "gnuplot";
    char *argv[] = {name, NULL};
    posix_spawn_file_actions_t actions;
    int status, r;
    pid_t pid;

    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, messages, 2);
    if (r == 0)
        r = posix_spawnp(&pid, name, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions); /* never fails on Linux */
    if (r != 0)
        return -r;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static void append_with_id(struct buf *out, const char *text, const char *id)
{
    for (; *text; text++) {
        if (*text == '@')
            buf_append_str(out, id);
        else
            buf_append_char(out, *text);
    }
}

/* Copy `svg` from its <svg> element on, with the replacements applied. */
static void append_mended(struct buf *out, const char *svg, const char *id)
{
    const size_t n = sizeof replacements / sizeof replacements[0];

    while (*svg) {
        size_t i;

        for (i = 0; i < n; i++) {
            if (strncmp(svg, replacements[i].from, strlen(replacements[i].from)) == 0)
                break;
        }
        if (i < n) {
            append_with_id(out, replacements[i].to, id);
            svg += strlen(replacements[i].from);
        } else {
            buf_append_char(out, *svg++);
        }
    }
}

static int figure(struct buf *out, const char *id, const char *title, const char *raw,
                  struct errctx *err)
{
    const char *view = strstr(raw, "viewBox=");
    const char *body = view ? strstr(view, "</desc>") : NULL;

    if (!body)
        return err_set(err, EIO, ERR_ABORT, "gnuplot wrote no SVG for %s", id);
    buf_printf(out, "<svg id=\"%s\" role=\"img\" aria-label=\"%s\" %.*s>", id, title,
               (int)(strchr(view + strlen("viewBox=\""), '"') + 1 - view), view);
    append_mended(out, body + strlen("</desc>"), id);
    return 0;
}

int plot_svg(struct buf *out, const char *id, const char *title, unsigned width, unsigned height,
             const char *script, struct errctx *err)
{
    struct buf full = {0}, raw = {0}, words = {0};
    int in = -1, svg = -1, messages = -1;
    int r;

    buf_printf(&full,
               "set encoding utf8\n"
               "set terminal svg size %u,%u dynamic font 'sans-serif,13' noenhanced\n",
               width, height);
    buf_append_str(&full, script);
    in = file_of("script", full.data, full.size);
    svg = file_of("svg", "", 0);
    messages = file_of("messages", "", 0);
    r = in < 0 || svg < 0 || messages < 0 ? -errno : run_gnuplot(in, svg, messages);
    if (r == 0)
        r = read_back(svg, &raw);
    if (r == 0) {
        r = figure(out, id, title, buf_str(&raw), err);
        goto done;
    }
    if (messages >= 0)
        (void)read_back(messages, &words); /* only words for the complaint */
    r = r == -ENOENT ? err_set(err, ENOENT, ERR_ABORT, "gnuplot is not installed")
                     : err_set(err, EIO, ERR_ABORT, "gnuplot, figure %s: %.300s", id,
                               words.size ? buf_str(&words) : strerror(-r));
done:
    if (in >= 0)
        (void)close(in);
    if (svg >= 0)
        (void)close(svg);
    if (messages >= 0)
        (void)close(messages);
    buf_done(&full);
    buf_done(&raw);
    buf_done(&words);
    return r;
}
