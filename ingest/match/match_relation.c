#include "ingest/match/match_relation.h"

#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "base/mailaddr.h"
#include "base/mem.h"

#define LABEL_MIN 4 /* shorter ones are anybody's initials */

/*
 * Where anybody gets a mailbox: public domains of providers, as their own sign-up
 * pages offer them, and of access providers whose customers' mailboxes they are.
 * Data, not law: who is missing is taken for a company.
 */
static const char *const free_domains[] = {
	"126.com",         "139.com",        "163.com",
	"189.cn",          "a1.net",         "abv.bg",
	"aim.com",         "alice.it",       "aliceadsl.fr",
	"aliyun.com",      "aol.com",        "aol.de",
	"arcor.de",        "aruba.it",       "att.net",
	"bell.net",        "bellsouth.net",  "bigpond.com",
	"bigpond.net.au",  "bk.ru",          "blueyonder.co.uk",
	"bluewin.ch",      "bol.com.br",     "btinternet.com",
	"centrum.cz",      "charter.net",    "club-internet.fr",
	"comcast.net",     "cox.net",        "daum.net",
	"earthlink.net",   "email.com",      "email.cz",
	"email.de",        "fastmail.com",   "fastmail.fm",
	"foxmail.com",     "free.fr",        "freemail.hu",
	"freenet.de",      "gmail.com",      "gmx.at",
	"gmx.ch",          "gmx.com",        "gmx.de",
	"gmx.fr",          "gmx.net",        "googlemail.com",
	"hanmail.net",     "hey.com",        "home.nl",
	"hotmail.be",      "hotmail.ca",     "hotmail.ch",
	"hotmail.co.jp",   "hotmail.co.uk",  "hotmail.com",
	"hotmail.de",      "hotmail.es",     "hotmail.fi",
	"hotmail.fr",      "hotmail.it",     "hotmail.nl",
	"hotmail.se",      "hushmail.com",   "icloud.com",
	"inbox.lv",        "inbox.ru",       "interia.pl",
	"iinet.net.au",    "juno.com",       "kpnmail.nl",
	"laposte.net",     "libero.it",      "list.ru",
	"live.at",         "live.be",        "live.ca",
	"live.cn",         "live.co.uk",     "live.com",
	"live.de",         "live.dk",        "live.fr",
	"live.it",         "live.nl",        "live.no",
	"live.se",         "luukku.com",     "mac.com",
	"mail.bg",         "mail.com",       "mail.de",
	"mail.ee",         "mail.ru",        "mailbox.org",
	"me.com",          "msn.com",        "mts.net",
	"naver.com",       "neuf.fr",        "ntlworld.com",
	"o2.pl",           "onet.eu",        "onet.pl",
	"online.no",       "optonline.net",  "optusnet.com.au",
	"orange.fr",       "outlook.at",     "outlook.be",
	"outlook.co.th",   "outlook.com",    "outlook.com.br",
	"outlook.de",      "outlook.dk",     "outlook.es",
	"outlook.fr",      "outlook.it",     "outlook.jp",
	"outlook.pt",      "planet.nl",      "pm.me",
	"posteo.de",       "proton.me",      "protonmail.ch",
	"protonmail.com",  "qq.com",         "rambler.ru",
	"rediffmail.com",  "roadrunner.com", "rocketmail.com",
	"rogers.com",      "rr.com",         "runbox.com",
	"sapo.pt",         "sbcglobal.net",  "seznam.cz",
	"sfr.fr",          "shaw.ca",        "sina.cn",
	"sina.com",        "sky.com",        "skynet.be",
	"sohu.com",        "suddenlink.net", "sympatico.ca",
	"t-online.de",     "talktalk.net",   "telenet.be",
	"telia.com",       "telus.net",      "terra.com.br",
	"tin.it",          "tiscali.co.uk",  "tiscali.it",
	"tuta.com",        "tutanota.com",   "uol.com.br",
	"upcmail.nl",      "ukr.net",        "verizon.net",
	"videotron.ca",    "virgilio.it",    "virgin.net",
	"virginmedia.com", "vodafone.de",    "volny.cz",
	"wanadoo.fr",      "web.de",         "windowslive.com",
	"wp.pl",           "xs4all.nl",      "xtra.co.nz",
	"ya.ru",           "yahoo.ca",       "yahoo.co.id",
	"yahoo.co.in",     "yahoo.co.jp",    "yahoo.co.uk",
	"yahoo.com",       "yahoo.com.ar",   "yahoo.com.au",
	"yahoo.com.br",    "yahoo.com.mx",   "yahoo.de",
	"yahoo.es",        "yahoo.fr",       "yahoo.gr",
	"yahoo.in",        "yahoo.it",       "yahoo.se",
	"yandex.com",      "yandex.ru",      "ymail.com",
	"zeelandnet.nl",   "ziggo.nl",       "zoho.com",
	"zohomail.com",
};

