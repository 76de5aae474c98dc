/* Addresses and their text; see dns.h. Pure. */
#include "dns.h"

#include <string.h>

bool gc_addr_parse(union gc_addr *a, const char *literal, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (uv_ip4_addr(literal, port, &a->in) == 0 || uv_ip6_addr(literal, port, &a->in6) == 0)
		return true;
	memset(a, 0, sizeof(*a));
	return false;
}

void gc_addr_print(const union gc_addr *a, char *buf, size_t len)
{
	int err = UV_EINVAL;

	if (a->sa.sa_family == AF_INET)
		err = uv_ip4_name(&a->in, buf, len);
	else if (a->sa.sa_family == AF_INET6)
		err = uv_ip6_name(&a->in6, buf, len);
	if (err < 0 && len > 0)
		buf[0] = '\0';
}

void gc_addr_set_port(union gc_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}
