/* The hosts file: read whole when it changed, then looked up by name (hosts(5)). A line is an address
 * and the names it has; a name may have several lines. Files beyond 4 MiB are cut. The read blocks,
 * as a file of that kind may: it is local, and read once. Owner: dns.c. Loop thread. */
#include "dns_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (4u << 20)

struct entry { /* one name of one line; both point into the text */
	const char *name, *address;
};

struct gc_hosts {
	const char *path;
	struct gc_file_stamp stamp;
	struct gc_buf entries; /* struct entry, sorted by name and then as in the file */
	char *text;
};

bool gc_file_stamp_changed(struct gc_file_stamp *s, const char *path)
{
	struct gc_file_stamp now;
	struct stat st;

	memset(&now, 0, sizeof(now)); /* compared as bytes, padding too */
	now.size = -1; /* not there: differs from {0}, "never looked at" */
	if (stat(path, &st) == 0) {
		now.dev = st.st_dev;
		now.ino = st.st_ino;
		now.size = st.st_size;
		now.mtime = st.st_mtim;
	}
	if (memcmp(s, &now, sizeof(now)) == 0)
		return false;
	memcpy(s, &now, sizeof(now));
	return true;
}

static void clear(struct gc_hosts *h)
{
	gc_buf_deinit(&h->entries);
	free(h->text);
	h->text = NULL;
}

struct gc_hosts *gc_hosts_create(const char *path)
{
	struct gc_hosts *h = calloc(1, sizeof(*h));

	if (h)
		h->path = path;
	return h;
}

void gc_hosts_destroy(struct gc_hosts *h)
{
	if (!h)
		return;
	clear(h);
	free(h);
}

/* NULL: out of memory or descriptors. What is not there is empty. */
static char *read_file(const char *path)
{
	struct gc_buf b = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : 1;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return NULL;
	while (n > 0 && b.len < FILE_MAX) {
		char *at = (char *)gc_buf_reserve(&b, 16384);

		n = at ? read(fd, at, 16384) : 0;
		b.len -= at ? 16384 - (size_t)(n > 0 ? n : 0) : 0;
	}
	if (fd >= 0)
		close(fd);
	gc_buf_put_u8(&b, '\0');
	if (b.failed)
		gc_buf_deinit(&b);
	return (char *)b.data;
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
}

static void parse_line(struct gc_hosts *h, char *line)
{
	char *save = NULL, *address, *name;
	union gc_addr a;

	line[strcspn(line, "#\r")] = '\0';
	address = strtok_r(line, " \t", &save);
	if (!address || !gc_addr_parse(&a, address, 0))
		return;
	while ((name = strtok_r(NULL, " \t", &save))) {
		struct entry e = {name, address};

		lower(name);
		gc_buf_put(&h->entries, &e, sizeof(e));
	}
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->name > y->name) - (x->name < y->name);
}

static void reload(struct gc_hosts *h)
{
	char *save = NULL, *text = read_file(h->path);

	if (!text) { /* the old one goes on, until the next question */
		memset(&h->stamp, 0, sizeof(h->stamp));
		return;
	}
	clear(h);
	h->text = text;
	for (char *line = strtok_r(h->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		parse_line(h, line);
	if (h->entries.len > 0)
		qsort(h->entries.data, h->entries.len / sizeof(struct entry), sizeof(struct entry),
		      compare);
}

/* The first entry whose name is not less. */
static size_t lower_bound(const struct entry *e, size_t n, const char *name)
{
	size_t from = 0;

	while (n > 0) {
		size_t half = n / 2;

		if (strcmp(e[from + half].name, name) < 0) {
			from += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return from;
}

int gc_hosts_find(struct gc_hosts *h, const char *host, void (*cb)(void *arg, const char *address),
		  void *arg)
{
	char name[GC_DNS_NAME];
	size_t len = strlen(host), n;
	int found = 0;

	if (gc_file_stamp_changed(&h->stamp, h->path))
		reload(h);
	if (len == 0 || len >= sizeof(name))
		return 0;
	memcpy(name, host, len + 1);
	if (name[len - 1] == '.')
		name[len - 1] = '\0';
	lower(name);
	const struct entry *e = (const void *)h->entries.data;

	n = h->entries.len / sizeof(*e);
	for (size_t i = lower_bound(e, n, name); i < n && strcmp(e[i].name, name) == 0; i++) {
		cb(arg, e[i].address);
		found++;
	}
	return found;
}
