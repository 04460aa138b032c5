/* Versions: see the header. */
#include "harness/versions.h"

#include "servers/kind.h"
#include "version.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <isa-l.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <mysql.h>
#include <stdio.h>
#include <yaml.h>

#define LIBRARIES    8
#define VERSION_SIZE 32

struct library {
    const char *name;
    char version[VERSION_SIZE];
};

static void set(struct library *library, const char *name, const char *version)
{
    library->name = name;
    (void)snprintf(library->version, sizeof library->version, "%s", version);
}

static void find_libraries(struct library lib[LIBRARIES])
{
    int pq = PQlibVersion(); /* 150013 is 15.13 */

    lib[0].name = "libpq";
    (void)snprintf(lib[0].version, VERSION_SIZE, "%d.%d", pq / 10000, pq % 10000);
    set(&lib[1], "librdkafka", rd_kafka_version_str());
    set(&lib[2], "libevent", event_get_version());
    set(&lib[3], "jansson", jansson_version_str());
    set(&lib[4], "libyaml", yaml_get_version_string());
    lib[5].name = "hiredis";
    (void)snprintf(lib[5].version, VERSION_SIZE, "%d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR,
                   HIREDIS_PATCH);
    lib[6].name = "ISA-L";
    (void)snprintf(lib[6].version, VERSION_SIZE, "%d.%d.%d", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION,
                   ISAL_PATCH_VERSION);
    set(&lib[7], "libmariadb", mysql_get_client_info());
}

void versions_print(struct buf *out)
{
    struct library lib[LIBRARIES];

    find_libraries(lib);
    buf_append_str(out, "syncbed " SYNCBED_VERSION ", commit " SYNCBED_COMMIT "\nlibraries\n");
    for (unsigned i = 0; i < LIBRARIES; i++)
        buf_printf(out, "  %-14s %s\n", lib[i].name, lib[i].version);
    buf_append_str(out, "servers\n");
    for (unsigned i = 0; i < server_kind_count(); i++) {
        const struct server_kind *kind = server_kind_at(i);
        char version[SERVER_VERSION_SIZE];
        struct errctx err;

        if (kind->version(version, &err))
            buf_printf(out, "  %-14s not found: %s\n", kind->name, err.message);
        else
            buf_printf(out, "  %-14s %s\n", kind->name, version);
    }
}

static bool is_attached(const struct topology *attached, const struct server_kind *kind)
{
    if (!attached)
        return false;
    if (!kind->is_store)
        return attached->log.port > 0;
    for (unsigned i = 0; i < attached->n_stores; i++) {
        if (attached->store[i].kind == kind->store_kind)
            return true;
    }
    return false;
}

json_t *versions_to_json(const struct topology *attached)
{
    struct library lib[LIBRARIES];
    json_t *json = json_object();

    find_libraries(lib);
    for (unsigned i = 0; i < LIBRARIES; i++)
        json_object_set_new(json, lib[i].name, json_string(lib[i].version));
    for (unsigned i = 0; i < server_kind_count(); i++) {
        const struct server_kind *kind = server_kind_at(i);
        char version[SERVER_VERSION_SIZE];
        bool found = !is_attached(attached, kind) && kind->version(version, NULL) == 0;

        json_object_set_new(json, kind->name, found ? json_string(version) : json_null());
    }
    return json;
}
