/* plugin: names, the judgement of files, the check of what they hold. Files are copies of the built
 * static.so and of the bad plugins, in a directory of the test's own. */
#include "plugin.h"

#include "err.h"
#include "loop_until.h"
#include "plugin_priv.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], err[1024];
static struct gc_module *module;
static int fds;

static const char *build_file(const char *name)
{
	static char file[2][600];
	static unsigned turn;
	const char *build = getenv("GC_BUILDDIR");
	char *to = file[turn++ % 2];

	(void)snprintf(to, sizeof(file[0]), "%s/%s", build ? build : ".", name);
	return to;
}

static void run(const char *command)
{
	ck_assert_msg(system(command) == 0, "%s", command);
}

static void write_text(const char *name)
{
	char file[200];

	(void)snprintf(file, sizeof(file), "%s/%s", dir, name);
	FILE *f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	fputs("hello\n", f);
	fclose(f);
}

/* A copy of static.so as DIR/NAME. */
static const char *copy_static(const char *name)
{
	static char file[200];

	(void)snprintf(file, sizeof(file), "%s/%s", dir, name);
	char command[1000];
	(void)snprintf(command, sizeof(command), "cp %s %s", build_file("plugins/.libs/static.so"),
		       file);
	run(command);
	ck_assert_int_eq(chmod(file, 0755), 0);
	return file;
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/gc_check_plugin.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(setenv("GEN_CLUSTER_PLUGIN_DIR", dir, 1), 0);
	err[0] = '\0';
	fds = count_fds();
}

static void teardown(void)
{
	char command[100];

	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	run(command);
}

static int open_it(const char *name)
{
	return gc_module_open(NULL, name, &module, err, sizeof(err));
}

static void refused(const char *name, const char *with)
{
	int rc = open_it(name);

	ck_assert_msg(rc < 0, "%s was not refused", name);
	ck_assert_msg(strstr(err, with) != NULL, "\"%s\" does not say \"%s\"", err, with);
	ck_assert_ptr_null(module);
	if (gc_plugin_file_unloads()) /* else a module stays loaded, with its directory */
		ck_assert_int_eq(count_fds(), fds);
}

START_TEST(test_alias)
{
	static const struct {
		const char *name, *canonical, *preset;
	} rows[] = {
	    {"gc_discover_static", "static", NULL},
	    {"gc_discover_epmd_hosts", "epmd", NULL},
	    {"gc_discover_epmd_all", "epmd", NULL},
	    {"epmd_all", "epmd", NULL},
	    {"gc_discover_dns_a", "dns", "#{record_type => a}"},
	    {"gc_discover_dns_ip", "dns", "#{record_type => ip}"},
	    {"gc_discover_dns_srv", "dns", "#{record_type => srv}"},
	    {"static", "static", NULL},
	    {"my_discover", "my_discover", NULL},
	};
	const char *preset;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_str_eq(gc_plugin_alias(rows[i].name, &preset), rows[i].canonical);
		ck_assert_pstr_eq(preset, rows[i].preset);
	}
}
END_TEST

START_TEST(test_open_by_name)
{
	struct gc_module *again;

	copy_static("static.so");
	ck_assert_msg(open_it("gc_discover_static") == 0, "%s", err);
	ck_assert_str_eq(module->plugin->name, "static");
	ck_assert(module->discovery.create != NULL);
	ck_assert(module->dist.create == NULL);
	ck_assert_ptr_nonnull(strstr(module->file, dir));
	ck_assert_int_eq(gc_module_open(NULL, "static", &again, err, sizeof(err)), 0);
	ck_assert_ptr_eq(module, again);
	gc_module_close(again);
	ck_assert_str_eq(module->plugin->name, "static"); /* still loaded */
	gc_module_close(module);
	gc_module_close(NULL);
}
END_TEST

START_TEST(test_builtin)
{
	ck_assert_msg(open_it("ei") == 0, "%s", err);
	ck_assert_ptr_null(module->file);
	ck_assert(module->dist.connect != NULL);
	gc_module_close(module);
}
END_TEST

/* The configured path is asked before the directory where we were installed, the environment first.
 */
