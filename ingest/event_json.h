#ifndef INGEST_EVENT_JSON_H
#define INGEST_EVENT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "ingest/classify/classify.h"

/*
 * What the log says about a mail, as docs/interfaces.md has it: JSON texts,
 * made here and nowhere else.  Pure.  All strings must be UTF-8; every text that
 * is returned is the caller's to free().
 */
struct event_json_match {
	const char *outbound, *inbox; /* uuid */
	const char *sequence, *step, *prospect, *address, *message_id;
	const char *method;   /* "in_reply_to" */
	const char *relation; /* "colleague": match_relation_name() */
	double confidence;
	const char *evidence;
};

/* The list that is kept with a message; strongest first. */
char *event_json_matches(const struct event_json_match *at, size_t n);
/* Members of the event that come from them: prospect, sequence, step and outbound of the strongest,
 * and what is shown of each. */
char *event_json_about(const struct event_json_match *at, size_t n);
/* The prospects that they name, each once, in their order; at most `max`.  Each is the caller's to
 * free(). */
size_t event_json_prospects(const struct event_json_match *at, size_t n, char **ret, size_t max);

/* Such a list as it was kept; borrows from `doc`.  What is no list is an empty one. */
struct event_json_list {
	json_t *doc;
	struct event_json_match at[LIMIT_MATCHES];
	size_t n;
};
void event_json_list_read(const char *matches, struct event_json_list *ret);
void event_json_list_clear(struct event_json_list *l);

/* [{rule, source, text}] */
char *event_json_evidence(const struct classify_verdict *v);

struct event_json_mail {
	const char *about;    /* from event_json_about() */
	const char *evidence; /* from event_json_evidence() */
	const char *inbox, *inbox_address, *folder_role;
	const char *message, *header_message_id, *from, *subject, *snippet;
	const char *original_message_id; /* of the mail that a report is about; NULL: not named */
	int64_t received_us, detected_us, gated_us, ingested_us;
	const struct classify_verdict *verdict;
	int level;
	const char *reason;
	bool recovered;
	const char *text_unavailable; /* why: "gone", "set_aside", "refused"; NULL: it is there */
};
/* The data of the event.  prospect.seq and the final gate are filled in by the transaction that
 * knows them.  NULL: a text is not UTF-8. */
char *event_json_mail(const struct event_json_mail *m);

/* The data of outbound.manual, for one prospect; its seq is filled in as above. */
struct event_json_manual {
	const char *inbox, *inbox_address, *folder_role;
	const char *message, *header_message_id, *subject;
	int64_t sent_us, detected_us;
	bool recovered;
};
/* `prospect`: of manual_pending.prospects, {key, address, outbound_id, message_id}; borrowed. */
json_t *event_json_manual(const struct event_json_manual *m, const json_t *prospect);

/* The data of inbox.reauth_required. */
char *event_json_inbox(const char *inbox, const char *address, const char *reason,
		       const char *hint);

#endif
