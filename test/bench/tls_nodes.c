/* tls_nodes DIR N EPMD_PORT VERSION: plays N visible Erlang nodes n1@127.0.0.1 .. that speak
 * distribution over TLS, for `make bench-tls`. Makes an authority and a certificate in DIR, with an
 * ssl_dist_optfile for who dials, registers with EPMD, prints "ready", and for each round in which
 * all nodes have been joined and have been left again "joined MILLISECONDS RESUMED": from the first
 * connection accepted to the last handshake done, and how many of them were resumed. A line on
 * stdin: it drops all links, politely, and accepts the next when the last has gone. One thread a
 * node, blocking. Cookie: bench. Shares no code with src/. */
#include "test_ca.h"
#include "wire.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COOKIE "bench"
#define NODES_MAX 1000

struct node {
	char name[64];
	int listener, epmd, fd; /* fd: joined by this, or -1 */
	bool is_resumed;
	pthread_t thread;
};

static struct node nodes[NODES_MAX];
static int n_nodes, n_joined;
static bool is_leaving; /* all have been joined */
static double first_ms;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_left = PTHREAD_COND_INITIALIZER;
static SSL_CTX *ctx;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- what is counted ---- */

static void accepted(void)
{
	pthread_mutex_lock(&lock);
	if (first_ms == 0)
		first_ms = now_ms();
	pthread_mutex_unlock(&lock);
}

static void tell_joined(void)
{
	int n_resumed = 0;

	for (int i = 0; i < n_nodes; i++)
		n_resumed += nodes[i].is_resumed;
	printf("joined %.1f %d\n", now_ms() - first_ms, n_resumed);
	fflush(stdout);
}

static void joined(struct node *node, int fd, bool is_resumed)
{
	pthread_mutex_lock(&lock);
	node->fd = fd;
	node->is_resumed = is_resumed;
	if (++n_joined == n_nodes) {
		is_leaving = true;
		tell_joined();
	}
	pthread_mutex_unlock(&lock);
}

static void left(struct node *node)
{
	pthread_mutex_lock(&lock);
	node->fd = -1;
	if (--n_joined == 0 && is_leaving) {
		is_leaving = false;
		first_ms = 0;
		printf("left\n");
		fflush(stdout);
		pthread_cond_broadcast(&all_left);
	}
	pthread_mutex_unlock(&lock);
}

/* Once all have been joined, nobody is joined again before all have been left. */
static void wait_for_round(void)
{
	pthread_mutex_lock(&lock);
	while (is_leaving)
		pthread_cond_wait(&all_left, &lock);
	pthread_mutex_unlock(&lock);
}

static void drop_all(void)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < n_nodes; i++)
		if (nodes[i].fd >= 0)
			(void)shutdown(nodes[i].fd, SHUT_RD);
	pthread_mutex_unlock(&lock);
}

/* ---- one connection ---- */

static bool read_all(SSL *ssl, uint8_t *to, size_t len)
{
	size_t n;

	for (size_t at = 0; at < len; at += n)
		if (SSL_read_ex(ssl, to + at, len - at, &n) != 1)
			return false;
	return true;
}

/* A packet without its length; -1: none. */
static int read_packet(SSL *ssl, uint8_t *to)
{
	uint8_t head[4];
	uint32_t len;

	if (!read_all(ssl, head, 4) || (len = wire_get32(head)) > WIRE_MAX)
		return -1;
	return read_all(ssl, to, len) ? (int)len : -1;
}

/* out begins with a length of two bytes; here it has four. */
static bool write_packet(SSL *ssl, const uint8_t *out, size_t len)
{
	uint8_t wide[2 + WIRE_MAX] = {0};
	size_t n;

	memcpy(wide + 2, out, len);
	return SSL_write_ex(ssl, wide, len + 2, &n) == 1;
}

static bool shake(SSL *ssl, const char *name)
{
	struct wire_name mine = {.flags = WIRE_FLAGS_VISIBLE, .creation = 4711, .challenge = wire_random32()};
	uint8_t in[WIRE_MAX], out[WIRE_MAX], digest[16];
	uint32_t theirs;
	int n;

	(void)snprintf(mine.name, sizeof(mine.name), "%s", name);
	if (read_packet(ssl, in) <= 0 || !write_packet(ssl, out, wire_put_status(out, "ok")) ||
	    !write_packet(ssl, out, wire_put_challenge(out, &mine)) || (n = read_packet(ssl, in)) <= 0 ||
	    !wire_check_reply(in, (size_t)n, COOKIE, mine.challenge, &theirs))
		return false;
	wire_digest(COOKIE, theirs, digest);
	return write_packet(ssl, out, wire_put_ack(out, digest));
}