START_TEST(test_path)
{
	const char *dirs[] = {"/nonexistent", dir};
	const struct gc_plugin_path path = {dirs, 2};

	ck_assert_int_eq(unsetenv("GEN_CLUSTER_PLUGIN_DIR"), 0);
	copy_static("static.so");
	ck_assert_msg(gc_module_open(&path, "static", &module, err, sizeof(err)) == 0, "%s", err);
	gc_module_close(module);
	ck_assert_int_eq(gc_module_open(&path, "sttic", &module, err, sizeof(err)), GC_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err, "/nonexistent, "));
	ck_assert_ptr_nonnull(strstr(err, dir));
}
END_TEST

/* A tree that was moved as a whole: bin/PROGRAM finds ../lib/gen_cluster, however it was called. */
START_TEST(test_beside_program)
{
	char command[2000];

	(void)snprintf(
	    command, sizeof(command),
	    "cd %s && mkdir bin lib lib/gen_cluster && cp %s bin/moved && ln -s bin/moved link &&"
	    " cp %s lib/gen_cluster/static.so && unset GEN_CLUSTER_PLUGIN_DIR &&"
	    " ./link plugins static | grep -q %s/lib/gen_cluster/static.so",
	    dir, build_file("gen_cluster"), build_file("plugins/.libs/static.so"), dir);
	run(command);
}
END_TEST

START_TEST(test_open_by_file)
{
	const char *file = copy_static("static.so");
	char link[300];

	ck_assert_msg(open_it(file) == 0, "%s", err);
	gc_module_close(module);
	/* a link to a file that is in order */
	(void)snprintf(link, sizeof(link), "%s/sub", dir);
	ck_assert_int_eq(mkdir(link, 0755), 0);
	strcat(link, "/static.so");
	ck_assert_int_eq(symlink(file, link), 0);
	ck_assert_msg(open_it(link) == 0, "%s", err);
	gc_module_close(module);
}
END_TEST

START_TEST(test_missing)
{
	refused("nosuch", "there is no plugin nosuch");
	refused("/nonexistent/nosuch.so", "No such file");
	refused("/nonexistent/nosuch", "ends in .so");
}
END_TEST

START_TEST(test_file_mode)
{
	const char *file = copy_static("static.so");

	ck_assert_int_eq(chmod(file, 0757), 0);
	refused(file, "writable by everybody");
	ck_assert_int_eq(chmod(file, 0755), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(file, 0, 65534), 0);
		ck_assert_int_eq(chmod(file, 0775), 0);
		refused(file, "writable by group 65534");
		ck_assert_int_eq(chown(file, 0, 0), 0);
		ck_assert_msg(open_it(file) == 0, "root's group: %s", err);
		gc_module_close(module);
		ck_assert_int_eq(chown(file, 65534, 0), 0);
		refused(file, "belongs to user 65534");
	}
}
END_TEST

START_TEST(test_dir_mode)
{
	const char *file = copy_static("static.so");

	ck_assert_int_eq(chmod(dir, 0777), 0);
	refused(file, "directory is writable by everybody");
	ck_assert_int_eq(chmod(dir, 01777), 0); /* sticky does not help: new files may appear */
	refused("static", "directory is writable by everybody");
	ck_assert_int_eq(chmod(dir, 0700), 0);
	ck_assert_msg(open_it(file) == 0, "%s", err);
	gc_module_close(module);
}
END_TEST

START_TEST(test_not_regular)
{
	char file[200];

	(void)snprintf(file, sizeof(file), "%s/pipe.so", dir);
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	refused(file, "no regular file");
	(void)snprintf(file, sizeof(file), "%s/folder.so", dir);
	ck_assert_int_eq(mkdir(file, 0755), 0);
	refused(file, "no regular file");
}
END_TEST

START_TEST(test_not_elf)
{
	char file[200];

	write_text("text.so");
	(void)snprintf(file, sizeof(file), "%s/text.so", dir);
	refused(file, file);
}
END_TEST

START_TEST(test_wrong_name)
{
	refused(copy_static("renamed.so"), "name is static, expected renamed");
}
END_TEST

