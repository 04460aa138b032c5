/* crash-points: the table of base/crash_point.c, for who writes a schedule. */
#include "base/buf.h"
#include "base/crash_point.h"
#include "harness/json_out.h"
#include "harness/verbs.h"

#include <jansson.h>
#include <stdio.h>

static void show(void)
{
    struct buf out = {0};

    for (int i = CRASH_NONE + 1; i < CRASH_POINTS; i++) {
        const struct crash_point_info *info = crash_point_info((enum crash_point)i);

        buf_printf(&out, "%s (%s)\n", info->name, info->approach);
        cli_wrap(&out, 4, info->sentence);
    }
    (void)fputs(buf_str(&out), stdout);
    buf_done(&out);
}

static void show_json(void)
{
    json_t *list = json_array();

    for (int i = CRASH_NONE + 1; i < CRASH_POINTS; i++) {
        const struct crash_point_info *info = crash_point_info((enum crash_point)i);

        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:s, s:s}", "name", info->name, "approach",
                                              info->approach, "sentence", info->sentence));
    }
    json_t *json = json_pack("{s:o}", "crash_points", list);

    json_out_line(stdout, json);
    json_decref(json);
}

int verb_crash_points(const struct cli_args *args)
{
    show();
    if (cli_given(args, "json"))
        show_json();
    return 0;
}
