/* epmd_proto: bytes written and parsed, whole, cut at every length, and wrong. */
#include "epmd_proto.h"

#include "err.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(requests)
{
	static const uint8_t alive2[] = {0, 15, 120, 0x1f, 0x90, 72, 0, 0, 6, 0, 6, 0, 2, 'g', 'c', 0, 0};
	static const uint8_t port2[] = {0, 3, 122, 'g', 'c'};
	static const uint8_t names[] = {0, 1, 110};
	struct gc_buf b = {0};

	gc_epmd_put_alive2(&b, "gc", 8080, GC_EPMD_HIDDEN);
	ck_assert_uint_eq(b.len, sizeof(alive2));
	ck_assert_mem_eq(b.data, alive2, sizeof(alive2));
	gc_buf_reset(&b);
	gc_epmd_put_port2(&b, "gc");
	ck_assert_uint_eq(b.len, sizeof(port2));
	ck_assert_mem_eq(b.data, port2, sizeof(port2));
	gc_buf_reset(&b);
	gc_epmd_put_names(&b);
	ck_assert_uint_eq(b.len, sizeof(names));
	ck_assert_mem_eq(b.data, names, sizeof(names));
	gc_buf_deinit(&b);
}
END_TEST

/* The length field says what follows, also for names that are too long. */
START_TEST(request_of_a_long_name)
{
	char name[400];
	struct gc_buf b = {0};

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	gc_epmd_put_alive2(&b, name, 1, GC_EPMD_NORMAL);
	ck_assert_uint_eq(b.len, 2u + 13 + 255);
	ck_assert_uint_eq((unsigned)b.data[0] << 8 | b.data[1], 13u + 255);
	gc_buf_reset(&b);
	gc_epmd_put_port2(&b, name);
	ck_assert_uint_eq(b.len, 2u + 1 + 255);
	gc_buf_deinit(&b);
}
END_TEST

/* An exact copy on the heap, so that a sanitizer sees one byte too many being read. */
static int alive2(const uint8_t *p, size_t len, uint32_t *creation)
{
	uint8_t *copy = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, p, len);
	int n = gc_epmd_parse_alive2(copy, len, creation);

	free(copy);
	return n;
}

static int port2(const uint8_t *p, size_t len, const char *alive, struct gc_epmd_node *node)
{
	uint8_t *copy = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, p, len);
	int n = gc_epmd_parse_port2(copy, len, alive, node);

	free(copy);
	return n;
}

START_TEST(alive2_answers)
{
	static const uint8_t wide[] = {118, 0, 0x12, 0x34, 0x56, 0x78}, old[] = {121, 0, 0, 3};
	static const uint8_t taken[] = {118, 1, 0, 0, 0, 99}, odd[] = {'H', 'T', 'T', 'P'};
	uint32_t creation;

	for (size_t i = 0; i < sizeof(wide); i++)
		ck_assert_int_eq(alive2(wide, i, &creation), 0);
	ck_assert_int_eq(alive2(wide, sizeof(wide), &creation), 6);
	ck_assert_uint_eq(creation, 0x12345678);
	for (size_t i = 0; i < sizeof(old); i++)
		ck_assert_int_eq(alive2(old, i, &creation), 0);
	ck_assert_int_eq(alive2(old, sizeof(old), &creation), 4);
	ck_assert_uint_eq(creation, 3);
	ck_assert_int_eq(alive2(taken, sizeof(taken), &creation), GC_ETAKEN);
	ck_assert_int_eq(alive2(odd, 1, &creation), GC_EPROTO);
	ck_assert_int_eq(alive2(odd, sizeof(odd), &creation), GC_EPROTO);
}
END_TEST

static const uint8_t port2_answer[] = {119, 0, 0x1f, 0x90, 77, 0, 0, 6, 0, 5, 0, 3, 'a', 'b', 'c', 0, 0};

START_TEST(port2_answers)
{
	static const uint8_t unknown[] = {119, 1};
	struct gc_epmd_node node;

	for (size_t i = 0; i < 15; i++)
		ck_assert_int_eq(port2(port2_answer, i, "abc", &node), 0);
	for (size_t i = 15; i <= sizeof(port2_answer); i++) {
		ck_assert_int_eq(port2(port2_answer, i, "abc", &node), 15);
		ck_assert_uint_eq(node.port, 8080);
		ck_assert_uint_eq(node.type, GC_EPMD_NORMAL);
		ck_assert_uint_eq(node.high, 6);
		ck_assert_uint_eq(node.low, 5);
	}
	ck_assert_int_eq(port2(unknown, sizeof(unknown), "abc", &node), GC_ENOTINEPMD);
	ck_assert_int_eq(port2(port2_answer, sizeof(port2_answer), "abd", &node), GC_EPROTO);
	ck_assert_int_eq(port2(port2_answer, sizeof(port2_answer), "abcd", &node), GC_EPROTO);
	ck_assert_uint_eq(node.port, 0);
}
END_TEST

START_TEST(port2_wrong)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{0, 118}, {5, 1}, {10, 0xff}, {11, 2}, {11, 4}};
	struct gc_epmd_node node;
	uint8_t p[sizeof(port2_answer)];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(p, port2_answer, sizeof(p));
		p[wrong[i].at] = wrong[i].value;
		ck_assert_int_eq(port2(p, sizeof(p), "abc", &node), GC_EPROTO);
	}
	memcpy(p, port2_answer, sizeof(p));
	p[2] = p[3] = 0; /* port 0 */
	ck_assert_int_eq(port2(p, sizeof(p), "abc", &node), GC_EPROTO);
}
END_TEST

