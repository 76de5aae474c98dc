/* identity: the cookie is in one place while the node lives, and nowhere afterwards; creation, pids. The
 * memory of the process is searched for it, all but the stack of the test. */
#include "build_config.h"
#include "node_trace.h"

#include "err.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHUNK (1u << 20)

static uv_loop_t loop;
static struct node_trace t;

/* The cookie, on the caller's stack and never whole in the program's data. */
static void make_cookie(char cookie[33])
{
	for (int i = 0; i < 32; i++)
		cookie[i] = (char)('A' + (i * 7 + 3) % 26);
	cookie[32] = '\0';
}

static void open_node(void)
{
	char cookie[33];
	struct gc_node_config c = {.no_epmd = true, .cookie = cookie};

	make_cookie(cookie);
	node_trace_open(&t, &loop, &c);
	explicit_bzero(cookie, sizeof(cookie));
}

#ifndef GC_SANITIZER /* which keep copies of what has been freed */
static struct fake_peer p, silent;

static int count_in(const char *p_, size_t len, const char *cookie)
{
	int n = 0;

	/* 16 bytes of it are enough to betray it. */
	for (size_t i = 0; len >= 16 && i <= len - 16; i++)
		n += p_[i] == cookie[8] && memcmp(p_ + i, cookie + 8, 16) == 0;
	return n;
}

/* How often the cookie is in writable memory. */
static int search(void)
{
	char line[512], cookie[33], *chunk;
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), n = 0;

	make_cookie(cookie);
	chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 || perms[1] != 'w' ||
		    strstr(line, "[stack]"))
			continue;
		for (unsigned long at = from; at < to; at += CHUNK) {
			size_t want = to - at < CHUNK ? to - at : CHUNK;

			/* Not its own copies. It may lie in one mapping with others. */
			memset(chunk, 0, CHUNK);
			ssize_t got = pread(mem, chunk, want, (off_t)at);

			if (got > 0)
				n += count_in(chunk, (size_t)got, cookie);
		}
	}
	fclose(maps);
	close(mem);
	munmap(chunk, CHUNK);
	explicit_bzero(cookie, sizeof(cookie));
	return n;
}

static bool shake_hands(bool is_dialling)
{
	char cookie[33];
	bool ok;

	make_cookie(cookie);
	if (is_dialling) {
		(void)node_trace_start_dial(&t, PEER, p.port, 5000);
		ok = fake_peer_wait_connected(&p) &&
		     fake_peer_answer(&p, PEER, VISIBLE, cookie, "ok");
		wait_count(&t, n_dialled, 1);
	} else {
		ok = fake_peer_connect(&p, &loop, gc_node_port(t.n)) &&
		     fake_peer_dial(&p, PEER, VISIBLE, cookie);
		wait_count(&t, n_up, 1);
	}
	explicit_bzero(cookie, sizeof(cookie));
	return ok;
}

START_TEST(the_cookie_is_in_one_place)
{
	uv_loop_init(&loop);
	ck_assert_int_eq(search(), 0);
	open_node();
	ck_assert_int_eq(search(), 2); /* ours and that of the ei_cnode, in one locked page */
	ck_assert(fake_peer_listen(&silent, &loop));
	if (_i == 0)
		ck_assert(fake_peer_listen(&p, &loop));
	/* Another dial goes on, so that the stack of the first is kept. */
	(void)node_trace_start_dial(&t, "silent@127.0.0.1", silent.port, 60000);
	ck_assert(fake_peer_wait_connected(&silent));
	ck_assert(shake_hands(_i == 0));
	ck_assert_int_eq(search(), 2);
	fake_peer_close(&p);
	fake_peer_close(&silent);
	node_trace_close(&t, 0);
	ck_assert_int_eq(search(), 0);
	ck_assert(loop_drain(&loop));
}
END_TEST
#endif

/* Left out of core dumps: "dd" among the flags of its mapping. */
START_TEST(the_cookie_is_not_dumped)
{
	FILE *f;
	char line[512];
	int n = 0;

	uv_loop_init(&loop);
	open_node();
	f = fopen("/proc/self/smaps", "r");
	while (fgets(line, sizeof(line), f))
		n += strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") != NULL &&
		     strstr(line, " wf") != NULL;
	fclose(f);
	ck_assert_int_ge(n, 1);
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
}
END_TEST

START_TEST(creation_and_pids)
{
	struct gc_pid a, b;
	struct gc_ref r, s;
	uint32_t creation;

	uv_loop_init(&loop);
	node_trace_open(&t, &loop, NULL);
	creation = gc_node_creation(t.n);
	ck_assert_uint_ge(creation, 4);
	a = gc_node_pid(t.n, gc_node_new_pid(t.n));
	b = gc_node_pid(t.n, gc_node_new_pid(t.n));
	ck_assert(a.id != b.id && a.creation == creation && b.creation == creation);
	ck_assert_str_eq(a.node, ME);
	gc_node_new_ref(t.n, &r);
	gc_node_new_ref(t.n, &s);
	ck_assert(memcmp(r.id, s.id, sizeof(r.id)) != 0 && r.creation == creation);
	node_trace_close(&t, 0);
	node_trace_open(&t, &loop, NULL);
	ck_assert_uint_ne(gc_node_creation(t.n), creation);
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
}
END_TEST

/* Names and cookies that are none: an error with a sentence, and nothing left behind. */
START_TEST(what_is_refused)
{
	char long_cookie[600], err[256] = "";
	static const char *const nowhere[] = {"not an address"};
	struct gc_node_config c = {.loop = &loop, .no_epmd = true, .name = ME, .cookie = "c"};
	struct gc_node *n = (void *)&c;

	memset(long_cookie, 'x', sizeof(long_cookie) - 1);
	long_cookie[sizeof(long_cookie) - 1] = '\0';
	uv_loop_init(&loop);
	if (_i == 0)
		c.name = "no node name";
	else if (_i == 1)
		c.cookie = long_cookie;
	else
		c.listen_addresses = nowhere, c.n_listen_addresses = 1;
	ck_assert_int_lt(gc_node_create(&c, &n, err, sizeof(err)), 0);
	ck_assert_ptr_null(n);
	ck_assert_str_ne(err, "");
	ck_assert(loop_drain(&loop));
}
END_TEST

/* The port is taken: said so. */
START_TEST(a_taken_port)
{
	struct gc_node_config c = {.loop = &loop, .no_epmd = true, .name = "x@h", .cookie = "c"};
	struct gc_node *n;
	char err[256] = "";

	uv_loop_init(&loop);
	node_trace_open(&t, &loop, NULL);
	c.listen_port = gc_node_port(t.n);
	ck_assert_int_lt(gc_node_create(&c, &n, err, sizeof(err)), 0);
	ck_assert_ptr_nonnull(strstr(err, "address already in use"));
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
}
END_TEST

START_TEST(descriptors)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 300;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	uv_loop_init(&loop);
	node_trace_open(&t, &loop, NULL);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_ge(limit.rlim_cur, limit.rlim_max < 65536 ? limit.rlim_max : 65536);
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("identity");
	TCase *k = tcase_create("identity");
	SRunner *r = srunner_create(s);

	tcase_set_timeout(k, 60);
#ifndef GC_SANITIZER
	tcase_add_loop_test(k, the_cookie_is_in_one_place, 0, 2);
#endif
	tcase_add_test(k, the_cookie_is_not_dumped);
	tcase_add_test(k, creation_and_pids);
	tcase_add_loop_test(k, what_is_refused, 0, 3);
	tcase_add_test(k, a_taken_port);
	tcase_add_test(k, descriptors);
	suite_add_tcase(s, k);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
