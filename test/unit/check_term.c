/* term: term text, right and wrong, with the sentence and the line of each error; questions to a
 * tree; printing. What a real erl says of texts is in check_term_erl.c. */
#include "term.h"

#include "err.h"
#include "etf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct gc_arena *arena;
static char err[300];

static void setup(void)
{
	arena = gc_arena_create(0);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	gc_arena_destroy(arena);
}

/* Exact copies on the heap: a sanitizer sees one byte too many being read. */
static int parse_in(struct gc_arena *a, const char *text, size_t len, bool dotted,
		    const struct gc_term **t)
{
	char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	int rc = gc_term_parse(a, copy, len, dotted, t, err, sizeof(err));
	free(copy); /* the tree keeps nothing of it */
	ck_assert((rc == 0) == (*t != NULL));
	ck_assert((rc == 0) == (err[0] == '\0'));
	return rc;
}

static const struct gc_term *parse(const char *text)
{
	const struct gc_term *t;
	int rc = parse_in(arena, text, strlen(text), false, &t);

	ck_assert_msg(rc == 0, "%s: %s", text, err);
	return t;
}

static void assert_prints(const struct gc_term *t, const char *want)
{
	struct gc_buf b = {0};

	gc_term_print(t, &b, SIZE_MAX);
	gc_buf_put_u8(&b, 0);
	ck_assert_str_eq((char *)b.data, want);
	gc_buf_deinit(&b);
}

/* ---- right ---- */

static const struct {
	const char *text, *printed;
} right[] = {
    {"a", "a"},
    {"'A b'", "'A b'"},
    {"'if'", "'if'"},
    {"'a\\'b\\\\'", "'a\\'b\\\\'"},
    {"-5", "-5"},
    {"1_000", "1000"},
    {"16#fF", "255"},
    {"-36#zz", "-1295"},
    {"$a", "97"},
    {"$\\n", "10"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"9223372036854775808", "9223372036854775808"},
    {"-18446744073709551616", "-18446744073709551616"},
    {"1.5e3", "1.5e3"},
    {"-0.001", "-0.001"},
    {"\"abc\"", "\"abc\""},
    {"\"a\" \"b\"%c\n\"c\"", "\"abc\""},
    {"\"\\x41\\x{263a}\\101\\e\"", "\"A\xe2\x98\xba"
				   "A\\e\""},
    {"\"\"", "[]"},
    {"<<>>", "<<>>"},
    {"<<\"abc\">>", "<<\"abc\">>"},
    {"<<\"\xc3\xa9\"/utf8>>", "<<\"\xc3\xa9\"/utf8>>"},
    {"<<\"\xc3\xa9\">>", "<<\"\xc3\xa9\">>"},
    {"<<1,-1,$a,\"b\">>", "<<1,255,97,98>>"},
    {"[]", "[]"},
    {"[ a , b ]", "[a,b]"},
    {"[97,98]", "\"ab\""},
    {"[a|[b,c]]", "[a,b,c]"},
    {"[a|\"b\"]", "[a,98]"},
    {"[$a|\"b\"]", "\"ab\""},
    {"[a|[]]", "[a]"},
    {"{}", "{}"},
    {"{a,{b,[c]}}", "{a,{b,[c]}}"},
    {"#{}", "#{}"},
    {"# {a => 1, \"b\" => #{}}", "#{a => 1,\"b\" => #{}}"},
    {"#{1 => a, 1.0 => b}", "#{1 => a,1.0 => b}"},
    {" %c\n a %d", "a"},
    {"a.", "a"},
    {"a. %c", "a"},
};

START_TEST(right_texts)
{
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		const struct gc_term *t = parse(right[i].text), *again;
		struct gc_buf b = {0};
		assert_prints(t, right[i].printed);
		/* and what is written of it is the same term */
		gc_etf_put_term(&b, t);
		ck_assert(!b.failed);
		ck_assert_int_eq(gc_etf_decode(arena, b.data, b.len, &again), 0);
		assert_prints(again, right[i].printed);
		/* every shorter text is an error or another term, never a crash */
		for (size_t len = 0; len < strlen(right[i].text); len++)
			(void)parse_in(arena, right[i].text, len, false, &again);
		gc_buf_deinit(&b);
	}
}
END_TEST

