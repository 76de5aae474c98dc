/* Builders of control messages; see control.h. */
#include "control.h"

#include <string.h>

/* Sends what was built and frees it. */
static int send_off(struct gc_link *l, struct gc_buf *ctl, const struct gc_buf *msg)
{
	int err = ctl->failed || (msg && msg->failed) ? GC_ENOMEM : gc_link_send(l, ctl, msg);

	gc_buf_deinit(ctl);
	return err;
}

static void begin(struct gc_buf *ctl, uint32_t arity, enum gc_op op)
{
	gc_etf_put_tuple(ctl, arity);
	gc_etf_put_int(ctl, op);
}

int gc_control_reg_send(struct gc_link *l, const struct gc_pid *from, const char *name,
			const struct gc_buf *msg)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 4, GC_OP_REG_SEND);
	gc_etf_put_pid(&ctl, from);
	gc_etf_put_atom(&ctl, "");
	gc_etf_put_atom(&ctl, name);
	return send_off(l, &ctl, msg);
}

int gc_control_send(struct gc_link *l, struct gc_span pid, const struct gc_buf *msg)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 3, GC_OP_SEND);
	gc_etf_put_atom(&ctl, "");
	gc_etf_put_raw(&ctl, pid);
	return send_off(l, &ctl, msg);
}

int gc_control_alias_send(struct gc_link *l, const struct gc_pid *from, struct gc_span alias,
			  const struct gc_buf *msg)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 3, GC_OP_ALIAS_SEND);
	gc_etf_put_pid(&ctl, from);
	gc_etf_put_raw(&ctl, alias);
	return send_off(l, &ctl, msg);
}

static int monitor(struct gc_link *l, enum gc_op op, const struct gc_pid *from, struct gc_span pid,
		   const struct gc_ref *ref)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 4, op);
	gc_etf_put_pid(&ctl, from);
	gc_etf_put_raw(&ctl, pid);
	gc_etf_put_ref(&ctl, ref);
	return send_off(l, &ctl, NULL);
}

int gc_control_monitor(struct gc_link *l, const struct gc_pid *from, struct gc_span pid,
		       const struct gc_ref *ref)
{
	return monitor(l, GC_OP_MONITOR_P, from, pid, ref);
}

int gc_control_demonitor(struct gc_link *l, const struct gc_pid *from, struct gc_span pid,
			 const struct gc_ref *ref)
{
	return monitor(l, GC_OP_DEMONITOR_P, from, pid, ref);
}

int gc_control_monitor_exit(struct gc_link *l, struct gc_span what, struct gc_span pid,
			    struct gc_span ref, const struct gc_buf *reason)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 5, GC_OP_MONITOR_P_EXIT);
	gc_etf_put_raw(&ctl, what);
	gc_etf_put_raw(&ctl, pid);
	gc_etf_put_raw(&ctl, ref);
	gc_buf_put(&ctl, reason->data, reason->len);
	return reason->failed ? (gc_buf_deinit(&ctl), GC_ENOMEM) : send_off(l, &ctl, NULL);
}

int gc_control_exit_noproc(struct gc_link *l, struct gc_span from, struct gc_span to)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 4, GC_OP_EXIT);
	gc_etf_put_raw(&ctl, from);
	gc_etf_put_raw(&ctl, to);
	gc_etf_put_atom(&ctl, "noproc");
	return send_off(l, &ctl, NULL);
}

int gc_control_unlink_ack(struct gc_link *l, struct gc_span id, struct gc_span from,
			  struct gc_span to)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 4, GC_OP_UNLINK_ID_ACK);
	gc_etf_put_raw(&ctl, id);
	gc_etf_put_raw(&ctl, from);
	gc_etf_put_raw(&ctl, to);
	return send_off(l, &ctl, NULL);
}

int gc_control_spawn_reply(struct gc_link *l, struct gc_span req_id, struct gc_span to,
			   const struct gc_pid *pid, const char *refused)
{
	struct gc_buf ctl = {0};

	begin(&ctl, 5, GC_OP_SPAWN_REPLY);
	gc_etf_put_raw(&ctl, req_id);
	gc_etf_put_raw(&ctl, to);
	gc_etf_put_int(&ctl, pid ? 2 : 0);
	if (pid)
		gc_etf_put_pid(&ctl, pid);
	else
		gc_etf_put_atom(&ctl, refused);
	return send_off(l, &ctl, NULL);
}

/* From OTP 24 on a call's tag is [alias | Ref]: a list of one atom with a reference as its tail. */
static bool alias_of(struct gc_span tag, struct gc_span *ref_r)
{
	static const uint8_t utf8[] = {108, 0, 0, 0, 1, 119, 5, 'a', 'l', 'i', 'a', 's'};
	static const uint8_t latin1[] = {108, 0, 0, 0, 1, 100, 0, 5, 'a', 'l', 'i', 'a', 's'};
	size_t skip = 0;

	if (tag.len > sizeof(utf8) && memcmp(tag.p, utf8, sizeof(utf8)) == 0)
		skip = sizeof(utf8);
	else if (tag.len > sizeof(latin1) && memcmp(tag.p, latin1, sizeof(latin1)) == 0)
		skip = sizeof(latin1);
	*ref_r = (struct gc_span){tag.p + skip, tag.len - skip};
	return skip > 0 && gc_etf_ref(*ref_r, NULL) == 0;
}

int gc_control_gen_reply(struct gc_link *l, const struct gc_pid *self, struct gc_span from,
			 const struct gc_buf *reply)
{
	struct gc_span part[2], ref;
	struct gc_buf msg = {0};

	if (gc_etf_tuple(from.p, from.len, part, 2) != 2)
		return GC_EPROTO;
	gc_etf_put_tuple(&msg, 2);
	gc_etf_put_raw(&msg, part[1]);
	gc_buf_put(&msg, reply->data, reply->len);
	msg.failed |= reply->failed;
	int err = alias_of(part[1], &ref) ? gc_control_alias_send(l, self, ref, &msg)
					  : gc_control_send(l, part[0], &msg);
	gc_buf_deinit(&msg);
	return err;
}
