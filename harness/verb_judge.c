/* check, report: what was measured, judged and drawn again. */
#include "harness/checkers/results.h"
#include "harness/report/report.h"
#include "harness/verbs.h"

int verb_check(const struct cli_args *args)
{
    return check_main(cli_argument(args, 0), cli_given(args, "json"));
}

int verb_report(const struct cli_args *args)
{
    struct errctx err;

    return report_write(cli_argument(args, 0), &err) ? cli_fail(&err) : 0;
}
