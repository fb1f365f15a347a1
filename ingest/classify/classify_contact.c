#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_contact.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_day.h"
#include "ingest/classify/classify_sender.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

#define BEFORE 90 /* bytes before an address in which its name stands */
#define BEHIND 48 /* bytes behind "my colleague" in which the name begins */
#define WORDS  4  /* of a name, without particles */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t)c >= 0x80;
}

/* ---- addresses ---- */

static struct text address_around(struct text t, size_t at)
{
	size_t from = at, to = at + 1;

	while (from && (is_alnum(t.at[from - 1]) || strchr("._%+-", t.at[from - 1])))
		from--;
	while (to < t.len && (is_alnum(t.at[to]) || t.at[to] == '.' || t.at[to] == '-'))
		to++;
	while (to > at && (t.at[to - 1] == '.' || t.at[to - 1] == '-'))
		to--;
	while (from < at && t.at[from] == '.')
		from++;
	if (from == at || !memchr(t.at + at, '.', to - at) || to - from > LIMIT_MIME_ADDRESS)
		return (struct text){ 0 };
	return text_sub(t, from, to - from);
}

/* The writer's own, and where he wrote to; those in copy are whom he may mean. */
struct theirs {
	struct text at[32]; /* who writes to more names nobody of them */
	size_t n;
};

static void read_theirs(const struct mime_head *h, struct theirs *ret)
{
	struct text to, address;

	ret->n = 0;
	if (h->from.address)
		ret->at[ret->n++] = text_of(h->from.address);
	for (size_t nth = 0; nth < countof(ret->at) && (to = mime_head_field(h, "To", nth)).at;
	     nth++)
		for (size_t at = 0; at < to.len && ret->n < countof(ret->at); at++)
			if (to.at[at] == '@' && (address = address_around(to, at)).len)
				ret->at[ret->n++] = address;
}

static bool is_theirs(const struct theirs *t, struct text address)
{
	for (size_t i = 0; i < t->n; i++)
		if (text_ieq(t->at[i], address))
			return true;
	return false;
}

/* ---- names ---- */

/* Does a capital letter stand there: ASCII, Latin or Cyrillic? */
static bool is_capital(struct text t, size_t at)
{
	uint32_t c;

	if (at >= t.len)
		return false;
	(void)mime_utf8_next(text_sub(t, at, 4), &c);
	if (c < 0x80)
		return c >= 'A' && c <= 'Z';
	if (c < 0x180)
		return (c >= 0xc0 && c <= 0xde) ||
		       (c >= 0x100 && (c & 1) == ((c >= 0x139 && c <= 0x148) || c >= 0x179));
	return c >= 0x410 && c <= 0x42f;
}

static bool is_particle(struct text w)
{
	return classify_cues_is(classify_rules_cues(classify_rules_now()), CLASSIFY_CUE_PARTICLE,
				w);
}

/* Where the word that begins at `at` ends: letters, and what may stand within a name. */
static size_t word_end(struct text t, size_t at)
{
	while (at < t.len && (is_letter(t.at[at]) || ((t.at[at] == '\'' || t.at[at] == '-') &&
						      at + 1 < t.len && is_letter(t.at[at + 1]))))
		at++;
	return at;
}

/* A name that begins at `at`: words with a capital, particles between them.  Empty: none. */
static struct text name_at(struct text t, size_t at)
{
	size_t end = at, next = at;

	for (size_t n = 0; n < WORDS;) {
		size_t to = word_end(t, next);
		struct text w = text_sub(t, next, to - next);

		if (!w.len || (!is_capital(t, next) && !(n && is_particle(w))))
			break;
		if (is_capital(t, next)) {
			end = to;
			n++;
		}
		if (to < t.len && t.at[to] == '.' && (w.len <= 2 || text_ieq(w, TEXT("Prof"))))
			to++; /* "Dr.", "J." */
		if (to >= t.len || t.at[to] != ' ')
			break;
		next = to + 1;
	}
	return text_sub(t, at, end - at);
}

/* Do letters of the word stand in the local part: "Holt" in "m.holt", "Megan" in "megan"? */
static bool is_in_local(struct text word, struct text local)
{
	cleanup_buf struct buf folded;

	buf_init(&folded, 200);
	mime_fold_add(&folded, text_sub(word, 0, 60));
	return folded.len >= 3 &&
	       text_ifind(local, text_sub(text_of_buf(&folded), 0, 5)) != SIZE_MAX;
}

