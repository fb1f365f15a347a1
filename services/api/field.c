#include <string.h>

#include "base/hostname.h"
#include "base/mailaddr.h"
#include "services/api/field.h"

bool field_address(struct text given, char ret[FIELD_ADDRESS])
{
	struct text local, domain;

	if (!text_cut(given, '@', &local, &domain) || mailaddr_fold(given, ret) < 0)
		return false;
	for (const char *c = ret; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 127 || strchr("<>(),;:\\\"[]", *c))
			return false;
	return memchr(domain.at, '@', domain.len) == NULL;
}

/* "host", "host:443", "[::1]:443". */
static bool is_authority(struct text t)
{
	struct text host = t, port = { 0 };
	uint64_t n;

	if (t.len && t.at[0] == '[') {
		if (!text_cut(text_sub(t, 1, t.len), ']', &host, &port) ||
		    !memchr(host.at, ':', host.len))
			return false;
		if (port.len && port.at[0] != ':')
			return false;
		port = text_sub(port, 1, port.len);
	} else if (!text_cut(t, ':', &host, &port)) {
		port = TEXT("");
	}
	return hostname_is_sane(host) && (!port.len || (text_u64(port, 65535, &n) == 0 && n > 0));
}

const char *field_url_refused(struct text url, bool allow_http)
{
	bool http = text_istarts(url, TEXT("http://")), https = text_istarts(url, TEXT("https://"));
	struct text rest = text_sub(url, https ? 8 : 7, url.len);
	size_t n = 0;

	if (!http && !https)
		return "is not an http(s) URL";
	if (http && !allow_http)
		return "is not https, and dispatch.allow_http is off";
	for (size_t i = 0; i < url.len; i++)
		if (url.at[i] <= ' ' || url.at[i] > '~' || url.at[i] == '\\' || url.at[i] == '#')
			return "holds a character that does not belong into a URL";
	while (n < rest.len && rest.at[n] != '/' && rest.at[n] != '?')
		n++;
	rest = text_sub(rest, 0, n);
	if (n && memchr(rest.at, '@', n))
		return "holds a user name; a receiver knows us by the signature, not by a password "
		       "in the URL";
	return is_authority(rest) ? NULL : "names no host that can be dialled";
}

bool field_uuid(const char *s)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (!s[i] || (dash ? s[i] != '-' : !strchr("0123456789abcdefABCDEF", s[i])))
			return false;
	}
	return s[36] == '\0';
}
