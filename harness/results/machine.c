/* This machine: see the header. */
#include "harness/results/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The rest of the first line that begins with `field`, without separators and quotes; or null. */
static json_t *find_field(const char *path, const char *field)
{
    json_t *found = json_null();
    FILE *file = fopen(path, "re");
    char line[512];

    while (file && fgets(line, sizeof line, file)) {
        char *value = line + strlen(field);

        if (strncmp(line, field, strlen(field)) != 0)
            continue;
        value += strspn(value, " \t:=\"");
        value[strcspn(value, "\"\n")] = '\0';
        found = json_string(value);
        break;
    }
    if (file)
        (void)fclose(file); /* was only read */
    return found;
}

static json_t *memory_mb(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);

    if (pages < 0 || page_size < 0)
        return json_null();
    return json_integer((json_int_t)pages / 1024 * (json_int_t)page_size / 1024);
}

json_t *machine_describe(void)
{
    json_t *json = json_object();
    struct utsname name;

    (void)json_object_set_new(json, "cpu", find_field("/proc/cpuinfo", "model name"));
    (void)json_object_set_new(json, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    (void)json_object_set_new(json, "memory_mb", memory_mb());
    (void)json_object_set_new(json, "os", find_field("/etc/os-release", "PRETTY_NAME"));
    (void)json_object_set_new(json, "kernel",
                              uname(&name) == 0 ? json_string(name.release) : json_null());
    return json;
}
