#include <errno.h>
#include <string.h>

#include "base/hostname.h"
#include "base/weburl.h"

#define PORT_DIGITS 5

/* What would end the host for one reader and not for the next. */
static bool is_clean(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] <= ' ' || t.at[i] > '~' || t.at[i] == '\\')
			return false;
	return true;
}

static int read_port(struct text t, uint16_t *ret)
{
	uint64_t n;

	if (t.len > PORT_DIGITS || text_u64(t, UINT16_MAX, &n) != 0 || n == 0)
		return -EDESTADDRREQ;
	*ret = (uint16_t)n;
	return 0;
}

/* "host", "host:443", "[::1]", "[::1]:443". */
static int read_authority(struct text t, struct weburl *u)
{
	struct text port = { 0 };
	bool has_port;

	if (t.len > 0 && t.at[0] == '[') {
		if (!text_cut(text_sub(t, 1, t.len), ']', &u->host, &port) ||
		    !memchr(u->host.at, ':', u->host.len))
			return -EDESTADDRREQ;
		has_port = port.len > 0;
		if (has_port && port.at[0] != ':')
			return -EDESTADDRREQ;
		port = text_sub(port, 1, port.len);
	} else {
		has_port = text_cut(t, ':', &u->host, &port);
	}
	if (!hostname_is_sane(u->host))
		return -EDESTADDRREQ;
	return has_port ? read_port(port, &u->port) : 0;
}

int weburl_split(struct text url, struct weburl *ret)
{
	struct weburl u = { .is_plain = text_istarts(url, TEXT("http://")) };
	size_t scheme = u.is_plain ? 7 : 8, end = scheme;
	int r;

	if (!u.is_plain && !text_istarts(url, TEXT("https://")))
		return -EPROTONOSUPPORT;
	if (!is_clean(url))
		return -EILSEQ;
	while (end < url.len && !strchr("/?#", url.at[end]))
		end++;
	u.port = u.is_plain ? 80 : 443;
	u.origin = text_sub(url, 0, end);
	u.authority = text_sub(url, scheme, end - scheme);
	u.rest = text_sub(url, end, url.len);
	if (u.authority.len == 0)
		return -EDESTADDRREQ;
	if (memchr(u.authority.at, '@', u.authority.len))
		return -EPERM;
	r = read_authority(u.authority, &u);
	if (r == 0)
		*ret = u;
	return r;
}

bool weburl_is_same_origin(const struct weburl *a, const struct weburl *b)
{
	return a->is_plain == b->is_plain && a->port == b->port && text_ieq(a->host, b->host);
}
