/* See fuzz_memory.h. OpenSSL allocates from one block, whose bookkeeping lies in itself; a copy of
 * the block and of the writable data of its libraries is all of its state. Its random numbers come
 * from here as well, and begin again with each copy. What is given up: a sanitizer does not see
 * OpenSSL's own blocks (its code is not instrumented in any case; that nothing of it leaks is shown
 * by the unit tests, which have the usual memory). */
#include "build_config.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method: the short way */
#include "fuzz.h"
#include "fuzz_memory.h"

#include <link.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_BYTES (16u << 20)
#define SMALL 64 /* classes of 16 bytes more each; then powers of two */
#define CLASSES 80
#define PAGE 4096
#define PARTS 8 /* of the libraries' data */

struct piece { /* in front of what is handed out */
	size_t cls;
	struct piece *next; /* of its class; unused */
};

static struct {
	size_t used;
	struct piece *unused[CLASSES];
	uint64_t random;
} * block;

static struct part {
	uint8_t *at;
	size_t len;
} parts[PARTS];
static size_t n_parts;

/* Pages that are the same as in the copy before are shared with it. */
struct fuzz_memory {
	size_t n_pages;
	uint8_t *pages[BLOCK_BYTES / PAGE];
	uint8_t *parts[PARTS];
};

static struct fuzz_memory *newest;

/* ---- the block ---- */

static size_t room(size_t cls)
{
	return cls < SMALL ? (cls + 1) * 16 : (size_t)SMALL * 16 << (cls - SMALL + 1);
}

static size_t class_of(size_t len)
{
	if (len <= (size_t)SMALL * 16)
		return (len - 1) / 16;
	return SMALL + (size_t)(__builtin_clzl(SMALL * 16 - 1) - __builtin_clzl(len - 1)) - 1;
}

static void *on_malloc(size_t len, const char *file, int line)
{
	size_t cls, need;
	struct piece *p;

	(void)file;
	(void)line;
	if (len == 0)
		return NULL;
	FUZZ_REQUIRE(len < BLOCK_BYTES);
	cls = class_of(len);
	need = sizeof(*p) + room(cls);
	p = block->unused[cls];
	if (p) {
		block->unused[cls] = p->next;
	} else {
		FUZZ_REQUIRE(block->used + need <= BLOCK_BYTES);
		p = (struct piece *)(void *)((uint8_t *)block + block->used);
		block->used += need;
		p->cls = cls;
	}
	return p + 1;
}

static void on_free(void *at, const char *file, int line)
{
	struct piece *p;

	(void)file;
	(void)line;
	if (!at)
		return;
	p = (struct piece *)at - 1;
	p->next = block->unused[p->cls];
	block->unused[p->cls] = p;
}

static void *on_realloc(void *at, size_t len, const char *file, int line)
{
	size_t had = at ? room(((struct piece *)at - 1)->cls) : 0;
	void *to;

	if (at && len > 0 && len <= had)
		return at;
	to = on_malloc(len, file, line);
	if (at && to)
		memcpy(to, at, had < len ? had : len);
	on_free(at, file, line);
	return to;
}

/* ---- random numbers (xorshift64*) ---- */

static uint64_t next_random(void)
{
	block->random ^= block->random >> 12;
	block->random ^= block->random << 25;
	block->random ^= block->random >> 27;
	return block->random * 0x2545f4914f6cdd1du;
}

static int on_random(unsigned char *to, int len)
{
	for (int i = 0; i < len; i += 8) {
		uint64_t r = next_random();

		memcpy(to + i, &r, len - i < 8 ? (size_t)(len - i) : 8);
	}
	return 1;
}

static int on_random_status(void)
{
	return 1;
}

/* Before anything of OpenSSL runs: it asks for memory only of whom it has asked first. */
__attribute__((constructor)) static void take_over(void)
{
	static const RAND_METHOD method = {
	    .bytes = on_random, .pseudorand = on_random, .status = on_random_status};

	block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_REQUIRE(block != MAP_FAILED);
	block->used = (sizeof(*block) + 63) & ~(size_t)63;
	block->random = 4711;
	FUZZ_REQUIRE(CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free) == 1);
	FUZZ_REQUIRE(RAND_set_rand_method(&method) == 1);
}

/* ---- the data of the libraries ---- */

static void add_part(uintptr_t from, uintptr_t until)
{
	if (from >= until)
		return;
	FUZZ_REQUIRE(n_parts < PARTS);
	parts[n_parts++] = (struct part){(uint8_t *)from, until - from};
}

/* What the linker has made read-only after relocation is left out; it lies at the beginning. */
static int on_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t constant_until = 0;

	(void)size;
	(void)arg;
	if (!strstr(info->dlpi_name, "libcrypto.so") && !strstr(info->dlpi_name, "libssl.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_GNU_RELRO)
			constant_until =
			    (info->dlpi_addr + h->p_vaddr + h->p_memsz + 4095) & ~(uintptr_t)4095;
	}
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + h->p_vaddr;

		if (h->p_type == PT_LOAD && h->p_flags & PF_W)
			add_part(from > constant_until ? from : constant_until, from + h->p_memsz);
	}
	return 0;
}

/* ---- copies ---- */

static uint8_t *copy(const uint8_t *p, size_t len)
{
	uint8_t *to = malloc(len);

	FUZZ_REQUIRE(to);
	memcpy(to, p, len);
	return to;
}

static uint8_t *keep_page(size_t i)
{
	const uint8_t *page = (const uint8_t *)block + i * PAGE;

	if (newest && i < newest->n_pages && memcmp(newest->pages[i], page, PAGE) == 0)
		return newest->pages[i];
	return copy(page, PAGE);
}

const struct fuzz_memory *fuzz_memory_keep(void)
{
	struct fuzz_memory *m = calloc(1, sizeof(*m));

	if (n_parts == 0)
		(void)dl_iterate_phdr(on_library, NULL);
	FUZZ_REQUIRE(m);
	m->n_pages = (block->used + PAGE - 1) / PAGE;
	for (size_t i = 0; i < m->n_pages; i++)
		m->pages[i] = keep_page(i);
	for (size_t i = 0; i < n_parts; i++)
		m->parts[i] = copy(parts[i].at, parts[i].len);
	newest = m;
	return m;
}

void fuzz_memory_restore(const struct fuzz_memory *m)
{
	for (size_t i = 0; i < m->n_pages; i++)
		memcpy((uint8_t *)block + i * PAGE, m->pages[i], PAGE);
	for (size_t i = 0; i < n_parts; i++)
		memcpy(parts[i].at, m->parts[i], parts[i].len);
}
