#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/db/imapd.h"

#include "base/io/timer.h"
#include "base/mem.h"
#include "base/text.h"

struct imapd_conn {
	struct list link;
	struct imapd *d;
	uv_tcp_t tcp;
	struct buf in, out;
	uv_write_t write;
	struct timer drip;
	int handles;    /* not closed yet */
	char *hushed;   /* the line that is not answered; NULL: none */
	size_t writing; /* bytes of `out` under way */
	struct imapd_folder *open;
	size_t told; /* mails of it that were announced */
	char idle_tag[16];
	bool is_idling, is_closing;
};

static void let_go(struct imapd_conn *c)
{
	if (--c->handles > 0)
		return;
	buf_clear(&c->in);
	buf_clear(&c->out);
	free(c->hushed);
	free(c);
}

static void on_closed(uv_handle_t *h)
{
	let_go(h->data);
}

static void on_timer_gone(struct timer *t)
{
	let_go(container_of(t, struct imapd_conn, drip));
}

static void cut(struct imapd_conn *c)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	c->d->open--;
	list_remove(&c->link);
	timer_drop(&c->drip, on_timer_gone);
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void send_more(struct imapd_conn *c);

static void on_drip(struct timer *t)
{
	send_more(container_of(t, struct imapd_conn, drip));
}

static void on_written(uv_write_t *w, int status)
{
	struct imapd_conn *c = w->data;

	if (c->is_closing)
		return;
	buf_drop(&c->out, c->writing);
	c->writing = 0;
	if (status < 0)
		cut(c);
	else if (c->d->drip_ms)
		timer_in(&c->drip, c->d->drip_ms);
	else
		send_more(c);
}

static void send_more(struct imapd_conn *c)
{
	uv_buf_t b;

	if (c->writing || !c->out.len || c->is_closing)
		return;
	c->writing = c->d->step && c->out.len > c->d->step ? c->d->step : c->out.len;
	b = uv_buf_init((char *)c->out.data, (unsigned)c->writing);
	c->write.data = c;
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written) < 0)
		cut(c);
}

