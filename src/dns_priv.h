/* Inside the DNS client: dns.c (the client, and where an address may come from without DNS), dns_query.c
 * (a question: search list, servers, retries, deadline), on top of dns_conf.c (one reading of
 * resolv.conf and its c-ares channels), dns_proto.c (answers, pure) and dns_hosts.c (the hosts file). */
#ifndef GC_DNS_PRIV_H
#define GC_DNS_PRIV_H

#include "buf.h"
#include "dns.h"

#include <ares.h>
#include <net/if.h>
#include <sys/stat.h>

/* ---- dns_proto.c: an answer, whole, as it came. Pure. ---- */

/* Appends a struct gc_dns_record to records for each record of type that name, or what it is an alias
 * of, has; for SRV with the address of the target out of the additional section.
 * > 0: how many. GC_ENXDOMAIN, GC_ENODATA: the server says so. GC_ESERVFAIL, GC_EREFUSED, GC_EDNS:
 * this server does not know (why_r says more). GC_EPROTO: malformed. GC_ENOMEM. */
int gc_dns_parse(const uint8_t *p, size_t len, const char *name, enum gc_dns_type type,
		 struct gc_buf *records, const char **why_r);

/* ---- dns_conf.c: servers, search list and channels; lives until nobody uses it ---- */

#define GC_DNS_SERVERS 8
#define GC_DNS_NAME 256 /* bytes of a name as text */

struct gc_dns_chan;
struct gc_dns_conf {
	uv_loop_t *loop;
	uv_timer_t timer; /* for c-ares' own timeouts, and to be destroyed outside of its callbacks */
	struct gc_dns_chan *chans[GC_DNS_SERVERS]; /* one for each server */
	unsigned n_servers, first;		   /* first: whom to ask first */
	char **domains;
	int n_domains, ndots;
	int n_users; /* questions that may still ask */
	int n_asked; /* c-ares questions without an answer */
	int n_open;  /* handles */
	bool is_dropped, is_torn_down;
	void (*gone)(void *arg);
	void *arg;
};

/* ---- dns_zone.c: name servers with a zone ---- */
struct gc_dns_zone {
	struct in6_addr addr;
	char zone[IF_NAMESIZE];
	int ifindex;	   /* 0: there is no such interface */
	unsigned n_before; /* servers without a zone that come before it */
};
struct gc_dns_zoned {
	struct gc_dns_zone zones[GC_DNS_SERVERS];
	unsigned n, n_plain; /* n_plain: servers without a zone */
};
/* What resolv.conf has (path NULL: that of the system). */
void gc_dns_zoned_read(struct gc_dns_zoned *list, const char *path);
/* For ares_set_socket_configure_callback; ifindex: an int, negative: of no zone. */
int gc_dns_bind_zone(ares_socket_t fd, int type, void *ifindex);

struct gc_dns_conf_options {
	const char *nameservers, *resolv_path; /* NULL: as the system has it */
	uint64_t timeout_ms;
};

/* gone is called when it has been dropped, is of no use any more, and its handles are closed. */
int gc_dns_conf_create(uv_loop_t *loop, const struct gc_dns_conf_options *o,
		       void (*gone)(void *arg), void *arg, struct gc_dns_conf **conf_r, char *err,
		       size_t err_len);
/* No new questions; what runs may end. */
void gc_dns_conf_drop(struct gc_dns_conf *c);
/* Ends all: open questions get ARES_EDESTRUCTION. Not from a callback of c-ares. */
void gc_dns_conf_tear_down(struct gc_dns_conf *c);
void gc_dns_conf_release(struct gc_dns_conf *c); /* n_users - 1 */
/* One packet to one server (and TCP after truncation). cb: once, perhaps from inside. */
void gc_dns_conf_ask(struct gc_dns_conf *c, unsigned server, const char *name,
		     enum gc_dns_type type, ares_callback cb, void *arg);
/* The n-th name to try for host (resolv.conf(5)), into GC_DNS_NAME bytes: with enough dots as it is
 * first, else last. False: it is too long, or there is none. */
bool gc_dns_conf_candidate(const struct gc_dns_conf *c, const char *host, bool search, int n,
			   char *name);
