#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/domain_admin.h"
#include "db/session.h"
#include "services/cli/address_list.h"
#include "services/cli/admin.h"
#include "services/cli/domain_command.h"
#include "services/cli/domain_import.h"
#include "services/domain_offer.h"
#include "services/say.h"
#include "services/words/problem_words.h"

/*
 * `replyd domain import FILE.csv`: what the file names is handed over in portions, one
 * transaction each; the broker and the workers do the rest, whether this command goes on
 * watching them or not.  So it may be stopped and run again at any time: what is connected
 * stays so, what is under way is found again, what failed is tried once more.
 */
#define PORTION  500  /* addresses of one transaction */
#define LOOKED   2000 /* links that are looked at at once: the oldest; workers begin 1000 */
#define LOOK_MS  500
#define STUCK_MS 300000 /* a first login has three minutes */
#define ROUNDS   3      /* of those that the domain's right failed under way, and which came back */
#define BAR      30
#define GONE     "the domain was removed meanwhile"

enum row_state {
	ROW_NEW,
	ROW_UNDER_WAY,
	ROW_CONNECTED,
	ROW_WATCHED, /* it was before */
	ROW_FAILED,
};

struct row {
	const struct address_row *given;
	enum row_state state;
	char link[37], inbox[37];
};

struct import {
	struct session *db;
	const char *domain;
	struct row *rows;
	size_t n, n_of[ROW_FAILED + 1];
	size_t oldest; /* before it all are settled */
	bool as_lines; /* for a program */
	uint64_t moved_ms;
	bool is_refused; /* the domain's right; said once, not by every row */
	char why[256];
};

/* ---- what is shown ---- */

static void show_bar(const struct import *m)
{
	size_t done = m->n - m->n_of[ROW_NEW] - m->n_of[ROW_UNDER_WAY];
	char bar[BAR + 1];

	if (m->as_lines)
		return;
	for (size_t i = 0; i < BAR; i++)
		bar[i] = i * m->n < done * BAR ? '#' : '.';
	bar[BAR] = '\0';
	printf("\r\033[K[%s] %zu of %zu: %zu connected, %zu not", bar, done, m->n,
	       m->n_of[ROW_CONNECTED] + m->n_of[ROW_WATCHED], m->n_of[ROW_FAILED]);
	(void)fflush(stdout);
}

static void print_line(json_t *j)
{
	cleanup_free char *text = json_dumps(j, JSON_COMPACT);

	puts(text ? text : "{}");
	(void)fflush(stdout);
	json_decref(j);
}

/* One line of the file, for a program; `w` NULL: nothing is wrong with it. */
static void print_row(const struct row *r, const char *result, const char *problem,
		      const struct problem_said *w, const char *detail)
{
	json_t *j = json_object();

	json_put_int(j, "line", r->given->line);
	json_put_text(j, "address", text_of(r->given->address));
	json_put_text(j, "result", text_of(result));
	if (r->inbox[0])
		json_put_text(j, "inbox_id", text_of(r->inbox));
	if (w) {
		json_put_text(j, "problem", text_of(problem));
		json_put_text(j, "words", text_of(*w->words ? w->words : w->title));
		json_put_text(j, "remedy", text_of(w->remedy));
		json_put_text(j, "detail", text_of(detail));
	}
	print_line(j);
}

static void show_failed(const struct import *m, const struct row *r, const char *problem,
			const struct problem_said *w, const char *detail)
{
	if (m->as_lines) {
		print_row(r, "failed", problem, w, detail);
		return;
	}
	printf("\r\033[Kline %u: %s: %s. %s%s%s%s\n", r->given->line, r->given->address, w->title,
	       w->remedy, *detail ? " (" : "", detail, *detail ? ")" : "");
}

static void settle(struct import *m, struct row *r, enum row_state state)
{
	m->n_of[r->state]--;
	m->n_of[state]++;
	r->state = state;
	m->moved_ms = clock_mono_ms();
	if (!m->as_lines)
		return;
	if (state == ROW_CONNECTED)
		print_row(r, "connected", "", NULL, "");
	else if (state == ROW_WATCHED)
		print_row(r, "repeated", "", NULL, "");
}

static void fail(struct import *m, struct row *r, const char *problem, const char *detail)
{
	/* All of the domain's mailboxes wait for one thing, which is said once. */
	if (strcmp(problem, "domain_grant") == 0) {
		m->is_refused = true;
		m->n_of[r->state]--;
		m->n_of[r->state = ROW_NEW]++;
		return;
	}
	settle(m, r, ROW_FAILED);
	show_failed(m, r, problem, &problem_words_of(text_of(problem))->in[WORDS_EN], detail);
}

/* ---- the file ---- */

static int read_file(const char *name, struct buf *ret)
{
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
	char block[65536], why[512];
	size_t n;
	int error = f ? 0 : errno;
	bool fits = true;

	while (error == 0 && fits && (n = fread(block, 1, sizeof(block), f)) > 0)
		fits = buf_add(ret, block, n) == 0;
	if (error == 0 && ferror(f))
		error = EIO;
	if (f && f != stdin)
		(void)fclose(f);
	if (error == 0 && fits)
		return 0;
	(void)snprintf(why, sizeof(why), "%.400s: %s", name,
		       error ? strerror(error) : "is longer than 16 MB; cut it into several");
	return say(error ? EX_NOINPUT : EX_DATAERR, why);
}

