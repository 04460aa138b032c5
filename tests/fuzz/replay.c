/* A fuzz target without libFuzzer: tries each file that is named, or found in a named folder. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1U << 20)

static unsigned n_tried;

static void try_file(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *file = fopen(path, "rbe");
    uint8_t *exact;
    size_t size;

    if (!file) {
        perror(path);
        exit(1);
    }
    size = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    exact = malloc(size ? size : 1); /* a block of its own size, so that reading past it is seen */
    if (!exact)
        abort();
    for (size_t i = 0; i < size; i++)
        exact[i] = data[i];
    (void)LLVMFuzzerTestOneInput(exact, size); /* what is wrong aborts */
    free(exact);
    n_tried++;
}

static void try_folder(const char *path, DIR *dir)
{
    const struct dirent *entry;
    char name[PATH_MAX];

    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name)
            try_file(name);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);

        if (dir) {
            try_folder(argv[i], dir);
            (void)closedir(dir);
        } else {
            try_file(argv[i]);
        }
    }
    (void)printf("%u inputs tried\n", n_tried);
    return n_tried > 0 ? 0 : 1;
}
