/*
 * Real servers under the keeper: PostgreSQL twice, Redis and Kafka, killed, paused and restarted.
 * This program is also the keeper it starts, and an owner that is killed.
 *
 * Folder: servers
 */
#include "base/buf.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "keeper_fixture.h"

static const char *const names[] = {"pg1", "pg2", "redis", "kafka"};
#define N_NAMES (sizeof names / sizeof names[0])

static struct event_base *base;
static struct keeper *keeper;

static int set_up(void **state)
{
    (void)state;
    if (fixture_make_place() < 0)
        return -1;
    base = loop_new();
    if (keeper_start(base, KEEPER_OF_CALLER, NULL, NULL, &keeper, &err) == 0 &&
        keeper_servers_up(keeper, names, N_NAMES, &err) == 0)
        return 0;
    print_error("%s\n", err.message);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    keeper_free(keeper);
    event_base_free(base);
    return file_remove_tree(fixture_place, NULL);
}

/* Run a command; what it says, without the last newline. */
__attribute__((format(printf, 1, 2))) static const char *said(const char *fmt, ...)
{
    static char text[16384];
    char command[1024];
    va_list ap;
    FILE *pipe;
    size_t n;

    va_start(ap, fmt);
    (void)vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    pipe = popen(command, "re");
    assert_non_null(pipe);
    n = fread(text, 1, sizeof text - 1, pipe);
    (void)pclose(pipe);
    text[n] = '\0';
    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = '\0';
    return text;
}

static const char *sql(const char *name, const char *statement)
{
    return said("PGCONNECT_TIMEOUT=2 psql -h 127.0.0.1 -p %s -U syncbed -d syncbed -qAt -c \"%s\" "
                "2>&1",
                fixture_field(keeper, name, "port"), statement);
}

static const char *redis(const char *command)
{
    return said("redis-cli -h 127.0.0.1 -p %s %s 2>&1", fixture_field(keeper, "redis", "port"),
                command);
}

static uid_t owner_of(const char *name)
{
    char path[64];
    struct stat st;

    (void)snprintf(path, sizeof path, "/proc/%s", fixture_field(keeper, name, "pid"));
    assert_int_equal(stat(path, &st), 0);
    return st.st_uid;
}

static void all_are_ready_and_none_is_root(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_NAMES; i++) {
        assert_string_equal(fixture_field(keeper, names[i], "state"), "ready");
        assert_true(atoi(fixture_field(keeper, names[i], "rss_kb")) > 1000);
        assert_int_not_equal(owner_of(names[i]), 0);
    }
}

static void the_topology_names_all(void **state)
{
    struct topology *t = calloc(1, sizeof *t);

    (void)state;
    assert_non_null(t);
    must(keeper_topology(keeper, t, &err));
    assert_int_equal(t->n_stores, 3);
    assert_string_equal(t->store[0].name, "pg1");
    assert_int_equal(t->store[0].kind, STORE_POSTGRES);
    assert_string_equal(t->store[0].database, "syncbed");
    assert_string_equal(t->store[2].name, "redis");
    assert_int_equal(t->store[2].kind, STORE_REDIS);
    assert_int_equal(t->log.port, atoi(fixture_field(keeper, "kafka", "port")));
    free(t);
}

static void each_is_set_as_durability_demands(void **state)
{
    (void)state;
    assert_string_equal(
        sql("pg1", "select string_agg(setting, ' ' order by name) from pg_settings where name in "
                   "('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', "
                   "'max_prepared_transactions')"),
        "on on 200 on fdatasync");
    assert_string_equal(redis("config get appendfsync"), "appendfsync\nalways");
    assert_string_equal(redis("config get appendonly"), "appendonly\nyes");
    assert_string_equal(redis("config get save"), "save\n");
}

/* Whoever comes in by a role's listener is sent on to that listener, and to no other. */
static void each_listener_of_kafka_advertises_itself(void **state)
{
    char expected[64];

    (void)state;
    for (enum role_kind kind = ROLE_SERVE; kind < ROLE_KINDS; kind++) {
        struct address address;

        must(keeper_log_address(keeper, kind, &address, &err));
        (void)snprintf(expected, sizeof expected, "at 127.0.0.1:%u ", (unsigned)address.port);
        assert_non_null(strstr(said("kcat -L -b 127.0.0.1:%u", (unsigned)address.port), expected));
    }
}

