#include "ingest/pass.h"

void pass_given(struct pass *p, const struct token_answer *a)
{
	p->version = a->version;
	p->expires_at = a->expires_at;
	p->is_password = a->is_password;
}

void pass_used(struct pass *p)
{
	p->refused_version = 0;
	p->doubts = 0;
}

void pass_refused(struct pass *p, int64_t version)
{
	if (version > p->refused_version)
		p->refused_version = version;
}

bool pass_was_fresh(const struct pass *p)
{
	return p->refused_version != 0;
}

uint64_t pass_left_ms(const struct pass *p, int64_t now_s)
{
	if (p->is_password || p->expires_at == INT64_MAX)
		return UINT64_MAX;
	return p->expires_at > now_s ? (uint64_t)(p->expires_at - now_s) * 1000 : 0;
}
