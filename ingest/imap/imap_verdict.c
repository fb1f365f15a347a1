#include "ingest/imap/imap_verdict.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define GREETING (1u << IMAP_PHASE_GREETING)
#define LOGIN    (1u << IMAP_PHASE_LOGIN)
#define COMMAND  (1u << IMAP_PHASE_COMMAND)
#define IDLE     (1u << IMAP_PHASE_IDLE)
#define EVER     (GREETING | LOGIN | COMMAND | IDLE)

#define AUTH    BLAME_AUTH
#define NET     BLAME_NET
#define REFUSED BLAME_REFUSED
#define US      BLAME_US

/*
 * The first row that fits decides.  A row fits when we were in one of its
 * phases, the code is its code (NULL: any, also none), and its words are
 * somewhere in what was said (NULL: whatever was said).
 *
 * Words that speak of limits come before the codes: Gmail puts "too many
 * connections" behind ALERT, and others put rate limits behind
 * AUTHENTICATIONFAILED; neither says anything about the credential.
 */
static const struct {
	unsigned phases;
	const char *code, *words;
	enum blame blame;
	enum imap_remedy remedy;
	uint64_t backoff_ms;
	const char *what;
} rows[] = {
	/* their limits */
	{ EVER, NULL, "throttled", REFUSED, IMAP_REMEDY_WAIT, 5 * MINUTE, "throttled" },
	{ EVER, NULL, "too many simultaneous connections", REFUSED, IMAP_REMEDY_WAIT, 2 * MINUTE,
	  "too many connections" },
	{ EVER, NULL, "maximum number of connections", REFUSED, IMAP_REMEDY_WAIT, 2 * MINUTE,
	  "too many connections" },
	{ EVER, NULL, "too many connections", REFUSED, IMAP_REMEDY_WAIT, 2 * MINUTE,
	  "too many connections" },
	{ EVER, NULL, "bandwidth limits", REFUSED, IMAP_REMEDY_WAIT, 4 * HOUR,
	  "bandwidth limit passed" },
	{ EVER, NULL, "rate limit", REFUSED, IMAP_REMEDY_WAIT, 30 * MINUTE, "login rate limit" },
	{ EVER, NULL, "too many bad auth attempts", REFUSED, IMAP_REMEDY_WAIT, 30 * MINUTE,
	  "login rate limit" },
	{ EVER, NULL, "too many login failures", REFUSED, IMAP_REMEDY_WAIT, 30 * MINUTE,
	  "login rate limit" },
	{ EVER, "LIMIT", NULL, REFUSED, IMAP_REMEDY_WAIT, 15 * MINUTE, "limit of the server" },
	{ EVER, "OVERQUOTA", NULL, REFUSED, IMAP_REMEDY_WAIT, 4 * HOUR, "over quota" },
	{ EVER, "INUSE", NULL, REFUSED, IMAP_REMEDY_WAIT, MINUTE, "mailbox in use" },

	/* Exchange: logged in, but no mailbox behind it; says nothing about the token */
	{ EVER, NULL, "authenticated but not connected", REFUSED, IMAP_REMEDY_WAIT, 10 * MINUTE,
	  "authenticated but not connected" },
	{ EVER, NULL, "accesstokenexpired", NET, IMAP_REMEDY_FRESH_TOKEN, 0, "session expired" },
	{ EVER, NULL, "session expired", NET, IMAP_REMEDY_RETRY, 0, "session expired" },
	{ EVER, NULL, "command received in invalid state", NET, IMAP_REMEDY_RETRY, 0,
	  "session invalidated" },
	{ EVER, NULL, "server unavailable", REFUSED, IMAP_REMEDY_WAIT, MINUTE,
	  "server unavailable" },

	/*
	 * Only a person helps.  What is quoted was seen: Gmail "Application-specific password
	 * required" (mutt-wizard issue 831), "Please log in via your web browser" behind WEBALERT
	 * (mailcore2 issue 876); Mail.ru "NEOBHODIM parol prilozheniya ... / Application password
	 * is REQUIRED" (thunderbird-android issue 9069, with a letter less); QQ "Please enter your
	 * authorization code to login" (gshang2017/docker issue 18, qqbot issue 139); Exchange
	 * Online "Basic authentication is disabled." (uxc issue 445), where older ones say no more
	 * than "LOGIN failed."; Yandex's one sentence for both (its documentation).
	 */
	{ EVER, "WEBALERT", NULL, AUTH, IMAP_REMEDY_USER, 0, "login in a browser required" },
	{ LOGIN, NULL, "basic auth", AUTH, IMAP_REMEDY_USER, 0, "password login ended" },
	{ LOGIN, NULL, "basicauth", AUTH, IMAP_REMEDY_USER, 0, "password login ended" },
	{ LOGIN, NULL, "legacy authentication", AUTH, IMAP_REMEDY_USER, 0, "password login ended" },
	{ LOGIN, NULL, "conditional access", AUTH, IMAP_REMEDY_ADMIN, 0, "blocked by a policy" },
	{ LOGIN, NULL, "blocked by policy", AUTH, IMAP_REMEDY_ADMIN, 0, "blocked by a policy" },
	{ LOGIN, NULL, "administrator policy", AUTH, IMAP_REMEDY_ADMIN, 0, "blocked by a policy" },
	/* Of a token it is the first half that is worth a try. */
	{ LOGIN, NULL, "credentials or imap is disabled", AUTH, IMAP_REMEDY_FRESH_TOKEN, 0,
	  "login refused or imap switched off" },
	{ LOGIN, NULL, "web login required", AUTH, IMAP_REMEDY_USER, 0,
	  "login in a browser required" },
	{ LOGIN, NULL, "via your web browser", AUTH, IMAP_REMEDY_USER, 0,
	  "login in a browser required" },
	{ LOGIN, NULL, "less secure app", AUTH, IMAP_REMEDY_USER, 0,
	  "login in a browser required" },
	{ LOGIN, NULL, "application-specific password", AUTH, IMAP_REMEDY_USER, 0,
	  "app password required" },
	{ LOGIN, NULL, "app-specific password", AUTH, IMAP_REMEDY_USER, 0,
	  "app password required" },
	{ LOGIN, NULL, "app password", AUTH, IMAP_REMEDY_USER, 0, "app password required" },
	{ LOGIN, NULL, "plication password", AUTH, IMAP_REMEDY_USER, 0, "app password required" },
	{ LOGIN, NULL, "parol prilozheniya", AUTH, IMAP_REMEDY_USER, 0, "app password required" },
	{ LOGIN, NULL, "authorization code", AUTH, IMAP_REMEDY_USER, 0, "app password required" },
	{ LOGIN, NULL, "authorized code", AUTH, IMAP_REMEDY_USER, 0, "app password required" },
	{ LOGIN, NULL, "two-factor", AUTH, IMAP_REMEDY_USER, 0, "app password required" },
	{ LOGIN, NULL, "second factor", AUTH, IMAP_REMEDY_USER, 0, "app password required" },
	{ LOGIN, NULL, "disabled for your domain", AUTH, IMAP_REMEDY_ADMIN, 0,
	  "imap switched off for the domain" },
	{ LOGIN, NULL, "lookup failed", AUTH, IMAP_REMEDY_ADMIN, 0,
	  "imap switched off for the domain" },
	{ LOGIN, NULL, "yet to enable imap", AUTH, IMAP_REMEDY_USER, 0, "imap switched off" },
	{ LOGIN, NULL, "not enabled for imap", AUTH, IMAP_REMEDY_USER, 0, "imap switched off" },
	{ LOGIN, NULL, "imap is disabled", AUTH, IMAP_REMEDY_USER, 0, "imap switched off" },
	{ LOGIN, NULL, "imap access is disabled", AUTH, IMAP_REMEDY_USER, 0, "imap switched off" },

	/* our side */
	{ LOGIN, NULL, "invalid_request", US, IMAP_REMEDY_OURS, 0, "oauth login malformed" },
	{ EVER, "PRIVACYREQUIRED", NULL, US, IMAP_REMEDY_OURS, 0, "tls required" },
	{ EVER, NULL, "unsafe login", US, IMAP_REMEDY_OURS, 0, "server wants ID" },
	{ COMMAND | IDLE, "CLIENTBUG", NULL, US, IMAP_REMEDY_SKIP, 0, "client bug" },
	{ EVER, "CLIENTBUG", NULL, US, IMAP_REMEDY_OURS, 0, "client bug" },

	/* RFC 5530 */
	{ COMMAND, "UNAVAILABLE", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "unavailable" },
	{ EVER, "UNAVAILABLE", NULL, REFUSED, IMAP_REMEDY_WAIT, MINUTE, "unavailable" },
	{ LOGIN, NULL, "temporary", REFUSED, IMAP_REMEDY_WAIT, MINUTE, "temporary failure" },
	{ LOGIN, NULL, "try again later", REFUSED, IMAP_REMEDY_WAIT, MINUTE, "temporary failure" },
	{ LOGIN, NULL, "internal error", REFUSED, IMAP_REMEDY_WAIT, MINUTE, "temporary failure" },
	{ LOGIN, "SERVERBUG", NULL, REFUSED, IMAP_REMEDY_WAIT, MINUTE, "server bug" },
	{ EVER, "SERVERBUG", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "server bug" },
	{ LOGIN, "CORRUPTION", NULL, REFUSED, IMAP_REMEDY_WAIT, 5 * MINUTE, "mailbox corrupted" },
	{ EVER, "CORRUPTION", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "mailbox corrupted" },
	{ EVER, "AUTHENTICATIONFAILED", NULL, AUTH, IMAP_REMEDY_FRESH_TOKEN, 0, "login refused" },
	{ EVER, "EXPIRED", NULL, AUTH, IMAP_REMEDY_FRESH_TOKEN, 0, "credential expired" },
	{ EVER, "AUTHORIZATIONFAILED", NULL, AUTH, IMAP_REMEDY_ADMIN, 0, "not authorized" },
	{ LOGIN, "NOPERM", NULL, AUTH, IMAP_REMEDY_ADMIN, 0, "no permission" },
	{ COMMAND, "NONEXISTENT", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "no such folder" },
	{ COMMAND, "TRYCREATE", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "no such folder" },
	{ COMMAND, "NOPERM", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "no permission" },
	{ COMMAND, "CANNOT", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "cannot ever be done" },
	{ COMMAND, "EXPUNGEISSUED", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "mails have gone" },
	/* RFC 5465 section 5.8, RFC 9738 section 3.1, RFC 9586 section 3, RFC 3516 section 4.3 */
	{ COMMAND, "NOTIFICATIONOVERFLOW", NULL, REFUSED, IMAP_REMEDY_SKIP, 0,
	  "too much to tell of" },
	{ COMMAND, "BADEVENT", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "event not told of" },
	{ COMMAND, "MESSAGELIMIT", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "too many mails at once" },
	{ COMMAND, "UIDREQUIRED", NULL, US, IMAP_REMEDY_OURS, 0, "mail named by number" },
	{ COMMAND, "UNKNOWN-CTE", NULL, REFUSED, IMAP_REMEDY_SKIP, 0, "part cannot be decoded" },
	{ EVER, "CONTACTADMIN", NULL, AUTH, IMAP_REMEDY_ADMIN, 0, "administrator must help" },
};

