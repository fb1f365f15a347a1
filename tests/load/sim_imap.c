/*
 * Greeted; logged in by LOGIN or AUTHENTICATE as "u<number>@..." with any
 * password or token at all; a folder open or not; idling; over.
 */
#include "tests/load/sim_imap.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define CAPS_BEFORE                                                                                \
	"IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER ID ENABLE IDLE LITERAL-"
#define CAPS_AFTER                                                                                 \
	"IMAP4rev1 SASL-IR ID ENABLE IDLE NAMESPACE SPECIAL-USE LIST-EXTENDED LIST-STATUS "        \
	"CONDSTORE ESEARCH LITERAL- UIDPLUS UNSELECT"

/* One command: its tag, its words behind the verb. */
struct call {
	struct sim_imap *s;
	struct sim_imap_server *server;
	struct text tag, args;
	bool is_uid;
	struct buf *out;
};

static void ok(struct call *c, const char *words)
{
	(void)text_add(c->out, c->tag);
	(void)text_add(c->out, TEXT(" OK "));
	(void)text_add(c->out, text_of(words));
	(void)text_add(c->out, TEXT("\r\n"));
}

static void bad(struct call *c, const char *words)
{
	(void)text_addf(c->out, "%.*s BAD %s\r\n", TEXT_ARG(c->tag), words);
}

static void say(struct call *c, const char *words)
{
	(void)text_add(c->out, text_of(words));
	(void)text_add(c->out, TEXT("\r\n"));
}

static bool has_word(struct text in, const char *word)
{
	return text_ifind(in, text_of(word)) != SIZE_MAX;
}

/* The next word; of a quoted string what is between the quotes. */
static struct text next_word(struct text *rest)
{
	struct text word;

	*rest = text_trim(*rest);
	if (rest->len && rest->at[0] == '"') {
		(void)text_cut(text_sub(*rest, 1, rest->len), '"', &word, rest);
		return word;
	}
	(void)text_cut(*rest, ' ', &word, rest);
	return word;
}

/* ---- login ---- */

void sim_imap_greet(struct sim_imap *s, struct buf *out)
{
	*s = (struct sim_imap){ .state = SIM_IMAP_GREETED };
	(void)text_add(out, TEXT("* OK [CAPABILITY " CAPS_BEFORE "] load simulator ready\r\n"));
}

static void logged_in(struct call *c, struct text user)
{
	c->s->box = sim_box_find(&c->server->boxes, user);
	if (!c->s->box) {
		c->s->state = SIM_IMAP_GREETED;
		(void)text_addf(c->out, "%.*s NO [AUTHENTICATIONFAILED] no such inbox here\r\n",
				TEXT_ARG(c->tag));
		return;
	}
	c->s->state = SIM_IMAP_AUTHED;
	c->server->tally.logins++;
	c->server->tally.logged_in++;
	ok(c, "[CAPABILITY " CAPS_AFTER "] logged in");
}

/* RFC 4616, RFC 7628 and Google's XOAUTH2: of each only the name of the user. */
static void heard_sasl(struct call *c, struct text base64)
{
	cleanup_buf struct buf plain = { .max = 65536 };
	struct text name = { 0 }, rest;

	if (text_from_base64(&plain, base64) < 0) {
		c->s->state = SIM_IMAP_GREETED;
		bad(c, "not base64");
		return;
	}
	rest = text_of_buf(&plain);
	switch (c->s->sasl) {
	case 'P':
		(void)text_cut(rest, '\0', &name, &rest);
		(void)text_cut(rest, '\0', &name, &rest);
		break;
	case 'X':
		(void)text_cut(rest, '\001', &name, &rest);
		name = text_sub(name, strlen("user="), name.len);
		break;
	case 'O':
		(void)text_cut(rest, '\001', &name, &rest);
		name = text_sub(name, strlen("n,a="), name.len);
		(void)text_cut(name, ',', &name, &rest);
		break;
	}
	logged_in(c, name);
}

static void do_authenticate(struct call *c)
{
	struct text rest = c->args, mechanism = next_word(&rest);

	c->s->sasl = mechanism.len ? (char)(mechanism.at[0] & ~0x20) : 'P';
	rest = text_trim(rest);
	if (rest.len) {
		heard_sasl(c, rest);
		return;
	}
	c->s->state = SIM_IMAP_SASL;
	(void)snprintf(c->s->tag, sizeof(c->s->tag), "%.*s", TEXT_ARG(c->tag));
	say(c, "+ ");
}

static void do_login(struct call *c)
{
	struct text rest = c->args;

	logged_in(c, next_word(&rest));
}

/* ---- folders ---- */

