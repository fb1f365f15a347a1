/* house: long, one table of plays and what understands their words
 *
 * What the watcher orders, dialogue by dialogue.  A row is a play in words.
 *
 * The order that must come now, folders by name:
 *   list lists (with counters) notify examine:INBOX search fetch:6-55 noop idle end logout
 *   cycle cycle:Spam+Work: PROOF and whom it asks; none: no order must come
 * The command is over:
 *   ok: done; no: refused; later: refused for now; die: the connection ends
 *   odd: done, and a mail of it was not understood; short: done, and cut by a limit
 *   yes yes:BITS: PROOF is answered, those sides refused; dead: NOOP was refused
 *   busy cannot: the session does not take it
 * What the server tells:
 *   +INBOX +Spam +Sent +All +Trash +Work +Drafts (LIST) ex:V,N,E low:U,FOUND msg:U msgs:A-B
 *   st:NAME,V,N[,MESSAGES] idling exists:N expunge:S,N over (no NOTIFY any more)
 * What the watcher must give, ! with a proof, ~ recovered; ROW: where the row's watermark goes:
 *   start:U batch:U batch:U/ROW batch:U!~ proven unproven stuck live blind told:KIND,UID
 *   gap:REPLAYED,VANISHED,SKIPPED[,unsure]
 * What the driver says; know: a row from before, UIDs up to U dealt with:
 *   ready noidle rich (LIST-STATUS) pushed (NOTIFY too) moved all (the provider's row wants it)
 *   row:U gated worked refetch refuse again:NAME,V,U unknown:NAME,V,U leave probe T+MS
 *   know:NAME,V,U swept:NAME,V,NEXT seen:SECONDS (ago) opened (a gap)
 * Whole proof cycles in which nothing happens, with the folder for junk and without:
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
	"know:INBOX,7,10 know:Spam,8,3 ready list +INBOX +Spam ok examine:INBOX ex:7,11,10 ok "    \
	"cycle:Spam st:Spam,8,4 yes ok proven live idle idling "
#define DONE_WITH "gated worked "

static const struct {
	const char *name, *play;
} rows[] = {
	/* ---- the first connection ---- */
	{ "looks back from the date, both folders, then idles in INBOX",
	  "ready list +INBOX +Spam ok examine:INBOX ex:7,11,10 ok search low:6 ok start:5 none "
	  "row:5 fetch:6-10 msg:6 msg:10 ok batch:10! none gated none worked blind "
	  "examine:Spam ex:8,4,0 ok search low:0 ok start:3 row:3 "
	  "examine:INBOX ex:7,11,10 ok cycle:Spam st:Spam,8,4 yes ok proven live idle idling "
	  "none" },
	{ "nothing young enough: begins after the last mail",
	  "ready list +INBOX ok examine:INBOX ex:7,11,10 ok search low:0 ok start:10 row:10 cycle "
	  "yes ok proven idle" },
	{ "no date search: a blind look back, and nobody is sure",
	  "ready list +INBOX ok examine:INBOX ex:7,5001,10 ok search no start:3000 "
	  "gap:0,0,0,unsure" },
	{ "a search cut short says nothing of what is below",
	  "ready list +INBOX ok examine:INBOX ex:7,5001,900 ok search low:4600 short start:3000" },
	{ "INBOX cannot be opened", "ready list ok examine:INBOX no stuck" },
	{ "INBOX is there even if LIST does not tell it", "ready list ok examine:INBOX" },
	{ "Sent is watched too, after those that are judged; live does not wait for it",
	  "know:INBOX,7,10 know:Spam,8,3 ready list +Sent +INBOX +Spam ok examine:INBOX ex:7,11,10 "
	  "ok "
	  "cycle:Spam st:Spam,8,4 yes ok proven live examine:Sent ex:5,3,2 ok search low:1 ok "
	  "start:0 row:0 fetch:1-2 msg:1 msg:2 ok batch:2! " DONE_WITH
	  "examine:INBOX ex:7,11,10 ok idle idling T+20000 cycle:Spam+Sent" },
	/* ---- another session ---- */
	{ "nothing new: proven by EXAMINE and one PROOF", UP_TO_DATE "none" },
	{ "mail came: only what is new",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:11-12 msg:11 "
	  "msg:12 ok batch:12! " DONE_WITH "idle" },
	{ "after a long absence it is recovered, and counted",
	  "know:INBOX,7,10 seen:600 ready list +INBOX ok examine:INBOX ex:7,15,12 ok fetch:11-14 "
	  "msg:11 msg:14 ok batch:14!~ " DONE_WITH
	  "gap:2,2,0 idle idling exists:13 end ok fetch:15-* "
	  "msg:15 ok batch:15 " DONE_WITH "gap:2,2,0" },
	{ "after a short one it is not",
	  "know:INBOX,7,10 seen:40 ready list +INBOX ok examine:INBOX ex:7,12,11 ok fetch:11-11 "
	  "msg:11 ok batch:11! " DONE_WITH },
	{ "a gap that was opened makes it recovered however short",
	  "know:INBOX,7,10 seen:40 opened ready list +INBOX ok examine:INBOX ex:7,12,11 ok "
	  "fetch:11-11 msg:11 ok batch:11!~ " DONE_WITH },
	{ "another session takes over: the folders stay, what came between is found", UP_TO_DATE
	  "T+1000 moved examine:INBOX ex:7,12,11 ok fetch:11-11 msg:11 ok batch:11! " DONE_WITH
	  "cycle:Spam st:Spam,8,4 yes ok proven live idle" },
	/* ---- IDLE and EXISTS ---- */
	{ "a mail while idling is fetched at once, and proves nothing by itself", UP_TO_DATE
	  "exists:11 end ok fetch:11-* msg:11 ok batch:11 " DONE_WITH "idle idling none" },
	{ "EXISTS before the server took our IDLE",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,11,10 ok idle exists:11 end "
	  "idling ok fetch:11-* msg:11 ok batch:11" },
	{ "EXISTS with the end of IDLE",
	  UP_TO_DATE "again:INBOX,7,4 end exists:11 ok fetch:11-* msg:11 ok batch:11" },
	{ "EXISTS during the fetch: another fetch",
	  UP_TO_DATE "exists:11 end ok fetch:11-* msg:11 exists:12 ok batch:11 " DONE_WITH
		     "fetch:12-* msg:12 ok batch:12 " DONE_WITH "idle" },
	{ "EXISTS while the driver works", UP_TO_DATE
	  "exists:11 end ok fetch:11-* msg:11 ok batch:11 exists:12 none " DONE_WITH "fetch:12-*" },
	{ "announced and gone before it was fetched",
	  UP_TO_DATE "exists:11 end ok fetch:11-* ok idle" },
	{ "one gone, one new: the count says nothing, the numbers do",
	  UP_TO_DATE "expunge:4,9 none exists:10 end ok fetch:11-* msg:11 ok batch:11" },
	{ "a count repeated is looked into with the next cycle, not at once",
	  UP_TO_DATE "exists:10 none T+20000 cycle:Spam st:Spam,8,4 yes end idling ok fetch:11-* "
		     "msg:11 ok batch:11!" },
	/* ---- the proof cycle ---- */
	{ "one PROOF while idling, and IDLE goes on",
	  UP_TO_DATE "T+19999 none T+1 cycle:Spam st:Spam,8,4 yes proven none idling none" },
	{ "a deaf IDLE: PROOF finds the mail, and its instant is proven with it",
	  UP_TO_DATE "T+20000 cycle:Spam exists:11 st:Spam,8,4 yes end idling ok fetch:11-* msg:11 "
		     "ok batch:11! " DONE_WITH "proven idle" },
	{ "the side folder moved: opened, fetched, and back to INBOX",
	  UP_TO_DATE "T+20000 cycle:Spam st:Spam,8,6 yes end idling ok examine:Spam ex:8,6,2 ok "
		     "fetch:4-5 msg:4 msg:5 ok batch:5! " DONE_WITH
		     "proven examine:INBOX ex:7,11,10 ok idle" },
	{ "STATUS refused: EXAMINE instead",
	  UP_TO_DATE "T+20000 cycle:Spam yes:1 end idling ok examine:Spam" },
	{ "STATUS without UIDNEXT: EXAMINE instead",
	  UP_TO_DATE "T+20000 cycle:Spam st:Spam,8,0 yes end idling ok examine:Spam" },
	{ "no answer to STATUS: EXAMINE instead",
	  UP_TO_DATE "T+20000 cycle:Spam yes end idling ok examine:Spam" },
	{ "the side folder cannot be opened: INBOX is watched, the inbox is not proven",
	  "know:INBOX,7,10 ready list +INBOX +Spam ok examine:INBOX ex:7,11,10 ok "
	  "examine:Spam no examine:INBOX ex:7,11,10 ok idle idling T+20000 cycle yes unproven "
	  "idling" },
	{ "NOOP refused: the session is over",
	  UP_TO_DATE "T+20000 cycle:Spam st:Spam,8,4 dead stuck" },
	{ "no IDLE at the server: polls",
	  "know:INBOX,7,0 noidle list +INBOX ok examine:INBOX ex:7,1,0 ok none T+5000 "
	  "cycle yes ok proven none" },
	{ "IDLE refused: polls",
	  "know:INBOX,7,0 ready list +INBOX ok examine:INBOX ex:7,1,0 ok idle no "
	  "none T+20000 cycle yes ok proven none T+5000 cycle" },
	{ "IDLE just being renewed: PROOF a little later",
	  UP_TO_DATE "T+20000 cycle:Spam busy none T+499 none T+1 cycle:Spam" },
	{ "a probe is answered at once, by a command sent after it", UP_TO_DATE
	  "T+1000 probe cycle:Spam probe st:Spam,8,4 yes none idling cycle:Spam st:Spam,8,4 yes "
	  "proven idling none" },
	{ "after thirty cycles UIDNEXT is asked for",
	  UP_TO_DATE "cycles:28 T+20000 end ok examine:INBOX ex:7,11,10 ok cycle:Spam st:Spam,8,4 "
		     "yes ok proven list +INBOX +Spam ok idle" },
	{ "NOOP as deaf as IDLE: from then on the cycle is EXAMINE, and NOOP proves nothing",
	  UP_TO_DATE "cycles:28 T+20000 end ok examine:INBOX ex:7,12,11 ok fetch:11-11 msg:11 ok "
		     "batch:11! " DONE_WITH "cycle:Spam st:Spam,8,4 yes ok proven list +INBOX "
		     "+Spam ok idle idling T+20000 end ok examine:INBOX ex:7,13,12 ok told:8,0 "
		     "fetch:12-12 msg:12 ok batch:12! " DONE_WITH
		     "cycle:Spam st:Spam,8,4 yes ok proven idle idling exists:13 end ok fetch:13-* "
		     "msg:13 ok batch:13 " DONE_WITH
		     "idle idling T+20000 end ok examine:INBOX ex:7,14,13 ok" },
	{ "a mail that came just before EXAMINE: with the next one that is told all is well",
	  UP_TO_DATE
	  "cycles:28 T+20000 end ok examine:INBOX ex:7,12,11 ok fetch:11-11 msg:11 ok "
	  "batch:11! " DONE_WITH "cycle:Spam st:Spam,8,4 yes ok proven list +INBOX "
	  "+Spam ok idle idling exists:12 end ok fetch:12-* msg:12 ok batch:12 " DONE_WITH
	  "idle idling T+20000 cycle:Spam" },
	{ "counters of LIST tell what IDLE did not",
	  "know:INBOX,7,10 rich lists +INBOX st:INBOX,7,11 ok examine:INBOX ex:7,11,10 ok idle "
	  "idling quiet:2 T+20000 cycle yes idling end ok lists +INBOX st:INBOX,7,12 ok "
	  "examine:INBOX ex:7,12,11 ok fetch:11-11 msg:11 ok batch:11! " DONE_WITH
	  "idle idling T+20000 end ok examine:INBOX" },
	/* ---- UIDVALIDITY ---- */
	{ "another UIDVALIDITY looks back again, and what it finds is recovered",
	  "know:INBOX,7,10 seen:10 ready list +INBOX ok examine:INBOX ex:9,4,3 ok told:3,0 search "
	  "low:2 ok start:1 row:1 fetch:2-3 msg:2 msg:3 ok batch:3!~ " DONE_WITH
	  "gap:2,0,0,unsure" },
	{ "UIDNEXT below what was seen: a mailbox from a backup",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,8,7 ok told:4,0 search low:3 ok "
	  "start:2 row:2 fetch:3-7" },
	{ "HIGHESTMODSEQ below what was told: a backup with as many mails as were lost",
	  "know:INBOX,7,10,900 seen:10 ready list +INBOX ok examine:INBOX ex:7,11,10,850 ok "
	  "told:7,0 "
	  "search low:8 ok start:7 row:7 fetch:8-10 msgs:8-10 ok batch:10!~ " DONE_WITH
	  "gap:3,0,0,unsure" },
	{ "HIGHESTMODSEQ has grown: nothing is looked at twice",
	  "know:INBOX,7,10,900 ready list +INBOX ok examine:INBOX ex:7,11,10,950 ok live idle" },
	{ "HIGHESTMODSEQ is not told any more: nothing is looked at twice",
	  "know:INBOX,7,10,900 ready list +INBOX ok examine:INBOX ex:7,11,10 ok live idle" },
	{ "no UIDVALIDITY at all: this session looks back for itself",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:0,8,7 ok search low:3 ok "
	  "start:2" },
	{ "of the side folder, as STATUS tells it", UP_TO_DATE
	  "T+20000 cycle:Spam st:Spam,9,4 yes end idling ok examine:Spam ex:9,4,3 ok search "
	  "low:1 ok start:0 row:0 fetch:1-3 msgs:1-3 ok batch:3!~" },
	/* ---- windows ---- */
	{ "fifty at a time, the proof with the last",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,113,102 ok fetch:11-60 "
	  "msgs:11-60 ok batch:60 " DONE_WITH "fetch:61-110 msgs:61-110 ok batch:110 " DONE_WITH
	  "fetch:111-112 msg:111 ok batch:112! " DONE_WITH "idle" },
	{ "sparse UIDs: windows grow",
	  "know:INBOX,7,0 ready list +INBOX ok examine:INBOX ex:7,1001,3 ok fetch:1-50 msg:7 ok "
	  "batch:50 " DONE_WITH "fetch:51-150 ok batch:150 " DONE_WITH
	  "fetch:151-350 ok batch:350 " DONE_WITH "fetch:351-750 ok batch:750 " DONE_WITH
	  "fetch:751-1000 msg:1000 ok batch:1000! " DONE_WITH "idle" },
	{ "too many announced at once: UIDNEXT first",
	  UP_TO_DATE "exists:90 end ok examine:INBOX ex:7,91,90 ok fetch:11-60" },
	{ "a server with a limit of its own: smaller windows",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,113,102 ok fetch:11-60 "
	  "msgs:11-30 short fetch:11-35" },
	{ "no UIDNEXT: the watermark never passes what was told",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,0,3 ok fetch:11-60 ok "
	  "fetch:11-160 msg:70 ok batch:70 " DONE_WITH "fetch:71-270 ok fetch:71-670" },
	{ "no UIDNEXT: what comes into a window that was empty is not passed over",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,0,3 ok fetch:11-60 exists:4 ok "
	  "fetch:11-* msg:11 ok batch:11! " DONE_WITH "idle" },
	{ "a batch too large is fetched again in smaller windows",
	  UP_TO_DATE "exists:11 end ok fetch:11-* msg:11 ok batch:11 refetch examine:INBOX "
		     "ex:7,12,11 ok fetch:11-11" },
	/* ---- mails that cannot be had ---- */
	{ "a window refused: halved until the bad one is alone; then on without it",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,14,12 ok fetch:11-13 no "
	  "fetch:11-11 "
	  "msg:11 ok batch:11 " DONE_WITH "fetch:12-13 no fetch:12-12 no fetch:12-12 no told:1,12 "
	  "batch:12/11 " DONE_WITH "fetch:13-13 msg:13 ok batch:13/11! " DONE_WITH
	  "proven gap:2,0,1 idle" },
	{ "it is asked for again, and given",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,12,11 ok fetch:11-11 no "
	  "fetch:11-11 no batch:11/10! " DONE_WITH
	  "idle idling quiet:29 T+20000 end ok fetch:11-11 msg:11 "
	  "ok batch:11 " DONE_WITH
	  "examine:INBOX ex:7,12,11 ok list +INBOX ok idle idling exists:12 end ok examine:INBOX "
	  "ex:7,13,12 ok fetch:12-12 msg:12 ok batch:12!" },
	{ "a mail without headers is no better than a refusal",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:11-12 msg:11 "
	  "msg:12 ok batch:12! refuse fetch:11-11 msg:11 ok batch:11 refuse fetch:11-11 msg:11 ok "
	  "batch:11 refuse batch:11/10" },
	{ "a refusal that is not about the mail is no try",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,12,11 ok fetch:11-11 later "
	  "stuck "
	  "ready list +INBOX ok examine:INBOX ex:7,12,11 ok fetch:11-11 later stuck "
	  "ready list +INBOX ok examine:INBOX ex:7,12,11 ok fetch:11-11 later stuck" },
	{ "a mail told in a way that nobody understands is not passed over", UP_TO_DATE
	  "exists:11 end ok fetch:11-* odd examine:INBOX ex:7,12,11 ok fetch:11-11 odd fetch:11-11 "
	  "odd batch:11/10!" },
	{ "the connection dies at a mail: smaller and smaller, then on without it",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:11-12 die "
	  "ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:11-11 die "
	  "ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:11-11 die told:1,11 "
	  "ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:12-12 msg:12 ok batch:12/10! " },
	{ "a connection that dies once costs a smaller window, no mail",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:11-12 die "
	  "ready list +INBOX ok examine:INBOX ex:7,13,12 ok fetch:11-11 msg:11 ok "
	  "batch:11 " DONE_WITH "fetch:12-12 msg:12 ok batch:12! " DONE_WITH "idle" },
	/* ---- mails that are seen again ---- */
	{ "while idling",
	  UP_TO_DATE "again:INBOX,7,4 end ok fetch:4-4 msg:4 ok batch:4 " DONE_WITH "idle" },
	{ "in the other folder", UP_TO_DATE
	  "again:Spam,8,2 end ok examine:Spam ex:8,4,3 ok fetch:2-2 ok batch:2 " DONE_WITH
	  "examine:INBOX" },
	{ "what arrived comes before what is seen again", UP_TO_DATE
	  "again:INBOX,7,4 exists:11 end ok fetch:11-* msg:11 ok batch:11 " DONE_WITH "fetch:4-4" },
	{ "a mail under another UIDVALIDITY is not looked for",
	  UP_TO_DATE "unknown:INBOX,6,4 unknown:Spam,7,4 none" },
	{ "the folder is gone: its mails are not looked for any more",
	  "know:INBOX,7,10 know:Spam,8,3 again:Spam,8,2 ready list +INBOX ok examine:INBOX "
	  "ex:7,11,10 "
	  "ok idle idling none" },
	{ "in a folder that is not watched: visited for it, and left",
	  "know:INBOX,7,10 know:Work,9,3 again:Work,9,2 ready list +INBOX +Work ok examine:INBOX "
	  "ex:7,11,10 ok examine:Work ex:9,4,3 ok fetch:2-2 msg:2 ok batch:2 " DONE_WITH
	  "examine:INBOX ex:7,11,10 ok idle idling none" },
	/* ---- work and goodbye ---- */
	{ "a long piece of work keeps the session alive", UP_TO_DATE
	  "exists:11 end ok fetch:11-* msg:11 ok batch:11 T+59999 none T+1 noop ok none " DONE_WITH
	  "cycle:Spam st:Spam,8,4 yes ok proven" },
	{ "goodbye waits for the work", UP_TO_DATE
	  "exists:11 end ok fetch:11-* msg:11 ok batch:11 leave none " DONE_WITH "logout none" },
	{ "goodbye while idling", UP_TO_DATE "leave end ok logout none" },
	/* ---- all folders ---- */
	{ "one LIST with counters proves the side folders",
	  "know:INBOX,7,10 know:Spam,8,3 rich lists +INBOX +Spam st:INBOX,7,11 st:Spam,8,4 ok "
	  "examine:INBOX ex:7,11,10 ok proven live idle idling none" },
	{ "a folder that a rule files into: first look, visited when all else is done",
	  "know:INBOX,7,10 rich lists +INBOX +Work st:INBOX,7,11 st:Work,9,6,5 ok examine:INBOX "
	  "ex:7,11,10 ok proven examine:Work ex:9,6,5 ok search low:5 ok start:4 row:4 fetch:5-5 "
	  "msg:5 "
	  "ok batch:5! " DONE_WITH "examine:INBOX ex:7,11,10 ok idle idling none" },
	{ "an empty one is not visited",
	  "know:INBOX,7,10 rich lists +INBOX +Work st:INBOX,7,11 st:Work,9,1,0 ok examine:INBOX "
	  "ex:7,11,10 ok idle idling none" },
	{ "a known one that did not move is not visited; when it moves, from where it was",
	  "know:INBOX,7,10 swept:Work,9,6 rich lists +INBOX +Work st:INBOX,7,11 st:Work,9,6,5 ok "
	  "examine:INBOX ex:7,11,10 ok idle idling quiet:2 T+20000 cycle yes idling end ok lists "
	  "+INBOX +Work st:INBOX,7,11 st:Work,9,8,6 ok examine:Work ex:9,8,6 ok start:5 row:5 "
	  "fetch:6-7 msg:6 msg:7 ok batch:7! " DONE_WITH "examine:INBOX" },
	{ "known under another UIDVALIDITY: looked back, and recovered",
	  "know:INBOX,7,10 swept:Work,8,6 rich lists +INBOX +Work st:INBOX,7,11 st:Work,9,6,5 ok "
	  "examine:INBOX ex:7,11,10 ok examine:Work ex:9,6,5 ok told:3,0 search low:5 ok start:4 "
	  "row:4 fetch:5-5 msg:5 ok batch:5!~" },
	{ "without counters in LIST they are asked for with the cycle",
	  "know:INBOX,7,10 swept:Trash,4,2 ready list +INBOX +Work +Trash ok examine:INBOX "
	  "ex:7,11,10 "
	  "ok idle idling T+20000 cycle:Work+Trash st:Work,9,6,5 st:Trash,4,2,1 yes idling end ok "
	  "examine:Work ex:9,6,5 ok search low:0 ok start:5 row:5 examine:INBOX" },
	{ "a folder that cannot be opened is left until the next LIST",
	  "know:INBOX,7,10 rich lists +INBOX +Work st:INBOX,7,11 st:Work,9,6,5 ok examine:INBOX "
	  "ex:7,11,10 ok examine:Work no examine:INBOX ex:7,11,10 ok idle idling none" },
	{ "drafts are nobody's reply", "know:INBOX,7,10 rich lists +INBOX +Drafts st:INBOX,7,11 "
				       "st:Drafts,9,6,5 ok examine:INBOX "
				       "ex:7,11,10 ok idle idling none" },
	{ "a folder for junk that was not there before is found with the next LIST",
	  "know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,11,10 ok idle idling quiet:2 "
	  "T+20000 "
	  "cycle yes idling end ok list +INBOX +Spam ok examine:Spam ex:8,2,1 ok search low:1 ok "
	  "start:0 "
	  "row:0 fetch:1-1 msg:1 ok batch:1! " DONE_WITH "examine:INBOX" },
	{ "one that cannot be opened is tried again with the next LIST",
	  "know:INBOX,7,10 know:Spam,8,3 ready list +INBOX +Spam ok examine:INBOX ex:7,11,10 ok "
	  "cycle:Spam yes:1 ok examine:Spam no examine:INBOX ex:7,11,10 ok idle idling quiet:2 "
	  "T+20000 "
	  "cycle yes idling end ok list +INBOX +Spam ok examine:Spam ex:8,4,3 ok examine:INBOX "
	  "ex:7,11,10 ok proven idle" },
	{ "LIST with counters refused: without",
	  "know:INBOX,7,10 rich lists no list +INBOX ok examine:INBOX" },
	{ "no LIST at all: stuck", "ready list no stuck" },
	/* ---- the folder of all mail ---- */
	{ "all mail is the main folder; INBOX and Sent are views of it; only the trash is swept",
	  "all know:All,3,20 know:INBOX,7,10 rich lists +INBOX +Sent +All +Spam +Trash +Work "
	  "st:Spam,8,1,0 st:Trash,4,3,2 st:Work,9,6,5 ok examine:All ex:3,21,20 ok examine:Spam "
	  "ex:8,1,0 ok search low:0 ok start:0 row:0 examine:All ex:3,21,20 ok cycle:Spam "
	  "st:Spam,8,1 "
	  "yes ok proven live examine:Trash ex:4,3,2 ok search low:2 ok start:1" },
	{ "all mail is hidden from us: INBOX as ever",
	  "all know:INBOX,7,10 ready list +INBOX ok examine:INBOX ex:7,11,10 ok idle" },
	{ "a folder of all mail where the provider's row does not ask for it is a view",
	  "know:INBOX,7,10 rich lists +All +INBOX st:All,3,5,4 ok examine:INBOX ex:7,11,10 ok idle "
	  "idling none" },
	/* ---- NOTIFY ---- */
	{ "the side folder is told at once",
	  "know:INBOX,7,10 know:Spam,8,3 pushed lists +INBOX +Spam st:Spam,8,4 ok notify "
	  "st:Spam,8,4 "
	  "ok examine:INBOX ex:7,11,10 ok proven idle idling st:Spam,8,5 end ok examine:Spam "
	  "ex:8,5,4 ok fetch:4-4 msg:4 ok batch:4! " DONE_WITH "examine:INBOX ex:7,11,10 ok idle" },
	{ "what is pushed proves nothing",
	  "know:INBOX,7,10 know:Spam,8,3 pushed lists +INBOX +Spam st:Spam,8,4 ok notify ok "
	  "examine:INBOX ex:7,11,10 ok proven idle idling T+3000 st:Spam,8,4 unproven none" },
	{ "a mail gone from a side folder is no news",
	  "know:INBOX,7,10 know:Spam,8,3 pushed lists +INBOX +Spam st:Spam,8,4 ok notify ok "
	  "examine:INBOX ex:7,11,10 ok idle idling st:Spam,0,0,2 none" },
	{ "any other folder is listed again at once, but not more often than every five seconds",
	  "know:INBOX,7,10 swept:Work,9,6 pushed lists +INBOX +Work st:Work,9,6,5 ok notify "
	  "st:Work,9,6,5 ok examine:INBOX ex:7,11,10 ok idle idling T+1000 st:Work,9,7,6 none "
	  "T+4000 "
	  "end ok lists +INBOX +Work st:Work,9,7,6 ok examine:Work ex:9,7,6 ok start:5 row:5 "
	  "fetch:6-6 "
	  "msg:6 ok batch:6! " DONE_WITH "examine:INBOX ex:7,11,10 ok idle idling none" },
	{ "changing drafts are no news",
	  "know:INBOX,7,10 pushed lists +INBOX +Drafts st:Drafts,9,6,5 ok notify ok examine:INBOX "
	  "ex:7,11,10 ok idle idling T+9000 st:Drafts,9,7,6 none" },
	{ "NOTIFY refused: polled as ever",
	  "know:INBOX,7,10 pushed lists +INBOX ok notify no examine:INBOX" },
	{ "the main folder gets mail while another is open: back to it first",
	  "know:INBOX,7,10 know:Spam,8,3 pushed lists +INBOX +Spam st:Spam,8,200 ok notify ok "
	  "examine:INBOX ex:7,11,10 ok examine:Spam ex:8,200,190 ok fetch:4-53 msgs:4-53 ok "
	  "batch:53 "
	  "st:INBOX,7,12 " DONE_WITH
	  "examine:INBOX ex:7,12,11 ok fetch:11-11 msg:11 ok batch:11! " DONE_WITH
	  "examine:Spam ex:8,200,190 ok fetch:54-103" },
	/* ---- fairness ---- */
	{ "a long side folder gives way to the main one every five seconds",
	  "know:INBOX,7,10 know:Spam,8,3 ready list +INBOX +Spam ok examine:INBOX ex:7,11,10 ok "
	  "cycle:Spam st:Spam,8,200 yes ok examine:Spam T+5000 ex:8,200,190 ok fetch:4-53 "
	  "msgs:4-53 ok "
	  "batch:53 " DONE_WITH
	  "examine:INBOX ex:7,11,10 ok examine:Spam ex:8,200,190 ok fetch:54-103" },
};

