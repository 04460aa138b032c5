/* Planned times; see the header. Rates are per microsecond here. */
#include "harness/workload/pace.h"

#include "base/clock.h"

#include <math.h>

struct piece {
    double from_us;
    double to_us;
    double from_rate;
    double to_rate;
};

static double per_us(double rate_per_s)
{
    return rate_per_s / (double)US_PER_S;
}

/* A load with a single rate is one piece; with points, each begins one. */
static struct piece piece_at(const struct workload *w, unsigned i)
{
    const struct rate_point one = {.rate_per_s = w->rate_per_s};
    const struct rate_point *point = w->n_points > 0 ? &w->point[i] : &one;
    bool last = i + 1 >= w->n_points;

    return (struct piece){.from_us = point->at_s * (double)US_PER_S,
                          .to_us = (last ? w->duration_s : point[1].at_s) * (double)US_PER_S,
                          .from_rate = per_us(point->rate_per_s),
                          .to_rate =
                              per_us(last || !w->ramp ? point->rate_per_s : point[1].rate_per_s)};
}

static double arrivals_in(const struct piece *p)
{
    return (p->to_us - p->from_us) * (p->from_rate + p->to_rate) / 2;
}

/* From its begin to where `arrivals` are expected: rate·x + slope·x²/2 = arrivals, solved for x. */
static double time_of(const struct piece *p, double arrivals)
{
    double slope = (p->to_rate - p->from_rate) / (p->to_us - p->from_us);
    double square = p->from_rate * p->from_rate + 2 * slope * arrivals;

    if (arrivals <= 0)
        return 0;
    return 2 * arrivals / (p->from_rate + sqrt(fmax(square, 0)));
}

void pace_init(struct pace *pace, const struct workload *workload)
{
    *pace = (struct pace){.workload = workload};
}

bool pace_next(struct pace *pace, double step, int64_t *ret_at_us)
{
    unsigned n_pieces = pace->workload->n_points > 0 ? pace->workload->n_points : 1;

    pace->wanted += step;
    while (pace->piece < n_pieces) {
        struct piece p = piece_at(pace->workload, pace->piece);
        double arrivals = arrivals_in(&p);

        if (pace->wanted < pace->passed + arrivals) {
            double at_us = p.from_us + time_of(&p, pace->wanted - pace->passed);

            *ret_at_us = llround(fmin(at_us, p.to_us - 1));
            return true;
        }
        pace->passed += arrivals;
        pace->piece++;
    }
    return false;
}
