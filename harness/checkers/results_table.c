/*
 * Results at the terminal: approaches down, schedules across.
 *
 * A cell says in a few short lines what the run's verdicts and numbers come to. Where there are
 * several runs of the same cell (seeds, repeats) it gives their smallest and largest number.
 */
#include "base/buf.h"
#include "harness/checkers/checkers.h"
#include "harness/checkers/judge.h"
#include "harness/checkers/results.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define AXIS_MAX          32
#define CELL_LINES        12
#define CELL_WIDTH_MIN    23
#define WIDTH_DEFAULT     80
#define WIDTH_MAX         120
#define WORTH_TELLING_S   0.5 /* a gap in acknowledgements */
#define DECIMALS_BELOW_MS 10

enum tone { TONE_PLAIN, TONE_SOFT, TONE_GOOD, TONE_BAD, TONE_BROKEN, TONE_UNKNOWN, TONES };

static const char *const tone_code[TONES] = {
    [TONE_PLAIN] = "",       [TONE_SOFT] = "\033[2m",      [TONE_GOOD] = "\033[32m",
    [TONE_BAD] = "\033[33m", [TONE_BROKEN] = "\033[1;31m", [TONE_UNKNOWN] = "\033[35m",
};

struct cell {
    unsigned n;
    enum tone tone[CELL_LINES];
    char line[CELL_LINES][96];
};

struct axis {
    unsigned n;
    const char *name[AXIS_MAX];
};

struct table {
    FILE *out;
    const json_t *results;
    const json_t *runs;
    bool colour;
    unsigned width;
    struct axis approaches, schedules;
};

/* --- text ------------------------------------------------------------------------------------- */

