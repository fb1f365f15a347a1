#ifndef OAUTH_DEVICE_H
#define OAUTH_DEVICE_H

#include "oauth/connect.h"
#include "oauth/grant.h"

/*
 * Consent on another device (RFC 8628): we show a short code and an address, the person opens
 * that address wherever a browser is, and meanwhile we ask for the tokens again and again.  Pure.
 */
#define DEVICE_INTERVAL_S     5  /* where the provider names none, RFC 8628 section 3.2 */
#define DEVICE_INTERVAL_MAX_S 60 /* the person waits */
#define DEVICE_LIFE_MAX_S     3600

struct device_answer {
	struct secret code;      /* device_code; what the tokens are had with */
	char user_code[64];      /* what the person types */
	char uri[512];           /* where */
	char uri_complete[1024]; /* the same with the code in it; "": none */
	int64_t expires_in_s;
	int interval_s;
};

/*
 * Bodies for the device authorization and the token endpoint; both name the client, whether it
 * proves itself by HTTP Basic too or not.  -ENOBUFS.
 */
int device_ask_body(const struct oauth_provider *p, struct secret *ret);
int device_poll_body(const struct oauth_provider *p, const struct secret *code, struct secret *ret);

/* What the device authorization endpoint answered, RFC 8628 section 3.2.  -EBADMSG: not that. */
int device_read(struct text body, struct device_answer *ret);
void device_answer_clear(struct device_answer *a); /* safe on zeros */

/* What follows from an answer to a poll, RFC 8628 section 3.5. */
enum device_turn {
	DEVICE_PENDING, /* the person is at it: after another interval */
	DEVICE_SLOWER,  /* likewise, and the interval is five seconds longer from now on */
	DEVICE_DECLINED,
	DEVICE_EXPIRED,
	DEVICE_ANSWERED, /* tokens, or an error like any other */
};
enum device_turn device_turn_of(const struct grant_answer *a);

#endif