struct play {
	const char *row;
	struct watch w;
	struct watch_params params;
	struct watch_order order;
	uint64_t now_ms;
};

static void must(struct play *p, const char *word, bool c, const char *why)
{
	if (!c)
		fail_msg("%s: at \"%s\": %s (%s)", p->row, word, why, watch_state_words(&p->w));
}

static int64_t us(const struct play *p)
{
	return INT64_C(1700000000000000) + (int64_t)p->now_ms * 1000;
}

static void tell(struct play *p, const struct imap_event *ev)
{
	watch_heard(&p->w, ev, p->now_ms, us(p));
}

static const struct imap_verdict good = { OUTCOME_OK, IMAP_REMEDY_NONE, 0 };
static const struct imap_verdict not = { { BLAME_REFUSED, "refused", "" }, IMAP_REMEDY_SKIP, 0 };
static const struct imap_verdict later = { { BLAME_REFUSED, "throttled", "" },
					   IMAP_REMEDY_WAIT,
					   1 };

static void over(struct play *p, const struct imap_verdict *v, unsigned lost, bool is_short)
{
	tell(p, &(struct imap_event){ .kind = IMAP_EV_DONE,
				      .done = { IMAP_COMMAND_NONE, v, lost, is_short } });
}

static void proven(struct play *p, bool is_alive, uint32_t refused)
{
	tell(p, &(struct imap_event){ .kind = IMAP_EV_PROVEN,
				      .proven = { is_alive, refused, &good } });
}