struct seen {
	int n;
	char last[256];
	uint16_t port;
};

static void on_name(void *arg, const char *alive, uint16_t port)
{
	struct seen *s = arg;

	s->n++;
	strcpy(s->last, alive);
	s->port = port;
}

static int names(const char *text, size_t len, struct seen *s, size_t *bad)
{
	uint8_t *copy = malloc(len + 4);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, "\0\0\021\021", 4);
	memcpy(copy + 4, text, len);
	memset(s, 0, sizeof(*s));
	int n = gc_epmd_parse_names(copy, len + 4, on_name, s, bad);

	free(copy);
	return n;
}

START_TEST(names_answers)
{
	static const char two[] = "name a at port 1\nname gc_b-2 at port 65535\n";
	struct seen s;
	size_t bad;

	ck_assert_int_eq(names("", 0, &s, &bad), 0);
	ck_assert_int_eq(names(two, strlen(two), &s, &bad), 2);
	ck_assert_uint_eq(bad, 0);
	ck_assert_int_eq(s.n, 2);
	ck_assert_str_eq(s.last, "gc_b-2");
	ck_assert_uint_eq(s.port, 65535);
	ck_assert_int_eq(names(two, strlen(two), &s, NULL), 2);
	/* cut anywhere: whole lines only, and no name before the answer is known to be whole */
	for (size_t i = 1; i < strlen(two); i++) {
		int n = names(two, i, &s, &bad);

		ck_assert_int_eq(n, two[i - 1] == '\n' ? 1 : GC_EPROTO);
		ck_assert_int_eq(s.n, n > 0 ? n : 0);
	}
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(gc_epmd_parse_names((const uint8_t *)"\0\0\0\0", i, on_name, &s, &bad),
				 GC_EPROTO);
}
END_TEST

START_TEST(names_odd_lines)
{
	static const char *const odd[] = {
		"\n", "name\n", "name \n", "name a\n", "name a at port \n", "name a at port 0\n",
		"name a at port 65536\n", "name a at port 99999999999\n", "name a at port 1x\n",
		"name a at port -1\n", "name a at port 1 \n", "name  at port 1\n",
		"name a b at port 1\n", "name a@h at port 1\n", "name a\033[2J at port 1\n",
		"old/unused name a, port = 1\n", "Name a at port 1\n", "name \303\244 at port 1\n"};
	char all[2048] = "", long_name[320];
	struct seen s;
	size_t bad, n = sizeof(odd) / sizeof(odd[0]);

	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(names(odd[i], strlen(odd[i]), &s, &bad) == 0, "%s", odd[i]);
		ck_assert_msg(bad == 1 && s.n == 0, "%s", odd[i]);
		strcat(all, odd[i]);
	}
	strcat(all, "name good at port 7\n");
	ck_assert_int_eq(names(all, strlen(all), &s, &bad), 1);
	ck_assert_uint_eq(bad, n);
	ck_assert_str_eq(s.last, "good");
	memset(long_name, 'x', sizeof(long_name));
	memcpy(long_name, "name ", 5);
	strcpy(long_name + 5 + 256, " at port 1\n"); /* one byte too long */
	ck_assert_int_eq(names(long_name, strlen(long_name), &s, &bad), 0);
	ck_assert_uint_eq(bad, 1);
	ck_assert_int_eq(names("name a\0b at port 1\n", 19, &s, &bad), 0);
}
END_TEST

START_TEST(names_too_big)
{
	size_t len = GC_EPMD_NAMES_MAX + 1;
	uint8_t *p = calloc(1, len);
	struct seen s = {0};

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(gc_epmd_parse_names(p, len, on_name, &s, NULL), GC_ETOOBIG);
	free(p);
}
END_TEST

/* Bytes of all kinds, in a fixed order: no crash, and nothing claimed beyond the end. */
START_TEST(noise)
{
	uint32_t x = 12345, creation;
	struct gc_epmd_node node;
	struct seen s;

	for (int round = 0; round < 20000; round++) {
		uint8_t p[64];
		size_t len = (size_t)round % sizeof(p);

		for (size_t i = 0; i < len; i++)
			p[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
		if (len > 1 && round % 2) {
			p[0] = round % 4 == 1 ? 118 : 119;
			p[1] = 0;
		}
		ck_assert_int_le(alive2(p, len, &creation), (int)len);
		ck_assert_int_le(port2(p, len, "abc", &node), (int)len);
		ck_assert_int_le(names((const char *)p, len, &s, NULL), (int)len);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("epmd_proto");
	TCase *tc = tcase_create("epmd_proto");
	SRunner *runner;

	tcase_add_test(tc, requests);
	tcase_add_test(tc, request_of_a_long_name);
	tcase_add_test(tc, alive2_answers);
	tcase_add_test(tc, port2_answers);
	tcase_add_test(tc, port2_wrong);
	tcase_add_test(tc, names_answers);
	tcase_add_test(tc, names_odd_lines);
	tcase_add_test(tc, names_too_big);
	tcase_add_test(tc, noise);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