static const struct {
	const char *name, *attributes;
} folders[] = {
	{ "INBOX", "\\HasNoChildren" },
	{ "Junk", "\\HasNoChildren \\Junk" },
	{ "Sent", "\\HasNoChildren \\Sent" },
	{ "Trash", "\\HasNoChildren \\Trash" },
	{ "Archive", "\\HasNoChildren \\Archive" },
	{ "Drafts", "\\HasNoChildren \\Drafts" },
	{ "Customers", "\\HasNoChildren" },
	{ "Travel", "\\HasNoChildren" },
	{ "Receipts", "\\HasNoChildren" },
};

static size_t n_folders(const struct sim_imap_server *server)
{
	size_t n = 3 + server->folders;

	return n < countof(folders) ? n : countof(folders);
}

static size_t find_folder(const struct call *c, struct text name)
{
	for (size_t i = 0; i < n_folders(c->server); i++)
		if (text_ieq(name, text_of(folders[i].name)))
			return i;
	return SIZE_MAX;
}

/* STATUS of those items that were asked for, RFC 3501 section 6.3.10. */
static void tell_status(struct call *c, size_t folder, struct text items)
{
	uint32_t n = folder == 0 ? c->s->box->n : 0;
	const struct {
		const char *name;
		uint32_t value;
	} all[] = { { "MESSAGES", n },
		    { "RECENT", 0 },
		    { "UIDNEXT", SIM_MAIL_UID + n },
		    { "UIDVALIDITY", 7 + (uint32_t)folder },
		    { "UNSEEN", n },
		    { "HIGHESTMODSEQ", 100 + n } };
	const char *gap = "";

	(void)text_addf(c->out, "* STATUS %s (", folders[folder].name);
	for (size_t i = 0; i < countof(all); i++) {
		if (!has_word(items, all[i].name))
			continue;
		(void)text_addf(c->out, "%s%s %u", gap, all[i].name, all[i].value);
		gap = " ";
	}
	say(c, ")");
}

static void do_status(struct call *c)
{
	struct text rest = c->args;
	size_t folder = find_folder(c, next_word(&rest));

	if (folder == SIZE_MAX) {
		(void)text_addf(c->out, "%.*s NO no such folder\r\n", TEXT_ARG(c->tag));
		return;
	}
	tell_status(c, folder, rest);
	ok(c, "status");
}

static void do_list(struct call *c)
{
	size_t at = text_ifind(c->args, TEXT("STATUS ("));

	if (has_word(c->args, "\"\" \"\"") || has_word(c->args, "\"\" INBOX")) {
		say(c, "* LIST (\\HasNoChildren) \"/\" INBOX");
		ok(c, "list");
		return;
	}
	for (size_t i = 0; i < n_folders(c->server); i++) {
		(void)text_addf(c->out, "* LIST (%s) \"/\" %s\r\n", folders[i].attributes,
				folders[i].name);
		if (at != SIZE_MAX)
			tell_status(c, i, text_sub(c->args, at, c->args.len));
	}
	ok(c, "list");
}

static void close_folder(struct call *c)
{
	if (c->s->is_inbox_open)
		sim_box_detach(&c->server->boxes, c->s->box, c->s);
	c->s->is_inbox_open = false;
}

static void do_examine(struct call *c)
{
	struct text rest = c->args;
	size_t folder = find_folder(c, next_word(&rest));
	uint32_t n;

	close_folder(c);
	if (folder == SIZE_MAX) {
		(void)text_addf(c->out, "%.*s NO no such folder\r\n", TEXT_ARG(c->tag));
		return;
	}
	n = folder == 0 ? c->s->box->n : 0;
	if (folder == 0) {
		c->s->is_inbox_open = true;
		c->s->told = n;
		sim_box_attach(&c->server->boxes, c->s->box, c->s);
	}
	say(c, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)");
	say(c, "* OK [PERMANENTFLAGS ()] read-only");
	(void)text_addf(c->out,
			"* %u EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %u] UIDs valid\r\n"
			"* OK [UIDNEXT %u] next\r\n* OK [HIGHESTMODSEQ %u] highest\r\n",
			n, 7 + (unsigned)folder, SIM_MAIL_UID + n, 100 + n);
	ok(c, "[READ-ONLY] examined");
}

/* ---- mails ---- */

static void tell_exists(struct sim_imap *s, struct buf *out)
{
	if (!s->is_inbox_open || s->told == s->box->n)
		return;
	s->told = s->box->n;
	(void)text_addf(out, "* %u EXISTS\r\n", s->told);
}

