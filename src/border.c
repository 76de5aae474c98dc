/* The border of the node: the option `allow` in force, and the count and the log of connections that were cut
 * and of frames that were bad, by reason. A reason has its own log, so that a flood of one kind does not hide another. Owner: the node.
 * Loop thread. */
#include "node_priv.h"

#include "log.h"

/* ---- who may ---- */

static void close_if_outside(void *arg, struct gc_link *l)
{
	struct gc_node *n = arg;
	union gc_addr addr;

	if (gc_conn_peer(l, &addr) && !gc_node_may_reach(n, &addr.sa))
		gc_link_close(l, GC_EOUTSIDE, l->address);
}

int gc_node_set_allow(struct gc_node *n, const char *const *rules, size_t n_rules)
{
	struct gc_allow *allow = n_rules ? gc_allow_create(rules, n_rules) : NULL;
	const char *idle;

	if (n_rules && !allow)
		return GC_ENOMEM;
	gc_allow_destroy(n->allow);
	n->allow = allow;
	idle = gc_allow_idle(allow, uv_now(n->c.loop));
	if (idle)
		gc_log(GC_LOG_WARNING, "allow", "%s: no such interface, or it has no address", idle);
	gc_node_each_link(n, close_if_outside, n);
	return 0;
}

bool gc_node_may_reach(struct gc_node *n, const struct sockaddr *addr)
{
	return gc_allow_has(n->allow, addr, uv_now(n->c.loop));
}

/* ---- who was cut ---- */

void gc_node_count_cut(uint64_t counts[GC_ERR_LIMIT], int err)
{
	if (err < 0 && err > -GC_ERR_LIMIT)
		counts[-err]++;
}

void gc_node_log_cut(struct gc_node *n, int err, const union gc_addr *from, const char *name,
		     const char *why)
{
	struct gc_trouble *t = &n->trouble[err < 0 && err > -GC_ERR_LIMIT ? -err : 0];
	char text[64];

	gc_addr_print(from, text, sizeof(text));
	gc_trouble_log(t, uv_now(n->c.loop), GC_LOG_NOTICE, "accept", "connection from %s%s%s cut: %s%s%s%s",
		       text, *name ? " as " : "", name, gc_err_name(err), *why ? " (" : "", why,
		       *why ? ")" : "");
}

void gc_node_log_bad_frame(struct gc_node *n, int err, const char *name, const char *what)
{
	gc_trouble_log(&n->frame_trouble[err < 0 && err > -GC_ERR_LIMIT ? -err : 0],
		       uv_now(n->c.loop), GC_LOG_WARNING, "link", "%s: %s", name, what);
}
