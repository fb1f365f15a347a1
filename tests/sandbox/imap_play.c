#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "ingest/imap/imap_session.h"
#include "tests/ingest/imap_tell.h"

/*
 * imap_play USER PASSWORD WORD...: one IMAP session of ours with a server that
 * stands at standard input and output; what it tells goes to standard error,
 * one event a line, and "# WORD" before what is asked for next:
 *
 *	list  list-status  examine NAME  known UIDVALIDITY/MODSEQ/NAME  notify
 *	idle  end-idle  proof NAME|NAME  status NAME  since  headers  logout
 *	wait KIND     until such an event comes: "EXISTS", "VANISHED"
 *
 * A word is over with its DONE, or, idling, with IDLING; the program with the last.
 */
#define RECV 65536

struct play {
	struct imap_session *session;
	char **words;
	int n, at;
	char *waits_for; /* an event's name at the beginning of its line; NULL: none */
	bool is_over;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void next(struct play *p);

static int prove(struct play *p, struct text names)
{
	struct text side[IMAP_PROOF_SIDES];
	unsigned n = 0;

	while (names.len && n < countof(side))
		text_cut(names, '|', &side[n++], &names);
	return imap_session_proof(p->session, side, n, now_ms());
}

static int examine_known(struct play *p, struct text rest)
{
	struct text uidvalidity, modseq, name;
	uint64_t n = 0;
	struct imap_known known = { 0 };

	text_cut(rest, '/', &uidvalidity, &rest);
	text_cut(rest, '/', &modseq, &name);
	(void)text_u64(uidvalidity, UINT32_MAX, &n);
	known.uidvalidity = (uint32_t)n;
	(void)text_u64(modseq, UINT64_MAX, &n);
	known.modseq = n;
	return imap_session_examine(p->session, name, &known, now_ms());
}

static int ask(struct play *p, struct text verb, struct text rest)
{
	struct imap_session *s = p->session;

	if (text_eq(verb, TEXT("list")))
		return imap_session_list(s, now_ms());
	if (text_eq(verb, TEXT("list-status")))
		return imap_session_list_status(s, now_ms());
	if (text_eq(verb, TEXT("examine")))
		return imap_session_examine(s, rest, NULL, now_ms());
	if (text_eq(verb, TEXT("known")))
		return examine_known(p, rest);
	if (text_eq(verb, TEXT("notify")))
		return imap_session_notify(s, now_ms());
	if (text_eq(verb, TEXT("idle")))
		return imap_session_idle(s, now_ms());
	if (text_eq(verb, TEXT("end-idle")))
		return imap_session_end_idle(s, now_ms());
	if (text_eq(verb, TEXT("proof")))
		return prove(p, rest);
	if (text_eq(verb, TEXT("status")))
		return imap_session_status(s, rest, now_ms());
	if (text_eq(verb, TEXT("since")))
		return imap_session_search_since(s, 1577836800, now_ms());
	if (text_eq(verb, TEXT("headers")))
		return imap_session_fetch_headers(s, 1, UINT32_MAX, now_ms());
	if (text_eq(verb, TEXT("logout")))
		return imap_session_logout(s, now_ms());
	return -ENOSYS;
}

static void next(struct play *p)
{
	struct text verb, rest;
	int r;

	if (p->at == p->n) {
		p->is_over = true;
		return;
	}
	(void)fprintf(stderr, "# %s\n", p->words[p->at]);
	text_cut(text_of(p->words[p->at++]), ' ', &verb, &rest);
	p->waits_for = NULL;
	if (text_eq(verb, TEXT("wait"))) {
		p->waits_for = p->words[p->at - 1] + sizeof("wait ") - 1;
		return;
	}
	r = ask(p, verb, rest);
	if (r < 0) {
		(void)fprintf(stderr, "REFUSED %s\n", strerror(-r));
		next(p);
	}
}

static void heard(struct play *p, const struct imap_event *ev)
{
	struct buf line;

	buf_init(&line, 1 << 24);
	imap_tell_event(&line, ev);
	(void)fputs((const char *)line.data, stderr);
	if (ev->kind == IMAP_EV_BYE || ev->kind == IMAP_EV_FAILED)
		p->is_over = true;
	else if (p->waits_for ? text_istarts(text_of_buf(&line), text_of(p->waits_for))
			      : ev->kind == IMAP_EV_READY || ev->kind == IMAP_EV_DONE ||
					ev->kind == IMAP_EV_IDLING)
		next(p);
	buf_clear(&line);
}

static void write_out(struct play *p)
{
	const uint8_t *at;
	size_t n;

	while ((n = imap_session_send(p->session, &at)) > 0) {
		ssize_t w = write(STDOUT_FILENO, at, n);

		if (w < 0)
			exit(2);
		imap_session_sent(p->session, (size_t)w);
	}
}

static void read_in(struct play *p)
{
	static uint8_t in[RECV];
	ssize_t n = read(STDIN_FILENO, in, sizeof(in));

	if (n <= 0)
		imap_session_eof(p->session, now_ms());
	else
		(void)imap_session_recv(p->session, in, (size_t)n, now_ms());
}

int main(int argc, char **argv)
{
	struct secret password = { NULL, 0 };
	struct imap_params params = { .kind = IMAP_CREDENTIAL_PASSWORD,
				      .credential = &password,
				      .id[0] = { TEXT("name"), TEXT("replyd") } };
	struct play p = { .words = argv + 3, .n = argc - 3 };
	struct imap_event ev;

	if (argc < 3)
		return 2;
	secret_set_text(&password, text_of(argv[2]));
	params.user = text_of(argv[1]);
	p.session = imap_session_new(&params, now_ms());
	secret_clear(&password);
	while (!p.is_over) {
		struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

		if (poll(&fd, 1, 200) > 0)
			read_in(&p);
		imap_session_tick(p.session, now_ms());
		while (!p.is_over && imap_session_next(p.session, &ev))
			heard(&p, &ev);
		write_out(&p);
	}
	imap_session_free(p.session);
	return 0;
}
