#include "ingest/imap/imap_login.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/imap/imap_caps.h"

void imap_login_init(struct imap_login *l, enum imap_login_kind kind, struct text user,
		     const struct secret *credential, struct text host, uint16_t port)
{
	*l = (struct imap_login){
		.kind = kind,
		.user = mem_text_n(user.at, user.len),
		.user_len = user.len,
		.host = mem_text_n(host.at, host.len),
		.port = port,
	};
	secret_set(&l->credential, credential->data, credential->len);
}

void imap_login_clear(struct imap_login *l)
{
	secret_clear(&l->credential);
	free(l->user);
	free(l->host);
	*l = (struct imap_login){ .state = IMAP_LOGIN_OVER };
}

static enum imap_login_step over(struct imap_login *l, enum imap_login_step step)
{
	secret_clear(&l->credential);
	l->state = IMAP_LOGIN_OVER;
	return step;
}

static enum imap_login_step out_of(struct imap_login *l, struct imap_verdict *ret, enum blame blame,
				   enum imap_remedy remedy, const char *what)
{
	*ret = (struct imap_verdict){ outcome_of(blame, what, (struct text){ NULL, 0 }), remedy,
				      0 };
	return over(l, IMAP_LOGIN_STEP_OUT);
}

static int add_response(struct imap_login *l, struct imap_text *out)
{
	struct imap_sasl_input in = {
		.mechanism = l->mechanism,
		.user = { l->user, l->user_len },
		.host = text_of(l->host),
		.port = l->port,
		.credential = &l->credential,
	};

	return imap_text_sasl(out, &in);
}

static enum imap_login_step authenticate(struct imap_login *l, uint64_t caps, uint32_t tag,
					 struct imap_text *out, struct imap_verdict *ret)
{
	imap_text_begin(out, tag, IMAP_VERB_AUTHENTICATE);
	imap_text_words(out, "%s", imap_text_sasl_name(l->mechanism));
	l->state = IMAP_LOGIN_ASKED;
	if (caps & IMAP_CAP(SASL_IR)) {
		imap_text_words(out, "%s", "");
		if (add_response(l, out) < 0) {
			imap_text_take_back(out);
			return out_of(l, ret, BLAME_US, IMAP_REMEDY_OURS,
				      "credential cannot be said in imap");
		}
		l->state = IMAP_LOGIN_ANSWERED;
	}
	imap_text_end(out);
	return IMAP_LOGIN_STEP_WAIT;
}

static enum imap_login_step login(struct imap_login *l, uint64_t caps, uint32_t tag,
				  struct imap_text *out, struct imap_verdict *ret)
{
	struct text password = { secret_text(&l->credential), l->credential.len };
	const struct imap_means means = { .caps = caps };

	imap_text_begin(out, tag, IMAP_VERB_LOGIN);
	imap_text_secret(out, 4 * (size_t)LIMIT_IMAP_NAME); /* two of them, each byte escaped */
	if (imap_text_astring(out, (struct text){ l->user, l->user_len }, &means) < 0 ||
	    imap_text_astring(out, password, &means) < 0) {
		imap_text_take_back(out);
		return out_of(l, ret, BLAME_US, IMAP_REMEDY_OURS,
			      "credential cannot be said in imap");
	}
	imap_text_end(out);
	l->state = IMAP_LOGIN_ANSWERED;
	return IMAP_LOGIN_STEP_WAIT;
}

enum imap_login_step imap_login_start(struct imap_login *l, uint64_t caps, uint32_t tag,
				      struct imap_text *out, struct imap_verdict *ret)
{
	switch (l->kind) {
	case IMAP_LOGIN_TOKEN:
		if (caps & IMAP_CAP(AUTH_OAUTHBEARER))
			l->mechanism = IMAP_SASL_OAUTHBEARER;
		else if (caps & IMAP_CAP(AUTH_XOAUTH2))
			l->mechanism = IMAP_SASL_XOAUTH2;
		else
			return out_of(l, ret, BLAME_LACKS, IMAP_REMEDY_ADMIN,
				      "no oauth login offered");
		return authenticate(l, caps, tag, out, ret);
	case IMAP_LOGIN_PASSWORD:
		l->mechanism = IMAP_SASL_PLAIN;
		if (caps & IMAP_CAP(AUTH_PLAIN))
			return authenticate(l, caps, tag, out, ret);
		/* Inside TLS: it is not for want of it. */
		if ((caps & IMAP_CAP(LOGINDISABLED)) &&
		    (caps & (IMAP_CAP(AUTH_OAUTHBEARER) | IMAP_CAP(AUTH_XOAUTH2))))
			return out_of(l, ret, BLAME_LACKS, IMAP_REMEDY_USER, "oauth alone offered");
		if (caps & IMAP_CAP(LOGINDISABLED))
			return out_of(l, ret, BLAME_LACKS, IMAP_REMEDY_ADMIN,
				      "no password login offered");
		return login(l, caps, tag, out, ret);
	}
	return IMAP_LOGIN_STEP_WAIT;
}

