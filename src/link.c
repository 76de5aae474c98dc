/* A link: a connection whose handshake is done; from up to down, and its ticks, by OTP's rules. What goes over
 * it is frame.c's. Owner: the node's table holds it until on_link_down. Loop thread. Protocol: erts
 * "Distribution Protocol", "Protocol between Connected Nodes"; facts sections 1 and 4. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- down ---- */

void gc_link_close(struct gc_link *l, int err, const char *detail)
{
	if (l->state != GC_LINK_UP)
		return;
	l->why = calloc(1, sizeof(*l->why));
	if (l->why)
		gc_fail_set(l->why, err, GC_STAGE_LINK, "%s", detail ? detail : "");
	l->n->n_up--;
	gc_conn_close(l);
}

void gc_link_ended(struct gc_link *l, int uv_err)
{
	const struct gc_fail *tls = gc_conn_fail(l);

	if (tls)
		gc_link_close(l, tls->err, tls->detail);
	else
		gc_link_close(l, gc_err_from_uv(uv_err), uv_err == UV_EOF ? "" : uv_strerror(uv_err));
}

static const struct gc_fail no_memory = {.err = GC_ENOMEM, .stage = GC_STAGE_LINK};

void gc_link_tell_down(struct gc_link *l)
{
	struct gc_node *n = l->n;
	const struct gc_fail *why = l->why ? l->why : &no_memory;

	if (!l->name || l->is_told)
		return;
	l->is_told = true;
	HASH_DELETE(hh, n->links, l);
	DL_DELETE(n->slices[l->slice], l);
	n->stats.links_lost += why->err != GC_ESHUTDOWN;
	gc_node_count_cut(n->stats.links_cut, why->err);
	if (n->c.on_link_down)
		n->c.on_link_down(n->c.arg, l, why);
}

/* ---- up ---- */

/* The name and the address of the peer in one allocation. */
static int keep_names(struct gc_link *l, const char *name)
{
	union gc_addr addr;
	char text[64] = "";
	size_t name_len = strlen(name) + 1;

	if (gc_conn_peer(l, &addr)) {
		gc_source_prove(l->n, &addr);
		gc_addr_print(&addr, text, sizeof(text));
		l->port = ntohs(addr.sa.sa_family == AF_INET6 ? addr.in6.sin6_port
							      : addr.in.sin_port);
	}
	l->name = malloc(name_len + strlen(text) + 1);
	if (!l->name)
		return GC_ENOMEM;
	l->address = l->name + name_len;
	memcpy(l->name, name, name_len);
	memcpy(l->address, text, strlen(text) + 1);
	return 0;
}

static void replace_older(struct gc_node *n, const char *name)
{
	struct gc_link *old;

	HASH_FIND_STR(n->links, name, old);
	if (!old)
		return;
	gc_link_close(old, GC_EREPLACED, "");
	gc_link_tell_down(old); /* now: its successor is up at once */
}

int gc_link_up(struct gc_link *l, const struct gc_peer_facts *peer, bool is_dialled)
{
	struct gc_node *n = l->n;

	if (keep_names(l, peer->name) != 0)
		return GC_ENOMEM;
	replace_older(n, peer->name);
	HASH_ADD_KEYPTR(hh, n->links, l->name, strlen(l->name), l);
	if (!l->hh.tbl) {
		free(l->name);
		l->name = NULL;
		return GC_ENOMEM;
	}
	n->n_up++;
	l->state = GC_LINK_UP;
	l->ops = NULL;
	l->owner = NULL;
	l->flags = peer->flags;
	l->creation = peer->creation;
	l->is_dialled = is_dialled;
	l->up_mono_ms = uv_now(l->tcp.loop);
	l->slice = n->next_slice;
	n->next_slice = (uint8_t)((n->next_slice + 1) % GC_SLICES);
	DL_APPEND(n->slices[l->slice], l);
	gc_node_tick_start(n);
	if (n->c.on_link_up)
		n->c.on_link_up(n->c.arg, l);
	gc_dial_link_up(n, l);
	return 0;
}

/* ---- ticks ---- */

void gc_link_tick(struct gc_link *l)
{
	static const uint8_t tick[GC_FRAME_HEADER];

	gc_conn_write_now(l, tick, sizeof(tick));
	l->n->stats.ticks_out++;
}

void gc_link_on_tick(struct gc_link *l)
{
	uint64_t quarter = gc_node_quarter_ms(l->n), pause = quarter / 2 < 1000 ? quarter / 2 : 1000;

	l->n->stats.ticks_in++;
	if (l->ticks < UINT8_MAX)
		l->ticks++;
	/* The peer may count by a shorter net_ticktime than ours, so it is answered; but not if it has just
	 * heard from us, or two nodes that answer would never stop. */
	if (uv_now(l->tcp.loop) - l->last_out_ms >= pause)
		gc_link_tick(l);
}

/* A peer that ticks as we do is heard by looking once a quarter. One that counts by a shorter net_ticktime has
 * each tick answered when it comes. */
static void listen_for_ticks(struct gc_link *l)
{
	gc_conn_look(l);
	if (l->state == GC_LINK_UP)
		gc_conn_set_patient(l, l->in.len == 0 && l->ticks <= GC_TICKS_USUAL);
	l->ticks = 0;
}

void gc_link_quarter(struct gc_link *l)
{
	bool has_heard, has_spoken;

	listen_for_ticks(l);
	if (l->state != GC_LINK_UP)
		return;
	has_heard = l->bytes_in != l->bytes_in_before;
	has_spoken = l->bytes_out != l->bytes_out_before || gc_conn_queued(l) > 0;
	l->quiet_quarters = has_heard ? 0 : (uint8_t)(l->quiet_quarters + 1);
	l->bytes_in_before = l->bytes_in;
	if (l->quiet_quarters >= 4) {
		gc_link_close(l, GC_ETICK, "");
		return;
	}
	if (!has_spoken)
		gc_link_tick(l);
	l->bytes_out_before = l->bytes_out;
}

/* ---- what users see ---- */

void gc_link_info(const struct gc_link *l, struct gc_link_info *info_r)
{
	*info_r = (struct gc_link_info){
		.name = l->name,
		.address = l->address,
		.port = l->port,
		.dialled = l->is_dialled,
		.hidden = !(l->flags & GC_DFLAG_PUBLISHED),
		.flags = l->flags,
		.creation = l->creation,
		.up_mono_ms = l->up_mono_ms,
		.bytes_in = l->bytes_in,
		.bytes_out = l->bytes_out,
		.frames_in = l->frames_in,
		.frames_out = l->frames_out,
		.queued = gc_conn_queued(l),
	};
}

const char *gc_link_name(const struct gc_link *l)
{
	return l->name;
}

void gc_link_set_data(struct gc_link *l, void *data)
{
	l->owner = data;
}

void *gc_link_data(const struct gc_link *l)
{
	return l->owner;
}
