#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "ingest/imap/imap_parse.h"

/* Literals of these tests are kept to so many bytes. */
#define MAX_LITERAL 16

static const char *const kinds[] = { "odd",    "other",   "plus",     "tagged", "condition",
				     "caps",   "enabled", "list",     "status", "search",
				     "exists", "expunge", "vanished", "fetch",  "namespace" };
static const char *const conditions[] = { "OK", "NO", "BAD", "BYE", "PREAUTH" };

static void add(struct buf *b, const char *name, struct text t)
{
	assert_int_equal(text_addf(b, " %s=%.*s", name, TEXT_ARG(t)), 0);
}

static void add_n(struct buf *b, const char *name, uint64_t n)
{
	if (n)
		assert_int_equal(text_addf(b, " %s=%llu", name, (unsigned long long)n), 0);
}

static void add_fetch(struct buf *b, const struct imap_fetch *f)
{
	add_n(b, "uid", f->uid);
	add_n(b, "size", f->size);
	add_n(b, "modseq", f->modseq);
	if (f->has_date)
		add_n(b, "date", (uint64_t)f->date_unix_s);
	if (f->has_flags)
		add(b, "flags", f->flags);
	if (f->bodystructure.len)
		add(b, "shape", (struct text){ f->bodystructure.at, f->bodystructure.len });
	add_n(b, "msgid", f->gmail_msgid);
	if (f->gmail_labels.len)
		add(b, "labels", f->gmail_labels);
	if (f->emailid.len)
		add(b, "emailid", f->emailid);
	if (f->threadid.len)
		add(b, "threadid", f->threadid);
	for (size_t i = 0; i < f->n_sections; i++) {
		add(b, f->sections[i].has_origin ? "part-of" : "section", f->sections[i].name);
		add(b,
		    f->sections[i].is_nil   ? "nil"
		    : f->sections[i].is_cut ? "cut"
					    : "data",
		    f->sections[i].data);
	}
	if (f->is_partial)
		(void)text_add(b, TEXT(" partial"));
}

static void tell(const struct imap_resp *r, struct buf *b)
{
	(void)text_addf(b, "%s", kinds[r->kind]);
	if (r->tag.len)
		add(b, "tag", r->tag);
	if (r->kind == IMAP_RESP_TAGGED || r->kind == IMAP_RESP_CONDITION)
		(void)text_addf(b, " %s", conditions[r->condition]);
	if (r->code.word.len)
		add(b, "code", r->code.word);
	if (r->code.args.len)
		add(b, "args", r->code.args);
	add_n(b, "n", r->code.number);
	if (r->said.len)
		add(b, "said", r->said);
	if (r->words.len)
		add(b, "words", r->words);
	add_n(b, "number", r->number);
	if (r->kind == IMAP_RESP_LIST) {
		add(b, "attributes", r->list.attributes);
		(void)text_addf(b, " separator=%c", r->list.separator ? r->list.separator : '-');
		add(b, "raw", r->list.raw);
	} else if (r->kind == IMAP_RESP_STATUS) {
		add(b, "raw", r->status.raw);
		add_n(b, "messages", r->status.messages);
		add_n(b, "uidnext", r->status.uidnext);
		add_n(b, "uidvalidity", r->status.uidvalidity);
		add_n(b, "modseq", r->status.highestmodseq);
	} else if (r->kind == IMAP_RESP_SEARCH) {
		add_n(b, "lowest", r->search.lowest);
		add_n(b, "count", r->search.count);
	} else if (r->kind == IMAP_RESP_VANISHED) {
		add(b, r->vanished.is_earlier ? "earlier" : "uids", r->vanished.uids);
		add_n(b, "count", r->vanished.count);
	} else if (r->kind == IMAP_RESP_NAMESPACE) {
		add(b, "prefix", r->space.prefix);
		(void)text_addf(b, " separator=%c", r->space.separator ? r->space.separator : '-');
	} else if (r->kind == IMAP_RESP_FETCH) {
		add_fetch(b, &r->fetch);
	}
}

