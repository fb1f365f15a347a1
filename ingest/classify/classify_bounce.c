#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify_bounce.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_reason.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

/* ---- is it one? ---- */

struct signs {
	bool report;  /* multipart/report, X-Failed-Recipients, the mark of Exchange */
	bool daemon;  /* from a mail server's own address */
	bool machine; /* null return path or Auto-Submitted */
	bool codes;   /* the text quotes an SMTP answer */
	const struct classify_word_rule *subject; /* NULL: none */
};

static bool is_daemon(const struct mime_head *h)
{
	static const char *const locals[] = {
		"mailer-daemon", "postmaster",    "mail-daemon",     "mailerdaemon",
		"mdaemon",       "mailer_daemon", "no-reply-daemon",
	};
	struct text local, domain;

	(void)text_cut(text_of(h->from.address), '@', &local, &domain);
	for (size_t i = 0; i < countof(locals); i++)
		if (text_ieq(local, text_of(locals[i])))
			return true;
	/* "MAILER-DAEMON <>" names nobody, and some write only the words */
	local = mime_head_field(h, "From", 0);
	return text_istarts(local, TEXT("mailer-daemon")) ||
	       text_istarts(local, TEXT("\"mailer-daemon")) ||
	       text_istarts(local, TEXT("mail delivery s"));
}

static const struct classify_word_rule *ndr_subject(struct text subject)
{
	while (subject.len && strchr("*!<> ", subject.at[0]))
		subject = text_sub(subject, 1, subject.len);
	return classify_rules_front(classify_rules_now(), CLASSIFY_IN_NDR, subject);
}

static struct signs signs_of(const struct mime_head *h, struct text subject, struct text words)
{
	struct text sent = text_of(h->auto_submitted);
	char status[MIME_STATUS] = "";
	unsigned code = 0;

	classify_reason_codes(words, &code, status);

	return (struct signs){
		.report = mime_head_is_type(h, "multipart", "report", "delivery-status") ||
			  h->failed.n > 0 || mime_head_has(h, "X-Failed-Recipients") ||
			  mime_head_has(h, "X-MS-Exchange-Message-Is-Ndr"),
		.daemon = is_daemon(h),
		.machine = h->return_path == MIME_PATH_NULL || text_istarts(sent, TEXT("auto-")),
		.codes = code || status[0],
		.subject = ndr_subject(subject),
	};
}

/* A word alone proves nothing: people write "undeliverable", and postmasters are people. */
static bool is_report(const struct signs *s, const struct mime_head *h)
{
	return s->report || (s->subject && s->machine) ||
	       (s->daemon &&
		(s->subject || s->machine || s->codes ||
		 text_ifind(mime_head_field(h, "From", 0), TEXT("daemon")) != SIZE_MAX));
}

static void add_signs(const struct signs *s, const struct mime_head *h, struct classify_verdict *v)
{
	if (s->report && h->failed.n)
		classify_verdict_add(v, "bounce.failed-recipients", CLASSIFY_BY_HEADER,
				     text_of(h->failed.at[0].address));
	else if (s->report)
		classify_verdict_add(v, "bounce.report", CLASSIFY_BY_HEADER,
				     mime_head_field(h, "Content-Type", 0));
	if (s->daemon)
		classify_verdict_add(v, "bounce.daemon", CLASSIFY_BY_HEADER,
				     text_of(h->from.address));
	if (s->subject)
		classify_verdict_add(v, s->subject->id, CLASSIFY_BY_SUBJECT, text_of(h->subject));
}

/* ---- what does it say? ---- */

struct finding {
	struct classify_reason why;
	enum mime_action action;
	char status[MIME_STATUS];
	unsigned smtp_code;
	const char *recipient;  /* NULL: not named */
	struct text diagnostic; /* as written */
	bool failed;            /* not delivered, not only delayed */
};

/* "5.0.0" says no more than "it failed"; a code in the words says more. */
static bool is_generic(const char *status)
{
	return !status[0] || strcmp(status + 1, ".0.0") == 0 || strcmp(status + 1, ".5.0") == 0;
}

static void fold(struct buf *ret, struct text t, size_t max)
{
	buf_init(ret, max);
	mime_fold_add(ret, t);
	for (size_t i = 0; i < ret->len; i++) /* a phrase may run over a line end */
		if (ret->data[i] == '\n')
			ret->data[i] = ' ';
}

