/*
 * What the watcher orders, dialogue by dialogue.  A row is a play in words.
 *
 * The order that must come now:
 *   list examine:0 search fetch:6-55 status:1 noop idle end logout; none: no order must come
 * The command is over:
 *   ok: done; no: refused; later: refused for now; odd: done, and a mail of it was not understood
 * What the server tells:
 *   +inbox +junk ex:V,N,E low:U msg:U st:V,N idling exists:N expunge:S,N
 * What the watcher must give, ! with a proof:
 *   start:U batch:U batch:U! proof:F stuck
 * What the driver says; know: a row from before, UIDs up to U dealt with:
 *   row:U gated worked refetch refuse again:F,V,U leave T+MS know:F,V,U
 * Whole proof cycles in which nothing happens, with a folder for junk and without:
 *   cycles:N quiet:N
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/watch.h"

#define UP_TO_DATE                                                                                 \
	"know:0,7,10 know:1,8,3 ready list +inbox +junk ok examine:0 ex:7,11,10 ok proof:0 "       \
	"status:1 "                                                                                \
	"st:8,4 ok proof:1 idle idling "

static const struct {
	const char *name, *play;
} rows[] = {
	{ "first connect: looks back from the date, both folders, then idles in INBOX",
	  "ready list +inbox +junk ok examine:0 ex:7,11,10 ok search low:6 ok start:5 none row:5 "
	  "fetch:6-10 msg:6 msg:10 ok batch:10! none gated none worked "
	  "examine:1 ex:8,4,0 ok search low:0 ok start:3 row:3 proof:1 "
	  "examine:0 ex:7,11,10 ok proof:0 idle idling none" },
	{ "first connect, nothing young enough: begins after the last mail",
	  "ready list +inbox ok examine:0 ex:7,11,10 ok search low:0 ok start:10 row:10 proof:0 "
	  "idle" },
	{ "no date search: a blind look back",
	  "ready list +inbox ok examine:0 ex:7,5001,10 ok search no start:3000" },
	{ "reconnect, nothing new: proven by EXAMINE and STATUS alone", UP_TO_DATE "none" },
	{ "reconnect after mail came: only what is new",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,13,12 ok fetch:11-12 msg:11 msg:12 ok "
	  "batch:12! "
	  "gated worked idle" },
	{ "a mail while idling is fetched at once, and proves nothing by itself", UP_TO_DATE
	  "exists:11 end ok fetch:11-* msg:11 ok batch:11 gated worked idle idling none" },
	{ "EXISTS before the server took our IDLE",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,11,10 ok proof:0 idle exists:11 end "
	  "idling ok "
	  "fetch:11-* msg:11 ok batch:11" },
	{ "EXISTS with the end of IDLE",
	  UP_TO_DATE "T+20000 end exists:11 ok fetch:11-* msg:11 ok batch:11" },
	{ "EXISTS during the fetch: another fetch",
	  UP_TO_DATE "exists:11 end ok fetch:11-* msg:11 exists:12 ok batch:11 gated worked "
		     "fetch:12-* msg:12 ok batch:12 "
		     "gated worked idle" },
	{ "EXISTS while the driver works", UP_TO_DATE
	  "exists:11 end ok fetch:11-* msg:11 ok batch:11 exists:12 none gated worked fetch:12-*" },
	{ "announced and gone before it was fetched",
	  UP_TO_DATE "exists:11 end ok fetch:11-* ok idle" },
	{ "one gone, one new: the count says nothing, the numbers do",
	  UP_TO_DATE "expunge:4,9 none exists:10 end ok fetch:11-* msg:11 ok batch:11" },
	{ "a count repeated is looked into with the next cycle, not at once",
	  UP_TO_DATE "exists:10 none T+20000 end ok noop ok fetch:11-* msg:11 ok batch:11!" },
	{ "the proof cycle: NOOP for the open folder, STATUS for the other", UP_TO_DATE
	  "T+19999 none T+1 end ok noop ok proof:0 status:1 st:8,4 ok proof:1 idle idling none" },
	{ "a deaf IDLE: NOOP finds the mail, and the NOOP's instant is proven with it", UP_TO_DATE
	  "T+20000 end ok noop exists:11 ok fetch:11-* msg:11 ok batch:11! gated worked status:1" },
	{ "the side folder moved: opened, fetched, and back to INBOX",
	  UP_TO_DATE "T+20000 end ok noop ok proof:0 status:1 st:8,6 ok examine:1 ex:8,6,2 ok "
		     "fetch:4-5 msg:4 msg:5 ok "
		     "batch:5! gated worked examine:0 ex:7,11,10 ok proof:0 idle" },
	{ "STATUS refused: EXAMINE instead",
	  UP_TO_DATE "T+20000 end ok noop ok proof:0 status:1 no examine:1" },
	{ "STATUS without UIDNEXT: EXAMINE instead",
	  UP_TO_DATE "T+20000 end ok noop ok proof:0 status:1 st:8,0 ok examine:1" },
	{ "the side folder cannot be opened: INBOX is watched, no proof of the other",
	  "ready list +inbox +junk ok examine:0 ex:7,1,0 ok search ok start:0 row:0 proof:0 "
	  "examine:1 no "
	  "examine:0 ex:7,1,0 ok proof:0 idle idling T+20000 end ok noop ok proof:0 idle" },
	{ "INBOX cannot be opened", "ready list ok examine:0 no stuck" },
	{ "INBOX is there even if LIST does not tell it", "ready list ok examine:0" },
	{ "no IDLE at the server: polls",
	  "noidle list +inbox ok examine:0 ex:7,1,0 ok search ok start:0 row:0 proof:0 none T+5000 "
	  "noop ok proof:0 none" },
	{ "IDLE refused: polls", "know:0,7,0 ready list +inbox ok examine:0 ex:7,1,0 ok proof:0 "
				 "idle no none T+20000 noop ok proof:0 none T+5000 noop" },
	{ "another UIDVALIDITY looks back again",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:9,4,3 ok search low:2 ok start:1 row:1 "
	  "fetch:2-3" },
	{ "UIDNEXT below what was seen: a mailbox from a backup",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,8,7 ok search low:3 ok start:2 row:2 "
	  "fetch:3-7" },
	{ "no UIDVALIDITY at all: this session looks back for itself",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:0,8,7 ok search low:3 ok start:2" },
	{ "windows: fifty at a time, the proof with the last",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,113,102 ok fetch:11-60 msgs:11-60 ok "
	  "batch:60 gated worked "
	  "fetch:61-110 msgs:61-110 ok batch:110 gated worked fetch:111-112 msg:111 ok batch:112! "
	  "gated worked idle" },
	{ "sparse UIDs: windows grow",
	  "know:0,7,0 ready list +inbox ok examine:0 ex:7,1001,3 ok fetch:1-50 msg:7 ok batch:50 "
	  "gated worked "
	  "fetch:51-150 ok batch:150 gated worked fetch:151-350 ok batch:350 gated worked "
	  "fetch:351-750 ok batch:750 gated "
	  "worked fetch:751-1000 msg:1000 ok batch:1000! gated worked idle" },
	{ "too many announced at once: UIDNEXT first",
	  UP_TO_DATE "exists:90 end ok examine:0 ex:7,91,90 ok fetch:11-60" },
	{ "no UIDNEXT: the watermark never passes what was told",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,0,3 ok fetch:11-60 ok "
	  "fetch:11-160 msg:70 ok batch:70 gated worked fetch:71-270 ok fetch:71-670" },
	{ "no UIDNEXT: what comes into a window that was empty is not passed over",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,0,3 ok fetch:11-60 exists:4 ok "
	  "fetch:11-* msg:11 ok batch:11! gated worked idle" },
	{ "a window refused: halved until the bad one is alone; asked for again in another session",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,13,12 ok fetch:11-12 no fetch:11-11 "
	  "msg:11 ok batch:11 gated worked "
	  "fetch:12-12 no stuck" },
	{ "after four sessions and an hour a mail that cannot be had is left out",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 no stuck "
	  "ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 no stuck "
	  "ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 no stuck T+3599999 "
	  "ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 no stuck T+1 "
	  "ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 no batch:11! gated worked "
	  "idle" },
	{ "a mail without headers is no better than a refusal",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,13,12 ok fetch:11-12 msg:11 msg:12 ok "
	  "batch:12! refuse fetch:11-11 msg:11 ok batch:11 refuse stuck" },
	{ "a refusal that is not about the mail is no try",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 later stuck "
	  "T+9999999 ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 later stuck "
	  "ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 later stuck "
	  "ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 later stuck "
	  "ready list +inbox ok examine:0 ex:7,12,11 ok fetch:11-11 no stuck" },
	{ "a mail told in a way that nobody understands is not passed over", UP_TO_DATE
	  "exists:11 end ok fetch:11-* odd examine:0 ex:7,12,11 ok fetch:11-11 odd stuck" },
	{ "a batch too large is fetched again in smaller windows",
	  UP_TO_DATE "exists:11 end ok fetch:11-* msg:11 ok batch:11 refetch examine:0 ex:7,12,11 "
		     "ok fetch:11-11" },
	{ "a mail to be seen again, while idling",
	  UP_TO_DATE "again:0,7,4 end ok fetch:4-4 msg:4 ok batch:4 gated worked idle" },
	{ "a mail to be seen again in the other folder",
	  UP_TO_DATE "again:1,8,2 end ok examine:1 ex:8,4,3 ok proof:1 fetch:2-2 ok batch:2 gated "
		     "worked examine:0" },
	{ "what arrived comes before what is seen again", UP_TO_DATE
	  "again:0,7,4 exists:11 end ok fetch:11-* msg:11 ok batch:11 gated worked fetch:4-4" },
	{ "a mail under another UIDVALIDITY is not looked for",
	  UP_TO_DATE "unknown:0,6,4 unknown:1,7,4 none" },
	{ "the folder was replaced: its mails are not looked for any more",
	  "know:0,7,10 know:1,8,3 again:1,8,2 ready list +inbox ok examine:0 ex:7,11,10 ok proof:0 "
	  "idle idling none" },
	{ "a long piece of work keeps the session alive",
	  UP_TO_DATE "exists:11 end ok fetch:11-* msg:11 ok batch:11 T+59999 none T+1 noop ok none "
		     "gated worked T+0 noop ok proof:0" },
	{ "goodbye waits for the work", UP_TO_DATE
	  "exists:11 end ok fetch:11-* msg:11 ok batch:11 leave none gated worked logout none" },
	{ "goodbye while idling", UP_TO_DATE "leave end ok logout none" },
	{ "after thirty cycles UIDNEXT is asked for, and the folders",
	  UP_TO_DATE "cycles:29 T+20000 end ok examine:0 ex:7,11,10 ok proof:0 list +inbox +junk "
		     "ok status:1 st:8,4 ok proof:1 idle" },
	{ "a folder for junk that was not there before",
	  "know:0,7,10 ready list +inbox ok examine:0 ex:7,11,10 ok proof:0 idle idling quiet:29 "
	  "T+20000 end ok examine:0 ex:7,11,10 ok proof:0 list +inbox +junk ok examine:1 ex:8,2,1 "
	  "ok search low:1 ok start:0 row:0 fetch:1-1 msg:1 ok batch:1! gated worked examine:0" },
	{ "a folder that cannot be opened is tried again",
	  "know:0,7,10 know:1,8,3 ready list +inbox +junk ok examine:0 ex:7,11,10 ok proof:0 "
	  "status:1 no examine:1 no examine:0 ex:7,11,10 ok proof:0 idle idling quiet:29 T+20000 "
	  "end ok examine:0 ex:7,11,10 ok proof:0 list +inbox +junk ok examine:1 ex:8,4,3 ok "
	  "proof:1" },
};

struct play {
	const char *row;
	struct watch w;
	uint64_t now_ms;
	bool is_idling;
};

static void bad(struct play *p, const char *word, const char *why)
{
	fail_msg("%s: at \"%s\": %s", p->row, word, why);
}

static void must(struct play *p, const char *word, bool c, const char *why)
{
	if (!c)
		bad(p, word, why);
}

static int64_t us(const struct play *p)
{
	return INT64_C(1700000000000000) + (int64_t)p->now_ms * 1000;
}

static void tell(struct play *p, const struct imap_event *ev)
{
	watch_heard(&p->w, ev, p->now_ms, us(p));
}

static void over(struct play *p, bool ok, unsigned lost)
{
	const struct imap_verdict good = { OUTCOME_OK, IMAP_REMEDY_NONE, 0 };
	const struct imap_verdict not = { { BLAME_REFUSED, "refused", "" }, IMAP_REMEDY_SKIP, 0 };

	tell(p, &(struct imap_event){ .kind = IMAP_EV_DONE,
				      .done = { IMAP_COMMAND_NONE, ok ? &good : &not, lost } });
}

static void refused_for_now(struct play *p)
{
	const struct imap_verdict later = { { BLAME_REFUSED, "throttled", "" },
					    IMAP_REMEDY_WAIT,
					    1 };

	tell(p, &(struct imap_event){ .kind = IMAP_EV_DONE,
				      .done = { IMAP_COMMAND_NONE, &later, 0 } });
}

static void fmt_order(const struct watch_order *o, char *dst, size_t n)
{
	const char *name = watch_order_name(o->kind);

	if (o->kind == WATCH_ORDER_FETCH && o->uid_to == UINT32_MAX)
		snprintf(dst, n, "fetch:%u-*", o->uid_from);
	else if (o->kind == WATCH_ORDER_FETCH)
		snprintf(dst, n, "fetch:%u-%u", o->uid_from, o->uid_to);
	else if (o->kind == WATCH_ORDER_EXAMINE || o->kind == WATCH_ORDER_STATUS)
		snprintf(dst, n, "%s:%u", name, o->folder);
	else
		snprintf(dst, n, "%s", o->kind == WATCH_ORDER_END_IDLE ? "end" : name);
}

static void expect_order(struct play *p, const char *word)
{
	struct watch_order o;
	char got[64] = "none";

	if (watch_next(&p->w, p->now_ms, us(p), &o))
		fmt_order(&o, got, sizeof(got));
	if (strcmp(got, word) != 0)
		fail_msg("%s: \"%s\" was wanted, \"%s\" came (%s)", p->row, word, got,
			 watch_state_words(&p->w));
}

static void folder(struct play *p, const char *name, enum imap_role role)
{
	struct imap_event ev = { .kind = IMAP_EV_FOLDER };

	ev.folder = (struct imap_folder){
		.name = text_of(name), .raw = text_of(name), .role = role, .is_selectable = true
	};
	tell(p, &ev);
}

static void message(struct play *p, uint32_t uid)
{
	tell(p, &(struct imap_event){ .kind = IMAP_EV_MESSAGE,
				      .message = { .uid = uid, .has = IMAP_HAS_HEADER } });
}

static bool starts(const char *word, const char *with, unsigned long n[3])
{
	size_t len = strlen(with);
	char *end = NULL;

	n[0] = n[1] = n[2] = 0;
	if (strncmp(word, with, len) != 0)
		return false;
	for (int i = 0; i < 3 && word[len]; i++) {
		n[i] = strtoul(word + len, &end, 10);
		len = (size_t)(end - word) + (*end == ',' || *end == '-');
	}
	return true;
}

static void server_says(struct play *p, const char *word, unsigned long n[3])
{
	if (strcmp(word, "ok") == 0 || strcmp(word, "no") == 0 || strcmp(word, "odd") == 0)
		over(p, word[0] == 'o', word[1] == 'd');
	else if (strcmp(word, "later") == 0)
		refused_for_now(p);
	else if (strcmp(word, "+inbox") == 0)
		folder(p, "INBOX", IMAP_ROLE_INBOX);
	else if (strcmp(word, "+junk") == 0)
		folder(p, "Spam", IMAP_ROLE_JUNK);
	else if (starts(word, "ex:", n))
		tell(p, &(struct imap_event){ .kind = IMAP_EV_EXAMINED,
					      .examined = { (uint32_t)n[0], (uint32_t)n[1],
							    (uint32_t)n[2], 0, false } });
	else if (starts(word, "low:", n))
		tell(p, &(struct imap_event){ .kind = IMAP_EV_LOWEST_UID,
					      .lowest.uid = (uint32_t)n[0] });
	else if (starts(word, "msgs:", n))
		for (; n[0] <= n[1]; n[0]++)
			message(p, (uint32_t)n[0]);
	else if (starts(word, "msg:", n))
		message(p, (uint32_t)n[0]);
	else if (starts(word, "st:", n))
		tell(p, &(struct imap_event){
				.kind = IMAP_EV_STATUS,
				.status = { TEXT("Spam"), 0, (uint32_t)n[1], (uint32_t)n[0], 0 } });
	else if (strcmp(word, "idling") == 0)
		tell(p, &(struct imap_event){ .kind = IMAP_EV_IDLING });
	else if (starts(word, "exists:", n))
		tell(p, &(struct imap_event){ .kind = IMAP_EV_EXISTS,
					      .exists.count = (uint32_t)n[0] });
	else if (starts(word, "expunge:", n))
		tell(p, &(struct imap_event){ .kind = IMAP_EV_EXPUNGE,
					      .expunge = { (uint32_t)n[0], (uint32_t)n[1] } });
	else
		expect_order(p, word);
}

/* Whole proof cycles in which nothing happens, with the folder for junk or without. */
static void cycles(struct play *p, unsigned long n, bool has_junk)
{
	struct watch_proof proof;

	for (; n > 0; n--) {
		p->now_ms += 20000;
		expect_order(p, "end");
		over(p, true, 0);
		expect_order(p, "noop");
		over(p, true, 0);
		if (has_junk) {
			expect_order(p, "status:1");
			tell(p, &(struct imap_event){ .kind = IMAP_EV_STATUS,
						      .status = { TEXT("Spam"), 0, 4, 8, 0 } });
			over(p, true, 0);
		}
		while (watch_take_proof(&p->w, &proof))
			;
		expect_order(p, "idle");
		tell(p, &(struct imap_event){ .kind = IMAP_EV_IDLING });
	}
}