static int read_list(const char *name, struct address_list *ret)
{
	char why[256], line[700];
	struct buf bytes;
	int code;

	buf_init(&bytes, ADDRESS_LIST_BYTES);
	code = read_file(name, &bytes);
	if (code == 0 && address_list_read(ret, (char *)bytes.data, bytes.len, why) < 0) {
		(void)snprintf(line, sizeof(line), "%.400s: %s", name, why);
		code = say(EX_DATAERR, line);
	}
	buf_clear(&bytes);
	return code;
}

/* ---- handed over ---- */

static void take_result(struct import *m, struct row *r, const json_t *said)
{
	const char *result = json_string_value(json_object_get(said, "result"));
	const char *link = json_string_value(json_object_get(said, "connect_link_id"));
	const char *inbox = json_string_value(json_object_get(said, "inbox_id"));

	(void)snprintf(r->inbox, sizeof(r->inbox), "%s", inbox ? inbox : "");
	if (link) {
		(void)snprintf(r->link, sizeof(r->link), "%s", link);
		settle(m, r, ROW_UNDER_WAY);
	} else if (result && strcmp(result, "repeated") == 0) {
		settle(m, r, ROW_WATCHED);
	} else {
		fail(m, r, result ? result : "internal", "");
	}
}

/* Rows of one transaction, from `*at` on.  0; -EIO: `why`; -ENOENT: the domain is gone. */
static int send_portion(struct import *m, const char *places, size_t *at)
{
	cleanup_json json_t *addresses = json_array(), *results = NULL;
	struct row *sent[PORTION];
	cleanup_free char *text = NULL;
	size_t n = 0, i;
	json_t *one;

	for (; *at < m->n && n < PORTION; ++*at) {
		struct row *r = &m->rows[*at];

		if (r->state != ROW_NEW)
			continue;
		sent[n++] = r;
		json_array_append_new(addresses, json_string(r->given->address));
	}
	if (n == 0)
		return 0;
	text = json_dumps(addresses, JSON_COMPACT);
	if (session_query(m->db, domain_admin_sql_import, 3,
			  (const char *const[]){ m->domain, text, places }, m->why) != 0)
		return -EIO;
	if (session_rows(m->db) == 0) {
		(void)snprintf(m->why, sizeof(m->why), GONE);
		return -ENOENT;
	}
	results = json_loads(session_value(m->db, 0, 0), 0, NULL);
	json_array_foreach(results, i, one)
	{
		size_t k = (size_t)json_integer_value(json_object_get(one, "item"));

		if (k < n)
			take_result(m, sent[k], one);
	}
	return session_exec(m->db, "notify replyd_connect", m->why);
}

static char *places_of(const struct settings *ours, const struct options *o)
{
	struct settings theirs;
	bool is_theirs = admin_settings(o, &theirs);
	json_t *all = domain_offer_places(is_theirs ? &theirs : ours);
	char *text = json_dumps(all, JSON_COMPACT);

	json_decref(all);
	if (is_theirs)
		settings_clear(&theirs);
	return text;
}

/* What was not handed over yet, or came back.  0 or an exit code. */
static int send_all(struct import *m, const char *places)
{
	size_t at = 0;
	int r = 0;

	m->oldest = 0;
	for (size_t i = 0; i < m->n; i++) {
		struct row *row = &m->rows[i];
		const struct problem_said said = { "The address cannot be used", "",
						   row->given->bad };

		if (!row->given->bad || row->state != ROW_NEW)
			continue;
		settle(m, row, ROW_FAILED);
		show_failed(m, row, "bad_address", &said, "");
	}
	while (r == 0 && at < m->n) {
		r = send_portion(m, places, &at);
		show_bar(m);
	}
	return r == 0 ? 0 : say(r == -ENOENT ? EX_NOPERM : EX_UNAVAILABLE, m->why);
}

/* ---- watched ---- */

/* A row's link is over, as the session's row `i` says. */
static void take_settled(struct import *m, struct row *r, int i)
{
	(void)snprintf(r->inbox, sizeof(r->inbox), "%s", session_value(m->db, i, 4));
	if (strcmp(session_value(m->db, i, 1), "connected") == 0)
		settle(m, r, ROW_CONNECTED);
	else
		fail(m, r, session_value(m->db, i, 2), session_value(m->db, i, 3));
}

static int look(struct import *m)
{
	cleanup_json json_t *ids = json_array();
	cleanup_free char *text = NULL;
	struct row *asked[LOOKED];
	size_t n = 0;

	while (m->oldest < m->n && m->rows[m->oldest].state != ROW_UNDER_WAY)
		m->oldest++;
	for (size_t i = m->oldest; i < m->n && n < LOOKED; i++) {
		if (m->rows[i].state != ROW_UNDER_WAY)
			continue;
		asked[n++] = &m->rows[i];
		json_array_append_new(ids, json_string(m->rows[i].link));
	}
	text = json_dumps(ids, JSON_COMPACT);
	if (session_query(m->db, domain_admin_sql_settled, 1, (const char *const[]){ text },
			  m->why) != 0)
		return -EIO;
	for (int i = 0; i < session_rows(m->db); i++) {
		size_t k = strtoul(session_value(m->db, i, 0), NULL, 10);

		if (k < n)
			take_settled(m, asked[k], i);
	}
	show_bar(m);
	return 0;
}

