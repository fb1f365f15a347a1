#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/reading.h"

/*
 * What one core reads: raw mails -> kind, intent and new text, one JSON object
 * to stdout.  Times are of the processor, so that a busy machine changes little.
 *
 *   bench_classify [FILE.eml ...]     mails of its own, and each FILE
 *   bench_classify once               its own small mails, each once: for callgrind
 */

#define ROUNDS_NS (3 * INT64_C(1000000000)) /* of each set */
#define OWN_SIZE  3000
#define FILES_MAX 20000

struct set {
	struct buf *mail;
	size_t n;
	size_t bytes;
};

struct figures {
	double per_second, mean_us, p50_us, p99_us, worst_us;
};

static int64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- mails ---- */

/* What a mail has passed on its way: the larger half of most small ones. */
static void add_head(struct buf *b, unsigned i, const char *type)
{
	(void)text_addf(
		b,
		"Return-Path: <person%u@client%u.example>\r\n"
		"Received: from mx%u.client%u.example (mx%u.client%u.example [192.0.2.%u])\r\n"
		"\tby in.example.com (Postfix) with ESMTPS id 4XyZ%06u\r\n"
		"\tfor <sales@example.com>; Tue, 4 Mar 2025 10:%02u:07 +0000 (UTC)\r\n"
		"Authentication-Results: in.example.com; dkim=pass header.d=client%u.example;\r\n"
		"\tspf=pass smtp.mailfrom=person%u@client%u.example\r\n"
		"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=client%u.example;\r\n"
		"\ts=s1; h=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeR;\r\n"
		"\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n"
		"From: Person %u <person%u@client%u.example>\r\n"
		"To: Sales <sales@example.com>\r\n"
		"Date: Tue, 4 Mar 2025 10:%02u:05 +0000\r\n"
		"Message-ID: <reply-%u@client%u.example>\r\n"
		"In-Reply-To: <step-%u@example.com>\r\n"
		"References: <step-%u@example.com>\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: %s\r\n",
		i, i, i, i, i, i, i % 250, i, i % 60, i, i, i, i, i, i, i, i % 60, i, i, i, i,
		type);
}

static const char answer[] =
	"Hi Sam,\r\n\r\nThanks for reaching out. This sounds interesting, could you send me the\r\n"
	"pricing for a team of twenty and a slot for a call next "
	"week?\r\n\r\nBest,\r\nPerson\r\n\r\n";

static const char asked[] =
	"Hello, we help teams like yours to answer faster. Would a short call next week suit you?";

/* Quoted lines until the mail has its size. */
static void fill(struct buf *b, size_t size, const char *before, const char *after)
{
	while (b->len < size)
		(void)text_addf(b, "%s%s%s\r\n", before, asked, after);
}

static void add_plain(struct buf *b, unsigned i)
{
	add_head(b, i, "text/plain; charset=utf-8");
	(void)text_addf(b,
			"Subject: Re: A question\r\n\r\n%sOn Mon, 3 Mar 2025 at 09:12, Sam "
			"<sales@example.com> wrote:\r\n",
			answer);
	fill(b, OWN_SIZE, "> ", "");
}

static void add_german(struct buf *b, unsigned i)
{
	add_head(b, i, "text/plain; charset=iso-8859-1");
	(void)text_addf(
		b, "Subject: =?iso-8859-1?Q?Re:_Eine_Frage_f=FCr_Sie?=\r\n"
		   "Content-Transfer-Encoding: quoted-printable\r\n\r\nHallo,\r\n\r\n"
		   "vielen Dank, wir haben daf=FCr leider keinen Bedarf und w=FCnschen keine\r\n"
		   "weiteren Mails.\r\n\r\nMit freundlichen Gr=FC=DFen\r\nPerson\r\n\r\n"
		   "Am 03.03.2025 um 09:12 schrieb Sam <sales@example.com>:\r\n");
	fill(b, OWN_SIZE, "> ", "=20");
}

static void add_away(struct buf *b, unsigned i)
{
	add_head(b, i, "text/plain; charset=us-ascii");
	(void)text_addf(
		b, "Subject: Automatic reply: A question\r\n"
		   "Auto-Submitted: auto-replied\r\n\r\n"
		   "I am out of the office until 17 March 2025 with limited access to mail.\r\n"
		   "In urgent cases please write to deputy@client.example.\r\n\r\n");
	fill(b, OWN_SIZE, "", "");
}

