/* ei's socket callbacks over the guard, and the coroutine on which ei runs; see transport.h.
 * Owner: the node. Loop thread. Protocol: handshake.h; ei: ei_connect.c, ei_connect_helper(). */
#include "transport.h"
#include "build_config.h"

#include "check.h"
#include "coro.h"
#include "err.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#ifdef HAVE_EI_FD_TO_CNODE
ei_cnode *ei_fd_to_cnode(int fd); /* in every libei, but in no header */
#endif

#define IDLE_STACKS 128
/* The number ei knows the connection by. Its entry lives between two lines of run_ei(), so one serves all,
 * and ei's table never grows beyond its first segment. */
#define SLOT 0

struct gc_transport {
	ei_cnode *cnode;
	struct gc_coro_pool *coros;
	uint64_t flags;
	struct gc_buf name_packet; /* as ei makes it, with a header of 2, patched */
};

struct gc_outbound {
	struct gc_transport *t;
	const struct gc_outbound_ops *ops;
	void *arg;
	struct gc_coro *coro; /* waits for the ack; NULL: ei is not running */
	struct gc_guard guard;
	bool has_begun, must_stop, has_ei_ended;
	bool is_capture; /* only to see what ei sends first */
	int ei_result;
};

/* ei draws its challenge from guessable things and this. The C library's resolves the own host name for it,
 * blocking and outside every timeout; ours makes the challenge unguessable (facts H18c, section 10). */
long gethostid(void)
{
	long id = 0;

	/* Up to 256 bytes never fail once the pool is seeded. */
	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		abort();
	return id;
}

/* ---- the callbacks of ei: on the coroutine ---- */

static int on_socket(void **ctx, void *setup_ctx)
{
	*ctx = setup_ctx;
	return 0;
}

static int on_close(void *ctx)
{
	(void)ctx;
	return 0;
}

static int on_connect(void *ctx, void *addr, int len, unsigned tmo)
{
	(void)ctx;
	(void)addr;
	(void)len;
	(void)tmo;
	return 0;
}

static int on_listen(void *ctx, void *addr, int *len, int backlog)
{
	(void)ctx;
	(void)addr;
	(void)len;
	(void)backlog;
	return ENOTSUP;
}

static int on_accept(void **ctx, void *addr, int *len, unsigned tmo)
{
	(void)ctx;
	(void)addr;
	(void)len;
	(void)tmo;
	return ENOTSUP;
}

static int capture(struct gc_outbound *o, const char *buf, size_t len)
{
	gc_buf_put(&o->t->name_packet, buf, len);
	return ECONNABORTED;
}

static int on_write(void *ctx, const char *buf, ssize_t *len, unsigned tmo)
{
	struct gc_outbound *o = ctx;
	int n;

	(void)tmo;
	if (*len <= 0 || o->must_stop)
		return ECONNABORTED;
	if (o->is_capture)
		return capture(o, buf, (size_t)*len);
	n = gc_guard_write(&o->guard, (const uint8_t *)buf, (size_t)*len);
	if (n < 0)
		return EPROTO;
	if (n > 0) {
		o->ops->issued(o->arg, o->guard.our_challenge);
		o->ops->write(o->arg, buf, (size_t)n);
	}
	return 0;
}

static int on_read(void *ctx, char *buf, ssize_t *len, unsigned tmo)
{
	struct gc_outbound *o = ctx;
	size_t n;

	(void)tmo;
	if (*len <= 0)
		return EMSGSIZE;
	while ((n = gc_guard_read(&o->guard, (uint8_t *)buf, (size_t)*len)) == 0 && !o->must_stop)
		gc_coro_yield();
	if (n == 0)
		return ECONNABORTED;
	*len = (ssize_t)n;
	return 0;
}

static int on_header_size(void *ctx, int *size)
{
	*size = (int)((struct gc_outbound *)ctx)->guard.header;
	return 0;
}

static int on_complete(void *ctx)
{
	(void)ctx;
	return 0;
}

static int on_get_fd(void *ctx, int *fd)
{
	(void)ctx;
	*fd = SLOT;
	return 0;
}

