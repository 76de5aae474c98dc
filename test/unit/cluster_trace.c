/* See cluster_trace.h. */
#include "cluster_trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_MAX 16

struct gc_cluster *cl;
struct gc_cluster_config conf;
uint64_t now;
static uint64_t seq;
static char trace[8192];
static char up_now[4096]; /* " b@h c@h " */

void conf_default(void)
{
	conf = (struct gc_cluster_config){.self = "gc_a@h",
					  .owner = "a@h",
					  .confirm_removal = 3,
					  .max_peers = 100,
					  .reconnect_min_ms = 200,
					  .reconnect_max_ms = 30000,
					  .seed = 42};
}

void cluster_up(void)
{
	now = 1000000;
	seq = 0;
	strcpy(up_now, " ");
	cl = gc_cluster_create(&conf, now);
	ck_assert_ptr_nonnull(cl);
}

void cluster_down(void)
{
	gc_cluster_destroy(cl);
	cl = NULL;
}

static void add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *fmt, ...)
{
	size_t len = strlen(trace);
	va_list ap;

	va_start(ap, fmt);
	if (len > 0)
		len += (size_t)snprintf(trace + len, sizeof(trace) - len, "; ");
	vsnprintf(trace + len, sizeof(trace) - len, fmt, ap);
	va_end(ap);
}

static void check_alternates(const char *node, bool up)
{
	char name[300];
	int len = snprintf(name, sizeof(name), " %s ", node);
	char *at = strstr(up_now, name);

	ck_assert_msg((at == NULL) == up, "%s twice for %s", up ? "up" : "down", node);
	if (up) /* the lists share their blanks */
		strcat(up_now, name + 1);
	else
		memmove(at + 1, at + len, strlen(at + len) + 1);
}

static void add_place(const char *verb, const struct gc_action *a)
{
	char port[16] = "";

	if (a->port)
		snprintf(port, sizeof(port), "/%u", a->port);
	bool known = a->address || a->port;
	add("%s %s%s%s%s", verb, a->node, known ? " " : "", a->address ? a->address : "", port);
}

static void add_action(const struct gc_action *a)
{
	switch (a->type) {
	case GC_DO_DIAL:
		add_place(a->hidden_ok ? "dial any" : "dial", a);
		break;
	case GC_DO_CANCEL_DIAL:
		add("cancel %s", a->node);
		break;
	case GC_DO_JOIN:
		add("join %s", a->node);
		break;
	case GC_DO_LEAVE:
		add("leave %s", a->node);
		break;
	case GC_DO_CLOSE_LINK:
		add("close %s", a->node);
		break;
	case GC_DO_NODEUP:
		check_alternates(a->node, true);
		add("up %s", a->node);
		break;
	case GC_DO_NODEDOWN:
		check_alternates(a->node, false);
		add("down %s %s", a->node, a->reason);
		break;
	case GC_DO_READY:
		add("ready %zu %s", a->count, a->reason);
		break;
	}
}

const char *happened(void)
{
	struct gc_action a;

	trace[0] = '\0';
	while (gc_cluster_next(cl, &a)) {
		if (a.type >= GC_DO_NODEUP)
			ck_assert_uint_eq(a.seq, ++seq);
		add_action(&a);
	}
	ck_assert_uint_eq(gc_cluster_seq(cl), seq);
	return trace;
}

/* Cuts text into peers, in place. */
static size_t parse(char *text, struct gc_peer *peers)
{
	size_t n = 0;

	for (char *save, *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *address = strchr(p, '='), *port = address ? strchr(address, '/') : NULL;

		ck_assert_uint_lt(n, PEERS_MAX);
		if (port)
			*port++ = '\0';
		if (address)
			*address++ = '\0';
		peers[n++] = (struct gc_peer){
		    .node = p,
		    .address = address && *address ? address : NULL,
		    .port = port ? (uint16_t)strtoul(port, NULL, 10) : 0,
		};
	}
	return n;
}

