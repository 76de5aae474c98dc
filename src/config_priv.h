/* Inside of config*.c: the rows of the option table and how one is set. */
#ifndef GC_CONFIG_PRIV_H
#define GC_CONFIG_PRIV_H

#include "config.h"

enum gc_row_kind {
	GC_ROW_INT,  /* unsigned, min .. max */
	GC_ROW_MS,   /* milliseconds, min .. max, perhaps infinity */
	GC_ROW_REAL, /* min .. max */
	GC_ROW_ENUM,	/* the index into choices */
	GC_ROW_TEXT,	/* not empty */
	GC_ROW_NODE,	/* a node name */
	GC_ROW_ADDRESS, /* numeric */
	GC_ROW_MAP,	/* sub rows; a boolean: whether it was given */
	GC_ROW_SPECIAL, /* set and put */
};

struct gc_setting;
struct gc_row {
	const char *key;
	const char *dflt; /* term text; NULL: not given */
	const char *help;
	const char *allowed; /* of SPECIAL and TEXT; made up for the others */
	enum gc_row_kind kind;
	bool may_be_infinite;
	bool is_bare; /* a SPECIAL that may be given as bare text, as TEXT, NODE and ADDRESS may */
	size_t at, size; /* of the member of struct gc_config */
	uint64_t min, max;
	const char *const *choices; /* NULL ends */
	const struct gc_row *sub;   /* key NULL ends */
	int (*set)(struct gc_setting *s, const struct gc_term *t);
	void (*put)(const struct gc_config *c, struct gc_buf *b);
};

/* One value on its way into the configuration. */
struct gc_setting {
	struct gc_config *c;
	const char *file;		/* where it comes from, may be NULL ... */
	const char *origin;		/* ... or what stands for file, line and key */
	const struct gc_row *row, *sub; /* sub: within a map */
	char *err;
	size_t err_len;
};

extern const struct gc_row gc_rows[]; /* key NULL ends */
#define GC_ROWS_MAX 64

const struct gc_row *gc_row_find(const struct gc_row *rows, const char *key);
/* What may be given, as part of a sentence. */
void gc_row_describe(const struct gc_row *row, char *text, size_t len);
/* Sets s->row from a term whose strings outlive s->c. */
int gc_row_set(struct gc_setting *s, const struct gc_term *t);
/* An IPv4 or IPv6 address, perhaps with a scope (fe80::1%eth0). */
bool gc_row_is_address(const char *text);
void gc_row_put(const struct gc_row *row, const struct gc_config *c, struct gc_buf *b);

/* Failures, all GC_EINVAL (or GC_ENOMEM). t: the culprit, may be NULL. */
int gc_setting_fail(const struct gc_setting *s, const struct gc_term *t, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int gc_setting_no_memory(const struct gc_setting *s);
/* "VALUE: must be WHAT IS ALLOWED" */
int gc_setting_refuse(const struct gc_setting *s, const struct gc_term *t);
/* "KEY: unknown option (did you mean ..)" of these rows. */
int gc_setting_unknown(const struct gc_setting *s, const struct gc_term *t, const char *key,
		       const struct gc_row *rows);

/* ---- config_file.c ---- */
/* A regular file of at most 1 MiB. GC_EIO with a sentence in err. */
int gc_config_read_file(const char *file, struct gc_buf *b, char *err, size_t err_len);

/* ---- config_tls.c ---- */
int gc_config_set_tls(struct gc_setting *s, const struct gc_term *t);
void gc_config_put_tls(const struct gc_config *c, struct gc_buf *b);

#endif
