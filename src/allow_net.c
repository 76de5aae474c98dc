/* The networks that the interfaces of this host are in; see allow.h. getifaddrs(3) asks the kernel over
 * netlink, which answers at once. Loop thread. */
#include "allow.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

static unsigned ones(const uint8_t *mask, unsigned len)
{
	unsigned n = 0;

	while (n < len * 8 && (mask[n / 8] & (0x80 >> n % 8)) != 0)
		n++;
	return n;
}

static uint8_t prefix_of(const struct sockaddr *mask)
{
	const union gc_addr *m = (const void *)mask;

	if (!mask)
		return 0;
	if (mask->sa_family == AF_INET6)
		return (uint8_t)ones(m->in6.sin6_addr.s6_addr, 16);
	return (uint8_t)ones((const void *)&m->in.sin_addr, 4);
}

static void add(struct gc_net *net, const struct ifaddrs *i, const struct sockaddr *sa, uint8_t prefix)
{
	union gc_addr addr = {0};

	if (sa->sa_family == AF_INET6)
		memcpy(&addr.in6, sa, sizeof(addr.in6));
	else
		memcpy(&addr.in, sa, sizeof(addr.in));
	gc_net_of(net, &addr, prefix);
	(void)strncpy(net->interface, i->ifa_name, sizeof(net->interface) - 1);
}

static bool has_address(const struct ifaddrs *i)
{
	return i->ifa_addr && i->ifa_netmask && (i->ifa_flags & IFF_UP) != 0 &&
	       (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
}

/* The other end of a point-to-point interface is on it, too. */
static const struct sockaddr *other_end(const struct ifaddrs *i)
{
	const struct sockaddr *sa = i->ifa_dstaddr;

	if ((i->ifa_flags & IFF_POINTOPOINT) == 0 || !sa || sa->sa_family != i->ifa_addr->sa_family)
		return NULL;
	return sa;
}

bool gc_nets_read(struct gc_net **nets_r, size_t *n_r)
{
	struct ifaddrs *all, *i;
	struct gc_net *nets;
	size_t n = 0;

	if (getifaddrs(&all) != 0)
		return false;
	for (i = all; i; i = i->ifa_next)
		n += has_address(i) ? 2 : 0;
	nets = calloc(n + 1, sizeof(*nets));
	for (i = all, n = 0; nets && i; i = i->ifa_next) {
		const struct sockaddr *other = has_address(i) ? other_end(i) : NULL;

		if (has_address(i))
			add(&nets[n++], i, i->ifa_addr, prefix_of(i->ifa_netmask));
		if (other)
			add(&nets[n++], i, other, other->sa_family == AF_INET ? 32 : 128);
	}
	freeifaddrs(all);
	*nets_r = nets;
	*n_r = n;
	return nets != NULL;
}
