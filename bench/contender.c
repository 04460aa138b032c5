/* Options, samples and the report of a contender; see the header. */
#include "bench/contender.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define US_PER_S 1000000

void contender_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    exit(1);
}

static long number(const char *name, const char *text, long min, long max)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        (void)fprintf(stderr, "--%s: not a number from %ld to %ld: %s\n", name, min, max, text);
        exit(2);
    }
    return value;
}

static void take(struct contender_options *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        {"mode", &o->mode},         {"folder", &o->folder},       {"user", &o->user},
        {"database", &o->database}, {"statement", &o->statement}, {"door", &o->door},
        {"process", &o->process},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].name, name) == 0)
            *texts[i].to = value;
    }
    if (strcmp(name, "clients") == 0)
        o->clients = (unsigned)number(name, value, 1, CONTENDER_CLIENTS_MAX);
    else if (strcmp(name, "warm-up-ms") == 0)
        o->warm_up_ms = number(name, value, 0, INT32_MAX);
    else if (strcmp(name, "measure-ms") == 0)
        o->measure_ms = number(name, value, 1, INT32_MAX);
    else if (strcmp(name, "accounts") == 0)
        o->accounts = (int)number(name, value, 1, INT32_MAX);
    else if (strcmp(name, "hot-percent") == 0)
        o->hot_percent = (unsigned)number(name, value, 0, 100);
    else if (strcmp(name, "port") == 0 && o->n_servers < CONTENDER_SERVERS_MAX)
        o->port[o->n_servers++] = value;
}

struct contender_options contender_options(int argc, char *const *argv)
{
    static const struct option known[] = {
        {"mode", required_argument, NULL, 0},        {"clients", required_argument, NULL, 0},
        {"warm-up-ms", required_argument, NULL, 0},  {"measure-ms", required_argument, NULL, 0},
        {"folder", required_argument, NULL, 0},      {"user", required_argument, NULL, 0},
        {"database", required_argument, NULL, 0},    {"port", required_argument, NULL, 0},
        {"statement", required_argument, NULL, 0},   {"accounts", required_argument, NULL, 0},
        {"door", required_argument, NULL, 0},        {"process", required_argument, NULL, 0},
        {"hot-percent", required_argument, NULL, 0}, {NULL, 0, NULL, 0},
    };
    struct contender_options o = {.mode = "",
                                  .clients = 1,
                                  .measure_ms = 1000,
                                  .folder = ".",
                                  .user = "",
                                  .database = "",
                                  .statement = "",
                                  .accounts = 1};
    int found, which;

    while ((found = getopt_long(argc, argv, "", known, &which)) == 0)
        take(&o, known[which].name, optarg);
    if (found != -1 || optind < argc)
        exit(2); /* getopt has said why, or there is a word too many */
    return o;
}

int64_t contender_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

struct contender_window contender_window(const struct contender_options *options)
{
    int64_t from_us = contender_now_us() + options->warm_up_ms * 1000;

    return (struct contender_window){.from_us = from_us,
                                     .to_us = from_us + options->measure_ms * 1000};
}

void contender_add(struct contender_samples *samples, const struct contender_window *window,
                   int64_t began_us, int64_t ended_us)
{
    samples->committed++;
    if (ended_us < window->from_us || ended_us >= window->to_us)
        return;
    if (samples->n == samples->capacity) {
        samples->capacity = samples->capacity ? 2 * samples->capacity : 4096;
        samples->took_us = realloc(samples->took_us, samples->capacity * sizeof *samples->took_us);
        if (!samples->took_us)
            contender_fail("out of memory");
    }
    samples->took_us[samples->n++] = ended_us - began_us;
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / US_PER_S;
}

double contender_cpu_us(const char *pid)
{
    struct rusage used;
    char path[64], text[64] = "";
    FILE *file;

    if (!pid) {
        (void)getrusage(RUSAGE_SELF, &used);
        return (seconds(&used.ru_utime) + seconds(&used.ru_stime)) * US_PER_S;
    }
    /* Of its threads, each of which the scheduler counts by itself, in clock ticks. */
    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    file = fopen(path, "re");
    if (file) {
        unsigned long user = 0, kernel = 0;

        (void)fscanf(file, "%*d (%63[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                     text, &user, &kernel);
        (void)fclose(file);
        return (double)(user + kernel) * US_PER_S / 100;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void contender_report(const struct contender_options *options,
                      const struct contender_samples *samples, unsigned n_samples,
                      const struct contender_use *from, const struct contender_use *to)
{
    struct contender_samples all = {0};

    for (unsigned i = 0; i < n_samples; i++) {
        all.committed += samples[i].committed;
        all.n += samples[i].n;
    }
    if (all.n == 0)
        contender_fail("nothing was committed while it was measured");
    all.took_us = malloc(all.n * sizeof *all.took_us);
    if (!all.took_us)
        contender_fail("out of memory");
    for (unsigned i = 0; i < n_samples; i++) {
        if (samples[i].n > 0)
            memcpy(all.took_us + all.capacity, samples[i].took_us,
                   samples[i].n * sizeof *samples[i].took_us);
        all.capacity += samples[i].n;
    }
    qsort(all.took_us, all.n, sizeof *all.took_us, compare);
    (void)printf("{\"committed\":%" PRIu64 ",\"tps\":%.1f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,"
                 "\"cpu_us_per_txn\":%.2f",
                 all.committed, (double)all.n * 1000 / (double)options->measure_ms,
                 (double)all.took_us[all.n / 2] / 1000,
                 (double)all.took_us[all.n * 99 / 100] / 1000,
                 (to->cpu_us - from->cpu_us) / (double)all.n);
    if (to->fsyncs > 0)
        (void)printf(",\"fsyncs_per_txn\":%.4f",
                     (double)(to->fsyncs - from->fsyncs) / (double)all.n);
    (void)printf("}\n");
    free(all.took_us);
}

/* A linear congruential generator (Knuth's MMIX), of which only the high bits are used. */
static unsigned draw(uint64_t *state, unsigned below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((*state >> 33) % below);
}

unsigned contender_account(const struct contender_options *options, unsigned i, uint64_t *random)
{
    if (i == 0 && options->hot_percent > 0 && draw(random, 100) < options->hot_percent)
        return 0;
    return draw(random, (unsigned)options->accounts);
}

int contender_amount(unsigned i, unsigned n_servers)
{
    return i == 0 ? 1 - (int)n_servers : 1;
}
