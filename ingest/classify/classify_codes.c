#include "ingest/classify/classify_codes.h"

#include <stdint.h>
#include <string.h>

enum weight { NOTHING, GENERIC, FORMAL, VAGUE, OUT_OF_TIME, PRECISE };

unsigned classify_codes_weight(const char *status)
{
	const char *rest = status[0] ? status + 1 : "";

	if (!*rest)
		return NOTHING;
	if (strcmp(rest, ".0.0") == 0)
		return GENERIC;
	/* "5.5.x: no valid recipients" is what follows from an earlier answer */
	if (strncmp(rest, ".5.", 3) == 0)
		return FORMAL;
	if (strcmp(rest, ".4.7") == 0)
		return OUT_OF_TIME;
	return strcmp(rest + strlen(rest) - 2, ".0") == 0 ? VAGUE : PRECISE;
}

bool classify_codes_is_precise(const char *status)
{
	return classify_codes_weight(status) == PRECISE;
}

static bool is_digit(struct text t, size_t at)
{
	return at < t.len && t.at[at] >= '0' && t.at[at] <= '9';
}

static bool is_edge(struct text t, size_t at)
{
	return at >= t.len ||
	       !((t.at[at] >= 'a' && t.at[at] <= 'z') || is_digit(t, at) || t.at[at] == '.');
}

/* "5.1.1" at `at`: its length, or 0.  RFC 3463 knows the subjects 0 to 7. */
static size_t status_at(struct text t, size_t at)
{
	size_t from = at;

	if (at + 3 >= t.len || (t.at[at] != '4' && t.at[at] != '5') || t.at[at + 1] != '.' ||
	    !is_digit(t, at + 2) || t.at[at + 2] > '7' || t.at[at + 3] != '.')
		return 0;
	for (at += 4; is_digit(t, at); at++)
		if (at - from > 6)
			return 0;
	if (at == from + 4)
		return 0;
	if (at < t.len && t.at[at] == '.' && !is_digit(t, at + 1))
		return at - from; /* the full stop of a sentence */
	return is_edge(t, at) ? at - from : 0;
}

/* "550 " or "550-" or "550:" with a code that servers use; "465" and "587" are ports */
static unsigned smtp_at(struct text t, size_t at)
{
	unsigned code;

	if ((t.at[at] != '4' && t.at[at] != '5') || !is_digit(t, at + 1) || !is_digit(t, at + 2) ||
	    !is_edge(t, at + 3))
		return 0;
	code = (unsigned)(t.at[at] - '0') * 100 + (unsigned)(t.at[at + 1] - '0') * 10 +
	       (unsigned)(t.at[at + 2] - '0');
	return t.at[at + 1] <= '7' && t.at[at + 1] != '6' ? code : 0;
}

void classify_codes_find(struct text t, unsigned *ret_smtp_code, char ret_status[MIME_STATUS])
{
	unsigned best = NOTHING;
	bool smtp = false;

	for (size_t at = 0; at < t.len; at++) {
		char status[MIME_STATUS];
		unsigned code;
		size_t n;

		if ((t.at[at] != '4' && t.at[at] != '5') || (at > 0 && !is_edge(t, at - 1)))
			continue;
		n = status_at(t, at);
		if (n) {
			memcpy(status, t.at + at, n);
			status[n] = '\0';
			at += n - 1;
			if (classify_codes_weight(status) > best) {
				best = classify_codes_weight(status);
				memcpy(ret_status, status, n + 1);
			}
		} else if (!smtp && (code = smtp_at(t, at)) != 0) {
			*ret_smtp_code = code;
			smtp = true;
		}
	}
}

/* "550-5.7.1 " or "550 5.7.1 ", with a blank behind: its length, or 0. */
static size_t line_front(struct text t, size_t at)
{
	size_t n;

	if (!smtp_at(t, at) || at + 4 >= t.len || (t.at[at + 3] != '-' && t.at[at + 3] != ' '))
		return 0;
	n = status_at(t, at + 4);
	return n && at + 4 + n < t.len && t.at[at + 4 + n] == ' ' ? 4 + n + 1 : 0;
}

bool classify_codes_are_answer(struct text t)
{
	for (size_t at = 0; at < t.len; at++)
		if ((t.at[at] == '4' || t.at[at] == '5') && (at == 0 || is_edge(t, at - 1)) &&
		    line_front(t, at))
			return true;
	return false;
}

size_t classify_codes_join(char *words, size_t n)
{
	struct text t = { words, n };
	size_t to = 0, first = 0, first_n = 0;

	for (size_t at = 0; at < n;) {
		size_t front = at == 0 || words[at - 1] == ' ' ? line_front(t, at) : 0;

		if (front && front == first_n && memcmp(words + first, words + at, 3) == 0 &&
		    memcmp(words + first + 4, words + at + 4, front - 4) == 0) {
			at += front;
			continue;
		}
		if (front && !first_n) {
			first = to; /* nothing was taken out before the first */
			first_n = front;
		}
		words[to++] = words[at++];
	}
	return to;
}

struct text classify_codes_unwrap(struct text t)
{
	size_t at = text_ifind(t, TEXT("-'")), end = t.len;

	if (at == SIZE_MAX || at < 3 || !smtp_at(t, at - 3) || (at > 3 && !is_edge(t, at - 4)))
		return t;
	while (end > at + 2 && t.at[end - 1] != '\'')
		end--;
	return end > at + 3 ? text_sub(t, at + 2, end - 1 - (at + 2)) : t;
}