static const struct {
	const char *in, *want;
} rows[] = {
	/* status responses and their codes */
	{ "* OK Dovecot ready.", "condition OK said=Dovecot ready." },
	{ "* OK", "condition OK" },
	{ "* ok [capability IMAP4rev1 IDLE] hi",
	  "condition OK code=capability args=IMAP4rev1 IDLE said=hi" },
	{ "* OK [UIDVALIDITY 3857529045] UIDs valid",
	  "condition OK code=UIDVALIDITY args=3857529045 n=3857529045 said=UIDs valid" },
	{ "* OK [HIGHESTMODSEQ 9223372036854775807]",
	  "condition OK code=HIGHESTMODSEQ args=9223372036854775807 n=9223372036854775807" },
	{ "* OK [PERMANENTFLAGS (\\Deleted \\*)] Limited",
	  "condition OK code=PERMANENTFLAGS args=(\\Deleted \\*) said=Limited" },
	{ "* OK [X \"a]b\"] c", "condition OK code=X args=\"a]b\" said=c" },
	{ "* OK [never closed", "condition OK said=[never closed" },
	{ "* BYE [UNAVAILABLE] later", "condition BYE code=UNAVAILABLE said=later" },
	{ "* PREAUTH hello", "condition PREAUTH said=hello" },
	{ "r1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
	  "tagged tag=r1 NO code=AUTHENTICATIONFAILED said=Invalid credentials (Failure)" },
	{ "r1 OK", "tagged tag=r1 OK" },
	{ "r1 OK [READ-ONLY] x {5}", "tagged tag=r1 OK code=READ-ONLY said=x {5}" },
	{ "A######## BAD Request is throttled.",
	  "tagged tag=A######## BAD said=Request is throttled." },
	{ "+", "plus" },
	{ "+ idling", "plus said=idling" },
	{ "+idling", "plus said=idling" },
	/* not IMAP */
	{ "", "odd" },
	{ "Server Unavailable. 15", "odd" },
	{ "[COPYUID 55 31 6]", "odd" },
	{ "*", "odd" },
	{ "* ", "odd" },
	{ "*OK", "odd" },
	{ "* 12", "odd" },
	{ "* 12 FOO", "odd" },
	{ "r1", "odd" },
	/* data of no use, and of kinds unknown */
	{ "* FLAGS (\\Seen)", "other" },
	{ "* 3 RECENT", "other number=3" },
	{ "* ENABLED QRESYNC X-Y", "enabled words=QRESYNC X-Y" },
	{ "* ID NIL", "other" },
	{ "* X-THING (a \"b", "other" },
	/* numbers */
	{ "* 23 EXISTS", "exists number=23" },
	{ "* 0 EXISTS", "exists" },
	{ "* 44 EXPUNGE", "expunge number=44" },
	{ "* 99999999999999999999 EXISTS", "exists number=4294967295" },
	{ "* CAPABILITY IMAP4rev1 IDLE", "caps words=IMAP4rev1 IDLE" },
	/* LIST */
	{ "* LIST (\\HasNoChildren \\Junk) \"/\" \"[Gmail]/Spam\"",
	  "list attributes=\\HasNoChildren \\Junk separator=/ raw=[Gmail]/Spam" },
	{ "* LIST () NIL INBOX", "list attributes= separator=- raw=INBOX" },
	{ "* list (\\noselect) \"\\\\\" \"a\\\"b\"",
	  "list attributes=\\noselect separator=\\ raw=a\"b" },
	{ "* LIST () \"/\" {5}\r\na b\r\n", "list attributes= separator=/ raw=a b\r\n" },
	{ "* LIST () \"/\" Sync Issues", "list attributes= separator=/ raw=Sync Issues" },
	{ "* LIST () \".\" New (\"OLDNAME\" (\"Old\"))", "list attributes= separator=. raw=New" },
	{ "* LIST () \"/\" \"\"", "list attributes= separator=/ raw=" },
	{ "* LIST () \"/\" \"a\x01"
	  "b\"",
	  "list attributes= separator=/ raw=a\x01"
	  "b" },
	{ "* LIST oops", "odd" },
	{ "* LIST (\\a", "odd" },
	/* STATUS */
	{ "* STATUS \"a b\" (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 7)",
	  "status raw=a b messages=231 uidnext=44292 uidvalidity=7" },
	{ "* STATUS a b (messages 2 HIGHESTMODSEQ 9 APPENDLIMIT NIL MAILBOXID (F1))",
	  "status raw=a b messages=2 modseq=9" },
	{ "* STATUS INBOX ()", "status raw=INBOX" },
	{ "* STATUS INBOX (MESSAGES", "odd" },
	/* SEARCH */
	{ "* SEARCH", "search" },
	{ "* SEARCH 84 2 882", "search lowest=2 count=3" },
	{ "* SEARCH 2 5 (MODSEQ 917)", "search lowest=2 count=2" },
	{ "* SEARCH 2 x", "odd" },
	{ "* ESEARCH (TAG \"r7\") UID MIN 7 COUNT 13", "search lowest=7 count=13" },
	{ "* ESEARCH (TAG \"r7\") UID", "search" },
	{ "* ESEARCH UID ALL 12,5:7,900 MODSEQ 4", "search lowest=5" },
	{ "* ESEARCH (TAG \"r7\") UID MIN", "odd" },
	/* VANISHED */
	{ "* VANISHED (EARLIER) 41,43:116", "vanished earlier=41,43:116 count=75" },
	{ "* VANISHED 405", "vanished uids=405 count=1" },
	{ "* VANISHED 4:*", "vanished uids=4:* count=4294967292" },
	{ "* VANISHED 9:7,7", "vanished uids=9:7,7 count=4" },
	{ "* VANISHED 4:,", "odd" },
	{ "* VANISHED 4,", "odd" },
	{ "* VANISHED 4294967296", "odd" },
	{ "* VANISHED", "odd" },
	/* a separator that should have been escaped */
	{ "* LIST (\\HasNoChildren) \"\\\" Junk",
	  "list attributes=\\HasNoChildren separator=\\ raw=Junk" },
	{ "* LIST () \"\\\\\" \"a\\\\b\"", "list attributes= separator=\\ raw=a\\b" },
	{ "* LIST () \"\\\"\" Junk", "list attributes= separator=\" raw=Junk" },
	{ "* NAMESPACE ((\"\" \"\\\")) NIL NIL", "namespace prefix= separator=\\" },
	/* NAMESPACE */
	{ "* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL", "namespace prefix=INBOX. separator=." },
	{ "* NAMESPACE ((\"\" \"/\")(\"#mh/\" \"/\")) NIL NIL", "namespace prefix= separator=/" },
	{ "* NAMESPACE NIL NIL NIL", "namespace prefix= separator=-" },
	/* FETCH */
	{ "* 12 FETCH (UID 7 FLAGS (\\Seen $X) RFC822.SIZE 44827 MODSEQ (65402))",
	  "fetch number=12 uid=7 size=44827 modseq=65402 flags=\\Seen $X" },
	{ "* 1 FETCH (FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 1)",
	  "fetch number=1 uid=1 date=837596665 flags=" },
	{ "* 1 FETCH (UID 1 BODY[HEADER]<0> {4}\r\na:b\n)",
	  "fetch number=1 uid=1 part-of=HEADER data=a:b\n" },
	{ "* 1 FETCH (UID 1 BODY[1.2] \"a\\\"b\" BODY[2] NIL BODY[3] \"\")",
	  "fetch number=1 uid=1 section=1.2 data=a\"b section=2 nil= section=3 data=" },
	{ "* 1 FETCH (UID 1 BINARY[1] ~{3}\r\na\nb)", "fetch number=1 uid=1 section=1 data=a\nb" },
	{ "* 1 FETCH (UID 1 BODY[1] {20}\r\n0123456789abcdef)",
	  "fetch number=1 uid=1 section=1 cut=0123456789abcdef" },
	{ "* 1 FETCH (UID 1 RFC822.HEADER \"a\" RFC822.TEXT \"b\" RFC822 \"c\")",
	  "fetch number=1 uid=1 section=HEADER data=a section=TEXT data=b section= data=c" },
	{ "* 1 FETCH (BODY[HEADER.FIELDS (DATE FROM)] \"x\" UID 1)",
	  "fetch number=1 uid=1 section=HEADER.FIELDS (DATE FROM) data=x" },
	{ "* 1 FETCH (BINARY.SIZE[1] 5 UID 1)", "fetch number=1 uid=1" },
	{ "* 1 FETCH (UID 3016 BODY[2.MIME] \"x\" BODY[2] )",
	  "fetch number=1 uid=3016 section=2.MIME data=x section=2 nil=" },
	{ "* 1 FETCH (UID 1 BODYSTRUCTURE ((\"text\" \"a)b\") \"mixed\") X-GM-MSGID 12)",
	  "fetch number=1 uid=1 shape=((\"text\" \"a)b\") \"mixed\") msgid=12" },
	{ "* 1 FETCH (X-GM-LABELS (\\Inbox \"a b\") EMAILID (M6d99) THREADID NIL UID 1)",
	  "fetch number=1 uid=1 labels=\\Inbox \"a b\" emailid=M6d99" },
	{ "* 25996 UIDFETCH (EMAILID (M1) THREADID (T64b478a75b7ea9) MODSEQ (65402))",
	  "fetch number=25996 uid=25996 modseq=65402 emailid=M1 threadid=T64b478a75b7ea9" },
	{ "* 1 FETCH (ENVELOPE ((\"a\" NIL) NIL (((\"x\")))) UID 1)", "fetch number=1 uid=1" },
	{ "* 1 FETCH (RFC822.SIZE 9.3736e+06 MODSEQ (-1) UID 1)",
	  "fetch number=1 uid=1 size=9373600" },
	{ "* 1 FETCH (MODSEQ 5 UID 1)", "fetch number=1 uid=1 partial" },
	{ "* 1 FETCH (UID 1 BODYSTRUCTURE ((\"text\"", "fetch number=1 uid=1 partial" },
	{ "* 1 FETCH (UID 1 BODY[1", "fetch number=1 uid=1 partial" },
	{ "* 1 FETCH (UID 1 BODY[1] {9}\r\nshort)", "fetch number=1 uid=1 partial" },
	{ "* 1 FETCH (UID 4294967296)", "fetch number=1 partial" },
	{ "* 1 FETCH (UID 1", "fetch number=1 uid=1" },
	{ "* 1 FETCH", "fetch number=1 partial" },
	{ "* 9 UIDFETCH (FLAGS ())", "fetch number=9 uid=9 flags=" },
};

