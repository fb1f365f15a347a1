#include "ingest/classify/classify_bounce.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify_codes.h"
#include "ingest/classify/classify_prose.h"
#include "ingest/classify/classify_reason.h"
#include "ingest/classify/classify_signs.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

/*
 * The fields of RFC 3464 say whom and what; what they leave open the words tell:
 *
 *   recipients   the fields; else X-Failed-Recipients; else the text; else whom the returned mail
 *                was for
 *   codes        of the status field and in the diagnostic, that which says more
 *   reason       by the diagnostic; by the lines of the text about this recipient; by all of it
 */
struct finding {
	struct classify_reason why;
	struct classify_answer answer;
	char status[MIME_STATUS];
	struct text recipient, diagnostic; /* as written; empty: none */
	bool failed;                       /* not delivered, not only delayed */
};

struct judge {
	const struct mime_head *head;
	const struct mime_dsn *dsn; /* NULL: none */
	struct classify_prose prose;
	struct classify_signs signs;
	struct classify_verdict *v;
	struct finding worst;
};

/* ---- one recipient ---- */

/* In the words there may be a status that says more than the field, or as much: then it is the
 * other server's own.  true: there is one. */
static bool take_codes(struct finding *f, struct text words)
{
	char status[MIME_STATUS] = "";
	unsigned smtp = 0;

	classify_codes_find(words, &smtp, status);
	if (!f->answer.smtp_code)
		f->answer.smtp_code = smtp;
	if (classify_codes_weight(status) >= classify_codes_weight(f->status) && status[0])
		memcpy(f->status, status, sizeof(f->status));
	return status[0] != '\0';
}

/* Of an address only that there is one: "blocked@mail.example" is nobody's reason. */
static void blot_addresses(struct buf *said)
{
	for (size_t i = 0; i < said->len; i++)
		for (size_t k = i;
		     said->data[i] == '@' && k > 0 && !strchr(" <>\"'():;,", said->data[k - 1]) &&
		     said->data[k - 1] != '@';
		     k--)
			said->data[k - 1] = 'x';
}

static void ask(struct finding *f, struct buf *said)
{
	struct text words;

	said->len = classify_codes_join((char *)said->data, said->len);
	blot_addresses(said);
	words = classify_codes_unwrap(text_of_buf(said));
	f->answer.status = f->status;
	f->answer.words = words;
	f->why = classify_reason_of(&f->answer);
	f->answer.words = (struct text){ 0 };
}

/* "5.0.0", "4.4.7" and "undeliverable" say little: do the words around it say more? */
static bool is_open(const struct finding *f)
{
	return !classify_reason_is_certain(&f->why) ||
	       (strcmp(f->why.rule, "bounce.words") != 0 && !classify_codes_is_precise(f->status));
}

static void ask_prose(struct judge *j, struct finding *f, size_t nth, bool with_codes)
{
	cleanup_buf struct buf words;
	struct classify_reason before = f->why;

	buf_init(&words, (size_t)LIMIT_CLASSIFY_PROSE * 3);
	classify_prose_words(&j->prose, nth, &words);
	if (f->answer.stage == CLASSIFY_STAGE_NONE)
		f->answer.stage = classify_prose_stage(text_of_buf(&words));
	if (with_codes)
		(void)take_codes(f, text_of_buf(&words));
	ask(f, &words);
	if (strcmp(f->why.rule, "bounce.words") != 0 && classify_reason_is_certain(&before) &&
	    !with_codes)
		f->why = before;
}

/*
 * The other server gave no status, and ours made one up that says nothing (RFC 3463
 * section 3.1: "x.5.0", "x.0.0"): what other servers said in the session counts.
 */
static void take_session_codes(struct judge *j, struct finding *f)
{
	cleanup_buf struct buf words;

	buf_init(&words, (size_t)LIMIT_CLASSIFY_PROSE * 3);
	classify_prose_words(&j->prose, SIZE_MAX, &words);
	(void)take_codes(f, text_of_buf(&words));
}

