#include "services/dispatch/judge.h"

#include <stdio.h>

#include "base/clock.h"
#include "services/dispatch/retry.h"

void judge_init(struct judge *j, const struct log *log, const uint64_t *retry_ms, size_t n_retries)
{
	*j = (struct judge){ .log = log, .retry_ms = retry_ms, .n_retries = n_retries };
	rand_gen_seed(&j->jitter, 0);
}

static const char *next_of(enum receipt_fate f)
{
	switch (f) {
	case RECEIPT_DELIVERED:
		return "none";
	case RECEIPT_AGAIN:
		return "again";
	case RECEIPT_DEAD:
		return "dead_letter";
	case RECEIPT_GONE:
		return "endpoint_disabled";
	}
	return "?";
}

static void say(const struct judge *j, const struct post *t, const struct post_item *it,
		const struct retry_answer *a)
{
	if (it->fate == RECEIPT_DELIVERED)
		log_debug(j->log, "event.posted",
			  "event=%s endpoint=%s try=%d status=%ld took_ms=%llu", it->event,
			  t->lane->endpoint, it->try, a->status, (unsigned long long)t->took_ms);
	else
		log_warn(j->log, "event.not_posted",
			 "event=%s endpoint=%s try=%d status=%ld outcome=%s what=%s next=%s "
			 "again_ms=%llu lane=%s",
			 it->event, t->lane->endpoint, it->try, a->status, it->outcome,
			 a->outcome.what, next_of(it->fate), (unsigned long long)it->wait_ms,
			 lane_state_word(t->lane->lane.state));
}

static void decide(struct judge *j, struct post *t, const struct retry_answer *a)
{
	uint64_t rest_ms = lane_ended(&t->lane->lane, t->n, retry_end(a), t->took_ms,
				      retry_asked_ms(a), clock_mono_ms(), &j->jitter);

	t->status = (int)a->status;
	for (int i = 0; i < t->n; i++) {
		struct post_item *it = &t->items[i];
		struct retry_verdict v =
			retry_decide(a, it->try, j->retry_ms, j->n_retries, &j->jitter);

		if (!it->is_kept)
			v = (struct retry_verdict){ .fate = RECEIPT_DEAD, .word = "not_kept" };
		it->fate = v.fate;
		it->wait_ms = v.wait_ms > rest_ms ? v.wait_ms : rest_ms;
		it->outcome = v.word;
		if (v.fate == RECEIPT_DELIVERED)
			t->is_ok = true;
		else
			t->failed_with = v.word;
		say(j, t, it, a);
	}
}

void judge_answered(struct judge *j, struct post *t)
{
	const struct http_request *r = &t->req;
	const struct retry_answer a = { r->outcome, r->status, r->retry_after_s };

	t->took_ms = r->took_ms;
	if (r->status)
		text_printable(t->detail, sizeof(t->detail),
			       (struct text){ (const char *)r->answer.data, r->answer.len });
	else
		(void)snprintf(t->detail, sizeof(t->detail), "%s: %s", r->outcome.what,
			       r->outcome.said);
	decide(j, t, &a);
}

void judge_unsent(struct judge *j, struct post *t, const char *what)
{
	const struct retry_answer a = { .outcome = outcome_of(BLAME_US, what, text_of(what)),
					.retry_after_s = -1 };

	(void)snprintf(t->detail, sizeof(t->detail), "%s", what);
	decide(j, t, &a);
}