static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		/* memory of its own size, so that the sanitizer sees a byte too far */
		size_t len = strlen(rows[i].in);
		char *line = mem_copy(rows[i].in, len);
		struct imap_resp r;
		struct buf b;

		buf_init(&b, 4096);
		imap_parse(line, len, MAX_LITERAL, &r);
		tell(&r, &b);
		if (!text_eq(text_of_buf(&b), text_of(rows[i].want)))
			fail_msg("%s\n  want: %s\n  got:  %.*s", rows[i].in, rows[i].want,
				 TEXT_ARG(text_of_buf(&b)));
		buf_clear(&b);
		free(line);
	}
}

/* Cut anywhere, a line is still read within its bounds. */
static void every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t len = 0; len < strlen(rows[i].in); len++) {
			char *line = mem_copy(rows[i].in, len);
			struct imap_resp r;

			imap_parse(line, len, MAX_LITERAL, &r);
			free(line);
		}
	}
}

/* Parentheses without end cost time in proportion, and no stack. */
static void deep_nesting(void **state)
{
	enum { DEPTH = 1 << 20 };
	char *line = mem_new(DEPTH + 64);
	struct imap_resp r;
	int n;

	(void)state;
	memset(line, '(', DEPTH + 63);
	n = snprintf(line, 64, "* 1 FETCH (UID 5 BODYSTRUCTURE ");
	line[n] = '(';
	imap_parse(line, DEPTH, MAX_LITERAL, &r);
	assert_int_equal(r.kind, IMAP_RESP_FETCH);
	assert_int_equal(r.fetch.uid, 5);
	assert_true(r.fetch.is_partial);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(deep_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