const char *gc_dns_conf_server(const struct gc_dns_conf *c, unsigned server);

/* ---- dns_hosts.c ---- */

/* To see that a file has changed, or has come or gone. */
struct gc_file_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};
/* True if the file is not as it was when this was last called; {0}: never looked at. */
bool gc_file_stamp_changed(struct gc_file_stamp *s, const char *path);

struct gc_hosts;
struct gc_hosts *gc_hosts_create(const char *path); /* NULL: out of memory; path is kept */
void gc_hosts_destroy(struct gc_hosts *h);
/* Calls cb for each address of host; reads the file again if it changed. The number of them. */
int gc_hosts_find(struct gc_hosts *h, const char *host, void (*cb)(void *arg, const char *address),
		  void *arg);

/* ---- dns_gate.c ---- */

#define GC_DNS_GATE_MS 100
struct gc_dns_turn { /* of a question */
	struct gc_dns_turn *prev, *next;
	uv_timer_t *timer; /* fires when its turn has come */
	uv_timer_cb on_turn;
	bool is_waiting, is_inside;
};
struct gc_dns_gate {
	struct gc_dns_turn *first, *last; /* waiting */
	int n_inside;
};
/* True: go on (also when it is inside already). False: wait for the timer, and try again. */
bool gc_dns_gate_enter(struct gc_dns_gate *g, struct gc_dns_turn *t);
/* No longer counts, no longer waits: when it is over, or GC_DNS_GATE_MS after it has entered. */
void gc_dns_gate_leave(struct gc_dns_gate *g, struct gc_dns_turn *t);

/* ---- dns.c and dns_query.c ---- */

struct gc_dns {
	uv_loop_t *loop;
	struct gc_dns_conf_options conf_options; /* own strings */
	char *hosts_path;
	bool no_search, is_closing;
	struct gc_dns_conf *conf; /* the current one */
	struct gc_file_stamp resolv_stamp;
	struct gc_hosts *hosts;
	struct gc_dns_gate gate;
	struct gc_dns_query *queries; /* those that are not over */
	int n_open;		      /* queries and confs whose memory is there, and the timer */
	uv_timer_t timer;	      /* for the end: outside of all callbacks */
	void (*closed)(void *arg);
	void *arg;
};
/* The current conf, read anew if resolv.conf changed. */
struct gc_dns_conf *gc_dns_current_conf(struct gc_dns *d);
void gc_dns_unref(struct gc_dns *d); /* n_open - 1 */
/* Ends all questions with GC_ECANCELED. */
void gc_dns_end_queries(struct gc_dns *d);
/* Answers that need no server: literal, localhost, hosts file. True: fail or records are filled. */
bool gc_dns_local(struct gc_dns *d, const char *host, int family, struct gc_fail *fail,
		  struct gc_buf *records);

/* ---- dns_query.c and dns_sub.c ---- */

struct gc_dns_sub {
	enum gc_dns_type type;
	bool is_done;
	int n_asked;
	unsigned failed; /* a bit for each server */
	uint64_t next_ms;
	struct gc_fail fail;
	struct gc_buf records;
};

struct gc_dns_query {
	struct gc_dns *dns;
	struct gc_dns_query *next, **link; /* among the open ones */
	struct gc_dns_conf *conf;
	uv_timer_t timer;
	int n_refs; /* packets on the way, and the timer */
	int round;
	int next_candidate;
	bool is_over, is_looked_up, is_busy, is_host, is_nodata;
	int family;
	uint64_t deadline_ms, grace_ms, gate_ms;
	struct gc_dns_turn turn;
	struct gc_fail fail;
	struct gc_dns_sub subs[2];
	int n_subs;
	gc_dns_cb cb;
	void *arg;
	char name[GC_DNS_NAME]; /* of this round */
	char host[];
};

/* Asks the next server that has not failed; if there is none, the sub is done. */
void gc_dns_sub_ask(struct gc_dns_query *q, struct gc_dns_sub *s);
/* Something is known that was not: the next sub, the next round, or the end, which calls back. */
void gc_dns_query_proceed(struct gc_dns_query *q);
void gc_dns_query_unref(struct gc_dns_query *q); /* n_refs - 1 */

#endif
