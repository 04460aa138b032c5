/*
 * Kafka 4.3.1: one node, broker and controller (KRaft) in one JVM, from the jars that Maven brings
 * (./syncbed fetches them): SYNCBED_KAFKA_JARS, else /var/cache/syncbed/kafka-4.3.1 for root and
 * ~/.cache/syncbed/kafka-4.3.1 for others.
 *
 * Ready is what the broker says of itself: its line "Kafka Server started" stands behind its being
 * unfenced by the controller, where an open port alone comes seconds earlier; beside it each
 * listener must take a connection. After a SIGKILL the controller refuses the new incarnation
 * until the old one's session (3 s) is over, hence a restart of 4 to 5 s.
 */
#include "servers/kafka.h"

#include "model/address.h"
#include "servers/kind.h"
#include "servers/text_file.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VERSION      "4.3.1"
#define JARS_ENV     "SYNCBED_KAFKA_JARS"
#define JARS_ROOT    "/var/cache/syncbed/kafka-" VERSION
#define JARS_HOME    ".cache/syncbed/kafka-" VERSION
#define JAVA_PACKAGE "openjdk-17-jre-headless"
#define STARTED_LINE "Kafka Server started"

/* Any 16 bytes in base64; one broker alone has nobody to mix up its cluster with. */
#define CLUSTER_ID "c3luY2JlZC1jbHVzdGVyMQ"

enum listener { ADMIN, SERVE, SINK, LOAD, INTERNAL, CONTROLLER, LISTENERS };

unsigned kafka_listener(enum role_kind kind)
{
    switch (kind) {
    case ROLE_SERVE:
        return SERVE;
    case ROLE_SINK:
        return SINK;
    case ROLE_LOAD:
        return LOAD;
    case ROLE_KINDS:
        break;
    }
    return ADMIN;
}

static void jars_folder(char ret_path[PATH_MAX])
{
    const char *chosen = getenv(JARS_ENV);
    const char *home = getenv("HOME");

    if (chosen)
        (void)snprintf(ret_path, PATH_MAX, "%s", chosen);
    else if (geteuid() == 0 || !home)
        (void)snprintf(ret_path, PATH_MAX, "%s", JARS_ROOT);
    else
        (void)snprintf(ret_path, PATH_MAX, "%s/%s", home, JARS_HOME);
}

static int find_jars(char ret_folder[PATH_MAX], struct errctx *err)
{
    char jar[PATH_MAX + 64];

    jars_folder(ret_folder);
    (void)snprintf(jar, sizeof jar, "%s/kafka_2.13-" VERSION ".jar", ret_folder);
    if (access(jar, R_OK) == 0)
        return 0;
    return err_set(err, ENOENT, ERR_FATAL,
                   "no %s: Kafka's jars are missing (`./syncbed build` fetches them; " JARS_ENV
                   " names another folder)",
                   jar);
}

/*
 * Warnings, and when the broker has started. Exceptions on one line: what a message quotes of the
 * log has to hold the reason, not the end of a stack trace.
 */
static int write_logging(const struct server *server, struct errctx *err)
{
    return text_file_write(server->folder, "log4j2.properties",
                           "status = error\n"
                           "appender.out.type = Console\n"
                           "appender.out.name = out\n"
                           "appender.out.layout.type = PatternLayout\n"
                           "appender.out.layout.pattern = "
                           "[%%d] %%p %%m (%%c)%%notEmpty{ %%ex{short.message}}%%n\n"
                           "rootLogger.level = warn\n"
                           "rootLogger.appenderRef.out.ref = out\n"
                           "logger.server.name = kafka.server.KafkaRaftServer\n"
                           "logger.server.level = info\n",
                           err);
}

#define HOST "://127.0.0.1:%u"

