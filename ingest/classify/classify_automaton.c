#include "ingest/classify/classify_automaton.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"

#define NONE UINT32_MAX

/* Its arcs and hits end where those of the next state begin. */
struct state {
	uint32_t arc, hit;
};

struct hit {
	uint32_t value;
	bool open;
};

struct classify_automaton {
	struct buf written;  /* pieces, each ended by NUL and its value */
	struct state *state; /* one more ends the last */
	uint8_t *byte;       /* of an arc; those of one state in order */
	uint32_t *to;        /* and where it leads */
	struct hit *hit;
	uint32_t first[256]; /* where the start leads: most of the text fails here */
};

struct classify_automaton *classify_automaton_new(void)
{
	struct classify_automaton *a = mem_new(sizeof(*a));

	buf_init(&a->written, UINT32_MAX);
	return a;
}

void classify_automaton_free(struct classify_automaton *a)
{
	if (!a)
		return;
	buf_clear(&a->written);
	free(a->state);
	free(a->byte);
	free(a->to);
	free(a->hit);
	free(a);
}

/* ---- reading ---- */

struct choices {
	size_t longest;
	bool any_empty, any_open;
	const char *wrong;
};

/* Of "me|us)...": what follows the bracket. */
static struct text read_choices(struct text t, struct choices *ret)
{
	struct text inside, tail, one;
	bool more = true;

	*ret = (struct choices){ .wrong = NULL };
	if (!text_cut(t, ')', &inside, &tail))
		ret->wrong = "has a ( without )";
	while (more && !ret->wrong) {
		more = text_cut(inside, '|', &one, &inside);
		if (one.len && one.at[one.len - 1] == '*') {
			ret->any_open = true;
			one.len--;
		}
		if (one.len && memchr(one.at, '*', one.len))
			ret->wrong = "has a *, ) or | out of place";
		if (one.len > ret->longest)
			ret->longest = one.len;
		ret->any_empty |= !text_trim(one).len;
	}
	return tail;
}

/* NULL, or what is wrong. */
static const char *check(struct text piece)
{
	bool open = false, says = false;
	size_t longest = 0;

	while (piece.len) {
		char c = piece.at[0];
		struct choices choices;

		if (open || c == ')' || c == '|')
			return "has a *, ) or | out of place";
		piece = text_sub(piece, 1, piece.len);
		open = c == '*';
		says |= c != '(' && c != '*' && c != ' ';
		longest++;
		if (c != '(')
			continue;
		piece = read_choices(piece, &choices);
		if (choices.wrong)
			return choices.wrong;
		open = choices.any_open;
		says |= !choices.any_empty;
		longest += choices.longest;
	}
	if (!says)
		return "has a piece that may be empty";
	return longest > CLASSIFY_AUTOMATON_PIECE ? "has a piece that is too long" : NULL;
}

const char *classify_automaton_add(struct classify_automaton *a, struct text piece, uint32_t value)
{
	const char *wrong = check(piece);

	assert(!a->state);
	if (wrong)
		return wrong;
	(void)buf_add(&a->written, piece.at, piece.len);
	(void)buf_add(&a->written, "", 1);
	(void)buf_add(&a->written, &value, sizeof(value));
	return NULL;
}

/* ---- compiling: a state is the set of places in the pieces at which one may be ---- */

/* A set: places of bytes that are awaited, and of '*' or NUL where a piece has ended. */
struct set {
	uint32_t from, n; /* in `place` */
	uint32_t next;    /* of those with the same hash */
};

struct compiler {
	struct classify_automaton *a;
	const char *written;
	uint32_t *place; /* of all sets, and behind them of the one that is gathered */
	size_t n_places, room_places;
	struct set *set; /* by the number of the state */
	uint32_t n_sets, room_sets;
	uint32_t *table; /* the last set of each hash */
	uint32_t n_arcs, room_arcs, n_hits, room_hits;
};

#define HASHES (1U << 14)

/* What the byte before was, and what is looked for. */
enum before {
	BEFORE_WORD,
	BEFORE_BLANK, /* or nothing: blanks that come are passed over, and no piece ends */
	BEFORE_END,   /* nothing but blanks is passed over: does the piece end? */
};