static struct text text_in(const struct buf *b)
{
	return (struct text){ (const char *)b->data, b->len };
}

static struct finding recipient_finding(const struct mime_dsn_recipient *r)
{
	struct finding f = { .action = r->action, .diagnostic = text_of(r->diagnostic) };
	char status[MIME_STATUS] = "";
	cleanup_buf struct buf words;

	memcpy(f.status, r->status, sizeof(f.status));
	f.recipient = r->original ? r->original : r->final;
	if (r->will_retry && r->action != MIME_ACTION_FAILED)
		f.action = MIME_ACTION_DELAYED;
	fold(&words, f.diagnostic, LIMIT_MIME_SUBJECT);
	classify_reason_codes(text_in(&words), &f.smtp_code, status);
	if (is_generic(f.status) && status[0])
		memcpy(f.status, status, sizeof(f.status));
	f.why = classify_reason_of(f.action, f.status, f.smtp_code, text_in(&words));
	f.failed = f.action == MIME_ACTION_FAILED ||
		   (f.action == MIME_ACTION_NONE && (f.status[0] == '4' || f.status[0] == '5'));
	return f;
}

static bool is_worse(const struct finding *a, const struct finding *b)
{
	if (a->failed != b->failed)
		return a->failed;
	return a->why.hard && !b->why.hard;
}

/* Where the report ends and the returned mail begins, in the words of MTAs. */
static struct text without_original(struct text t)
{
	static const char *const marks[] = {
		"--- below this line is a copy",  "------ this is a copy of the message",
		"original message headers",       "----- original message",
		"----- message header follows",   "----- unsent message follows",
		"----- original message follows", "-----original message",
		"--- returned message",           "return-path: <",
	};
	size_t end = t.len;

	for (size_t i = 0; end && i < countof(marks); i++) {
		const char *hit = memmem(t.at, end, marks[i], strlen(marks[i]));

		if (hit)
			end = (size_t)(hit - t.at);
	}
	return text_sub(t, 0, end);
}

static bool says_delayed(struct text t)
{
	static const char *const words[] = {
		"will be retried",
		"still being retried",
		"will keep trying",
		"will continue to try",
		"will retry",
		"delivery attempts will continue",
		"you do not need to resend",
		"no action is required",
		"has not been delivered yet",
		"has not yet been delivered",
		"this is only a warning",
		"warning only",
		"wird weiterhin versucht",
		"delivery will be attempted",
	};

	for (size_t i = 0; i < countof(words); i++)
		if (classify_phrase_in(t, words[i]))
			return true;
	return false;
}

/* A report in prose. */
static struct finding prose_finding(struct text t, const struct signs *s)
{
	struct finding f = { .action = MIME_ACTION_FAILED, .failed = true };

	if ((s->subject && s->subject->says == CLASSIFY_SAYS_DELAY) || says_delayed(t)) {
		f.action = MIME_ACTION_DELAYED;
		f.failed = false;
	}
	classify_reason_codes(t, &f.smtp_code, f.status);
	f.why = classify_reason_of(f.action, f.status, f.smtp_code, t);
	return f;
}

/* The first address that the prose names and that is not its own sender's. */
static void address_in(struct text t, const char *sender, char *ret, size_t size)
{
	ret[0] = '\0';
	for (size_t i = 1; i + 1 < t.len; i++) {
		size_t from = i, to = i + 1;
		struct text address;

		if (t.at[i] != '@')
			continue;
		while (from > 0 && (uint8_t)t.at[from - 1] > ' ' &&
		       !strchr("<>()[]\",;:'", t.at[from - 1]))
			from--;
		while (to < t.len && (uint8_t)t.at[to] > ' ' && !strchr("<>()[]\",;:'", t.at[to]))
			to++;
		while (to > i + 1 && t.at[to - 1] == '.')
			to--;
		address = text_sub(t, from, to - from);
		if (from < i && to > i + 1 && address.len < size &&
		    !text_ieq(address, text_of(sender))) {
			mime_utf8_copy(ret, size, address);
			return;
		}
		i = to;
	}
}

static void set_bounce(struct classify_verdict *v, const struct finding *f)
{
	struct classify_bounce *b = &v->bounce;

	b->action = f->action;
	memcpy(b->status, f->status, sizeof(b->status));
	b->smtp_code = f->smtp_code;
	b->reason = f->why.reason;
	mime_utf8_copy(b->recipient, sizeof(b->recipient), text_of(f->recipient));
	mime_utf8_copy(b->diagnostic, sizeof(b->diagnostic), f->diagnostic);
	v->kind = f->failed && f->why.hard ? CLASSIFY_BOUNCE_HARD : CLASSIFY_BOUNCE_SOFT;
}

