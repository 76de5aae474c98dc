/* The plugin file, alone under a fake host, on real files: every way in which people and Kubernetes
 * replace one. */
#include "loop_until.h"
#include "plugin_alone.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 10000

static const char *in_dir(const char *name)
{
	static char paths[4][200];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void replace_file(const char *name, const char *text)
{
	write_file("new", text);
	ck_assert_int_eq(rename(in_dir("new"), in_dir(name)), 0);
}

static void make_dir(const char *name)
{
	ck_assert_int_eq(mkdir(in_dir(name), 0755), 0);
}

static void make_link(const char *target, const char *name)
{
	ck_assert_int_eq(symlink(target, in_dir(name)), 0);
}

static void open_path(const char *path)
{
	char options[300];

	(void)snprintf(options, sizeof(options), "\"%s\"", path);
	alone_open("file", options);
}

static const struct fake_answer *ask(void)
{
	const struct fake_answer *a = alone_ask();

	ck_assert(!a->pushed);
	return a;
}

/* The next answer that nobody asked for. */
static const struct fake_answer *pushed(void)
{
	const struct fake_answer *a = fake_host_wait(&host, host.n_answers + 1, WAIT_MS);

	ck_assert_ptr_nonnull(a);
	ck_assert(a->pushed);
	return a;
}

/* ---- what is in it ---- */

static const struct {
	const char *text, *nodes;
} good[] = {
    {"a@h\nb@h\n", "a@h b@h"},
    {"# peers\na@h b@h\t10.0.0.1 # three\r\n\n  % none\nfd00::1\n", "a@h b@h 10.0.0.1 fd00::1"},
    {"['a@h', \"b@h\",\n <<\"c@h\">>, <<\"d@h\"/utf8>>, e, f@h].\n", "a@h b@h c@h d@h e f@h"},
    {"% config\n[\"a@h\", \"b@h\"]", "a@h b@h"},
    {"[]", ""},
    {"[ ] .", ""},
    {"['a@h',]", "a@h"},
    {"\n \n", ""},
    {"# only a comment", ""},
};

START_TEST(test_good)
{
	write_file("nodes", good[_i].text);
	open_path(in_dir("nodes"));
	host.n_answers = 0;
	const struct fake_answer *a = ask();
	if (a->quality == GC_PARTIAL) /* no end of line, and young */
		a = pushed();
	is_complete(a, good[_i].nodes);
	ck_assert_int_eq(a->reason[0] == '\0', a->n > 0);
}
END_TEST

static const struct {
	const char *text, *says;
} bad[] = {
    {"a@h\n<html>\n", "line 2: no node name or host at <html>"},
    {"a@h,b@h\n", "line 1: a character that no node name has at ,b@h"},
    {"['a@h', 'b@h'", "line 1: the text ends within the list"},
    {"['a@h'\n,\n'b", "line 3: no closing quote"},
    {"['a@h' 'b@h']", "neither , nor ]"},
    {"['a@h'] x", "something behind the list"},
    {"['a b@h']", "no closing quote"},
    {"[<<'a'>>]", "a binary without"},
    {"[<<\"a\">]", "no closing >>"},
    {"[{a, b}]", "no node name or host at {a"},
    {"[,]", "no node name"},
    {"a@h \x01\n", "no node name or host"},
};

START_TEST(test_bad)
{
	write_file("nodes", bad[_i].text);
	open_path(in_dir("nodes"));
	is_error(ask(), bad[_i].says);
}
END_TEST

START_TEST(test_empty)
{
	write_file("nodes", "");
	open_path(in_dir("nodes"));
	is_complete(ask(), "");
	ck_assert_str_eq(host.answers[0].reason, "the file names nobody");
}
END_TEST

START_TEST(test_long_name)
{
	char text[300];

	memset(text, 'a', sizeof(text));
	memcpy(text + 298, "\n", 2);
	write_file("nodes", text);
	open_path(in_dir("nodes"));
	is_error(ask(), "longer than 255");
}
END_TEST

/* ---- what is no file ---- */

START_TEST(test_no_file)
{
	open_path(in_dir("nosuch"));
	is_error(ask(), "No such file");
}
END_TEST

START_TEST(test_no_regular_file)
{
	ck_assert_int_eq(mkfifo(in_dir("pipe"), 0600), 0); /* must not hold anything up */
	open_path(in_dir("pipe"));
	is_error(ask(), "is no regular file");
	ck_assert(fake_host_close(&host));
	open_path(dir);
	is_error(ask(), "is no regular file");
}
END_TEST

START_TEST(test_too_large)
{
	write_file("nodes", "a@h\n");
	ck_assert_int_eq(truncate(in_dir("nodes"), (4 << 20) + 1), 0);
	open_path(in_dir("nodes"));
	is_error(ask(), "larger than 4 MiB");
}
END_TEST

START_TEST(test_no_path)
{
	ck_assert(!fake_host_open(&host, &loop, "file", "#{path => \"\"}"));
	ck_assert_ptr_nonnull(strstr(host.err, "names no file"));
	ck_assert(!fake_host_open(&host, &loop, "file", "\"/tmp/\""));
	ck_assert(!fake_host_open(&host, &loop, "file", "#{}"));
	ck_assert_ptr_nonnull(strstr(host.err, "option path is required"));
}
END_TEST

/* ---- what happens to it ---- */

static void start(void)
{
	write_file("nodes", "a@h\n");
	open_path(in_dir("nodes"));
	is_complete(ask(), "a@h");
}

START_TEST(test_write)
{
	start();
	write_file("nodes", "a@h\nb@h\n");
	is_complete(pushed(), "a@h b@h");
	write_file("nodes", "");
	is_complete(pushed(), "");
}
END_TEST

START_TEST(test_rename)
{
	start();
	for (int i = 0; i < 5; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "n%d@h\n", i);
		replace_file("nodes", text);
		text[strlen(text) - 1] = '\0';
		is_complete(pushed(), text);
	}
}
END_TEST