static void add_html(struct buf *b, size_t size)
{
	(void)text_addf(
		b, "<html><head><meta charset=3D\"utf-8\"><style>p.MsoNormal{margin:0}</style>"
		   "</head>\r\n<body lang=3DEN><div class=3DWordSection1>"
		   "<p class=3DMsoNormal>Hi Sam,<o:p></o:p></p>\r\n"
		   "<p class=3DMsoNormal>Not now, please write again in autumn.<o:p></o:p></p>\r\n"
		   "<p class=3DMsoNormal><o:p>&nbsp;</o:p></p></div>\r\n<hr><div "
		   "id=3DdivRplyFwdMsg><b>From:</b> Sam &lt;sales@example.com&gt;<br>\r\n"
		   "<b>Sent:</b> Monday, March 3, 2025 9:12 AM<br>\r\n<b>To:</b> Person "
		   "&lt;person@client.example&gt;<br>\r\n<b>Subject:</b> A question</div>\r\n");
	fill(b, size - 20, "<p style=3D\"margin:0in\">", "</p>");
	(void)text_addf(b, "</body></html>\r\n");
}

static void add_html_only(struct buf *b, unsigned i)
{
	add_head(b, i, "text/html; charset=utf-8");
	(void)text_addf(b, "Subject: RE: A question\r\n"
			   "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	add_html(b, OWN_SIZE);
}

static void add_both(struct buf *b, unsigned i)
{
	add_head(b, i, "multipart/alternative; boundary=\"=_next\"");
	(void)text_addf(b,
			"Subject: Re: A question\r\n\r\n--=_next\r\n"
			"Content-Type: text/plain; charset=utf-8\r\n\r\n%s"
			"--=_next\r\nContent-Type: text/html; charset=utf-8\r\n"
			"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
			answer);
	add_html(b, OWN_SIZE);
	(void)text_addf(b, "--=_next--\r\n");
}

static void add_bounce(struct buf *b, unsigned i)
{
	add_head(b, i, "multipart/report; report-type=delivery-status; boundary=\"=_next\"");
	(void)text_addf(
		b,
		"Subject: Undelivered Mail Returned to Sender\r\n\r\n--=_next\r\n\r\n"
		"I'm sorry to have to inform you that your message could not be delivered.\r\n"
		"<person%u@client%u.example>: host mx.client.example said: 550 5.1.1 User "
		"unknown\r\n\r\n--=_next\r\nContent-Type: message/delivery-status\r\n\r\n"
		"Reporting-MTA: dns; in.example.com\r\n\r\nFinal-Recipient: rfc822; "
		"person%u@client%u.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--=_next\r\n"
		"Content-Type: message/rfc822\r\n\r\nMessage-ID: <step-%u@example.com>\r\n"
		"From: sales@example.com\r\nSubject: A question\r\n\r\n",
		i, i, i, i, i);
	fill(b, OWN_SIZE, "", "");
	(void)text_addf(b, "--=_next--\r\n");
}

static void (*const kinds[])(struct buf *, unsigned) = { add_plain,     add_both,  add_html_only,
							 add_german,    add_away,  add_both,
							 add_html_only, add_bounce };

static struct buf *one_more(struct set *s)
{
	s->mail = mem_resize(s->mail, (s->n + 1) * sizeof(*s->mail));
	buf_init(&s->mail[s->n], LIMIT_MIME_MAIL * 8);
	return &s->mail[s->n++];
}

static void count_bytes(struct set *s)
{
	s->bytes = 0;
	for (size_t i = 0; i < s->n; i++)
		s->bytes += s->mail[i].len;
}

static void own_mails(struct set *s)
{
	for (unsigned i = 0; i < 80; i++)
		kinds[i % countof(kinds)](one_more(s), i);
	count_bytes(s);
}

/* A reply with a picture: `size` bytes, most of it base64. */
static void add_large(struct buf *b, size_t size)
{
	add_head(b, 1, "multipart/mixed; boundary=\"=_next\"");
	(void)text_addf(
		b,
		"Subject: Re: A question\r\n\r\n--=_next\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n\r\n%s--=_next\r\n"
		"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment\r\n\r\n",
		answer);
	while (b->len < size)
		(void)text_addf(b, "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkY"
				   "PhfDwAChwGA60e6\r\n");
	(void)text_addf(b, "--=_next--\r\n");
}

static int add_file(struct set *s, const char *path)
{
	FILE *f = fopen(path, "rbe");
	struct buf *b;
	char step[65536];
	size_t n;

	if (!f)
		return -errno;
	b = one_more(s);
	while ((n = fread(step, 1, sizeof(step), f)) > 0 && buf_add(b, step, n) == 0)
		;
	(void)fclose(f);
	return 0;
}

/* ---- figures ---- */

static size_t read_one(struct reading *r, const struct buf *mail)
{
	cleanup_buf struct buf new_text;

	buf_init(&new_text, LIMIT_MIME_TEXT);
	reading_of(r, text_of_buf(mail), 1741082405);
	extract_new(&r->cut, &new_text);
	return new_text.len;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct figures measure(const struct set *s)
{
	int64_t *took = mem_new(s->n * sizeof(*took)), sum = 0;
	struct reading r;
	struct figures f;
	size_t rounds = 0;

	reading_init(&r);
	for (size_t i = 0; i < s->n; i++)
		took[i] = INT64_MAX;
	/* the best of all rounds is what the mail costs; the sum is what the machine did */
	for (; sum < ROUNDS_NS; rounds++) {
		for (size_t i = 0; i < s->n; i++) {
			int64_t began = cpu_ns(), d;

			(void)read_one(&r, &s->mail[i]);
			d = cpu_ns() - began;
			sum += d;
			took[i] = d < took[i] ? d : took[i];
		}
	}
	reading_clear(&r);
	qsort(took, s->n, sizeof(*took), by_size);
	f = (struct figures){
		.per_second = 1e9 * (double)s->n * (double)rounds / (double)sum,
		.mean_us = (double)sum / 1e3 / (double)s->n / (double)rounds,
		.p50_us = (double)took[s->n / 2] / 1e3,
		.p99_us = (double)took[s->n * 99 / 100] / 1e3,
		.worst_us = (double)took[s->n - 1] / 1e3,
	};
	free(took);
	return f;
}

/* Not inlined: `valgrind --tool=callgrind --toggle-collect=once` counts what it does. */
static __attribute__((noinline)) void once(const struct set *s)
{
	struct reading r;

	reading_init(&r);
	for (size_t i = 0; i < s->n; i++)
		(void)read_one(&r, &s->mail[i]);
	reading_clear(&r);
}

static void print(const char *name, const struct set *s, const struct figures *f, bool last)
{
	printf("  \"%s\": {\"mails\": %zu, \"bytes_mean\": %zu, \"per_second\": %.0f, "
	       "\"mean_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"worst_us\": %.0f}%s\n",
	       name, s->n, s->bytes / s->n, f->per_second, f->mean_us, f->p50_us, f->p99_us,
	       f->worst_us, last ? "" : ",");
}

/* The most memory, in KiB, of a process that reads one mail of `add`; nothing was read in this
 * process before. */
static long peak_of(void (*add)(struct buf *))
{
	struct rusage used;
	pid_t child = fork();

	if (child == 0) {
		struct buf mail;
		struct reading r;

		buf_init(&mail, LIMIT_MIME_MAIL);
		add(&mail);
		reading_init(&r);
		(void)read_one(&r, &mail);
		_exit(0);
	}
	if (child < 0 || wait4(child, NULL, 0, &used) != child)
		return -1;
	return used.ru_maxrss;
}

static void deep_html(struct buf *b)
{
	add_head(b, 1, "text/html; charset=utf-8");
	(void)text_addf(b, "Subject: Re: A question\r\n\r\n");
	while (b->len < 2 * LIMIT_MIME_PART)
		(void)text_addf(b, "<div><blockquote>a");
}

static void many_parts(struct buf *b)
{
	add_head(b, 1, "multipart/mixed; boundary=\"b\"");
	(void)text_addf(b, "Subject: Re: A question\r\n\r\n");
	for (int i = 0; i < 3900; i++)
		(void)text_addf(b, "--b\r\nContent-Type: text/plain\r\n\r\n%s", answer);
}

static void largest(struct buf *b)
{
	add_large(b, LIMIT_MIME_MAIL - 1024);
}

static void long_text(struct buf *b)
{
	add_head(b, 1, "text/plain; charset=windows-1252");
	(void)text_addf(b, "Subject: Re: A question\r\n\r\n");
	while (b->len < 2 * LIMIT_MIME_PART)
		(void)text_addf(b, "\x80 \x93%s\x94\r\n", asked);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*add)(struct buf *);
	} worst[] = { { "deep_html", deep_html },
		      { "many_parts", many_parts },
		      { "largest", largest },
		      { "long_text", long_text } };
	struct set own = { 0 }, large = { 0 }, given = { 0 };
	struct figures f;

	if (argc == 2 && strcmp(argv[1], "once") == 0) {
		own_mails(&own);
		(void)classify_rules_now();
		once(&own);
		return 0;
	}
	printf("{\n  \"peak_kib\": {");
	(void)fflush(stdout);
	for (size_t i = 0; i < countof(worst); i++) {
		printf("%s\"%s\": %ld", i ? ", " : "", worst[i].name, peak_of(worst[i].add));
		(void)fflush(stdout);
	}
	printf("},\n");
	own_mails(&own);
	add_large(one_more(&large), 2000000);
	count_bytes(&large);
	for (int i = 1; i < argc && i < FILES_MAX; i++)
		if (add_file(&given, argv[i]) < 0)
			(void)fprintf(stderr, "bench_classify: %s: %s\n", argv[i], strerror(errno));
	count_bytes(&given);
	f = measure(&own);
	print("own_3kb", &own, &f, /* last= */ false);
	f = measure(&large);
	print("own_2mb", &large, &f, /* last= */ !given.n);
	if (given.n) {
		f = measure(&given);
		print("corpora", &given, &f, /* last= */ true);
	}
	printf("}\n");
	return 0;
}