/* In columns: our texts are Latin letters, so a column is a code point. */
static unsigned columns(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_toned(const struct table *t, enum tone tone, const char *text)
{
    bool toned = t->colour && tone_code[tone][0];

    (void)fprintf(t->out, "%s%s%s", toned ? tone_code[tone] : "", text, toned ? "\033[0m" : "");
}

/* `text`, then blanks up to `width` columns, and one at least; width 0: none. */
static void print_padded(const struct table *t, enum tone tone, const char *text, unsigned width)
{
    unsigned used = columns(text);

    print_toned(t, tone, text);
    if (width > 0)
        (void)fprintf(t->out, "%*s", used < width ? (int)(width - used) : 1, "");
}

/* Words filled into lines, from column `used` of the current one; further lines are indented. */
static void print_wrapped(const struct table *t, const char *text, unsigned used, unsigned indent)
{
    while (*text) {
        size_t size = strcspn(text, " ");
        char word[EXAMPLE_SENTENCE_MAX];
        unsigned width;

        (void)snprintf(word, sizeof word, "%.*s", (int)size, text);
        width = columns(word);
        if (used > indent && used + 1 + width > t->width) {
            (void)fprintf(t->out, "\n%*s", (int)indent, "");
            used = indent;
        }
        (void)fprintf(t->out, "%s%s", used > indent ? " " : "", word);
        used += width + (used > indent);
        text += size;
        text += strspn(text, " ");
    }
    (void)fputc('\n', t->out);
}

__attribute__((format(printf, 3, 4))) static void say(struct cell *cell, enum tone tone,
                                                      const char *fmt, ...)
{
    va_list ap;

    if (cell->n == CELL_LINES)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(cell->line[cell->n], sizeof cell->line[0], fmt, ap); /* short by design */
    va_end(ap);
    cell->tone[cell->n++] = tone;
}

/* --- numbers over the runs of a cell -----------------------------------------------------------
 */

struct range {
    unsigned n;
    double low, high;
};

static bool in_cell(const json_t *run, const char *approach, const char *schedule)
{
    const char *a = json_string_value(json_object_get(run, "approach"));
    const char *s = json_string_value(json_object_get(run, "schedule"));

    return a && s && strcmp(a, approach) == 0 && strcmp(s, schedule) == 0;
}

/* A number at a dotted path, as in "latency_ms.ack.p99"; NAN when it was not measured. */
static double number_at(const json_t *json, const char *path)
{
    while (json && *path) {
        size_t size = strcspn(path, ".");
        char field[64];

        (void)snprintf(field, sizeof field, "%.*s", (int)size, path);
        json = json_object_get(json, field);
        path += size + (path[size] == '.');
    }
    return json_is_number(json) ? json_number_value(json) : NAN;
}

static struct range range_of(const json_t *cell_runs, const char *path)
{
    struct range range = {0};
    json_t *run;
    size_t i;

    json_array_foreach (cell_runs, i, run) {
        double value = number_at(run, path);

        if (isnan(value))
            continue;
        if (range.n == 0 || value < range.low)
            range.low = value;
        if (range.n == 0 || value > range.high)
            range.high = value;
        range.n++;
    }
    return range;
}

/* "12", "9–14"; `digits` behind the point. The text is good until the fourth call after. */
static const char *range_text(struct range range, int digits)
{
    static char text[4][80];
    static unsigned next;
    char low[32], high[32];

    next = (next + 1) % 4;
    (void)snprintf(low, sizeof low, "%.*f", digits, range.low);
    (void)snprintf(high, sizeof high, "%.*f", digits, range.high);
    if (strcmp(low, high) == 0)
        (void)snprintf(text[next], sizeof text[next], "%s", low);
    else
        (void)snprintf(text[next], sizeof text[next], "%s–%s", low, high);
    return text[next];
}

static const char *ms_text(struct range range)
{
    return range_text(range, range.high < DECIMALS_BELOW_MS ? 1 : 0);
}

/* --- a cell ----------------------------------------------------------------------------------- */

static const char *verdict_path(const char *checker, const char *field)
{
    static char path[96];

    (void)snprintf(path, sizeof path, "verdicts.%s.%s", checker, field);
    return path;
}

static bool is_promised(const json_t *run, const char *checker)
{
    const json_t *verdict = json_object_get(json_object_get(run, "verdicts"), checker);

    return json_is_true(json_object_get(verdict, "promised"));
}

static void say_anomalies(const json_t *runs, struct cell *cell)
{
    for (unsigned i = 0; i < CHECKERS; i++) {
        const struct checker *c = &checker_table[i];
        struct range count = range_of(runs, verdict_path(c->name, "count"));
        bool broken = is_promised(json_array_get(runs, 0), c->name);

        if (count.n > 0 && count.high > 0)
            say(cell, broken ? TONE_BROKEN : TONE_BAD, "✗ %s %s", range_text(count, 0),
                count.high > 1 ? c->many : c->one);
    }
}

static unsigned count_promises(const json_t *run)
{
    unsigned n = 0;

    for (unsigned i = 0; i < CHECKERS; i++)
        n += is_promised(run, checker_table[i].name);
    return n;
}

/* The worst of the cell's runs gives the headline; what was seen follows. */
static void say_verdicts(const json_t *runs, struct cell *cell)
{
    enum judgement worst = JUDGED_KEPT;
    unsigned n_unfinished = 0, promises = count_promises(json_array_get(runs, 0));
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        enum judgement judgement = judgement_of(run);

        worst = judgement > worst ? judgement : worst;
        n_unfinished += !json_is_true(json_object_get(run, "finished"));
    }
    if (worst == JUDGED_BROKEN)
        say(cell, TONE_BROKEN, "BROKE A PROMISE");
    if (n_unfinished > 0)
        say(cell, TONE_UNKNOWN, "? %u of %u not finished", n_unfinished, (unsigned)i);
    else if (worst == JUDGED_UNKNOWN)
        say(cell, TONE_UNKNOWN, "? did not come to rest");
    say_anomalies(runs, cell);
    if (cell->n == 0 && promises > 0)
        say(cell, TONE_GOOD, "✓ kept all %u promises", promises);
    else if (cell->n == 0)
        say(cell, TONE_GOOD, "✓ nothing amiss");
}

static void say_availability(const json_t *runs, struct cell *cell)
{
    struct range held = range_of(runs, "blocked.in_doubt.keys");
    struct range other = range_of(runs, "blocked.other.keys");
    struct range gap = range_of(runs, "longest_gap_s");

    if (held.n > 0 && held.high > 0)
        say(cell, TONE_BAD, "blocked %s s, %s key%s",
            range_text(range_of(runs, "blocked.in_doubt.longest_s"), 1), range_text(held, 0),
            held.high > 1 ? "s" : "");
    if (other.n > 0 && other.high > 0)
        say(cell, TONE_BAD, "stuck %s s, %s key%s",
            range_text(range_of(runs, "blocked.other.longest_s"), 1), range_text(other, 0),
            other.high > 1 ? "s" : "");
    if (gap.n > 0 && gap.high >= WORTH_TELLING_S)
        say(cell, TONE_BAD, "no ok for %s s", range_text(gap, 1));
}