static int write_settings(const struct server *server, struct errctx *err)
{
    const uint16_t *port = server->port;

    return text_file_write(
        server->folder, "server.properties",
        "process.roles=broker,controller\n"
        "node.id=1\n"
        "controller.quorum.voters=1@127.0.0.1:%u\n"
        "controller.listener.names=CONTROLLER\n"
        "inter.broker.listener.name=INTERNAL\n"
        "listeners=ADMIN" HOST ",SERVE" HOST ",SINK" HOST ",LOAD" HOST ",INTERNAL" HOST
        ",CONTROLLER" HOST "\n"
        "listener.security.protocol.map=ADMIN:PLAINTEXT,SERVE:PLAINTEXT,SINK:PLAINTEXT,"
        "LOAD:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
        "log.dirs=%s/data\n"
        "num.network.threads=2\n"
        "num.io.threads=4\n"
        "background.threads=2\n"
        "auto.create.topics.enable=false\n"
        "default.replication.factor=1\n"
        "offsets.topic.replication.factor=1\n"
        "offsets.topic.num.partitions=1\n"
        "transaction.state.log.replication.factor=1\n"
        "transaction.state.log.min.isr=1\n"
        "transaction.state.log.num.partitions=1\n"
        "share.coordinator.state.topic.replication.factor=1\n"
        "share.coordinator.state.topic.min.isr=1\n"
        "share.coordinator.state.topic.num.partitions=1\n"
        "group.initial.rebalance.delay.ms=0\n"
        "broker.session.timeout.ms=3000\n"
        "broker.heartbeat.interval.ms=500\n"
        "log.flush.interval.messages=1\n"
        "log.cleaner.dedupe.buffer.size=16777216\n",
        err, (unsigned)port[CONTROLLER], (unsigned)port[ADMIN], (unsigned)port[SERVE],
        (unsigned)port[SINK], (unsigned)port[LOAD], (unsigned)port[INTERNAL],
        (unsigned)port[CONTROLLER], server->folder);
}

static int kafka_configure(const struct server *server, struct errctx *err)
{
    char path[PATH_MAX];
    int r = find_jars(path, err);

    if (r == 0)
        r = program_find("java", NULL, NULL, JAVA_PACKAGE, path, err);
    if (r == 0)
        r = write_logging(server, err);
    return r < 0 ? r : write_settings(server, err);
}

/* -UsePerfData: a killed JVM would leave its file in /tmp. */
static void spawn_java(const struct server *server, struct spawn_plan *plan)
{
    char java[PATH_MAX], jars[PATH_MAX];

    /* kafka_configure() has looked before: a missing one is told by its failing to run. */
    if (program_find("java", NULL, NULL, JAVA_PACKAGE, java, NULL) < 0)
        (void)snprintf(java, sizeof java, "java");
    jars_folder(jars);
    spawn_arg(plan, "%s", java);
    spawn_arg(plan, "-XX:-UsePerfData");
    spawn_arg(plan, "-XX:+UseSerialGC");
    spawn_arg(plan, "-Dlog4j2.configurationFile=%s/log4j2.properties", server->folder);
    spawn_arg(plan, "-cp");
    spawn_arg(plan, "%s/*", jars);
}

static bool kafka_initialise(const struct server *server, unsigned step, struct spawn_plan *plan)
{
    if (step > 0)
        return false;
    spawn_java(server, plan);
    spawn_arg(plan, "-XX:TieredStopAtLevel=1"); /* a second's work: compiling it well never pays */
    spawn_arg(plan, "kafka.tools.StorageTool");
    spawn_arg(plan, "format");
    spawn_arg(plan, "--cluster-id");
    spawn_arg(plan, CLUSTER_ID);
    spawn_arg(plan, "--config");
    spawn_arg(plan, "%s/server.properties", server->folder);
    return true;
}

static void kafka_run(const struct server *server, struct spawn_plan *plan)
{
    spawn_java(server, plan);
    spawn_arg(plan, "-Xms512m");
    spawn_arg(plan, "-Xmx512m");
    spawn_arg(plan, "kafka.Kafka");
    spawn_arg(plan, "%s/server.properties", server->folder);
}

static bool accepts(uint16_t port)
{
    struct sockaddr_in address = address_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is;

    if (fd < 0)
        return false;
    is = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return is;
}

static enum probe kafka_probe(const struct server *server, struct spawn_plan *plan)
{
    (void)plan;
    if (!text_file_contains(server->log, server->log_from, STARTED_LINE))
        return PROBE_NOT_YET;
    for (unsigned i = 0; i < LISTENERS; i++) {
        if (!accepts(server->port[i]))
            return PROBE_NOT_YET;
    }
    return PROBE_READY;
}

/* Of the jars that would be run; starting a JVM to ask it would take half a second. */
static int kafka_version(char ret_version[SERVER_VERSION_SIZE], struct errctx *err)
{
    char path[PATH_MAX];
    int r = find_jars(path, err);

    if (r == 0)
        (void)snprintf(ret_version, SERVER_VERSION_SIZE, "%s", VERSION);
    return r;
}

const struct server_kind kafka_kind = {
    .name = "kafka",
    .stem = "kafka",
    .port_name = {"", "serve", "sink", "load", "internal", "controller", NULL},
    .term_signal = SIGTERM,
    .is_store = false,
    .configure = kafka_configure,
    .initialise = kafka_initialise,
    .run = kafka_run,
    .probe = kafka_probe,
    .release = NULL,
    .version = kafka_version,
};
