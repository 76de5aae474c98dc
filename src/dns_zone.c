/* Name servers with a zone in resolv.conf, `nameserver fe80::1%eth0`, as router advertisements
 * bring them: c-ares (1.18) passes over them without a word, and asks 127.0.0.1 where there is no
 * other. So they are read here, and their sockets bound to the interface. Owner of its data: the
 * caller. Loop thread; it reads a small local file. Sources: resolv.conf(5), RFC 4007 section 11.
 */
#include "dns_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void take_server(struct gc_dns_zoned *list, char *word)
{
	char *zone = strchr(word, '%');
	struct gc_dns_zone *z = &list->zones[list->n];

	if (!zone) {
		list->n_plain++;
		return;
	}
	if (list->n == GC_DNS_SERVERS)
		return;
	*zone++ = '\0';
	if (inet_pton(AF_INET6, word, &z->addr) != 1)
		return;
	(void)snprintf(z->zone, sizeof(z->zone), "%s", zone);
	z->ifindex = (int)if_nametoindex(zone);
	if (z->ifindex == 0)
		z->ifindex = (int)strtol(zone, NULL, 10);
	/* still 0: no such interface; asking it fails and tells */
	z->n_before = list->n_plain;
	list->n++;
}

void gc_dns_zoned_read(struct gc_dns_zoned *list, const char *path)
{
	FILE *f = fopen(path ? path : "/etc/resolv.conf", "re");
	char line[512], word[64 + IF_NAMESIZE];

	memset(list, 0, sizeof(*list));
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " nameserver %79s", word) == 1)
			take_server(list, word);
	if (f)
		(void)fclose(f);
}

int gc_dns_bind_zone(ares_socket_t fd, int type, void *ifindex)
{
	const int *index = ifindex;

	(void)type;
	if (*index < 0)
		return 0;
	return *index > 0 &&
		       setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, index, sizeof(*index)) == 0
		   ? 0
		   : -1;
}