static const char *name_of(const struct play *p, unsigned folder)
{
	return folder < p->w.folders.n && p->w.folders.at[folder].raw ? p->w.folders.at[folder].raw
								      : "?";
}

static void fmt_order(const struct play *p, char *dst, size_t n)
{
	const struct watch_order *o = &p->order;
	const char *name = watch_order_name(o->kind);
	int len;

	if (o->kind == WATCH_ORDER_FETCH && o->uid_to == UINT32_MAX) {
		snprintf(dst, n, "fetch:%u-*", o->uid_from);
	} else if (o->kind == WATCH_ORDER_FETCH) {
		snprintf(dst, n, "fetch:%u-%u", o->uid_from, o->uid_to);
	} else if (o->kind == WATCH_ORDER_EXAMINE) {
		snprintf(dst, n, "%s:%s", name, name_of(p, o->folder));
	} else if (o->kind == WATCH_ORDER_PROOF) {
		len = snprintf(dst, n, "cycle");
		for (unsigned i = 0; i < o->n_sides; i++)
			len += snprintf(dst + len, n - (size_t)len, "%s%.*s", i ? "+" : ":",
					TEXT_ARG(o->side[i]));
	} else if (o->kind == WATCH_ORDER_LIST_STATUS) {
		snprintf(dst, n, "lists");
	} else {
		snprintf(dst, n, "%s", o->kind == WATCH_ORDER_END_IDLE ? "end" : name);
	}
}

