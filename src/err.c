/* The error table and struct gc_fail; see err.h. Pure. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static const struct row {
	int err;
	const char *atom, *text;
} rows[] = {
#define GC_ERR_ROW(code, number, atom, text) {code, atom, text},
	GC_ERR_MAP(GC_ERR_ROW)
#undef GC_ERR_ROW
};

static const struct row *find(int err)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return &rows[i];
	return NULL;
}

const char *gc_err_name(int err)
{
	const struct row *row = find(err);

	return row ? row->atom : err == 0 ? "ok" : "unknown";
}

const char *gc_err_text(int err)
{
	const struct row *row = find(err);

	return row ? row->text : err == 0 ? "no error" : "unknown error";
}

int gc_err_from_name(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].atom, name) == 0)
			return rows[i].err;
	return 0;
}

const char *gc_stage_name(enum gc_stage stage)
{
	switch (stage) {
	case GC_STAGE_NONE:
		return "none";
	case GC_STAGE_RESOLVE:
		return "resolve";
	case GC_STAGE_EPMD:
		return "epmd";
	case GC_STAGE_CONNECT:
		return "connect";
	case GC_STAGE_TLS:
		return "tls";
	case GC_STAGE_HANDSHAKE:
		return "handshake";
	case GC_STAGE_LINK:
		return "link";
	case GC_STAGE_JOIN:
		return "join";
	}
	return "unknown";
}

int gc_err_from_uv(int uv_err)
{
	switch (uv_err) {
	case 0:
		return 0;
	case UV_ENOMEM:
		return GC_ENOMEM;
	case UV_EINVAL:
		return GC_EINVAL;
	case UV_ETIMEDOUT:
		return GC_ETIMEDOUT;
	case UV_ECANCELED:
		return GC_ECANCELED;
	case UV_EOF:
		return GC_EOF;
	case UV_ECONNREFUSED:
		return GC_EREFUSED;
	case UV_ECONNRESET:
	case UV_EPIPE:
	case UV_ECONNABORTED:
		return GC_ERESET;
	case UV_EHOSTUNREACH:
	case UV_ENETUNREACH:
	case UV_ENETDOWN:
	case UV_EADDRNOTAVAIL:
	case UV_EAFNOSUPPORT:
		return GC_EUNREACHABLE;
	case UV_ENOENT:
		return GC_ENOTFOUND;
	case UV_EMFILE:
	case UV_ENFILE:
		return GC_EMFILE;
	default:
		return GC_EIO;
	}
}

/* Reasons travel into logs and shells, and may quote what a peer sent. */
static void clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s == 0x7f)
			*s = '?';
}

void gc_fail_set(struct gc_fail *f, int err, enum gc_stage stage, const char *fmt, ...)
{
	va_list ap;

	if (f->err != 0)
		return;
	f->err = err;
	f->stage = stage;
	va_start(ap, fmt);
	(void)vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
	va_end(ap);
	clean(f->detail);
}

void gc_fail_print(const struct gc_fail *f, char *buf, size_t len)
{
	const char *open = f->detail[0] ? " (" : "", *close = f->detail[0] ? ")" : "";

	if (f->stage == GC_STAGE_NONE)
		(void)snprintf(buf, len, "%s: %s%s%s%s", gc_err_name(f->err), gc_err_text(f->err),
			       open, f->detail, close);
	else
		(void)snprintf(buf, len, "%s: %s: %s%s%s%s", gc_stage_name(f->stage),
			       gc_err_name(f->err), gc_err_text(f->err), open, f->detail, close);
}
