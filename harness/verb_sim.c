/* sim: two-phase commit in virtual time, thousands of schedules a second, against its properties.
 */
#include "base/clock.h"
#include "harness/json_out.h"
#include "harness/verbs.h"
#include "sim/costs.h"
#include "sim/exhaustive.h"
#include "sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEDULES_USUAL 100000
#define MUTANT_SECONDS  60
#define CHUNK           64 /* schedules between two looks at the clock */
#define STATES_MAX      30000000
#define ALL             UINT32_MAX

struct simulating {
    struct sim_world *world; /* owned */
    struct sim_options options;
    const struct sim_mutant *mutant; /* or NULL */
    uint64_t seed;                   /* of the first schedule */
    uint64_t n_max;
    int64_t until_us; /* or INT64_MAX */
    uint32_t wanted;  /* stop at a violation of these properties: bits */
};

struct tally {
    uint64_t n, n_events, n_faults, n_committed, n_aborted, n_violations;
    uint64_t seed;            /* of the violation that was looked for */
    struct sim_result result; /* of it */
    bool found;
    double seconds;
};

/* --- many schedules --------------------------------------------------------------------------- */

static bool go_on(const struct simulating *s, const struct tally *t)
{
    if (t->found || t->n >= s->n_max)
        return false;
    return t->n % CHUNK != 0 || clock_now_us() < s->until_us;
}

static void run_one(struct simulating *s, struct tally *t)
{
    struct sim_result r;
    uint64_t seed = s->seed + t->n;

    sim_run(s->world, seed, &s->options, NULL, &r);
    t->n++;
    t->n_events += r.n_events;
    t->n_faults += r.n_faults;
    t->n_committed += r.n_committed;
    t->n_aborted += r.n_aborted;
    t->n_violations += r.violation.found;
    if (!r.violation.found || !(s->wanted >> r.violation.property & 1U))
        return;
    t->found = true;
    t->seed = seed;
    t->result = r;
}

static struct tally run_many(struct simulating *s)
{
    struct tally t = {.n = 0};
    int64_t begun_us = clock_now_us();

    while (go_on(s, &t))
        run_one(s, &t);
    t.seconds = (double)(clock_now_us() - begun_us + 1) / 1e6;
    return t;
}

/* --- a violation, told ------------------------------------------------------------------------ */

static void print_bits(const char *option, uint32_t bits, unsigned max)
{
    const char *separator = " ";

    (void)printf(" --%s", option);
    for (unsigned i = 0; i < max; i++) {
        if (!(bits >> i & 1U))
            continue;
        (void)printf("%s%u", separator, i);
        separator = ",";
    }
    if (separator[0] == ' ')
        (void)fputs(" none", stdout);
}

static void print_command(const struct simulating *s, uint64_t seed)
{
    (void)printf("again: syncbed sim 2pc --seed %" PRIu64 " --trace", seed);
    if (s->mutant)
        (void)printf(" --break %s", s->mutant->name);
    if (s->options.n_stores > 0)
        (void)printf(" --participants %u", s->options.n_stores);
    if (s->options.txns != ALL)
        print_bits("txns", s->options.txns, SIM_TXNS_MAX);
    if (s->options.faults != ALL)
        print_bits("faults", s->options.faults, SIM_FAULTS_MAX);
    (void)fputc('\n', stdout);
}

static void tell_violation(struct simulating *s, const struct tally *t)
{
    const struct sim_violation *v = &t->result.violation;
    struct sim_result smaller;
    unsigned n_runs = sim_shrink(s->world, t->seed, &s->options);

    (void)printf("seed %" PRIu64 " breaks %s: %s.\n  %s\n\n"
                 "Made as small as it goes, in %u runs:\n\n",
                 t->seed, sim_property_name(v->property), sim_property_sentence(v->property),
                 v->text, n_runs);
    sim_run(s->world, t->seed, &s->options, stdout, &smaller);
    (void)fputc('\n', stdout);
    print_command(s, t->seed);
}

