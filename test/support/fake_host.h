/* A plugin host for tests of one discovery plugin alone: loads the .so as it was built, checks its
 * options as the real host does, hands out the services, and writes down what comes back. It has no
 * deadlines and no policy; what breaks the rules of gc_plugin.h is counted in `misuse`. */
#ifndef GC_FAKE_HOST_H
#define GC_FAKE_HOST_H

#include <gen_cluster/gc_plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define FAKE_ANSWERS 64
#define FAKE_PEERS 512

struct fake_answer {
	enum gc_quality quality;
	char reason[1200]; /* "" : NULL was given */
	uint32_t ttl_s;
	bool pushed;
	size_t
	    n; /* all that were added; the first FAKE_PEERS are kept. As added: hosts stay hosts */
	struct {
		char node[300], address[64];
		uint16_t port;
	} peers[FAKE_PEERS];
};

struct gc_instance { /* the one that the plugin gets */
	uv_loop_t *loop;
	struct gc_host host;
	const char *env[6]; /* by enum gc_env; set before fake_host_open, else "owner@localhost" and
			       so on */
	void *dl;
	const struct gc_plugin *plugin;
	struct gc_settings *settings;
	void *self;
	struct gc_request *open_requests;
	struct fake_answer *answers; /* all that were finished, in order */
	int n_answers, n_refresh, n_logs;
	char last_log[1000];
	bool is_open, is_closed;
	bool is_fenced; /* may_reach says no; false when opened */
	int misuse;
	char err[512];
};

/* Loads plugins/.libs/NAME.so of the build tree (NAME with '/': that file) and makes an instance
 * with options as Erlang term text (NULL: none). False: h->err. */
bool fake_host_open(struct gc_instance *h, uv_loop_t *loop, const char *name, const char *options);
/* Asks once; a blocking plugin is run to its end here. The handle, to cancel it with. NULL: it said
 * it could not. */
struct gc_request *fake_host_refresh(struct gc_instance *h);
void fake_host_cancel(struct gc_instance *h, struct gc_request *request);
/* Asks, and runs the loop until one more answer is there; that answer, or NULL (printed). */
const struct fake_answer *fake_host_ask(struct gc_instance *h, uint64_t deadline_ms);
/* Runs the loop until there are n answers in all; the last one, or NULL (printed). */
const struct fake_answer *fake_host_wait(struct gc_instance *h, int n, uint64_t deadline_ms);
/* True if the answer has that peer (address NULL, port 0: any). */
bool fake_answer_has(const struct fake_answer *a, const char *node, const char *address,
		     uint16_t port);
/* close(), then the loop until closed(), then unloads. False: it did not come, or rules were broken
 * (printed). Then check with loop_drain() that no handle is left. */
bool fake_host_close(struct gc_instance *h);

#endif
