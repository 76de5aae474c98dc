/* sd_notify(3) without libsystemd; see manager.h. A send never waits: a manager whose queue is full
 * must not hold up the loop. What may not get lost, READY=1, is sent again. */
#include "manager.h"

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TEXT_LEN 512
#define AGAIN_MS 100
#define STARTING_MS 10000 /* how often a manager hears that we are still starting */
/* And for how long it then waits, so that one that hangs is given up. */
#define EXTEND "EXTEND_TIMEOUT_USEC=60000000"

static struct {
	int fd; /* of use while is_open */
	struct sockaddr_un addr;
	socklen_t addr_len;
	uv_timer_t timer;
	uint64_t watchdog_ms;  /* 0: not wanted */
	char status[TEXT_LEN]; /* the last one */
	bool is_open, is_ready, owes_ready;
} manager;

/* 0, or a negative errno. */
static int tell(const char *text)
{
	if (!manager.is_open)
		return 0;
	if (sendto(manager.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&manager.addr, manager.addr_len) >= 0)
		return 0;
	return -errno;
}

static void on_timer(uv_timer_t *timer);

static void arm(void)
{
	uint64_t ms = manager.owes_ready    ? AGAIN_MS
		      : manager.watchdog_ms ? manager.watchdog_ms / 2
		      : manager.is_ready    ? 0
					    : STARTING_MS;

	if (ms == 0)
		uv_timer_stop(&manager.timer);
	else
		uv_timer_start(&manager.timer, on_timer, ms, 0);
}

/* The status is part of it, as it may have been lost. */
static void tell_ready(void)
{
	char text[TEXT_LEN + 32];

	(void)snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", manager.status);
	manager.owes_ready = tell(text) == -EAGAIN;
	arm();
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer;
	if (manager.watchdog_ms)
		(void)tell("WATCHDOG=1");
	if (manager.owes_ready) {
		tell_ready();
		return;
	}
	if (!manager.is_ready)
		(void)tell(EXTEND);
	arm();
}

/* ---- what the environment says ---- */

static bool parse_address(const char *path)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(manager.addr.sun_path))
		return false;
	manager.addr.sun_family = AF_UNIX;
	memcpy(manager.addr.sun_path, path, len + 1);
	if (path[0] == '@')
		manager.addr.sun_path[0] = '\0';
	manager.addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

/* WATCHDOG_PID: it may be meant for another process, from which we have the environment. */
static uint64_t watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long value = usec ? strtoull(usec, NULL, 10) : 0;

	if (pid && strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	return value == 0 ? 0 : value < 2000 ? 2 : value / 1000;
}

void gc_manager_open(uv_loop_t *loop)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path && *path && !parse_address(path))
		gc_log(GC_LOG_WARNING, "manager", "NOTIFY_SOCKET=%s: no address that we can use",
		       path);
	else if (path && *path &&
		 (manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0) {
		manager.is_open = true;
		manager.watchdog_ms = watchdog_ms();
		uv_timer_init(loop, &manager.timer);
		(void)tell(EXTEND);
		arm();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void gc_manager_close(void)
{
	if (!manager.is_open)
		return;
	manager.is_open = false;
	(void)close(manager.fd);
	uv_close((uv_handle_t *)&manager.timer, NULL);
}

/* ---- what happens ---- */

void gc_manager_ready(void)
{
	if (!manager.is_open || manager.is_ready)
		return;
	manager.is_ready = true;
	tell_ready();
}

void gc_manager_status(const char *fmt, ...)
{
	char status[TEXT_LEN], text[TEXT_LEN + 16];
	va_list ap;

	if (!manager.is_open)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(status, sizeof(status), fmt, ap);
	va_end(ap);
	status[strcspn(status, "\n")] = '\0'; /* a second line would be a word to the manager */
	if (strcmp(status, manager.status) == 0)
		return;
	memcpy(manager.status, status, sizeof(status));
	(void)snprintf(text, sizeof(text), "STATUS=%s", status);
	(void)tell(text);
}

void gc_manager_reloading(void)
{
	struct timespec now;
	char text[80];

	if (!manager.is_open || !manager.is_ready)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		       (unsigned long long)now.tv_sec * 1000000 +
			   (unsigned long long)now.tv_nsec / 1000);
	(void)tell(text);
}

void gc_manager_reloaded(const char *why)
{
	if (why)
		gc_manager_status("not reloaded, the old configuration stays: %s", why);
	if (manager.is_open && manager.is_ready)
		tell_ready();
}

void gc_manager_stopping(const char *why)
{
	manager.is_ready = true; /* whatever comes, it is no longer about to start */
	manager.owes_ready = false;
	gc_manager_status("leaving: %s", why);
	(void)tell("STOPPING=1");
}