static void read_diagnostic(struct judge *j, struct finding *f)
{
	cleanup_buf struct buf words;
	size_t nth = classify_prose_find(&j->prose, f->recipient);
	bool is_said;

	buf_init(&words, (size_t)LIMIT_MIME_SUBJECT * 3);
	mime_fold_add(&words, f->diagnostic);
	is_said = take_codes(f, text_of_buf(&words));
	f->answer.stage = classify_prose_stage(text_of_buf(&words));
	if (f->answer.stage == CLASSIFY_STAGE_NONE && j->dsn->n_rcpt == 1)
		f->answer.stage = j->prose.stage;
	if (f->answer.stage == CLASSIFY_STAGE_NONE && nth != SIZE_MAX) {
		cleanup_buf struct buf lines;

		buf_init(&lines, (size_t)LIMIT_CLASSIFY_PROSE * 3);
		classify_prose_words(&j->prose, nth, &lines);
		f->answer.stage = classify_prose_stage(text_of_buf(&lines));
	}
	ask(f, &words);
	if (is_open(f) && nth != SIZE_MAX)
		ask_prose(j, f, nth, !classify_codes_is_precise(f->status));
	if (is_open(f) && j->dsn->n_rcpt == 1)
		ask_prose(j, f, SIZE_MAX, classify_codes_weight(f->status) <= 2);
	if (!is_said && !is_open(f) && j->dsn->n_rcpt == 1 && classify_codes_weight(f->status) <= 2)
		take_session_codes(j, f);
}

/* The fields name nobody: a command, a folder, "<>". */
static struct text anybody(const struct judge *j)
{
	if (j->head->failed.n)
		return text_of(j->head->failed.at[0].address);
	if (j->prose.n)
		return j->prose.at[0].address;
	return j->dsn->original.to.n ? text_of(j->dsn->original.to.at[0].address)
				     : (struct text){ 0 };
}

static struct finding recipient_finding(struct judge *j, const struct mime_dsn_recipient *r)
{
	struct finding f = { .answer.action = r->action,
			     .diagnostic = text_of(r->diagnostic ? r->diagnostic : r->comment) };
	bool waits = r->will_retry && r->action != MIME_ACTION_FAILED;

	memcpy(f.status, r->status, sizeof(f.status));
	f.recipient = text_of(r->original ? r->original : r->final);
	if (!f.recipient.len && j->dsn->n_rcpt == 1)
		f.recipient = anybody(j);
	if (waits)
		f.answer.action = MIME_ACTION_DELAYED;
	f.failed = f.answer.action == MIME_ACTION_FAILED ||
		   (f.answer.action == MIME_ACTION_NONE && f.status[0] != '2');
	if (f.answer.action == MIME_ACTION_NONE &&
	    (j->prose.trying ||
	     (j->signs.subject && j->signs.subject->says == CLASSIFY_SAYS_DELAY))) {
		f.answer.action = MIME_ACTION_DELAYED;
		f.failed = false;
	}
	read_diagnostic(j, &f);
	return f;
}

/* ---- all of them ---- */

static bool is_worse(const struct finding *a, const struct finding *b)
{
	if (a->failed != b->failed)
		return a->failed;
	return a->why.hard && !b->why.hard;
}

static enum classify_kind kind_of(const struct finding *f)
{
	if (!f->failed && f->answer.action == MIME_ACTION_DELAYED)
		return CLASSIFY_BOUNCE_DELAYED;
	return f->failed && f->why.hard ? CLASSIFY_BOUNCE_HARD : CLASSIFY_BOUNCE_SOFT;
}

