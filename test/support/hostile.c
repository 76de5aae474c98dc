/* hostile: a peer that does to a C-node what strangers and broken or evil nodes do, and says
 * whether the node behaved. Each attack is a function attack_NAME (hostile_*.c) that knows what the
 * target must do: cut the connection in time, turn a name away, keep the link, serve others. After
 * each attack a good node must get in.
 *
 *   hostile --target ADDRESS:PORT --target-name NODE [options] ATTACK | GROUP ...
 *   hostile --list
 *
 * Groups: strangers (no cookie needed), members (--cookie-file), dialled (the target must dial
 * --as, which is registered with the EPMD of --epmd-port), tls (--tls and --tls-cert), all. A line
 * for each: "ok NAME: what was seen" or "FAILED NAME: ...".
 *
 *   --cookie-file F   lets the good node prove itself to the end; without it it gets as far as the
 * challenge
 *   --other NODE      for impostor, claimer, usurper: a node that the target knows, or one that is
 * about to join
 *   --as NODE         for dialled (default mallory@127.0.0.1), with --epmd-port P
 *   --cut-ms MS       a stranger must be cut within that time (default 8000)
 *   --probe-ms MS     a good node must get in within that time, in a crowd and after each attack
 * (default 1000)
 *   --dial-ms MS      the target dials us within that time (default 60000); it is dialled anew
 * after each attack, so keep the target's pauses short: {reconnect, #{max_ms => 300}}
 *   --crowd N         connections of the crowd attacks and many_links (default 1000)
 *   --calls N         calls of the attack calls (default 1000000); floods of TLS are as large in
 * proportion
 *   --big-mb N        size of big_message (default 300)
 *   --seed N          for what is random (default: random, printed on failure)
 *   --tls 1.2|1.3     all goes over TLS of that version, where there is OpenSSL
 *   --tls-cert FILE   PEM: a certificate that the target takes, then its key
 *   --tls-ca FILE     PEM: who vouches for the target
 *   --tls-bad FILE    PEM: a certificate that the target must not take, then its key; up to eight
 * times
 *
 * Exit: 0 the target behaved in all; 1 it did not; 2 usage; 3 nobody there at the start.
 * Attackers come from 127.0.66.x towards a loopback target, the good node from 127.0.0.1. */
#include "hostile_tls.h"

#include <getopt.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum needs { NEEDS_NOTHING, NEEDS_COOKIE, NEEDS_DIAL, NEEDS_TLS, NEEDS_TLS_COOKIE };

static const struct attack {
	const char *name, *group, *text;
	enum needs needs;
	bool (*run)(struct hostile *h);
} attacks[] = {
#define HOSTILE_ROW(group, needs, name, text) {#name, group, text, needs, attack_##name},
#define X(name, text) HOSTILE_ROW("strangers", NEEDS_NOTHING, name, text)
    HOSTILE_STRANGERS(X)
#undef X
#define X(name, text) HOSTILE_ROW("members", NEEDS_COOKIE, name, text)
	HOSTILE_MEMBERS(X)
#undef X
#define X(name, text) HOSTILE_ROW("dialled", NEEDS_DIAL, name, text)
	    HOSTILE_DIALLED(X)
#undef X
#ifdef HOSTILE_TLS
#define X(name, text) HOSTILE_ROW("tls", NEEDS_TLS, name, text)
		HOSTILE_TLS_STRANGERS(X)
#undef X
#define X(name, text) HOSTILE_ROW("tls", NEEDS_TLS_COOKIE, name, text)
		    HOSTILE_TLS_MEMBERS(X)
#undef X
#endif
};
#define ATTACKS (sizeof attacks / sizeof *attacks)

bool hostile_note(struct hostile *h, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(h->note, sizeof h->note, format, args);
	va_end(args);
	return false;
}

uint32_t hostile_random(struct hostile *h)
{
	h->seed ^= h->seed << 13; /* xorshift64 */
	h->seed ^= h->seed >> 7;
	h->seed ^= h->seed << 17;
	return (uint32_t)(h->seed >> 16);
}

