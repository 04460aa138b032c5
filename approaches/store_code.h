/* store_code.h - what a store's answer to a direct execution means for the client who asked. */
#ifndef SYNCBED_APPROACHES_STORE_CODE_H
#define SYNCBED_APPROACHES_STORE_CODE_H

#include "model/outcome.h"
#include "stores/store.h"

/* CODE_NONE for OK; CODE_UNKNOWN for whatever does not surely mean that nothing happened. */
enum code store_code(enum store_status status);

#endif
