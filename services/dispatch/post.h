#ifndef SERVICES_DISPATCH_POST_H
#define SERVICES_DISPATCH_POST_H

#include "base/io/http_client.h"
#include "base/list.h"
#include "base/rand.h"
#include "base/sign.h"
#include "base/vault.h"
#include "db/delivery.h"
#include "db/receipt.h"
#include "services/dispatch/lanes.h"

/*
 * One post: an event, or a batch of them, made up and signed (Standard Webhooks), until its
 * receipts are kept.
 *
 * A batch is {"type": "events.batch", "timestamp", "data": {"events": [...]}}, each as it would be
 * posted alone; its webhook-id follows from the ids in it.  What failed once goes alone.
 */
#define POST_ANSWER 256           /* bytes of an endpoint's answer in the receipt */
#define POST_BATCH  100           /* events */
#define POST_BODY   (1024 * 1024) /* a batch is closed when it passes this: events have some KB */

struct post_item {
	char event[RAND_UUID], attempt[RAND_UUID];
	int64_t position;
	int try; /* 1, 2, ... */
	enum receipt_fate fate;
	uint64_t wait_ms;
	const char *outcome;
	bool is_kept; /* false: the event is not kept any more, and nothing is sent */
};

struct post {
	struct list link;
	void *owner;
	struct lanes_entry *lane;
	struct http_request req;
	char claim[RAND_UUID];
	struct buf body;
	char h_id[64], h_time[64], h_sign[2 * SIGN_WEBHOOK + 32];
	char detail[POST_ANSWER];
	int64_t started_us;
	int status, receipt_tries;
	uint64_t took_ms;
	bool is_ok;              /* something of it was delivered */
	const char *failed_with; /* static, "" */
	int n;
	struct post_item items[]; /* lane->batch of them */
};

/* Open what a take brought of an endpoint; what does not open is told by `e->broken`. */
void post_secrets(struct lanes_entry *e, const struct vault *v, const struct delivery_endpoint *of);

struct post *post_new(struct lanes_entry *e, const char *claim);
void post_free(struct post *t);
/* May this one go along?  Not if one of them is a second try. */
bool post_has_room(const struct post *t, const struct delivery_due *d);
void post_add(struct post *t, const struct delivery_due *d);
/* Nothing more: signed, and t->req is filled in but for its timeout. */
void post_close(struct post *t);

/* Receipt `i` of it; borrows from `t`. */
void post_receipt(const struct post *t, int i, struct receipt *ret);

#endif
