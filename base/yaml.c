/*
 * YAML files: see the header.
 *
 * Built from libyaml's events rather than its documents: these resolve aliases silently and keep
 * the last of two equal keys, while here both are refused, and with their line.
 */
#include "base/yaml.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define FILE_SIZE_MAX (1024 * 1024)
#define DEPTH_MAX     32
#define PLACE_SIZE    128
#define LIST_SIZE     200 /* of a message that has room for 480 bytes */

struct yaml_node {
    const struct yaml_file *file;
    struct yaml_node *parent; /* NULL: the root */
    enum yaml_kind kind;
    unsigned line;     /* from 1 */
    unsigned key_line; /* child of a mapping: where its key stands */
    char *key;         /* likewise; NULL otherwise */
    char *text;        /* scalar */
    size_t n;
    size_t capacity;
    struct yaml_node **child;
};

struct yaml_file {
    char *path;
    struct yaml_node *root;
};

static void node_free(struct yaml_node *node) /* recursive: no deeper than DEPTH_MAX */
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n; i++)
        node_free(node->child[i]);
    free(node->child);
    free(node->key);
    free(node->text);
    free(node);
}

__attribute__((format(printf, 4, 0))) static int complain_at(const struct yaml_file *file,
                                                             unsigned line, struct errctx *err,
                                                             const char *fmt, va_list ap)
{
    char text[sizeof err->message];

    (void)vsnprintf(text, sizeof text, fmt, ap); /* a long message is cut */
    return err_set(err, EINVAL, ERR_ABORT, "%s:%u: %s", file->path, line, text);
}

__attribute__((format(printf, 4, 5))) static int
complain(const struct yaml_file *file, unsigned line, struct errctx *err, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = complain_at(file, line, err, fmt, ap);
    va_end(ap);
    return r;
}

int yaml_complain(const struct yaml_node *node, struct errctx *err, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = complain_at(node->file, node->line, err, fmt, ap);
    va_end(ap);
    return r;
}

int yaml_complain_line(const struct yaml_node *node, unsigned line, struct errctx *err,
                       const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = complain_at(node->file, line, err, fmt, ap);
    va_end(ap);
    return r;
}

/* --- reading ------------------------------------------------------------------------------- */

static int read_file(const char *path, struct buf *ret_text, struct errctx *err)
{
    char block[16384];
    ssize_t size;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, errno, ERR_ABORT, "%s: %s", path, strerror(errno));
    while ((size = read(fd, block, sizeof block)) > 0 && ret_text->size <= FILE_SIZE_MAX)
        buf_append(ret_text, block, (size_t)size);
    if (size < 0) {
        int code = errno;

        (void)close(fd);
        return err_set(err, code, ERR_ABORT, "%s: %s", path, strerror(code));
    }
    (void)close(fd); /* was only read */
    if (ret_text->size > FILE_SIZE_MAX)
        return err_set(err, EFBIG, ERR_ABORT, "%s: larger than 1 MiB", path);
    return 0;
}

static unsigned line_of(const yaml_event_t *event)
{
    return (unsigned)event->start_mark.line + 1;
}

static int next_event(struct yaml_file *file, yaml_parser_t *parser, yaml_event_t *ret_event,
                      struct errctx *err)
{
    size_t line;

    if (yaml_parser_parse(parser, ret_event))
        return 0;
    line = parser->problem_mark.line ? parser->problem_mark.line : parser->mark.line;
    return complain(file, (unsigned)line + 1, err, "not YAML: %s",
                    parser->problem ? parser->problem : "cannot be read");
}

static struct yaml_node *node_new(const struct yaml_file *file, struct yaml_node *parent,
                                  const yaml_event_t *event, enum yaml_kind kind)
{
    struct yaml_node *node = mem_alloc(sizeof *node);

    node->file = file;
    node->parent = parent;
    node->kind = kind;
    node->line = line_of(event);
    return node;
}

