/* file: peers from a file that is watched; options and failures are in file.md.
 *
 * The file is read on a thread of its own (not of the pool of uv, which would hold up others, and
 * the exit, should the file system hang), one reading at a time, for each question and after each
 * event. What is watched is its directory, so that a rename over it, a delete and a new one are
 * seen; and, where the path leads through a symbolic link, the directory it really is in. A
 * Kubernetes ConfigMap is replaced by a rename of the link `..data` beside the link that we were
 * told, so events of names in "..*" count as well. Watches are set anew before each reading: a
 * directory may have been replaced, and what happens between watch and reading is seen by one of
 * them. Questions find what no event told (network file systems). All but the reading on the loop
 * thread. */
#include <gen_cluster/gc_plugin.h>

#include "../common/peer_text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define MAX_BYTES (4u << 20)
#define SETTLE_MS 100	/* a writer is given this long after its last event */
#define UNENDED_MS 2000 /* a last line without an end is taken as one after this */
#define POLL_MS 2000	/* where the directory cannot be watched */
#define WATCHES 2

struct reading {    /* the thread's while it runs */
	char *text; /* NULL: error */
	size_t len;
	bool is_unended; /* perhaps half-written: no newline at the end, and young */
	char error[200];
	char real_dir[PATH_MAX];
};

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
	const char *path, *base;
	char *dir;
	struct gc_request *asked; /* waits for a reading that begins after it */
	uv_thread_t thread;
	uv_async_t done;  /* the thread is back */
	uv_timer_t timer; /* the next reading that nobody asked for */
	uv_fs_event_t watches[WATCHES];
	char real_dir[PATH_MAX];  /* of the last reading */
	struct reading now, told; /* being read; last answered */
	bool is_told;
	bool is_reading, is_wanted_again, is_closing;
	unsigned open_handles;
};

/* ---- on the thread ---- */

static void reading_clear(struct reading *r)
{
	free(r->text);
	memset(r, 0, sizeof(*r));
}