static void add_place(struct compiler *c, uint32_t place)
{
	if (c->n_places == c->room_places) {
		c->room_places *= 2;
		c->place = mem_resize(c->place, c->room_places * sizeof(*c->place));
	}
	c->place[c->n_places++] = place;
}

/* All that one awaits at `at`.  Brackets are not nested, so neither are the calls but once for
 * each bracket that follows the other. */
static void gather(struct compiler *c, uint32_t at, enum before before)
{
	const char *t = c->written + at;

	switch (*t) {
	case '(':
		for (gather(c, at + 1, before); *t != ')'; t++)
			if (*t == '|')
				gather(c, (uint32_t)(t - c->written) + 1, before);
		return;
	case '|':
	case ')':
		gather(c, (uint32_t)(strchr(t, ')') - c->written) + 1, before);
		return;
	case ' ':
		if (before == BEFORE_WORD)
			add_place(c, at);
		gather(c, at + 1, before == BEFORE_WORD ? BEFORE_END : before);
		return;
	case '*':
	case '\0':
		if (before != BEFORE_BLANK)
			add_place(c, at);
		return;
	default:
		if (before != BEFORE_END)
			add_place(c, at);
	}
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sort what was gathered from `from` on, which mostly came in order, and take double ones out. */
static void settle(struct compiler *c, size_t from)
{
	size_t n = from + 1;

	if (c->n_places - from < 2)
		return;
	while (n < c->n_places && c->place[n] > c->place[n - 1])
		n++;
	if (n == c->n_places)
		return;
	qsort(c->place + from, c->n_places - from, sizeof(*c->place), by_number);
	n = from;
	for (size_t i = from; i < c->n_places; i++)
		if (i == from || c->place[i] != c->place[n - 1])
			c->place[n++] = c->place[i];
	c->n_places = n;
}

static uint32_t hash_of(const uint32_t *place, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ place[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32) & (HASHES - 1);
}

/* The state of the set that was gathered from `from` on. */
static uint32_t state_of(struct compiler *c, size_t from)
{
	size_t n = c->n_places - from;
	uint32_t *last = &c->table[hash_of(c->place + from, n)];

	for (uint32_t i = *last; i != NONE; i = c->set[i].next) {
		if (c->set[i].n == n && memcmp(c->place + c->set[i].from, c->place + from,
					       n * sizeof(*c->place)) == 0) {
			c->n_places = from;
			return i;
		}
	}
	if (c->n_sets == c->room_sets) {
		c->room_sets *= 2;
		c->set = mem_resize(c->set, c->room_sets * sizeof(*c->set));
	}
	c->set[c->n_sets] = (struct set){ (uint32_t)from, (uint32_t)n, *last };
	*last = c->n_sets;
	return c->n_sets++;
}

static void add_hit(struct compiler *c, const char *end)
{
	struct hit *hit;

	if (c->n_hits == c->room_hits) {
		c->room_hits = c->room_hits ? c->room_hits * 2 : 1024;
		c->a->hit = mem_resize(c->a->hit, c->room_hits * sizeof(*c->a->hit));
	}
	hit = &c->a->hit[c->n_hits++];
	hit->open = *end == '*';
	memcpy(&hit->value, end + strlen(end) + 1, sizeof(hit->value));
}

static void add_arc(struct compiler *c, uint8_t byte, uint32_t to)
{
	if (c->n_arcs == c->room_arcs) {
		c->room_arcs = c->room_arcs ? c->room_arcs * 2 : 4096;
		c->a->byte = mem_resize(c->a->byte, c->room_arcs);
		c->a->to = mem_resize(c->a->to, c->room_arcs * sizeof(*c->a->to));
	}
	c->a->byte[c->n_arcs] = byte;
	c->a->to[c->n_arcs++] = to;
}

/* Where `byte` leads from the places of `s`. */
static void lead(struct compiler *c, const struct set *s, uint8_t byte)
{
	size_t from = c->n_places;

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t at = c->place[s->from + i];

		if ((uint8_t)c->written[at] == byte)
			gather(c, at + 1, byte == ' ' ? BEFORE_BLANK : BEFORE_WORD);
	}
	settle(c, from);
	add_arc(c, byte, state_of(c, from));
}

