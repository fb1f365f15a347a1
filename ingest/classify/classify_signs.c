#include "ingest/classify/classify_signs.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_codes.h"
#include "ingest/mime/mime_subject.h"

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
		.report = mime_head_is_type(h, "multipart", "report", NULL) || h->failed.n > 0 ||
			  mime_head_has(h, "X-Failed-Recipients") ||
			  mime_head_has(h, "X-MS-Exchange-Message-Is-Ndr"),
		.from = classify_sender_of(h),
		.machine = h->return_path == MIME_PATH_NULL || text_istarts(sent, TEXT("auto-")) ||
			   mime_head_has(h, "X-MLServer"),
		.says_no = text_istarts(sent, TEXT("no")),
		.is_answer = mime_subject_is_answer(subject),
		.subject = ndr_subject(subject),
	};
}

static bool is_of_server(const struct classify_signs *s)
{
	return (s->from & (CLASSIFY_SENDER_DAEMON | CLASSIFY_SENDER_POSTMASTER)) != 0;
}

static bool is_robot(const struct classify_signs *s)
{
	return (s->from & (CLASSIFY_SENDER_ROBOT | CLASSIFY_SENDER_NO_REPLY)) != 0;
}

bool classify_signs_are_worth(const struct classify_signs *s)
{
	return s->report || is_of_server(s) || is_robot(s) || (s->subject && s->machine);
}

bool classify_signs_allow_fields(const struct classify_signs *s)
{
	return s->report || (classify_signs_are_worth(s) && !s->says_no && !s->is_answer);
}

void classify_signs_read(struct classify_signs *s, const struct classify_prose *prose)
{
	char status[MIME_STATUS] = "";
	unsigned code = 0;

	classify_codes_find(text_of_buf(&prose->folded), &code, status);
	s->codes = code || status[0];
	s->status = status[0];
	s->answer = s->status && classify_codes_are_answer(text_of_buf(&prose->folded));
	s->words = prose->sign;
}

/* A word alone proves nothing; nor does a number, which may count employees. */
bool classify_signs_are_of_report(const struct classify_signs *s)
{
	if (s->report)
		return true;
	if (s->says_no)
		return false;
	if (s->from & CLASSIFY_SENDER_DAEMON)
		return true;
	if (s->from & CLASSIFY_SENDER_POSTMASTER)
		return s->subject || s->machine || s->answer || s->words;
	if (s->subject)
		return s->machine || (is_robot(s) && (s->words || s->status));
	return s->words && is_robot(s) && (s->machine || s->status);
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
	if (is_of_server(s))
		classify_verdict_add(v, "bounce.daemon", CLASSIFY_BY_HEADER,
				     text_of(h->from.address));
	if (s->subject)
		classify_verdict_add(v, s->subject->id, CLASSIFY_BY_SUBJECT, text_of(h->subject));
	if (s->words)
		classify_verdict_add(v, s->words, CLASSIFY_BY_TEXT, text_of(s->words));
}