static void reading_fail(struct reading *r, const char *path, const char *why)
{
	free(r->text);
	r->text = NULL;
	r->len = 0;
	(void)snprintf(r->error, sizeof(r->error), "%.120s: %s", path, why);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool is_young(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age_ms = ((int64_t)now.tv_sec - st->st_mtim.tv_sec) * 1000 +
			 (now.tv_nsec - st->st_mtim.tv_nsec) / 1000000;
	return age_ms >= 0 && age_ms < UNENDED_MS;
}

static bool is_unended(const struct reading *r)
{
	return r->len > 0 && !strchr("\n].", r->text[r->len - 1]);
}

static void read_all(struct reading *r, int fd, size_t size, const char *path)
{
	ssize_t n = 1;

	r->text = malloc(size + 1);
	while (r->text && r->len <= size && n > 0) {
		n = read(fd, r->text + r->len, size + 1 - r->len);
		if (n > 0)
			r->len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (!r->text)
		reading_fail(r, path, "out of memory");
	else if (n < 0)
		reading_fail(r, path, strerror(errno));
	else if (r->len != size)
		reading_fail(r, path, "changed while it was read");
}

static void read_file(struct reading *r, int fd, const char *path)
{
	struct stat before, after;

	if (fstat(fd, &before)) {
		reading_fail(r, path, strerror(errno));
	} else if (!S_ISREG(before.st_mode)) {
		reading_fail(r, path, "is no regular file");
	} else if (before.st_size > (off_t)MAX_BYTES) {
		reading_fail(r, path, "is larger than 4 MiB");
	} else {
		read_all(r, fd, (size_t)before.st_size, path);
		if (r->text && (fstat(fd, &after) || !is_same(&before, &after)))
			reading_fail(r, path, "changed while it was read");
		if (r->text)
			r->is_unended = is_unended(r) && is_young(&before);
	}
}

static void set_real_dir(struct reading *r, const char *path)
{
	char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	if (slash) {
		*(slash == real ? slash + 1 : slash) = '\0';
		(void)snprintf(r->real_dir, sizeof(r->real_dir), "%s", real);
	}
	free(real);
}

static void read_on_thread(void *arg)
{
	struct source *s = arg;
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		reading_fail(&s->now, s->path, strerror(errno));
	} else {
		set_real_dir(&s->now, s->path);
		read_file(&s->now, fd, s->path);
		close(fd);
	}
	uv_async_send(&s->done);
}

/* ---- answers ---- */

static void answer(struct source *s, struct gc_request *request, const struct reading *r)
{
	size_t n;
	char err[160], reason[400];

	if (!r->text) {
		s->host->finish(request, GC_ERROR, r->error);
	} else if (gc_peer_text_add(r->text, r->len, s->host, request, &n, err, sizeof(err)) != 0) {
		(void)snprintf(reason, sizeof(reason), "%.120s: %s", s->path, err);
		s->host->finish(request, GC_ERROR, reason);
	} else if (r->is_unended) {
		s->host->finish(request, GC_PARTIAL, "the last line has no end yet");
	} else {
		s->host->finish(request, GC_COMPLETE, n ? NULL : "the file names nobody");
	}
}

static bool is_new(const struct source *s)
{
	const struct reading *a = &s->now, *b = &s->told;

	if (!s->is_told || !a->text != !b->text || a->is_unended != b->is_unended)
		return true;
	if (!a->text)
		return strcmp(a->error, b->error) != 0;
	return a->len != b->len || memcmp(a->text, b->text, a->len) != 0;
}

/* ---- reading and watching ---- */

static void begin_reading(struct source *s);

static void on_timer(uv_timer_t *timer)
{
	begin_reading(timer->data);
}

static void on_event(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct source *s = watch->data;
	bool is_ours = !name || status < 0 || watch == &s->watches[1] ||
		       strcmp(name, s->base) == 0 || strncmp(name, "..", 2) == 0;

	(void)events;
	if (is_ours && !s->is_closing)
		uv_timer_start(&s->timer, on_timer, SETTLE_MS, 0);
}

static bool watch_dir(struct source *s, unsigned i, const char *dir)
{
	uv_fs_event_stop(&s->watches[i]);
	return uv_fs_event_start(&s->watches[i], on_event, dir, 0) == 0;
}

static bool watch(struct source *s)
{
	bool has_other = s->real_dir[0] && strcmp(s->real_dir, s->dir) != 0;
	bool ok = watch_dir(s, 0, s->dir);

	uv_fs_event_stop(&s->watches[1]);
	if (has_other)
		ok = watch_dir(s, 1, s->real_dir) && ok;
	return ok;
}

static void on_closed(uv_handle_t *handle)
{
	struct source *s = handle->data;
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	if (--s->open_handles > 0)
		return;
	reading_clear(&s->now);
	reading_clear(&s->told);
	free(s->dir);
	free(s);
	host->closed(inst);
}

static void close_handles(struct source *s)
{
	for (unsigned i = 0; i < WATCHES; i++)
		uv_close((uv_handle_t *)&s->watches[i], on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
	uv_close((uv_handle_t *)&s->done, on_closed);
}

/* A directory that the path did not lead to before is watched from now on; the file is read again
 * for what may have happened in between. */
static void follow(struct source *s)
{
	bool is_other = strcmp(s->real_dir, s->now.real_dir) != 0;

	memcpy(s->real_dir, s->now.real_dir, sizeof(s->real_dir));
	if (s->now.is_unended)
		uv_timer_start(&s->timer, on_timer, UNENDED_MS, 0);
	if (is_other && strcmp(s->real_dir, s->dir) != 0)
		uv_timer_start(&s->timer, on_timer, SETTLE_MS, 0);
}

static void tell(struct source *s, struct gc_request *request)
{
	if (!request && is_new(s))
		request = s->host->push(s->inst);
	if (!request)
		return;
	answer(s, request, &s->now);
	reading_clear(&s->told);
	s->told = s->now;
	s->is_told = true;
	memset(&s->now, 0, sizeof(s->now));
}

static void on_done(uv_async_t *async)
{
	struct source *s = async->data;
	struct gc_request *request = s->is_wanted_again ? NULL : s->asked;

	(void)uv_thread_join(&s->thread);
	s->is_reading = false;
	if (s->is_closing) {
		close_handles(s);
		return;
	}
	follow(s);
	if (request)
		s->asked = NULL;
	tell(s, request);
	if (s->is_wanted_again)
		begin_reading(s);
}

static void begin_reading(struct source *s)
{
	s->is_wanted_again = s->is_reading;
	if (s->is_reading)
		return;
	if (!watch(s))
		uv_timer_start(&s->timer, on_timer, POLL_MS, 0);
	reading_clear(&s->now);
	s->is_reading = uv_thread_create(&s->thread, read_on_thread, s) == 0;
	if (s->is_reading)
		return;
	reading_fail(&s->now, s->path, "no thread could be started");
	struct gc_request *request = s->asked;
	s->asked = NULL;
	tell(s, request);
}

/* ---- callbacks ---- */

static int refresh(void *self, struct gc_request *request)
{
	struct source *s = self;

	s->asked = request;
	begin_reading(s);
	return 0;
}

static void cancel(void *self, struct gc_request *request)
{
	struct source *s = self;

	if (s->asked != request)
		return;
	s->asked = NULL;
	s->host->finish(request, GC_ERROR, "cancelled");
}

static void close_source(void *self)
{
	struct source *s = self;

	s->is_closing = true;
	if (!s->is_reading)
		close_handles(s);
}

static void init_handles(struct source *s)
{
	uv_loop_t *loop = s->host->loop;

	uv_timer_init(loop, &s->timer);
	uv_async_init(loop, &s->done, on_done);
	for (unsigned i = 0; i < WATCHES; i++) {
		uv_fs_event_init(loop, &s->watches[i]);
		s->watches[i].data = s;
	}
	s->timer.data = s->done.data = s;
	s->open_handles = 2 + WATCHES;
}

/* Splits the path: "/etc/x/nodes" -> "/etc/x" and "nodes", "nodes" -> "." and "nodes". */
static bool set_path(struct source *s, const char *path)
{
	const char *slash = strrchr(path, '/');

	s->path = path;
	s->base = slash ? slash + 1 : path;
	if (!slash)
		s->dir = strdup(".");
	else
		s->dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	return s->dir != NULL;
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	struct source *s = calloc(1, sizeof(*s));
	const char *path = host->str(inst, "path", 0);

	if (!s || !set_path(s, path)) {
		(void)snprintf(err, err_len, "out of memory");
		free(s);
		return -1;
	}
	if (s->base[0] == '\0') {
		(void)snprintf(err, err_len, "path: \"%s\" names no file", path);
		free(s->dir);
		free(s);
		return -1;
	}
	s->host = host;
	s->inst = inst;
	init_handles(s);
	*self_r = s;
	return 0;
}

static const struct gc_option options[] = {
    {.name = "path",
     .type = GC_STRING,
     .flags = GC_OPT_REQUIRED | GC_OPT_MAIN,
     .help = "the file: names or hosts separated by white space, or one list in [ ]"},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh = refresh,
    .cancel = cancel,
    .close = close_source,
};

GC_PLUGIN_DEFINE(.name = "file", .version = "1", .summary = "peers from a file that is watched",
		 .options = options, .discovery = &discovery)
