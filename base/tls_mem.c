#include "base/tls_mem.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK    (22 * 1024) /* a record with all that is around it; a handshake's message buffer */
#define BLOCK_OF (8 * 1024)  /* what is smaller is the heap's */
#define BLOCKS   128         /* two of each handshake under way; untouched ones cost nothing */

union block {
	union block *next; /* while it is free */
	uint8_t bytes[BLOCK];
};

static _Alignas(64) union block blocks[BLOCKS];
static union block *spare; /* given back, the last one first */
static size_t fresh;       /* of `blocks`, how many were ever given out */
/* curl and the resolver have threads of their own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_block(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)blocks && (uintptr_t)p < (uintptr_t)(blocks + BLOCKS);
}

static void *take(void)
{
	union block *b;

	(void)pthread_mutex_lock(&lock);
	b = spare;
	if (b)
		spare = b->next;
	else if (fresh < BLOCKS)
		b = &blocks[fresh++];
	(void)pthread_mutex_unlock(&lock);
	return b;
}

/* What stood in it is nobody's any more, as with all that is freed (wipe.c). */
static void give_back(void *p)
{
	union block *b = p;

	explicit_bzero(b, sizeof(*b));
	(void)pthread_mutex_lock(&lock);
	b->next = spare;
	spare = b;
	(void)pthread_mutex_unlock(&lock);
}

static void *get(size_t n, const char *file, int line)
{
	void *b = n > BLOCK_OF && n <= BLOCK ? take() : NULL;

	(void)file;
	(void)line;
	return b ? b : malloc(n);
}

static void put(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (is_block(p))
		give_back(p);
	else
		free(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	void *other;

	if (!is_block(p))
		return realloc(p, n);
	if (n && n <= BLOCK)
		return p;
	other = n ? get(n, file, line) : NULL;
	if (other)
		memcpy(other, p, BLOCK);
	if (other || !n)
		put(p, file, line);
	return other;
}

void tls_mem_init(void)
{
	/* Too late is no harm: it is the heap's then. */
	(void)CRYPTO_set_mem_functions(get, resize, put);
}
