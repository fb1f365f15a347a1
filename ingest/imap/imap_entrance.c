#include "ingest/imap/imap_entrance.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/imap/imap_caps.h"

/*
 * RFC 3501 section 3: it greets us; we learn what it can; we protect the
 * connection if it is not (RFC 9051 section 6.2.1); we say who we are
 * (imap_login.c); we learn again what it can, tell it our name (RFC 2971),
 * switch on what must be (RFC 5161: before a folder is open), and ask where our
 * folders are (RFC 2342).
 */
#define STATES(X)                                                                                  \
	X(GREETING, "greeting")                                                                    \
	X(CAPABILITY, "capability")                                                                \
	X(STARTTLS, "starttls")                                                                    \
	X(HANDSHAKE, "tls handshake")                                                              \
	X(LOGIN, "login")                                                                          \
	X(CAPABILITY_IN, "capability after login")                                                 \
	X(ID, "id")                                                                                \
	X(ENABLE, "enable")                                                                        \
	X(ENABLE_LESS, "enable, less of it")                                                       \
	X(NAMESPACE, "namespace")                                                                  \
	X(IN, "nothing")

enum state {
#define STATE(name, words) STATE_##name,
	STATES(STATE)
#undef STATE
};

struct imap_entrance {
	enum state state;
	enum imap_tls tls;
	unsigned quirks;
	uint64_t caps, enabled; /* as told; see usable() */
	uint32_t tag;
	struct imap_login login;
	struct {
		char *field, *value;
	} id[IMAP_ID_PAIRS];
	struct buf prefix;
	char separator;
	bool was_preauth;
};

/* What one call is about: so that every step of it can say, and can give up. */
struct turn {
	struct imap_entrance *e;
	struct imap_text *out;
	struct imap_verdict *verdict;
};

static enum imap_entrance_step enter(const struct turn *t, enum state state);

struct imap_entrance *imap_entrance_new(const struct imap_params *p)
{
	struct imap_entrance *e = mem_new(sizeof(*e));

	e->tls = p->tls;
	e->quirks = p->quirks;
	imap_login_init(&e->login,
			p->kind == IMAP_CREDENTIAL_TOKEN ? IMAP_LOGIN_TOKEN : IMAP_LOGIN_PASSWORD,
			p->user, p->credential, p->host, p->port);
	for (size_t i = 0; i < IMAP_ID_PAIRS && p->id[i].field.len; i++) {
		e->id[i].field = mem_text_n(p->id[i].field.at, p->id[i].field.len);
		e->id[i].value = mem_text_n(p->id[i].value.at, p->id[i].value.len);
	}
	buf_init(&e->prefix, LIMIT_IMAP_NAME);
	return e;
}

void imap_entrance_free(struct imap_entrance *e)
{
	if (!e)
		return;
	imap_login_clear(&e->login);
	for (size_t i = 0; i < IMAP_ID_PAIRS; i++) {
		free(e->id[i].field);
		free(e->id[i].value);
	}
	buf_clear(&e->prefix);
	free(e);
}

static enum imap_entrance_step out_of(const struct turn *t, enum blame blame,
				      enum imap_remedy remedy, const char *what, struct text said)
{
	*t->verdict = (struct imap_verdict){ outcome_of(blame, what, said), remedy, 0 };
	return IMAP_ENTRANCE_OUT;
}

/* ---- what we say ---- */

static void say(const struct turn *t, enum imap_verb verb)
{
	imap_text_begin(t->out, ++t->e->tag, verb);
	imap_text_end(t->out);
}

static enum imap_entrance_step say_id(const struct turn *t)
{
	static const struct imap_means means; /* our own words are ASCII */
	const struct imap_entrance *e = t->e;
	int r = 0;

	imap_text_begin(t->out, ++t->e->tag, IMAP_VERB_ID);
	imap_text_open(t->out);
	for (size_t i = 0; r == 0 && i < IMAP_ID_PAIRS && e->id[i].field; i++) {
		r = imap_text_astring(t->out, text_of(e->id[i].field), &means);
		if (r == 0)
			r = imap_text_astring(t->out, text_of(e->id[i].value), &means);
	}
	if (r < 0) {
		imap_text_take_back(t->out);
		return out_of(t, BLAME_US, IMAP_REMEDY_OURS, "our own ID cannot be said in imap",
			      (struct text){ NULL, 0 });
	}
	imap_text_close(t->out);
	imap_text_end(t->out);
	return IMAP_ENTRANCE_WAIT;
}

static uint64_t usable(const struct imap_entrance *e)
{
	return imap_caps_usable(e->caps, e->enabled, e->quirks);
}

/*
 * What is worth switching on (RFC 5161).  QRESYNC and CONDSTORE: RFC 7162.
 * IMAP4rev2 needs it where both revisions are offered (RFC 9051 section 6.3.1).
 * UTF-8 names: RFC 6855.  UIDONLY (RFC 9586) only where MESSAGELIMIT (RFC 9738)
 * hides mails of large folders from clients that count them: we never name a
 * mail by its number, so nothing is lost by it; elsewhere nothing is won.
 * `is_less`: without what some servers refuse the whole command for.
 */