static ei_socket_callbacks callbacks = {
	.flags = EI_SCLBK_FLG_FULL_IMPL,
	.socket = on_socket,
	.close = on_close,
	.listen = on_listen,
	.accept = on_accept,
	.connect = on_connect,
	.write = on_write,
	.read = on_read,
	.handshake_packet_header_size = on_header_size,
	.connect_handshake_complete = on_complete,
	.accept_handshake_complete = on_complete,
	.get_fd = on_get_fd,
};

/* ei keeps a copy of the ei_cnode, cookie and all, in its table: wiped before the entry is released. */
static void release_slot(void)
{
#ifdef HAVE_EI_FD_TO_CNODE
	ei_cnode *copy = ei_fd_to_cnode(SLOT);

	if (copy)
		explicit_bzero(copy, sizeof(*copy));
#endif
	(void)ei_close_connection(SLOT);
}

static void run_ei(void *arg)
{
	struct gc_outbound *o = arg;
	struct in_addr unused = {0};

	o->t->cnode->setup_context = o;
	o->ei_result = ei_xconnect_host_port_tmo(o->t->cnode, &unused, 1, 0);
	if (o->ei_result >= 0)
		release_slot();
	o->has_ei_ended = true;
}

/* ---- the transport of a node ---- */

static void split_name(const char *name, char *alive, char *host)
{
	(void)gc_name_alive(name, alive, GC_NODE_MAX + 1);
	(void)strcpy(host, gc_name_host(name));
}

static int init_cnode(struct gc_transport *t, const char *name, const char *cookie,
		      uint32_t creation)
{
	char alive[GC_NODE_MAX + 1], host[GC_NODE_MAX + 1];
	struct in_addr unused = {0};

	split_name(name, alive, host);
	if (ei_connect_xinit_ussi(t->cnode, host, alive, name, &unused, cookie, creation, &callbacks,
				  sizeof(callbacks), NULL) < 0)
		return GC_EINVAL; /* a part of the name or the cookie is too long for ei */
	ei_set_tracelevel(0); /* EI_TRACELEVEL would print digests */
	return 0;
}

/* Lets ei make its name packet once, to send it before ei runs. */
static int capture_name(struct gc_transport *t, uint32_t creation)
{
	struct gc_outbound o = {.t = t, .is_capture = true, .guard = {.header = 2}};
	struct gc_coro *co;

	if (gc_coro_start(t->coros, run_ei, &o, &co) != 0 || t->name_packet.failed)
		return GC_ENOMEM;
	return gc_guard_patch_name(t->name_packet.data, t->name_packet.len, 2, creation, &t->flags);
}

int gc_transport_create(const char *name, const char *cookie, uint32_t creation, ei_cnode *cnode,
			struct gc_transport **t_r)
{
	struct gc_transport *t = calloc(1, sizeof(*t));
	int err;

	*t_r = NULL;
	if (!t)
		return GC_ENOMEM;
	t->cnode = cnode;
	t->coros = gc_coro_pool_create(IDLE_STACKS);
	err = t->coros ? init_cnode(t, name, cookie, creation) : GC_ENOMEM;
	if (err == 0)
		err = capture_name(t, creation);
	if (err == 0)
		*t_r = t;
	else
		gc_transport_destroy(t);
	return err;
}

void gc_transport_destroy(struct gc_transport *t)
{
	if (!t)
		return;
	gc_coro_pool_destroy(t->coros);
	gc_buf_deinit(&t->name_packet);
	explicit_bzero(t->cnode, sizeof(*t->cnode));
	free(t);
}

void gc_transport_set_creation(struct gc_transport *t, uint32_t creation)
{
	t->cnode->creation = t->cnode->self.creation = creation;
	(void)gc_guard_patch_name(t->name_packet.data, t->name_packet.len, 2, creation, &t->flags);
}

uint64_t gc_transport_flags(const struct gc_transport *t)
{
	return t->flags;
}

void gc_transport_trim(struct gc_transport *t)
{
	gc_coro_pool_trim(t->coros);
}