static void tell_tally(const struct tally *t)
{
    double n = (double)t->n;

    (void)printf("%" PRIu64 " schedules in %.1f s: %.0f a second, of %.0f events each; %.2f "
                 "transactions committed, %.2f aborted, %.2f faults\n",
                 t->n, t->seconds, n / t->seconds, (double)t->n_events / n,
                 (double)t->n_committed / n, (double)t->n_aborted / n, (double)t->n_faults / n);
}

static void print_json(uint64_t n, uint64_t n_violations, double seconds)
{
    json_t *json = json_pack("{s:I, s:I, s:f}", "schedules", (json_int_t)n, "violations",
                             (json_int_t)n_violations, "schedules_per_s", (double)n / seconds);

    json_out_line(stdout, json);
    json_decref(json);
}

/* --- what the command line says --------------------------------------------------------------- */

/* "0,2,3" or "none" as bits. */
static int parse_bits(const char *option, const char *text, unsigned max, uint32_t *ret_bits,
                      struct errctx *err)
{
    uint32_t bits = 0;
    const char *at = text;

    if (strcmp(text, "none") == 0) {
        *ret_bits = 0;
        return 0;
    }
    do {
        char *end;
        unsigned long i = strtoul(at, &end, 10);

        if (end == at || (*end != ',' && *end != '\0') || i >= max)
            return err_set(err, EINVAL, ERR_ABORT,
                           "--%s %s: numbers from 0 to %u with commas between them, or \"none\"",
                           option, text, max - 1);
        bits |= UINT32_C(1) << i;
        at = *end ? end + 1 : end;
    } while (*at);
    *ret_bits = bits;
    return 0;
}

static int take_bits(const struct cli_args *args, const char *option, unsigned max,
                     uint32_t *ret_bits, struct errctx *err)
{
    *ret_bits = ALL;
    if (!cli_given(args, option))
        return 0;
    return parse_bits(option, cli_text(args, option, ""), max, ret_bits, err);
}

static int take_options(const struct cli_args *args, struct simulating *s, struct errctx *err)
{
    const char *broken = cli_text(args, "break", NULL);
    int rc = take_bits(args, "txns", SIM_TXNS_MAX, &s->options.txns, err);

    if (rc == 0)
        rc = take_bits(args, "faults", SIM_FAULTS_MAX, &s->options.faults, err);
    if (rc < 0)
        return rc;
    s->mutant = broken ? sim_mutant_find(broken) : NULL;
    if (broken && !s->mutant)
        return err_set(err, ENOENT, ERR_ABORT,
                       "no mistake is named \"%s\": see \"syncbed sim --help\"", broken);
    if (s->mutant) {
        s->options.core_break = s->mutant->core_break;
        s->options.own_break = s->mutant->own_break;
    }
    s->options.n_stores = (unsigned)cli_int(args, "participants", 0);
    s->seed = (uint64_t)cli_int(args, "seed", 1);
    s->wanted = ALL;
    s->until_us = INT64_MAX;
    s->n_max = (uint64_t)cli_int(args, "schedules", SCHEDULES_USUAL);
    if (cli_given(args, "trace"))
        s->n_max = 1;
    if (!cli_given(args, "seconds"))
        return 0;
    s->until_us = clock_now_us() + cli_int(args, "seconds", 0) * US_PER_S;
    if (!cli_given(args, "schedules"))
        s->n_max = UINT64_MAX;
    return 0;
}

/* --- the ways to use it ----------------------------------------------------------------------- */

static int run_schedules(struct simulating *s, bool as_json)
{
    struct tally t = run_many(s);

    if (t.found)
        tell_violation(s, &t);
    tell_tally(&t);
    if (s->mutant)
        (void)printf("with a mistake built in: %s\n", s->mutant->sentence);
    if (as_json)
        print_json(t.n, t.n_violations, t.seconds);
    return t.found;
}

