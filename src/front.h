/* The front ends that keep the daemon running: `run` (a configuration file, signals) and `port` (stdin
 * and stdout under open_port). They own the loop, the signals and the way out. */
#ifndef GC_FRONT_H
#define GC_FRONT_H

#include "config.h"

/* Exit codes (documented in gen_cluster(8)); as sysexits.h where it has one. */
enum gc_exit {
	GC_EXIT_OK = 0,
	GC_EXIT_FAILED = 1,  /* it could not start, or a one-shot command got an error */
	GC_EXIT_USAGE = 64,  /* the command line is wrong */
	GC_EXIT_CONFIG = 78, /* the configuration is wrong */
};

/* Makes a configuration again for SIGHUP: as the first, from file, environment and command line. */
typedef int (*gc_front_load)(void *arg, struct gc_config **config_r, char *err, size_t err_len);
/* Runs until SIGTERM or SIGINT. Returns the exit code. file: what errors name, NULL: none is read. */
int gc_front_run(gc_front_load load, void *arg, const char *file, int ready_fd);
/* Runs until stdin ends. */
int gc_front_port(void);
/* What must hold before anything else: SIGPIPE ignored, no core dump that could hold a cookie. */
void gc_front_harden(void);

#endif
