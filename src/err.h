/* Errors of gen_cluster: one table of codes, the atoms users see for them, and what they mean.
 *
 * Fallible functions return 0 or a negative enum gc_err. Where a human must be able to act on it,
 * a struct gc_fail carries the code together with the stage it happened in and a sentence. */
#ifndef GC_ERR_H
#define GC_ERR_H

#include <stddef.h>

/* X(code, number, atom, text). Numbers and atoms leave the process: append only. */
#define GC_ERR_MAP(X)                                                                              \
	X(GC_ENOMEM, -1, "enomem", "out of memory")                                                \
	X(GC_EINVAL, -2, "einval", "invalid argument")                                             \
	X(GC_ETIMEDOUT, -3, "timeout", "no answer before the deadline")                            \
	X(GC_ECANCELED, -4, "canceled", "canceled")                                                \
	X(GC_EOF, -5, "connection_closed", "the other side closed the connection")                 \
	X(GC_EPROTO, -6, "protocol_error", "the other side broke the protocol")                    \
	X(GC_ETOOBIG, -7, "too_big", "larger than the limit")                                      \
	X(GC_EIO, -8, "io_error", "input/output error")                                            \
	X(GC_ENXDOMAIN, -9, "nxdomain", "the host name does not exist")                            \
	X(GC_ENODATA, -10, "nodata", "the name exists but has no record of this type")             \
	X(GC_ESERVFAIL, -11, "servfail", "the DNS server failed to answer")                        \
	X(GC_EDNS, -12, "dns_error", "the DNS query failed")                                       \
	X(GC_ENOEPMD, -13, "no_epmd", "no EPMD answers on that host")                              \
	X(GC_ENOTINEPMD, -14, "not_in_epmd", "EPMD on that host does not know the name")           \
	X(GC_EREFUSED, -15, "refused", "connection refused")                                       \
	X(GC_EUNREACHABLE, -16, "unreachable", "host or network unreachable")                      \
	X(GC_EBADCOOKIE, -17, "bad_cookie", "the cookies differ")                                  \
	X(GC_ENAME, -18, "name_mismatch", "the node there calls itself by another name")           \
	X(GC_EALREADY, -19, "already_connected", "a connection to that node exists already")       \
	X(GC_ENOTALLOWED, -20, "not_allowed", "the node does not allow us to connect")             \
	X(GC_ETLS, -21, "tls", "the TLS handshake failed")                                         \
	X(GC_EHIDDEN, -22, "hidden", "a hidden node, never joined")                                \
	X(GC_EBADNAME, -23, "bad_name", "not a valid node name")                                   \
	X(GC_ETAKEN, -24, "name_taken", "EPMD says the name is in use")                            \
	X(GC_ETICK, -25, "tick_timeout", "nothing was heard for longer than net_ticktime")         \
	X(GC_EOVERLOAD, -26, "overload", "it reads more slowly than we must write")                \
	X(GC_EREPLACED, -27, "replaced", "replaced by a newer connection from the same node")      \
	X(GC_ENOTFOUND, -28, "not_found", "not found")                                             \
	X(GC_ENOLINK, -29, "no_link", "no connection to that node")                                \
	X(GC_ESHUTDOWN, -30, "shutdown", "gen_cluster is leaving")                                 \
	X(GC_EJOIN, -31, "join_failed", "the dist backend could not join the node")                \
	X(GC_ERESET, -32, "connection_reset", "connection reset by the other side")                \
	X(GC_EFLAGS, -33, "incompatible", "the node lacks a mandatory distribution flag")          \
	X(GC_EREMOVED, -34, "removed", "no longer named by discovery")                             \
	X(GC_EOWNER, -35, "owner_down", "the connection to the owner is down")                     \
	X(GC_EBUDGET, -36, "max_peers", "more peers than max_peers")                               \
	X(GC_EREFLECTED, -37, "reflected_challenge", "it sent us a challenge of our own")          \
	X(GC_EOUTSIDE, -38, "address_not_allowed", "the address is outside of what allow permits") \
	X(GC_ENOPORT, -39, "no_port", "its port is not known and EPMD is not to be asked")          \
	X(GC_ETLSEXPIRED, -40, "tls_certificate_expired", "a certificate has expired")             \
	X(GC_ETLSNOTYET, -41, "tls_certificate_not_yet_valid", "a certificate is not valid yet")   \
	X(GC_ETLSHOST, -42, "tls_hostname_mismatch", "the certificate is for another host")        \
	X(GC_ETLSUNKNOWNCA, -43, "tls_unknown_ca", "nobody trusted vouches for the certificate")   \
	X(GC_ETLSREVOKED, -44, "tls_certificate_revoked", "the certificate has been revoked")      \
	X(GC_ETLSNOCERT, -45, "tls_certificate_required", "a certificate is needed")               \
	X(GC_ETLSBADCERT, -46, "tls_bad_certificate", "the certificate is not accepted")           \
	X(GC_ETLSVERSION, -47, "tls_protocol_version", "no version of TLS in common")              \
	X(GC_ETLSHANDSHAKE, -48, "tls_handshake_failure", "nothing both sides accept")             \
	X(GC_ENOTTLS, -49, "tls_not_tls", "the other side does not speak TLS")                     \
	X(GC_EPEERTLS, -50, "tls_peer_is_tls", "the other side speaks TLS, and we do not")  \
	X(GC_EMFILE, -51, "emfile", "no descriptor is free")

enum gc_err {
#define GC_ERR_ENUM(code, number, atom, text) code = number,
	GC_ERR_MAP(GC_ERR_ENUM)
#undef GC_ERR_ENUM
};

/* All numbers are above -GC_ERR_LIMIT: for counts by reason. */
#define GC_ERR_LIMIT 64

/* Where in a dial (or an accepted handshake) something went wrong. */
enum gc_stage {
	GC_STAGE_NONE = 0,
	GC_STAGE_RESOLVE = 1,
	GC_STAGE_EPMD = 2,
	GC_STAGE_CONNECT = 3,
	GC_STAGE_TLS = 4,
	GC_STAGE_HANDSHAKE = 5,
	GC_STAGE_LINK = 6,
	GC_STAGE_JOIN = 7,
};

/* A failure that a person will read. err == 0: none. detail may be empty, is UTF-8, one line. */
struct gc_fail {
	int err;
	enum gc_stage stage;
	char detail[256];
};

/* The atom for an error ("bad_cookie"); "ok" for 0, "unknown" for what is not in the table. */
const char *gc_err_name(int err);
/* A sentence part for an error ("the cookies differ"). */
const char *gc_err_text(int err);
const char *gc_stage_name(enum gc_stage stage);
/* The code whose atom is NAME, or 0. */
int gc_err_from_name(const char *name);
/* Translates a (negative) libuv error. */
int gc_err_from_uv(int uv_err);

/* Fills f; the first failure wins: a second call on a filled f does nothing. Control characters in
 * the result are replaced. */
void gc_fail_set(struct gc_fail *f, int err, enum gc_stage stage, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* "handshake: bad_cookie: the cookies differ (detail)" into buf; always terminated. */
void gc_fail_print(const struct gc_fail *f, char *buf, size_t len);

#endif
