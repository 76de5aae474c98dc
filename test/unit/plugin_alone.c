/* See plugin_alone.h. */
#include "plugin_alone.h"

#include "loop_until.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 10000

uv_loop_t loop;
struct gc_instance host;
char dir[64];
static int fds;

void alone_setup(void)
{
	uv_loop_init(&loop); /* the first one opens a pipe for the process */
	uv_loop_close(&loop);
	fds = count_fds();
	uv_loop_init(&loop);
	memset(&host, 0, sizeof(host));
}

void alone_setup_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/gc_check_plugin.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	alone_setup();
}

void alone_teardown(void)
{
	char command[100];

	ck_assert(!host.is_open || fake_host_close(&host));
	ck_assert(loop_drain(&loop));
	ck_assert_int_eq(count_fds(), fds);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert(!dir[0] || system(command) == 0);
}

void alone_open(const char *plugin, const char *options)
{
	ck_assert(!host.is_open || fake_host_close(&host));
	ck_assert_msg(fake_host_open(&host, &loop, plugin, options), "%s", host.err);
}

const struct fake_answer *alone_ask(void)
{
	const struct fake_answer *a = fake_host_ask(&host, WAIT_MS);

	ck_assert_ptr_nonnull(a);
	return a;
}

void is_complete(const struct fake_answer *a, const char *nodes)
{
	char found[600] = "";
	size_t len = 0;

	ck_assert_msg(a->quality == GC_COMPLETE, "%s", a->reason);
	for (size_t i = 0; i < a->n && len < sizeof(found); i++)
		len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%s", i ? " " : "",
					a->peers[i].node);
	ck_assert_str_eq(found, nodes);
}

void is_error(const struct fake_answer *a, const char *with)
{
	ck_assert_int_eq(a->quality, GC_ERROR);
	ck_assert_msg(strstr(a->reason, with) != NULL, "\"%s\" does not say \"%s\"", a->reason,
		      with);
}
