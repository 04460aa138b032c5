/* The verbs that are roles: their options, handed to where each role lives. */
#include "approaches/serve.h"
#include "approaches/sink.h"
#include "harness/verbs.h"
#include "harness/workload/load.h"
#include "servers/keeper_main.h"

int verb_serve(const struct cli_args *args)
{
    struct serve_options options = {
        .topology = cli_text(args, "topology", NULL),
        .name = cli_text(args, "name", NULL),
        .approach = cli_text(args, "approach", NULL),
        .token_file = cli_text(args, "token-file", NULL),
        .http = cli_text(args, "http", NULL),
        .http_token_file = cli_text(args, "http-token-file", NULL),
        .force_presume_abort = cli_given(args, "force-presume-abort"),
    };
    const char *setting;

    while (options.n_settings < SETTINGS_MAX &&
           (setting = cli_text_at(args, "set", options.n_settings)))
        options.setting[options.n_settings++] = setting;
    return serve_main(&options);
}

int verb_sink(const struct cli_args *args)
{
    return sink_main(cli_text(args, "topology", NULL), cli_text(args, "name", NULL));
}

int verb_load(const struct cli_args *args)
{
    const struct load_options options = {
        .topology = cli_text(args, "topology", NULL),
        .name = cli_text(args, "name", NULL),
        .config = cli_text(args, "config", NULL),
        .history = cli_text(args, "history", NULL),
        .token_file = cli_text(args, "token-file", NULL),
        .probes = cli_text(args, "probes", NULL),
    };

    return load_main(&options);
}

int verb_keeper(const struct cli_args *args)
{
    return keeper_main(cli_given(args, "until-down"));
}
