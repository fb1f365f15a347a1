#ifndef OAUTH_BROKER_ENV_H
#define OAUTH_BROKER_ENV_H

#include "base/list.h"
#include "db/event_id.h"
#include "db/grant_saver.h"
#include "oauth/breaker.h"
#include "oauth/broker.h"

struct broker_verdicts {
	uint64_t n[4]; /* by enum policy_verdict */
};

/*
 * What a broker's jobs share: the ways out, the keys, the providers with their
 * fuses.  Inside the broker only: oauth/broker, its jobs (oauth/broker_job) and its duties.
 */
struct broker_provider {
	const struct oauth_provider *p;
	bool has_secret;
	const struct secret *client_secret;
	struct secret basic_user, basic_password; /* for HTTP Basic */
	struct breaker breaker;
	struct broker_verdicts verdicts; /* of its token endpoint */
	unsigned under_way;              /* refreshes */
};

/* Of rows in PostgreSQL, whatever they are of.  Another broker takes them to be a dead one's at
 * `asked_ms` and broker_env_claim_ms() at the earliest. */
struct broker_claim {
	char id[37];
	uint64_t asked_ms; /* monotonic: before it was committed */
};

struct broker_env {
	struct loop *loop;
	struct broker_params p;
	struct broker_provider *providers;
	struct rand_gen rand;
	struct broker_stats stats;
	struct grant_saver saver;
	struct list jobs;                          /* broker_job */
	unsigned beside;                           /* of them, those that take no slot */
	void (*job_ended)(struct broker_env *env); /* one that took a slot has left `jobs` */
};

/* `p` as given to broker_open(), what it leaves open filled in. */
void broker_env_init(struct broker_env *env, struct loop *l, const struct broker_params *p);
void broker_env_clear(struct broker_env *env);
/* NULL: not configured. */
struct broker_provider *broker_env_provider(struct broker_env *env, const char *name);
uint64_t broker_env_claim_ms(const struct broker_env *env);
/* Fill in a form post to the provider's token endpoint; `body` is borrowed until it is over. */
void broker_env_token_request(const struct broker_env *env, const struct broker_provider *pr,
			      const struct secret *body, struct http_request *ret);
/* Read its answer.  What was `sent` and our client's secret are blanked in the provider's words:
 * some repeat what they refuse, and the words go into logs and to people. */
void broker_env_read(const struct broker_provider *pr, const struct http_request *r,
		     const struct secret *sent, struct grant_answer *ret);
/* Judge its answer, count it, and let the fuse hear of it; logs when it opens. */
void broker_env_judge(struct broker_env *env, struct broker_provider *pr,
		      const struct http_request *r, const struct grant_answer *a,
		      struct policy_answer *ret);
/* Seal for the row of an inbox.  purpose: "access" (keys of the group token), or what only a broker
 * opens: "grant" and others (keys of the group grant). */
void broker_env_seal(const struct broker_env *env, const char *purpose, const char *workspace,
		     const char *inbox, const struct secret *plain, struct buf *ret_box);
/* -ENOKEY: sealed under a master key that this process was not given; -EBADMSG: it does not open.
 */
int broker_env_open(const struct broker_env *env, const char *purpose, const char *workspace,
		    const char *inbox, const void *box, size_t n, struct secret *ret_plain);
/* The id of an event that is told once per version of a grant, whoever tells it.  `of`: the inbox
 * or the domain. */
void broker_env_event(const char *type, const char *workspace, const char *of, int64_t version,
		      char ret[EVENT_ID]);
/* Seconds a token still has, `took_ms` after it was asked for. */
int64_t broker_env_life_s(const struct grant_answer *a, uint64_t took_ms);
/* In how many seconds to refresh an access token that lives `life_s` more, with a refresh token
 * that ends in `refresh_ends_in_s` (0: not said) and would be of no use after that. */
int64_t broker_env_refresh_in(struct broker_env *env, int64_t life_s, int64_t refresh_ends_in_s);

#endif
