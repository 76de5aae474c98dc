/* One discovery plugin alone in a fake host, on a loop of the test's own: what check_plugin_*.c share.
 * One test at a time. */
#ifndef GC_PLUGIN_ALONE_H
#define GC_PLUGIN_ALONE_H

#include "fake_host.h"

extern uv_loop_t loop;
extern struct gc_instance host;
extern char dir[64]; /* "" without alone_setup_dir */

/* Before each test, and after it: no handle and no descriptor is left. What the test opens between, it
 * closes between. */
void alone_setup(void);
void alone_setup_dir(void); /* and a directory, which goes again */
void alone_teardown(void);
/* options as Erlang text; NULL: none. One that is open already is closed. */
void alone_open(const char *plugin, const char *options);
/* Asks once, and waits. */
const struct fake_answer *alone_ask(void);
/* nodes: all of them as they came, with a space between. */
void is_complete(const struct fake_answer *a, const char *nodes);
void is_error(const struct fake_answer *a, const char *with);

#endif
