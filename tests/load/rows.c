/*
 * `rows inboxes=N processes=P addresses=A outbounds=M port=N digest=HEX token=HEX`: SQL for psql
 * that fills a fresh database with what a fleet of inboxes leaves there: workspaces of a hundred
 * inboxes, leases that nobody holds, app passwords sealed to the workers, outbounds and whom they
 * were sent to; with webhook=HEX url=URL an endpoint of each workspace, too.  Names and numbers as
 * in sim_mail.h; inbox n is served by process n % P.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed.h"
#include "base/mem.h"
#include "base/seal.h"

#define PER_WORKSPACE 100
#define WORKSPACE     "10000000-0000-4000-8000-%012x"
#define INBOX         "20000000-0000-4000-8000-%012x"
#define ENDPOINT      "40000000-0000-4000-8000-%012x"
#define OUTBOUND      "30000000-0000-4000-8000-%08x%04x"

struct rows {
	unsigned inboxes, processes, addresses, outbounds, port;
	struct secret digest, token, webhook;
	const char *url; /* of every endpoint; NULL: there are none */
};

static unsigned workspace_of(unsigned inbox)
{
	return inbox / PER_WORKSPACE + 1;
}

static const char *word_perhaps(char *const args[], const char *name)
{
	size_t n = strlen(name);

	for (; *args; args++)
		if (strncmp(*args, name, n) == 0 && (*args)[n] == '=')
			return *args + n + 1;
	return NULL;
}

static const char *word(char *const args[], const char *name)
{
	const char *found = word_perhaps(args, name);

	if (found)
		return found;
	(void)fprintf(stderr, "rows: %s=... is missing\n", name);
	exit(64);
}

static unsigned number(char *const args[], const char *name)
{
	return (unsigned)strtoul(word(args, name), NULL, 10);
}

static void key(char *const args[], const char *name, struct secret *ret)
{
	cleanup_buf struct buf bytes = { .max = 64 };

	if (text_from_hex(&bytes, text_of(word(args, name))) < 0 || bytes.len != SEAL_KEY) {
		(void)fprintf(stderr, "rows: %s is no key\n", name);
		exit(64);
	}
	secret_set(ret, bytes.data, bytes.len);
}

static void put_inboxes(const struct rows *r)
{
	(void)printf("copy workspace (workspace_id, name) from stdin;\n");
	for (unsigned w = 1; w <= workspace_of(r->inboxes - 1); w++)
		(void)printf(WORKSPACE "\tload-%u\n", w, w);
	(void)printf("\\.\ncopy inbox (workspace_id, inbox_id, address, provider, imap_host, "
		     "imap_port, imap_security, login_name) from stdin;\n");
	for (unsigned n = 0; n < r->inboxes; n++)
		(void)printf(WORKSPACE "\t" INBOX "\tu%08u@load.example\tgeneric\t127.0.%u.%u\t%u\t"
				       "tls\tu%08u@load.example\n",
			     workspace_of(n), n, n, n % r->processes + 1,
			     n / r->processes % r->addresses + 1, r->port, n);
	(void)printf("\\.\ncopy lease (workspace_id, inbox_id) from stdin;\n");
	for (unsigned n = 0; n < r->inboxes; n++)
		(void)printf(WORKSPACE "\t" INBOX "\n", workspace_of(n), n);
	(void)printf("\\.\ncopy inbox_state (workspace_id, inbox_id) from stdin;\n");
	for (unsigned n = 0; n < r->inboxes; n++)
		(void)printf(WORKSPACE "\t" INBOX "\n", workspace_of(n), n);
	(void)printf("\\.\n");
}

static void put_hex(const void *p, size_t n)
{
	struct buf hex = { .max = 4096 };

	(void)text_add_hex(&hex, p, n);
	(void)printf("\\\\x%s", (const char *)hex.data);
	buf_clear(&hex);
}

/* They take every event; what each signs with is known to nobody else. */
static void put_endpoints(const struct rows *r)
{
	cleanup_secret struct secret plain = { 0 };

	secret_set_text(&plain, TEXT("thirty-two bytes that nobody asks"));
	(void)printf("copy endpoint (workspace_id, endpoint_id, url, sealed_secret) from stdin;\n");
	for (unsigned w = 1; w <= workspace_of(r->inboxes - 1); w++) {
		char workspace[40], endpoint[40];
		struct seal_bind bind = { .purpose = TEXT("webhook") };
		cleanup_buf struct buf box = { .max = 1024 };

		(void)snprintf(workspace, sizeof(workspace), WORKSPACE, w);
		(void)snprintf(endpoint, sizeof(endpoint), ENDPOINT, w);
		bind.workspace = text_of(workspace);
		bind.subject = text_of(endpoint);
		if (seal_close(&r->webhook, 1, &bind, &plain, &box) < 0)
			abort();
		(void)printf("%s\t%s\t%s\t", workspace, endpoint, r->url);
		put_hex(box.data, box.len);
		(void)printf("\n");
	}
	(void)printf("\\.\n");
}

