/* Attacks by a node that knows the cookie: single frames that no node sends. Whether the target
 * keeps the link or cuts it is mostly its own affair; but it must do one of the two, and let us in
 * again. */
#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct count {
	unsigned sent, kept, cut;
};

static bool join(struct hostile *h, struct peer *p)
{
	return peer_join(h, p, HOSTILE_NAME) || hostile_note(h, "the target does not let us in");
}

/* Sends the frame; counts whether the link lives. */
static bool send_one(struct hostile *h, struct peer *p, struct frame *f, struct count *c,
		     const char *what)
{
	c->sent++;
	frame_send(f, p);
	switch (peer_fate(h, p)) {
	case FATE_KEPT:
		c->kept++;
		return true;
	case FATE_CUT:
		c->cut++;
		return true;
	default:
		return hostile_note(h, "%s (frame %u): no answer, and no way in any more", what,
				    c->sent);
	}
}

static bool end(struct hostile *h, struct peer *p, struct frame *f, const struct count *c,
		bool is_good)
{
	peer_close(p);
	frame_free(f);
	return is_good && (hostile_note(h, "%u frames: the link lived %u times, was cut %u times",
					c->sent, c->kept, c->cut),
			   true);
}

/* ---- control operations ---- */

static void operation(struct frame *f, unsigned op, unsigned arity, unsigned kind)
{
	frame_begin(f);
	frame_tuple(f, arity);
	for (unsigned i = 0; i < arity; i++)
		if (i == 0)
			frame_int(f, op);
		else
			frame_any(f, HOSTILE_NAME, kind + i * (kind / FRAME_KINDS));
	if (kind % 2 == 0) {
		frame_message(f);
		frame_any(f, HOSTILE_NAME, kind);
	}
	frame_end(f);
}

/* Operations that OTP has, or had: all kinds of elements. Of the others fewer do. */
static bool send_operation(struct hostile *h, struct peer *p, unsigned op, struct count *c)
{
	struct frame f = {0};
	unsigned step = op <= 40 ? 1 : 7;
	bool is_good = true;
	for (unsigned arity = 0; arity < 10 && is_good; arity++)
		for (unsigned kind = op % step; kind < 2 * FRAME_KINDS && is_good; kind += step) {
			operation(&f, op, arity, kind);
			is_good = send_one(h, p, &f, c, "an operation");
		}
	frame_free(&f);
	return is_good;
}

bool attack_operations(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned op = 0; op < 256 && is_good; op++)
		is_good = send_operation(h, &p, op, &c) ||
			  hostile_note(h, "operation %u: no answer, and no way in any more", op);
	return end(h, &p, &f, &c, is_good);
}

/* ---- shapes ---- */

bool attack_truncated(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned t = 0; t < FRAME_TEMPLATES && is_good; t++) {
		frame_template(&f, HOSTILE_NAME, t);
		for (size_t len = f.len - 1; len > 4 && is_good; len--) {
			f.len = len;
			frame_end(&f);
			is_good = send_one(h, &p, &f, &c, "a truncated frame");
		}
	}
	return end(h, &p, &f, &c, is_good);
}

/* A term of that many levels: nested tuples, lists or maps. */
static void put_deep(struct frame *f, unsigned kind, uint32_t depth)
{
	static const uint8_t open[3][8] = {
	    {2, 104, 1}, {5, 108, 0, 0, 0, 1}, {7, 116, 0, 0, 0, 1, 97, 1}};
	for (uint32_t i = 0; i < depth; i++)
		frame_bytes(f, open[kind] + 1, open[kind][0]);
	frame_byte(f, 106);
	for (uint32_t i = 0; kind == 1 && i < depth; i++)
		frame_byte(f, 106);
}

/* Behind {6, Pid, '', gen_cluster} as the message, or as the last element of the control message.
 */
static void begin_reg_send(struct frame *f, bool is_message)
{
	frame_begin(f);
	frame_tuple(f, 4);
	frame_int(f, 6);
	frame_pid(f, HOSTILE_NAME, 1);
	frame_atom(f, "");
	if (is_message) {
		frame_atom(f, "gen_cluster");
		frame_message(f);
	}
}

bool attack_deep(struct hostile *h)
{
	static const uint32_t depths[] = {65, 1000, 10000, 100000, 1000000};
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned i = 0; i < 6 * sizeof depths / sizeof *depths && is_good; i++) {
		begin_reg_send(&f, i % 2 == 0);
		put_deep(&f, i / 2 % 3, depths[i / 6]);
		frame_end(&f);
		is_good = send_one(h, &p, &f, &c, "a deep term");
	}
	return end(h, &p, &f, &c, is_good);
}

bool attack_lying(struct hostile *h)
{
	static const uint32_t claims[] = {2,	      0x7fff,	  0xffff,    0x10000000,
					  0x7fffffff, 0x80000000, 0xffffffff};
	static const uint8_t long_tags[] = {105, 108, 109, 111, 116, 77, 112};
	static const uint8_t short_tags[] = {100, 118, 107, 90, 114};
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned i = 0; i < 2 * (sizeof long_tags + sizeof short_tags) && is_good; i++)
		for (unsigned k = 0; k < sizeof claims / sizeof *claims && is_good; k++) {
			unsigned t = i / 2;
			begin_reg_send(&f, i % 2 == 0);
			frame_byte(&f, t < sizeof long_tags ? long_tags[t]
							    : short_tags[t - sizeof long_tags]);
			if (t < sizeof long_tags)
				frame_u32(&f, claims[k]);
			else
				frame_u16(&f, claims[k]);
			frame_byte(&f, 97); /* one small integer, or what it is taken for */
			frame_byte(&f, 1);
			frame_end(&f);
			is_good = send_one(h, &p, &f, &c, "a lying term");
		}
	return end(h, &p, &f, &c, is_good);
}

