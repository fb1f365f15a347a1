#include "ingest/classify/classify_signs.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_codes.h"

static bool is_one_of(struct text local, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_ieq(local, text_of(names[i])))
			return true;
	return false;
}

static bool is_daemon(const struct mime_head *h)
{
	static const char *const locals[] = {
		"mailer-daemon", "postmaster",        "post_master", "mail-daemon", "mailerdaemon",
		"mdaemon",       "mailer_daemon",     "mailerd",     "maildaemon",  "mail_daemon",
		"mail-system",   "no-reply-daemon",   "bounce",      "bounces",     "mmdf",
		"mail-delivery", "microsoftexchange",
	};
	struct text local, domain;

	(void)text_cut(text_of(h->from.address), '@', &local, &domain);
	if (is_one_of(local, locals, countof(locals)) ||
	    text_istarts(local, TEXT("mailer-daemon")) ||
	    text_istarts(local, TEXT("microsoftexchange")))
		return true;
	/* "MAILER-DAEMON <>" names nobody, and some write only the words */
	local = mime_head_field(h, "From", 0);
	return text_istarts(local, TEXT("mailer-daemon")) ||
	       text_istarts(local, TEXT("\"mailer-daemon")) ||
	       text_istarts(local, TEXT("mail delivery s")) ||
	       text_istarts(local, TEXT("\"mail delivery s")) || text_eq(local, TEXT("<>")) ||
	       text_ifind(local, TEXT("postmaster")) != SIZE_MAX;
}

/* Addresses that nobody reads, and names that nobody has. */
static bool is_robot(const struct mime_head *h)
{
	static const char *const locals[] = {
		"no-reply",     "noreply",       "do-not-reply", "donotreply", "no_reply",
		"root",         "system",        "mail-admin",   "mailadmin",  "mailmaster",
		"mail-router",  "administrator", "smtp",         "mailserver", "mail-server",
		"email-daemon", "mailer",
	};
	static const char *const names[] = { "system administrator", "mail administrator",
					     "mail delivery",        "mail system",
					     "mail server",          "delivery subsystem" };
	struct text local, domain;

	(void)text_cut(text_of(h->from.address), '@', &local, &domain);
	if (is_one_of(local, locals, countof(locals)) || text_iends(local, TEXT("-admin")))
		return true;
	for (size_t i = 0; i < countof(names); i++)
		if (text_istarts(text_of(h->from.name), text_of(names[i])))
			return true;
	return false;
}

static const struct classify_word_rule *ndr_subject(struct text subject)
{
	while (subject.len && strchr("*!<> ", subject.at[0]))
		subject = text_sub(subject, 1, subject.len);
	return classify_rules_front(classify_rules_now(), CLASSIFY_IN_NDR, subject);
}

void classify_signs_of(const struct mime_head *h, struct text subject, struct classify_signs *ret)
{
	struct text sent = text_of(h->auto_submitted);

	*ret = (struct classify_signs){
		.report = mime_head_is_type(h, "multipart", "report", "delivery-status") ||
			  h->failed.n > 0 || mime_head_has(h, "X-Failed-Recipients") ||
			  mime_head_has(h, "X-MS-Exchange-Message-Is-Ndr"),
		.daemon = is_daemon(h),
		.robot = is_robot(h),
		.machine = h->return_path == MIME_PATH_NULL || text_istarts(sent, TEXT("auto-")) ||
			   mime_head_has(h, "X-MLServer"),
		.says_no = text_istarts(sent, TEXT("no")),
		.subject = ndr_subject(subject),
	};
}

bool classify_signs_are_worth(const struct classify_signs *s)
{
	return s->report || s->daemon || s->robot || (s->subject && s->machine);
}

void classify_signs_read(struct classify_signs *s, const struct classify_prose *prose)
{
	char status[MIME_STATUS] = "";
	unsigned code = 0;

	classify_codes_find(text_of_buf(&prose->folded), &code, status);
	s->codes = code || status[0];
	s->status = status[0];
	s->words = prose->sign;
}

/* A word alone proves nothing. */
bool classify_signs_are_of_report(const struct classify_signs *s, const struct mime_head *h)
{
	if (s->report)
		return true;
	if (s->says_no)
		return false;
	if (s->daemon)
		return s->subject || s->machine || s->codes || s->words ||
		       text_ifind(mime_head_field(h, "From", 0), TEXT("daemon")) != SIZE_MAX;
	if (s->subject)
		return s->machine || (s->robot && (s->words || s->codes));
	return s->words && s->robot && (s->machine || s->status);
}

void classify_signs_tell(const struct classify_signs *s, const struct mime_head *h,
			 struct classify_verdict *v)
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
	if (s->words)
		classify_verdict_add(v, s->words, CLASSIFY_BY_TEXT, text_of(s->words));
}