static void expect_order(struct play *p, const char *word)
{
	char got[128] = "none";

	if (watch_next(&p->w, p->now_ms, us(p), &p->order))
		fmt_order(p, got, sizeof(got));
	if (strcmp(got, word) != 0)
		fail_msg("%s: \"%s\" was wanted, \"%s\" came (%s)", p->row, word, got,
			 watch_state_words(&p->w));
	if (strcmp(got, "none") == 0 && watch_deadline(&p->w) <= p->now_ms)
		fail_msg("%s: at \"%s\": waits for an instant that is over (%s)", p->row, word,
			 watch_state_words(&p->w));
}

static enum imap_role role_of(const char *name)
{
	static const struct {
		const char *name;
		enum imap_role role;
	} all[] = {
		{ "INBOX", IMAP_ROLE_INBOX }, { "Spam", IMAP_ROLE_JUNK },
		{ "Sent", IMAP_ROLE_SENT },   { "All", IMAP_ROLE_ALL },
		{ "Trash", IMAP_ROLE_TRASH }, { "Drafts", IMAP_ROLE_DRAFTS },
	};

	for (size_t i = 0; i < countof(all); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].role;
	return IMAP_ROLE_NONE;
}

static void listed(struct play *p, const char *name)
{
	struct imap_event ev = { .kind = IMAP_EV_FOLDER };

	ev.folder = (struct imap_folder){ .name = text_of(name),
					  .raw = text_of(name),
					  .role = role_of(name),
					  .is_selectable = true };
	tell(p, &ev);
}