size_t answer_as(const char *instance, enum gc_quality quality, const char *peers)
{
	struct gc_peer list[PEERS_MAX];
	char text[1024];

	snprintf(text, sizeof(text), "%s", peers);
	size_t n = parse(text, list);
	return gc_cluster_answer(cl, instance, quality, n ? NULL : "nxdomain", list, n, now);
}

size_t answer(const char *instance, const char *peers)
{
	return answer_as(instance, GC_COMPLETE, peers);
}

void link_up(const char *node)
{
	gc_cluster_link(cl, node, true, false, NULL, now);
}

void link_down(const char *node)
{
	struct gc_fail why = {0};

	gc_fail_set(&why, GC_EOF, GC_STAGE_LINK, "test");
	gc_cluster_link(cl, node, false, false, &why, now);
}

void dial_ok(const char *node)
{
	link_up(node);
	gc_cluster_dialled(cl, node, NULL, "10.0.0.99", 9999, now);
}

void dial_fails(const char *node, int err)
{
	struct gc_fail fail = {0};

	gc_fail_set(&fail, err, GC_STAGE_CONNECT, "test");
	gc_cluster_dialled(cl, node, &fail, "", 0, now);
}

void join_ok(const char *node)
{
	gc_cluster_joined(cl, node, NULL, now);
}

void join_fails(const char *node)
{
	struct gc_fail fail = {0};

	gc_fail_set(&fail, GC_EJOIN, GC_STAGE_JOIN, "false");
	gc_cluster_joined(cl, node, &fail, now);
}

void member_up(const char *node)
{
	gc_cluster_member(cl, node, true, NULL, now);
}

void member_down(const char *node, const char *reason)
{
	gc_cluster_member(cl, node, false, reason, now);
}

void snapshot(const char *nodes)
{
	struct gc_peer list[PEERS_MAX];
	const char *names[PEERS_MAX];
	char text[1024];

	snprintf(text, sizeof(text), "%s", nodes);
	size_t n = parse(text, list);
	for (size_t i = 0; i < n; i++)
		names[i] = list[i].node;
	gc_cluster_members(cl, names, n, now);
}

void want(const char *node, bool wanted)
{
	ck_assert_int_eq(gc_cluster_want_link(cl, node, NULL, 0, wanted, now), 0);
}

void make_member(const char *node)
{
	char expected[300];

	answer_as("made", GC_PARTIAL, node);
	snprintf(expected, sizeof(expected), "dial %s", node);
	EXPECT(expected);
	dial_ok(node);
	snprintf(expected, sizeof(expected), "join %s", node);
	EXPECT(expected);
	join_ok(node);
	snprintf(expected, sizeof(expected), "up %s%s%s", node, conf.links_probe ? "; close " : "",
		 conf.links_probe ? node : "");
	EXPECT(expected);
	if (conf.links_probe)
		link_down(node);
	EXPECT("");
}

void pass(uint64_t ms)
{
	now += ms;
	gc_cluster_tick(cl, now);
}

int64_t next_in(void)
{
	uint64_t next = gc_cluster_next_ms(cl);

	return next == GC_FOREVER ? -1 : (int64_t)(next - now);
}

void wake(uint64_t least, uint64_t most)
{
	int64_t in = next_in();

	ck_assert_msg(in >= (int64_t)least && in <= (int64_t)most,
		      "next in %" PRId64 " ms, not in %" PRIu64 "..%" PRIu64, in, least, most);
	if (in > 1) {
		pass((uint64_t)in - 1);
		EXPECT("");
		in = 1;
	}
	pass((uint64_t)in);
}

struct gc_peer_view view(const char *node)
{
	struct gc_peer_view v;

	ck_assert_msg(gc_cluster_get(cl, node, &v), "%s is no peer", node);
	return v;
}

int run_tests(const char *name, void (*add_tests)(TCase *))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, conf_default, cluster_down);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