static void say(struct imapd_conn *c, const char *fmt, ...)
{
	char line[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_add(&c->out, line, (size_t)n);
}

/* ---- commands ---- */

#define CAPS "IMAP4rev1 IDLE SASL-IR AUTH=PLAIN AUTH=XOAUTH2 SPECIAL-USE NAMESPACE ID"

static const char *caps(const struct imapd_conn *c)
{
	return c->d->is_gmail ? CAPS " X-GM-EXT-1" : CAPS;
}

static void date_of(const struct imapd_mail *m, char dst[64])
{
	time_t t = time(NULL) - (m->is_old ? 60 * 86400 : 0);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(dst, 64, "%d-%b-%Y %H:%M:%S +0000", &tm);
}

static void announce(struct imapd_conn *c)
{
	if (!c->open || c->told == c->open->n)
		return;
	c->told = c->open->n;
	say(c, "* %zu EXISTS\r\n", c->told);
}

static bool let_in(struct imapd_conn *c, const char *args)
{
	struct buf plain = { .max = 4096 };
	const char *blank = strrchr(args, ' ');
	bool ok = !c->d->password;

	if (blank && text_from_base64(&plain, text_of(blank + 1)) == 0)
		ok |= memmem(plain.data, plain.len, c->d->password ? c->d->password : "",
			     c->d->password ? strlen(c->d->password) : 0) != NULL;
	buf_clear(&plain);
	c->d->logins += ok;
	return ok;
}

static struct imapd_folder *folder_of(struct imapd *d, const char *args)
{
	for (size_t i = 0; i < d->n_folders; i++)
		if (strstr(args, d->folders[i].name))
			return &d->folders[i];
	(void)fprintf(stderr, "imapd: a folder that nobody was told of: %s\n", args);
	abort();
}

static void examine(struct imapd_conn *c, const char *args)
{
	c->open = folder_of(c->d, args);
	c->told = c->open->n;
	say(c, "* %zu EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %u] v\r\n* OK [UIDNEXT %u] n\r\n",
	    c->open->n, c->open->uidvalidity, c->open->uidnext);
}

static void search(struct imapd_conn *c)
{
	say(c, "* SEARCH");
	for (size_t i = 0; i < c->open->n; i++)
		if (!c->open->mails[i].is_old)
			say(c, " %u", c->open->mails[i].uid);
	say(c, "\r\n");
}

static void fetch_part(struct imapd_conn *c, size_t seq, const struct imapd_mail *m,
		       const char *args)
{
	const char *at = strstr(args, "BODY.PEEK[") + strlen("BODY.PEEK[");
	size_t len = strcspn(at, "]");
	const char *bytes = NULL;

	for (size_t i = 0; i < IMAPD_PARTS; i++)
		if (m->parts[i].section && strlen(m->parts[i].section) == len &&
		    memcmp(m->parts[i].section, at, len) == 0)
			bytes = m->parts[i].bytes;
	if (bytes)
		say(c, "* %zu FETCH (UID %u BODY[%.*s]<0> {%zu}\r\n%s)\r\n", seq, m->uid, (int)len,
		    at, strlen(bytes), bytes);
	else
		say(c, "* %zu FETCH (UID %u BODY[%.*s]<0> NIL)\r\n", seq, m->uid, (int)len, at);
}

static void say_gmail(struct imapd_conn *c, const struct imapd_mail *m, const char *args)
{
	const uint64_t n = imapd_mail_number(m);

	if (!strstr(args, "X-GM-LABELS"))
		return;
	say(c, "X-GM-THRID %" PRIu64 " X-GM-MSGID %" PRIu64 " X-GM-LABELS (%s) ", n, n,
	    m->labels ? m->labels : "");
}

static void fetch(struct imapd_conn *c, const char *args)
{
	char *end, date[64];
	uint32_t from = (uint32_t)strtoul(args, &end, 10), to = from;

	if (*end == ':')
		to = end[1] == '*' ? UINT32_MAX : (uint32_t)strtoul(end + 1, NULL, 10);
	for (size_t i = 0; i < c->told && i < c->open->n; i++) {
		const struct imapd_mail *m = &c->open->mails[i];

		if (m->uid < from || m->uid > to)
			continue;
		if (!strstr(args, "BODYSTRUCTURE")) {
			fetch_part(c, i + 1, m, args);
			continue;
		}
		date_of(m, date);
		say(c, "* %zu FETCH (", i + 1);
		say_gmail(c, m, args);
		say(c,
		    "UID %u INTERNALDATE \"%s\" RFC822.SIZE %zu FLAGS () "
		    "BODYSTRUCTURE %s BODY[HEADER]<0> {%zu}\r\n%s)\r\n",
		    m->uid, date, strlen(m->header) + 100, m->structure, strlen(m->header),
		    m->header);
	}
}

static void status(struct imapd_conn *c, const char *args)
{
	struct imapd_folder *f = folder_of(c->d, args);

	say(c, "* STATUS \"%s\" (MESSAGES %zu UIDNEXT %u UIDVALIDITY %u)\r\n", f->name, f->n,
	    f->uidnext, f->uidvalidity);
}

static void list(struct imapd_conn *c)
{
	if (c->d->is_gmail)
		say(c, "* LIST (\\HasChildren \\Noselect) \"/\" \"[Gmail]\"\r\n");
	for (size_t i = 0; i < c->d->n_folders; i++)
		say(c, "* LIST (%s) \"/\" \"%s\"\r\n", c->d->folders[i].attributes,
		    c->d->folders[i].name);
}

static bool is(const char *line, const char *verb)
{
	return strncmp(line, verb, strlen(verb)) == 0;
}

static void obey(struct imapd_conn *c, const char *tag, const char *line)
{
	char tail[256] = "OK done";

	if (is(line, "AUTHENTICATE") && let_in(c, line))
		snprintf(tail, sizeof(tail), "OK [CAPABILITY %s] in", caps(c));
	else if (is(line, "AUTHENTICATE"))
		snprintf(tail, sizeof(tail), "NO [AUTHENTICATIONFAILED] who are you");
	else if (is(line, "CAPABILITY"))
		say(c, "* CAPABILITY %s\r\n", caps(c));
	else if (is(line, "NAMESPACE"))
		say(c, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	else if (is(line, "LIST"))
		list(c);
	else if (is(line, "EXAMINE"))
		examine(c, line);
	else if (is(line, "UID SEARCH"))
		search(c);
	else if (is(line, "UID FETCH "))
		fetch(c, line + strlen("UID FETCH "));
	else if (is(line, "STATUS"))
		status(c, line);
	else if (is(line, "NOOP") && !c->d->is_deaf)
		announce(c);
	else if (is(line, "LOGOUT"))
		say(c, "* BYE bye\r\n");
	say(c, "%s %s\r\n", tag, tail);
}

static bool is_poisoned(const struct imapd *d, const char *rest)
{
	unsigned from = 0, to = UINT32_MAX;

	if (!d->poison || !strstr(rest, "BODYSTRUCTURE") ||
	    sscanf(rest, "UID FETCH %u:%u", &from, &to) < 1)
		return false;
	if (!strchr(rest, ':'))
		to = from;
	return from <= d->poison && d->poison <= to;
}

static void heard(struct imapd_conn *c, char *line)
{
	struct imapd *d = c->d;
	char *rest = strchr(line, ' ');

	buf_add(&d->said, line, strlen(line));
	buf_add(&d->said, "\n", 1);
	if (d->hush_at && d->hushes > 0 && strstr(line, d->hush_at)) {
		d->hushes--;
		c->hushed = mem_text(line);
	}
	if (c->hushed)
		return;
	if (d->say_at && strstr(line, d->say_at))
		buf_add(&c->out, d->say, strlen(d->say));
	if (d->cut_at && d->cuts > 0 && strstr(line, d->cut_at)) {
		d->cuts--;
		cut(c);
		return;
	}
	if (c->is_idling) { /* DONE */
		c->is_idling = false;
		say(c, "%s OK idled\r\n", c->idle_tag);
		return;
	}
	if (!rest)
		return;
	*rest++ = '\0';
	if (is_poisoned(d, rest)) {
		say(c, "%s NO [SERVERBUG] cannot read it\r\n", line);
	} else if (d->refuse && d->refusals > 0 && strstr(rest, d->refuse)) {
		d->refusals--;
		say(c, "%s %s\r\n", line, d->refuse_with);
	} else if (is(rest, "IDLE")) {
		snprintf(c->idle_tag, sizeof(c->idle_tag), "%s", line);
		c->is_idling = true;
		say(c, "+ idling\r\n");
		if (!d->is_mute)
			announce(c);
	} else {
		obey(c, line, rest);
	}
}

/* ---- connections ---- */

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	static char space[65536];

	(void)h;
	(void)n;
	*b = uv_buf_init(space, sizeof(space));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct imapd_conn *c = s->data;
	uint8_t *end;

	if (n < 0) {
		cut(c);
		return;
	}
	buf_add(&c->in, b->base, (size_t)n);
	while (!c->is_closing && c->in.len && (end = memchr(c->in.data, '\n', c->in.len))) {
		size_t len = (size_t)(end - c->in.data);
		char *line = mem_text_n((char *)c->in.data, len && end[-1] == '\r' ? len - 1 : len);

		buf_drop(&c->in, len + 1);
		heard(c, line);
		free(line);
	}
	send_more(c);
}

static void on_connection(uv_stream_t *s, int st)
{
	struct imapd *d = s->data;
	struct imapd_conn *c = mem_new(sizeof(*c));

	(void)st;
	c->d = d;
	buf_init(&c->in, 1 << 20);
	buf_init(&c->out, 1 << 22);
	list_append(&d->conns, &c->link);
	uv_tcp_init(s->loop, &c->tcp);
	c->tcp.data = c;
	timer_open(&c->drip, container_of(s->loop, struct loop, uv), on_drip);
	c->handles = 2;
	if (++d->open > d->most)
		d->most = d->open;
	if (uv_accept(s, (uv_stream_t *)&c->tcp) < 0) {
		cut(c);
		return;
	}
	d->connections++;
	if (d->cut_at && d->cuts > 0 && strcmp(d->cut_at, "greeting") == 0) {
		d->cuts--;
		cut(c);
		return;
	}
	if (d->hush_at && d->hushes > 0 && strcmp(d->hush_at, "greeting") == 0) {
		d->hushes--;
		c->hushed = mem_text("");
	} else if (d->greeting) {
		say(c, "%s\r\n", d->greeting);
	} else {
		say(c, "* OK [CAPABILITY %s] hello\r\n", caps(c));
	}
	uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	send_more(c);
}

static void add_folder(struct imapd *d, const char *name, const char *attributes)
{
	struct imapd_folder *f = &d->folders[d->n_folders];

	*f = (struct imapd_folder){ .name = name,
				    .attributes = attributes,
				    .uidvalidity = 7 + (uint32_t)d->n_folders,
				    .uidnext = 1,
				    .mails = mem_new(IMAPD_MAILS * sizeof(*f->mails)) };
	d->n_folders++;
}

void imapd_gmail(struct imapd *d)
{
	d->is_gmail = true;
	d->folders[IMAPD_JUNK].name = "[Gmail]/Spam";
	add_folder(d, "[Gmail]/All Mail", "\\All \\HasNoChildren");
	add_folder(d, "[Gmail]/Sent Mail", "\\HasNoChildren \\Sent");
	add_folder(d, "[Gmail]/Trash", "\\HasNoChildren \\Trash");
	add_folder(d, "Clients", "\\HasNoChildren");
}

void imapd_open(struct imapd *d, struct loop *l)
{
	struct sockaddr_in at;
	int len = sizeof(at);

	*d = (struct imapd){ 0 };
	add_folder(d, "INBOX", "\\HasNoChildren");
	add_folder(d, "Bulk", "\\Junk");
	buf_init(&d->said, 1 << 20);
	list_init(&d->conns);
	uv_ip4_addr("127.0.0.1", 0, &at);
	uv_tcp_init(&l->uv, &d->listener);
	d->listener.data = d;
	if (uv_tcp_bind(&d->listener, (struct sockaddr *)&at, 0) < 0 ||
	    uv_listen((uv_stream_t *)&d->listener, 16, on_connection) < 0)
		abort();
	uv_tcp_getsockname(&d->listener, (struct sockaddr *)&at, &len);
	d->port = ntohs(at.sin_port);
}

void imapd_cut_all(struct imapd *d)
{
	struct list *at, *tmp;

	list_each(&d->conns, at, tmp) cut(container_of(at, struct imapd_conn, link));
}

void imapd_cut_oldest(struct imapd *d)
{
	struct list *first = list_first(&d->conns);

	if (first)
		cut(container_of(first, struct imapd_conn, link));
}

void imapd_speak(struct imapd *d)
{
	struct list *at, *tmp;

	list_each(&d->conns, at, tmp)
	{
		struct imapd_conn *c = container_of(at, struct imapd_conn, link);
		char *line = c->hushed;

		c->hushed = NULL;
		if (line)
			heard(c, line);
		free(line);
		send_more(c);
	}
}

void imapd_drop(struct imapd *d)
{
	imapd_cut_all(d);
	buf_clear(&d->said);
	for (size_t i = 0; i < d->n_folders; i++)
		free(d->folders[i].mails);
	uv_close((uv_handle_t *)&d->listener, NULL);
}

/* ---- mails ---- */

static struct imapd_mail *add(struct imapd *d, unsigned folder)
{
	struct imapd_folder *f = &d->folders[folder];
	struct imapd_mail *m = &f->mails[f->n++];

	*m = (struct imapd_mail){ .uid = f->uidnext++ };
	return m;
}

static struct imapd_mail *added(struct imapd *d, unsigned folder, struct imapd_mail *m)
{
	struct list *at, *tmp;

	list_each(&d->conns, at, tmp)
	{
		struct imapd_conn *c = container_of(at, struct imapd_conn, link);

		if (!c->is_idling || c->open != &d->folders[folder] || d->is_mute)
			continue;
		announce(c);
		send_more(c);
	}
	return m;
}

static struct imapd_mail *plain(struct imapd *d, unsigned folder,
				const struct imapd_mail_words *words)
{
	struct imapd_mail *m = add(d, folder);

	imapd_mail_plain(m, words);
	return added(d, folder, m);
}

struct imapd_mail *imapd_reply(struct imapd *d, unsigned folder, const char *id,
			       const char *in_reply_to, const char *text)
{
	return plain(
		d, folder,
		&(struct imapd_mail_words){ .id = id, .in_reply_to = in_reply_to, .text = text });
}

struct imapd_mail *imapd_own(struct imapd *d, unsigned folder, const char *id,
			     const char *in_reply_to, const char *text)
{
	return plain(d, folder,
		     &(struct imapd_mail_words){
			     .is_own = true, .id = id, .in_reply_to = in_reply_to, .text = text });
}

struct imapd_mail *imapd_absence(struct imapd *d, unsigned folder, const char *id,
				 const char *in_reply_to)
{
	return plain(d, folder,
		     &(struct imapd_mail_words){
			     .id = id,
			     .in_reply_to = in_reply_to,
			     .text = "I am out of the office until 24 December 2026.\r\n",
			     .more = "Auto-Submitted: auto-replied\r\n"
				     "X-Auto-Response-Suppress: All\r\n" });
}

struct imapd_mail *imapd_bounce(struct imapd *d, unsigned folder, const char *id,
				const char *original_id, const char *recipient)
{
	struct imapd_mail *m = add(d, folder);

	imapd_mail_bounce(m, id, original_id, recipient);
	return added(d, folder, m);
}

void imapd_expunge(struct imapd *d, unsigned folder, uint32_t uid)
{
	struct imapd_folder *f = &d->folders[folder];

	for (size_t i = 0; i < f->n; i++) {
		if (f->mails[i].uid != uid)
			continue;
		memmove(&f->mails[i], &f->mails[i + 1], (f->n - i - 1) * sizeof(f->mails[0]));
		f->n--;
		return;
	}
}

unsigned imapd_add(struct imapd *d, const char *name)
{
	assert(d->n_folders < IMAPD_FOLDERS);
	add_folder(d, name, "");
	return (unsigned)d->n_folders - 1;
}
