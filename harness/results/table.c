/* Results at the terminal: variants down, schedules across; then an example each, in words. */
#include "base/buf.h"
#include "harness/checkers/checkers.h"
#include "harness/results/axis.h"
#include "harness/results/cell.h"
#include "harness/results/result.h"
#include "harness/results/results.h"
#include "harness/results/table_cell.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELL_WIDTH_MIN 23
#define WIDTH_DEFAULT  80
#define WIDTH_MAX      120
#define NAME_SIZE      64

static const char *const tone_code[TONES] = {
    [TONE_PLAIN] = "",           [TONE_STRONG] = "\033[1m", [TONE_SOFT] = "\033[2m",
    [TONE_GOOD] = "\033[32m",    [TONE_BAD] = "\033[33m",   [TONE_BROKEN] = "\033[1;31m",
    [TONE_UNKNOWN] = "\033[35m",
};

struct table {
    FILE *out;
    const json_t *results;
    const json_t *runs;
    bool colour;
    unsigned width;
    struct axis variants, schedules;
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

static const char *schedule_words(const char *schedule)
{
    return strcmp(schedule, "none") == 0 ? "no fault" : schedule;
}

/* A variant takes a line for its approach and one for each setting: a narrow column. */
static void copy_word(const char *text, unsigned number, char ret_word[NAME_SIZE])
{
    for (; number > 0 && *text; number--) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    (void)snprintf(ret_word, NAME_SIZE, "%.*s", (int)strcspn(text, " "), text);
}

static unsigned words_in(const char *text)
{
    unsigned n = 0;

    for (; *text; n++) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return n;
}

static unsigned widest_word(const char *text)
{
    unsigned widest = 0;

    for (unsigned i = 0; i < words_in(text); i++) {
        char word[NAME_SIZE];

        copy_word(text, i, word);
        widest = columns(word) > widest ? columns(word) : widest;
    }
    return widest;
}

/* --- the table -------------------------------------------------------------------------------- */

static void print_rule(const struct table *t, unsigned width)
{
    char rule[WIDTH_MAX * 3 + 1] = "";

    for (unsigned i = 0; i < width && i < WIDTH_MAX; i++)
        memcpy(rule + (size_t)i * 3, "─", 4);
    print_toned(t, TONE_SOFT, rule);
    (void)fputc('\n', t->out);
}

/* One line of a row of cells, without blanks at its end. */
static void print_line(const struct table *t, const char *name, const struct table_cell *cell,
                       unsigned n, unsigned line, unsigned name_width, unsigned cell_width)
{
    while (n > 0 && line >= cell[n - 1].n)
        n--;
    print_padded(t, TONE_STRONG, name, name_width);
    for (unsigned i = 0; i < n; i++) {
        bool there = line < cell[i].n;

        print_padded(t, there ? cell[i].tone[line] : TONE_PLAIN, there ? cell[i].line[line] : "",
                     i + 1 < n ? cell_width : 0);
    }
    (void)fputc('\n', t->out);
}

static void print_row(const struct table *t, const char *variant, unsigned first, unsigned n,
                      unsigned name_width, unsigned cell_width)
{
    struct table_cell cell[AXIS_MAX];
    unsigned lines = 0;

    for (unsigned i = 0; i < n; i++) {
        struct cell facts;

        cell_fill(t->results, variant, t->schedules.name[first + i], &facts);
        table_cell_fill(&facts, &cell[i]);
        lines = cell[i].n > lines ? cell[i].n : lines;
    }
    lines = words_in(variant) > lines ? words_in(variant) : lines;
    for (unsigned line = 0; line < lines; line++) {
        char name[NAME_SIZE];

        copy_word(variant, line, name);
        print_line(t, name, cell, n, line, name_width, cell_width);
    }
}

/* Schedules first … first + n side by side. */
static void print_block(const struct table *t, unsigned first, unsigned n, unsigned name_width)
{
    unsigned cell_width = (t->width - name_width) / n;

    if (cell_width > CELL_WIDTH_MIN * 2)
        cell_width = CELL_WIDTH_MIN * 2;
    print_padded(t, TONE_PLAIN, "", name_width);
    for (unsigned i = 0; i < n; i++) {
        print_padded(t, TONE_STRONG, schedule_words(t->schedules.name[first + i]),
                     i + 1 < n ? cell_width : 0);
    }
    (void)fputc('\n', t->out);
    for (unsigned i = 0; i < t->variants.n; i++) {
        print_rule(t, name_width + cell_width * n);
        print_row(t, t->variants.name[i], first, n, name_width, cell_width);
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
            return result_text(example, "sentence");
    }
    return "";
}

static void print_sentence(const struct table *t, const char *variant, const char *schedule,
                           const char *sentence)
{
    struct buf head = {0};

    buf_printf(&head, "%s, %s:", variant, schedule_words(schedule));
    print_toned(t, TONE_SOFT, buf_str(&head));
    print_wrapped(t, sentence, columns(buf_str(&head)), 2);
    buf_done(&head);
}

/* Of its first run that has one, borrowed from the results; "" when none has. */
static const char *cell_sentence(const struct table *t, const char *variant, const char *schedule)
{
    json_t *runs = cell_runs(t->results, variant, schedule), *run;
    const char *sentence = "";
    size_t i;

    json_array_foreach (runs, i, run) {
        if (!sentence[0])
            sentence = first_sentence(run);
    }
    json_decref(runs);
    return sentence;
}

/* Of each cell that has one, an example in words. */
static void print_sentences(const struct table *t)
{
    for (unsigned v = 0; v < t->variants.n; v++) {
        for (unsigned s = 0; s < t->schedules.n; s++) {
            const char *sentence = cell_sentence(t, t->variants.name[v], t->schedules.name[s]);

            if (sentence[0])
                print_sentence(t, t->variants.name[v], t->schedules.name[s], sentence);
        }
    }
}

static bool any_blocked(const struct table *t, const char *which)
{
    json_t *run;
    size_t i;

    json_array_foreach (t->runs, i, run) {
        const json_t *blocked = json_object_get(json_object_get(run, "blocked"), which);

        if (json_integer_value(json_object_get(blocked, "keys")) > 0)
            return true;
    }
    return false;
}

static const char *level_of(const struct table *t, const char *variant)
{
    json_t *run;
    size_t i;

    json_array_foreach (t->runs, i, run) {
        if (strcmp(result_variant(run), variant) == 0)
            return result_text(run, "level");
    }
    return "";
}

/* A variant's promises for which there is no checker: they are not among those that were kept. */
static void add_not_judged(const struct table *t, const char *variant, struct buf *text)
{
    const char *name;
    json_t *run, *verdict;
    size_t i;

    json_array_foreach (t->runs, i, run) {
        bool first = true;

        if (strcmp(result_variant(run), variant) != 0 ||
            !json_is_true(json_object_get(run, "finished")))
            continue;
        json_object_foreach (json_object_get(run, "verdicts"), name, verdict) {
            if (strcmp(result_text(verdict, "verdict"), verdict_word_name(VERDICT_NOT_JUDGED)) != 0)
                continue;
            if (first)
                buf_printf(text, "; %s: %s", variant, name);
            else
                buf_printf(text, ", %s", name);
            first = false;
        }
        return;
    }
}

static void print_not_judged(const struct table *t)
{
    struct buf text = {0};

    for (unsigned a = 0; a < t->variants.n; a++)
        add_not_judged(t, t->variants.name[a], &text);
    if (text.size > 0) {
        struct buf line = {0};

        buf_printf(&line, "promised, but not judged yet: %s.", buf_str(&text) + strlen("; "));
        print_wrapped(t, buf_str(&line), 0, 0);
        buf_done(&line);
    }
    buf_done(&text);
}

/* What an acknowledgement means, without which no latency should be read; and who is blocked. */
static void print_legend(const struct table *t)
{
    struct buf text = {0};

    (void)fputc('\n', t->out);
    if (any_blocked(t, "in_doubt"))
        print_wrapped(t,
                      "blocked: keys held by a transaction in doubt, without an ok while a "
                      "write of them waited.",
                      0, 0);
    if (any_blocked(t, "other"))
        print_wrapped(t, "stuck: other keys, without an ok while a write of them waited.", 0, 0);
    print_not_judged(t);
    buf_append_str(&text, "p50, p99: from the planned time to the acknowledgement (");
    for (unsigned a = 0; a < t->variants.n; a++)
        buf_printf(&text, "%s%s: %s", a > 0 ? ", " : "", t->variants.name[a],
                   level_of(t, t->variants.name[a]));
    buf_append_str(&text, ").");
    print_wrapped(t, buf_str(&text), 0, 0);
    print_wrapped(t, estimate_words(cell_runs_most(t->results)), 0, 0);
    buf_done(&text);
}

/* An experiment that was interrupted: what of it nobody has seen. */
static void print_missing(const struct table *t)
{
    const json_t *missing = json_object_get(t->results, "missing");
    struct buf text = {0};
    json_t *name;
    size_t i;

    if (json_array_size(missing) == 0)
        return;
    json_array_foreach (missing, i, name)
        buf_printf(&text, "%s%s", i > 0 ? ", " : "not carried out, so nothing is known of: ",
                   json_string_value(name));
    buf_append_str(&text, ". \"syncbed run\" with --resume goes on.");
    (void)fputc('\n', t->out);
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
    axis_variants(results, &t.variants);
    axis_schedules(results, &t.schedules);
    for (unsigned i = 0; i < t.variants.n; i++) {
        unsigned size = widest_word(t.variants.name[i]) + 2;

        name_width = size > name_width ? size : name_width;
    }
    side_by_side = (t.width - name_width) / CELL_WIDTH_MIN;
    side_by_side = side_by_side > 0 ? side_by_side : 1;
    if (question && question[0])
        print_wrapped(&t, question, 0, 0);
    if (*result_text(results, "prediction")) {
        print_toned(&t, TONE_SOFT, "predicted:");
        print_wrapped(&t, result_text(results, "prediction"), columns("predicted:"), 2);
    }
    (void)fputc('\n', out);
    for (unsigned i = 0; i < t.schedules.n; i += side_by_side) {
        unsigned left = t.schedules.n - i;

        print_block(&t, i, left < side_by_side ? left : side_by_side, name_width);
    }
    print_sentences(&t);
    print_missing(&t);
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
