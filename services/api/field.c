#include <string.h>

#include "services/api/field.h"

bool field_address(struct text given, char ret[FIELD_ADDRESS])
{
	struct text local, domain;

	if (given.len >= FIELD_ADDRESS || !text_cut(given, '@', &local, &domain) || !local.len ||
	    !domain.len)
		return false;
	for (size_t i = 0; i < given.len; i++) {
		unsigned char c = (unsigned char)given.at[i];

		if (c <= ' ' || c == 127 || strchr("<>(),;:\\\"[]", c))
			return false;
		ret[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	ret[given.len] = '\0';
	return memchr(domain.at, '@', domain.len) == NULL;
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
