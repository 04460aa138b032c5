/* check, report: what was measured, judged and drawn again. */
#include "harness/report/junit.h"
#include "harness/report/report.h"
#include "harness/results/results.h"
#include "harness/verbs.h"

#include <stdio.h>

int verb_check(const struct cli_args *args)
{
    const char *out_dir = cli_argument(args, 0);
    struct errctx err;
    json_t *results;
    int status;

    if (results_write(out_dir, &results, &err))
        return cli_fail(&err);
    if (junit_write(out_dir, results, &err)) {
        json_decref(results);
        return cli_fail(&err);
    }
    results_show(stdout, results);
    (void)printf("\nresults: %s/results.json\n", out_dir);
    if (cli_given(args, "json"))
        results_print_json(stdout, out_dir, results);
    status = results_exit_status(results);
    json_decref(results);
    return status;
}

int verb_report(const struct cli_args *args)
{
    const char *out_dir = cli_argument(args, 0);
    struct errctx err;

    if (report_write(out_dir, &err))
        return cli_fail(&err);
    (void)printf("report: %s/report.html\n", out_dir);
    return 0;
}
