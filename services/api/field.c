#include <errno.h>
#include <string.h>

#include "base/mailaddr.h"
#include "base/weburl.h"
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

const char *field_url_refused(struct text url, bool allow_http)
{
	struct weburl u;
	int r = weburl_split(url, &u);

	if (r == -EPROTONOSUPPORT)
		return "is not an http(s) URL";
	if (text_istarts(url, TEXT("http://")) && !allow_http)
		return "is not https, and dispatch.allow_http is off";
	if (r == -EILSEQ || memchr(url.at, '#', url.len))
		return "holds a character that does not belong into a URL";
	if (r == -EPERM)
		return "holds a user name; a receiver knows us by the signature, not by a password "
		       "in the URL";
	return r == 0 ? NULL : "names no host that can be dialled";
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