static int trace_one(struct simulating *s, bool as_json)
{
    struct sim_result r;
    int64_t begun_us = clock_now_us();

    sim_run(s->world, s->seed, &s->options, stdout, &r);
    if (!r.violation.found)
        (void)printf("\nall properties hold, %u events\n", r.n_events);
    else
        (void)printf("\n%s is broken: %s\n", sim_property_name(r.violation.property),
                     r.violation.text);
    if (as_json)
        print_json(1, r.violation.found, (double)(clock_now_us() - begun_us + 1) / 1e6);
    return r.violation.found;
}

/* True: caught, and by the property that it names. */
static bool try_mutant(struct simulating *s, const struct sim_mutant *m, uint64_t *n_schedules)
{
    struct tally t;

    s->mutant = m;
    s->options.core_break = m->core_break;
    s->options.own_break = m->own_break;
    s->wanted = m->properties;
    s->until_us = clock_now_us() + MUTANT_SECONDS * US_PER_S;
    t = run_many(s);
    *n_schedules += t.n;
    if (t.found)
        (void)printf("%-24s %-11s %8" PRIu64 " %8.2f   %s\n", m->name,
                     sim_property_name(t.result.violation.property), t.seed, t.seconds,
                     m->sentence);
    else
        (void)printf("%-24s %-11s %8s %8.2f   %s\n", m->name, "MISSED", "", t.seconds, m->sentence);
    (void)fflush(stdout);
    return t.found;
}

static int run_mutants(struct simulating *s, bool as_json)
{
    int64_t begun_us = clock_now_us();
    unsigned n_missed = 0;
    uint64_t n = 0;

    s->n_max = UINT64_MAX;
    (void)printf("%-24s %-11s %8s %8s   %s\n", "mistake", "caught by", "seed", "seconds",
                 "what it does");
    for (unsigned i = 0; i < sim_mutant_count(); i++)
        n_missed += !try_mutant(s, &sim_mutant[i], &n);
    (void)printf("%u of %u caught, each by the property that it breaks\n",
                 sim_mutant_count() - n_missed, sim_mutant_count());
    if (as_json)
        print_json(n, sim_mutant_count() - n_missed, (double)(clock_now_us() - begun_us + 1) / 1e6);
    return n_missed > 0;
}

/* Every order of one transaction. Two stores: 9 million states; three, with a fault of each kind:
 * 11 million. */
static int run_exhaustive(const struct simulating *s, const struct cli_args *args, bool as_json)
{
    struct exhaustive_options options = {.n_stores = s->options.n_stores == 3 ? 3 : 2,
                                         .states_max = STATES_MAX};
    struct exhaustive_result r;
    int64_t usual = options.n_stores == 2 ? 2 : 1, begun_us = clock_now_us();

    options.broken = s->options.core_break;
    options.crashes_max = (unsigned)cli_int(args, "crashes", usual);
    options.losses_max = (unsigned)cli_int(args, "losses", usual);
    sim_exhaustive(&options, &r);
    (void)printf(
        "one transaction at %u stores, up to %u crashes and %u lost messages, every order: "
        "%" PRIu64 " states, %" PRIu64 " of them at rest, in %.1f s%s\n",
        options.n_stores, options.crashes_max, options.losses_max, r.n_states, r.n_ends,
        (double)(clock_now_us() - begun_us) / 1e6,
        r.complete ? "" : "; these are not all: given up");
    if (r.violated)
        (void)printf("broken: %s\n", r.text);
    if (as_json)
        print_json(r.n_states, r.violated, (double)(clock_now_us() - begun_us + 1) / 1e6);
    return r.violated ? 1 : r.complete ? 0 : CLI_EXIT_UNKNOWN;
}

static void print_costs(const struct costs *c)
{
    (void)printf("   %5u %5u %8u", c->coordinator_forced, c->participant_forced, c->messages);
}

