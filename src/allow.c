/* Which addresses may be dialled or come in; see allow.h. Pure, but for the networks of interfaces, which it
 * has read by allow_net.c. Owner: the node. Loop thread. */
#include "allow.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define V4_PREFIX 96u

struct gc_allow {
	struct gc_net *nets; /* of interfaces */
	size_t n_nets;
	uint64_t read_ms;
	bool is_read, has_interfaces;
	size_t n;
	struct gc_net rules[];
};

/* ---- addresses as 16 bytes ---- */

/* False: neither IPv4 nor IPv6. */
static bool bytes_of(const union gc_addr *addr, uint8_t bytes[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (addr->sa.sa_family == AF_INET6) {
		memcpy(bytes, &addr->in6.sin6_addr, 16);
		return true;
	}
	memcpy(bytes, mapped, 12);
	memcpy(bytes + 12, &addr->in.sin_addr, 4);
	return addr->sa.sa_family == AF_INET;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static void cut_to(uint8_t *bytes, unsigned bits)
{
	if (bits % 8 != 0)
		bytes[bits / 8] &= (uint8_t)(0xff << (8 - bits % 8));
	for (unsigned i = (bits + 7) / 8; i < 16; i++)
		bytes[i] = 0;
}

/* ---- networks ---- */

void gc_net_of(struct gc_net *net, const union gc_addr *addr, uint8_t prefix)
{
	*net = (struct gc_net){0};
	(void)bytes_of(addr, net->addr);
	net->bits = (uint8_t)(addr->sa.sa_family == AF_INET ? V4_PREFIX + prefix : prefix);
	cut_to(net->addr, net->bits);
	if (addr->sa.sa_family == AF_INET6)
		net->scope = addr->in6.sin6_scope_id;
}

bool gc_net_has(const struct gc_net *net, const union gc_addr *addr)
{
	uint8_t bytes[16];
	uint32_t scope = addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_scope_id : 0;

	if (net->scope != 0 && scope != 0 && net->scope != scope)
		return false;
	return bytes_of(addr, bytes) && same_prefix(net->addr, bytes, net->bits);
}

/* As the kernel takes it, and nothing that looks like an address with a slip in it. */
static bool is_interface(const char *text)
{
	size_t len = strlen(text), digits = strspn(text, "0123456789.");

	if (len == 0 || len >= IF_NAMESIZE || digits == len || strchr(text, ':') != NULL)
		return false;
	for (; *text; text++) {
		if (!isgraph((unsigned char)*text) || *text == '/')
			return false;
	}
	return true;
}

static bool parse_prefix(const char *text, unsigned max, uint8_t *prefix_r)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*prefix_r = (uint8_t)n;
	return isdigit((unsigned char)*text) && *end == '\0' && strlen(text) <= 3 && n <= max;
}

bool gc_net_parse(struct gc_net *net, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char literal[64];
	uint8_t prefix, whole[16];
	union gc_addr addr;

	*net = (struct gc_net){0};
	if (!slash && is_interface(text)) {
		memcpy(net->interface, text, len);
		return true;
	}
	if (len >= sizeof(literal))
		return false;
	memcpy(literal, text, len);
	literal[len] = '\0';
	if (!gc_addr_parse(&addr, literal, 0))
		return false;
	prefix = addr.sa.sa_family == AF_INET ? 32 : 128;
	if (slash && !parse_prefix(slash + 1, prefix, &prefix))
		return false;
	gc_net_of(net, &addr, prefix);
	return bytes_of(&addr, whole) && memcmp(whole, net->addr, 16) == 0;
}

/* ---- rules ---- */

struct gc_allow *gc_allow_create(const char *const *rules, size_t n)
{
	struct gc_allow *a = calloc(1, sizeof(*a) + n * sizeof(a->rules[0]));

	if (!a)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (gc_net_parse(&a->rules[a->n], rules[i]))
			a->has_interfaces |= a->rules[a->n++].interface[0] != '\0';
	}
	return a;
}

void gc_allow_destroy(struct gc_allow *a)
{
	if (a)
		free(a->nets);
	free(a);
}

/* If the kernel does not tell, what was known before stands. */
static void look(struct gc_allow *a, uint64_t now_ms)
{
	struct gc_net *nets;
	size_t n;

	if (!a->has_interfaces || (a->is_read && now_ms - a->read_ms < GC_ALLOW_NETS_MS))
		return;
	a->is_read = true;
	a->read_ms = now_ms;
	if (!gc_nets_read(&nets, &n))
		return;
	free(a->nets);
	a->nets = nets;
	a->n_nets = n;
}

static bool interface_has(const struct gc_allow *a, const char *interface, const union gc_addr *addr)
{
	for (size_t i = 0; i < a->n_nets; i++) {
		if (strcmp(a->nets[i].interface, interface) == 0 && (!addr || gc_net_has(&a->nets[i], addr)))
			return true;
	}
	return false;
}

bool gc_allow_has(struct gc_allow *a, const struct sockaddr *sa, uint64_t now_ms)
{
	const union gc_addr *addr = (const void *)sa;

	if (!a)
		return true;
	look(a, now_ms);
	for (size_t i = 0; i < a->n; i++) {
		const struct gc_net *rule = &a->rules[i];

		if (*rule->interface ? interface_has(a, rule->interface, addr) : gc_net_has(rule, addr))
			return true;
	}
	return false;
}

const char *gc_allow_idle(struct gc_allow *a, uint64_t now_ms)
{
	if (!a)
		return NULL;
	look(a, now_ms);
	for (size_t i = 0; i < a->n; i++) {
		const char *interface = a->rules[i].interface;

		if (*interface && !interface_has(a, interface, NULL))
			return interface;
	}
	return NULL;
}
