#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is freed is wiped, whoever frees it: passwords and tokens pass through
 * the buffers of curl, OpenSSL, jansson, libmicrohttpd and libpq too, and none
 * of these wipes all that it gives up.  The program's free() and realloc() take
 * the place of libc's for every library (ELF interposition, "Replacing malloc"
 * in the manual of glibc); memory still comes from libc.
 *
 * Linked into `replyd` only.  Reading mails costs the same with it: what is wiped was
 * just used, and is in the cache.
 */
#ifdef __SANITIZE_ADDRESS__

/* AddressSanitizer has an allocator of its own, which keeps what is freed, and can fill it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_free_fill_size=67108864:free_fill_byte=0";
}

#else

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,readability-identifier-naming,
 * bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): libc's names */
void __libc_free(void *p);
void *__libc_malloc(size_t n);
void *__libc_realloc(void *p, size_t n);

void free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	__libc_free(p);
}

/* Growth moves it by hand: libc's would leave a copy where it was. */
void *realloc(void *p, size_t n)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *moved;

	if (!p)
		return __libc_malloc(n);
	if (n <= had) {
		explicit_bzero((char *)p + n, had - n);
		return __libc_realloc(p, n);
	}
	moved = __libc_malloc(n);
	if (!moved)
		return NULL;
	memcpy(moved, p, had);
	free(p);
	return moved;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,readability-identifier-naming,
 * bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#endif
