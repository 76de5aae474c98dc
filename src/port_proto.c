/* Packets of the port; see port_proto.h. Pure. */
#include "port_proto.h"

#include "err.h"

/* > 0: bytes of the first packet of p, which is whole; 0: needs more; negative: no packet. */
static int64_t parse(const uint8_t *p, size_t len, struct gc_span *term_r)
{
	struct gc_reader r = gc_reader(p, len);
	uint32_t size = gc_read_u32(&r);

	if (r.failed)
		return 0;
	if (size > GC_PORT_MAX_PACKET)
		return GC_ETOOBIG;
	if (size < 2)
		return GC_EPROTO;
	if (r.len < size)
		return 0;
	if (gc_read_u8(&r) != GC_ETF_VERSION || gc_etf_check(r.p, size - 1) != (int64_t)size - 1)
		return GC_EPROTO;
	*term_r = (struct gc_span){r.p, size - 1};
	return 4 + (int64_t)size;
}

int gc_port_take(struct gc_buf *pending, const void *bytes, size_t len, gc_port_term_cb cb,
		 void *arg)
{
	struct gc_span term;
	size_t used = 0;
	int64_t n;

	gc_buf_put(pending, bytes, len);
	if (pending->failed)
		return GC_ENOMEM;
	while ((n = parse(pending->data + used, pending->len - used, &term)) > 0) {
		used += (size_t)n;
		if (!cb(arg, term))
			break;
	}
	gc_buf_consume(pending, used);
	if (pending->len == 0)
		gc_buf_deinit(pending); /* configurations are large and rare */
	return n < 0 ? (int)n : 0;
}

void gc_port_put(struct gc_buf *b, const struct gc_buf *term)
{
	gc_buf_put_u32(b, (uint32_t)term->len + 1);
	gc_buf_put_u8(b, GC_ETF_VERSION);
	gc_buf_put(b, term->data, term->len);
}
