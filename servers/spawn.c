/* Executing programs as children: see the header. */
#include "servers/spawn.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SERVER_USER "nobody"

static char *text_of(const char *fmt, va_list ap)
{
    char *text;

    if (vasprintf(&text, fmt, ap) < 0)
        text = mem_strdup(""); /* memory is gone: this ends the process */
    return text;
}

char *spawn_text(const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = text_of(fmt, ap);
    va_end(ap);
    return text;
}

void spawn_arg(struct spawn_plan *plan, const char *fmt, ...)
{
    va_list ap;

    assert(plan->n_args < SPAWN_ARGS_MAX);
    va_start(ap, fmt);
    plan->argv[plan->n_args++] = text_of(fmt, ap);
    va_end(ap);
}

void spawn_done(struct spawn_plan *plan)
{
    for (unsigned i = 0; i < plan->n_args; i++)
        free(plan->argv[i]);
    free(plan->program);
    free(plan->folder);
    free(plan->input);
    free(plan->output);
    free(plan->mark);
    *plan = (struct spawn_plan){0};
}

int server_user(uid_t *ret_uid, gid_t *ret_gid, struct errctx *err)
{
    const struct passwd *user;

    if (geteuid() != 0) {
        *ret_uid = geteuid();
        *ret_gid = getegid();
        return 0;
    }
    user = getpwnam(SERVER_USER);
    if (!user)
        return err_set(err, ENOENT, ERR_FATAL,
                       "servers must not run as root, and there is no user " SERVER_USER);
    *ret_uid = user->pw_uid;
    *ret_gid = user->pw_gid;
    return 0;
}

static int drop_privileges(uid_t uid, gid_t gid)
{
    if (geteuid() == uid)
        return 0;
    if (initgroups(SERVER_USER, gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
        return -errno;
    return 0;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL); /* fails for SIGKILL and SIGSTOP only */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_environment(const struct spawn_plan *plan)
{
    if (plan->is_server && (clearenv() != 0 || setenv("PATH", "/usr/bin:/bin", 1) < 0 ||
                            setenv("HOME", plan->folder ? plan->folder : "/", 1) < 0 ||
                            setenv("LC_ALL", "C.UTF-8", 1) < 0))
        return -1;
    return plan->mark ? setenv(SPAWN_MARK, plan->mark, 1) : 0;
}

struct files {
    int in, out, err; /* out may be a pipe's write end */
};

static _Noreturn void give_up(const char *what, const char *name)
{
    (void)dprintf(STDERR_FILENO, "%s %s: %s\n", what, name, strerror(errno));
    _exit(127);
}

/* In the child. Credentials go first: changing them clears the parent-death signal. */
static _Noreturn void become(const struct spawn_plan *plan, const struct files *files, uid_t uid,
                             gid_t gid, pid_t keeper)
{
    const char *program = plan->program ? plan->program : plan->argv[0];
    const char *folder = plan->folder ? plan->folder : "/";
    int r = 0;

    reset_signals();
    (void)setsid(); /* a new child is no group leader: cannot fail */
    if (dup2(files->in, STDIN_FILENO) < 0 || dup2(files->out, STDOUT_FILENO) < 0 ||
        dup2(files->err, STDERR_FILENO) < 0)
        _exit(127);
    if (plan->is_server)
        r = drop_privileges(uid, gid);
    if (r < 0)
        give_up("cannot become", SERVER_USER);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != keeper)
        _exit(127); /* the keeper is gone already */
    if (chdir(folder) < 0)
        give_up("cannot enter", folder);
    if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
        give_up("cannot close descriptors for", program);
    if (set_environment(plan) < 0)
        give_up("cannot set the environment of", program);
    (void)execv(program, plan->argv);
    give_up("cannot run", program);
}

static int open_files(const struct spawn_plan *plan, struct files *ret, struct errctx *err)
{
    const char *input = plan->input ? plan->input : "/dev/null";

    ret->in = open(input, O_RDONLY | O_CLOEXEC);
    if (ret->in < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", input, strerror(errno));
    ret->err = open(plan->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (ret->err < 0)
        return err_set(err, errno, ERR_FATAL, "%s: %s", plan->output, strerror(errno));
    ret->out = ret->err;
    return 0;
}

static void close_files(const struct files *files)
{
    if (files->in >= 0)
        (void)close(files->in);
    if (files->out >= 0 && files->out != files->err)
        (void)close(files->out);
    if (files->err >= 0)
        (void)close(files->err);
}

static int make_pipe(struct files *files, int *ret_end, struct errctx *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, errno, ERR_FATAL, "pipe: %s", strerror(errno));
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK); /* ours only: the child's writes may block */
    *ret_end = ends[0];
    files->out = ends[1];
    return 0;
}

int spawn_child(const struct spawn_plan *plan, int *ret_stdout, pid_t *ret_pid, struct errctx *err)
{
    struct files files = {-1, -1, -1};
    pid_t keeper = getpid(), pid;
    int end = -1;
    uid_t uid = 0;
    gid_t gid = 0;
    int r;

    assert(plan->n_args > 0);
    assert(plan->output);
    r = server_user(&uid, &gid, err);
    if (r < 0)
        return r;
    r = open_files(plan, &files, err);
    if (r == 0 && ret_stdout)
        r = make_pipe(&files, &end, err);
    if (r < 0)
        goto out;
    pid = fork();
    if (pid == 0)
        become(plan, &files, uid, gid, keeper);
    if (pid < 0) {
        r = err_set(err, errno, ERR_FATAL, "fork: %s", strerror(errno));
        goto out;
    }
    *ret_pid = pid;
    if (ret_stdout)
        *ret_stdout = end;
    end = -1;
out:
    if (end >= 0)
        (void)close(end);
    close_files(&files);
    return r;
}

char *program_self(void)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

    path[size > 0 ? size : 0] = '\0';
    /* Replaced since, by a new build: its link says " (deleted)", but still leads to the old one.
     */
    return mem_strdup(access(path, X_OK) == 0 ? path : "/proc/self/exe");
}

static bool try_path(const char *folder, size_t size, const char *name, char *ret_path)
{
    int n = snprintf(ret_path, PATH_MAX, "%.*s/%s", (int)size, folder, name);

    return n > 0 && n < PATH_MAX && access(ret_path, X_OK) == 0;
}

int program_find(const char *name, const char *env, const char *folder, const char *package,
                 char *ret_path, struct errctx *err)
{
    const char *chosen = env ? getenv(env) : NULL;
    const char *search = chosen ? chosen : folder;

    if (!search)
        search = getenv("PATH");
    if (!search)
        search = "/usr/bin:/bin";
    for (const char *at = search; *at;) {
        size_t size = strcspn(at, ":");

        if (size > 0 && try_path(at, size, name, ret_path))
            return 0;
        at += size;
        at += *at == ':';
    }
    return err_set(err, ENOENT, ERR_FATAL, "no %s in %s: install the Debian package %s", name,
                   search, package);
}