static json_t *costs_json(enum costs_protocol protocol, enum costs_case which, unsigned n,
                          const struct costs *c)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "protocol",
                     costs_protocol_name(protocol), "case", costs_case_name(which), "participants",
                     (int)n, "coordinator_forced", (int)c->coordinator_forced, "coordinator_lazy",
                     (int)c->coordinator_lazy, "participant_forced", (int)c->participant_forced,
                     "reader_forced", (int)c->reader_forced, "messages", (int)c->messages);
}

static void count_costs(struct sim_world *w, enum costs_protocol protocol, unsigned n, json_t *rows)
{
    struct costs c;

    (void)printf("%-24s %2u", costs_protocol_name(protocol), n);
    for (int which = 0; which < COSTS_CASES; which++) {
        costs_count(w, protocol, (enum costs_case)which, n, &c);
        print_costs(&c);
        (void)json_array_append_new(rows, costs_json(protocol, (enum costs_case)which, n, &c));
    }
    (void)fputc('\n', stdout);
}

static int compare_costs(struct simulating *s, bool as_json)
{
    json_t *json = json_object(), *rows = json_array();

    (void)printf("%-27s", "");
    for (int which = 0; which < COSTS_CASES; which++)
        (void)printf("   %-20s", costs_case_name((enum costs_case)which));
    (void)printf("\n%-24s %2s", "", "N");
    for (int which = 0; which < COSTS_CASES; which++)
        (void)printf("   %5s %5s %8s", "coord", "each", "messages");
    (void)fputc('\n', stdout);
    for (int p = 0; p < COSTS_PROTOCOLS; p++) {
        for (unsigned n = COSTS_PARTICIPANTS_MIN; n <= COSTS_PARTICIPANTS_MAX; n++)
            count_costs(s->world, (enum costs_protocol)p, n, rows);
    }
    (void)fputs(
        "\ncoord: forced writes of the coordinator; each: of each participant that updates\n"
        "abort: all are prepared, and one vote is lost\n"
        "as built: twopc_core on stores like PostgreSQL; the others: after the books\n",
        stdout);
    (void)json_object_set_new(json, "costs", rows);
    if (as_json)
        json_out_line(stdout, json);
    json_decref(json);
    return 0;
}

void verb_sim_list_breaks(struct buf *out)
{
    buf_printf(out, "\nMistakes for --break, and the property that notices:\n");
    for (unsigned i = 0; i < sim_mutant_count(); i++) {
        buf_printf(out, "  %s (", sim_mutant[i].name);
        for (int p = 0, n = 0; p < SIM_PROPERTIES; p++) {
            if (sim_mutant[i].properties >> p & 1U)
                buf_printf(out, "%s%s", n++ ? ", " : "", sim_property_name((enum sim_property)p));
        }
        buf_printf(out, ")\n");
        cli_wrap(out, 6, sim_mutant[i].sentence);
    }
}

int verb_sim(const struct cli_args *args)
{
    struct simulating s = {.world = NULL};
    bool as_json = cli_given(args, "json");
    struct errctx err;
    int status;

    if (strcmp(cli_argument(args, 0), "2pc") != 0) {
        (void)err_set(&err, ENOENT, ERR_ABORT, "nothing is simulated under the name \"%s\": 2pc is",
                      cli_argument(args, 0));
        return cli_fail(&err);
    }
    if (take_options(args, &s, &err) < 0)
        return cli_fail(&err);
    s.world = sim_world_new();
    if (cli_given(args, "mutants"))
        status = run_mutants(&s, as_json);
    else if (cli_given(args, "costs"))
        status = compare_costs(&s, as_json);
    else if (cli_given(args, "exhaustive"))
        status = run_exhaustive(&s, args, as_json);
    else if (cli_given(args, "trace"))
        status = trace_one(&s, as_json);
    else
        status = run_schedules(&s, as_json);
    sim_world_free(s.world);
    return status;
}
