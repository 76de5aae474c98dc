/* The dist backend `partisan`: membership is Partisan's on the owner, by partisan_peer_service:join/1,
 * leave/1 and members/0. Partisan tells nobody outside of changes, so members/0 is asked whenever the host
 * asks, and after each join and leave. Terms are read and written by hand: they are few and small. */
#include <gen_cluster/gc_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_MS 10000
#define ATOM_MAX 255

struct partisan {
	const struct gc_host *host;
	struct gc_instance *inst;
	const char *module;
};

struct asked { /* one call to the owner */
	struct partisan *partisan;
	struct gc_request *req;
};

static const struct gc_option options[] = {
	{.name = "module",
	 .type = GC_STRING,
	 .default_text = "partisan_peer_service",
	 .help = "the module on the owner that has join/1, leave/1 and members/0"},
	{.name = NULL},
};

/* ---- terms ---- */

/* [Node] in external format: LIST_EXT of one SMALL_ATOM_UTF8_EXT, NIL_EXT. 0: does not fit. */
static size_t put_args(uint8_t *buf, size_t size, const char *node)
{
	size_t len = strlen(node);

	if (len > ATOM_MAX || len + 8 > size)
		return 0;
	memcpy(buf, "\x6c\0\0\0\1\x77", 6);
	buf[6] = (uint8_t)len;
	memcpy(buf + 7, node, len);
	buf[7 + len] = 0x6a;
	return len + 8;
}

struct in { /* bytes that the host has validated; lengths are checked all the same */
	const uint8_t *p;
	size_t len;
};

static int take(struct in *in, size_t n, const uint8_t **bytes_r)
{
	if (n > in->len)
		return -1;
	*bytes_r = in->p;
	in->p += n;
	in->len -= n;
	return 0;
}

/* An atom of either encoding and size into name (ATOM_MAX + 1 bytes). */
static int take_atom(struct in *in, char *name)
{
	const uint8_t *b;
	size_t len;
	int wide;

	if (take(in, 2, &b))
		return -1;
	wide = b[0] == 100 || b[0] == 118; /* ATOM_EXT, ATOM_UTF8_EXT: two bytes of length */
	if (!wide && b[0] != 115 && b[0] != 119)
		return -1;
	len = b[1];
	if (wide) {
		if (take(in, 1, &b))
			return -1;
		len = len << 8 | b[0];
	}
	if (len > ATOM_MAX || take(in, len, &b))
		return -1;
	memcpy(name, b, len);
	name[len] = '\0';
	return strlen(name) == len ? 0 : -1;
}

static int is_atom(const void *term, size_t len, const char *want)
{
	struct in in = {term, len};
	char name[ATOM_MAX + 1];

	return take_atom(&in, name) == 0 && strcmp(name, want) == 0;
}

/* {ok, ...}: the cursor is then behind `ok`. */
static int take_ok(struct in *in)
{
	const uint8_t *b;
	char name[ATOM_MAX + 1];

	return take(in, 2, &b) == 0 && b[0] == 104 && b[1] == 2 && take_atom(in, name) == 0 &&
			       strcmp(name, "ok") == 0
		       ? 0
		       : -1;
}

/* ---- members ---- */

/* {ok, [Node]} into the answer. */
static int add_members(struct partisan *p, struct gc_request *req, struct in in)
{
	const uint8_t *b;
	char node[ATOM_MAX + 1];
	uint32_t n;
	struct gc_peer peer = {.node = node};

	if (take_ok(&in) || take(&in, 1, &b))
		return -1;
	if (b[0] == 106)
		return 0;
	if (b[0] != 108 || take(&in, 4, &b))
		return -1;
	n = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	for (uint32_t i = 0; i < n; i++) {
		if (take_atom(&in, node))
			return -1;
		(void)p->host->add_peer(req, &peer);
	}
	return 0;
}

static void on_members(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked asked = *(struct asked *)arg;
	const struct gc_host *host = asked.partisan->host;

	free(arg);
	if (err)
		host->finish(asked.req, GC_ERROR, reason);
	else if (add_members(asked.partisan, asked.req, (struct in){term, len}) == 0)
		host->finish(asked.req, GC_COMPLETE, NULL);
	else
		host->finish(asked.req, GC_ERROR, "members/0 did not answer {ok, [Node]}");
}

/* ---- asking the owner ---- */

static int ask(struct partisan *p, struct gc_request *req, const char *function, const void *args,
	       size_t len,
	       void (*done)(void *, int, const char *, const void *, size_t))
{
	struct asked *asked = malloc(sizeof(*asked));

	if (!asked)
		return -1;
	*asked = (struct asked){p, req};
	if (p->host->call_owner(p->inst, p->module, function, args, len, CALL_TIMEOUT_MS, done,
				asked) != 0) {
		free(asked);
		return -1;
	}
	return 0;
}

static int partisan_members(void *self, struct gc_request *req)
{
	return ask(self, req, "members", "\x6a", 1, on_members);
}

/* After a change: the set as it is now, without being asked. */
static void push_members(struct partisan *p)
{
	struct gc_request *req = p->host->push(p->inst);

	if (req && partisan_members(p, req) != 0)
		p->host->finish(req, GC_ERROR, "the owner could not be asked");
}

static void on_changed(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked asked = *(struct asked *)arg;
	struct partisan *p = asked.partisan;

	free(arg);
	if (err) {
		p->host->finish(asked.req, GC_ERROR, reason);
	} else if (is_atom(term, len, "ok")) {
		p->host->finish(asked.req, GC_COMPLETE, NULL);
		push_members(p);
	} else {
		p->host->finish(asked.req, GC_ERROR, "Partisan did not answer ok");
	}
}

static int change(struct partisan *p, struct gc_request *req, const char *function,
		  const struct gc_peer *peer)
{
	uint8_t args[ATOM_MAX + 16];
	size_t len = put_args(args, sizeof(args), peer->node);

	return len ? ask(p, req, function, args, len, on_changed) : -1;
}

static int partisan_connect(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	return change(self, req, "join", peer);
}

static int partisan_disconnect(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	return change(self, req, "leave", peer);
}

/* ---- life ---- */

static int partisan_create(const struct gc_host *host, struct gc_instance *inst, void **self_r,
			   char *err, size_t err_len)
{
	struct partisan *p = malloc(sizeof(*p));

	if (!p) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	*p = (struct partisan){host, inst, host->str(inst, "module", 0)};
	*self_r = p;
	return 0;
}

static void partisan_close(void *self)
{
	struct partisan *p = self;

	p->host->closed(p->inst);
	free(p);
}

static const struct gc_dist dist = {
	.struct_size = sizeof(struct gc_dist),
	.needs_owner = 1,
	.create = partisan_create,
	.connect = partisan_connect,
	.disconnect = partisan_disconnect,
	.members = partisan_members,
	.close = partisan_close,
};

GC_PLUGIN_DEFINE(.name = "partisan", .version = "1",
		 .summary = "Partisan on the owner: join/1, leave/1, members/0",
		 .options = options, .dist = &dist)
