/* A real erl behind a pipe; see oracle.h. Blocking, with a deadline for each answer. */
#include "oracle.h"

#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 30000

/* GC_ERL: another one, perhaps a script that enters the root of another release. */
static const char *erl(void)
{
	static const char *const paths[] = {"/usr/bin/erl", "/usr/local/bin/erl", NULL};

	return getenv("GC_ERL") ? getenv("GC_ERL") : first_executable(paths);
}

bool oracle_found(void)
{
	return erl() != NULL;
}

static _Noreturn void exec_erl(const char *dir, int in, int out, pid_t parent)
{
	const char *src = getenv("GC_SRCDIR");
	char eval[1024];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	dup2(in, 0);
	dup2(out, 1);
	setenv("HOME", dir, 1);
	setenv("ERL_CRASH_DUMP", "/dev/null", 1);
	(void)snprintf(eval, sizeof(eval),
		       "{ok,M,B}=compile:file(\"%s/test/support/oracle.erl\",[binary,report]),"
		       "{module,M}=code:load_binary(M,\"oracle\",B),M:start(\"%s\").",
		       src ? src : ".", dir);
	execl(erl(), "erl", "-noinput", "+pc", "unicode", "-eval", eval, (char *)NULL);
	_exit(127);
}

static bool open_pipe(int fds[2])
{
	return pipe(fds) == 0 && fcntl(fds[0], F_SETFD, FD_CLOEXEC) == 0 &&
	       fcntl(fds[1], F_SETFD, FD_CLOEXEC) == 0;
}

bool oracle_start(struct oracle *o)
{
	int in[2], out[2];
	pid_t parent = getpid();

	*o = (struct oracle){.dir = "/tmp/gc_oracle_XXXXXX"};
	if (!mkdtemp(o->dir) || !open_pipe(in) || !open_pipe(out))
		return false;
	o->pid = fork();
	if (o->pid == 0)
		exec_erl(o->dir, in[0], out[1], parent);
	close(in[0]);
	close(out[1]);
	o->to = in[1];
	o->from = out[0];
	return o->pid > 0;
}

static bool write_all(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool read_all(int fd, void *p, size_t len)
{
	char *at = p;

	while (len > 0) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		ssize_t n = poll(&ready, 1, DEADLINE_MS) == 1 ? read(fd, at, len) : 0;
		if (n <= 0) {
			fprintf(stderr, "erl does not answer\n");
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool oracle_ask(struct oracle *o, char letter, const void *arg, size_t len)
{
	uint32_t n = (uint32_t)len + 1;
	uint8_t head[5] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n,
			   (uint8_t)letter};

	if (!write_all(o->to, head, 5) || !write_all(o->to, arg, len) ||
	    !read_all(o->from, head, 4))
		return false;
	o->answer_len =
	    (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	free(o->answer);
	o->answer = malloc(o->answer_len + 1);
	return o->answer && read_all(o->from, o->answer, o->answer_len);
}

void oracle_stop(struct oracle *o)
{
	char file[48];

	close(o->to); /* its end of file */
	close(o->from);
	if (o->pid > 0) {
		kill(o->pid, SIGKILL);
		waitpid(o->pid, NULL, 0);
	}
	(void)snprintf(file, sizeof(file), "%s/text", o->dir);
	(void)unlink(file);
	(void)rmdir(o->dir);
	free(o->answer);
}