bool match_relation_is_free(struct text domain)
{
	for (size_t i = 0; i < countof(free_domains); i++)
		if (text_ieq(domain, text_of(free_domains[i])))
			return true;
	return false;
}

struct parts {
	char spelt[MAILADDR];
	struct text local, domain; /* the local part without "+tag" */
};

static bool take_apart(struct text address, struct parts *ret)
{
	const char *plus;

	if (mailaddr_fold(address, ret->spelt) < 0 ||
	    !text_cut(text_of(ret->spelt), '@', &ret->local, &ret->domain))
		return false;
	plus = memchr(ret->local.at, '+', ret->local.len);
	if (plus && plus > ret->local.at)
		ret->local.len = (size_t)(plus - ret->local.at);
	return true;
}

static bool is_google(struct text domain)
{
	return text_eq(domain, TEXT("gmail.com")) || text_eq(domain, TEXT("googlemail.com"));
}

/* "mail.acme.example" and "acme.example". */
static bool is_one_house(struct text a, struct text b)
{
	return hostname_is_within(a, b) || hostname_is_within(b, a);
}

/* Under which whole countries register, "acme.co.uk"; of others, "gouv.fr", one house has many
 * below it. */
static bool is_registry(struct text t)
{
	static const char *const seconds[] = { "co", "com", "or", "org", "ne", "net" };
	struct text second, top;

	if (!text_cut(t, '.', &second, &top) || top.len != 2)
		return false;
	for (size_t i = 0; i < countof(seconds); i++)
		if (text_eq(second, text_of(seconds[i])))
			return true;
	return false;
}

/* The "acme" of "acme.example" and "acme.co.uk"; empty where it is no name of somebody's. */
static struct text label_of(struct text domain)
{
	struct text label, rest;

	if (!text_cut(domain, '.', &label, &rest) || label.len < LABEL_MIN)
		return (struct text){ 0 };
	return !memchr(rest.at, '.', rest.len) || is_registry(rest) ? label : (struct text){ 0 };
}

/* "acme.example" and "acme.test": the same name under another top level. */
static bool is_one_name(struct text a, struct text b)
{
	struct text one = label_of(a), other = label_of(b);

	return one.len && text_eq(one, other);
}

/* Gmail does not see dots. */
static bool is_dotted_alike(struct text a, struct text b)
{
	size_t i = 0, k = 0;

	for (;; i++, k++) {
		while (i < a.len && a.at[i] == '.')
			i++;
		while (k < b.len && b.at[k] == '.')
			k++;
		if (i == a.len || k == b.len)
			return i == a.len && k == b.len;
		if (a.at[i] != b.at[k])
			return false;
	}
}

enum match_relation match_relation_of(struct text from, struct text prospect)
{
	struct parts f, p;
	bool is_free;

	if (!take_apart(from, &f) || !take_apart(prospect, &p))
		return MATCH_RELATION_UNKNOWN;
	if (strcmp(f.spelt, p.spelt) == 0)
		return MATCH_RELATION_SAME;
	if (is_google(f.domain) && is_google(p.domain))
		return is_dotted_alike(f.local, p.local) ? MATCH_RELATION_ALIAS
							 : MATCH_RELATION_UNKNOWN;
	is_free = match_relation_is_free(f.domain) || match_relation_is_free(p.domain);
	if (text_eq(f.local, p.local) &&
	    (text_eq(f.domain, p.domain) ||
	     (!is_free && (is_one_house(f.domain, p.domain) || is_one_name(f.domain, p.domain)))))
		return MATCH_RELATION_ALIAS;
	return !is_free && is_one_house(f.domain, p.domain) ? MATCH_RELATION_COLLEAGUE
							    : MATCH_RELATION_UNKNOWN;
}

const char *match_relation_name(enum match_relation r)
{
	static const char *const names[] = {
		[MATCH_RELATION_UNKNOWN] = "unknown",
		[MATCH_RELATION_SAME] = "same",
		[MATCH_RELATION_ALIAS] = "alias",
		[MATCH_RELATION_COLLEAGUE] = "colleague",
	};

	return names[r];
}
