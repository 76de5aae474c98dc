/* The command of the plugin exec: its arguments, its environment, its start; see exec_priv.h. */
#include "exec_priv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static bool names_cookie(const char *entry)
{
	const char *equals = strchr(entry, '=');
	size_t name_len = equals ? (size_t)(equals - entry) : strlen(entry);

	for (size_t i = 0; i + 6 <= name_len; i++)
		if (strncasecmp(entry + i, "cookie", 6) == 0)
			return true;
	return strstr(entry, "-setcookie") != NULL;
}

/* uv_spawn wants char *, and only reads them. */
static char *borrow(const char *s)
{
	return (char *)(uintptr_t)s;
}

static bool is_given(const struct gc_host *host, struct gc_instance *inst, const char *entry)
{
	size_t name_len = strcspn(entry, "=") + 1;

	for (size_t i = 0; i < host->count(inst, "environment"); i++)
		if (strncmp(host->str(inst, "environment", i), entry, name_len) == 0)
			return true;
	return false;
}

/* That of the options, and ours without what it replaces and what may hold a cookie
 * (RELEASE_COOKIE, ERL_FLAGS="-setcookie ..."). Borrowed strings. */
static char **make_env(const struct gc_host *host, struct gc_instance *inst)
{
	size_t given = host->count(inst, "environment"), n = 0, max = given;

	for (char **e = environ; e && *e; e++)
		max++;
	char **env = calloc(max + 1, sizeof(*env));
	for (size_t i = 0; env && i < given; i++)
		env[n++] = borrow(host->str(inst, "environment", i));
	for (char **e = environ; env && e && *e; e++)
		if (!names_cookie(*e) && !is_given(host, inst, *e))
			env[n++] = *e;
	return env;
}

/* One string is a line for the shell, several are a command and its arguments. */
static char **make_args(const struct gc_host *host, struct gc_instance *inst)
{
	size_t given = host->count(inst, "command"), n = 0;
	char **args = calloc(given + 3, sizeof(*args));

	if (args && given == 1) {
		args[n++] = borrow("/bin/sh");
		args[n++] = borrow("-c");
	}
	for (size_t i = 0; args && i < given; i++)
		args[n++] = borrow(host->str(inst, "command", i));
	return args;
}

/* No descriptor of ours is the command's business. All of ours are opened that way; this is for
 * those of libraries. */
static void close_on_exec(void)
{
#if defined(SYS_close_range)
	(void)syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
#endif
}

int exec_spawn(const struct gc_host *host, struct gc_instance *inst, uv_process_t *process,
	       uv_pipe_t *out, uv_pipe_t *errors, uv_exit_cb on_exit)
{
	char **args = make_args(host, inst), **env = make_env(host, inst);
	uv_stdio_container_t stdio[3] = {
	    {.flags = UV_IGNORE},
	    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)out},
	    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)errors},
	};
	uv_process_options_t o = {
	    .exit_cb = on_exit,
	    .file = args ? args[0] : "",
	    .args = args,
	    .env = env,
	    .cwd = host->str(inst, "directory", 0),
	    .flags = UV_PROCESS_DETACHED, /* leads a session and a group of its own */
	    .stdio_count = 3,
	    .stdio = stdio,
	};

	close_on_exec();
	int err = args && env ? uv_spawn(host->loop, process, &o) : UV_ENOMEM;
	free(args);
	free(env);
	return err;
}