static void message(struct play *p, uint32_t uid)
{
	tell(p, &(struct imap_event){ .kind = IMAP_EV_MESSAGE,
				      .message = { .uid = uid, .has = IMAP_HAS_HEADER } });
}

/* "with" then a name and up to four numbers: "st:Spam,8,4", "ex:7,11,10", "batch:12/11". */
struct args {
	char name[16];
	unsigned long n[4];
	unsigned count;
};

static bool starts(const char *word, const char *with, struct args *a)
{
	const char *at = word + strlen(with);
	char *end = NULL;
	size_t len;

	*a = (struct args){ 0 };
	if (strncmp(word, with, strlen(with)) != 0)
		return false;
	len = strcspn(at, ",");
	if (*at >= 'A' && *at <= 'Z' && len < sizeof(a->name)) {
		memcpy(a->name, at, len);
		at += len + (at[len] == ',');
	}
	for (; a->count < 4 && *at >= '0' && *at <= '9'; a->count++) {
		a->n[a->count] = strtoul(at, &end, 10);
		at = end + (*end == ',' || *end == '-' || *end == '/');
	}
	return true;
}

static void status(struct play *p, const struct args *a)
{
	struct imap_event ev = { .kind = IMAP_EV_STATUS };

	ev.status.raw = text_of(a->name);
	ev.status.uidvalidity = (uint32_t)a->n[0];
	ev.status.uidnext = (uint32_t)a->n[1];
	ev.status.has_messages = a->count > 2;
	ev.status.messages = (uint32_t)a->n[2];
	tell(p, &ev);
}

