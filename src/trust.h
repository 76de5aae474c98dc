/* Who may write a file that we believe: a plugin, the configuration. Pure but for looking up users
 * and groups. */
#ifndef GC_TRUST_H
#define GC_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Writable by everybody, or by a group other than root's and the private group of our user (umask
 * 002): GC_EINVAL with "FILE: WHAT is writable by ..." in err; else 0. */
int gc_trust_mode(const struct stat *st, const char *what, const char *path, char *err,
		  size_t err_len);
/* Belongs to neither root nor us: GC_EINVAL; else 0. */
int gc_trust_owner(const struct stat *st, const char *what, const char *path, char *err,
		   size_t err_len);

/* An open file that is believed whoever its owner is: nobody else may write it, nor put another one
 * in its place, in the directory that it was found in with all links followed; one with the sticky
 * bit (/tmp) will do. GC_EINVAL, GC_EIO; 0 as well for what is no regular file: the reader tells. */
int gc_trust_file(int fd, const char *file, char *err, size_t err_len);

#endif