START_TEST(shape_of_a_configuration)
{
	const struct gc_term *t =
	    parse("%% a file\n[{gen_cluster,\n  [{discovery, {dns, #{domain => \"a.b\"}}}]}].\n");
	const struct gc_term *options = gc_term_get(t, "gen_cluster");
	const struct gc_term *discovery = gc_term_get(options, "discovery");

	ck_assert_uint_eq(t->line, 2);
	ck_assert_uint_eq(discovery->line, 3);
	ck_assert(gc_term_is_tuple(discovery, 2, "dns"));
	ck_assert_str_eq(gc_term_text(gc_term_get(discovery->items[1], "domain")), "a.b");
	ck_assert_ptr_null(discovery->raw);
}
END_TEST

/* ---- wrong ---- */

static const struct {
	const char *text, *sentence;
	bool dotted;
} wrong[] = {
    {"", "1: there is no term", false},
    {" %c\n\n", "3: there is no term", false},
    {"a", "1: '.' is missing before the end", true},
    {"a.b", "1: a '.' with no space behind it", false},
    {"a. b", "1: the end is missing before an atom b", false},
    {"a b", "1: the end is missing before an atom b", false},
    {"{a,\n[b.", "2: ',' or ']' is missing before '.'", false},
    {"{a,\n[b", "2: ',' or ']' is missing at the end; the last bracket still open is of line 2",
     false},
    {"{a}}", "1: the end is missing before '}'", false},
    {"[a}", "1: ',' or ']' is missing before '}'", false},
    {"[a,]", "1: a term is missing before ']'", false},
    {"[|a]", "1: a term is missing before '|'", false},
    {"[a|b]", "1: behind '|' a list must follow", false},
    {"[a|[b] c]", "1: ']' is missing before an atom c", false},
    {"[a|[b]|c]", "1: ']' is missing before '|'", false},
    {"#{a}", "1: '=>' is missing before '}'", false},
    {"#{a =>}", "1: a term is missing before '}'", false},
    {"#{a => b => c}", "1: ',' or '}' is missing before '=>'", false},
    {"#{a => b,\n a => c}", "1: a map with the same key twice", false},
    {"#{\"a\" => b, [97] => c}", "1: a map with the same key twice", false},
    {"#r{}", "1: '#' begins a map, '#{'; records are not known here", false},
    {"if", "1: if is a reserved word; as an atom it needs quotes: 'if'", false},
    {"[a,\n Erl]", "2: a word that begins with 'E' is a variable; an atom needs quotes then",
     false},
    {"_", "1: a word that begins with '_' is a variable; an atom needs quotes then", false},
    {"a:b", "1: ':' cannot stand here", false},
    {"(a)", "1: '(' cannot stand here", false},
    {"\x7f", "1: '?' cannot stand here", false},
    {"\"abc\n", "1: a string that is not closed", false},
    {"\"a\"\"b\"", "1: space is missing between two strings", false},
    {"\"\"\"\na\n\"\"\"", "1: space is missing between two strings", false},
    {"'abc", "1: a quoted atom that is not closed", false},
    {"\"a\xff\"", "1: byte 0xff is not UTF-8", false},
    {"\xff", "1: byte 0xff is not UTF-8", false},
    {"%\xc3(\na", "1: a comment that is not UTF-8", false},
    {"\"\\x{110000}\"", "1: \\x needs two hex digits, or a code point in {}", false},
    {"\"\\x{d800}\"", "1: \\x needs two hex digits, or a code point in {}", false},
    {"\"\\x4\"", "1: \\x needs two hex digits, or a code point in {}", false},
    {"\"\\^1\"", "1: \\^ needs a letter", false},
    {"$", "1: the text ends in the middle of a word", false},
    {"37#1", "1: a base before '#' is from 2 to 36", false},
    {"1#0", "1: a base before '#' is from 2 to 36", false},
    {"16#g", "1: no digit of base 16 after '#'", false},
    {"1.0e400", "1: a float that is too large", false},
    {"- -1", "1: a number is missing before '-'", false},
    {"-a", "1: a number is missing before an atom a", false},
    {"1 2", "1: the end is missing before an integer", false},
    {"<<a>>", "1: a string or a byte is missing before an atom a", false},
    {"<<256>>", "1: a value in a binary that does not fit a byte", false},
    {"<<-129>>", "1: a value in a binary that does not fit a byte", false},
    {"<<1:16>>", "1: ':' cannot stand here", false},
    {"<<\"a\"/utf16>>",
     "1: utf8 (the only type for a part of a binary) is missing before an atom utf16", false},
    {"<<\"\xe2\x98\xba\">>", "1: a character beyond 255 in a binary needs /utf8: <<\"...\"/utf8>>",
     false},
    {"<<1,>>", "1: a string or a byte is missing before '>>'", false},
    {"<<1", "1: ',' or '>>' is missing before the end", false},
};

