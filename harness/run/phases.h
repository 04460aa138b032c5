/* phases.h - what takes how long: phases by name, their times added up, for the end of a session.
 */
#ifndef SYNCBED_HARNESS_RUN_PHASES_H
#define SYNCBED_HARNESS_RUN_PHASES_H

#include "base/buf.h"

#include <stdint.h>

#define PHASES_MAX      24
#define PHASE_NAME_SIZE 24

struct phases {
    unsigned n;
    struct {
        char name[PHASE_NAME_SIZE];
        int64_t took_us;
    } phase[PHASES_MAX];
};

/* Add to the phase of this name, which is made when it is new. */
void phases_add(struct phases *phases, const char *name, int64_t took_us);

/* Add what the launcher did before us, as in "install=12.3,build=20.1"; what is malformed is left
 * out. NULL is fine. */
void phases_add_text(struct phases *phases, const char *text);

/* "install 12.3 s, build 20.1 s, …, total 141.0 s", in the order in which they came, wrapped at 80
 * columns, each line indented by two. */
void phases_print(struct buf *out, const struct phases *phases);

#endif