/* When no row fits. */
static struct imap_verdict otherwise(enum imap_phase phase, enum imap_condition condition,
				     struct text said)
{
	bool is_login = phase == IMAP_PHASE_LOGIN;

	switch (condition) {
	case IMAP_CONDITION_OK:
	case IMAP_CONDITION_PREAUTH:
		break;
	case IMAP_CONDITION_NO:
		if (is_login)
			/* Exchange says no more than "AUTHENTICATE failed." for a stale token */
			return (struct imap_verdict){ outcome_of(AUTH, "login refused", said),
						      IMAP_REMEDY_FRESH_TOKEN, 0 };
		return (struct imap_verdict){ outcome_of(REFUSED, "command refused", said),
					      IMAP_REMEDY_SKIP, 0 };
	case IMAP_CONDITION_BAD:
		if (is_login)
			/* Exchange: "BAD Command Error. 10" for an expired token */
			return (struct imap_verdict){ outcome_of(AUTH, "login not understood",
								 said),
						      IMAP_REMEDY_FRESH_TOKEN, 0 };
		return (struct imap_verdict){ outcome_of(US, "command not understood", said),
					      IMAP_REMEDY_OURS, 0 };
	case IMAP_CONDITION_BYE:
		if (phase == IMAP_PHASE_GREETING || is_login)
			return (struct imap_verdict){ outcome_of(REFUSED, "turned away", said),
						      IMAP_REMEDY_WAIT, MINUTE };
		return (struct imap_verdict){ outcome_of(NET, "session ended by the server", said),
					      IMAP_REMEDY_RETRY, 0 };
	}
	return (struct imap_verdict){ OUTCOME_OK, IMAP_REMEDY_NONE, 0 };
}