/* ---- one outgoing handshake ---- */

struct gc_outbound *gc_outbound_create(struct gc_transport *t, const char *peer, unsigned header,
				       const struct gc_outbound_ops *ops, void *arg)
{
	struct gc_outbound *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->t = t;
	o->ops = ops;
	o->arg = arg;
	gc_guard_init(&o->guard, header, peer);
	return o;
}

void gc_outbound_destroy(struct gc_outbound *o)
{
	if (!o)
		return;
	o->must_stop = true;
	if (o->coro)
		GC_REQUIRE(!gc_coro_resume(o->coro));
	free(o);
}

void gc_outbound_begin(struct gc_outbound *o)
{
	static const uint8_t wide[2];

	o->has_begun = true;
	if (o->guard.header == 4) /* the same length in four bytes */
		o->ops->write(o->arg, wide, sizeof(wide));
	o->ops->write(o->arg, o->t->name_packet.data, o->t->name_packet.len);
}

bool gc_outbound_has_begun(const struct gc_outbound *o)
{
	return o->has_begun;
}

static enum gc_outbound_state fail(struct gc_outbound *o, int err, const char *detail)
{
	gc_fail_set(&o->guard.fail, err, GC_STAGE_HANDSHAKE, "%s", detail);
	o->guard.state = GC_GUARD_FAILED;
	return GC_OUTBOUND_FAILED;
}

static enum gc_outbound_state start_ei(struct gc_outbound *o)
{
	if (o->ops->is_ours(o->arg, o->guard.peer_challenge))
		return fail(o, GC_EREFLECTED, "its challenge is one of ours");
	if (gc_coro_start(o->t->coros, run_ei, o, &o->coro) != 0)
		return fail(o, GC_ENOMEM, "no memory for a stack");
	if (o->has_ei_ended)
		return fail(o, GC_EPROTO, "ei refused the challenge");
	return GC_OUTBOUND_BUSY;
}

static enum gc_outbound_state feed_ei(struct gc_outbound *o)
{
	if (gc_coro_resume(o->coro))
		return fail(o, GC_EPROTO, "ei wants more than an acknowledgement");
	o->coro = NULL;
	if (o->ei_result < 0)
		return fail(o, GC_EBADCOOKIE, "its digest is wrong");
	return GC_OUTBOUND_UP;
}

static void say_true(struct gc_outbound *o)
{
	struct gc_buf b = {0};

	gc_hs_put_status(&b, o->guard.header, GC_HS_TRUE);
	if (!b.failed)
		o->ops->write(o->arg, b.data, b.len);
	gc_buf_deinit(&b);
}

static enum gc_outbound_state on_event(struct gc_outbound *o, enum gc_guard_event event)
{
	switch (event) {
	case GC_GUARD_SAY_TRUE:
		say_true(o);
		return GC_OUTBOUND_BUSY;
	case GC_GUARD_START_EI:
		return start_ei(o);
	case GC_GUARD_FEED_EI:
		return feed_ei(o);
	case GC_GUARD_WAIT:
		return GC_OUTBOUND_WAITING;
	case GC_GUARD_FAIL:
		return GC_OUTBOUND_FAILED;
	default:
		return GC_OUTBOUND_BUSY;
	}
}

enum gc_outbound_state gc_outbound_input(struct gc_outbound *o, const uint8_t *p, size_t len,
					 size_t *used_r)
{
	enum gc_outbound_state state = GC_OUTBOUND_BUSY;
	enum gc_guard_event event;

	*used_r = 0;
	do {
		size_t used;

		event = gc_guard_input(&o->guard, p + *used_r, len - *used_r, &used);
		*used_r += used;
		state = on_event(o, event);
	} while (state == GC_OUTBOUND_BUSY && event != GC_GUARD_MORE);
	return state;
}

void gc_outbound_ended(struct gc_outbound *o, int uv_err)
{
	gc_guard_ended(&o->guard, uv_err);
}

const struct gc_guard *gc_outbound_guard(const struct gc_outbound *o)
{
	return &o->guard;
}
