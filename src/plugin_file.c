/* A plugin's .so as a file: who may write it, and loading it; see plugin_priv.h. Loop thread,
 * start-up and reload only (it reads the disk).
 *
 * What is loaded runs with all our rights, so nobody but us and root may be able to write it: the
 * file and its directory must belong to root or to us, and neither may be writable by others; by a
 * group only if that group is root's, or is the private group of our user (umask 002). The
 * directory is opened once; the file is judged through it and loaded through it, so that no path
 * above it can be changed in between. The name the dynamic linker sees is /proc/PID/fd/N/NAME.so:
 * with our PID in it a debugger finds it, and $ORIGIN works. glibc knows an object by that name, so
 * N stays open while it is loaded. */
#include "plugin_priv.h"

#include "build_config.h"
#include "err.h"
#include "trust.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#endif

static int judge(const struct stat *st, const char *what, const char *path, char *err,
		 size_t err_len)
{
	int rc = gc_trust_owner(st, what, path, err, err_len);

	return rc ? rc : gc_trust_mode(st, what, path, err, err_len);
}

static int sys_error(const char *path, char *err, size_t err_len)
{
	int code = errno == ENOENT ? GC_ENOTFOUND : GC_EIO;

	(void)snprintf(err, err_len, "%s: %s", path, strerror(errno));
	return code;
}

static int judge_file(struct gc_plugin_file *f, const char *name, char *err, size_t err_len)
{
	struct stat st;
	/* O_NONBLOCK: a fifo must not hold us up. */
	int fd = openat(f->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0)
		return sys_error(f->path, err, err_len);
	int rc = fstat(fd, &st) ? sys_error(f->path, err, err_len) : 0;
	if (!rc && !S_ISREG(st.st_mode)) {
		(void)snprintf(err, err_len, "%s: is no regular file", f->path);
		rc = GC_EINVAL;
	}
	if (!rc)
		rc = judge(&st, "the file", f->path, err, err_len);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	close(fd);
	return rc;
}

static int judge_dir(struct gc_plugin_file *f, char *err, size_t err_len)
{
	struct stat st;

	if (fstat(f->dir_fd, &st))
		return sys_error(f->path, err, err_len);
	return judge(&st, "its directory", f->path, err, err_len);
}

int gc_plugin_file_open(struct gc_plugin_file *f, const char *path, char *err, size_t err_len)
{
	*f = (struct gc_plugin_file){.dir_fd = -1};
	f->path = realpath(path, NULL);
	if (!f->path)
		return sys_error(path, err, err_len);
	char *slash = strrchr(f->path, '/');
	*slash = '\0';
	f->dir_fd = open(slash == f->path ? "/" : f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	int rc = f->dir_fd < 0 ? sys_error(f->path, err, err_len) : judge_dir(f, err, err_len);
	if (!rc)
		rc = judge_file(f, slash + 1, err, err_len);
	if (rc)
		gc_plugin_file_close(f);
	return rc;
}

int gc_plugin_file_load(struct gc_plugin_file *f, gc_plugin_entry_fn *entry_r, char *err,
			size_t err_len)
{
	char name[64 + NAME_MAX];
	const char *base = strrchr(f->path, '/') + 1;

	(void)snprintf(name, sizeof(name), "/proc/%ld/fd/%d/%s", (long)getpid(), f->dir_fd, base);
	/* Where there is no /proc, only its real path can be loaded. */
	f->dl = dlopen(access(name, R_OK) == 0 ? name : f->path, RTLD_NOW | RTLD_LOCAL);
	if (!f->dl) {
		(void)snprintf(err, err_len, "%s: %s", f->path, dlerror());
		return GC_EINVAL;
	}
	*(void **)entry_r =
	    dlsym(f->dl, "gc_plugin_entry"); /* POSIX, dlsym(3): the one way to a function */
	if (!*entry_r) {
		(void)snprintf(err, err_len,
			       "%s: exports no gc_plugin_entry, so it is no plugin of gen_cluster",
			       f->path);
		return GC_EINVAL;
	}
	return 0;
}

bool gc_plugin_file_unloads(void)
{
#ifdef GC_SANITIZER
	return false;
#elif defined(HAVE_VALGRIND_VALGRIND_H)
	return !RUNNING_ON_VALGRIND;
#else
	return true;
#endif
}

void gc_plugin_file_close(struct gc_plugin_file *f)
{
	if (f->dl)
		dlclose(f->dl);
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	free(f->path);
	*f = (struct gc_plugin_file){.dir_fd = -1};
}
