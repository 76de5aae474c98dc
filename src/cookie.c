/* The cookie file, read as erl reads it (OTP: kernel, auth.erl; by experiment on release 25):
 * nobody but the owner may access it; printable ASCII, then only line ends. And one that root has put
 * there for us, which erl would refuse: a credential of systemd 254 and later (an access list with our
 * user, which shows as permissions of the group) and a mounted secret of Kubernetes (of our group).
 * Start-up only; what was read is wiped but for the result. */
#include "config.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COOKIE_MAX 255

static bool is_private(const struct stat *st)
{
	mode_t others = S_IRWXG | S_IRWXO;

	if (st->st_uid == 0 && geteuid() != 0)
		others &= ~(mode_t)S_IRGRP;
	return (st->st_mode & others) == 0;
}

/* Reads up to len bytes; -1 with the reason. Refuses what is not a regular file for us alone. */
static ssize_t read_private(const char *file, char *buf, size_t len, const char **why_r)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	*why_r = strerror(errno);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0)
		*why_r = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		*why_r = "not a regular file";
	else if (!is_private(&st))
		*why_r = "must be accessible by its owner only (chmod 400)";
	else if ((n = read(fd, buf, len)) < 0)
		*why_r = strerror(errno);
	(void)close(fd);
	return n;
}

static const char *check_cookie(const char *text, size_t len, size_t *cookie_len_r)
{
	size_t n = 0;

	while (n < len && text[n] >= ' ' && text[n] <= '~')
		n++;
	*cookie_len_r = n;
	for (size_t i = n; i < len; i++) {
		if (text[i] != '\n' && text[i] != '\r' && text[i] != ' ')
			return "holds characters that no cookie may hold";
	}
	if (n == 0)
		return "is empty";
	return n > COOKIE_MAX ? "is longer than 255 bytes" : NULL;
}

static int read_cookie(const char *file, char *cookie_r, char *err, size_t err_len)
{
	char text[1024];
	const char *why;
	size_t cookie_len = 0;
	ssize_t n = read_private(file, text, sizeof(text), &why);

	if (n >= 0)
		why = (size_t)n == sizeof(text) ? "is longer than 255 bytes"
						: check_cookie(text, (size_t)n, &cookie_len);
	if (!why) {
		memcpy(cookie_r, text, cookie_len);
		cookie_r[cookie_len] = '\0';
	}
	explicit_bzero(text, sizeof(text));
	if (!why)
		return 0;
	(void)snprintf(err, err_len, "cookie file %s: %s", file, why);
	return n < 0 ? GC_EIO : GC_EINVAL;
}

static bool join(char *path, size_t len, const char *dir, const char *rest)
{
	int n = snprintf(path, len, "%s%s", dir, rest);

	return n > 0 && (size_t)n < len;
}

/* $HOME/.erlang.cookie, and where there is none, the place of XDG, as erl looks. */
static bool find_cookie(char *path, size_t len)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	char other[4096];
	bool has_other = xdg && *xdg ? join(other, sizeof(other), xdg, "/erlang/.erlang.cookie")
			 : home && *home
			     ? join(other, sizeof(other), home, "/.config/erlang/.erlang.cookie")
			     : false;

	if (!home || !*home || !join(path, len, home, "/.erlang.cookie"))
		return has_other && join(path, len, other, "");
	if (access(path, F_OK) != 0 && has_other && access(other, F_OK) == 0)
		return join(path, len, other, "");
	return true;
}

int gc_cookie_read(const char *file, char *cookie_r, char *err, size_t err_len)
{
	char path[4096];

	cookie_r[0] = '\0';
	if (file)
		return read_cookie(file, cookie_r, err, err_len);
	if (!find_cookie(path, sizeof(path))) {
		(void)snprintf(err, err_len, "cookie: no cookie_file is given and HOME is not set");
		return GC_EINVAL;
	}
	return read_cookie(path, cookie_r, err, err_len);
}
