/* The front ends `run` and `port`; see front.h. */
#include "front.h"
#include "build_config.h"
#include "check.h"
#include "daemon.h"
#include "log_stderr.h"
#include "manager.h"
#include "port.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FLUSH_PORT_MS 100
#define FLUSH_LOG_MS 100

extern char **environ;

struct front {
	uv_loop_t loop;
	uv_signal_t term, intr, hup;
	uv_timer_t watchdog;
	struct gc_daemon *daemon;
	struct gc_port *port;	 /* NULL under `run` */
	gc_front_load load;	 /* NULL under `port` */
	void *load_arg;
	const char *origin;	 /* for what plugins say against their options */
	int exit_code;
	bool is_leaving;
};

/* One that is closed would be given to the next socket, and get the log. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

void gc_front_harden(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL); /* a log file at its limit: the write fails, that is enough */
	fill_standard_descriptors();
#ifndef GC_SANITIZER /* the leak checker traces its own process */
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* ---- leaving ---- */

static void on_port_closed(void *arg)
{
	struct front *f = arg;

	f->port = NULL;
}

static void close_handles(struct front *f)
{
	uv_handle_t *handles[] = {(uv_handle_t *)&f->term, (uv_handle_t *)&f->intr,
				  (uv_handle_t *)&f->hup, (uv_handle_t *)&f->watchdog};

	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		if (!uv_is_closing(handles[i]))
			uv_close(handles[i], NULL);
	gc_manager_close();
	gc_log_open(NULL, NULL, GC_LOG_WARNING);
	if (f->port)
		gc_port_close(f->port, FLUSH_PORT_MS, on_port_closed, f);
}

static void on_stopped(void *arg)
{
	struct front *f = arg;

	f->daemon = NULL;
	close_handles(f);
}

/* Something hangs: our links and our name are gone by now, so nobody waits for us. */
static void on_watchdog(uv_timer_t *timer)
{
	struct front *f = timer->data;

	gc_log_open(NULL, NULL, GC_LOG_WARNING);
	gc_log(GC_LOG_WARNING, "node", "not everything closed within %d ms, leaving anyway",
	       GC_LEAVE_MS);
	gc_log_stderr_stop(FLUSH_LOG_MS);
	_exit(f->exit_code);
}

static void leave(struct front *f, int exit_code, const char *why)
{
	if (f->is_leaving)
		return;
	f->is_leaving = true;
	f->exit_code = exit_code;
	gc_log(GC_LOG_NOTICE, "node", "leaving: %s", why);
	gc_manager_stopping(why);
	uv_timer_start(&f->watchdog, on_watchdog, GC_LEAVE_MS, 0);
	if (f->daemon)
		gc_daemon_stop(f->daemon);
	else
		close_handles(f);
}

/* ---- signals ---- */

static void on_term(uv_signal_t *signal, int number)
{
	leave(signal->data, GC_EXIT_OK, number == SIGINT ? "SIGINT" : "SIGTERM");
}

static int reload(struct front *f, char *err, size_t err_len)
{
	struct gc_config *config;
	int rc = f->load(f->load_arg, &config, err, err_len);

	if (rc) {
		gc_log(GC_LOG_ERROR, "config", "not reloaded, the old one stays: %s", err);
		return rc;
	}
	rc = gc_daemon_reload(f->daemon, config, err, err_len);
	if (rc)
		gc_log(GC_LOG_ERROR, "config", "not reloaded, the old one stays: %s: %s",
		       f->origin, err);
	return rc;
}

static void on_hup(uv_signal_t *signal, int number)
{
	struct front *f = signal->data;
	char err[1024];

	(void)number;
	if (!f->load || f->is_leaving || !f->daemon)
		return;
	gc_manager_reloading();
	gc_manager_reloaded(reload(f, err, sizeof(err)) ? err : NULL);
}

static void open_front(struct front *f)
{
	gc_log_stderr_start();
	GC_REQUIRE(uv_loop_init(&f->loop) == 0);
	uv_signal_init(&f->loop, &f->term);
	uv_signal_init(&f->loop, &f->intr);
	uv_signal_init(&f->loop, &f->hup);
	uv_timer_init(&f->loop, &f->watchdog);
	f->term.data = f->intr.data = f->hup.data = f->watchdog.data = f;
	uv_signal_start(&f->term, on_term, SIGTERM);
	uv_signal_start(&f->intr, on_term, SIGINT);
	uv_signal_start(&f->hup, on_hup, SIGHUP);
}