/* ---- atoms ---- */

static void put_utf8_atom(struct frame *f, unsigned characters, const char *character)
{
	frame_byte(f, 118);
	frame_u16(f, (uint32_t)(characters * strlen(character)));
	for (unsigned i = 0; i < characters; i++)
		frame_bytes(f, character, strlen(character));
}

static void atom_frame(struct frame *f, bool is_message, unsigned characters, const char *character)
{
	begin_reg_send(f, is_message);
	put_utf8_atom(f, characters, character);
	if (!is_message) {
		frame_message(f);
		frame_byte(f, 106);
	}
	frame_end(f);
}

bool attack_atoms(struct hostile *h)
{
	static const char *const characters[] = {
	    "a",    "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
	    "\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82"};
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned i = 0; i < 8 && is_good; i++) {
		atom_frame(&f, i % 2 == 0, 255, characters[i / 2]);
		is_good = send_one(h, &p, &f, &c, "an atom");
	}
	if (is_good && c.cut > 0)
		is_good = hostile_note(h, "atoms of 255 characters are right, and cost the link");
	for (unsigned i = 0; i < 64 && is_good; i++) {
		atom_frame(&f, i % 2 == 0, i % 4 < 2 ? 256 : 3 + 200 * (i % 7), characters[i / 8]);
		is_good = send_one(h, &p, &f, &c, "an atom");
	}
	return end(h, &p, &f, &c, is_good);
}

/* ---- single operations ---- */

bool attack_unlink(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	static const uint8_t long_id[60000];
	bool is_good = join(h, &p);
	for (unsigned kind = 0; kind < FRAME_KINDS + 2 && is_good; kind++) {
		frame_begin(&f);
		frame_tuple(&f, 4);
		frame_int(&f, 35);
		if (kind < FRAME_KINDS) {
			frame_any(&f, HOSTILE_NAME, kind);
		} else if (kind == FRAME_KINDS) {
			put_utf8_atom(&f, 255, "\xf0\x9f\x98\x80");
		} else {
			frame_byte(&f, 111); /* an integer of 60000 bytes */
			frame_u32(&f, sizeof long_id);
			frame_byte(&f, 0);
			frame_bytes(&f, long_id, sizeof long_id);
		}
		frame_pid(&f, HOSTILE_NAME, 1);
		frame_pid(&f, h->target_name, 1);
		frame_end(&f);
		is_good = send_one(h, &p, &f, &c, "UNLINK_ID");
	}
	return end(h, &p, &f, &c, is_good);
}

/* {29, ReqId, From, GroupLeader, {M, F, A}, Opts} with one element of each kind, and such
 * arguments. */
bool attack_spawn(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned i = 0; i < 6 * FRAME_KINDS && is_good; i++) {
		unsigned odd = i / FRAME_KINDS, kind = i % FRAME_KINDS;
		frame_begin(&f);
		frame_tuple(&f, 6);
		frame_int(&f, 29);
		odd == 1 ? frame_any(&f, HOSTILE_NAME, kind) : frame_ref(&f, HOSTILE_NAME, i);
		odd == 2 ? frame_any(&f, HOSTILE_NAME, kind) : frame_pid(&f, HOSTILE_NAME, 1);
		frame_pid(&f, HOSTILE_NAME, 2);
		if (odd == 3) {
			frame_any(&f, HOSTILE_NAME, kind);
		} else {
			frame_tuple(&f, 3);
			frame_atom(&f, "erpc");
			frame_atom(&f, "execute_call");
			odd == 4 ? frame_any(&f, HOSTILE_NAME, kind) : frame_int(&f, 4);
		}
		odd == 5 ? frame_any(&f, HOSTILE_NAME, kind) : frame_byte(&f, 106);
		frame_message(&f);
		frame_any(&f, HOSTILE_NAME, odd == 0 ? kind : 3);
		frame_end(&f);
		is_good = send_one(h, &p, &f, &c, "a spawn request");
	}
	return end(h, &p, &f, &c, is_good);
}

bool attack_wrong_frames(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned i = 0; i < 2 * 256 && is_good; i++) {
		frame_template(&f, HOSTILE_NAME, 0);
		f.p[4 + i / 256] = (uint8_t)i; /* instead of 'p', instead of the version */
		is_good = send_one(h, &p, &f, &c, "a frame that is no pass-through");
	}
	for (unsigned tag = 68; tag <= 70 && is_good;
	     tag++) { /* headers, first and next fragment */
		frame_begin(&f);
		f.len = 4;
		frame_byte(&f, 131);
		frame_byte(&f, tag);
		for (unsigned i = 0; i < 40; i++)
			frame_byte(&f, 0xff);
		frame_end(&f);
		is_good = send_one(h, &p, &f, &c, "a fragment");
	}
	return end(h, &p, &f, &c, is_good);
}

bool attack_mutated_frames(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	struct count c = {0};
	bool is_good = join(h, &p);
	for (unsigned i = 0; i < 20000 && is_good; i++) {
		frame_template(&f, HOSTILE_NAME, hostile_random(h) % FRAME_TEMPLATES);
		for (unsigned n = 1 + hostile_random(h) % 4; n > 0; n--)
			f.p[4 + hostile_random(h) % (f.len - 4)] = (uint8_t)hostile_random(h);
		is_good = send_one(h, &p, &f, &c, "a mutated frame");
	}
	if (!is_good)
		fprintf(stderr, "mutated_frames: --seed %lu\n", (unsigned long)h->seed);
	return end(h, &p, &f, &c, is_good);
}