START_TEST(wrong_texts)
{
	const struct gc_term *t;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		int rc = parse_in(arena, wrong[i].text, strlen(wrong[i].text), wrong[i].dotted, &t);
		ck_assert_msg(rc == GC_EINVAL, "%s: %d", wrong[i].text, rc);
		ck_assert_str_eq(err, wrong[i].sentence);
	}
}
END_TEST

/* A sentence that does not fit is cut, with its NUL. */
START_TEST(short_room_for_the_sentence)
{
	const struct gc_term *t;
	char room[8];

	for (size_t len = 0; len <= sizeof(room); len++) {
		memset(room, 'x', sizeof(room));
		ck_assert_int_eq(gc_term_parse(arena, "[a,", 3, false, &t, room, len), GC_EINVAL);
		if (len)
			ck_assert_ptr_nonnull(memchr(room, 0, len));
		for (size_t i = len; i < sizeof(room); i++)
			ck_assert_int_eq(room[i], 'x');
	}
}
END_TEST

/* ---- large ---- */

static char *repeat(const char *open, const char *middle, const char *close, size_t n)
{
	size_t o = strlen(open), m = strlen(middle), c = strlen(close);
	char *text = malloc(n * (o + c) + m + 1), *at = text;

	for (size_t i = 0; i < n; i++, at += o)
		memcpy(at, open, o);
	memcpy(at, middle, m);
	at += m;
	for (size_t i = 0; i < n; i++, at += c)
		memcpy(at, close, c);
	*at = '\0';
	return text;
}

START_TEST(depth)
{
	static const char *const nests[][2] = {
	    {"[", "]"}, {"{", "}"}, {"#{a=>", "}"}, {"#{", "=>a}"}, {"[a|", "]"}};
	const struct gc_term *t;

	for (size_t i = 0; i < 5; i++) {
		char *text = repeat(nests[i][0], "[]", nests[i][1], GC_ETF_MAX_DEPTH - 1);
		struct gc_buf b = {0};
		ck_assert_int_eq(parse_in(arena, text, strlen(text), false, &t), 0);
		gc_etf_put_term(&b, t);
		ck_assert_int_eq(gc_etf_check(b.data, b.len), (int64_t)b.len);
		gc_buf_deinit(&b);
		free(text);
		text = repeat(nests[i][0], "[]", nests[i][1], 1000000);
		ck_assert_int_eq(parse_in(arena, text, strlen(text), false, &t), GC_EINVAL);
		ck_assert_str_eq(err, "1: more than 64 brackets within each other");
		free(text);
	}
}
END_TEST

START_TEST(long_numbers)
{
	const struct gc_term *t;
	char *text = repeat("9", "", "", 1000);

	ck_assert_int_eq(parse_in(arena, text, 1000, false, &t), 0);
	ck_assert_int_eq(t->type, GC_TERM_BIGNUM);
	ck_assert_int_eq(gc_etf_check(t->raw, t->raw_len), (int64_t)t->raw_len);
	free(text);
	text = repeat("9", "", "", 1001);
	ck_assert_int_eq(parse_in(arena, text, 1001, false, &t), GC_EINVAL);
	ck_assert_str_eq(err, "1: a number of more than 1000 digits");
	free(text);
}
END_TEST

START_TEST(long_atoms)
{
	const struct gc_term *t;
	char *text = repeat("\xc3\xa9", "", "", 255);

	ck_assert_int_eq(parse_in(arena, text, strlen(text), false, &t), 0);
	free(text);
	text = repeat("\xc3\xa9", "", "", 256);
	ck_assert_int_eq(parse_in(arena, text, strlen(text), false, &t), GC_EINVAL);
	ck_assert_str_eq(err, "1: an atom of more than 255 characters");
	free(text);
}
END_TEST

START_TEST(memory_runs_out)
{
	const struct gc_term *t;

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		int rc = GC_ENOMEM;
		for (size_t limit = 16; rc == GC_ENOMEM; limit += 16) {
			struct gc_arena *a = gc_arena_create(limit);
			rc = parse_in(a, right[i].text, strlen(right[i].text), false, &t);
			gc_arena_destroy(a);
		}
		ck_assert_int_eq(rc, 0);
	}
}
END_TEST

/* ---- questions ---- */

