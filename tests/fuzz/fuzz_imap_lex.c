#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/imap/imap_caps.h"
#include "ingest/imap/imap_lex.h"
#include "ingest/imap/imap_line.h"
#include "ingest/imap/imap_text.h"

/*
 * What we write as a string is read as that string; and of anything at all,
 * each reader takes a piece that lies inside, or nothing, and passing over a
 * value ends where reading it does, without changing a byte.
 */
#define MAX_LITERAL 64

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* As a server that echoes our argument: the line our words make, read back. */
static void comes_back(struct text s, const struct imap_means *means)
{
	struct imap_text t;
	struct imap_line line;
	struct imap_lex lex;
	struct text got;
	char *at;
	size_t len;

	imap_text_init(&t);
	imap_text_begin(&t, 1, IMAP_VERB_STATUS);
	if (imap_text_astring(&t, s, means) < 0) {
		must(s.len > LIMIT_IMAP_NAME || memchr(s.at, '\r', s.len) ||
		     memchr(s.at, '\n', s.len) || memchr(s.at, '\0', s.len));
		imap_text_take_back(&t);
		imap_text_clear(&t);
		return;
	}
	imap_text_end(&t);
	imap_line_init(&line, 1 << 20, 1 << 20, 1 << 20);
	must(imap_line_recv(&line, t.data.data, t.data.len) == 0);
	must(imap_line_next(&line, &at, &len) == 1);
	imap_lex_init(&lex, at + sizeof("r1 STATUS ") - 1, len - (sizeof("r1 STATUS ") - 1),
		      1 << 20);
	must(imap_lex_string(&lex, &got) >= IMAP_LEX_QUOTED);
	must(got.len == s.len && (!s.len || memcmp(got.at, s.at, s.len) == 0));
	must(imap_lex_is_end(&lex));
	imap_line_clear(&line);
	imap_text_clear(&t);
}

static void every_way_back(struct text s)
{
	static const struct imap_means ways[] = {
		{ 0 },
		{ .caps = IMAP_CAP(LITERAL_PLUS) },
		{ .enabled = IMAP_CAP(UTF8_ACCEPT) },
	};

	for (size_t i = 0; i < countof(ways); i++)
		comes_back(s, &ways[i]);
}

static void inside(const struct imap_lex *l, const char *from, struct text t)
{
	must(!t.len || (t.at >= from && t.at + t.len <= l->end));
}

/* At every place of `p`: a value read, and the same passed over. */
static void readers(const char *p, size_t n)
{
	char *at = mem_new(n + 1), *whole = mem_new(n + 1);

	memcpy(whole, p, n);
	for (size_t i = 0; i <= n; i++) {
		struct imap_lex l, skip;
		struct text t;
		uint64_t number;
		int r, s;

		memcpy(at, p, n);
		imap_lex_init(&skip, at + i, n - i, MAX_LITERAL);
		s = imap_lex_skip(&skip);
		must(memcmp(at, whole, n) == 0);
		must(s == 0 ? skip.at > at + i : skip.at == at + i);

		imap_lex_init(&l, at + i, n - i, MAX_LITERAL);
		if (imap_lex_list(&l, &t) == 0 && imap_lex_is(&skip, '(') && s == 0)
			must(l.at == skip.at);
		inside(&l, at + i, t = (struct text){ l.at, 0 });
		imap_lex_init(&l, at + i, n - i, MAX_LITERAL);
		r = imap_lex_number(&l, &number);
		must(r == 0 ? l.at > at + i : l.at == at + i);

		imap_lex_init(&l, at + i, n - i, MAX_LITERAL);
		r = imap_lex_string(&l, &t);
		must(r >= 0 ? l.at > at + i && l.at <= at + n : l.at == at + i);
		if (r >= 0)
			inside(&l, at + i, t);
		if (r >= IMAP_LEX_QUOTED && s == 0)
			must(l.at == skip.at);
		if (r == IMAP_LEX_LITERAL)
			must(t.len <= MAX_LITERAL);
	}
	free(at);
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > 512)
		return 0;
	every_way_back((struct text){ (const char *)p, n });
	readers((const char *)p, n);
	return 0;
}
