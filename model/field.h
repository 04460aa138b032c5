/*
 * field.h - fields of a decoded JSON object, checked, each complaint one sentence; shared by the
 * protocol and the envelope. Private to model/.
 */
#ifndef SYNCBED_MODEL_FIELD_H
#define SYNCBED_MODEL_FIELD_H

#include "base/error.h"
#include "model/txn.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* -EBADMSG with this sentence. */
__attribute__((format(printf, 2, 3))) int field_bad(struct errctx *err, const char *fmt, ...);

/* What a text must be; `sentence` says it to the one who sent another. */
struct field_rule {
    bool (*valid)(const char *text);
    const char *sentence;
};

extern const struct field_rule field_request_id;
extern const struct field_rule field_store;
extern const struct field_rule field_key;
extern const struct field_rule field_value;

/* Each fails for a missing field (NULL) as for a wrong one. `what` names it in the complaint. */
__attribute__((warn_unused_result)) int field_text(const json_t *json, const char *what,
                                                   const struct field_rule *rule, char *ret_text,
                                                   size_t size, struct errctx *err);
__attribute__((warn_unused_result)) int field_int(const json_t *json, const char *what, int64_t min,
                                                  int64_t max, int64_t *ret_value,
                                                  struct errctx *err);
__attribute__((warn_unused_result)) int
field_position(json_t *json, const char *what, struct position *ret_position, struct errctx *err);

/* One JSON object from one line: no duplicate keys, nothing behind it. The caller's. */
__attribute__((warn_unused_result)) int field_load(const char *text, size_t size, json_t **ret_root,
                                                   struct errctx *err);

#endif
