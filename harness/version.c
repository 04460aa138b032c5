/* --version: what this was built from, what it stands on, and the servers that it would start. */
#include "version.h"
#include "harness/verbs.h"
#include "servers/kind.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <yaml.h>

#if __has_include(<isa-l.h>)
#include <isa-l.h>
#else
#include <isa-l/isa-l.h>
#endif

static void print_libraries(struct buf *out)
{
    int pq = PQlibVersion(); /* 150013 is 15.13 */

    buf_append_str(out, "libraries\n");
    buf_printf(out, "  libpq       %d.%d\n", pq / 10000, pq % 10000);
    buf_printf(out, "  librdkafka  %s\n", rd_kafka_version_str());
    buf_printf(out, "  libevent    %s\n", event_get_version());
    buf_printf(out, "  jansson     %s\n", jansson_version_str());
    buf_printf(out, "  libyaml     %s\n", yaml_get_version_string());
    buf_printf(out, "  hiredis     %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    buf_printf(out, "  ISA-L       %d.%d.%d\n", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION,
               ISAL_PATCH_VERSION);
}

/* A server that is not installed says what is missing. */
static void print_servers(struct buf *out)
{
    buf_append_str(out, "servers\n");
    for (unsigned i = 0; i < server_kind_count(); i++) {
        const struct server_kind *kind = server_kind_at(i);
        char version[SERVER_VERSION_SIZE];
        struct errctx err;

        if (kind->version(version, &err))
            buf_printf(out, "  %-11s not found: %s\n", kind->name, err.message);
        else
            buf_printf(out, "  %-11s %s\n", kind->name, version);
    }
}

void version_print(struct buf *out)
{
    buf_append_str(out, "syncbed " SYNCBED_VERSION ", commit " SYNCBED_COMMIT "\n");
    print_libraries(out);
    print_servers(out);
}
