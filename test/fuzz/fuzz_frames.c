/* What a peer that has the cookie may send: frames, control messages and what they carry, up to the
 * answer. The input is the stream, after one byte that says in how large pieces it comes, and whether each finds the
 * link's share of the turn used up. */
#include "fuzz_node.h"

/* Every frame that was to leave is whole, and holds one control tuple and perhaps one message. */
static void look_at_answers(const struct gc_link *l)
{
	struct gc_reader r = gc_reader(l->out.data, l->out.len);

	while (r.len > 0) {
		uint32_t len = gc_read_u32(&r);
		const uint8_t *p = gc_read_bytes(&r, len);

		FUZZ_REQUIRE(!r.failed);
		if (len == 0)
			continue;
		FUZZ_REQUIRE(len > 2 && p[0] == 112 && p[1] == GC_ETF_VERSION);
		int64_t n = gc_etf_check(p + 2, len - 2);
		FUZZ_REQUIRE(n > 0);
		size_t rest = len - 2 - (size_t)n;
		FUZZ_REQUIRE(rest == 0 || (p[2 + n] == GC_ETF_VERSION &&
					   gc_etf_check(p + 3 + n, rest - 1) == (int64_t)rest - 1));
	}
}

/* Nothing leaves on a link that is down, nor what there was no memory for. */
static void send_in_vain(struct gc_link *l)
{
	struct gc_buf torn = {.failed = true}, nothing = {0};
	size_t before = l->out.len;

	FUZZ_REQUIRE(gc_link_send(l, &torn, NULL) == (l->state == GC_LINK_UP ? GC_ENOMEM : GC_ENOLINK));
	FUZZ_REQUIRE(gc_link_send(l, &nothing, &torn) < 0 && l->out.len == before);
}

#define PIECE(how) ((size_t)(how) & 0x7f)
#define IS_SLOW(how) ((how) & 0x80)

/* What is put aside is gone on with in the next turn. False: the link has closed in it, and is no more. */
static bool feed(struct fuzz_node *f, struct gc_link *l, const uint8_t *p, size_t len, uint8_t how)
{
	if (IS_SLOW(how)) {
		l->share_turn = f->n->turn;
		l->share_end_ns = 1;
	}
	gc_link_input(l, p, len);
	while (f->n->n_conns > 0 && l->is_paused && l->state == GC_LINK_UP)
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	/* Nothing more is gathered for a frame that is larger than any may be. */
	FUZZ_REQUIRE(f->n->n_conns == 0 || l->state != GC_LINK_UP || l->in.len < GC_FRAME_HEADER ||
		     l->in.data[0] == 0);
	return f->n->n_conns > 0;
}

FUZZ_TARGET(frames)
{
	struct fuzz_node *f = fuzz_node();

	if (len == 0)
		return 0;
	size_t piece = PIECE(data[0]) ? PIECE(data[0]) : len;
	struct gc_link *l = fuzz_node_link(f);
	bool is_there = true;
	for (size_t at = 1; at < len && is_there; at += piece)
		is_there = feed(f, l, data + at, len - at < piece ? len - at : piece, data[0]);
	if (is_there && l->state == GC_LINK_UP)
		look_at_answers(l);
	if (is_there)
		send_in_vain(l);
	fuzz_node_settle(f, is_there ? l : NULL);
	return 0;
}
