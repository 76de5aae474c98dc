/* The command line of gen_cluster(8): which command, which options, where the configuration comes from
 * (file, then GEN_CLUSTER_* environment, then command line; the later wins). */
#include "build_config.h"
#include "command.h"
#include "front.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SETTINGS 64

struct args {
	const char *command, *config_file;
	const char *word[2]; /* what follows the command: NAME, OPTIONS */
	int n_words;
	bool as_json, help;
	int ready_fd;
	struct {
		char key[64];
		const char *value;
	} set[MAX_SETTINGS];
	int n_set;
};

static int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("gen_cluster: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'gen_cluster --help'.\n", stderr);
	return GC_EXIT_USAGE;
}

static void print_row(void *arg, const char *key, const char *type, const char *dflt,
		      const char *help)
{
	(void)arg;
	printf("  %-22s %s [%s%s%s]\n", key, help, type, dflt ? ", default " : "",
	       dflt ? dflt : "");
}

static void print_help(void)
{
	puts("gen_cluster makes a cluster out of Erlang nodes, from outside the virtual machine.\n"
	     "\n"
	     "  gen_cluster run [--config FILE] [--KEY VALUE ..]   beside an owner that nobody changed\n"
	     "  gen_cluster port                                   under open_port (used by the OTP application)\n"
	     "  gen_cluster discover NAME ['OPTIONS']              ask one discovery once, print the peers\n"
	     "  gen_cluster discover --config FILE                 the same for all of a configuration\n"
	     "  gen_cluster check --config FILE                    is the configuration right?\n"
	     "  gen_cluster plugins [NAME]                         what is there, and its options\n"
	     "  gen_cluster --version | --help\n"
	     "\n"
	     "  --config FILE   a sys.config (its gen_cluster entry) or a list of options\n"
	     "  --format json   for scripts (discover, check, plugins)\n"
	     "  --ready-fd FD   gets a line when others can find us, and one when `ready` holds\n"
	     "\n"
	     "Options, in the file as {KEY, VALUE}, as --KEY VALUE, or as GEN_CLUSTER_KEY:\n");
	gc_config_each_row(print_row, NULL);
	puts("\nExit codes: 0 done, 1 failed, 64 wrong usage, 78 wrong configuration.\n"
	     "Manual pages: gen_cluster(8), gen_cluster.conf(5), gc-plugin(3).");
}

/* ---- arguments ---- */

/* "--connect-timeout-ms" -> "connect_timeout_ms" */
static bool key_of(const char *arg, size_t len, char *key, size_t key_len)
{
	if (len == 0 || len >= key_len)
		return false;
	for (size_t i = 0; i < len; i++)
		key[i] = (char)(arg[i] == '-' ? '_' : arg[i]);
	key[len] = '\0';
	return true;
}

static bool parse_fd(const char *text, int *fd_r)
{
	char *end;
	long fd = strtol(text, &end, 10);

	*fd_r = (int)fd;
	return *text && !*end && fd >= 0 && fd < 65536;
}

static int take_option(struct args *a, const char *key, const char *value)
{
	if (strcmp(key, "config") == 0) {
		a->config_file = value;
	} else if (strcmp(key, "format") == 0) {
		if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
			return usage_error("--format is text or json, not '%s'", value);
		a->as_json = strcmp(value, "json") == 0;
	} else if (strcmp(key, "ready_fd") == 0) {
		if (!parse_fd(value, &a->ready_fd))
			return usage_error("--ready-fd is a descriptor, not '%s'", value);
	} else {
		if (a->n_set == MAX_SETTINGS)
			return usage_error("too many options at '%s'", key);
		memcpy(a->set[a->n_set].key, key, strlen(key) + 1);
		a->set[a->n_set++].value = value;
	}
	return 0;
}