static void serve(struct node *node, int fd)
{
	SSL *ssl = SSL_new(ctx);
	uint8_t in[4096];
	size_t n;

	if (!ssl || SSL_set_fd(ssl, fd) != 1)
		die("SSL");
	if (SSL_accept(ssl) == 1 && shake(ssl, node->name)) {
		joined(node, fd, SSL_session_reused(ssl));
		while (SSL_read_ex(ssl, in, sizeof(in), &n) == 1)
			;
		(void)SSL_shutdown(ssl);
		left(node);
	}
	SSL_free(ssl);
	(void)close(fd);
}

static void *run(void *arg)
{
	struct node *node = arg;

	for (;;) {
		int fd;

		wait_for_round();
		fd = accept(node->listener, NULL, NULL);
		if (fd < 0)
			continue;
		accepted();
		serve(node, fd);
	}
	return NULL;
}

/* ---- start ---- */

static struct sockaddr_in local(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t listen_on(struct node *node)
{
	struct sockaddr_in a = local(0);
	socklen_t len = sizeof(a);

	node->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (node->listener < 0 || bind(node->listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(node->listener, 16) != 0 ||
	    getsockname(node->listener, (struct sockaddr *)&a, &len) != 0)
		die("listen");
	return ntohs(a.sin_port);
}

static void enter_epmd(struct node *node, int i, uint16_t port, uint16_t epmd_port)
{
	struct sockaddr_in a = local(epmd_port);
	uint8_t out[WIRE_MAX], in[8];
	char alive[16];
	size_t len;

	(void)snprintf(alive, sizeof(alive), "n%d", i + 1);
	(void)snprintf(node->name, sizeof(node->name), "%s@127.0.0.1", alive);
	len = wire_put_alive2_req(out, alive, port);
	node->epmd = socket(AF_INET, SOCK_STREAM, 0);
	if (node->epmd < 0 || connect(node->epmd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    write(node->epmd, out, len) != (ssize_t)len || read(node->epmd, in, sizeof(in)) < 4)
		die("epmd");
}

static void write_optfile(const char *dir, const char *version)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/ssl_dist.conf", dir);
	f = fopen(path, "w");
	if (!f)
		die(path);
	for (int i = 0; i < 2; i++)
		fprintf(f, "%s[{certfile, \"%s/node.pem\"}, {keyfile, \"%s/node.key\"}, {cacertfile, \"%s/ca.pem\"},\n"
			   "  {verify, verify_peer}, {versions, ['tlsv%s']}]}%s",
			i == 0 ? "[{server, " : " {client, ", dir, dir, dir, version, i == 0 ? ",\n" : "].\n");
	if (fclose(f) != 0)
		die(path);
}

static void make_context(const char *dir)
{
	const struct test_cert c = {.file = "node", .names = "DNS:127.0.0.1,IP:127.0.0.1"};
	static const unsigned char us[] = "tls_nodes";
	char pem[512], key[512], ca_pem[512];
	struct test_ca ca;

	if (!test_ca_init(&ca, dir, "ca") || test_ca_issue(&ca, &c) == 0)
		die("certificates");
	(void)snprintf(pem, sizeof(pem), "%s/node.pem", dir);
	(void)snprintf(key, sizeof(key), "%s/node.key", dir);
	(void)snprintf(ca_pem, sizeof(ca_pem), "%s/ca.pem", dir);
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx || SSL_CTX_use_certificate_file(ctx, pem, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_locations(ctx, ca_pem, NULL) != 1)
		die("context");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	(void)SSL_CTX_set_session_id_context(ctx, us, sizeof(us) - 1);
	(void)SSL_CTX_set_options(
	    ctx, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF); /* a session outlives a drop */
	test_ca_deinit(&ca);
}

int main(int argc, char **argv)
{
	int c;

	if (argc != 5 || (n_nodes = atoi(argv[2])) < 1 || n_nodes > NODES_MAX) {
		fprintf(stderr, "usage: tls_nodes DIR N EPMD_PORT VERSION\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	make_context(argv[1]);
	write_optfile(argv[1], argv[4]);
	for (int i = 0; i < n_nodes; i++) {
		nodes[i].fd = -1;
		enter_epmd(&nodes[i], i, listen_on(&nodes[i]), (uint16_t)atoi(argv[3]));
		if (pthread_create(&nodes[i].thread, NULL, run, &nodes[i]) != 0)
			die("thread");
	}
	printf("ready\n");
	fflush(stdout);
	while ((c = getchar()) != EOF) /* ends with its parent */
		if (c == '\n')
			drop_all();
	return 0;
}
