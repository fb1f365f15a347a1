#include <arpa/inet.h>
#include <errno.h>
#include <idn2.h>
#include <string.h>

#include "base/hostname.h"
#include "base/limits.h"

#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

static bool is_label(struct text t)
{
	if (!t.len || t.len > LABEL_MAX || !is_word(t.at[0]) || !is_word(t.at[t.len - 1]))
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (!is_word(t.at[i]) && t.at[i] != '-')
			return false;
	return true;
}

/* As inet_aton(3) reads them: decimal, octal, "0x" and hexadecimal. */
static bool is_number(struct text t)
{
	bool hex = text_istarts(t, TEXT("0x"));

	for (size_t i = hex ? 2 : 0; i < t.len; i++) {
		char c = (char)(t.at[i] | 0x20);

		if (!is_digit(t.at[i]) && !(hex && c >= 'a' && c <= 'f'))
			return false;
	}
	return t.len > 0;
}

static struct text without_root(struct text t)
{
	return t.len && t.at[t.len - 1] == '.' ? text_sub(t, 0, t.len - 1) : t;
}

bool hostname_is_name(struct text t)
{
	struct text label;
	bool more = true;

	t = without_root(t);
	if (!t.len || t.len > LIMIT_CONN_HOST)
		return false;
	while (more) {
		more = text_cut(t, '.', &label, &t);
		if (!is_label(label))
			return false;
	}
	return !is_number(label);
}

bool hostname_is_sane(struct text t)
{
	char name[INET6_ADDRSTRLEN];
	unsigned char addr[16];

	if (hostname_is_name(t))
		return true;
	if (!t.len || t.len >= sizeof(name) || memchr(t.at, '\0', t.len))
		return false;
	memcpy(name, t.at, t.len);
	name[t.len] = '\0';
	return inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s > 127)
			return false;
	return true;
}

int hostname_ascii(struct text t, char ret[LIMIT_CONN_HOST + 1])
{
	char *ascii = NULL;
	size_t n = 0;

	if (t.len > LIMIT_CONN_HOST || (t.len && memchr(t.at, '\0', t.len)))
		return -EINVAL;
	for (; n < t.len; n++)
		ret[n] = t.at[n] >= 'A' && t.at[n] <= 'Z' ? (char)(t.at[n] + ('a' - 'A')) : t.at[n];
	ret[n] = '\0';
	if (is_ascii(ret))
		return 0;
	if (idn2_lookup_u8((const uint8_t *)ret, (uint8_t **)&ascii,
			   IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK)
		return -EINVAL;
	n = strlen(ascii);
	if (n <= LIMIT_CONN_HOST)
		memcpy(ret, ascii, n + 1);
	idn2_free(ascii);
	/* letters can stand for nothing, a blank, '@' or '/': what comes out must be a name */
	return n <= LIMIT_CONN_HOST && hostname_is_name(text_of(ret)) ? 0 : -EINVAL;
}

bool hostname_is_within(struct text host, struct text domain)
{
	host = without_root(host);
	domain = without_root(domain);
	return domain.len && text_iends(host, domain) &&
	       (host.len == domain.len || host.at[host.len - domain.len - 1] == '.');
}