static bool server_ends(struct play *p, const char *word, struct args *a)
{
	if (strcmp(word, "ok") == 0)
		over(p, &good, 0, false);
	else if (strcmp(word, "odd") == 0)
		over(p, &good, 1, false);
	else if (strcmp(word, "short") == 0)
		over(p, &good, 0, true);
	else if (strcmp(word, "no") == 0)
		over(p, &not, 0, false);
	else if (strcmp(word, "later") == 0)
		over(p, &later, 0, false);
	else if (strcmp(word, "dead") == 0)
		proven(p, false, 0);
	else if (strcmp(word, "yes") == 0 || starts(word, "yes:", a))
		proven(p, true, word[3] ? (uint32_t)a->n[0] : 0);
	else if (strcmp(word, "die") == 0)
		tell(p, &(struct imap_event){ .kind = IMAP_EV_FAILED, .over.verdict = &not });
	else if (strcmp(word, "busy") == 0 || strcmp(word, "cannot") == 0)
		watch_cannot(&p->w, &p->order, word[0] == 'b', p->now_ms);
	else
		return false;
	return true;
}

static bool server_says(struct play *p, const char *word, struct args *a)
{
	if (word[0] == '+')
		listed(p, word + 1);
	else if (starts(word, "ex:", a))
		tell(p, &(struct imap_event){ .kind = IMAP_EV_EXAMINED,
					      .examined = { (uint32_t)a->n[0], (uint32_t)a->n[1],
							    (uint32_t)a->n[2],
							    a->count > 3 ? a->n[3] : 0, false } });
	else if (starts(word, "low:", a))
		tell(p, &(struct imap_event){ .kind = IMAP_EV_LOWEST_UID,
					      .lowest = { (uint32_t)a->n[0], (uint32_t)a->n[1] } });
	else if (starts(word, "msgs:", a))
		for (; a->n[0] <= a->n[1]; a->n[0]++)
			message(p, (uint32_t)a->n[0]);
	else if (starts(word, "msg:", a))
		message(p, (uint32_t)a->n[0]);
	else if (starts(word, "st:", a))
		status(p, a);
	else if (strcmp(word, "idling") == 0)
		tell(p, &(struct imap_event){ .kind = IMAP_EV_IDLING });
	else if (strcmp(word, "over") == 0)
		tell(p, &(struct imap_event){ .kind = IMAP_EV_NOTIFY_OVER });
	else if (starts(word, "exists:", a))
		tell(p, &(struct imap_event){ .kind = IMAP_EV_EXISTS,
					      .exists.count = (uint32_t)a->n[0] });
	else if (starts(word, "expunge:", a))
		tell(p,
		     &(struct imap_event){ .kind = IMAP_EV_EXPUNGE,
					   .expunge = { (uint32_t)a->n[0], (uint32_t)a->n[1] } });
	else
		return server_ends(p, word, a);
	return true;
}

