#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/rand.h"

void rand_bytes(void *p, size_t n)
{
	uint8_t *at = p;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		/* No chance, no keys: going on would mean predictable ones. */
		if (got <= 0)
			abort();
		at += got;
		n -= (size_t)got;
	}
}

void rand_uuid(char dst[RAND_UUID])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t b[16];
	char *to = dst;

	rand_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562 section 5.4: version 4 */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* section 4.1: variant 10 */
	for (size_t i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = hex[b[i] >> 4];
		*to++ = hex[b[i] & 15];
	}
	*to = '\0';
}

/* splitmix64 spreads one word over the state, which must not be all zero */
static uint64_t spread(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void rand_gen_seed(struct rand_gen *g, uint64_t seed)
{
	if (!seed)
		rand_bytes(&seed, sizeof(seed));
	for (size_t i = 0; i < 4; i++)
		g->s[i] = spread(&seed);
}

static uint64_t turn(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static uint64_t draw(struct rand_gen *g)
{
	uint64_t *s = g->s, result = turn(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = turn(s[3], 45);
	return result;
}

uint64_t rand_gen_below(struct rand_gen *g, uint64_t n)
{
	uint64_t uneven, x;

	assert(n);
	/* 2^64 mod n draws are refused, so that every value is equally likely */
	uneven = -n % n;
	do
		x = draw(g);
	while (x < uneven);
	return x % n;
}