/* How well a name fits the local part of an address: words in it. */
static size_t fit(struct text name, struct text local)
{
	struct text word, rest = name;
	size_t n = 0;

	for (bool more = true; more;) {
		more = text_cut(rest, ' ', &word, &rest);
		n += is_in_local(word, local);
	}
	return n;
}

static bool is_title(struct text w)
{
	return classify_cues_is(classify_rules_cues(classify_rules_now()), CLASSIFY_CUE_TITLE, w);
}

static bool has_initial(struct text word, struct text local)
{
	cleanup_buf struct buf folded;

	buf_init(&folded, 200);
	mime_fold_add(&folded, text_sub(word, 0, 60));
	return folded.len && local.len && (char)folded.data[0] == (local.at[0] | 0x20);
}

/* "Contact Ann Bright": the first word of a sentence has its capital from there.  It is part of the
 * name when the address knows it, or its initial. */
static struct text without_verb(struct text name, bool first, struct text local)
{
	struct text head, tail;

	if (!first || !text_cut(name, ' ', &head, &tail) || is_title(head))
		return name;
	if (is_in_local(head, local) || !local.len)
		return name;
	return has_initial(head, local) ? name : tail;
}

/* "Ihnen Frau Engel": what stands before a title is none of the name. */
static struct text from_title(struct text name)
{
	struct text rest = name, word;

	for (bool more = true; more;) {
		struct text here = rest;

		more = text_cut(rest, ' ', &word, &rest);
		if (more && is_title(word))
			return here;
	}
	return name;
}

static bool begins_sentence(struct text t, size_t at)
{
	while (at && (t.at[at - 1] == ' ' || t.at[at - 1] == '\n' || t.at[at - 1] == '('))
		at--;
	return at == 0 || t.at[at - 1] == '.' || t.at[at - 1] == '!' || t.at[at - 1] == '?' ||
	       t.at[at] == '\n';
}

/* The name before an address: the one that fits it best, of equals the nearest. */
static struct text name_before(struct text t, size_t at, struct text local)
{
	size_t from = at > BEFORE ? at - BEFORE : 0, best = 0;
	struct text found = { 0 };

	while (from && from < at && is_letter(t.at[from]))
		from++;
	for (size_t i = from; i < at;) {
		struct text name =
			is_letter(t.at[i]) ? name_at(text_sub(t, 0, at), i) : (struct text){ 0 };
		size_t fits;
		bool first;

		if (!name.len) {
			i = is_letter(t.at[i]) ? word_end(t, i) : i + 1;
			continue;
		}
		first = begins_sentence(t, i);
		i += name.len;
		name = from_title(without_verb(name, first, local));
		fits = fit(name, local);
		/* a word alone with its sentence's capital is a name only where the address says so
		 */
		if (!fits && (at - i > 24 || (first && !memchr(name.at, ' ', name.len))))
			continue;
		if (!found.len || fits >= best) {
			found = name;
			best = fits;
		}
	}
	return found;
}

/* "Herrn" is how German writes "Herr" behind "an". */
static void take_name(struct text name, struct classify_contact *ret)
{
	cleanup_buf struct buf line;

	buf_init(&line, sizeof(ret->name) * 2);
	if (text_istarts(name, TEXT("Herrn "))) {
		(void)text_add(&line, TEXT("Herr"));
		name = text_sub(name, 5, name.len);
	}
	(void)text_add(&line, text_sub(name, 0, sizeof(ret->name)));
	mime_utf8_copy(ret->name, sizeof(ret->name), text_of_buf(&line));
}

bool classify_contact_by_address(struct text raw, const struct mime_head *head,
				 struct classify_contact *ret)
{
	struct theirs theirs;

	if (!raw.len || !memchr(raw.at, '@', raw.len))
		return false;
	read_theirs(head, &theirs);
	for (size_t at = 0; at < raw.len; at++) {
		struct text address, local, domain, name;

		if (raw.at[at] != '@')
			continue;
		address = address_around(raw, at);
		if (!address.len || classify_sender_of_address(address) & CLASSIFY_SENDER_UNREAD ||
		    is_theirs(&theirs, address))
			continue;
		(void)text_cut(address, '@', &local, &domain);
		name = name_before(raw, (size_t)(address.at - raw.at), local);
		*ret = (struct classify_contact){ .name = "" };
		take_name(name, ret);
		mime_utf8_copy(ret->address, sizeof(ret->address), address);
		return true;
	}
	return false;
}