static void expand(struct compiler *c, uint32_t state)
{
	struct set s = c->set[state];
	uint64_t awaited[4] = { 0 };

	for (uint32_t i = 0; i < s.n; i++) {
		const char *t = c->written + c->place[s.from + i];

		if (*t == '*' || *t == '\0')
			add_hit(c, t);
		else
			awaited[(uint8_t)*t / 64] |= UINT64_C(1) << (uint8_t)*t % 64;
	}
	for (unsigned i = 0; i < 4; i++)
		for (uint64_t rest = awaited[i]; rest; rest &= rest - 1)
			lead(c, &s, (uint8_t)(i * 64 + (unsigned)__builtin_ctzll(rest)));
}

static void start_of(struct compiler *c)
{
	const char *t = c->written, *end = t + c->a->written.len;

	for (; t < end; t += strlen(t) + 1 + sizeof(uint32_t))
		gather(c, (uint32_t)(t - c->written), BEFORE_BLANK);
	settle(c, 0);
	(void)state_of(c, 0);
}

void classify_automaton_compile(struct classify_automaton *a)
{
	struct compiler c = { .a = a,
			      .written = (const char *)a->written.data,
			      .room_places = 4096,
			      .room_sets = 1024 };
	uint32_t room = 0, n = 0;

	c.place = mem_new(c.room_places * sizeof(*c.place));
	c.set = mem_new(c.room_sets * sizeof(*c.set));
	c.table = mem_new(HASHES * sizeof(*c.table));
	memset(c.table, 0xff, HASHES * sizeof(*c.table));
	start_of(&c);
	for (; n <= c.n_sets; n++) {
		if (n >= room) {
			room = room ? room * 2 : 1024;
			a->state = mem_resize(a->state, room * sizeof(*a->state));
		}
		a->state[n] = (struct state){ c.n_arcs, c.n_hits };
		if (n < c.n_sets)
			expand(&c, n);
	}
	memset(a->first, 0xff, sizeof(a->first));
	for (uint32_t i = 0; i < a->state[1].arc; i++)
		a->first[a->byte[i]] = a->to[i];
	a->state = mem_resize(a->state, n * sizeof(*a->state));
	if (c.n_arcs) {
		a->byte = mem_resize(a->byte, c.n_arcs);
		a->to = mem_resize(a->to, c.n_arcs * sizeof(*a->to));
		a->hit = mem_resize(a->hit, c.n_hits * sizeof(*a->hit));
	}
	buf_clear(&a->written);
	free(c.place);
	free(c.set);
	free(c.table);
}

/* ---- looking ---- */

void classify_automaton_start(struct classify_automaton_walk *w, const struct classify_automaton *a,
			      struct text folded)
{
	assert(a->state);
	*w = (struct classify_automaton_walk){
		.automaton = a, .text = folded, .at = SIZE_MAX, .state = NONE
	};
}

static uint32_t follow(const struct classify_automaton *a, uint32_t state, uint8_t byte)
{
	const struct state *s = &a->state[state];

	for (uint32_t i = s[0].arc; i < s[1].arc && a->byte[i] <= byte; i++)
		if (a->byte[i] == byte)
			return a->to[i];
	return NONE;
}

/* On to the next place where a piece could begin. */
static bool begin(struct classify_automaton_walk *w)
{
	for (w->at++; w->at < w->text.len; w->at++) {
		w->state = w->automaton->first[(uint8_t)w->text.at[w->at]];
		if (w->state != NONE && classify_phrase_may_begin(w->text, w->at)) {
			w->len = 1;
			return true;
		}
	}
	w->at = w->text.len;
	w->state = NONE;
	return false;
}

bool classify_automaton_next(struct classify_automaton_walk *w, struct classify_automaton_hit *ret)
{
	const struct classify_automaton *a = w->automaton;

	while (w->hit == w->hits) {
		size_t to = w->at + w->len;

		if (w->state != NONE && to < w->text.len)
			w->state = follow(a, w->state, (uint8_t)w->text.at[to]);
		else
			w->state = NONE;
		w->len++;
		if (w->state == NONE && !begin(w))
			return false;
		w->hit = a->state[w->state].hit;
		w->hits = a->state[w->state + 1].hit;
	}
	*ret = (struct classify_automaton_hit){ .value = a->hit[w->hit].value,
						.open = a->hit[w->hit].open,
						.at = w->at,
						.len = w->len };
	w->hit++;
	return true;
}