static void fill(struct classify_bounce *b, const struct finding *f)
{
	b->kind = kind_of(f);
	b->action = f->answer.action;
	memcpy(b->status, f->status, sizeof(b->status));
	b->smtp_code = f->answer.smtp_code;
	b->reason = f->why.reason;
	b->fault = classify_fault_of(f->why.reason);
	mime_utf8_copy(b->recipient, sizeof(b->recipient), f->recipient);
	mime_utf8_copy(b->diagnostic, sizeof(b->diagnostic), f->diagnostic);
	for (char *c = b->diagnostic; *c; c++)
		if (*c == '\n')
			*c = ' ';
	b->diagnostic[classify_codes_join(b->diagnostic, strlen(b->diagnostic))] = '\0';
}

static bool is_told(const struct classify_verdict *v, struct text address)
{
	for (size_t i = 0; i < v->n_recipients; i++)
		if (text_ieq(text_of(v->recipients[i].recipient), address))
			return true;
	return false;
}

static void take(struct judge *j, const struct finding *f)
{
	struct classify_verdict *v = j->v;

	if (v->n_recipients == 0 || is_worse(f, &j->worst)) {
		j->worst = *f;
		fill(&v->bounce, f);
	}
	if (v->n_recipients == countof(v->recipients) ||
	    (v->n_recipients && (!f->recipient.len || is_told(v, f->recipient))))
		return;
	fill(&v->recipients[v->n_recipients++], f);
}

static bool is_delivered(const struct mime_dsn_recipient *r)
{
	return r->action >= MIME_ACTION_DELIVERED ||
	       (r->action == MIME_ACTION_NONE && r->status[0] == '2');
}

static bool all_delivered(const struct mime_dsn *dsn)
{
	for (size_t i = 0; i < dsn->n_rcpt; i++)
		if (!is_delivered(&dsn->rcpt[i]))
			return false;
	return dsn->n_rcpt > 0;
}

static void judge_recipients(struct judge *j)
{
	cleanup_buf struct buf line;

	for (size_t i = 0; i < j->dsn->n_rcpt; i++) {
		struct finding f;

		if (is_delivered(&j->dsn->rcpt[i]))
			continue;
		f = recipient_finding(j, &j->dsn->rcpt[i]);
		take(j, &f);
	}
	buf_init(&line, 600);
	(void)text_addf(&line, "%s %s", mime_dsn_action_name(j->worst.answer.action),
			j->worst.status);
	classify_verdict_add(j->v, "bounce.dsn", CLASSIFY_BY_DSN, text_of_buf(&line));
	classify_verdict_add(j->v, j->worst.why.rule,
			     j->worst.diagnostic.len ? CLASSIFY_BY_DSN : CLASSIFY_BY_TEXT,
			     j->worst.diagnostic.len ? j->worst.diagnostic
						     : text_of(j->worst.why.reason));
	j->v->confidence = strcmp(j->worst.why.rule, "bounce.unknown") == 0 ? 0.8 : 0.97;
}

/* ---- prose ---- */

static void take_prose(struct judge *j, struct text recipient, size_t nth)
{
	struct finding f = { .answer.action = MIME_ACTION_FAILED, .failed = true };

	if ((j->signs.subject && j->signs.subject->says == CLASSIFY_SAYS_DELAY) ||
	    j->prose.trying) {
		f.answer.action = MIME_ACTION_DELAYED;
		f.failed = false;
	}
	f.recipient = recipient;
	if (nth < j->prose.n) {
		f.diagnostic = classify_prose_lines(&j->prose, nth);
		ask_prose(j, &f, nth, true);
	}
	if (nth >= j->prose.n ||
	    (is_open(&f) && (j->prose.n == 1 || classify_prose_is_bare(&j->prose, nth)))) {
		f.answer.is_preamble = nth >= j->prose.n || classify_prose_is_bare(&j->prose, nth);
		ask_prose(j, &f, SIZE_MAX, true);
	} else if (j->prose.n == 1) { /* the answer may stand further down */
		(void)take_codes(&f, text_of_buf(&j->prose.folded));
	}
	take(j, &f);
}