START_TEST(test_delete)
{
	start();
	ck_assert_int_eq(unlink(in_dir("nodes")), 0);
	is_error(pushed(), "No such file");
	write_file("nodes", "b@h\n");
	is_complete(pushed(), "b@h");
}
END_TEST

/* Nothing new is not told; the marker is the change that comes after. */
START_TEST(test_unchanged)
{
	start();
	replace_file("nodes", "a@h\n");
	loop_for(&loop, 300);
	write_file("other", "x@h\n");
	replace_file("nodes", "b@h\n");
	is_complete(pushed(), "b@h");
	ck_assert_int_eq(host.n_answers, 2);
}
END_TEST

/* A last line without an end may be half of one: known, but nobody is missed for it, until it has
 * an end or has been left alone for two seconds. */
START_TEST(test_half_written)
{
	FILE *f = fopen(in_dir("nodes"), "w");

	fputs("a@h\nb@ho", f);
	fflush(f);
	open_path(in_dir("nodes"));
	const struct fake_answer *a = ask();
	ck_assert_int_eq(a->quality, GC_PARTIAL);
	ck_assert_str_eq(a->reason, "the last line has no end yet");
	fputs("st\n", f);
	fclose(f);
	is_complete(pushed(), "a@h b@host");
	write_file("nodes", "c@h");
	ck_assert_int_eq(pushed()->quality, GC_PARTIAL);
	is_complete(pushed(), "c@h");
}
END_TEST

/* As the kubelet does it (pkg/volume/util/atomic_writer.go). */
START_TEST(test_config_map)
{
	make_dir("..v1");
	write_file("..v1/nodes", "a@h\n");
	make_link("..v1", "..data");
	make_link("..data/nodes", "nodes");
	open_path(in_dir("nodes"));
	is_complete(ask(), "a@h");
	make_dir("..v2");
	write_file("..v2/nodes", "a@h\nb@h\n");
	make_link("..v2", "..data_tmp");
	ck_assert_int_eq(rename(in_dir("..data_tmp"), in_dir("..data")), 0);
	ck_assert_int_eq(unlink(in_dir("..v1/nodes")), 0);
	ck_assert_int_eq(rmdir(in_dir("..v1")), 0);
	is_complete(pushed(), "a@h b@h");
	loop_for(&loop, 300); /* until the new directory is watched */
	make_dir("..v3");
	write_file("..v3/nodes", "c@h\n");
	make_link("..v3", "..data_tmp");
	ck_assert_int_eq(rename(in_dir("..data_tmp"), in_dir("..data")), 0);
	is_complete(pushed(), "c@h");
}
END_TEST

