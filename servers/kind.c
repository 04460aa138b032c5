/* The table of server kinds: see the header. */
#include "servers/kind.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct server_kind *const table[] = {&postgres_kind, &mariadb_kind,
                                                  &mariadb_binlog_kind, &redis_kind, &kafka_kind};

unsigned server_kind_count(void)
{
    return sizeof table / sizeof table[0];
}

const struct server_kind *server_kind_at(unsigned i)
{
    return table[i];
}

const struct server_kind *server_kind_of(const char *instance)
{
    for (unsigned i = 0; i < server_kind_count(); i++) {
        size_t size = strlen(table[i]->stem);

        if (strncmp(instance, table[i]->stem, size) == 0 &&
            strspn(instance + size, "0123456789") == strlen(instance + size))
            return table[i];
    }
    return NULL;
}

void server_kinds_release(const char *keeper_folder)
{
    DIR *dir = opendir(keeper_folder);
    const struct dirent *entry;
    char path[PATH_MAX];

    while (dir && (entry = readdir(dir))) {
        const struct server_kind *kind = server_kind_of(entry->d_name);

        if (kind && kind->release &&
            snprintf(path, sizeof path, "%s/%s", keeper_folder, entry->d_name) < (int)sizeof path)
            kind->release(path);
    }
    if (dir)
        (void)closedir(dir);
}

int server_ask_version(const char *program, char ret_version[SERVER_VERSION_SIZE],
                       struct errctx *err)
{
    char command[PATH_MAX + 16], line[256] = "";
    char *word, *rest;
    FILE *output;

    (void)snprintf(command, sizeof command, "'%s' --version", program);
    output = popen(command, "re");
    if (!output)
        return err_set(err, errno, ERR_ABORT, "%s: %s", command, strerror(errno));
    if (!fgets(line, sizeof line, output))
        line[0] = '\0';
    (void)pclose(output); /* what it printed is all that counts */
    for (word = strtok_r(line, " =\n", &rest); word; word = strtok_r(NULL, " =\n", &rest)) {
        if (isdigit((unsigned char)word[0])) {
            (void)snprintf(ret_version, SERVER_VERSION_SIZE, "%s", word);
            return 0;
        }
    }
    return err_set(err, EPROTO, ERR_ABORT, "%s: printed no version", command);
}