/* What a challenge holds, decoded where it is base64. */
static void keep_reason(struct imap_login *l, struct text challenge)
{
	struct buf plain;

	buf_init(&plain, 4096);
	if (text_from_base64(&plain, text_trim(challenge)) < 0)
		(void)text_add(&plain, text_sub(challenge, 0, sizeof(l->reason)));
	text_printable(l->reason, sizeof(l->reason), text_of_buf(&plain));
	buf_clear(&plain);
}

static enum imap_login_step invited(struct imap_login *l, struct text challenge,
				    struct imap_text *out, struct imap_verdict *ret)
{
	switch (l->state) {
	case IMAP_LOGIN_ASKED:
		l->state = IMAP_LOGIN_ANSWERED;
		if (add_response(l, out) < 0)
			return out_of(l, ret, BLAME_US, IMAP_REMEDY_OURS,
				      "credential cannot be said in imap");
		imap_text_end(out);
		return IMAP_LOGIN_STEP_WAIT;
	case IMAP_LOGIN_ANSWERED:
		if (imap_text_go_on(out))
			return IMAP_LOGIN_STEP_WAIT;
		l->state = IMAP_LOGIN_REFUSED;
		keep_reason(l, challenge);
		/* XOAUTH2 an empty line, OAUTHBEARER a lone SOH (RFC 7628 3.2.3), others cancel */
		imap_text_line(out, l->kind == IMAP_LOGIN_PASSWORD          ? "*"
				    : l->mechanism == IMAP_SASL_OAUTHBEARER ? "AQ=="
									    : "");
		return IMAP_LOGIN_STEP_WAIT;
	case IMAP_LOGIN_NEW:
	case IMAP_LOGIN_REFUSED:
	case IMAP_LOGIN_OVER:
		break;
	}
	return out_of(l, ret, BLAME_PEER, IMAP_REMEDY_RETRY, "challenge after challenge");
}

/* The tagged answer, the JSON and a warning before it, in the order of what they tell. */
static struct imap_verdict judge(const struct imap_login *l, const struct imap_resp *r)
{
	struct imap_verdict v =
		imap_verdict_of(IMAP_PHASE_LOGIN, r->condition, r->code.word, r->said);

	if (v.remedy == IMAP_REMEDY_FRESH_TOKEN && l->warning.remedy != IMAP_REMEDY_NONE)
		v = l->warning;
	else if (v.remedy == IMAP_REMEDY_FRESH_TOKEN && l->reason[0])
		v = imap_verdict_of(IMAP_PHASE_LOGIN, r->condition, r->code.word,
				    text_of(l->reason));
	if (v.remedy == IMAP_REMEDY_FRESH_TOKEN && l->kind == IMAP_LOGIN_PASSWORD)
		v.remedy = IMAP_REMEDY_USER;
	secret_blank(v.outcome.said, &l->credential); /* some repeat what they refuse */
	return v;
}

enum imap_login_step imap_login_heard(struct imap_login *l, const struct imap_resp *r,
				      struct imap_text *out, struct imap_verdict *ret)
{
	struct imap_verdict v;

	if (r->kind == IMAP_RESP_PLUS)
		return invited(l, r->said, out, ret);
	if (r->kind == IMAP_RESP_CONDITION) {
		v = imap_verdict_of(IMAP_PHASE_LOGIN, r->condition, r->code.word, r->said);
		if (v.remedy != IMAP_REMEDY_FRESH_TOKEN && v.remedy != IMAP_REMEDY_NONE)
			l->warning = v;
		return IMAP_LOGIN_STEP_WAIT;
	}
	if (r->condition == IMAP_CONDITION_OK)
		return over(l, IMAP_LOGIN_STEP_IN);
	*ret = judge(l, r);
	return over(l, IMAP_LOGIN_STEP_OUT);
}
