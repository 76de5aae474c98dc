/* A real server for a test; see child.h. Readiness is an inotify event on the log, not a sleep. */
#include "child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool can_bind(int type, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_ANY);
	if (type == SOCK_STREAM) /* as servers do; does not allow a second listener */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	bool ok = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	close(fd);
	return ok;
}

uint16_t free_port(void)
{
	static unsigned next;

	for (int i = 0; i < 2000; i++) {
		unsigned seed = (unsigned)getpid() * 7u + next++ * 13u;
		uint16_t port = (uint16_t)(12000u + seed % 18000u);

		if (can_bind(SOCK_STREAM, port) && can_bind(SOCK_DGRAM, port))
			return port;
	}
	return 0;
}

const char *first_executable(const char *const paths[])
{
	while (*paths && access(*paths, X_OK) != 0)
		paths++;
	return *paths;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void read_log(int fd, char *text, size_t len)
{
	ssize_t n = pread(fd, text, len - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

/* The end of the child also changes its log: the last descriptor for writing is closed. */
static bool wait_line(int fd, int inotify_fd, const char *line, int deadline_ms)
{
	int64_t end = now_ms() + deadline_ms;
	char text[65536], events[4096];
	bool has_ended = false;

	for (;;) {
		read_log(fd, text, sizeof(text));
		if (strstr(text, line))
			return true;
		struct pollfd p = {.fd = inotify_fd, .events = POLLIN};
		int64_t left = end - now_ms();

		if (has_ended || left <= 0 || poll(&p, 1, (int)left) <= 0)
			break;
		ssize_t n = read(inotify_fd, events, sizeof(events));
		const struct inotify_event *last = (const void *)events;

		for (char *e = events; n > 0 && e < events + n; e += sizeof(*last) + last->len) {
			last = (const void *)e;
			has_ended |= (last->mask & IN_CLOSE_WRITE) != 0;
		}
	}
	fprintf(stderr, "not ready: no \"%s\" in its log:\n%s\n", line, text);
	return false;
}

static _Noreturn void exec_child(const char *const argv[], int log_fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	dup2(log_fd, 1);
	dup2(log_fd, 2);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

bool child_start(struct child *c, const char *const argv[], const char *ready_line, int deadline_ms)
{
	char path[] = "/tmp/gc_child_XXXXXX";
	int fd = mkstemp(path), log_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	int inotify_fd = inotify_init1(IN_CLOEXEC);
	pid_t parent = getpid();

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	inotify_add_watch(inotify_fd, path, IN_MODIFY | IN_CLOSE_WRITE);
	unlink(path);
	c->pid = fork();
	if (c->pid == 0)
		exec_child(argv, log_fd, parent);
	close(log_fd); /* shared with the child: IN_CLOSE_WRITE comes when it ends */
	bool ok = c->pid > 0 && wait_line(fd, inotify_fd, ready_line, deadline_ms);

	close(fd);
	close(inotify_fd);
	if (!ok)
		child_kill(c, SIGKILL);
	return ok;
}

void child_signal(struct child *c, int sig)
{
	siginfo_t info;

	if (c->pid <= 0)
		return;
	kill(c->pid, sig);
	if (sig == SIGSTOP) /* until all its threads have stopped it may still answer */
		(void)waitid(P_PID, (id_t)c->pid, &info, WSTOPPED | WEXITED | WNOWAIT);
}

void child_kill(struct child *c, int sig)
{
	child_signal(c, sig);
	if (c->pid > 0)
		waitpid(c->pid, NULL, 0);
	c->pid = 0;
}
