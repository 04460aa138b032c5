/* What a fault says of itself: see the header. */
#include "harness/run/injected_tell.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>

const char *injected_action(const struct injected *f)
{
    static const char *const names[] = {[FAULT_KILL] = "kill", [FAULT_PAUSE] = "pause"};

    return names[f->fault->action];
}

void injected_note(const struct injected *f, const char *fmt, ...)
{
    char text[160];
    va_list ap;

    if (!f->injector->options.note)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* a long word is cut */
    va_end(ap);
    f->injector->options.note(f->injector->options.arg, text);
}

static json_t *line(const struct injected *f, const char *t, int64_t at_us)
{
    return json_pack("{s:s, s:i, s:I, s:s}", "t", t, "fault", (int)f->number, "at",
                     (json_int_t)at_us, "target", f->fault->target);
}

static void tell(const struct injected *f, json_t *what)
{
    lines_write(f->injector->options.faults, what);
}

static void name_action(const struct injected *f, json_t *what)
{
    json_object_set_new(what, "action", json_string(injected_action(f)));
    if (!f->point)
        return;
    json_object_set_new(what, "point", json_string(crash_point_info(f->point)->name));
    json_object_set_new(what, "gather", json_integer((json_int_t)f->fault->gather));
    if (f->fault->of[0])
        json_object_set_new(what, "of", json_string(f->fault->of));
}

void injected_tell_armed(const struct injected *f)
{
    json_t *what = line(f, "armed", f->armed_us);

    name_action(f, what);
    tell(f, what);
}

/* How many stood at its crash point. An exposure names all steps at which somebody stood. */
static json_t *gathered(const struct injected *f)
{
    json_t *n = json_object_get(f->standing, crash_point_info(f->point)->name);

    if (!f->standing)
        return json_null(); /* it has not said so */
    return n ? json_incref(n) : json_integer(0);
}

static const char *done_to(const struct injected *f)
{
    return f->fault->action == FAULT_KILL ? "killed" : "paused";
}

static void note_hit_at(const struct injected *f, const json_t *n)
{
    const char *point = crash_point_info(f->point)->name;

    if (json_is_integer(n))
        injected_note(f, "%s %s, %lld of %u at %s", f->fault->target, done_to(f),
                      (long long)json_integer_value(n), f->fault->gather, point);
    else
        injected_note(f, "%s %s, nobody knows how many at %s", f->fault->target, done_to(f), point);
}

void injected_tell_begin(const struct injected *f)
{
    json_t *what = line(f, "begin", f->hit_us);

    name_action(f, what);
    if (f->point) {
        json_t *n = gathered(f);

        note_hit_at(f, n);
        json_object_set_new(what, "gathered", n);
        if (f->held)
            json_object_set(what, "held", f->held);
    } else {
        injected_note(f, "%s %s", f->fault->target, done_to(f));
    }
    if (f->standing)
        json_object_set(what, "exposure", f->standing);
    tell(f, what);
}

void injected_tell_end(const struct injected *f, int64_t at_us)
{
    tell(f, line(f, "end", at_us));
}

void injected_tell_skipped(const struct injected *f, const char *why)
{
    json_t *what = line(f, "skipped", clock_now_us());

    json_object_set_new(what, "why", json_string(why));
    tell(f, what);
    injected_note(f, "fault of %s skipped: %s", f->fault->target, why);
}