static uint64_t worth_enabling(const struct imap_entrance *e, bool is_less)
{
	uint64_t caps = usable(e), wanted = 0;
	uint64_t revs = IMAP_CAP(IMAP4REV1) | IMAP_CAP(IMAP4REV2);
	uint64_t many = IMAP_CAP(UIDONLY) | IMAP_CAP(MESSAGELIMIT);

	if (!(caps & IMAP_CAP(ENABLE)))
		return 0;
	wanted |= caps & (IMAP_CAP(CONDSTORE) | IMAP_CAP(QRESYNC) | IMAP_CAP(UTF8_ACCEPT));
	if (!is_less && (caps & revs) == revs)
		wanted |= IMAP_CAP(IMAP4REV2);
	if (!is_less && (caps & many) == many)
		wanted |= IMAP_CAP(UIDONLY);
	return wanted;
}

static enum imap_entrance_step say_enable(const struct turn *t, bool is_less)
{
	uint64_t wanted = worth_enabling(t->e, is_less);

	if (!wanted || (is_less && wanted == worth_enabling(t->e, false)))
		return enter(t, STATE_NAMESPACE);
	imap_text_begin(t->out, ++t->e->tag, IMAP_VERB_ENABLE);
	for (unsigned bit = 0; bit < IMAP_CAP_BITS; bit++)
		if (wanted & UINT64_C(1) << bit)
			imap_text_words(t->out, "%s", imap_caps_name(bit));
	imap_text_end(t->out);
	return IMAP_ENTRANCE_WAIT;
}

static enum imap_entrance_step of_login(const struct turn *t, enum imap_login_step step)
{
	switch (step) {
	case IMAP_LOGIN_STEP_WAIT:
		break;
	case IMAP_LOGIN_STEP_IN:
		return enter(t, t->e->caps ? STATE_ID : STATE_CAPABILITY_IN);
	case IMAP_LOGIN_STEP_OUT:
		return IMAP_ENTRANCE_OUT;
	}
	return IMAP_ENTRANCE_WAIT;
}

static enum imap_entrance_step say_login(const struct turn *t)
{
	struct imap_entrance *e = t->e;
	uint64_t caps = usable(e);

	/* what it can do changes with the login: forgotten, unless it tells us */
	e->caps = 0;
	return of_login(t, imap_login_start(&e->login, caps, ++e->tag, t->out, t->verdict));
}

static bool wants_id(const struct imap_entrance *e)
{
	return (usable(e) & IMAP_CAP(ID)) && e->id[0].field;
}

static enum imap_entrance_step enter(const struct turn *t, enum state state)
{
	struct imap_entrance *e = t->e;

	e->state = state;
	switch (state) {
	case STATE_GREETING:
		break;
	case STATE_CAPABILITY:
	case STATE_CAPABILITY_IN:
		say(t, IMAP_VERB_CAPABILITY);
		break;
	case STATE_STARTTLS:
		if (e->tls == IMAP_TLS_IMPLICIT)
			return enter(t, STATE_LOGIN);
		if (!(e->caps & IMAP_CAP(STARTTLS)))
			/* never in clear */
			return out_of(t, BLAME_LACKS, IMAP_REMEDY_ADMIN, "starttls not offered",
				      (struct text){ NULL, 0 });
		say(t, IMAP_VERB_STARTTLS);
		break;
	case STATE_HANDSHAKE:
		e->caps = 0;
		return IMAP_ENTRANCE_SHAKE_HANDS;
	case STATE_LOGIN:
		return say_login(t);
	case STATE_ID:
		return wants_id(e) ? say_id(t) : enter(t, STATE_ENABLE);
	case STATE_ENABLE:
		return say_enable(t, false);
	case STATE_ENABLE_LESS:
		return say_enable(t, true);
	case STATE_NAMESPACE:
		/* also the proof that there is a mailbox: Exchange logs in without one */
		if (!(usable(e) & IMAP_CAP(NAMESPACE)))
			return enter(t, STATE_IN);
		say(t, IMAP_VERB_NAMESPACE);
		break;
	case STATE_IN:
		return IMAP_ENTRANCE_IN;
	}
	return IMAP_ENTRANCE_WAIT;
}

void imap_entrance_tls_up(struct imap_entrance *e, struct imap_text *out)
{
	struct imap_verdict none;

	if (e->state != STATE_HANDSHAKE)
		return;
	e->tls = IMAP_TLS_IMPLICIT;
	(void)enter(&(struct turn){ e, out, &none }, STATE_CAPABILITY);
}

/* ---- what we make of an answer ---- */