static void put_tokens(const struct rows *r)
{
	cleanup_secret struct secret password = { 0 };

	secret_set_text(&password, TEXT("correct-horse-battery"));
	(void)printf("copy access_token (workspace_id, inbox_id, kind, sealed, version) from "
		     "stdin;\n");
	for (unsigned n = 0; n < r->inboxes; n++) {
		char workspace[40], inbox[40];
		struct seal_bind bind = { .purpose = TEXT("access") };
		cleanup_buf struct buf box = { .max = 1024 };

		(void)snprintf(workspace, sizeof(workspace), WORKSPACE, workspace_of(n));
		(void)snprintf(inbox, sizeof(inbox), INBOX, n);
		bind.workspace = text_of(workspace);
		bind.subject = text_of(inbox);
		if (seal_close(&r->token, 1, &bind, &password, &box) < 0)
			abort();
		(void)printf("%s\t%s\tpassword\t", workspace, inbox);
		put_hex(box.data, box.len);
		(void)printf("\t1\n");
	}
	(void)printf("\\.\n");
}

static void put_outbound_keys(const struct rows *r, unsigned n, const char *at)
{
	cleanup_secret struct secret workspace_key = { 0 };
	char workspace[40];

	(void)snprintf(workspace, sizeof(workspace), WORKSPACE, workspace_of(n));
	keyed_workspace_key(&r->digest, text_of(workspace), &workspace_key);
	for (unsigned m = 0; m < r->outbounds; m++) {
		uint8_t digest[KEYED_DIGEST];
		char id[64];

		(void)snprintf(id, sizeof(id), "o%08u.%04u@load.example", n, m);
		keyed_id_digest(&workspace_key, text_of(id), digest);
		(void)printf("%s\t", workspace);
		put_hex(digest, sizeof(digest));
		(void)printf("\t" OUTBOUND "\t%s\t\\\\x00\n", n, m, at);
	}
}

static void put_outbounds(const struct rows *r)
{
	const char *at = "2026-11-01 00:00:00+00";

	(void)printf("copy outbound (workspace_id, outbound_id, created_at, inbox_id, sequence, "
		     "step, prospect_key, prospect_address, message_id, sent_at) from stdin;\n");
	for (unsigned n = 0; n < r->inboxes; n++)
		for (unsigned m = 0; m < r->outbounds; m++)
			(void)printf(WORKSPACE "\t" OUTBOUND "\t%s\t" INBOX "\tq4\t1\tp%08u.%04u\t"
					       "p%08u.%04u@prospect.example\t"
					       "o%08u.%04u@load.example\t%s\n",
				     workspace_of(n), n, m, at, n, n, m, n, m, n, m, at);
	(void)printf("\\.\ncopy outbound_key (workspace_id, digest, outbound_id, "
		     "outbound_created_at, fingerprint) from stdin;\n");
	for (unsigned n = 0; n < r->inboxes; n++)
		put_outbound_keys(r, n, at);
	(void)printf("\\.\ncopy prospect_inbox (workspace_id, prospect_key, inbox_id, "
		     "last_sent_at) from stdin;\n");
	for (unsigned n = 0; n < r->inboxes; n++)
		for (unsigned m = 0; m < r->outbounds; m++)
			(void)printf(WORKSPACE "\tp%08u.%04u\t" INBOX "\t%s\n", workspace_of(n), n,
				     m, n, at);
	(void)printf("\\.\n");
}

int main(int argc, char *argv[])
{
	struct rows r = { 0 };

	(void)argc;
	r.inboxes = number(argv, "inboxes");
	r.processes = number(argv, "processes");
	r.addresses = number(argv, "addresses");
	r.outbounds = number(argv, "outbounds");
	r.port = number(argv, "port");
	key(argv, "digest", &r.digest);
	key(argv, "token", &r.token);
	r.url = word_perhaps(argv, "url");
	if (r.url)
		key(argv, "webhook", &r.webhook);
	if (!r.inboxes || !r.processes || !r.addresses)
		return 64;
	/* Ours alone, and thrown away afterwards: nothing here must survive a crash. */
	(void)printf("begin; set local synchronous_commit = off;\n");
	put_inboxes(&r);
	put_tokens(&r);
	if (r.url)
		put_endpoints(&r);
	put_outbounds(&r);
	(void)printf("commit; analyze;\n");
	secret_clear(&r.digest);
	secret_clear(&r.token);
	secret_clear(&r.webhook);
	return 0;
}