/* Exchange: "Request is throttled. Suggested Backoff Time: 92415 milliseconds" */
static uint64_t suggested_ms(struct text said, uint64_t or_else)
{
	struct text words = TEXT("backoff time:"), number, rest;
	size_t at = text_ifind(said, words);
	uint64_t ms;

	if (at == SIZE_MAX)
		return or_else;
	rest = text_trim(text_sub(said, at + words.len, SIZE_MAX));
	text_cut(rest, ' ', &number, &rest);
	if (text_u64(number, 24 * HOUR, &ms) < 0)
		return or_else;
	return ms;
}

struct imap_verdict imap_verdict_of(enum imap_phase phase, enum imap_condition condition,
				    struct text code, struct text said)
{
	if (condition == IMAP_CONDITION_OK || condition == IMAP_CONDITION_PREAUTH)
		return otherwise(phase, condition, said);
	for (size_t i = 0; i < countof(rows); i++) {
		if (!(rows[i].phases & 1u << phase))
			continue;
		if (rows[i].code && !text_ieq(code, text_of(rows[i].code)))
			continue;
		if (rows[i].words && text_ifind(said, text_of(rows[i].words)) == SIZE_MAX)
			continue;
		return (struct imap_verdict){
			.outcome = outcome_of(rows[i].blame, rows[i].what, said),
			.remedy = rows[i].remedy,
			.backoff_ms = suggested_ms(said, rows[i].backoff_ms),
		};
	}
	return otherwise(phase, condition, said);
}

const char *imap_verdict_remedy_name(enum imap_remedy remedy)
{
	switch (remedy) {
	case IMAP_REMEDY_NONE:
		return "none";
	case IMAP_REMEDY_RETRY:
		return "retry";
	case IMAP_REMEDY_WAIT:
		return "wait";
	case IMAP_REMEDY_FRESH_TOKEN:
		return "fresh_token";
	case IMAP_REMEDY_USER:
		return "user";
	case IMAP_REMEDY_ADMIN:
		return "admin";
	case IMAP_REMEDY_SKIP:
		return "skip";
	case IMAP_REMEDY_OURS:
		return "ours";
	}
	return "unknown";
}