static void say_counts(const json_t *runs, struct cell *cell)
{
    struct range fail = range_of(runs, "ops.fail"), info = range_of(runs, "ops.info");
    struct range lag = range_of(runs, "sink_lag_max"), p50 = range_of(runs, "latency_ms.ack.p50");
    struct range p99 = range_of(runs, "latency_ms.ack.p99");

    if (fail.n > 0 && fail.high > 0)
        say(cell, TONE_PLAIN, "%s failed", range_text(fail, 0));
    if (info.n > 0 && info.high > 0)
        say(cell, TONE_PLAIN, "%s unknown", range_text(info, 0));
    if (lag.n > 0 && lag.high >= 2) /* one record on its way is no lag */
        say(cell, TONE_PLAIN, "sink lag %s records", range_text(lag, 0));
    if (p50.n > 0 && p99.n > 0 && json_array_size(runs) == 1)
        say(cell, TONE_SOFT, "p50 %s, p99 %s ms", ms_text(p50), ms_text(p99));
    else if (p50.n > 0)
        say(cell, TONE_SOFT, "p50 %s ms", ms_text(p50));
    if (json_array_size(runs) == 1)
        return;
    if (p99.n > 0)
        say(cell, TONE_SOFT, "p99 %s ms", ms_text(p99));
    say(cell, TONE_SOFT, "in %u runs", (unsigned)json_array_size(runs));
}

static void fill_cell(const struct table *t, const char *approach, const char *schedule,
                      struct cell *ret_cell)
{
    json_t *runs = json_array(), *run;
    size_t i;

    *ret_cell = (struct cell){0};
    json_array_foreach (t->runs, i, run) {
        if (in_cell(run, approach, schedule))
            (void)json_array_append(runs, run);
    }
    if (json_array_size(runs) == 0) {
        say(ret_cell, TONE_SOFT, "–");
    } else {
        say_verdicts(runs, ret_cell);
        say_availability(runs, ret_cell);
        say_counts(runs, ret_cell);
    }
    json_decref(runs);
}

/* --- the table -------------------------------------------------------------------------------- */

static void add_name(struct axis *axis, const char *name)
{
    for (unsigned i = 0; i < axis->n; i++) {
        if (strcmp(axis->name[i], name) == 0)
            return;
    }
    if (axis->n < AXIS_MAX)
        axis->name[axis->n++] = name;
}

static bool has_run(const struct table *t, const char *field, const char *name)
{
    json_t *run;
    size_t i;

    json_array_foreach (t->runs, i, run) {
        const char *text = json_string_value(json_object_get(run, field));

        if (text && strcmp(text, name) == 0)
            return true;
    }
    return false;
}

/* In the order of the experiment, as far as there are runs; then what else the runs name. */
static void find_axis(const struct table *t, const char *list, const char *field,
                      struct axis *ret_axis)
{
    json_t *item;
    size_t i;

    *ret_axis = (struct axis){0};
    json_array_foreach (json_object_get(t->results, list), i, item) {
        if (json_is_string(item) && has_run(t, field, json_string_value(item)))
            add_name(ret_axis, json_string_value(item));
    }
    json_array_foreach (t->runs, i, item) {
        const char *name = json_string_value(json_object_get(item, field));

        if (name)
            add_name(ret_axis, name);
    }
}

static void print_rule(const struct table *t, unsigned width)
{
    char rule[WIDTH_MAX * 3 + 1] = "";

    for (unsigned i = 0; i < width && i < WIDTH_MAX; i++)
        memcpy(rule + (size_t)i * 3, "─", 4);
    print_toned(t, TONE_SOFT, rule);
    (void)fputc('\n', t->out);
}

/* One line of a row of cells, without blanks at its end. */
static void print_line(const struct table *t, const char *name, const struct cell *cell, unsigned n,
                       unsigned line, unsigned name_width, unsigned cell_width)
{
    while (n > 0 && line >= cell[n - 1].n)
        n--;
    print_padded(t, TONE_PLAIN, name, name_width);
    for (unsigned i = 0; i < n; i++) {
        bool there = line < cell[i].n;

        print_padded(t, there ? cell[i].tone[line] : TONE_PLAIN, there ? cell[i].line[line] : "",
                     i + 1 < n ? cell_width : 0);
    }
    (void)fputc('\n', t->out);
}

static void print_row(const struct table *t, const char *approach, unsigned first, unsigned n,
                      unsigned name_width, unsigned cell_width)
{
    struct cell cell[AXIS_MAX];
    unsigned lines = 0;

    for (unsigned i = 0; i < n; i++) {
        fill_cell(t, approach, t->schedules.name[first + i], &cell[i]);
        lines = cell[i].n > lines ? cell[i].n : lines;
    }
    for (unsigned line = 0; line < lines; line++)
        print_line(t, line == 0 ? approach : "", cell, n, line, name_width, cell_width);
}