/* The worst of the recipients; false: none failed or waits. */
static bool worst_recipient(const struct mime_dsn *dsn, struct finding *ret)
{
	bool any = false;

	for (size_t i = 0; i < dsn->n_rcpt; i++) {
		struct finding f = recipient_finding(&dsn->rcpt[i]);

		if (!f.failed && f.action != MIME_ACTION_DELAYED)
			continue;
		if (!any || is_worse(&f, ret))
			*ret = f;
		any = true;
	}
	return any;
}

static bool all_delivered(const struct mime_dsn *dsn)
{
	for (size_t i = 0; i < dsn->n_rcpt; i++)
		if (dsn->rcpt[i].action < MIME_ACTION_DELIVERED)
			return false;
	return dsn->n_rcpt > 0;
}

/* The report's own codes say little: do the words of its first part say more?  true: they decided.
 */
static bool ask_prose(struct finding *f, struct text text)
{
	struct classify_reason why;

	if (strcmp(f->why.rule, "bounce.words") == 0 ||
	    (!is_generic(f->status) && strcmp(f->why.reason, "undefined") != 0))
		return false;
	why = classify_reason_of(f->action, f->status, f->smtp_code, text);
	if (strcmp(why.rule, "bounce.words") != 0)
		return false;
	f->why = why;
	return true;
}

static void judge_recipients(struct finding *f, struct text text, struct classify_verdict *v)
{
	cleanup_buf struct buf line;
	bool by_prose = ask_prose(f, text);

	set_bounce(v, f);
	buf_init(&line, 600);
	(void)text_addf(&line, "%s %s", mime_dsn_action_name(f->action), f->status);
	classify_verdict_add(v, "bounce.dsn", CLASSIFY_BY_DSN, text_in(&line));
	if (by_prose)
		classify_verdict_add(v, f->why.rule, CLASSIFY_BY_TEXT, text_of(f->why.reason));
	else if (f->diagnostic.len)
		classify_verdict_add(v, f->why.rule, CLASSIFY_BY_DSN, f->diagnostic);
	v->confidence = strcmp(f->why.rule, "bounce.unknown") == 0 ? 0.8 : 0.97;
}

static void judge_prose(const struct mime_head *head, struct text text, const struct signs *s,
			struct classify_verdict *v)
{
	struct finding f = prose_finding(text, s);
	char address[LIMIT_MIME_ADDRESS + 1];

	address_in(text, head->from.address, address, sizeof(address));
	f.recipient = head->failed.n ? head->failed.at[0].address : address;
	set_bounce(v, &f);
	if (text.len)
		classify_verdict_add(v, f.why.rule, CLASSIFY_BY_TEXT, text_of(f.why.reason));
	else if (!v->n_evidence)
		classify_verdict_add(v, "bounce.dsn", CLASSIFY_BY_DSN,
				     TEXT("a recipient, and neither action nor status"));
	v->confidence = strcmp(f.why.rule, "bounce.words") == 0 ? 0.9 : 0.75;
}

bool classify_bounce_judge(const struct mime_head *head, const struct mime_dsn *dsn,
			   struct text subject, struct text text, struct classify_verdict *ret)
{
	cleanup_buf struct buf words;
	struct signs s;
	struct finding f;
	bool recipients = dsn && dsn->n_rcpt;

	fold(&words, text_sub(text, 0, 6000), 3 * 6000);
	s = signs_of(head, subject, text_in(&words));
	if (!recipients && !is_report(&s, head))
		return false;
	add_signs(&s, head, ret);
	if (recipients && all_delivered(dsn)) {
		classify_verdict_add(ret, "dsn.delivered", CLASSIFY_BY_DSN,
				     text_of(mime_dsn_action_name(dsn->rcpt[0].action)));
		ret->kind = CLASSIFY_AUTO_OTHER;
		ret->confidence = 0.97;
		return true;
	}
	if (recipients && worst_recipient(dsn, &f))
		judge_recipients(&f, without_original(text_in(&words)), ret);
	else
		judge_prose(head, without_original(text_in(&words)), &s, ret);
	return true;
}