static int run_loop(struct front *f)
{
	uv_run(&f->loop, UV_RUN_DEFAULT);
	gc_log_stderr_stop(FLUSH_LOG_MS);
	if (uv_loop_close(&f->loop) != 0) {
		fprintf(stderr, "gen_cluster: handles left open at the end:\n");
		uv_print_all_handles(&f->loop, stderr);
#ifdef GC_SANITIZER
		abort();
#endif
	}
	return f->exit_code;
}

/* ---- gen_cluster run ---- */

static int start(struct front *f, struct gc_config *config, const char *cookie, int ready_fd,
		 char *err, size_t err_len)
{
	struct gc_daemon_config c = {.loop = &f->loop,
				     .config = config,
				     .cookie = cookie,
				     .ready_fd = ready_fd,
				     .on_stopped = on_stopped,
				     .arg = f};

	gc_log_set_level(config->log_level);
	return gc_daemon_start(&c, &f->daemon, err, err_len);
}

static void log_versions(void)
{
	gc_log(GC_LOG_INFO, "node", "gen_cluster %s, libuv %s, %s", PACKAGE_VERSION,
	       uv_version_string(), GC_EI_VERSION);
}

/* What its plugins say against their options is an error of the configuration as well. */
static void not_started(struct front *f, int rc, const char *err)
{
	bool is_config = rc == GC_EINVAL || rc == GC_ENOTFOUND;

	fprintf(stderr, "gen_cluster: %s%s%s\n", is_config ? f->origin : "", is_config ? ": " : "",
		err);
	leave(f, is_config ? GC_EXIT_CONFIG : GC_EXIT_FAILED, "it could not start");
}

int gc_front_run(gc_front_load load, void *arg, const char *file, int ready_fd)
{
	struct front f = {.load = load,
			  .load_arg = arg,
			  .origin = file ? file : "options",
			  .exit_code = GC_EXIT_OK};
	struct gc_config *config;
	char err[1024] = "", cookie[256];
	int rc;

	if (load(arg, &config, err, sizeof(err)) != 0) {
		fprintf(stderr, "gen_cluster: %s\n", err);
		return GC_EXIT_CONFIG;
	}
	if (config->is_empty) {
		fprintf(stderr, "gen_cluster: the configuration is empty: nothing to start\n");
		gc_config_destroy(config);
		return GC_EXIT_OK;
	}
	if (gc_cookie_read(config->cookie_file, cookie, err, sizeof(err)) != 0) {
		fprintf(stderr, "gen_cluster: %s\n", err);
		gc_config_destroy(config);
		return GC_EXIT_CONFIG;
	}
	open_front(&f);
	gc_manager_open(&f.loop);
	log_versions();
	rc = start(&f, config, cookie, ready_fd, err, sizeof(err));
	explicit_bzero(cookie, sizeof(cookie));
	if (rc)
		not_started(&f, rc, err);
	return run_loop(&f);
}

/* ---- gen_cluster port ---- */

static void send_tuple2(struct front *f, const char *tag, const char *atom, const char *text)
{
	struct gc_buf b = {0};

	gc_etf_put_tuple(&b, 2);
	gc_etf_put_atom(&b, tag);
	if (atom)
		gc_etf_put_atom(&b, atom);
	else
		gc_etf_put_text(&b, text);
	(void)gc_port_send(f->port, &b, false);
	gc_buf_deinit(&b);
}

static void send_hello(struct front *f)
{
	struct gc_buf b = {0};

	gc_etf_put_tuple(&b, 2);
	gc_etf_put_atom(&b, "hello");
	gc_etf_put_map(&b, 3);
	gc_etf_put_atom(&b, "version");
	gc_etf_put_text(&b, PACKAGE_VERSION);
	gc_etf_put_atom(&b, "abi");
	gc_etf_put_uint(&b, GC_PLUGIN_ABI);
	gc_etf_put_atom(&b, "pid");
	gc_etf_put_int(&b, getpid());
	(void)gc_port_send(f->port, &b, false);
	gc_buf_deinit(&b);
}

static void to_port(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	struct front *f = arg;
	struct gc_buf b = {0};

	gc_etf_put_tuple(&b, 4);
	gc_etf_put_atom(&b, "log");
	gc_etf_put_atom(&b, gc_log_level_name(level));
	gc_etf_put_text(&b, area);
	gc_etf_put_text(&b, line);
	(void)gc_port_send(f->port, &b, true);
	gc_buf_deinit(&b);
}