int hostile_probe(struct hostile *h)
{
	static unsigned count; /* another name each time: the one before may not be gone yet */
	struct peer p;
	char status[64], name[64];
	uint64_t begin = now_ms();
	snprintf(name, sizeof name, "good%u@127.0.0.1", ++count);
	if (!peer_open_from(h, &p, 0))
		return -1;
	bool is_good =
	    peer_say_name(&p, name, WIRE_FLAGS_HIDDEN, status) && strncmp(status, "ok", 2) == 0;
	if (h->cookie[0] != 0)
		is_good = is_good && peer_finish(h, &p) && peer_ping(&p, 10000);
	peer_close(&p);
	return is_good ? (int)(now_ms() - begin) : -1;
}

static bool can_run(const struct hostile *h, const struct attack *a)
{
	bool needs_cookie = a->needs == NEEDS_COOKIE || a->needs == NEEDS_TLS_COOKIE;
	if (a->needs >= NEEDS_TLS && (!h->tls.is_on || h->tls.cert == NULL))
		fprintf(stderr, "hostile: %s needs --tls and --tls-cert\n", a->name);
	else if (needs_cookie && h->cookie[0] == 0)
		fprintf(stderr, "hostile: %s needs --cookie-file\n", a->name);
	else if (a->needs == NEEDS_DIAL && h->epmd_port == 0)
		fprintf(stderr, "hostile: %s needs --epmd-port\n", a->name);
	else if (h->other == NULL &&
		 (strcmp(a->name, "impostor") == 0 || strcmp(a->name, "claimer") == 0 ||
		  strcmp(a->name, "usurper") == 0))
		fprintf(stderr, "hostile: %s needs --other\n", a->name);
	else
		return true;
	return false;
}

static bool run(struct hostile *h, const struct attack *a)
{
	uint64_t seed = h->seed;
	h->note[0] = 0;
	bool is_good = a->run(h);
	char seen[sizeof h->note];
	memcpy(seen, h->note, sizeof seen);
	int probe_ms = hostile_probe(h);
	bool is_served = probe_ms >= 0 && (uint32_t)probe_ms <= h->probe_ms;
	printf("%s %s: %s; a good node after it: %d ms", is_good && is_served ? "ok" : "FAILED",
	       a->name, seen, probe_ms);
	if (!is_good || !is_served)
		printf(" (--seed %lu)", (unsigned long)seed);
	putchar('\n');
	fflush(stdout);
	return is_good && is_served;
}

/* ---- options ---- */

static __attribute__((noreturn)) void usage(const char *why, const char *what)
{
	fprintf(stderr, "hostile: %s: %s (see the top of test/support/hostile.c)\n", why, what);
	exit(2);
}

static __attribute__((noreturn)) void list(void)
{
	for (size_t i = 0; i < ATTACKS; i++)
		printf("%-10s %-16s %s\n", attacks[i].group, attacks[i].name, attacks[i].text);
	exit(0);
}

/* ADDRESS:PORT, the address numeric and in [] if it has colons. */
static void set_target(struct hostile *h, const char *text)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	bool has_brackets = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
	if (colon == NULL)
		usage("--target", text);
	int len = (int)(colon - text) - (has_brackets ? 2 : 0);
	snprintf(host, sizeof host, "%.*s", len, text + (has_brackets ? 1 : 0));
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		usage("--target", text);
	memcpy(&h->target, found->ai_addr, found->ai_addrlen);
	h->target_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static uint32_t number(const char *option)
{
	char *end;
	unsigned long v = strtoul(optarg, &end, 10);
	if (end == optarg || *end != 0 || v > UINT32_MAX)
		usage(option, optarg);
	return (uint32_t)v;
}

