/*
 * An IMAP server for load tests: `imapsim dir=DIR control=SOCKET port=N address=127.0.1.1
 * address=... inboxes=N process=K processes=P outbounds=M folders=F`.
 *
 * Commands over the control socket, one line each, each answered with a line:
 *   stat             what was counted, as JSON
 *   reset            counts and delays begin anew
 *   deliver R S      R mails a second for S seconds, into random watched inboxes
 *   cut | cut cold   close every connection; cold: no ticket is worth anything afterwards
 *   tickets on | off whether connections from now on are given any
 *   quit
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "tests/load/sim_net.h"

struct imapsim {
	struct sim_imap_server server;
	struct sim_net *net;
	struct rand_gen rand;
	bool is_over;
	/* Mails under way. */
	uint64_t rate, total, done;
	int64_t from_us;
};

static void on_command(void *owner, struct text line, struct buf *answer)
{
	struct imapsim *s = owner;
	struct text word, rest, rate, seconds;
	uint64_t per_s = 0, for_s = 0;

	(void)text_cut(line, ' ', &word, &rest);
	if (text_eq(word, TEXT("stat"))) {
		sim_tally_write(&s->server.tally, answer);
		return;
	}
	if (text_eq(word, TEXT("reset"))) {
		sim_tally_reset(&s->server.tally);
	} else if (text_eq(word, TEXT("deliver"))) {
		(void)text_cut(rest, ' ', &rate, &seconds);
		(void)text_u64(rate, 1000000, &per_s);
		(void)text_u64(seconds, 100000, &for_s);
		s->rate = per_s;
		s->total = per_s * for_s;
		s->done = 0;
		s->from_us = clock_unix_us();
	} else if (text_eq(word, TEXT("cut"))) {
		sim_net_cut(s->net, text_eq(rest, TEXT("cold")));
	} else if (text_eq(word, TEXT("tickets"))) {
		sim_net_tickets(s->net, text_eq(rest, TEXT("on")));
	} else if (text_eq(word, TEXT("quit"))) {
		s->is_over = true;
	} else {
		(void)text_add(answer, TEXT("what is that?\n"));
		return;
	}
	(void)text_add(answer, TEXT("ok\n"));
}

/* What is due by now; a process that was not let run makes up for it. */
static void deliver(struct imapsim *s)
{
	int64_t now_us = clock_unix_us();
	uint64_t due = (uint64_t)(now_us - s->from_us) * s->rate / 1000000;

	if (due > s->total)
		due = s->total;
	for (; s->done < due; s->done++) {
		struct sim_box *x = sim_box_deliver(
			&s->server.boxes, rand_gen_below(&s->rand, UINT32_MAX), clock_unix_us());

		if (!x) {
			s->server.tally.skipped++;
			continue;
		}
		s->server.tally.delivered++;
		sim_net_push(s->net, x);
	}
	if (s->done == s->total)
		s->total = 0;
}

static unsigned long number(const char *args[], const char *name)
{
	for (; *args; args++) {
		size_t n = strlen(name);

		if (strncmp(*args, name, n) == 0 && (*args)[n] == '=')
			return strtoul(*args + n + 1, NULL, 10);
	}
	return 0;
}

static const char *word(const char *args[], const char *name)
{
	for (; *args; args++) {
		size_t n = strlen(name);

		if (strncmp(*args, name, n) == 0 && (*args)[n] == '=')
			return *args + n + 1;
	}
	(void)fprintf(stderr, "imapsim: %s=... is missing\n", name);
	exit(64);
}

int main(int argc, char *argv[])
{
	const char **args = mem_new(((size_t)argc + 1) * sizeof(char *));
	static struct imapsim s; /* a million delays are no guest of the stack */

	for (int i = 1; i < argc; i++)
		args[i - 1] = argv[i];
	(void)signal(SIGPIPE, SIG_IGN);
	rand_gen_seed(&s.rand, number(args, "process") + 1);
	s.server.folders = (unsigned)number(args, "folders");
	sim_box_init(&s.server.boxes, (uint32_t)number(args, "inboxes"),
		     (uint32_t)number(args, "process"), (uint32_t)number(args, "processes"),
		     (uint32_t)number(args, "outbounds"));
	s.net = sim_net_open(&s.server, word(args, "dir"));
	for (int i = 0; args[i]; i++)
		if (strncmp(args[i], "address=", strlen("address=")) == 0)
			sim_net_listen(s.net, args[i] + strlen("address="),
				       (uint16_t)number(args, "port"));
	sim_net_control(s.net, word(args, "control"), on_command, &s);
	(void)printf("ready\n");
	(void)fflush(stdout);
	while (!s.is_over) {
		sim_net_turn(s.net, s.total ? 1 : 1000);
		if (s.total)
			deliver(&s);
	}
	free(args);
	return 0;
}
