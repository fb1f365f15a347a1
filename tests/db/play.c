#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/db/play.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/pgtest.h"

static void on_step(void *owner);

static const struct imap_part plain = {
	.type = { "text", 4 }, .subtype = { "plain", 5 }, .charset = { "utf-8", 5 }, .size = 100
};

struct imap_message play_message(const struct play_mail *t)
{
	static struct imap_body body;
	static struct imap_part part;

	part = plain;
	snprintf(part.section, sizeof(part.section), "1");
	body = (struct imap_body){ .parts = &part, .n_parts = 1, .is_partial = t->is_partial };
	return (struct imap_message){
		.uid = t->uid,
		.has = IMAP_HAS_DATE | IMAP_HAS_SIZE | IMAP_HAS_HEADER | IMAP_HAS_BODY,
		.date_unix_s = t->date_s ? t->date_s : clock_unix_s(),
		.size = 500,
		.flags = text_of(t->flags),
		.header = text_of(t->head),
		.is_header_cut = t->is_head_cut,
		.body = &body,
		.gmail_labels = text_of(t->labels),
		.gmail_thrid = t->gmail_thread,
	};
}

static const struct play_mail *told_of(const struct play *p, uint32_t uid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->mails[i].uid == uid)
			return &p->mails[i];
	return NULL;
}

void play_serve(struct play *p)
{
	struct intake_want want;

	while (intake_wants(p->in, &want)) {
		const struct play_mail *t = told_of(p, want.uid);

		if (!t)
			return; /* not given yet */
		if (t->dies)
			(void)raise(SIGKILL);
		intake_part(p->in, want.uid, want.section, text_of(t->text));
	}
}

static void on_step(void *owner)
{
	struct play *p = owner;

	play_serve(p);
	p->is_over = intake_is_over(p->in);
}

bool play_is_over(struct stage *s)
{
	return container_of(s, struct play, s)->is_over;
}

void play_open(struct play *p, const char *database)
{
	*p = (struct play){ .epoch = 1 };
	stage_open(&p->s, database);
	pgtest_exec(p->s.admin, "update inbox set created_at = now() - interval '1 hour'");
	pgtest_exec(p->s.admin,
		    "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
		    "uidvalidity, uid_gated, uid_ingested) values ('" SEED_WS "', '" SEED_A
		    "', '" SEED_FOLDER_A "', 'F', 'F', 'inbox', 7, 0, 0)");
}

void play_begin(struct play *p)
{
	const struct intake_params ip = {
		.pg = p->s.pg,
		.gather = p->s.gather,
		.log = &p->s.log,
		.lease = { SEED_WS, SEED_A, p->epoch },
		.address = "a@example.test",
		.key = &p->s.workspace_key,
		.text_max = 65536,
		.opens_answers = true,
		.manual_grace_ms = 600000,
		.is_careful = p->is_careful,
		.rand = &p->s.rand,
		.owner = p,
		.on_step = on_step,
	};

	p->is_over = false;
	p->in = intake_open(&ip);
}

static const char *tells(struct stage *s)
{
	const struct play *p = container_of(s, struct play, s);

	return p->in ? intake_waiting_for(p->in) : "no batch";
}

static void run(struct play *p, const struct intake_batch *b)
{
	p->s.tells = tells;
	intake_run(p->in, b);
	play_serve(p);
	p->is_over = intake_is_over(p->in);
	if (!p->is_over)
		stage_until_holds(&p->s, play_is_over);
	assert_true(intake_is_over(p->in));
	intake_drop(p->in);
	p->in = NULL;
}

struct intake_batch play_batch(const char *role)
{
	return (struct intake_batch){ .folder = SEED_FOLDER_A,
				      .folder_role = role,
				      .uidvalidity = 7,
				      .proof_us = INT64_MIN,
				      .noticed_us = INT64_MIN };
}

void play_arrive(struct play *p, const char *role, const struct play_mail *mails, size_t n)
{
	struct intake_batch b = play_batch(role);

	p->mails = mails;
	p->n = n;
	play_begin(p);
	for (size_t i = 0; i < n; i++) {
		struct imap_message m = play_message(&mails[i]);

		assert_true(intake_told(p->in, &m, clock_unix_us()));
		b.uid_to = mails[i].uid;
	}
	run(p, &b);
}

void play_again(struct play *p, uint32_t uid, const struct play_mail *t)
{
	struct intake_batch b = play_batch("inbox");

	b.is_again = b.is_recovered = true;
	b.again_uid = uid;
	p->mails = t;
	p->n = t ? 1 : 0;
	play_begin(p);
	if (t) {
		struct imap_message m = play_message(t);

		assert_true(intake_told(p->in, &m, clock_unix_us()));
	}
	run(p, &b);
}

const char *play_value(struct play *p, const char *sql)
{
	return stage_value(&p->s, "%s", sql);
}