/* ---- names without an address ---- */

/* "Monday", "Mai": a capital, and nobody. */
static bool is_of_calendar(struct text word)
{
	cleanup_buf struct buf folded;

	buf_init(&folded, 200);
	mime_fold_add(&folded, text_sub(word, 0, 60));
	return classify_day_month(text_of_buf(&folded)) ||
	       classify_day_weekday(text_of_buf(&folded)) >= 0;
}

/* A word alone is a name only right behind the cue or a comma: German has a capital for each noun.
 */
static bool is_name(struct text t, size_t cue, struct text name)
{
	size_t at = (size_t)(name.at - t.at);
	struct text first, rest;

	if (text_cut(name, ' ', &first, &rest))
		return is_title(first) || !is_of_calendar(first);
	while (at > cue && t.at[at - 1] == ' ')
		at--;
	return name.len > 1 && (at == cue || t.at[at - 1] == ',') && !is_of_calendar(name);
}

static struct text name_behind(struct text t, size_t at)
{
	struct text window = text_sub(t, 0, at + BEHIND + 60);

	for (size_t i = at; i < at + BEHIND && i < window.len;) {
		struct text name;

		if (strchr(".!?\n@", t.at[i]))
			break;
		name = is_letter(t.at[i]) ? name_at(window, i) : (struct text){ 0 };
		if (name.len && is_name(t, at, name))
			return name;
		i = is_letter(t.at[i]) ? word_end(t, i) : i + 1;
	}
	return (struct text){ 0 };
}

/* The address in copy that has the name, in itself or beside it. */
static void find_in_copy(const struct mime_head *h, struct text name, struct classify_contact *ret)
{
	struct theirs theirs;

	read_theirs(h, &theirs);
	for (size_t i = 0; i < h->to.n; i++) {
		const struct mime_address *a = &h->to.at[i];
		struct text local, domain, first, rest;

		if (!a->address || is_theirs(&theirs, text_of(a->address)))
			continue;
		(void)text_cut(text_of(a->address), '@', &local, &domain);
		(void)text_cut(name, ' ', &first, &rest);
		if (!fit(name, local) &&
		    (!a->name || text_ifind(text_of(a->name), first) == SIZE_MAX))
			continue;
		mime_utf8_copy(ret->address, sizeof(ret->address), text_of(a->address));
		if (a->name && text_ifind(text_of(a->name), first) != SIZE_MAX &&
		    strlen(a->name) > name.len)
			take_name(text_of(a->name), ret);
		return;
	}
}

/* The name behind the first place where the cue begins a word and one follows; empty: none. */
static struct text name_of_cue(struct text raw, struct text cue, size_t *ret_at)
{
	for (size_t from = 0, found; from < raw.len; from = *ret_at + cue.len) {
		struct text name;

		found = text_ifind(text_sub(raw, from, raw.len), cue);
		if (found == SIZE_MAX)
			break;
		*ret_at = from + found;
		if (*ret_at && is_letter(raw.at[*ret_at - 1]))
			continue;
		name = name_behind(raw, word_end(raw, *ret_at + cue.len));
		if (name.len)
			return name;
	}
	return (struct text){ 0 };
}

bool classify_contact_of(struct text raw, const struct mime_head *head,
			 struct classify_contact *ret)
{
	struct text name = { 0 };
	size_t best = SIZE_MAX, n;
	const char *const *cues = classify_cues_of(classify_rules_cues(classify_rules_now()),
						   CLASSIFY_CUE_CONTACT, &n);

	if (classify_contact_by_address(raw, head, ret))
		return true;
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;
		struct text one = name_of_cue(raw, text_of(cues[i]), &at);

		if (one.len && at < best) {
			name = one;
			best = at;
		}
	}
	if (!name.len)
		return false;
	*ret = (struct classify_contact){ .name = "" };
	take_name(name, ret);
	find_in_copy(head, name, ret);
	return true;
}