/* Owner and name of {start, Map} go over the environment, and that over what the options say. */
static int start_config(const struct gc_term *map, struct gc_config **config_r, char *err,
			size_t err_len)
{
	const struct gc_term *options = gc_term_get(map, "options");
	const char *keys[] = {"owner", "name"};
	int rc = options ? gc_config_from_term(options, NULL, config_r, err, err_len)
			 : gc_config_default(config_r);

	if (rc == 0 && (rc = gc_config_from_env(*config_r, environ, err, err_len)) != 0)
		gc_config_destroy(*config_r);
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		const struct gc_term *t = gc_term_get(map, keys[i]);
		const char *text = t ? gc_term_text(t) : NULL;
		if (!text || strcmp(text, "undefined") == 0)
			continue;
		rc = gc_config_set(*config_r, keys[i], text, "start", err, err_len);
		if (rc)
			gc_config_destroy(*config_r);
	}
	return rc;
}

static void on_start(struct front *f, const struct gc_term *map)
{
	const struct gc_term *cookie_term = gc_term_get(map, "cookie");
	const char *cookie = cookie_term ? gc_term_text(cookie_term) : NULL;
	struct gc_config *config;
	char err[1024] = "";
	int rc = GC_EINVAL;

	if (f->daemon)
		return;
	if (!cookie || !*cookie || strlen(cookie) > 255)
		(void)snprintf(err, sizeof(err), "start: no cookie, or one of over 255 bytes");
	else
		rc = start_config(map, &config, err, sizeof(err));
	if (rc == 0)
		rc = start(f, config, cookie, -1, err, sizeof(err));
	if (rc) {
		send_tuple2(f, "error", NULL, err);
		leave(f, GC_EXIT_CONFIG, "the configuration was refused");
		return;
	}
	send_tuple2(f, "started", gc_daemon_node(f->daemon), NULL);
}

static void on_call(struct front *f, const struct gc_term *id, const struct gc_term *request)
{
	struct gc_buf b = {0};

	gc_etf_put_tuple(&b, 3);
	gc_etf_put_atom(&b, "reply");
	gc_etf_put_term(&b, id);
	if (f->daemon) {
		gc_daemon_request(f->daemon, request, &b);
	} else {
		gc_etf_put_tuple(&b, 2);
		gc_etf_put_atom(&b, "error");
		gc_etf_put_atom(&b, "not_started");
	}
	(void)gc_port_send(f->port, &b, false);
	gc_buf_deinit(&b);
}

static void on_reload(struct front *f, const struct gc_term *options)
{
	struct gc_config *config;
	struct gc_buf b = {0};
	char err[1024] = "not started";
	int rc = f->daemon ? gc_config_from_term(options, NULL, &config, err, sizeof(err))
			   : GC_EINVAL;

	if (rc == 0)
		rc = gc_daemon_reload(f->daemon, config, err, sizeof(err));
	gc_etf_put_tuple(&b, 2);
	gc_etf_put_atom(&b, "reloaded");
	if (rc) {
		gc_etf_put_tuple(&b, 2);
		gc_etf_put_atom(&b, "error");
		gc_etf_put_text(&b, err);
	} else {
		gc_etf_put_atom(&b, "ok");
	}
	(void)gc_port_send(f->port, &b, false);
	gc_buf_deinit(&b);
}

static void on_packet(void *arg, struct gc_span term)
{
	struct front *f = arg;
	struct gc_arena *arena = gc_arena_create(0);
	const struct gc_term *t;

	if (f->is_leaving || !arena || gc_etf_decode(arena, term.p, term.len, &t) != 0) {
		gc_arena_destroy(arena);
		return;
	}
	if (gc_term_is_atom(t, "stop"))
		leave(f, GC_EXIT_OK, "stop");
	else if (gc_term_is_tuple(t, 2, "start"))
		on_start(f, t->items[1]);
	else if (gc_term_is_tuple(t, 3, "call"))
		on_call(f, t->items[1], t->items[2]);
	else if (gc_term_is_tuple(t, 2, "reload"))
		on_reload(f, t->items[1]);
	else
		gc_log(GC_LOG_WARNING, "port", "a packet that means nothing to us");
	gc_arena_destroy(arena);
}

static void on_end(void *arg, const char *why)
{
	leave(arg, GC_EXIT_OK, why);
}

int gc_front_port(void)
{
	struct front f = {.exit_code = GC_EXIT_OK};
	struct gc_port_config c = {
		.loop = &f.loop, .in_fd = 0, .out_fd = 1, .arg = &f, .on_packet = on_packet, .on_end = on_end};
	int rc;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a second rope: the first is EOF on stdin */
	open_front(&f);
	rc = gc_port_open(&c, &f.port);
	if (rc) {
		fprintf(stderr,
			"gen_cluster: port: stdin and stdout must be pipes, as open_port makes them: %s\n",
			gc_err_text(rc));
		leave(&f, GC_EXIT_USAGE, "no port");
		return run_loop(&f);
	}
	gc_log_open(to_port, &f, GC_LOG_NOTICE);
	send_hello(&f);
	log_versions();
	return run_loop(&f);
}
