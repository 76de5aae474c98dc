/* The control messages that we send (OTP: erts "Distribution Protocol", "Protocol between Connected
 * Nodes"; facts section 4). Each builds one tuple and queues it on the link: 0, or what
 * gc_link_send returns. pid, tag, ref and alias are external format, copied byte for byte. */
#ifndef GC_CONTROL_H
#define GC_CONTROL_H

#include "node.h"

enum gc_op { /* first element of the control tuple */
	GC_OP_LINK = 1,
	GC_OP_SEND = 2,
	GC_OP_EXIT = 3,
	GC_OP_REG_SEND = 6,
	GC_OP_EXIT2 = 8,
	GC_OP_SEND_TT = 12,
	GC_OP_EXIT_TT = 13,
	GC_OP_REG_SEND_TT = 16,
	GC_OP_EXIT2_TT = 18,
	GC_OP_MONITOR_P = 19,
	GC_OP_DEMONITOR_P = 20,
	GC_OP_MONITOR_P_EXIT = 21,
	GC_OP_SEND_SENDER = 22,
	GC_OP_SEND_SENDER_TT = 23,
	GC_OP_SPAWN_REQUEST = 29,
	GC_OP_SPAWN_REQUEST_TT = 30,
	GC_OP_SPAWN_REPLY = 31,
	GC_OP_ALIAS_SEND = 33,
	GC_OP_ALIAS_SEND_TT = 34,
	GC_OP_UNLINK_ID = 35,
	GC_OP_UNLINK_ID_ACK = 36,
};

/* Name ! Msg */
int gc_control_reg_send(struct gc_link *l, const struct gc_pid *from, const char *name,
			const struct gc_buf *msg);
/* Pid ! Msg */
int gc_control_send(struct gc_link *l, struct gc_span pid, const struct gc_buf *msg);
/* Alias ! Msg: a late one is dropped by the node, where a plain send would litter a mailbox. */
int gc_control_alias_send(struct gc_link *l, const struct gc_pid *from, struct gc_span alias,
			  const struct gc_buf *msg);
/* from monitors the process `pid` of the link's node. */
int gc_control_monitor(struct gc_link *l, const struct gc_pid *from, struct gc_span pid,
		       const struct gc_ref *ref);
int gc_control_demonitor(struct gc_link *l, const struct gc_pid *from, struct gc_span pid,
			 const struct gc_ref *ref);
/* `what` (a pid of ours or a registered name), monitored by pid with ref, ended. reason: one term. */
int gc_control_monitor_exit(struct gc_link *l, struct gc_span what, struct gc_span pid,
			    struct gc_span ref, const struct gc_buf *reason);
/* EXIT for a link to a process of ours that does not exist. */
int gc_control_exit_noproc(struct gc_link *l, struct gc_span from, struct gc_span to);
int gc_control_unlink_ack(struct gc_link *l, struct gc_span id, struct gc_span from,
			  struct gc_span to);
/* Answer to SPAWN_REQUEST: a new pid with flags (2: monitored), or refused with an atom. */
int gc_control_spawn_reply(struct gc_link *l, struct gc_span req_id, struct gc_span to,
			   const struct gc_pid *pid, const char *refused);
/* The answer of a gen_server call: {Tag, Reply} to the caller in From = {Pid, Tag}. */
int gc_control_gen_reply(struct gc_link *l, const struct gc_pid *self, struct gc_span from,
			 const struct gc_buf *reply);

#endif
