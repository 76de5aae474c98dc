/* Inside of config_tls*.c: the option `tls` being read. */
#ifndef GC_CONFIG_TLS_H
#define GC_CONFIG_TLS_H

#include "config_priv.h"
#include "tls.h"

struct gc_tls_reader {
	struct gc_setting *s;
	struct gc_tls_options *o;
	struct gc_tls_side *side;
	const char *role; /* of side, with ": " behind it; "" in our own words for both */
	bool is_otp;	  /* in the release's file */
};

/* Sets it in r->side, or passes over it. */
int gc_tls_option_set(struct gc_tls_reader *r, const struct gc_term *key, const struct gc_term *value);
/* Set, not passed over. */
bool gc_tls_option_is_known(const struct gc_term *key);

#endif