static void know(struct play *p, const unsigned long n[3])
{
	const char *name = n[0] ? "Spam" : "INBOX";
	char id[8];
	const struct watch_folder_known k = {
		.folder = id,
		.raw = text_of(name),
		.name = text_of(name),
		.role = n[0] ? IMAP_ROLE_JUNK : IMAP_ROLE_INBOX,
		.uidvalidity = (uint32_t)n[1],
		.uid_gated = (uint32_t)n[2],
		.uid_ingested = (uint32_t)n[2],
	};

	snprintf(id, sizeof(id), "f%lu", n[0]);
	watch_know(&p->w, &k);
}

static bool driver_gets(struct play *p, const char *word, unsigned long n[3])
{
	struct watch_batch b;
	struct watch_start s;
	struct watch_proof proof;

	if (starts(word, "batch:", n)) {
		must(p, word, watch_take_batch(&p->w, &b), "no batch");
		must(p, word, b.uid_to == n[0], "another UID");
		must(p, word, (b.proof_us != INT64_MIN) == (strchr(word, '!') != NULL),
		     "the proof");
	} else if (starts(word, "start:", n)) {
		must(p, word, watch_take_start(&p->w, &s), "no start");
		must(p, word, s.uid_before == n[0], "another start");
	} else if (starts(word, "proof:", n)) {
		must(p, word, watch_take_proof(&p->w, &proof), "no proof");
		must(p, word, proof.folder == n[0] && proof.proof_us <= us(p), "another proof");
	} else if (strcmp(word, "stuck") == 0) {
		must(p, word, p->w.stuck != NULL, "it is not");
	} else {
		return false;
	}
	return true;
}

