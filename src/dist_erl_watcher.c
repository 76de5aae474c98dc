/* The watcher on the owner: a small process that sends its nodes() first and then every nodeup and
 * nodedown with its reason. It is Erlang source, parsed and run by the owner itself, so a release
 * needs no code of ours. See dist_erl.h. */
#define GC_PLUGIN_ENTRY gc_plugin_entry_erl
#include "dist_erl.h"

/* The loop has the C-node as argument Gc. It ends with our link to the owner. */
static const char watcher_source[] =
    "ok = net_kernel:monitor_nodes(true, [nodedown_reason]),"
    "true = erlang:monitor_node(node(Gc), true),"
    "Gc ! {watching, self(), nodes()},"
    "Loop = fun Loop() ->"
    "  receive"
    "    {nodeup, N, _} -> Gc ! {up, N}, Loop();"
    "    {nodedown, N, Info} ->"
    "      R = case lists:keyfind(nodedown_reason, 1, Info) of"
    "            {_, A} when is_atom(A) -> A; _ -> connection_closed end,"
    "      Gc ! {down, N, R}, Loop();"
    "    {nodedown, N} when N =:= node(Gc) -> ok;"
    "    poll -> Gc ! {watching, self(), nodes()}, Loop();"
    "    _ -> Loop()"
    "  end end,"
    "Loop().";

/* ---- scan, parse, run, each on the owner ---- */

static void trouble(struct gc_erl_watcher *w, const char *what, const char *reason)
{
	w->host->log(w->inst, GC_WARNING, "the owner cannot be watched: %s: %s", what,
		     reason ? reason : "unexpected answer");
	w->failed(w->arg);
}

/* The element of a successful {ok, X, ..} answer, or NULL. Lives in arena. */
static const struct gc_term *ok_value(struct gc_arena *arena, const void *term, size_t len)
{
	const struct gc_term *t;

	if (!arena || gc_etf_decode(arena, term, len, &t) != 0 ||
	    !gc_term_is_tuple(t, SIZE_MAX, "ok") || t->n_items < 2)
		return NULL;
	return t->items[1];
}

/* Module:Function([Value]) or, with bindings, Function([Value, Bindings]). */
static void put_args(struct gc_buf *b, const struct gc_term *value)
{
	gc_etf_put_list(b, 1);
	gc_etf_put_term(b, value);
	gc_etf_put_nil(b);
}

/* [Exprs, [{'Gc', MailboxPid}]] */
static void put_run_args(struct gc_erl_watcher *w, struct gc_buf *b, const struct gc_term *exprs)
{
	uint8_t pid[300];
	size_t len = w->host->mailbox(w->inst, pid, sizeof(pid));

	gc_etf_put_list(b, 2);
	gc_etf_put_term(b, exprs);
	gc_etf_put_list(b, 1);
	gc_etf_put_tuple(b, 2);
	gc_etf_put_atom(b, "Gc");
	gc_etf_put_raw(b, (struct gc_span){pid, len});
	gc_etf_put_nil(b);
	gc_etf_put_nil(b);
	b->failed |= len == 0;
}

static void on_parsed(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct gc_erl_watcher *w = arg;
	struct gc_arena *arena = gc_arena_create(1 << 20);
	const struct gc_term *exprs = err ? NULL : ok_value(arena, term, len);
	struct gc_buf args = {0};

	if (exprs)
		put_run_args(w, &args, exprs);
	if (!exprs || args.failed ||
	    w->host->cast_owner(w->inst, "erl_eval", "exprs", args.data, args.len) != 0)
		trouble(w, "erl_parse", reason);
	gc_buf_deinit(&args);
	gc_arena_destroy(arena);
}

static void on_scanned(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct gc_erl_watcher *w = arg;
	struct gc_arena *arena = gc_arena_create(1 << 20);
	const struct gc_term *tokens = err ? NULL : ok_value(arena, term, len);
	struct gc_buf args = {0};

	if (tokens)
		put_args(&args, tokens);
	if (!tokens || args.failed ||
	    w->host->call_owner(w->inst, "erl_parse", "parse_exprs", args.data, args.len,
				GC_ERL_CALL_TIMEOUT_MS, on_parsed, w) != 0)
		trouble(w, "erl_scan", reason);
	gc_buf_deinit(&args);
	gc_arena_destroy(arena);
}

/* A silent one must not speak up beside its successor. */
static void stop(struct gc_erl_watcher *w)
{
	struct gc_buf args = {0};

	if (w->pid.len > 0) {
		gc_etf_put_list(&args, 2);
		gc_etf_put_raw(&args, (struct gc_span){w->pid.data, w->pid.len});
		gc_etf_put_atom(&args, "kill");
		gc_etf_put_nil(&args);
		if (!args.failed)
			(void)w->host->cast_owner(w->inst, "erlang", "exit", args.data, args.len);
		gc_buf_deinit(&args);
	}
	gc_buf_reset(&w->pid);
}

void gc_erl_watcher_start(struct gc_erl_watcher *w)
{
	struct gc_buf args = {0};

	stop(w);
	gc_etf_put_list(&args, 1);
	gc_etf_put_string(&args, watcher_source);
	gc_etf_put_nil(&args);
	if (args.failed || w->host->call_owner(w->inst, "erl_scan", "string", args.data, args.len,
					       GC_ERL_CALL_TIMEOUT_MS, on_scanned, w) != 0)
		trouble(w, "erl_scan", "not sent");
	gc_buf_deinit(&args);
}

void gc_erl_watcher_is(struct gc_erl_watcher *w, struct gc_span pid)
{
	gc_buf_reset(&w->pid);
	gc_buf_put(&w->pid, pid.p, pid.len);
}

void gc_erl_watcher_forget(struct gc_erl_watcher *w)
{
	gc_buf_reset(&w->pid);
}

int gc_erl_watcher_ask(struct gc_erl_watcher *w)
{
	struct gc_buf args = {0};
	int rc = 1;

	if (w->pid.len == 0)
		return 0;
	gc_etf_put_list(&args, 2);
	gc_etf_put_raw(&args, (struct gc_span){w->pid.data, w->pid.len});
	gc_etf_put_atom(&args, "poll");
	gc_etf_put_nil(&args);
	if (args.failed || w->host->cast_owner(w->inst, "erlang", "send", args.data, args.len) != 0)
		rc = -1;
	gc_buf_deinit(&args);
	return rc;
}
