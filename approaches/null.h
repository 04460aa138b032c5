/* null.h - no approach at all: answers ok and does nothing. What is measured through it is the
 * harness itself. */
#ifndef SYNCBED_APPROACHES_NULL_H
#define SYNCBED_APPROACHES_NULL_H

#include "approaches/approach.h"

extern const struct approach null_approach;

#endif
