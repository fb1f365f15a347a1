#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "base/limits.h"
#include "base/mailaddr.h"
#include "base/mem.h"

int mailaddr_fold(struct text given, char ret[MAILADDR])
{
	const char *at = given.len ? memrchr(given.at, '@', given.len) : NULL;
	size_t local = at ? (size_t)(at - given.at) : 0;
	struct text domain = text_sub(given, local + 1, given.len);
	char host[LIMIT_CONN_HOST + 1];

	if (!local || !domain.len || hostname_ascii(domain, host) < 0 ||
	    local + 1 + strlen(host) >= MAILADDR)
		return -EINVAL;
	for (size_t i = 0; i < local; i++) {
		char c = given.at[i];

		ret[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	ret[local] = '@';
	memcpy(ret + local + 1, host, strlen(host) + 1);
	return 0;
}

char *mailaddr_own(char *given)
{
	char *at = given ? strrchr(given, '@') : NULL, *own;
	size_t local = at ? (size_t)(at - given) + 1 : 0;
	char host[LIMIT_CONN_HOST + 1];

	if (!at)
		return given;
	if (hostname_ascii(text_of(at + 1), host) < 0) {
		for (char *c = at; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + ('a' - 'A'));
		return given;
	}
	own = mem_new(local + strlen(host) + 1);
	memcpy(own, given, local);
	memcpy(own + local, host, strlen(host) + 1);
	free(given);
	return own;
}