/* All our mails are of today: SINCE finds them all, whatever day is asked for. */
static void do_search(struct call *c)
{
	uint32_t n = c->s->is_inbox_open ? c->s->box->n : 0;

	if (has_word(c->args, "RETURN")) {
		(void)text_addf(c->out, "* ESEARCH (TAG \"%.*s\")%s", TEXT_ARG(c->tag),
				c->is_uid ? " UID" : "");
		if (n)
			(void)text_addf(c->out, " MIN %u MAX %u", SIM_MAIL_UID,
					SIM_MAIL_UID + n - 1);
		(void)text_addf(c->out, " COUNT %u\r\n", n);
	} else {
		(void)text_add(c->out, TEXT("* SEARCH"));
		for (uint32_t i = 0; i < n; i++)
			(void)text_addf(c->out, " %u", c->is_uid ? SIM_MAIL_UID + i : i + 1);
		(void)text_add(c->out, TEXT("\r\n"));
	}
	ok(c, "search");
}

/* BODY.PEEK[section]<0.n>: what stands at `item`, which is cut off its front. */
static bool tell_section(struct call *c, uint32_t place, struct sim_mail *m, struct text *item)
{
	static struct buf bytes = { .max = 65536 };
	struct text section, rest, partial;
	uint64_t most = UINT64_MAX;

	if (!text_cut(*item, '[', &rest, item) || !text_cut(*item, ']', &section, item))
		return false;
	if (item->len && item->at[0] == '<') {
		(void)text_cut(*item, '>', &partial, item);
		(void)text_cut(partial, '.', &rest, &partial);
		(void)text_u64(partial, UINT32_MAX, &most);
	}
	buf_cut(&bytes, 0);
	if (!sim_mail_section(&bytes, c->s->box->inbox, SIM_MAIL_UID + place, m, section)) {
		(void)text_addf(c->out, " BODY[%.*s] NIL", TEXT_ARG(section));
		return true;
	}
	if (bytes.len < most)
		most = bytes.len;
	(void)text_addf(c->out, " BODY[%.*s]%s {%zu}\r\n", TEXT_ARG(section),
			partial.len ? "<0>" : "", (size_t)most);
	(void)buf_add(c->out, bytes.data, (size_t)most);
	if (text_istarts(section, TEXT("HEADER")) || !section.len) {
		if (!m->is_header_told)
			sim_tally_delay(&c->server->tally.header, clock_unix_us() - m->push_us);
		m->is_header_told = true;
	}
	if (!text_istarts(section, TEXT("HEADER"))) {
		if (!m->is_text_told)
			sim_tally_delay(&c->server->tally.text, clock_unix_us() - m->push_us);
		m->is_text_told = true;
	}
	return true;
}

static void tell_mail(struct call *c, uint32_t place, struct text items)
{
	struct sim_mail *m = &c->s->box->mails[place];
	size_t at;

	(void)text_addf(c->out, "* %u FETCH (UID %u", place + 1, SIM_MAIL_UID + place);
	if (has_word(items, "FLAGS"))
		(void)text_add(c->out, TEXT(" FLAGS ()"));
	if (has_word(items, "INTERNALDATE"))
		(void)text_add(c->out, TEXT(" INTERNALDATE \"23-Nov-2026 09:02:11 +0000\""));
	if (has_word(items, "RFC822.SIZE"))
		(void)text_addf(c->out, " RFC822.SIZE %u", sim_mail_size());
	if (has_word(items, "MODSEQ"))
		(void)text_addf(c->out, " MODSEQ (%u)", 101 + place);
	if (has_word(items, "BODYSTRUCTURE")) {
		(void)text_add(c->out, TEXT(" BODYSTRUCTURE "));
		(void)text_add(c->out, text_of(sim_mail_structure()));
	}
	while ((at = text_ifind(items, TEXT("BODY.PEEK["))) != SIZE_MAX) {
		items = text_sub(items, at, items.len);
		if (!tell_section(c, place, m, &items))
			break;
	}
	say(c, ")");
}

/* One end of a range as a place in the box: "1003", or "*" for the last. */
static uint32_t place_of(const struct call *c, struct text number)
{
	uint32_t first = c->is_uid ? SIM_MAIL_UID : 1;
	uint64_t n;

	if (text_u64(number, UINT32_MAX, &n) < 0)
		return c->s->box->n ? c->s->box->n - 1 : 0;
	return n < first ? 0 : (uint32_t)n - first;
}

static void do_fetch(struct call *c)
{
	struct text items = c->args, set = next_word(&items), range, from, to;

	if (!c->s->is_inbox_open) {
		ok(c, "nothing here");
		return;
	}
	while (set.len) {
		uint32_t a, b;
		bool is_range;

		(void)text_cut(set, ',', &range, &set);
		is_range = text_cut(range, ':', &from, &to);
		a = place_of(c, from);
		b = is_range ? place_of(c, to) : a;
		if (is_range && text_eq(to, TEXT("*")) && a > b)
			a = b; /* "n:*" has the last mail in it, always */
		for (uint32_t i = a; i <= b && i < c->s->box->n; i++)
			tell_mail(c, i, items);
	}
	ok(c, "fetched");
}