/* The key leaves the ConfigMap, and comes back. */
START_TEST(test_config_map_key)
{
	make_dir("..v1");
	write_file("..v1/nodes", "a@h\n");
	make_link("..v1", "..data");
	make_link("..data/nodes", "nodes");
	open_path(in_dir("nodes"));
	is_complete(ask(), "a@h");
	make_dir("..v2");
	make_link("..v2", "..data_tmp");
	ck_assert_int_eq(rename(in_dir("..data_tmp"), in_dir("..data")), 0);
	is_error(pushed(), "No such file");
	write_file("..v2/nodes", "b@h\n");
	is_complete(ask(), "b@h");
}
END_TEST

/* A link into another directory: what happens there is seen, too. */
START_TEST(test_link)
{
	make_dir("far");
	write_file("far/list", "a@h\n");
	make_dir("near");
	make_link("../far/list", "near/nodes");
	open_path(in_dir("near/nodes"));
	is_complete(ask(), "a@h");
	loop_for(&loop, 300); /* until the directory has been found and is watched */
	write_file("far/list", "b@h\n");
	is_complete(pushed(), "b@h");
}
END_TEST

START_TEST(test_directory_replaced)
{
	make_dir("sub");
	write_file("sub/nodes", "a@h\n");
	open_path(in_dir("sub/nodes"));
	is_complete(ask(), "a@h");
	ck_assert_int_eq(unlink(in_dir("sub/nodes")), 0);
	ck_assert_int_eq(rmdir(in_dir("sub")), 0);
	is_error(pushed(), "No such file");
	loop_for(&loop, 300); /* until no event of the old one is left */
	make_dir("sub");
	write_file("sub/nodes", "b@h\n");
	is_complete(pushed(), "b@h");
	replace_file("sub/nodes", "c@h\n"); /* the new one is watched */
	is_complete(pushed(), "c@h");
}
END_TEST

START_TEST(test_relative)
{
	char here[1000];

	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_int_eq(chdir(dir), 0);
	write_file("nodes", "a@h\n");
	open_path("nodes");
	is_complete(ask(), "a@h");
	replace_file("nodes", "b@h\n");
	is_complete(pushed(), "b@h");
	ck_assert_int_eq(chdir(here), 0);
}
END_TEST

START_TEST(test_close_while_reading)
{
	start();
	ck_assert_ptr_nonnull(fake_host_refresh(&host));
	ck_assert(fake_host_close(&host));
	start();
	fake_host_cancel(&host, fake_host_refresh(&host));
	ck_assert_int_eq(host.n_answers, 2);
	is_error(&host.answers[1], "cancelled");
	is_complete(ask(), "a@h"); /* one that begins after the question */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plugin_file");
	TCase *t = tcase_create("plugin_file");

	tcase_add_checked_fixture(t, alone_setup_dir, alone_teardown);
	tcase_add_loop_test(t, test_good, 0, (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(t, test_bad, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, test_empty);
	tcase_add_test(t, test_long_name);
	tcase_add_test(t, test_no_file);
	tcase_add_test(t, test_no_regular_file);
	tcase_add_test(t, test_too_large);
	tcase_add_test(t, test_no_path);
	tcase_add_test(t, test_write);
	tcase_add_test(t, test_rename);
	tcase_add_test(t, test_delete);
	tcase_add_test(t, test_unchanged);
	tcase_add_test(t, test_half_written);
	tcase_add_test(t, test_config_map);
	tcase_add_test(t, test_config_map_key);
	tcase_add_test(t, test_link);
	tcase_add_test(t, test_directory_replaced);
	tcase_add_test(t, test_relative);
	tcase_add_test(t, test_close_while_reading);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