static enum imap_entrance_step heard_greeting(const struct turn *t, const struct imap_resp *r)
{
	if (r->kind != IMAP_RESP_CONDITION)
		return out_of(t, BLAME_PEER, IMAP_REMEDY_RETRY, "not an imap server", r->line);
	switch (r->condition) {
	case IMAP_CONDITION_OK:
		return enter(t, t->e->caps ? STATE_STARTTLS : STATE_CAPABILITY);
	case IMAP_CONDITION_PREAUTH:
		if (t->e->tls == IMAP_TLS_STARTTLS)
			/* anybody on the way may have said so, and STARTTLS is not possible now */
			return out_of(t, BLAME_PEER, IMAP_REMEDY_ADMIN, "preauth in clear",
				      r->said);
		t->e->was_preauth = true;
		return enter(t, t->e->caps ? STATE_ID : STATE_CAPABILITY_IN);
	case IMAP_CONDITION_NO:
	case IMAP_CONDITION_BAD:
	case IMAP_CONDITION_BYE:
		break;
	}
	*t->verdict = imap_verdict_of(IMAP_PHASE_GREETING, r->condition, r->code.word, r->said);
	return IMAP_ENTRANCE_OUT;
}

static enum imap_entrance_step heard_tagged(const struct turn *t, const struct imap_resp *r)
{
	struct imap_verdict v =
		imap_verdict_of(IMAP_PHASE_LOGIN, r->condition, r->code.word, r->said);
	bool is_ok = outcome_ok(&v.outcome);

	switch (t->e->state) {
	case STATE_CAPABILITY:
		if (is_ok)
			return enter(t, STATE_STARTTLS);
		break;
	case STATE_STARTTLS:
		if (is_ok)
			return enter(t, STATE_HANDSHAKE);
		return out_of(t, BLAME_LACKS, IMAP_REMEDY_RETRY, "starttls refused", r->said);
	case STATE_LOGIN:
		return of_login(t, imap_login_heard(&t->e->login, r, t->out, t->verdict));
	case STATE_CAPABILITY_IN:
	case STATE_ID:
	case STATE_NAMESPACE:
		/* a NO to these harms nobody; a BAD is Exchange without a mailbox, or a limit */
		if (v.remedy != IMAP_REMEDY_WAIT && r->condition != IMAP_CONDITION_BAD)
			return enter(t, t->e->state + 1);
		break;
	case STATE_ENABLE:
	case STATE_ENABLE_LESS:
		/* refused, it is done without; NAMESPACE finds out what BAD stands for */
		if (v.remedy != IMAP_REMEDY_WAIT)
			return enter(t, is_ok ? STATE_NAMESPACE : t->e->state + 1);
		break;
	case STATE_GREETING:
	case STATE_HANDSHAKE:
	case STATE_IN:
		return IMAP_ENTRANCE_WAIT; /* no tag of ours is out */
	}
	*t->verdict = v;
	return IMAP_ENTRANCE_OUT;
}

enum imap_entrance_step imap_entrance_heard(struct imap_entrance *e, const struct imap_resp *r,
					    struct imap_text *out, struct imap_verdict *ret)
{
	const struct turn t = { e, out, ret };

	if ((r->kind == IMAP_RESP_CONDITION || r->kind == IMAP_RESP_TAGGED) &&
	    text_ieq(r->code.word, TEXT("CAPABILITY")))
		e->caps = imap_caps_parse(r->code.args);
	if (e->state == STATE_GREETING)
		return heard_greeting(&t, r);
	if (r->kind == IMAP_RESP_TAGGED)
		return heard_tagged(&t, r);
	if (r->kind == IMAP_RESP_CAPABILITY) {
		e->caps = imap_caps_parse(r->words);
	} else if (r->kind == IMAP_RESP_ENABLED) {
		e->enabled |= imap_caps_parse_enabled(r->words);
	} else if (r->kind == IMAP_RESP_NAMESPACE) {
		buf_clear(&e->prefix);
		(void)text_add(&e->prefix, r->space.prefix);
		e->separator = r->space.separator;
	} else if (e->state == STATE_LOGIN &&
		   (r->kind == IMAP_RESP_PLUS || r->kind == IMAP_RESP_CONDITION)) {
		return of_login(&t, imap_login_heard(&e->login, r, out, ret));
	}
	return IMAP_ENTRANCE_WAIT;
}

/* ---- what is known ---- */

bool imap_entrance_is_greeting(const struct imap_entrance *e)
{
	return e->state == STATE_GREETING;
}

const char *imap_entrance_waiting_for(const struct imap_entrance *e)
{
	static const char *const words[] = {
#define STATE_WORDS(name, text) text,
		STATES(STATE_WORDS)
#undef STATE_WORDS
	};

	return words[e->state];
}

struct imap_means imap_entrance_means(const struct imap_entrance *e)
{
	uint64_t enabled = e->enabled;

	/* RFC 9051 section 5.1: a server of rev2 alone has UTF-8 names from the beginning */
	if ((e->caps & IMAP_CAP(IMAP4REV2)) && !(e->caps & IMAP_CAP(IMAP4REV1)))
		enabled |= IMAP_CAP(IMAP4REV2) | IMAP_CAP(UTF8_ACCEPT);
	return (struct imap_means){ usable(e), enabled, e->quirks };
}

uint32_t imap_entrance_tag(const struct imap_entrance *e)
{
	return e->tag;
}

bool imap_entrance_was_preauth(const struct imap_entrance *e)
{
	return e->was_preauth;
}

struct text imap_entrance_prefix(const struct imap_entrance *e, char *ret_separator)
{
	*ret_separator = e->separator;
	return text_of_buf(&e->prefix);
}
