/* What takes how long: see the header. */
#include "harness/run/phases.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 80

void phases_add(struct phases *phases, const char *name, int64_t took_us)
{
    unsigned i = 0;

    while (i < phases->n && strncmp(phases->phase[i].name, name, PHASE_NAME_SIZE - 1) != 0)
        i++;
    if (i == PHASES_MAX)
        return;
    if (i == phases->n) {
        (void)snprintf(phases->phase[i].name, PHASE_NAME_SIZE, "%s", name); /* cut is fine */
        phases->phase[i].took_us = 0;
        phases->n++;
    }
    phases->phase[i].took_us += took_us;
}

void phases_add_text(struct phases *phases, const char *text)
{
    while (text && *text) {
        size_t size = strcspn(text, ",");
        const char *equals = memchr(text, '=', size);
        char name[PHASE_NAME_SIZE];
        char *end;

        if (equals && equals > text && (size_t)(equals - text) < sizeof name) {
            double s = strtod(equals + 1, &end);

            (void)snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
            if (end == text + size && end > equals + 1 && s >= 0 && s < 1e6)
                phases_add(phases, name, (int64_t)(s * (double)US_PER_S));
        }
        text += size + (text[size] == ',');
    }
}

void phases_print(struct buf *out, const struct phases *phases)
{
    int64_t total_us = 0;
    size_t column = 0;

    for (unsigned i = 0; i <= phases->n; i++) {
        bool last = i == phases->n;
        int64_t took_us = last ? total_us : phases->phase[i].took_us;
        char text[PHASE_NAME_SIZE + 32];
        int size =
            snprintf(text, sizeof text, "%s %.1f s%s", last ? "total" : phases->phase[i].name,
                     (double)took_us / (double)US_PER_S, last ? "" : ",");

        total_us += took_us;
        if (column == 0 || column + (size_t)size + 1 > COLUMNS) {
            buf_append_str(out, column == 0 ? " " : "\n ");
            column = 1;
        }
        buf_printf(out, " %s", text);
        column += (size_t)size + 1;
    }
    buf_append_char(out, '\n');
}