static void adopt(struct yaml_node *parent, struct yaml_node *child)
{
    parent->child = mem_grow(parent->child, parent->n, &parent->capacity, sizeof *parent->child);
    parent->child[parent->n++] = child;
}

/* An anchor, an alias, a tag: what a reader of the file would have to resolve in their head. */
static int check_plain(const struct yaml_file *file, const yaml_event_t *event, struct errctx *err)
{
    bool anchored = false;

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        anchored = true;
        break;
    case YAML_SCALAR_EVENT:
        anchored = event->data.scalar.anchor != NULL;
        if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
            return complain(file, line_of(event), err, "a text with a NUL byte in it");
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchored = event->data.sequence_start.anchor != NULL;
        break;
    case YAML_MAPPING_START_EVENT:
        anchored = event->data.mapping_start.anchor != NULL;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        break;
    }
    if (anchored)
        return complain(file, line_of(event), err, "anchors and aliases are not used here");
    return 0;
}

/* A key of `mapping`: the caller's. */
static int take_key(struct yaml_node *mapping, const yaml_event_t *event, char **ret_key,
                    struct errctx *err)
{
    const char *key;

    if (event->type != YAML_SCALAR_EVENT)
        return complain(mapping->file, line_of(event), err, "a key must be a word");
    key = (const char *)event->data.scalar.value;
    if (yaml_find(mapping, key))
        return complain(mapping->file, line_of(event), err, "\"%s\" stands here twice", key);
    *ret_key = mem_strdup(key);
    return 0;
}

struct reading {
    struct yaml_file *file;
    yaml_parser_t parser;
    struct yaml_node *open; /* the collection being filled; NULL above the root */
    unsigned depth;
    char *key; /* of the next value, in a mapping; owned */
    unsigned key_line;
};

/* Hang a new node into the collection that is open, or make it the root. */
static struct yaml_node *place(struct reading *in, const yaml_event_t *event, enum yaml_kind kind)
{
    struct yaml_node *node = node_new(in->file, in->open, event, kind);

    node->key = in->key;
    node->key_line = in->key_line;
    in->key = NULL;
    if (in->open)
        adopt(in->open, node);
    else
        in->file->root = node;
    return node;
}

static int open_collection(struct reading *in, const yaml_event_t *event, enum yaml_kind kind,
                           struct errctx *err)
{
    if (in->depth == DEPTH_MAX)
        return complain(in->file, line_of(event), err, "nested more than %d deep", DEPTH_MAX);
    in->open = place(in, event, kind);
    in->depth++;
    return 0;
}

static void close_collection(struct reading *in)
{
    in->open = in->open->parent;
    in->depth--;
}

static int take_event(struct reading *in, const yaml_event_t *event, struct errctx *err)
{
    bool collection_ends =
        event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
    bool is_content = event->type == YAML_SCALAR_EVENT || event->type == YAML_MAPPING_START_EVENT ||
                      event->type == YAML_SEQUENCE_START_EVENT;

    if (collection_ends) {
        close_collection(in);
        return 0;
    }
    if (event->type == YAML_DOCUMENT_START_EVENT && in->file->root)
        return complain(in->file, line_of(event), err, "a second document");
    if (!is_content)
        return 0;
    if (in->open && in->open->kind == YAML_MAPPING && !in->key) {
        in->key_line = line_of(event);
        return take_key(in->open, event, &in->key, err);
    }
    if (event->type == YAML_SCALAR_EVENT) {
        place(in, event, YAML_SCALAR)->text = mem_strdup((const char *)event->data.scalar.value);
        return 0;
    }
    return open_collection(
        in, event, event->type == YAML_MAPPING_START_EVENT ? YAML_MAPPING : YAML_SEQUENCE, err);
}