/* Whole proof cycles in which nothing happens, with the folder for junk or without. */
static void cycles(struct play *p, unsigned long n, bool has_junk)
{
	struct args a = { .name = "Spam", .n = { 8, 4 }, .count = 2 };
	int64_t proof;

	for (; n > 0; n--) {
		p->now_ms += 20000;
		expect_order(p, has_junk ? "cycle:Spam" : "cycle");
		if (has_junk)
			status(p, &a);
		proven(p, true, 0);
		(void)watch_take_proof(&p->w, &proof);
		tell(p, &(struct imap_event){ .kind = IMAP_EV_IDLING });
	}
}

static void know(struct play *p, const struct args *a)
{
	const struct watch_folder_known k = {
		.folder = a->name,
		.raw = text_of(a->name),
		.name = text_of(a->name),
		.role = watch_folder_role_of(watch_folder_role_name(role_of(a->name))),
		.uidvalidity = (uint32_t)a->n[0],
		.uid_gated = (uint32_t)a->n[1],
		.uid_ingested = (uint32_t)a->n[1],
		.modseq = a->count > 2 ? a->n[2] : 0,
	};

	watch_know(&p->w, &k);
}

static void take_batch(struct play *p, const char *word, const struct args *a)
{
	struct watch_batch b;

	must(p, word, watch_take_batch(&p->w, &b), "no batch");
	must(p, word, b.uid_to == a->n[0], "another UID");
	must(p, word, b.purpose == WATCH_AGAIN || b.uid_row == (a->count > 1 ? a->n[1] : a->n[0]),
	     "another watermark");
	must(p, word, (b.proof_us != INT64_MIN) == (strchr(word, '!') != NULL), "the proof");
	must(p, word, b.is_missed == (strchr(word, '~') != NULL), "recovered?");
}

static void check_gap(struct play *p, const char *word, const struct args *a)
{
	must(p, word, p->w.gap.replayed == a->n[0], "replayed");
	must(p, word, p->w.gap.vanished == a->n[1], "vanished");
	must(p, word, p->w.gap.skipped == a->n[2], "skipped");
	must(p, word, p->w.gap.is_unsure == (strstr(word, "unsure") != NULL), "sure?");
}

static bool driver_gets(struct play *p, const char *word, struct args *a)
{
	struct watch_start s;
	struct watch_told t;
	int64_t proof;

	if (starts(word, "batch:", a)) {
		take_batch(p, word, a);
	} else if (starts(word, "start:", a)) {
		must(p, word, watch_take_start(&p->w, &s), "no start");
		must(p, word, s.uid_before == a->n[0], "another start");
	} else if (strcmp(word, "proven") == 0) {
		must(p, word, watch_take_proof(&p->w, &proof), "no proof");
		must(p, word, proof <= us(p), "another proof");
	} else if (strcmp(word, "unproven") == 0) {
		must(p, word, !watch_take_proof(&p->w, &proof), "a proof");
	} else if (strcmp(word, "stuck") == 0) {
		must(p, word, p->w.stuck != NULL, "it is not");
	} else if (strcmp(word, "live") == 0 || strcmp(word, "blind") == 0) {
		must(p, word, watch_is_live(&p->w) == (word[0] == 'l'), "live?");
	} else if (starts(word, "told:", a)) {
		must(p, word, watch_take_told(&p->w, &t), "nothing told");
		must(p, word, t.kind == a->n[0] && t.uid == a->n[1], "another told");
	} else if (starts(word, "gap:", a)) {
		check_gap(p, word, a);
	} else {
		return false;
	}
	return true;
}

