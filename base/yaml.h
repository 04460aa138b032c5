/*
 * yaml.h - YAML files of ours, read with file:line and a suggestion in every complaint.
 *
 * A thin layer over libyaml's documents. Getters take a mapping and a key; what is missing gets the
 * default, what is wrong gets an error like
 *     quickstart.yaml:7: workload.rate_per_s: "fast" is not a number
 *     quickstart.yaml:9: unknown key "kil"; did you mean "kill"?
 */
#ifndef SYNCBED_BASE_YAML_H
#define SYNCBED_BASE_YAML_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct yaml_file; /* owns the document and all nodes */
struct yaml_node; /* a scalar, sequence or mapping in it */

__attribute__((warn_unused_result)) int yaml_open(const char *path, struct yaml_file **ret_file,
                                                  const struct yaml_node **ret_root,
                                                  struct errctx *err);
void yaml_close(struct yaml_file *file);

/* "FILE:LINE: " + message; returns -EINVAL, class ERR_ABORT. */
__attribute__((format(printf, 3, 4))) int yaml_complain(const struct yaml_node *node,
                                                        struct errctx *err, const char *fmt, ...);

/* The same, of another line of the node's file. */
__attribute__((format(printf, 4, 5))) int yaml_complain_line(const struct yaml_node *node,
                                                             unsigned line, struct errctx *err,
                                                             const char *fmt, ...);

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };
enum yaml_kind yaml_kind(const struct yaml_node *node);
unsigned yaml_line(const struct yaml_node *node); /* from 1 */

size_t yaml_size(const struct yaml_node *node); /* elements of a sequence, pairs of a mapping */
const struct yaml_node *yaml_item(const struct yaml_node *sequence, size_t i);
const char *yaml_key(const struct yaml_node *mapping, size_t i);
const struct yaml_node *yaml_value(const struct yaml_node *mapping, size_t i);
const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key); /* or NULL */
const char *yaml_text(const struct yaml_node *scalar); /* of a scalar; "" otherwise */

/* Complain of the first key of `mapping` that is not among `keys`, or of a node that is no mapping.
 */
__attribute__((warn_unused_result)) int yaml_check_keys(const struct yaml_node *mapping,
                                                        const char *const *keys, size_t n_keys,
                                                        struct errctx *err);

/* Scalars themselves; each complains of what is no such value or lies outside [min, max]. */
__attribute__((warn_unused_result)) int yaml_to_number(const struct yaml_node *scalar, double min,
                                                       double max, double *ret_value,
                                                       struct errctx *err);
__attribute__((warn_unused_result)) int yaml_to_int(const struct yaml_node *scalar, int64_t min,
                                                    int64_t max, int64_t *ret_value,
                                                    struct errctx *err);
__attribute__((warn_unused_result)) int yaml_to_choice(const struct yaml_node *scalar,
                                                       const char *const *valid, size_t n_valid,
                                                       size_t *ret_index, struct errctx *err);
__attribute__((warn_unused_result)) int yaml_to_bool(const struct yaml_node *scalar,
                                                     bool *ret_value, struct errctx *err);

/* Write `text` as a YAML scalar, quoted when needed; for files that we write. Appends to `out`. */
struct buf;
void yaml_quote(struct buf *out, const char *text);

#endif