static int read_tree(struct yaml_file *file, const struct buf *text, struct errctx *err)
{
    struct reading in = {.file = file};
    bool ended = false;
    int r = 0;

    if (!yaml_parser_initialize(&in.parser))
        return err_set(err, ENOMEM, ERR_FATAL, "%s: no memory", file->path);
    yaml_parser_set_input_string(&in.parser, (const unsigned char *)buf_str(text), text->size);
    while (r == 0 && !ended) {
        yaml_event_t event;

        r = next_event(file, &in.parser, &event, err);
        if (r < 0)
            break;
        r = check_plain(file, &event, err);
        if (r == 0)
            r = take_event(&in, &event, err);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    if (r == 0 && !file->root)
        r = complain(file, 1, err, "empty");
    free(in.key);
    yaml_parser_delete(&in.parser);
    return r;
}

int yaml_open(const char *path, struct yaml_file **ret_file, const struct yaml_node **ret_root,
              struct errctx *err)
{
    struct yaml_file *file = mem_alloc(sizeof *file);
    struct buf text = {0};
    int r;

    file->path = mem_strdup(path);
    r = read_file(path, &text, err);
    if (r == 0)
        r = read_tree(file, &text, err);
    buf_done(&text);
    if (r < 0) {
        yaml_close(file);
        return r;
    }
    *ret_file = file;
    *ret_root = file->root;
    return 0;
}

void yaml_close(struct yaml_file *file)
{
    if (!file)
        return;
    node_free(file->root);
    free(file->path);
    free(file);
}

/* --- looking ------------------------------------------------------------------------------- */

enum yaml_kind yaml_kind(const struct yaml_node *node)
{
    return node->kind;
}

unsigned yaml_line(const struct yaml_node *node)
{
    return node->line;
}

size_t yaml_size(const struct yaml_node *node)
{
    return node->n;
}

const struct yaml_node *yaml_item(const struct yaml_node *sequence, size_t i)
{
    return i < sequence->n ? sequence->child[i] : NULL;
}

const char *yaml_key(const struct yaml_node *mapping, size_t i)
{
    return i < mapping->n ? mapping->child[i]->key : NULL;
}

const struct yaml_node *yaml_value(const struct yaml_node *mapping, size_t i)
{
    return yaml_item(mapping, i);
}

const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key)
{
    if (mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->child[i]->key, key) == 0)
            return mapping->child[i];
    }
    return NULL;
}

const char *yaml_text(const struct yaml_node *scalar)
{
    return scalar->text ? scalar->text : "";
}

/* "schedules[1].faults[0].at_s": where a node stands, as a person would say it. */
static void place_of(const struct yaml_node *node, char place_text[PLACE_SIZE])
{
    const struct yaml_node *chain[DEPTH_MAX + 1];
    size_t n = 0;
    struct buf text = {0};

    for (; node->parent; node = node->parent)
        chain[n++] = node;
    while (n-- > 0) {
        size_t index = 0;

        if (chain[n]->key) {
            buf_printf(&text, "%s%s", text.size ? "." : "", chain[n]->key);
            continue;
        }
        while (chain[n]->parent->child[index] != chain[n])
            index++;
        buf_printf(&text, "[%zu]", index);
    }
    (void)snprintf(place_text, PLACE_SIZE, "%s", buf_str(&text)); /* a long one is cut */
    buf_done(&text);
}

int yaml_check_keys(const struct yaml_node *mapping, const char *const *keys, size_t n_keys,
                    struct errctx *err)
{
    char where[PLACE_SIZE];

    place_of(mapping, where);
    if (mapping->kind != YAML_MAPPING)
        return yaml_complain(mapping, err, "%s%smust be a list of \"key: value\"", where,
                             *where ? ": " : "");
    for (size_t i = 0; i < mapping->n; i++) {
        const struct yaml_node *child = mapping->child[i];
        const char *near;
        bool known = false;

        for (size_t k = 0; k < n_keys && !known; k++)
            known = strcmp(child->key, keys[k]) == 0;
        if (known)
            continue;
        near = suggest_nearest(child->key, keys, n_keys);
        if (near)
            return complain(child->file, child->key_line, err,
                            "unknown key \"%s\"; did you mean \"%s\"?", child->key, near);
        return complain(child->file, child->key_line, err, "unknown key \"%s\"", child->key);
    }
    return 0;
}

