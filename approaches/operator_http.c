/* The operator's side of a front door over HTTP: see the header. */
#include "approaches/operator_http.h"

#include "base/mem.h"
#include "model/token.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#define BODY_MAX    (64 * 1024)
#define HEADERS_MAX (8 * 1024)
#define TIMEOUT_S   30 /* of a client that says nothing, or reads nothing */
#define BEARER      "Bearer "

/* A request on its way through the approach. */
struct http_call {
    struct operator_http *http; /* NULL: it is gone, and with it the request */
    struct evhttp_request *request;
    const char *content_type;
    struct http_call *prev, *next;
};

struct operator_http {
    struct operator_http_options options;
    struct evhttp *server;
    uint16_t port;
    struct http_call *calls;
};

/* --- answers ---------------------------------------------------------------------------------- */

static void send_body(struct evhttp_request *request, int status, const char *content_type,
                      const char *body, size_t size)
{
    struct evbuffer *out = evbuffer_new();
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    assert(out);
    (void)evbuffer_add(out, body, size); /* these fail when memory is gone only */
    (void)evhttp_add_header(headers, "Content-Type", content_type);
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_send_reply(request, status, NULL, out);
    evbuffer_free(out);
}

static void refuse(struct evhttp_request *request, int status, const char *why)
{
    json_t *json = json_pack("{s:s}", "error", why);
    char *text = json_dumps(json, JSON_COMPACT);

    if (status == 401)
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate",
                                "Bearer");
    send_body(request, status, "application/json", text, strlen(text));
    free(text);
    json_decref(json);
}

static void operated(void *arg, int status, const struct buf *body)
{
    struct http_call *call = arg;

    if (call->http) {
        send_body(call->request, status, call->content_type, body->data, body->size);
        DL_DELETE(call->http->calls, call);
    }
    free(call);
}

static void operate(struct operator_http *http, struct evhttp_request *request,
                    const struct operate *what)
{
    struct http_call *call = mem_alloc(sizeof *call);

    call->http = http;
    call->request = request;
    call->content_type =
        what->verb == OPERATE_METRICS ? "text/plain; version=0.0.4" : "application/json";
    DL_APPEND(http->calls, call);
    http->options.approach->operate(http->options.self, what, operated, call);
}

/* --- requests --------------------------------------------------------------------------------- */

static bool knows_token(const struct operator_http *http, struct evhttp_request *request)
{
    const char *said =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");

    return said && strncmp(said, BEARER, strlen(BEARER)) == 0 &&
           token_is(said + strlen(BEARER), http->options.token);
}

/* NULL: the body is no JSON object. */
static json_t *read_body(struct evhttp_request *request)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(in);
    json_t *json = json_loadb((const char *)evbuffer_pullup(in, -1), size, 0, NULL);

    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

static void settle(struct operator_http *http, struct evhttp_request *request, const json_t *body)
{
    const char *outcome = json_string_value(json_object_get(body, "outcome"));
    const struct operate what = {
        .verb = OPERATE_SETTLE,
        .name = json_string_value(json_object_get(body, "name")),
        .commit = outcome && strcmp(outcome, "commit") == 0,
        .store = json_string_value(json_object_get(body, "store")),
        .yes = json_is_true(json_object_get(body, "yes")),
    };

    if (!what.name || !outcome || (!what.commit && strcmp(outcome, "rollback") != 0))
        refuse(request, 400, "name, and outcome: commit or rollback");
    else
        operate(http, request, &what);
}

static void forget(struct operator_http *http, struct evhttp_request *request, const json_t *body)
{
    const struct operate what = {.verb = OPERATE_FORGET,
                                 .name = json_string_value(json_object_get(body, "name"))};

    if (!what.name)
        refuse(request, 400, "name: a gid or a request");
    else
        operate(http, request, &what);
}

static void look(struct operator_http *http, struct evhttp_request *request, const json_t *body)
{
    (void)body;
    operate(http, request, &(struct operate){.verb = OPERATE_LOOK});
}

static void metrics(struct operator_http *http, struct evhttp_request *request, const json_t *body)
{
    (void)body;
    operate(http, request, &(struct operate){.verb = OPERATE_METRICS});
}

static const struct route {
    const char *path;
    enum evhttp_cmd_type method;
    void (*serve)(struct operator_http *http, struct evhttp_request *request, const json_t *body);
} routes[] = {
    {"/in-doubt", EVHTTP_REQ_GET, look},
    {"/metrics", EVHTTP_REQ_GET, metrics},
    {"/settle", EVHTTP_REQ_POST, settle},
    {"/forget", EVHTTP_REQ_POST, forget},
};

static const struct route *find_route(struct evhttp_request *request)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));

    for (size_t i = 0; path && i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    }
    return NULL;
}

static void serve(struct operator_http *http, struct evhttp_request *request,
                  const struct route *route)
{
    json_t *body = NULL;

    if (route->method == EVHTTP_REQ_POST) {
        body = read_body(request);
        if (!body) {
            refuse(request, 400, "the body is no JSON object");
            return;
        }
    }
    route->serve(http, request, body);
    json_decref(body);
}

/* Who does not know the token is not told what there is. */
static void on_request(struct evhttp_request *request, void *arg)
{
    struct operator_http *http = arg;
    const struct route *route = find_route(request);

    if (!knows_token(http, request))
        refuse(request, 401, "Authorization: Bearer TOKEN, see --http-token-file");
    else if (!route)
        refuse(request, 404, "/in-doubt, /metrics, /settle, /forget");
    else if (evhttp_request_get_command(request) != route->method)
        refuse(request, 405, route->method == EVHTTP_REQ_GET ? "GET" : "POST");
    else
        serve(http, request, route);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int bind_port(struct operator_http *http, struct errctx *err)
{
    struct evhttp_bound_socket *bound;
    struct sockaddr_in at;
    socklen_t size = sizeof at;

    bound = evhttp_bind_socket_with_handle(http->server, "127.0.0.1", http->options.port);
    if (!bound)
        return err_set(err, errno ? errno : EADDRINUSE, ERR_FATAL, "--http %u: %s",
                       http->options.port, strerror(errno));
    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &size) < 0)
        return err_set(err, errno, ERR_FATAL, "--http: %s", strerror(errno));
    http->port = ntohs(at.sin_port);
    return 0;
}

int operator_http_open(const struct operator_http_options *options, struct operator_http **ret_http,
                       struct errctx *err)
{
    struct operator_http *http;
    int rc;

    if (!options->approach->operate)
        return err_set(err, ENOTSUP, ERR_ABORT, "--http: nothing is ever in doubt under %s",
                       options->approach->name);
    http = mem_alloc(sizeof *http);
    http->options = *options;
    http->server = evhttp_new(options->base);
    assert(http->server);
    evhttp_set_max_body_size(http->server, BODY_MAX);
    evhttp_set_max_headers_size(http->server, HEADERS_MAX);
    evhttp_set_timeout(http->server, TIMEOUT_S);
    evhttp_set_allowed_methods(http->server, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    evhttp_set_gencb(http->server, on_request, http);
    rc = bind_port(http, err);
    if (rc) {
        operator_http_free(http);
        return rc;
    }
    *ret_http = http;
    return 0;
}

uint16_t operator_http_port(const struct operator_http *http)
{
    return http->port;
}

void operator_http_free(struct operator_http *http)
{
    struct http_call *call;

    if (!http)
        return;
    DL_FOREACH (http->calls, call)
        call->http = NULL; /* freed when its answer comes, at the latest as the stores close */
    evhttp_free(http->server);
    free(http);
}
