/* Who may write what we believe; see trust.h. */
#include "trust.h"

#include "err.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A group of which our user is the only member, by name and by list. */
static bool is_private_group(gid_t gid)
{
	const struct passwd *pw = getpwuid(geteuid());
	const struct group *gr = getgrgid(gid);

	if (!pw || !gr || strcmp(pw->pw_name, gr->gr_name) != 0 || pw->pw_gid != gid)
		return false;
	for (char *const *member = gr->gr_mem; *member; member++)
		if (strcmp(*member, pw->pw_name) != 0)
			return false;
	return true;
}

int gc_trust_owner(const struct stat *st, const char *what, const char *path, char *err,
		   size_t err_len)
{
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return 0;
	(void)snprintf(err, err_len, "%s: %s belongs to user %u, expected root or us (%u)", path,
		       what, (unsigned)st->st_uid, (unsigned)geteuid());
	return GC_EINVAL;
}

int gc_trust_mode(const struct stat *st, const char *what, const char *path, char *err,
		  size_t err_len)
{
	unsigned mode = st->st_mode & 07777u;

	if (mode & S_IWOTH) {
		(void)snprintf(err, err_len, "%s: %s is writable by everybody (mode %04o)", path,
			       what, mode);
		return GC_EINVAL;
	}
	if ((mode & S_IWGRP) && st->st_gid != 0 && !is_private_group(st->st_gid)) {
		(void)snprintf(err, err_len, "%s: %s is writable by group %u (mode %04o)", path,
			       what, (unsigned)st->st_gid, mode);
		return GC_EINVAL;
	}
	return 0;
}

/* Where what is open is, not what has the name by now: links may change meanwhile. */
static bool path_of(int fd, const char *file, char path[PATH_MAX])
{
	char link[40];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n > 0)
		path[n] = '\0';
	return (n > 0 && path[0] == '/') || realpath(file, path);
}

static int gone(const char *file, char *err, size_t err_len)
{
	(void)snprintf(err, err_len, "%s: its directory: %s", file, strerror(errno));
	return GC_EIO;
}

int gc_trust_file(int fd, const char *file, char *err, size_t err_len)
{
	char path[PATH_MAX];
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return 0;
	rc = gc_trust_mode(&st, "the file", file, err, err_len);
	if (rc)
		return rc;
	if (!path_of(fd, file, path))
		return gone(file, err, err_len);
	strrchr(path, '/')[1] = '\0';
	if (stat(path, &st) != 0)
		return gone(file, err, err_len);
	if (st.st_mode & S_ISVTX)
		return 0;
	return gc_trust_mode(&st, "its directory", file, err, err_len);
}