static int wrong(const struct yaml_node *scalar, struct errctx *err, const char *what)
{
    char where[PLACE_SIZE];

    place_of(scalar, where);
    if (scalar->kind != YAML_SCALAR)
        return yaml_complain(scalar, err, "%s: %s was expected here", where, what);
    return yaml_complain(scalar, err, "%s: \"%s\" is not %s", where, scalar->text, what);
}

int yaml_to_number(const struct yaml_node *scalar, double min, double max, double *ret_value,
                   struct errctx *err)
{
    const char *text = yaml_text(scalar);
    char where[PLACE_SIZE];
    char *end;
    double value;

    /* strtod() also reads hexadecimal, "inf" and "nan"; nobody means those here. */
    if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return wrong(scalar, err, "a number");
    value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return wrong(scalar, err, "a number");
    if (value < min || value > max) {
        place_of(scalar, where);
        return yaml_complain(scalar, err, "%s: %s is not between %g and %g", where, text, min, max);
    }
    *ret_value = value;
    return 0;
}

int yaml_to_int(const struct yaml_node *scalar, int64_t min, int64_t max, int64_t *ret_value,
                struct errctx *err)
{
    const char *text = yaml_text(scalar);
    char where[PLACE_SIZE];
    char *end;
    long long value;

    if (*text == '\0' || strspn(text, "0123456789+-") != strlen(text))
        return wrong(scalar, err, "a whole number");
    errno = 0;
    value = strtoll(text, &end, 10);
    if (*end != '\0')
        return wrong(scalar, err, "a whole number");
    if (errno == ERANGE || value < min || value > max) {
        place_of(scalar, where);
        return yaml_complain(scalar, err, "%s: %s is not between %lld and %lld", where, text,
                             (long long)min, (long long)max);
    }
    *ret_value = value;
    return 0;
}

/* "a, b, c"; as many as a message has room for. */
static void list_words(const char *const *words, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (out->size + strlen(words[i]) > LIST_SIZE) {
            buf_append_str(out, " …");
            return;
        }
        buf_printf(out, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
}

/* The nearest right one comes first: a list may be long. `near` may be NULL. */
static int wrong_word(const struct yaml_node *scalar, struct errctx *err, const char *list,
                      const char *near)
{
    char where[PLACE_SIZE];

    place_of(scalar, where);
    if (scalar->kind != YAML_SCALAR)
        return yaml_complain(scalar, err, "%s: one of %s was expected here", where, list);
    if (near)
        return yaml_complain(scalar, err,
                             "%s: \"%s\" is not known; did you mean \"%s\"? There are %s", where,
                             scalar->text, near, list);
    return yaml_complain(scalar, err, "%s: \"%s\" is not one of %s", where, scalar->text, list);
}

int yaml_to_choice(const struct yaml_node *scalar, const char *const *valid, size_t n_valid,
                   size_t *ret_index, struct errctx *err)
{
    const char *text = yaml_text(scalar);
    struct buf list = {0};
    int r;

    for (size_t i = 0; i < n_valid; i++) {
        if (scalar->kind == YAML_SCALAR && strcmp(text, valid[i]) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    list_words(valid, n_valid, &list);
    r = wrong_word(scalar, err, buf_str(&list), suggest_nearest(text, valid, n_valid));
    buf_done(&list);
    return r;
}

int yaml_to_bool(const struct yaml_node *scalar, bool *ret_value, struct errctx *err)
{
    static const char *const words[] = {"false", "true"};
    size_t word = 0;
    int r = yaml_to_choice(scalar, words, sizeof words / sizeof *words, &word, err);

    if (r == 0)
        *ret_value = word == 1;
    return r;
}