/* Is the domain's right still good?  Else what is wrong with it, said once.  0 or an exit code. */
static int check_domain(struct import *m)
{
	cleanup_json json_t *d = NULL;
	const struct problem_said *w;
	const char *state, *code;
	char line[600];

	if (session_query(m->db, domain_admin_sql_show, 1, (const char *const[]){ m->domain },
			  m->why) != 0)
		return say(EX_UNAVAILABLE, m->why);
	if (session_rows(m->db) == 0)
		return say(EX_NOPERM, GONE);
	d = json_loads(session_value(m->db, 0, 0), 0, NULL);
	state = json_string_value(json_object_get(d, "state"));
	m->is_refused = false;
	if (state && strcmp(state, "reauth_required") != 0 && strcmp(state, "failed") != 0)
		return 0;
	code = json_string_value(
		json_object_get(d, state && strcmp(state, "failed") == 0 ? "problem" : "reason"));
	w = &problem_words_of(text_of(code ? code : ""))->in[WORDS_EN];
	if (!m->as_lines)
		putchar('\n');
	(void)snprintf(line, sizeof(line),
		       "the domain itself is refused, and with it all its mailboxes: %s. %s Then "
		       "run this again: it goes on from here",
		       w->title, w->remedy);
	return say(EX_NOPERM, line);
}

static int watch(struct import *m)
{
	uint64_t checked_ms = 0;
	int code = 0;

	m->moved_ms = clock_mono_ms();
	while (code == 0 && (m->n_of[ROW_UNDER_WAY] > 0 || m->is_refused)) {
		uint64_t now_ms = clock_mono_ms();

		if (m->is_refused || now_ms - checked_ms > 2000) {
			code = check_domain(m);
			checked_ms = now_ms;
		}
		if (code == 0 && look(m) < 0)
			code = say(EX_UNAVAILABLE, m->why);
		if (code == 0 && now_ms > m->moved_ms + STUCK_MS)
			code = say(EX_UNAVAILABLE,
				   "nothing has moved for five minutes; see `replyd worker list` "
				   "and run this again, it goes on from here");
		if (code == 0 && m->n_of[ROW_UNDER_WAY] > 0)
			(void)poll(NULL, 0, LOOK_MS);
	}
	return code;
}

/* ---- all of it ---- */

static void sum_up(const struct import *m)
{
	json_t *j;

	if (!m->as_lines) {
		show_bar(m);
		putchar('\n');
		return;
	}
	j = json_object();
	json_put_int(j, "rows", (int64_t)m->n);
	json_put_int(j, "connected", (int64_t)m->n_of[ROW_CONNECTED]);
	json_put_int(j, "repeated", (int64_t)m->n_of[ROW_WATCHED]);
	json_put_int(j, "failed", (int64_t)m->n_of[ROW_FAILED]);
	json_put_int(j, "waiting", (int64_t)(m->n_of[ROW_NEW] + m->n_of[ROW_UNDER_WAY]));
	print_line(j);
}

static int import_all(struct import *m, const struct address_list *l, const char *places)
{
	int code;

	m->n = m->n_of[ROW_NEW] = l->n;
	m->rows = mem_new(l->n * sizeof(*m->rows));
	for (size_t i = 0; i < l->n; i++)
		m->rows[i].given = &l->rows[i];
	code = check_domain(m);
	for (int round = 0; code == 0 && m->n_of[ROW_NEW] > 0 && round < ROUNDS; round++) {
		code = send_all(m, places);
		if (code == 0)
			code = watch(m);
	}
	if (code == 0 && m->n_of[ROW_NEW] > 0)
		code = say(EX_TEMPFAIL,
			   "the domain's right came and went meanwhile, and not all "
			   "addresses were tried; run this again, it goes on from here");
	sum_up(m);
	free(m->rows);
	return code == 0 && m->n_of[ROW_FAILED] > 0 ? EX_DATAERR : code;
}

int domain_import(const struct settings *s, const struct options *o)
{
	const char *name = o->n_words > 2 ? o->words[2] : NULL;
	struct import m = { .as_lines = o->json || !isatty(1) };
	cleanup_json json_t *domain = NULL;
	struct address_list l = { 0 };
	int code = options_want(name, "FILE.csv", "the addresses; - for the standard input");

	if (code == 0 && name)
		code = read_list(name, &l);
	if (code == 0)
		code = domain_command_open(s, o, &m.db, &domain);
	if (code == 0) {
		cleanup_free char *places = places_of(s, o);

		m.domain = json_string_value(json_object_get(domain, "id"));
		code = import_all(&m, &l, places);
		session_close(m.db);
	}
	address_list_clear(&l);
	return code;
}
