/*
 * CURLOPT_CONNECT_ONLY ends behind the login, without QUIT: curl would wait for
 * its answer with the loop standing still.
 */
#include "base/io/mail_probe.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "base/io/curl_loop.h"
#include "base/limits.h"
#include "base/mem.h"

struct mail_probe_transfer {
	struct curl_transfer curl;
	struct mail_probe *probe;
	size_t heard; /* bytes of all lines */
	bool is_in;   /* 235 was said */
	bool is_too_long;
	char said[160]; /* the last refusal, printable */
};

static size_t on_line(char *line, size_t one, size_t n, void *transfer);
static void on_over(struct curl_transfer *curl, CURLcode code);
static void on_dropped(struct curl_transfer *curl);

/* Every line of the dialogue, not those of a body: there is none. */
/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type for it */
static size_t on_line(char *line, size_t one, size_t n, void *transfer)
{
	struct mail_probe_transfer *t = transfer;
	struct text said = text_trim((struct text){ line, one * n });

	t->heard += one * n;
	t->is_too_long = t->heard > LIMIT_MAIL_PROBE;
	if (text_istarts(said, TEXT("235")))
		t->is_in = true;
	if (said.len > 3 && (said.at[0] == '4' || said.at[0] == '5') && said.at[1] >= '0' &&
	    said.at[1] <= '9')
		text_printable(t->said, sizeof(t->said), said);
	return t->is_too_long ? 0 : one * n;
}

static void transfer_free(struct mail_probe_transfer *t)
{
	t->probe->transfer = NULL;
	curl_loop_end(&t->curl);
	secret_wipe(t->said, sizeof(t->said));
	free(t);
}

static void on_dropped(struct curl_transfer *curl)
{
	transfer_free(container_of(curl, struct mail_probe_transfer, curl));
}

static struct outcome outcome_of_probe(struct mail_probe_transfer *t, CURLcode code)
{
	bool is_login = t->probe->protocol == MAIL_PROBE_SMTP;
	struct outcome o;

	if (t->is_too_long)
		return outcome_of(BLAME_PEER, "answer too long", TEXT(""));
	/* Without any AUTH curl goes on without a word; without one that we may use it gives up. */
	if (is_login &&
	    ((code == CURLE_OK && !t->is_in) || (code == CURLE_LOGIN_DENIED && !t->said[0])))
		return outcome_of(BLAME_LACKS, "login",
				  TEXT("no login is offered that we may use"));
	if (code == CURLE_OK)
		return OUTCOME_OK;
	o = curl_loop_outcome(&t->curl, code, "mail probe", "mail protocol");
	if (t->said[0] && (o.blame == BLAME_AUTH || o.blame == BLAME_PEER))
		o = outcome_of(o.blame, o.what, text_of(t->said));
	if (t->probe->credential) /* some repeat what they refuse */
		secret_blank(o.said, t->probe->credential);
	return o;
}

static void on_over(struct curl_transfer *curl, CURLcode code)
{
	struct mail_probe_transfer *t = container_of(curl, struct mail_probe_transfer, curl);
	struct mail_probe *p = t->probe;

	p->outcome = outcome_of_probe(t, code);
	transfer_free(t);
	p->done(p);
}

static bool is_clean(const struct secret *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->data[i] < ' ' || s->data[i] == 0x7f)
			return false;
	return s->len > 0;
}

static bool is_good(const struct mail_probe *p)
{
	if (!p->host || !hostname_is_sane(text_of(p->host)) || !p->port)
		return false;
	return p->protocol == MAIL_PROBE_IMAP ||
	       (p->user && *p->user && p->credential && is_clean(p->credential));
}

static void set_login(CURL *e, const struct mail_probe *p)
{
	(void)curl_easy_setopt(e, CURLOPT_SASL_IR, 1L);
	(void)curl_easy_setopt(e, CURLOPT_USERNAME, p->user);
	(void)curl_easy_setopt(e, p->is_token ? CURLOPT_XOAUTH2_BEARER : CURLOPT_PASSWORD,
			       secret_text(p->credential));
	(void)curl_easy_setopt(e, CURLOPT_LOGIN_OPTIONS,
			       p->is_token ? "AUTH=OAUTHBEARER;AUTH=XOAUTH2"
					   : "AUTH=PLAIN;AUTH=LOGIN");
}

int mail_probe_start(struct http_client *c, struct mail_probe *p,
		     void (*done)(struct mail_probe *p))
{
	static const char *const schemes[2][2] = { { "smtps", "smtp" }, { "imaps", "imap" } };
	struct mail_probe_transfer *t;
	bool is_v6;
	char url[LIMIT_CONN_HOST + 32];
	CURL *e;

	if (!is_good(p))
		return -EINVAL;
	assert(!p->transfer);
	is_v6 = strchr(p->host, ':') && p->host[0] != '[';
	(void)snprintf(url, sizeof(url), "%s://%s%s%s:%u", schemes[p->protocol][p->is_starttls],
		       is_v6 ? "[" : "", p->host, is_v6 ? "]" : "", p->port);
	t = mem_new(sizeof(*t));
	t->curl.over = on_over;
	t->curl.dropped = on_dropped;
	t->probe = p;
	p->transfer = t;
	p->done = done;
	p->outcome = OUTCOME_OK;
	curl_loop_begin(http_client_curl(c), &t->curl, "smtp,smtps,imap,imaps",
			p->timeout_ms ? p->timeout_ms : LIMIT_HTTP_TIMEOUT_MS);
	e = t->curl.easy;
	(void)curl_easy_setopt(e, CURLOPT_URL, url);
	(void)curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(e, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_line);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	if (p->protocol == MAIL_PROBE_SMTP)
		set_login(e, p);
	curl_loop_go(&t->curl);
	return 0;
}

void mail_probe_cancel(struct mail_probe *p)
{
	if (p->transfer)
		transfer_free(p->transfer);
}
