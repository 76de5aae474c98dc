/* Peers in a text, as people and scripts write them. Pure; used by the plugins file and exec, and a
 * fuzz target.
 *
 * Two forms, told apart by the first character:
 * - words: node names or hosts, separated by white space; '#' or '%' begins a comment to the end
 *   of the line;
 * - '[': one list in Erlang or JSON syntax, 'a@h' "a@h" <<"a@h">> or bare, separated by commas,
 * perhaps ended by '.'. Comments as above. */
#ifndef GC_PEER_TEXT_H
#define GC_PEER_TEXT_H

#include <gen_cluster/gc_plugin.h>

/* A word, not terminated: 1 to 255 characters that may stand in a node name or a host. */
typedef void (*gc_peer_text_cb)(void *arg, const char *word, size_t len);

/* 0, or -1 with "line N: sentence" in err; cb may have been called before. text may hold any bytes.
 */
int gc_peer_text_parse(const char *text, size_t len, gc_peer_text_cb cb, void *arg, char *err,
		       size_t err_len);
/* The same into an answer of a plugin; n_r: how many words there were. */
int gc_peer_text_add(const char *text, size_t len, const struct gc_host *host,
		     struct gc_request *request, size_t *n_r, char *err, size_t err_len);

#endif