static int take_arg(struct args *a, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *equals = strchr(arg, '=');
	char key[64];

	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
		a->help = true;
		return 0;
	}
	if (strncmp(arg, "--", 2) != 0) {
		if (!a->command)
			a->command = arg;
		else if (a->n_words < 2)
			a->word[a->n_words++] = arg;
		else
			return usage_error("unexpected '%s'", arg);
		return 0;
	}
	if (!key_of(arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2), key,
		    sizeof(key)))
		return usage_error("unknown option '%s'", arg);
	if (equals)
		return take_option(a, key, equals + 1);
	if (*i + 1 >= argc)
		return usage_error("'%s' wants a value", arg);
	return take_option(a, key, argv[++*i]);
}

/* ---- configuration: file, environment, command line ---- */

static int load(void *arg, struct gc_config **config_r, char *err, size_t err_len)
{
	const struct args *a = arg;
	int rc = a->config_file ? gc_config_from_file(a->config_file, config_r, err, err_len)
				: gc_config_default(config_r);

	if (rc)
		return rc;
	rc = gc_config_from_env(*config_r, environ, err, err_len);
	for (int i = 0; rc == 0 && i < a->n_set; i++) {
		char origin[80];
		(void)snprintf(origin, sizeof(origin), "--%s", a->set[i].key);
		rc = gc_config_set(*config_r, a->set[i].key, a->set[i].value, origin, err,
				   err_len);
	}
	if (rc) {
		gc_config_destroy(*config_r);
		*config_r = NULL;
	}
	return rc;
}

static int one_shot(struct args *a)
{
	struct gc_config *config;
	char err[1024] = "";
	int code;

	gc_log_open(NULL, NULL, GC_LOG_WARNING);
	if (load(a, &config, err, sizeof(err)) != 0) {
		fprintf(stderr, "gen_cluster: %s\n", err);
		return GC_EXIT_CONFIG;
	}
	if (strcmp(a->command, "check") == 0)
		code = gc_command_check(config, a->config_file, a->as_json);
	else if (strcmp(a->command, "discover") == 0)
		code = gc_command_discover(config, a->word[0], a->word[1], a->as_json);
	else
		code = gc_command_plugins(config, a->word[0], a->as_json);
	gc_config_destroy(config);
	return code;
}

static int run_command(struct args *a)
{
	int words = strcmp(a->command, "discover") == 0	 ? 2
		    : strcmp(a->command, "plugins") == 0 ? 1
							  : 0;

	if (a->n_words > words)
		return usage_error("unexpected '%s'", a->word[words]);
	if (strcmp(a->command, "run") == 0)
		return gc_front_run(load, a, a->config_file, a->ready_fd);
	if (strcmp(a->command, "port") == 0)
		return gc_front_port();
	if (strcmp(a->command, "check") == 0 && !a->config_file)
		return usage_error("check wants --config FILE");
	if (strcmp(a->command, "check") == 0 || strcmp(a->command, "discover") == 0 ||
	    strcmp(a->command, "plugins") == 0)
		return one_shot(a);
	return usage_error("unknown command '%s'", a->command);
}

static int run(int argc, char **argv)
{
	struct args args = {.ready_fd = -1};
	int rc;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("gen_cluster " PACKAGE_VERSION);
		return GC_EXIT_OK;
	}
	for (int i = 1; i < argc; i++)
		if ((rc = take_arg(&args, argc, argv, &i)) != 0)
			return rc;
	if (args.help) {
		print_help();
		return GC_EXIT_OK;
	}
	if (!args.command) {
		print_help();
		return GC_EXIT_USAGE;
	}
	return run_command(&args);
}

/* A script must not take half an answer for a whole one: a full disk shows at the end, if not
 * before. */
int main(int argc, char **argv)
{
	gc_front_harden();
	int code = run(argc, argv);

	if ((ferror(stdout) || fflush(stdout) != 0) && code == GC_EXIT_OK) {
		fprintf(stderr, "gen_cluster: not all could be printed: %s\n", strerror(errno));
		return GC_EXIT_FAILED;
	}
	return code;
}