static bool driver_says(struct play *p, const char *word, unsigned long n[3])
{
	char id[8];

	if (strcmp(word, "ready") == 0 || strcmp(word, "noidle") == 0) {
		watch_ready(&p->w, word[0] == 'r' ? IMAP_CAP(IDLE) : 0, p->now_ms);
	} else if (starts(word, "know:", n)) {
		know(p, n);
	} else if (starts(word, "row:", n)) {
		snprintf(id, sizeof(id), "f%u", p->w.start.folder);
		watch_started(&p->w, id, (uint32_t)n[0], (uint32_t)n[0]);
	} else if (strcmp(word, "gated") == 0) {
		watch_gated(&p->w);
	} else if (strcmp(word, "worked") == 0) {
		watch_worked(&p->w);
	} else if (strcmp(word, "refuse") == 0) {
		watch_refuse(&p->w, p->now_ms);
	} else if (strcmp(word, "refetch") == 0) {
		watch_refetch(&p->w);
	} else if (starts(word, "again:", n) || starts(word, "unknown:", n)) {
		snprintf(id, sizeof(id), "f%lu", n[0]);
		must(p, word,
		     (watch_again(&p->w, id, (uint32_t)n[1], (uint32_t)n[2]) == 0) ==
			     (word[0] == 'a'),
		     "accepted?");
	} else if (strcmp(word, "leave") == 0) {
		watch_leave(&p->w);
	} else if (starts(word, "T+", n)) {
		p->now_ms += n[0];
	} else if (starts(word, "cycles:", n)) {
		cycles(p, n[0], true);
	} else if (starts(word, "quiet:", n)) {
		cycles(p, n[0], false);
	} else {
		return false;
	}
	return true;
}