/* Schedules first … first + n side by side. */
static void print_block(const struct table *t, unsigned first, unsigned n, unsigned name_width)
{
    unsigned cell_width = (t->width - name_width) / n;

    if (cell_width > CELL_WIDTH_MIN * 2)
        cell_width = CELL_WIDTH_MIN * 2;
    print_padded(t, TONE_PLAIN, "", name_width);
    for (unsigned i = 0; i < n; i++) {
        const char *name = t->schedules.name[first + i];

        print_padded(t, TONE_PLAIN, strcmp(name, "none") == 0 ? "no fault" : name,
                     i + 1 < n ? cell_width : 0);
    }
    (void)fputc('\n', t->out);
    for (unsigned i = 0; i < t->approaches.n; i++) {
        print_rule(t, name_width + cell_width * n);
        print_row(t, t->approaches.name[i], first, n, name_width, cell_width);
    }
    (void)fputc('\n', t->out);
}

/* --- below it --------------------------------------------------------------------------------- */

static const char *first_sentence(const json_t *run)
{
    for (unsigned i = 0; i < CHECKERS; i++) {
        const json_t *verdict =
            json_object_get(json_object_get(run, "verdicts"), checker_table[i].name);
        const json_t *example = json_array_get(json_object_get(verdict, "examples"), 0);

        if (example)
            return json_string_value(json_object_get(example, "sentence"));
    }
    return NULL;
}

static void print_sentence(const struct table *t, const char *approach, const char *schedule,
                           const char *sentence)
{
    struct buf head = {0};

    buf_printf(&head, "%s, %s:", approach, strcmp(schedule, "none") == 0 ? "no fault" : schedule);
    print_toned(t, TONE_SOFT, buf_str(&head));
    print_wrapped(t, sentence, columns(buf_str(&head)), 2);
    buf_done(&head);
}

/* One example an approach and schedule that has one; the same sentence for a newcomer as on the
 * page. */
static void print_sentences(const struct table *t)
{
    json_t *run;
    size_t i;

    for (unsigned a = 0; a < t->approaches.n; a++) {
        for (unsigned s = 0; s < t->schedules.n; s++) {
            const char *schedule = t->schedules.name[s], *sentence = NULL;

            json_array_foreach (t->runs, i, run) {
                if (!sentence && in_cell(run, t->approaches.name[a], schedule))
                    sentence = first_sentence(run);
            }
            if (!sentence)
                continue;
            print_sentence(t, t->approaches.name[a], schedule, sentence);
        }
    }
}

/* What an acknowledgement means, which no latency should be read without. */
static void print_legend(const struct table *t)
{
    struct buf text = {0};
    json_t *run;
    size_t i;

    buf_append_str(&text, "p50, p99: from the planned time to the acknowledgement. It means:");
    for (unsigned a = 0; a < t->approaches.n; a++) {
        const char *level = NULL;

        json_array_foreach (t->runs, i, run) {
            if (strcmp(json_string_value(json_object_get(run, "approach")),
                       t->approaches.name[a]) == 0)
                level = json_string_value(json_object_get(run, "level"));
        }
        buf_printf(&text, " %s: %s%s", t->approaches.name[a], level ? level : "?",
                   a + 1 < t->approaches.n ? ";" : ".");
    }
    print_wrapped(t, buf_str(&text), 0, 0);
    buf_done(&text);
}

void results_print_table(FILE *out, const json_t *results, unsigned width, bool colour)
{
    struct table t = {.out = out, .results = results, .colour = colour, .width = width};
    const char *question = json_string_value(json_object_get(results, "question"));
    unsigned name_width = 0, side_by_side;

    t.runs = json_object_get(results, "runs");
    t.width = t.width > WIDTH_MAX ? WIDTH_MAX : t.width;
    find_axis(&t, "approaches", "approach", &t.approaches);
    find_axis(&t, "schedules", "schedule", &t.schedules);
    for (unsigned i = 0; i < t.approaches.n; i++) {
        unsigned size = columns(t.approaches.name[i]) + 2;

        name_width = size > name_width ? size : name_width;
    }
    side_by_side = (t.width - name_width) / CELL_WIDTH_MIN;
    side_by_side = side_by_side > 0 ? side_by_side : 1;
    if (question && question[0])
        print_wrapped(&t, question, 0, 0);
    (void)fputc('\n', out);
    for (unsigned i = 0; i < t.schedules.n; i += side_by_side) {
        unsigned left = t.schedules.n - i;

        print_block(&t, i, left < side_by_side ? left : side_by_side, name_width);
    }
    print_sentences(&t);
    print_legend(&t);
}

void results_show(FILE *out, const json_t *results)
{
    struct winsize size = {0};
    bool terminal = isatty(fileno(out)) == 1;

    if (!terminal || ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col < 40)
        size.ws_col = WIDTH_DEFAULT;
    results_print_table(out, results, size.ws_col, terminal);
}
