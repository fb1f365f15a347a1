#include "ingest/imap/imap_proof.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ingest/imap/imap_command.h"

enum state {
	STATE_NEW,
	STATE_ENDING_IDLE, /* DONE was said: waiting for the tag of the IDLE that ran */
	STATE_ASKING,      /* waiting for the parts */
};

/*
 * Part 0 is NOOP, part i is STATUS of raw[i - 1]; the tag of part i is
 * first + i, and that of a pipelined IDLE is behind the last.
 */
struct imap_proof {
	enum state state;
	enum imap_proof_idle idle;
	bool is_pipelined;
	uint32_t idle_tag; /* of the IDLE that ran; 0: none did */
	uint32_t first, last;
	unsigned n_parts, n_said;
	uint32_t open, refused; /* bit i: part i */
	struct imap_verdict verdict, idle_verdict;
	struct {
		char *at; /* owned */
		size_t len;
	} raw[];
};

/* Can it be said, and without the server's leave?  */
static bool is_sayable(struct text raw, const struct imap_means *means, bool *ret_waits)
{
	struct imap_text t;
	bool is_good;

	imap_text_init(&t);
	is_good = raw.len && imap_text_astring(&t, raw, means) == 0;
	*ret_waits = imap_text_is_stopped(&t);
	imap_text_clear(&t);
	return is_good;
}

struct imap_proof *imap_proof_new(const struct text *side, unsigned n, uint32_t idle_tag,
				  uint32_t next_tag, const struct imap_means *means)
{
	struct imap_proof *p;

	if (n > IMAP_PROOF_SIDES)
		return NULL;
	p = mem_new(sizeof(*p) + n * sizeof(p->raw[0]));
	p->idle_tag = idle_tag;
	p->idle = idle_tag ? IMAP_PROOF_IDLE_LATER : IMAP_PROOF_IDLE_NONE;
	p->first = next_tag;
	p->last = next_tag - 1;
	p->is_pipelined = !(means->quirks & IMAP_QUIRK_NO_PIPELINE);
	p->n_parts = 1;
	for (unsigned i = 0; i < n; i++) {
		bool waits;

		if (!is_sayable(side[i], means, &waits)) {
			imap_proof_free(p);
			return NULL;
		}
		if (waits)
			p->is_pipelined = false;
		p->raw[i].at = mem_text_n(side[i].at, side[i].len);
		p->raw[i].len = side[i].len;
		p->n_parts++;
	}
	return p;
}

void imap_proof_free(struct imap_proof *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i + 1 < p->n_parts; i++)
		free(p->raw[i].at);
	free(p);
}

/* ---- what we say ---- */

static void say(struct imap_proof *p, struct imap_asked asked, struct imap_text *out,
		const struct imap_means *means)
{
	int r = imap_command_write(out, ++p->last, &asked, means);

	/* names were tried, and IDLE was said before */
	assert(r == 0);
	(void)r;
}

static void say_part(struct imap_proof *p, struct imap_text *out, const struct imap_means *means)
{
	unsigned i = p->n_said++;
	struct imap_asked asked = { .command = i ? IMAP_COMMAND_STATUS : IMAP_COMMAND_NOOP };

	if (i)
		asked.raw = (struct text){ p->raw[i - 1].at, p->raw[i - 1].len };
	say(p, asked, out, means);
	p->open |= 1U << i;
}

void imap_proof_say(struct imap_proof *p, struct imap_text *out, const struct imap_means *means)
{
	if (p->state == STATE_NEW) {
		p->state = p->idle_tag ? STATE_ENDING_IDLE : STATE_ASKING;
		if (p->idle_tag)
			imap_text_line(out, "DONE"); /* RFC 2177: it has no tag */
	}
	if (p->state == STATE_ENDING_IDLE && !p->is_pipelined)
		return;
	while (p->n_said < p->n_parts && (p->is_pipelined || !p->open))
		say_part(p, out, means);
	if (p->is_pipelined && p->idle == IMAP_PROOF_IDLE_LATER) {
		say(p, (struct imap_asked){ .command = IMAP_COMMAND_IDLE }, out, means);
		p->idle = IMAP_PROOF_IDLE_ASKED;
	}
}

/* ---- what we make of an answer ---- */

static bool is_part(const struct imap_proof *p, uint32_t tag)
{
	return tag >= p->first && tag - p->first < p->n_said && (p->open & 1U << (tag - p->first));
}

static bool is_next_idle(const struct imap_proof *p, uint32_t tag)
{
	return (p->idle == IMAP_PROOF_IDLE_ASKED || p->idle == IMAP_PROOF_IDLE_BEGUN) &&
	       tag == p->first + p->n_parts;
}

bool imap_proof_owns(const struct imap_proof *p, uint32_t tag)
{
	return (p->state == STATE_ENDING_IDLE && tag == p->idle_tag) || is_part(p, tag) ||
	       is_next_idle(p, tag);
}

static void note(struct imap_proof *p, const struct imap_verdict *v)
{
	if (outcome_ok(&p->verdict.outcome))
		p->verdict = *v;
}

void imap_proof_answered(struct imap_proof *p, uint32_t tag, const struct imap_verdict *v)
{
	if (is_part(p, tag)) {
		uint32_t bit = 1U << (tag - p->first);

		p->open &= ~bit;
		if (!outcome_ok(&v->outcome)) {
			p->refused |= bit;
			note(p, v);
		}
	} else if (is_next_idle(p, tag)) {
		p->idle = IMAP_PROOF_IDLE_ENDED;
		p->idle_verdict = *v;
	} else {
		/* a server that calls the end of IDLE a failure has ended it all the same */
		p->state = STATE_ASKING;
		note(p, v);
	}
}

void imap_proof_invited(struct imap_proof *p, struct imap_text *out)
{
	if (p->idle == IMAP_PROOF_IDLE_ASKED)
		p->idle = IMAP_PROOF_IDLE_BEGUN;
	else
		(void)imap_text_go_on(out);
}

bool imap_proof_retry(struct imap_proof *p)
{
	bool is_lost = p->is_pipelined && p->idle_tag && p->state == STATE_ASKING &&
		       p->idle == IMAP_PROOF_IDLE_ASKED && !imap_proof_has_answers(p);

	if (!is_lost)
		return false;
	p->is_pipelined = false;
	p->idle = IMAP_PROOF_IDLE_LATER;
	p->first = p->last + 1;
	p->n_said = 0;
	p->open = 0;
	return true;
}

/* ---- what is known ---- */

bool imap_proof_has_answers(const struct imap_proof *p)
{
	return p->open != (1U << p->n_said) - 1;
}

bool imap_proof_is_over(const struct imap_proof *p)
{
	return p->state == STATE_ASKING && p->n_said == p->n_parts && !p->open;
}

uint32_t imap_proof_tag(const struct imap_proof *p)
{
	return p->last;
}

enum imap_proof_idle imap_proof_idle(const struct imap_proof *p)
{
	return p->idle;
}

const struct imap_verdict *imap_proof_idle_verdict(const struct imap_proof *p)
{
	return &p->idle_verdict;
}

bool imap_proof_is_alive(const struct imap_proof *p)
{
	return !(p->refused & 1);
}

uint32_t imap_proof_refused(const struct imap_proof *p)
{
	return p->refused >> 1;
}

const struct imap_verdict *imap_proof_verdict(const struct imap_proof *p)
{
	return &p->verdict;
}
