#include "ingest/match/match_relation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hostname.h"
#include "base/mailaddr.h"
#include "base/mem.h"

#define LABEL_MIN 4 /* shorter ones are anybody's initials */

/* The assembler reads the file.  The path is relative to the folder make runs in. */
__asm__(".pushsection .rodata\n"
	"match_relation_tsv:\n"
	".incbin \"ingest/match/free.tsv\"\n"
	".byte 0\n"
	".popsection\n");
extern const char match_relation_tsv[] __attribute__((visibility("hidden")));

/* Domains that are anybody's. */
static struct {
	struct text *at; /* sorted; they point into `text` */
	size_t n;
	char *text;
} table; /* read once, kept */

static int by_name(const void *a, const void *b)
{
	const struct text *one = a, *other = b;
	size_t n = one->len < other->len ? one->len : other->len;
	int c = strncasecmp(one->at, other->at, n);

	return c ? c : (one->len > other->len) - (one->len < other->len);
}

int match_relation_take(struct text domains, size_t *ret_line)
{
	char *copy = mem_text_n(domains.at, domains.len);
	struct text *at = NULL, rest = text_of(copy), line;
	size_t n = 0, nth = 0;

	while (rest.len) {
		(void)text_cut(rest, '\n', &line, &rest);
		line = text_trim(line);
		nth++;
		if (!line.len || line.at[0] == '#')
			continue;
		if (!memchr(line.at, '.', line.len) || !hostname_is_name(line)) {
			free(at);
			free(copy);
			*ret_line = nth;
			return -EINVAL;
		}
		if (n % 64 == 0)
			at = mem_resize(at, (n + 64) * sizeof(*at));
		at[n++] = line;
	}
	if (n)
		qsort(at, n, sizeof(*at), by_name);
	free(table.at);
	free(table.text);
	table.at = at;
	table.n = n;
	table.text = copy;
	return 0;
}

bool match_relation_is_free(struct text domain)
{
	size_t line;

	if (!table.text && match_relation_take(text_of(match_relation_tsv), &line) < 0)
		abort(); /* a test reads the table of the binary */
	return table.n && bsearch(&domain, table.at, table.n, sizeof(domain), by_name);
}

struct parts {
	char spelt[MAILADDR];
	struct text local, domain; /* the local part without "+tag" */
};

static bool take_apart(struct text address, struct parts *ret)
{
	const char *plus;

	if (mailaddr_fold(address, ret->spelt) < 0 ||
	    !text_cut(text_of(ret->spelt), '@', &ret->local, &ret->domain))
		return false;
	plus = memchr(ret->local.at, '+', ret->local.len);
	if (plus && plus > ret->local.at)
		ret->local.len = (size_t)(plus - ret->local.at);
	return true;
}

static bool is_google(struct text domain)
{
	return text_eq(domain, TEXT("gmail.com")) || text_eq(domain, TEXT("googlemail.com"));
}

/* "mail.acme.example" and "acme.example". */
static bool is_one_house(struct text a, struct text b)
{
	return hostname_is_within(a, b) || hostname_is_within(b, a);
}

/* Under which whole countries register, "acme.co.uk"; of others, "gouv.fr", one house has many
 * below it. */
static bool is_registry(struct text t)
{
	static const char *const seconds[] = { "co", "com", "or", "org", "ne", "net" };
	struct text second, top;

	if (!text_cut(t, '.', &second, &top) || top.len != 2)
		return false;
	for (size_t i = 0; i < countof(seconds); i++)
		if (text_eq(second, text_of(seconds[i])))
			return true;
	return false;
}

/* The "acme" of "acme.example" and "acme.co.uk"; empty where it is no name of somebody's. */
static struct text label_of(struct text domain)
{
	struct text label, rest;

	if (!text_cut(domain, '.', &label, &rest) || label.len < LABEL_MIN)
		return (struct text){ 0 };
	return !memchr(rest.at, '.', rest.len) || is_registry(rest) ? label : (struct text){ 0 };
}

/* "acme.example" and "acme.test": the same name under another top level. */
static bool is_one_name(struct text a, struct text b)
{
	struct text one = label_of(a), other = label_of(b);

	return one.len && text_eq(one, other);
}

/* Gmail does not see dots. */
static bool is_dotted_alike(struct text a, struct text b)
{
	size_t i = 0, k = 0;

	for (;; i++, k++) {
		while (i < a.len && a.at[i] == '.')
			i++;
		while (k < b.len && b.at[k] == '.')
			k++;
		if (i == a.len || k == b.len)
			return i == a.len && k == b.len;
		if (a.at[i] != b.at[k])
			return false;
	}
}

enum match_relation match_relation_of(struct text from, struct text prospect)
{
	struct parts f, p;
	bool is_free;

	if (!take_apart(from, &f) || !take_apart(prospect, &p))
		return MATCH_RELATION_UNKNOWN;
	if (strcmp(f.spelt, p.spelt) == 0)
		return MATCH_RELATION_SAME;
	if (is_google(f.domain) && is_google(p.domain))
		return is_dotted_alike(f.local, p.local) ? MATCH_RELATION_ALIAS
							 : MATCH_RELATION_UNKNOWN;
	is_free = match_relation_is_free(f.domain) || match_relation_is_free(p.domain);
	if (text_eq(f.local, p.local) &&
	    (text_eq(f.domain, p.domain) ||
	     (!is_free && (is_one_house(f.domain, p.domain) || is_one_name(f.domain, p.domain)))))
		return MATCH_RELATION_ALIAS;
	return !is_free && is_one_house(f.domain, p.domain) ? MATCH_RELATION_COLLEAGUE
							    : MATCH_RELATION_UNKNOWN;
}

const char *match_relation_name(enum match_relation r)
{
	static const char *const names[] = {
		[MATCH_RELATION_UNKNOWN] = "unknown",
		[MATCH_RELATION_SAME] = "same",
		[MATCH_RELATION_ALIAS] = "alias",
		[MATCH_RELATION_COLLEAGUE] = "colleague",
	};

	return names[r];
}
