/* syncbed: one executable with a verb per role; harness/verbs.c has the table. */
#include "harness/verbs.h"

int main(int argc, char **argv)
{
    return cli_main(&syncbed_cli, argc, (const char *const *)argv);
}
