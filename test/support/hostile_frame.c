/* Frames and terms that the hostile peer sends. */
#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void frame_free(struct frame *f)
{
	free(f->p);
	*f = (struct frame){0};
}

void frame_bytes(struct frame *f, const void *data, size_t len)
{
	if (f->len + len > f->max) {
		f->max = 2 * (f->len + len) + 256;
		f->p = realloc(f->p, f->max);
		if (f->p == NULL)
			abort();
	}
	if (len > 0)
		memcpy(f->p + f->len, data, len);
	f->len += len;
}

void frame_byte(struct frame *f, uint32_t v)
{
	uint8_t b = (uint8_t)v;
	frame_bytes(f, &b, 1);
}

void frame_u16(struct frame *f, uint32_t v)
{
	uint8_t b[2];
	wire_put16(b, (uint16_t)v);
	frame_bytes(f, b, 2);
}

void frame_u32(struct frame *f, uint32_t v)
{
	uint8_t b[4];
	wire_put32(b, v);
	frame_bytes(f, b, 4);
}

void frame_tuple(struct frame *f, uint32_t arity)
{
	frame_byte(f, 104);
	frame_byte(f, arity);
}

void frame_int(struct frame *f, uint32_t v)
{
	frame_byte(f, v < 256 ? 97 : 98);
	if (v < 256)
		frame_byte(f, v);
	else
		frame_u32(f, v);
}

void frame_atom(struct frame *f, const char *text)
{
	uint8_t b[WIRE_MAX];
	frame_bytes(f, b, wire_put_atom(b, text));
}

void frame_pid(struct frame *f, const char *node, uint32_t id)
{
	frame_byte(f, 88);
	frame_atom(f, node);
	frame_u32(f, id);
	frame_u32(f, 0);
	frame_u32(f, HOSTILE_CREATION);
}

void frame_ref(struct frame *f, const char *node, uint32_t id)
{
	frame_byte(f, 90);
	frame_u16(f, 3);
	frame_atom(f, node);
	frame_u32(f, HOSTILE_CREATION);
	frame_u32(f, id);
	frame_u32(f, 0);
	frame_u32(f, 0);
}

static void cons(struct frame *f, const char *node)
{
	frame_byte(f, 108); /* [alias | Ref], as in a Tag */
	frame_u32(f, 1);
	frame_atom(f, "alias");
	frame_ref(f, node, 5);
}

void frame_any(struct frame *f, const char *node, uint32_t kind)
{
	static const uint8_t fixed[][12] = {{2, 97, 7},
					    {5, 98, 0xff, 0xff, 0xff, 0xff},
					    {9, 70, 0x40, 9, 0x21, 0xfb},
					    {1, 106},
					    {4, 107, 0, 1, 'x'},
					    {6, 109, 0, 0, 0, 1, 'x'},
					    {11, 110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 127},
					    {5, 116, 0, 0, 0, 0},
					    {2, 104, 0}};
	if (kind < sizeof fixed / sizeof *fixed)
		frame_bytes(f, fixed[kind] + 1, fixed[kind][0]);
	else if (kind == 9)
		frame_atom(f, "");
	else if (kind == 10)
		frame_atom(f, "gen_cluster");
	else if (kind == 11)
		frame_pid(f, node, 1);
	else if (kind == 12)
		frame_ref(f, node, 1);
	else
		cons(f, node);
}

void frame_begin(struct frame *f)
{
	static const uint8_t head[] = {0, 0, 0, 0, 112, 131};
	f->len = 0;
	frame_bytes(f, head, sizeof head);
}

void frame_message(struct frame *f)
{
	frame_byte(f, 131);
}

void frame_end(struct frame *f)
{
	wire_put32(f->p, (uint32_t)(f->len - 4));
}

bool frame_send(struct frame *f, struct peer *p)
{
	return p->fd >= 0 && peer_send(p, f->p, f->len);
}

/* {'$gen_call', {Pid, [alias | Ref]}, behind which the request and } come. */
static void call_head(struct frame *f, const char *node, const char *name, uint32_t ref)
{
	frame_begin(f);
	frame_tuple(f, 4);
	frame_int(f, 6);
	frame_pid(f, node, 1);
	frame_atom(f, "");
	frame_atom(f, name);
	frame_message(f);
	frame_tuple(f, 3);
	frame_atom(f, "$gen_call");
	frame_tuple(f, 2);
	frame_pid(f, node, 1);
	frame_byte(f, 108);
	frame_u32(f, 1);
	frame_atom(f, "alias");
	frame_ref(f, node, ref);
}

void frame_call(struct frame *f, const char *node, const char *name, const char *request,
		uint32_t ref)
{
	call_head(f, node, name, ref);
	frame_atom(f, request);
	frame_end(f);
}

void frame_ping(struct frame *f, const char *node, uint32_t ref)
{
	call_head(f, node, "net_kernel", ref);
	frame_tuple(f, 2);
	frame_atom(f, "is_auth");
	frame_atom(f, node);
	frame_end(f);
}

/* {Op, Pid, Name, Ref} */
static void monitor(struct frame *f, const char *node, uint32_t op)
{
	frame_begin(f);
	frame_tuple(f, 4);
	frame_int(f, op);
	frame_pid(f, node, 1);
	frame_atom(f, "gen_cluster");
	frame_ref(f, node, 3);
}

static void link_to(struct frame *f, const char *node, uint32_t op, uint32_t arity)
{
	frame_begin(f);
	frame_tuple(f, arity);
	frame_int(f, op);
	if (arity == 4)
		frame_int(f, 9);
	frame_pid(f, node, 1);
	frame_pid(f, node, 2);
}

static void spawn_request(struct frame *f, const char *node)
{
	frame_begin(f);
	frame_tuple(f, 6);
	frame_int(f, 29);
	frame_ref(f, node, 4);
	frame_pid(f, node, 1);
	frame_pid(f, node, 2);
	frame_tuple(f, 3);
	frame_atom(f, "erpc");
	frame_atom(f, "execute_call");
	frame_int(f, 4);
	frame_byte(f, 106);
	frame_message(f);
	frame_byte(f, 108); /* [Res, gen_cluster, members, []] */
	frame_u32(f, 4);
	frame_ref(f, node, 4);
	frame_atom(f, "gen_cluster");
	frame_atom(f, "members");
	frame_byte(f, 106);
	frame_byte(f, 106);
}

void frame_template(struct frame *f, const char *node, uint32_t number)
{
	static const char *const requests[] = {"members", "info", "help"};
	switch (number) {
	case 0:
	case 1:
	case 2:
		frame_call(f, node, "gen_cluster", requests[number], 2);
		return;
	case 3:
		frame_ping(f, node, 2);
		return;
	case 4:
		monitor(f, node, 19); /* MONITOR_P, DEMONITOR_P */
		break;
	case 5:
		monitor(f, node, 20);
		break;
	case 6:
		link_to(f, node, 1, 3); /* LINK, UNLINK_ID */
		break;
	case 7:
		link_to(f, node, 35, 4);
		break;
	default:
		spawn_request(f, node);
		break;
	}
	frame_end(f);
}