/* Somebody took the port between its being chosen and the server's start: another one is used. */
static void a_server_whose_port_was_taken_listens_at_another(void **state)
{
    const char *const late[] = {"pg7", "redis7"};
    const int on = 1; /* the remains of an earlier test's connections are nobody's */
    int listener[2];
    uint16_t taken[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        must(keeper_port(keeper, late[i], &taken[i], &err));
        address.sin_port = htons(taken[i]);
        listener[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(setsockopt(listener[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
        assert_int_equal(bind(listener[i], (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(listener[i], 1), 0);
    }
    must(keeper_servers_up(keeper, late, 2, &err));
    for (unsigned i = 0; i < 2; i++) {
        uint16_t now;

        must(keeper_port(keeper, late[i], &now, &err));
        assert_int_not_equal(now, taken[i]);
        assert_int_equal(atoi(fixture_field(keeper, late[i], "port")), now);
        must(keeper_signal(keeper, late[i], KEEPER_KILL, &err));
        (void)close(listener[i]);
    }
    must(keeper_restart(keeper, "pg7", &err)); /* others know its port by now */
    assert_int_not_equal(atoi(fixture_field(keeper, "pg7", "port")), taken[0]);
    must(keeper_signal(keeper, "pg7", KEEPER_TERM, &err));
}

static void a_killed_postgres_comes_back_with_its_data(void **state)
{
    char port[16], mark[PATH_MAX];
    struct tree tree = {.mark = mark};

    (void)state;
    (void)snprintf(port, sizeof port, "%s", fixture_field(keeper, "pg2", "port"));
    fixture_mark(keeper, mark);
    (void)snprintf(mark + strlen(mark), sizeof mark - strlen(mark), "pg2");
    assert_string_equal(sql("pg2", "create table t as select 17 as x"), "");
    assert_string_equal(sql("pg2", "begin; insert into t values (18); prepare transaction 'p'"),
                        "");
    assert_true(tree_signal(&tree, 0) >= 5); /* postmaster, checkpointer, writers, launchers */
    must(keeper_signal(keeper, "pg2", KEEPER_KILL, &err));
    assert_false(tree_alive(&tree));
    assert_string_equal(sql("pg1", "select 1"), "1");
    must(keeper_restart(keeper, "pg2", &err));
    assert_string_equal(fixture_field(keeper, "pg2", "port"), port);
    assert_string_equal(sql("pg2", "select x from t"), "17");
    assert_string_equal(sql("pg2", "select gid from pg_prepared_xacts"), "p");
    assert_string_equal(sql("pg2", "rollback prepared 'p'"), "");
}

static void a_postgres_asked_to_end_does_not_wait_for_its_clients(void **state)
{
    char command[256];
    FILE *client; /* its session stays open as long as its standard input */

    (void)state;
    (void)snprintf(command, sizeof command,
                   "exec psql -h 127.0.0.1 -p %s -U syncbed -q >/dev/null 2>&1",
                   fixture_field(keeper, "pg2", "port"));
    client = popen(command, "we");
    assert_non_null(client);
    while (atoi(sql("pg2", "select count(*) from pg_stat_activity where application_name = "
                           "'psql' and pid <> pg_backend_pid()")) == 0) {
        /* not connected yet */
    }
    must(keeper_signal(keeper, "pg2", KEEPER_TERM, &err));
    (void)pclose(client);
    must(keeper_restart(keeper, "pg2", &err));
    assert_string_equal(sql("pg2", "select x from t"), "17");
}

static void a_paused_postgres_answers_when_it_is_continued(void **state)
{
    (void)state;
    must(keeper_signal(keeper, "pg1", KEEPER_PAUSE, &err));
    assert_non_null(strstr(sql("pg1", "select 1"), "timeout expired"));
    must(keeper_signal(keeper, "pg1", KEEPER_CONTINUE, &err));
    assert_string_equal(sql("pg1", "select 1"), "1");
}

static void a_killed_redis_comes_back_with_its_data(void **state)
{
    (void)state;
    assert_string_equal(redis("set k v"), "OK");
    must(keeper_signal(keeper, "redis", KEEPER_KILL, &err));
    must(keeper_restart(keeper, "redis", &err));
    assert_string_equal(redis("get k"), "v");
}

static void a_killed_kafka_comes_back(void **state)
{
    (void)state;
    must(keeper_signal(keeper, "kafka", KEEPER_KILL, &err));
    must(keeper_restart(keeper, "kafka", &err));
    each_listener_of_kafka_advertises_itself(state);
}

static void a_server_that_cannot_start_is_quoted(void **state)
{
    char path[PATH_MAX];
    FILE *file;

    (void)state;
    fixture_mark(keeper, path);
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), "pg2/postgresql.conf");
    must(keeper_signal(keeper, "pg2", KEEPER_KILL, &err));
    file = fopen(path, "ae");
    assert_non_null(file);
    (void)fprintf(file, "no_such_setting = on\n");
    (void)fclose(file);
    assert_true(keeper_restart(keeper, "pg2", &err) < 0);
    assert_non_null(strstr(err.message, "pg2 ended with status 1 before it was ready"));
    assert_non_null(strstr(err.message, "unrecognized configuration parameter"));
    assert_string_equal(fixture_field(keeper, "pg2", "state"), "failed");
}

static bool is_free(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    bool is = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    (void)close(fd);
    return is;
}

/* What an owner says once its servers are up. */
struct told {
    char mark[PATH_MAX];
    int port;
};

static pid_t start_owner(struct told *ret_told)
{
    int line[2];
    pid_t pid;

    assert_int_equal(pipe(line), 0);
    pid = fork();
    if (pid == 0) {
        (void)dup2(line[1], STDOUT_FILENO);
        (void)close(line[0]);
        (void)close(line[1]);
        (void)execl("/proc/self/exe", "syncbed", "owner", (char *)NULL);
        _exit(127);
    }
    (void)close(line[1]);
    assert_int_equal(read(line[0], ret_told, sizeof *ret_told), sizeof *ret_told);
    (void)close(line[0]);
    return pid;
}

static int be_owner(void)
{
    const char *const few[] = {"pg1", "redis"};
    struct told told = {0};
    uint16_t port;

    base = loop_new();
    if (keeper_start(base, KEEPER_OF_CALLER, NULL, NULL, &keeper, &err) < 0 ||
        keeper_servers_up(keeper, few, 2, &err) < 0 || keeper_port(keeper, "pg1", &port, &err) < 0)
        return 1;
    fixture_mark(keeper, told.mark);
    told.port = port;
    if (write(STDOUT_FILENO, &told, sizeof told) != sizeof told)
        return 1;
    return loop_for(base, 3600 * US_PER_S);
}

/* Beside the other keeper of this test, which is not disturbed. */
static void a_killed_owner_leaves_no_server(void **state)
{
    struct told told;
    pid_t pid = start_owner(&told);

    (void)state;
    assert_int_not_equal(told.port, atoi(fixture_field(keeper, "pg1", "port")));
    assert_false(is_free((uint16_t)told.port));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    fixture_await(fixture_is_gone, told.mark, "the end of a killed owner's servers");
    assert_true(is_free((uint16_t)told.port));
    assert_string_equal(sql("pg1", "select 1"), "1");
}

static bool has_ended(const void *mark)
{
    const struct tree tree = {.mark = mark};

    return !tree_alive(&tree);
}

/* Killed together, keeper first: what is left on disk goes when the next keeper starts. */
static void a_killed_keeper_leaves_no_server(void **state)
{
    struct told told;
    pid_t pid = start_owner(&told);
    struct keeper *next = NULL;
    const char *of_keeper;

    (void)state;
    of_keeper = said("ps -o ppid= -p $(head -1 %spg1/data/postmaster.pid)", told.mark);
    assert_int_equal(kill(atoi(of_keeper), SIGKILL), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    fixture_await(has_ended, told.mark, "the end of a killed keeper's servers");
    assert_int_equal(access(told.mark, F_OK), 0);
    next = fixture_keeper(base, NULL, NULL);
    assert_true(fixture_is_gone(told.mark));
    keeper_free(next);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_ready_and_none_is_root),
        cmocka_unit_test(the_topology_names_all),
        cmocka_unit_test(each_is_set_as_durability_demands),
        cmocka_unit_test(each_listener_of_kafka_advertises_itself),
        cmocka_unit_test(a_server_whose_port_was_taken_listens_at_another),
        cmocka_unit_test(a_killed_postgres_comes_back_with_its_data),
        cmocka_unit_test(a_postgres_asked_to_end_does_not_wait_for_its_clients),
        cmocka_unit_test(a_paused_postgres_answers_when_it_is_continued),
        cmocka_unit_test(a_killed_redis_comes_back_with_its_data),
        cmocka_unit_test(a_killed_kafka_comes_back),
        cmocka_unit_test(a_server_that_cannot_start_is_quoted),
        cmocka_unit_test(a_killed_owner_leaves_no_server),
        cmocka_unit_test(a_killed_keeper_leaves_no_server),
    };

    if (argc > 1 && strcmp(argv[1], KEEPER_VERB) == 0)
        return keeper_main(argc > 2);
    if (argc > 1 && strcmp(argv[1], "owner") == 0)
        return be_owner();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