static const struct {
	const char *name, *says;
} bad[] = {
    {"bad_abi", "abi is 2, expected 1"},
    {"bad_small", "struct_size is"},
    {"bad_name", "name is other, expected bad_name"},
    {"bad_missing", "the mandatory callback close is missing"},
    {"bad_tail", "discovery: struct_size is"},
    {"bad_both", "both refresh and refresh_blocking"},
    {"bad_option", "options: colour has no choices"},
    {"bad_null", "gave NULL"},
    {"bad_empty", "neither discovery nor dist"},
    {"bad_none", "exports no gc_plugin_entry"},
};

START_TEST(test_bad)
{
	char file[100];

	(void)snprintf(file, sizeof(file), "test/unit/.libs/%s.so", bad[_i].name);
	/* What is refused is closed again; sanitizers keep nothing of it but the mapping. */
	refused(build_file(file), bad[_i].says);
	ck_assert_ptr_nonnull(strstr(err, bad[_i].name));
}
END_TEST

struct seen {
	int n, n_refused;
	bool has_static, has_ei, has_bad;
};

static void on_module(void *arg, const char *file, const struct gc_module *m, const char *why)
{
	struct seen *s = arg;

	s->n++;
	s->n_refused += why != NULL;
	ck_assert_int_eq(m == NULL, why != NULL);
	s->has_static |= m && strcmp(m->plugin->name, "static") == 0 && file;
	s->has_ei |= m && strcmp(m->plugin->name, "ei") == 0 && !file;
	s->has_bad |= why && file && strstr(file, "text.so") && strstr(why, "text.so");
}

START_TEST(test_each)
{
	struct seen seen = {0};

	copy_static("static.so");
	write_text("text.so");
	write_text("notes.txt");
	gc_module_each(NULL, on_module, &seen);
	ck_assert(seen.has_static && seen.has_ei && seen.has_bad);
	ck_assert_int_eq(seen.n_refused, 1);
}
END_TEST

/* Every plugin that was built is one that the loader takes. */
/* What was built with an older header, or a newer one, is taken; another ABI is not. */
START_TEST(test_abi)
{
	ck_assert_msg(open_it(build_file("test/unit/.libs/abi_old.so")) == 0, "%s", err);
	ck_assert(module->discovery.refresh != NULL);
	gc_module_close(module);
	ck_assert_msg(open_it(build_file("test/unit/.libs/abi_new.so")) == 0, "%s", err);
	ck_assert_str_eq(module->plugin->version, "2");
	gc_module_close(module);
	refused(build_file("test/unit/.libs/abi_zero.so"), "abi is 0, expected 1: built for another");
	refused(build_file("test/unit/.libs/bad_none.so"), "exports no gc_plugin_entry");
}
END_TEST

/* Every plugin that comes with gen_cluster; make tells which they are. */
START_TEST(test_all_built)
{
	static char names[] = GC_BUNDLED;
	size_t n = 0;

	for (char *file = strtok(names, " "); file; file = strtok(NULL, " "), n++) {
		char path[300];
		const char *slash = strrchr(file, '/');
		int len = (int)strlen(file) - (int)strlen(".la");
		(void)snprintf(path, sizeof(path), "plugins/.libs%.*s.so", len - (int)(slash - file), slash);
		ck_assert_msg(open_it(build_file(path)) == 0, "%s", err);
		ck_assert(strlen(module->plugin->summary) > 0);
		for (const struct gc_option *o = module->plugin->options; o && o->name; o++)
			ck_assert_msg(o->help && *o->help, "%s: %s has no help", path, o->name);
		gc_module_close(module);
	}
	ck_assert_uint_ge(n, 6);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plugin");
	TCase *t = tcase_create("plugin");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_alias);
	tcase_add_test(t, test_open_by_name);
	tcase_add_test(t, test_builtin);
	tcase_add_test(t, test_path);
	tcase_add_test(t, test_beside_program);
	tcase_add_test(t, test_open_by_file);
	tcase_add_test(t, test_missing);
	tcase_add_test(t, test_file_mode);
	tcase_add_test(t, test_dir_mode);
	tcase_add_test(t, test_not_regular);
	tcase_add_test(t, test_not_elf);
	tcase_add_test(t, test_wrong_name);
	tcase_add_loop_test(t, test_bad, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, test_each);
	tcase_add_test(t, test_abi);
	tcase_add_test(t, test_all_built);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
