/* Memory over time; see the header. */
#include "harness/bench/soak.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS    32
#define MEASURE_MS 10000 /* of the end, whose latencies are kept; before it nothing is */
#define SHOW_US    (10 * US_PER_S)
#define FULL_US    (60 * US_PER_S) /* by then 65,536 requests have ended and the log has turned */

struct soak {
    int64_t began_us, shown_us;
    double full_mb, last_mb;
};

static double memory_mb(int64_t pid)
{
    struct buf text = {0};
    struct errctx unread;
    char path[64];
    const char *at;
    double mb = NAN;

    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/status", pid);
    if (file_read(path, &text, &unread) == 0 && (at = strstr(buf_str(&text), "VmRSS:")) != NULL)
        mb = strtod(at + strlen("VmRSS:"), NULL) / 1024;
    buf_done(&text);
    return mb;
}

static void look(void *arg, int64_t pid)
{
    struct soak *s = arg;
    int64_t now_us = clock_now_us();
    double mb = memory_mb(pid);

    if (isnan(mb))
        return; /* it has just ended */
    s->last_mb = mb;
    if (isnan(s->full_mb) && now_us - s->began_us > FULL_US)
        s->full_mb = mb;
    if (now_us - s->shown_us < SHOW_US)
        return;
    s->shown_us = now_us;
    (void)fprintf(stderr, "%5.0f s %8.1f MB\n", (double)(now_us - s->began_us) / (double)US_PER_S,
                  mb);
}

int soak_measure(struct contest *c, unsigned minutes, struct bench *bench, struct errctx *err)
{
    static const char scenario[] = "soak/32";
    struct soak soak = {.began_us = clock_now_us(), .full_mb = NAN, .last_mb = NAN};
    struct measurement m;
    int rc;

    c->measure_ms = MEASURE_MS;
    c->warm_up_ms = (int64_t)minutes * 60 * 1000 - MEASURE_MS;
    c->watch = look;
    c->arg = &soak;
    rc = contest_run(c, CONTENDER_IN_PROCESS, "default", CLIENTS, &m, err);
    c->watch = NULL;
    if (rc < 0)
        return rc;
    bench_add(bench, scenario, "tps", m.tps);
    bench_add(bench, scenario, "rss_mb_after_1_min", soak.full_mb);
    bench_add(bench, scenario, "rss_mb", soak.last_mb);
    return 0;
}
