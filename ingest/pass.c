#include "ingest/pass.h"

#include "base/mem.h"

static void on_answered(struct token_ask *ask, const struct token_answer *a);

/*
 * The next token is asked for this long before the end of one, or in the last
 * quarter of its life: later than the token desk stops handing out the old one
 * (two minutes), else the old one would come again.
 */
#define AHEAD_MAX_S 100
#define AGAIN_MS    5000
#define USABLE_S    5 /* of its life a token needs for a login */

void pass_init(struct pass *p, const struct token_source *source, const char *workspace,
	       const char *inbox, void *owner,
	       void (*on_answer)(void *owner, const struct token_answer *a))
{
	*p = (struct pass){
		.source = source, .owner = owner, .on_answer = on_answer, .renew_ms = UINT64_MAX
	};
	p->ask.workspace = workspace;
	p->ask.inbox = inbox;
	p->ask.answered = on_answered;
}

void pass_clear(struct pass *p)
{
	p->source->cancel(p->source->owner, &p->ask);
	secret_clear(&p->secret);
	p->state = PASS_NONE;
}

bool pass_is_fresh(const struct pass *p, int64_t now_s)
{
	return p->state == PASS_FRESH &&
	       (p->expires_at == INT64_MAX || p->expires_at - now_s > USABLE_S);
}

int pass_ask(struct pass *p)
{
	p->source->cancel(p->source->owner, &p->ask);
	p->renew_ms = UINT64_MAX;
	p->ask.refused_version = p->refused_version;
	return p->source->ask(p->source->owner, &p->ask);
}

static void on_answered(struct token_ask *ask, const struct token_answer *a)
{
	struct pass *p = container_of(ask, struct pass, ask);

	/* While a connection lives with this very version, it is no news. */
	if (outcome_ok(&a->outcome) && (p->state != PASS_USED || a->version != p->version)) {
		secret_set(&p->secret, a->secret->data, a->secret->len);
		p->is_password = a->is_password;
		p->version = a->version;
		p->expires_at = a->expires_at;
		p->state = PASS_FRESH;
	}
	p->on_answer(p->owner, a);
}

void pass_used(struct pass *p, int64_t now_s, uint64_t now_ms)
{
	int64_t left_s = p->expires_at - now_s, ahead_s = left_s / 4;

	secret_clear(&p->secret);
	p->state = PASS_USED;
	p->refused_version = 0;
	p->renew_ms = UINT64_MAX;
	if (p->is_password || p->expires_at == INT64_MAX)
		return;
	left_s -= ahead_s < AHEAD_MAX_S ? ahead_s : AHEAD_MAX_S;
	p->renew_ms = now_ms + (left_s > 1 ? (uint64_t)left_s * 1000 : 1000);
}

void pass_refused(struct pass *p)
{
	secret_clear(&p->secret);
	p->state = PASS_NONE;
	p->refused_version = p->version;
	p->renew_ms = UINT64_MAX;
}

void pass_over(struct pass *p)
{
	p->renew_ms = UINT64_MAX;
	if (p->state == PASS_USED)
		p->state = PASS_NONE;
}

bool pass_is_due(const struct pass *p, uint64_t now_ms)
{
	return now_ms >= p->renew_ms;
}

void pass_later(struct pass *p, uint64_t now_ms)
{
	p->renew_ms = now_ms + AGAIN_MS;
}