static void set_option(struct hostile *h, int c)
{
	switch (c) {
	case 't':
		set_target(h, optarg);
		break;
	case 'n':
		h->target_name = optarg;
		break;
	case 'c':
		if (!wire_read_cookie(optarg, h->cookie, sizeof h->cookie))
			usage("--cookie-file", optarg);
		break;
	case 'o':
		h->other = optarg;
		break;
	case 'a':
		h->as = optarg;
		break;
	case 'e':
		h->epmd_port = (uint16_t)number("--epmd-port");
		break;
	case 'u':
		h->cut_ms = number("--cut-ms");
		break;
	case 'p':
		h->probe_ms = number("--probe-ms");
		break;
	case 'd':
		h->dial_ms = number("--dial-ms");
		break;
	case 'w':
		h->crowd = number("--crowd");
		break;
	case 'k':
		h->calls = number("--calls");
		break;
	case 'b':
		h->big_mb = number("--big-mb");
		break;
	case 's':
		h->seed = number("--seed");
		break;
	case 'T':
		h->tls.is_on = true;
		h->tls.version = strcmp(optarg, "1.2") == 0   ? 12
				 : strcmp(optarg, "1.3") == 0 ? 13
							      : 0;
		if (h->tls.version == 0)
			usage("--tls", optarg);
		break;
	case 'C':
		h->tls.cert = optarg;
		break;
	case 'B':
		if (h->tls.n_bad == HOSTILE_BAD_CERTS)
			usage("--tls-bad", "too many");
		h->tls.bad[h->tls.n_bad++] = optarg;
		break;
	case 'A':
		h->tls.ca = optarg;
		break;
	case 'l':
		list();
	default:
		usage("usage", "an unknown option");
	}
}

static void parse_options(struct hostile *h, int argc, char **argv)
{
	static const struct option longs[] = {{"target", 1, NULL, 't'},
					      {"target-name", 1, NULL, 'n'},
					      {"cookie-file", 1, NULL, 'c'},
					      {"other", 1, NULL, 'o'},
					      {"as", 1, NULL, 'a'},
					      {"epmd-port", 1, NULL, 'e'},
					      {"cut-ms", 1, NULL, 'u'},
					      {"probe-ms", 1, NULL, 'p'},
					      {"dial-ms", 1, NULL, 'd'},
					      {"crowd", 1, NULL, 'w'},
					      {"calls", 1, NULL, 'k'},
					      {"big-mb", 1, NULL, 'b'},
					      {"seed", 1, NULL, 's'},
					      {"list", 0, NULL, 'l'},
					      {"tls", 1, NULL, 'T'},
					      {"tls-cert", 1, NULL, 'C'},
					      {"tls-ca", 1, NULL, 'A'},
					      {"tls-bad", 1, NULL, 'B'},
					      {NULL, 0, NULL, 0}};
	int c;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		set_option(h, c);
	if (h->target_len == 0 || h->target_name == NULL)
		usage("needed", "--target and --target-name");
	if (optind == argc)
		usage("needed", "an attack or a group");
	if (h->seed == 0)
		h->seed = 1 + wire_random32();
}

static bool is_named(const struct attack *a, const char *word)
{
	return strcmp(word, a->name) == 0 || strcmp(word, a->group) == 0 ||
	       strcmp(word, "all") == 0;
}

/* The attacks that a word names, in the order of the table; false: one of them failed. */
static bool run_named(struct hostile *h, const char *word)
{
	bool is_good = true, is_known = false;
	for (size_t i = 0; i < ATTACKS; i++) {
		if (!is_named(&attacks[i], word))
			continue;
		is_known = true;
		if (can_run(h, &attacks[i]))
			is_good = run(h, &attacks[i]) && is_good;
		else if (strcmp(word, attacks[i].name) == 0)
			exit(2);
	}
	if (!is_known)
		usage("no such attack", word);
	return is_good;
}

int main(int argc, char **argv)
{
	struct hostile h = {
	    .cut_ms = 8000, .probe_ms = 1000, .dial_ms = 60000, .crowd = 1000, .calls = 1000000};
	struct rlimit r;
	h.big_mb = 300;
	h.as = HOSTILE_NAME;
	h.epmd_fd = h.listen_fd = -1;
	parse_options(&h, argc, argv);
	if (!tls_setup(&h))
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	if (hostile_probe(&h) < 0) {
		fprintf(stderr, "hostile: %s lets no good node in\n", h.target_name);
		return 3;
	}
	bool is_good = true;
	for (int i = optind; i < argc; i++)
		is_good = run_named(&h, argv[i]) && is_good;
	if (h.listen_fd >= 0)
		close(h.listen_fd);
	if (h.epmd_fd >= 0)
		close(h.epmd_fd);
	tls_teardown(&h);
	return is_good ? 0 : 1;
}
