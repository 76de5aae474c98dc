/* Who our C-node is: the memory of its cookie, its registration with EPMD, the creation that comes
 * of it, and its pids and references. Owner: struct gc_node. Loop thread.
 *
 * Creation: EPMD draws one for each registration, and whoever sees two incarnations of a name tells
 * them apart by it. Ours is that of the first registration, if it is answered within
 * GC_EPMD_FIRST_MS; nothing that carries it (a handshake, a pid, a reference) is made before. With
 * no EPMD, for now or at all, it is a random one, as that of an Erlang node without EPMD. Once it
 * has left the process it stays: pids with it are out there, and links on which it was told. A
 * later registration (EPMD was restarted) therefore changes nothing, as with erl_epmd. */
#include "node_priv.h"

#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/* ---- the cookie ---- */

struct gc_secret *gc_secret_alloc(void)
{
	void *p = mmap(NULL, sizeof(struct gc_secret), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (mlock(p, sizeof(struct gc_secret)) != 0)
		gc_log(GC_LOG_DEBUG, "node", "cannot lock the cookie in memory: %s",
		       strerror(errno));
	(void)madvise(p, sizeof(struct gc_secret), MADV_DONTDUMP);
	(void)madvise(p, sizeof(struct gc_secret), MADV_WIPEONFORK);
	return p;
}

void gc_secret_free(struct gc_secret *s)
{
	if (!s)
		return;
	explicit_bzero(s, sizeof(*s));
	(void)munmap(s, sizeof(*s));
}

/* ---- creation ---- */

uint32_t gc_draw_creation(void)
{
	uint32_t v;

	do {
		if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
			abort();
	} while (v < 4); /* 0 to 3 have an old meaning */
	return v;
}

void gc_node_fix_creation(struct gc_node *n)
{
	n->is_creation_fixed = true;
}

uint32_t gc_node_creation(const struct gc_node *n)
{
	return n->creation;
}

/* ---- EPMD ---- */

static void get_ready(struct gc_node *n)
{
	if (n->is_ready)
		return;
	n->is_ready = true;
	gc_timer_clear(&n->timers, &n->epmd_timer);
	gc_dial_pump(n);
	gc_listen_pump(n);
}

static void on_epmd_late(struct gc_timer *t)
{
	get_ready((struct gc_node *)(void *)((char *)t - offsetof(struct gc_node, epmd_timer)));
}

/* Two of one name would take each other's links for ever: whoever comes second dials nobody until it has the name.
 * Links that it has stay. */
static void give_way(struct gc_node *n)
{
	n->is_ready = false;
	gc_timer_clear(&n->timers, &n->epmd_timer);
}

static void on_epmd(void *arg, enum gc_epmd_state state, uint32_t creation,
		    const struct gc_fail *fail)
{
	struct gc_node *n = arg;
	bool was_registered = n->is_registered;

	n->is_registered = state == GC_EPMD_REGISTERED;
	n->stats.epmd_registrations += n->is_registered;
	n->stats.epmd_losses += was_registered && !n->is_registered;
	if (n->is_registered && !n->is_creation_fixed && creation >= 4) {
		n->creation = creation;
		gc_transport_set_creation(n->transport, creation);
	}
	n->is_name_taken = fail->err == GC_ETAKEN;
	if (n->is_name_taken)
		give_way(n);
	else
		get_ready(n);
	if (n->c.on_epmd)
		n->c.on_epmd(n->c.arg, n->is_registered, fail);
}

int gc_node_register(struct gc_node *n)
{
	char alive[GC_NODE_MAX + 1];

	if (n->c.no_epmd) {
		get_ready(n);
		return 0;
	}
	(void)gc_name_alive(n->name, alive, sizeof(alive));
	n->reg = gc_epmd_register(n->c.loop, NULL, alive, n->port, GC_EPMD_HIDDEN, on_epmd, n);
	if (!n->reg)
		return GC_ENOMEM;
	return gc_timer_set(&n->timers, &n->epmd_timer, GC_EPMD_FIRST_MS, on_epmd_late);
}

bool gc_node_is_registered(const struct gc_node *n)
{
	return n->is_registered;
}

/* ---- pids and references ---- */

uint32_t gc_node_new_pid(struct gc_node *n)
{
	n->next_pid = (n->next_pid + 1) & 0xfffffff;
	return n->next_pid;
}

struct gc_pid gc_node_pid(struct gc_node *n, uint32_t number)
{
	gc_node_fix_creation(n);
	return (struct gc_pid){n->name, number & 0x7fff, number >> 15, n->creation};
}

void gc_node_new_ref(struct gc_node *n, struct gc_ref *ref_r)
{
	gc_node_fix_creation(n);
	n->next_ref++;
	*ref_r = (struct gc_ref){n->name,
				 n->creation,
				 {(uint32_t)(n->next_ref & 0x3ffff), (uint32_t)(n->next_ref >> 18),
				  (uint32_t)(n->next_ref >> 50)}};
}