/* ---- everything else ---- */

static void do_idle(struct call *c)
{
	(void)snprintf(c->s->tag, sizeof(c->s->tag), "%.*s", TEXT_ARG(c->tag));
	c->s->state = SIM_IMAP_IDLE;
	c->server->tally.idling++;
	say(c, "+ idling");
	tell_exists(c->s, c->out);
}

static void do_capability(struct call *c)
{
	say(c, c->s->state == SIM_IMAP_GREETED ? "* CAPABILITY " CAPS_BEFORE
					       : "* CAPABILITY " CAPS_AFTER);
	ok(c, "capability");
}

static void do_noop(struct call *c)
{
	tell_exists(c->s, c->out);
	ok(c, "noop");
}

static void do_id(struct call *c)
{
	say(c, "* ID (\"name\" \"load simulator\")");
	ok(c, "id");
}

static void do_enable(struct call *c)
{
	say(c, has_word(c->args, "CONDSTORE") ? "* ENABLED CONDSTORE" : "* ENABLED");
	ok(c, "enabled");
}

static void do_namespace(struct call *c)
{
	say(c, "* NAMESPACE ((\"\" \"/\")) NIL NIL");
	ok(c, "namespace");
}

static void do_close(struct call *c)
{
	close_folder(c);
	ok(c, "closed");
}

static void do_logout(struct call *c)
{
	say(c, "* BYE until next time");
	ok(c, "logout");
	sim_imap_end(c->s, c->server);
}

static const struct {
	const char *verb;
	bool needs_login;
	void (*run)(struct call *c);
} commands[] = {
	{ "NOOP", false, do_noop },
	{ "FETCH", true, do_fetch },
	{ "IDLE", true, do_idle },
	{ "STATUS", true, do_status },
	{ "SEARCH", true, do_search },
	{ "EXAMINE", true, do_examine },
	{ "SELECT", true, do_examine },
	{ "LIST", true, do_list },
	{ "LSUB", true, do_list },
	{ "CAPABILITY", false, do_capability },
	{ "ID", false, do_id },
	{ "ENABLE", true, do_enable },
	{ "NAMESPACE", true, do_namespace },
	{ "AUTHENTICATE", false, do_authenticate },
	{ "LOGIN", false, do_login },
	{ "UNSELECT", true, do_close },
	{ "CLOSE", true, do_close },
	{ "LOGOUT", false, do_logout },
};

static void heard_command(struct sim_imap *s, struct sim_imap_server *server, struct text line,
			  struct buf *out)
{
	struct call c = { .s = s, .server = server, .out = out };
	struct text verb;

	(void)text_cut(line, ' ', &c.tag, &c.args);
	verb = next_word(&c.args);
	if (text_ieq(verb, TEXT("UID"))) {
		c.is_uid = true;
		verb = next_word(&c.args);
	}
	server->tally.commands++;
	for (size_t i = 0; i < countof(commands); i++) {
		if (!text_ieq(verb, text_of(commands[i].verb)))
			continue;
		if (commands[i].needs_login && s->state != SIM_IMAP_AUTHED)
			bad(&c, "log in first");
		else
			commands[i].run(&c);
		return;
	}
	bad(&c, "what is that?");
}

void sim_imap_line(struct sim_imap *s, struct sim_imap_server *server, struct text line,
		   struct buf *out)
{
	struct call c = { .s = s, .server = server, .tag = text_of(s->tag), .out = out };

	switch (s->state) {
	case SIM_IMAP_GREETED:
	case SIM_IMAP_AUTHED:
		heard_command(s, server, line, out);
		return;
	case SIM_IMAP_SASL:
		heard_sasl(&c, line);
		return;
	case SIM_IMAP_IDLE:
		s->state = SIM_IMAP_AUTHED;
		server->tally.idling--;
		if (text_ieq(line, TEXT("DONE")))
			ok(&c, "idle over");
		else
			bad(&c, "DONE was expected");
		return;
	case SIM_IMAP_OVER:
		return;
	}
}

void sim_imap_push(struct sim_imap *s, struct buf *out)
{
	if (s->state == SIM_IMAP_IDLE)
		tell_exists(s, out);
}

void sim_imap_end(struct sim_imap *s, struct sim_imap_server *server)
{
	if (s->state == SIM_IMAP_IDLE)
		server->tally.idling--;
	if (s->state == SIM_IMAP_IDLE || s->state == SIM_IMAP_AUTHED)
		server->tally.logged_in--;
	if (s->is_inbox_open)
		sim_box_detach(&server->boxes, s->box, s);
	s->is_inbox_open = false;
	s->state = SIM_IMAP_OVER;
}
