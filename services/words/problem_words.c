#include "services/words/problem_words.h"

#include "base/mem.h"

static const struct problem_words *find(const struct problem_words *rows, size_t n,
					struct text code)
{
	for (size_t i = 0; i < n; i++)
		if (text_eq(text_of(rows[i].code), code))
			return &rows[i];
	return NULL;
}

static const struct problem_words *known(struct text code)
{
	const struct problem_words *w =
		find(problem_words_link_rows, problem_words_link_n_rows, code);

	if (!w)
		w = find(problem_words_mail_rows, problem_words_mail_n_rows, code);
	return w ? w : find(problem_words_domain_rows, problem_words_domain_n_rows, code);
}

const struct problem_words *problem_words_of(struct text code)
{
	const struct problem_words *w = known(code);

	return w ? w : known(TEXT("internal"));
}

const struct problem_words *problem_words_of_inbox(struct text state, struct text reason)
{
	static const char *const well[] = { "new", "connecting", "catching_up", "live" };
	const struct problem_words *w = reason.len ? known(reason) : NULL;

	for (size_t i = 0; i < countof(well); i++)
		if (text_eq(state, text_of(well[i])))
			return NULL;
	/* Doubted only: the same access is tried again before anybody is asked. */
	if (text_eq(state, TEXT("backing_off")) && text_eq(reason, TEXT("token_refused")))
		return known(state);
	return w ? w : known(state);
}

const char *problem_words_mender(enum problem_mender m)
{
	switch (m) {
	case MENDED_BY_ITSELF:
		return "itself";
	case MENDED_BY_USER:
		return "user";
	case MENDED_BY_ADMIN:
		return "admin";
	case MENDED_BY_OPERATOR:
		return "operator";
	}
	return "operator";
}
