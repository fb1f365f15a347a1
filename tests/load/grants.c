/*
 * `grants inboxes=N life=S ahead=S grant=HEX token=HEX`: SQL for psql that fills a fresh database
 * with inboxes whose grants are sealed as a broker seals them: rt.<inbox>.0, and an access token of
 * an age between nothing and the time at which it is due, evenly spread, as a fleet has them that
 * runs since long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/seal.h"

#define PER_WORKSPACE 100
#define WORKSPACE     "10000000-0000-4000-8000-%012x"
#define INBOX         "20000000-0000-4000-8000-%012x"

static const char *word(char *const args[], const char *name)
{
	size_t n = strlen(name);

	for (; *args; args++)
		if (strncmp(*args, name, n) == 0 && (*args)[n] == '=')
			return *args + n + 1;
	(void)fprintf(stderr, "grants: %s=... is missing\n", name);
	exit(64);
}

static unsigned number(char *const args[], const char *name)
{
	return (unsigned)strtoul(word(args, name), NULL, 10);
}

static void key(char *const args[], const char *name, struct secret *ret)
{
	cleanup_buf struct buf bytes = { .max = SEAL_KEY };

	if (text_from_hex(&bytes, text_of(word(args, name))) < 0 || bytes.len != SEAL_KEY) {
		(void)fprintf(stderr, "grants: %s is no key\n", name);
		exit(64);
	}
	secret_set(ret, bytes.data, bytes.len);
}

static unsigned workspace_of(unsigned inbox)
{
	return inbox / PER_WORKSPACE + 1;
}

static void put_box(const struct secret *k, const char *purpose, unsigned n, const char *plain)
{
	char workspace[37], inbox[37];
	cleanup_buf struct buf box = { .max = 512 }, hex = { .max = 1024 };
	cleanup_secret struct secret s = { 0 };

	(void)snprintf(workspace, sizeof(workspace), WORKSPACE, workspace_of(n));
	(void)snprintf(inbox, sizeof(inbox), INBOX, n);
	secret_set_text(&s, text_of(plain));
	if (seal_close(k, 1,
		       &(struct seal_bind){ text_of(purpose), text_of(workspace), text_of(inbox) },
		       &s, &box) < 0 ||
	    text_add_hex(&hex, box.data, box.len) < 0)
		abort();
	(void)printf("\\\\x%s", (const char *)hex.data);
}

static void put_inboxes(unsigned inboxes)
{
	(void)printf("copy workspace (workspace_id, name) from stdin;\n");
	for (unsigned w = 1; w <= workspace_of(inboxes - 1); w++)
		(void)printf(WORKSPACE "\tload-%u\n", w, w);
	(void)printf("\\.\ncopy inbox (workspace_id, inbox_id, address, provider, imap_host, "
		     "imap_port, imap_security, login_name) from stdin;\n");
	for (unsigned n = 0; n < inboxes; n++)
		(void)printf(WORKSPACE "\t" INBOX
				       "\tu%08u@load.example\tload\t127.0.0.1\t993\ttls\t"
				       "u%08u@load.example\n",
			     workspace_of(n), n, n, n);
	(void)printf("\\.\ncopy inbox_state (workspace_id, inbox_id) from stdin;\n");
	for (unsigned n = 0; n < inboxes; n++)
		(void)printf(WORKSPACE "\t" INBOX "\n", workspace_of(n), n);
	(void)printf("\\.\n");
}

static void put_grants(unsigned inboxes, const struct secret *k)
{
	char plain[32];

	(void)printf("copy inbox_grant (workspace_id, inbox_id, kind, sealed) from stdin;\n");
	for (unsigned n = 0; n < inboxes; n++) {
		(void)snprintf(plain, sizeof(plain), "rt.%u.0", n);
		(void)printf(WORKSPACE "\t" INBOX "\toauth\t", workspace_of(n), n);
		put_box(k, "grant", n, plain);
		(void)printf("\n");
	}
	(void)printf("\\.\ncopy access_token (workspace_id, inbox_id, kind, sealed, version) from "
		     "stdin;\n");
}

int main(int argc, char *argv[])
{
	unsigned inboxes = number(argv + 1, "inboxes"), life = number(argv + 1, "life"),
		 ahead = number(argv + 1, "ahead");
	struct secret grant = { 0 }, token = { 0 };
	char plain[32];

	(void)argc;
	key(argv + 1, "grant", &grant);
	key(argv + 1, "token", &token);
	(void)printf("begin;\n");
	put_inboxes(inboxes);
	put_grants(inboxes, &grant);
	for (unsigned n = 0; n < inboxes; n++) {
		(void)snprintf(plain, sizeof(plain), "at.%u.0", n);
		(void)printf(WORKSPACE "\t" INBOX "\toauth\t", workspace_of(n), n);
		put_box(&token, "access", n, plain);
		(void)printf("\t1\n");
	}
	(void)printf("\\.\ncommit;\n"
		     /* due as oauth/policy would have it: `ahead` before the end, or, mostly, up
		      * to a fifth of what lies between that and its half earlier */
		     "update inbox_grant set refresh_due_at = now() + random() *"
		     " make_interval(secs => %u - %u - random() * (%u - %u - %u) / 5),"
		     " forecast_due_at = now() + random() * interval '1 day';\n"
		     "update access_token t set expires_at = g.refresh_due_at"
		     " + make_interval(secs => %u), obtained_at = g.refresh_due_at"
		     " - make_interval(secs => %u - %u) from inbox_grant g"
		     " where g.inbox_id = t.inbox_id;\n"
		     "vacuum analyze;\n",
		     life, ahead, life, ahead, life / 2, ahead, life, ahead);
	secret_clear(&grant);
	secret_clear(&token);
	return 0;
}
