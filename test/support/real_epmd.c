/* A real epmd for a test; see real_epmd.h. */
#include "real_epmd.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char *epmd_path(void)
{
	static const char *const paths[] = {"/usr/bin/epmd", "/usr/local/bin/epmd",
					    "/usr/lib/erlang/bin/epmd",
					    "/usr/local/lib/erlang/bin/epmd", NULL};
	const char *own = getenv("GC_TEST_EPMD");

	return own ? own : first_executable(paths);
}

bool real_epmd_found(void)
{
	return epmd_path() != NULL;
}

bool real_epmd_start(struct real_epmd *e)
{
	char port[8];
	/* -d -d: stays in the foreground and says when it listens */
	const char *argv[] = {epmd_path(), "-d", "-d", "-port", port, NULL};

	if (e->port == 0)
		e->port = free_port();
	snprintf(port, sizeof(port), "%u", e->port);
	setenv("ERL_EPMD_PORT", port, 1);
	unsetenv("ERL_EPMD_ADDRESS");
	return argv[0] && child_start(&e->child, argv, "entering the main select() loop", 5000);
}

void real_epmd_kill(struct real_epmd *e)
{
	child_kill(&e->child, SIGKILL);
}

struct sockaddr_in real_epmd_addr(const struct real_epmd *e)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(e->port)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}