static void dialogues(void **state)
{
	const struct watch_params wp = {
		.lookback_s = 14 * 86400, .proof_ms = 20000, .poll_ms = 5000, .keep_ms = 60000
	};
	unsigned long n[3];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct play p = { .row = rows[i].name, .now_ms = 5000 };
		char *words = strdup(rows[i].play), *at = words, *word;

		watch_init(&p.w, &wp);
		while ((word = strsep(&at, " ")))
			if (*word && !driver_says(&p, word, n) && !driver_gets(&p, word, n))
				server_says(&p, word, n);
		watch_clear(&p.w);
		free(words);
	}
}

/* Attribute before guess, first before second. */
static void folders_by_attribute(void **state)
{
	static const struct {
		const char *name, *want;
		bool guess[3];
	} list[] = {
		{ "a guess is taken where there is no attribute",
		  "Junk E-mail",
		  { true, true, true } },
		{ "an attribute beats an earlier guess", "Bulk", { true, false, true } },
		{ "an attribute stays", "Junk E-mail", { false, true, true } },
		{ "the first of two attributes", "Bulk", { true, false, false } },
	};
	static const char *const names[] = { "Junk E-mail", "Bulk", "Spam" };

	(void)state;
	for (size_t i = 0; i < countof(list); i++) {
		struct watch_folders f;

		watch_folder_init(&f);
		for (size_t k = 0; k < countof(names); k++) {
			const struct imap_folder l = { .name = text_of(names[k]),
						       .raw = text_of(names[k]),
						       .role = IMAP_ROLE_JUNK,
						       .is_guess = list[i].guess[k],
						       .is_selectable = true };

			watch_folder_listed(&f, &l);
		}
		watch_folder_list_over(&f);
		for (unsigned k = 0; k < f.n; k++)
			if (f.at[k].is_here && f.at[k].role == IMAP_ROLE_JUNK &&
			    strcmp(f.at[k].name, list[i].want) != 0)
				fail_msg("%s: %s", list[i].name, f.at[k].name);
		assert_int_equal(f.at[0].role, IMAP_ROLE_INBOX);
		watch_folder_clear(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues),
		cmocka_unit_test(folders_by_attribute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
