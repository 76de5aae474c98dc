/* A real DNS server for a test; see real_dns.h. */
#include "build_config.h"

#include "real_dns.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *knotd(void)
{
	static const char *const paths[] = {"/usr/sbin/knotd", "/usr/local/sbin/knotd", NULL};

	return first_executable(paths);
}

bool real_dns_found(void)
{
	return knotd() != NULL;
}

static bool write_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f)
		return false;
	fputs(text, f);
	return fclose(f) == 0;
}

bool real_dns_start(struct real_dns *d, const char *zone)
{
	char conf[1024], path[64];
	const char *argv[] = {knotd(), "-c", path, NULL};
	char *text = NULL;

	strcpy(d->dir, "/tmp/gc_dns_XXXXXX");
	if (!mkdtemp(d->dir))
		return false;
	d->port = free_port();
	snprintf(d->text, sizeof(d->text), "127.0.0.1:%u", d->port);
	snprintf(path, sizeof(path), "%s/knot.conf", d->dir);
	snprintf(conf, sizeof(conf),
		 "server:\n  listen: 127.0.0.1@%u\n  rundir: \"%s\"\n  udp-max-payload: 1232\n"
		 "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
		 "database:\n  storage: \"%s\"\n  journal-db-max-size: 1M\n"
		 "log:\n  - target: stdout\n    any: info\n"
		 "zone:\n  - domain: test.\n    file: \"%s/test.zone\"\n"
		 "    journal-content: none\n    zonefile-sync: -1\n"
		 "  - domain: broken.\n    file: \"%s/none.zone\"\n",
		 d->port, d->dir, d->dir, d->dir, d->dir);
	bool ok = asprintf(&text,
			   "$ORIGIN test.\n$TTL 30\n@ SOA ns admin 1 3600 600 86400 5\n"
			   "@ NS ns\nns A 127.0.0.1\n%s",
			   zone) > 0;

	ok = ok && write_file(d->dir, "knot.conf", conf) && write_file(d->dir, "test.zone", text) &&
	     child_start(&d->child, argv, "server started", 10000);
	free(text);
	return ok;
}

static int unlink_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void real_dns_stop(struct real_dns *d)
{
	child_kill(&d->child, SIGKILL);
	nftw(d->dir, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}