static bool driver_says(struct play *p, const char *word, struct args *a)
{
	uint64_t caps = IMAP_CAP(IDLE);

	if (strcmp(word, "gated") == 0) {
		watch_gated(&p->w);
	} else if (strcmp(word, "worked") == 0) {
		watch_worked(&p->w);
	} else if (strcmp(word, "refuse") == 0) {
		watch_refuse(&p->w, p->now_ms);
	} else if (strcmp(word, "refetch") == 0) {
		watch_refetch(&p->w);
	} else if (strcmp(word, "leave") == 0) {
		watch_leave(&p->w);
	} else if (strcmp(word, "probe") == 0) {
		watch_probe(&p->w);
	} else if (strcmp(word, "ready") == 0) {
		watch_ready(&p->w, caps, p->now_ms, us(p));
	} else if (strcmp(word, "noidle") == 0) {
		watch_ready(&p->w, 0, p->now_ms, us(p));
	} else if (strcmp(word, "rich") == 0 || strcmp(word, "pushed") == 0) {
		caps |= IMAP_CAP(LIST_STATUS) | (word[0] == 'p' ? IMAP_CAP(NOTIFY) : 0);
		watch_ready(&p->w, caps, p->now_ms, us(p));
	} else if (strcmp(word, "moved") == 0) {
		must(p, word, watch_is_quiet(&p->w), "not quiet");
		watch_move(&p->w, caps, p->now_ms);
	} else {
		(void)a;
		return false;
	}
	return true;
}

static bool driver_knows(struct play *p, const char *word, struct args *a)
{
	if (strcmp(word, "all") == 0) {
		p->w.p.watches_all = true;
	} else if (starts(word, "know:", a)) {
		know(p, a);
	} else if (starts(word, "swept:", a)) {
		sweep_saw(&p->w.sweep, text_of(a->name), (uint32_t)a->n[0], (uint32_t)a->n[1]);
	} else if (starts(word, "seen:", a)) {
		watch_know_proof(&p->w, us(p) - (int64_t)a->n[0] * 1000000, false);
	} else if (strcmp(word, "opened") == 0) {
		watch_know_proof(&p->w, INT64_MIN, true);
	} else if (starts(word, "row:", a)) {
		watch_started(&p->w, name_of(p, p->w.start.folder), (uint32_t)a->n[0],
			      (uint32_t)a->n[0]);
	} else if (starts(word, "again:", a) || starts(word, "unknown:", a)) {
		must(p, word,
		     (watch_again(&p->w, a->name, (uint32_t)a->n[0], (uint32_t)a->n[1]) == 0) ==
			     (word[0] == 'a'),
		     "accepted?");
	} else if (starts(word, "T+", a)) {
		p->now_ms += a->n[0];
	} else if (starts(word, "cycles:", a)) {
		cycles(p, a->n[0], true);
	} else if (starts(word, "quiet:", a)) {
		cycles(p, a->n[0], false);
	} else {
		return false;
	}
	return true;
}

static void dialogues(void **state)
{
	const struct watch_params wp = { .lookback_s = 14 * 86400,
					 .proof_ms = 20000,
					 .sweep_ms = 60000,
					 .poll_ms = 5000,
					 .keep_ms = 60000 };
	const char *only = getenv("ROW");
	struct args a;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct play p = { .row = rows[i].name, .now_ms = 5000 };
		char *words = strdup(rows[i].play), *at = words, *word;

		watch_init(&p.w, &wp);
		while ((!only || strstr(rows[i].name, only)) && (word = strsep(&at, " ")))
			if (*word && !driver_says(&p, word, &a) && !driver_knows(&p, word, &a) &&
			    !driver_gets(&p, word, &a) && !server_says(&p, word, &a))
				expect_order(&p, word);
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

			watch_folder_listed(&f, &l, false);
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

/* More folders than are looked at: so many are, and that there are more is told. */
static void too_many_folders_are_told(void **state)
{
	const struct watch_params wp = { .lookback_s = 86400,
					 .proof_ms = 20000,
					 .sweep_ms = 60000 };
	struct play p = { .row = "too many folders", .now_ms = 5000 };
	struct watch_told told;
	char name[32];

	(void)state;
	watch_init(&p.w, &wp);
	watch_ready(&p.w, IMAP_CAP(IDLE), p.now_ms, us(&p));
	expect_order(&p, "list");
	listed(&p, "INBOX");
	for (unsigned i = 0; i < LIMIT_SWEEP_FOLDERS + 4; i++) {
		snprintf(name, sizeof(name), "Folder %u", i);
		listed(&p, name);
	}
	over(&p, &good, 0, false);
	must(&p, "told", watch_take_told(&p.w, &told), "nothing told");
	assert_int_equal(told.kind, WATCH_TOLD_TOO_MANY);
	assert_int_equal(told.uid, 5); /* INBOX stood in the list too */
	assert_int_equal(p.w.sweep.n, LIMIT_SWEEP_FOLDERS);
	expect_order(&p, "examine:INBOX");
	watch_clear(&p.w);
}

/* It is kept 100,000 times: nothing large stands inside. */
static void an_idle_one_is_small(void **state)
{
	(void)state;
	print_message("struct watch: %zu bytes, a folder: %zu\n", sizeof(struct watch),
		      sizeof(struct watch_folder));
	assert_true(sizeof(struct watch) <= 720);
	assert_true(sizeof(struct watch_folder) <= 160);
	assert_int_equal(sizeof(struct sweep_seen), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues),
		cmocka_unit_test(folders_by_attribute),
		cmocka_unit_test(too_many_folders_are_told),
		cmocka_unit_test(an_idle_one_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
