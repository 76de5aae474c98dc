/* The few terms that the partisan plugin writes and reads, by hand. What comes in has been
 * validated by the host; lengths are checked all the same. Pure. */
#ifndef PARTISAN_TERM_H
#define PARTISAN_TERM_H

#include <stddef.h>
#include <stdint.h>

#define ATOM_MAX 255

struct out { /* bytes being written; what does not fit sets failed */
	uint8_t *p;
	size_t len, size;
	int failed;
};
void put_bytes(struct out *o, const void *bytes, size_t len);
/* A list of one: before and after its element. */
void put_list_of_one(struct out *o);
void put_nil(struct out *o);
void put_atom(struct out *o, const char *name);
/* #{name => Node, listen_addrs => [#{ip => Address, port => Port}], channels => Channels}: how
 * Partisan 5 names a peer. address: numeric, IPv4 or IPv6. channels: one term. */
void put_node_spec(struct out *o, const char *node, const char *address, uint16_t port,
		   const void *channels, size_t channels_len);

struct in { /* bytes not read yet */
	const uint8_t *p;
	size_t len;
};
/* Each: 0, and the cursor moves; or -1. name: ATOM_MAX + 1 bytes. */
int take_atom(struct in *in, char *name);
int take_tuple(struct in *in, unsigned arity);
/* {Word, ...} of two elements, up to behind Word. */
int take_pair(struct in *in, const char *word);
/* The number of elements of a proper list. */
int take_list(struct in *in, uint32_t *n_r);

/* One sentence on an answer that is not `ok`: which function, and the word that it gave. */
void say_answer(char *text, size_t size, const char *module, const char *function,
		struct in answer);

#endif