START_TEST(get)
{
	const struct gc_term *map = parse("#{a => 1, b => 2}");
	const struct gc_term *list = parse("[{a, 1}, b, {a, 2}, {c}, {d, e, f}]");

	ck_assert_int_eq(gc_term_get(map, "b")->integer, 2);
	ck_assert_ptr_null(gc_term_get(map, "c"));
	ck_assert_int_eq(gc_term_get(list, "a")->integer, 1); /* the first */
	ck_assert(gc_term_is_atom(gc_term_get(list, "b"), "true"));
	ck_assert_ptr_null(gc_term_get(list, "c"));
	ck_assert_ptr_null(gc_term_get(list, "d"));
	ck_assert_ptr_null(gc_term_get(parse("a"), "a"));
	ck_assert_ptr_null(gc_term_get(parse("{a, 1}"), "a"));
	ck_assert_ptr_null(gc_term_get(parse("\"a\""), "a"));
	ck_assert_ptr_null(gc_term_get(NULL, "a"));
	ck_assert_ptr_null(gc_term_get(parse("#{\"a\" => 1}"), "a"));
}
END_TEST

START_TEST(is)
{
	const struct gc_term *t = parse("{a, 1}");

	ck_assert(gc_term_is_tuple(t, 2, "a"));
	ck_assert(gc_term_is_tuple(t, SIZE_MAX, "a"));
	ck_assert(gc_term_is_tuple(t, 2, NULL));
	ck_assert(!gc_term_is_tuple(t, 2, "b"));
	ck_assert(!gc_term_is_tuple(t, 3, "a"));
	ck_assert(!gc_term_is_tuple(parse("[a, 1]"), 2, "a"));
	ck_assert(!gc_term_is_tuple(parse("{}"), SIZE_MAX, "a"));
	ck_assert(!gc_term_is_tuple(parse("{\"a\"}"), 1, "a"));
	ck_assert(!gc_term_is_tuple(NULL, 2, NULL));
	ck_assert(gc_term_is_atom(parse("'a b'"), "a b"));
	ck_assert(!gc_term_is_atom(parse("\"a\""), "a"));
	ck_assert(!gc_term_is_atom(parse("ab"), "a"));
	ck_assert(!gc_term_is_atom(parse("'a\\0b'"), "a"));
	ck_assert(!gc_term_is_atom(NULL, "a"));
}
END_TEST

START_TEST(text)
{
	ck_assert_str_eq(gc_term_text(parse("a")), "a");
	ck_assert_str_eq(gc_term_text(parse("\"a\"")), "a");
	ck_assert_str_eq(gc_term_text(parse("<<\"a\">>")), "a");
	ck_assert_str_eq(gc_term_text(parse("[$a, 16#e9]")), "a\xc3\xa9");
	ck_assert_str_eq(gc_term_text(parse("[]")), "");
	ck_assert_str_eq(gc_term_text(parse("<<>>")), "");
	ck_assert_ptr_null(gc_term_text(parse("1")));
	ck_assert_ptr_null(gc_term_text(parse("[a]")));
	ck_assert_ptr_null(gc_term_text(parse("{}")));
	ck_assert_ptr_null(gc_term_text(parse("#{}")));
	ck_assert_ptr_null(gc_term_text(parse("<<\"a\",0>>")));
	ck_assert_ptr_null(gc_term_text(parse("\"a\\0\"")));
	ck_assert_ptr_null(gc_term_text(NULL));
}
END_TEST

START_TEST(print_cut)
{
	struct gc_buf b = {0};

	gc_buf_put_str(&b, "x=");
	gc_term_print(parse("\"\xe2\x98\xba\xe2\x98\xba\xe2\x98\xba\""), &b, 8);
	gc_buf_put_u8(&b, 0);
	ck_assert_str_eq((char *)b.data, "x=\"\xe2\x98\xba..."); /* no half character */
	gc_buf_reset(&b);
	gc_term_print(parse("[a,b]"), &b, 5);
	ck_assert_uint_eq(b.len, 5);
	ck_assert_mem_eq(b.data, "[a,b]", 5);
	gc_buf_reset(&b);
	gc_term_print(parse("[a,b]"), &b, 4);
	ck_assert_mem_eq(b.data, "[...", 4);
	gc_buf_reset(&b);
	gc_term_print(parse("[a,b]"), &b, 0);
	ck_assert_uint_eq(b.len, 0);
	gc_buf_deinit(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("term");
	TCase *tc = tcase_create("term");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, right_texts);
	tcase_add_test(tc, shape_of_a_configuration);
	tcase_add_test(tc, wrong_texts);
	tcase_add_test(tc, short_room_for_the_sentence);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, long_numbers);
	tcase_add_test(tc, long_atoms);
	tcase_add_test(tc, memory_runs_out);
	tcase_add_test(tc, get);
	tcase_add_test(tc, is);
	tcase_add_test(tc, text);
	tcase_add_test(tc, print_cut);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
