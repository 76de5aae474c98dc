/* Files of the configuration. Blocking reads of small regular files only, at start and on SIGHUP; what others
 * could write is refused (trust.h). What is in them is config_read.c's. */
#include "config_priv.h"

#include "err.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)

static int file_error(const char *file, const char *why, char *err, size_t err_len)
{
	(void)snprintf(err, err_len, "%s: %s", file, why);
	return GC_EIO;
}

static int read_all(int fd, struct gc_buf *b)
{
	for (;;) {
		uint8_t *to = gc_buf_reserve(b, 4096);
		if (!to)
			return ENOMEM;
		ssize_t n = read(fd, to, 4096);
		b->len -= n > 0 ? 4096 - (size_t)n : 4096;
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return errno;
		if (b->len > FILE_MAX_BYTES)
			return EFBIG;
	}
}

/* Regular files only: a pipe could make us wait. */
int gc_config_read_file(const char *file, struct gc_buf *b, char *err, size_t err_len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return file_error(file, strerror(errno), err, err_len);
	/* What is in it decides whom the release connects to, and what is run. Its owner may be another user (a
	 * deployment, a mounted volume): who that is, is up to whoever starts us. */
	int refused = gc_trust_file(fd, file, err, err_len);
	if (refused) {
		(void)close(fd);
		return refused;
	}
	int failed = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read_all(fd, b) : EINVAL;
	(void)close(fd);
	if (failed == EINVAL)
		return file_error(file, "not a regular file", err, err_len);
	if (failed == EFBIG)
		return file_error(file, "larger than 1 MiB", err, err_len);
	return failed ? file_error(file, strerror(failed), err, err_len) : 0;
}

int gc_config_from_file(const char *file, struct gc_config **config_r, char *err, size_t err_len)
{
	struct gc_buf b = {.is_secret = true}; /* a password may be in it */
	int rc = gc_config_read_file(file, &b, err, err_len);

	*config_r = NULL;
	if (rc == 0)
		rc = gc_config_from_text((const char *)b.data, b.len, file, config_r, err, err_len);
	gc_buf_deinit(&b);
	return rc;
}
