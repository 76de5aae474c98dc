/* Between exec.c (the plugin) and exec_command.c (what it runs). */
#ifndef GC_EXEC_PRIV_H
#define GC_EXEC_PRIV_H

#include <gen_cluster/gc_plugin.h>
#include <uv.h>

/* Starts the command of an instance in a process group of its own, with the two initialised pipes
 * as its output and nothing as its input. 0, or a UV_ error: then process needs no uv_close if its
 * type is still UV_UNKNOWN_HANDLE (out of memory), else it does. */
int exec_spawn(const struct gc_host *host, struct gc_instance *inst, uv_process_t *process,
	       uv_pipe_t *out, uv_pipe_t *errors, uv_exit_cb on_exit);

#endif
