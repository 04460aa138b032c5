/* What --help says below some verbs, from the tables that it is about. */
#include "approaches/approach.h"
#include "harness/verbs.h"

static void list_settings(struct buf *out, const struct approach *approach)
{
    for (unsigned i = 0; i < approach->n_settings; i++) {
        const struct setting_info *setting = &approach->settings[i];

        buf_printf(out, "      %s=", setting->name);
        for (unsigned v = 0; v < SETTING_VALUES_MAX && setting->value[v]; v++)
            buf_printf(out, "%s%s", v > 0 ? "|" : "", setting->value[v]);
        buf_append_char(out, '\n');
        cli_wrap(out, 8, setting->meaning);
    }
}

/* The table of approaches; the first value of a setting is its default. */
void verb_help_approaches(struct buf *out)
{
    buf_append_str(out, "\napproaches and their settings (the first value is the default)\n");
    for (unsigned i = 0; i < approach_count(); i++) {
        const struct approach *approach = approach_at(i);

        buf_printf(out, "  %s\n", approach->name);
        cli_wrap(out, 6, approach->summary);
        list_settings(out, approach);
    }
}

void verb_help_breaks(struct buf *out)
{
    buf_append_str(out, "\nmistakes, and the verdict that has to notice each\n");
    for (unsigned i = 0; i < approach_count(); i++) {
        const struct approach *approach = approach_at(i);

        for (unsigned b = 0; b < approach->n_breaks; b++) {
            buf_printf(out, "  %s %s: %s\n", approach->name, approach->breaks[b].name,
                       approach->breaks[b].verdict);
            cli_wrap(out, 6, approach->breaks[b].sentence);
        }
    }
}