static void judge_prose(struct judge *j)
{
	const struct mime_head *original =
		j->dsn && j->dsn->original.fields.n ? &j->dsn->original : NULL;

	for (size_t i = 0; i < j->head->failed.n; i++) {
		struct text address = text_of(j->head->failed.at[i].address);

		take_prose(j, address, classify_prose_find(&j->prose, address));
	}
	for (size_t i = 0; i < j->prose.n && !j->head->failed.n; i++)
		take_prose(j, j->prose.at[i].address, i);
	if (!j->v->n_recipients)
		take_prose(j,
			   original && original->to.n ? text_of(original->to.at[0].address)
						      : (struct text){ 0 },
			   SIZE_MAX);
	if (j->prose.text.len)
		classify_verdict_add(j->v, j->worst.why.rule, CLASSIFY_BY_TEXT,
				     text_of(j->worst.why.reason));
	else if (!j->v->n_evidence)
		classify_verdict_add(j->v, "bounce.dsn", CLASSIFY_BY_DSN,
				     TEXT("a recipient, and neither action nor status"));
	j->v->confidence = classify_reason_is_certain(&j->worst.why) ? 0.9 : 0.75;
}

/* ---- the verdict ---- */

bool classify_bounce_is_other(const struct mime_head *h)
{
	return mime_head_is_type(h, "multipart", "report", "disposition-notification") ||
	       mime_head_is_type(h, "multipart", "report", "feedback-report");
}

static void read_prose(struct judge *j, struct text text)
{
	classify_prose_clear(&j->prose);
	const struct mime_dsn *dsn = j->dsn;

	classify_prose_read(&j->prose, text, j->head,
			    dsn && dsn->original.fields.n ? &dsn->original : NULL);
	classify_signs_read(&j->signs, &j->prose);
}

/* "the following recipients" stands in both kinds of report: what failed has a code or a subject.
 */
static bool is_said_delivered(const struct judge *j)
{
	return j->prose.done && (!j->prose.sign || (!j->signs.codes && !j->signs.subject));
}

static void say_delivered(struct judge *j, const char *rule, struct text saw)
{
	classify_verdict_add(j->v, rule, CLASSIFY_BY_DSN, saw);
	j->v->kind = CLASSIFY_AUTO_OTHER;
	j->v->confidence = 0.97;
}

/* The server that he runs did not say what a person quotes. */
static bool is_answer(struct judge *j, struct text fresh)
{
	if (!j->signs.is_answer || j->signs.report)
		return false;
	read_prose(j, fresh);
	return !classify_signs_are_of_report(&j->signs);
}

static bool judge(struct judge *j, const struct classify_bounce_mail *mail)
{
	const struct mime_dsn *dsn = j->dsn;
	bool recipients;

	classify_signs_of(j->head, mail->subject, &j->signs);
	if (classify_bounce_is_other(j->head) || !classify_signs_are_worth(&j->signs))
		return false;
	recipients = dsn && dsn->n_rcpt && classify_signs_allow_fields(&j->signs);
	if (!recipients && is_answer(j, mail->fresh))
		return false;
	read_prose(j, mail->text);
	if (!recipients && is_said_delivered(j)) {
		say_delivered(j, j->prose.done, TEXT("delivered"));
		return true;
	}
	if (!recipients && !classify_signs_are_of_report(&j->signs))
		return false;
	classify_signs_tell(&j->signs, j->head, j->v);
	if (recipients && all_delivered(dsn)) {
		say_delivered(j, "dsn.delivered",
			      text_of(mime_dsn_action_name(dsn->rcpt[0].action)));
		return true;
	}
	if (recipients)
		judge_recipients(j);
	else
		judge_prose(j);
	j->v->kind = kind_of(&j->worst);
	return true;
}

bool classify_bounce_judge(const struct classify_bounce_mail *mail, struct classify_verdict *ret)
{
	struct judge j = { .head = mail->head, .dsn = mail->dsn, .v = ret };
	bool is_bounce;

	classify_prose_init(&j.prose);
	is_bounce = judge(&j, mail);
	classify_prose_clear(&j.prose);
	return is_bounce;
}
