#include "base/mem.h"
#include "ingest/imap/imap_session.h"
#include "ingest/provider/provider.h"

/*
 * The table itself.  Where a fact comes from:
 *
 *   [doc]    the provider's own documentation
 *   [db]     the public database of mail settings that Thunderbird uses (ISPDB)
 *   [mx]     the MX host that the provider tells its customers to set, or [db]'s comment of one
 *   [field]  seen on the wire or told by those who run clients against it
 *   [ours]   our choice where nobody says anything; a round number on the safe side
 *
 * Connections: every row leaves room for the person's own clients.  Rates: no provider
 * publishes one per egress address [ours].
 */
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING   ((const char *const[]){ NULL })

#define AT_993(name)                                                                               \
	{                                                                                          \
		.host = (name), .port = 993, .security = PROVIDER_TLS                              \
	}
#define AT_465(name)                                                                               \
	{                                                                                          \
		.host = (name), .port = 465, .security = PROVIDER_TLS                              \
	}
#define AT_587(name)                                                                               \
	{                                                                                          \
		.host = (name), .port = 587, .security = PROVIDER_STARTTLS                         \
	}
#define UNKNOWN(port_, security_)                                                                  \
	{                                                                                          \
		.host = "", .port = (port_), .security = (security_)                               \
	}

/* Seconds: IDLE again, proof, sweep of all other folders. */
#define RHYTHM(idle, proof, sweep) .idle_renew_s = (idle), .proof_s = (proof), .sweep_s = (sweep)
/* Connections per account; connects and logins per second of one worker. */
#define BUDGET(most, connects, logins)                                                             \
	.connections = (most), .connects_per_s = (connects), .logins_per_s = (logins)

/*
 * RFC 2177 wants IDLE again within 29 minutes; address translators forget a silent
 * connection after 4 to 20, so 9 [field].
 */
#define USUAL RHYTHM(540, 60, 300)
#define BOTH  (PROVIDER_AUTH_OAUTH | PROVIDER_AUTH_PASSWORD)

/* [db], the same list for Outlook.com, Hotmail, Live and MSN. */
#define OUTLOOK_DOMAINS                                                                            \
	"outlook.com", "hotmail.com", "live.com", "msn.com", "windowslive.com", "outlook.at",      \
		"outlook.be", "outlook.cl", "outlook.cz", "outlook.de", "outlook.dk",              \
		"outlook.es", "outlook.fr", "outlook.hu", "outlook.ie", "outlook.in",              \
		"outlook.it", "outlook.jp", "outlook.kr", "outlook.lv", "outlook.my",              \
		"outlook.ph", "outlook.pt", "outlook.sa", "outlook.sg", "outlook.sk",              \
		"outlook.co.id", "outlook.co.il", "outlook.co.th", "outlook.com.ar",               \
		"outlook.com.au", "outlook.com.br", "outlook.com.gr", "outlook.com.tr",            \
		"outlook.com.vn", "hotmail.be", "hotmail.ca", "hotmail.cl", "hotmail.cz",          \
		"hotmail.de", "hotmail.dk", "hotmail.es", "hotmail.fi", "hotmail.fr",              \
		"hotmail.gr", "hotmail.hu", "hotmail.it", "hotmail.lt", "hotmail.lv",              \
		"hotmail.my", "hotmail.nl", "hotmail.no", "hotmail.ph", "hotmail.rs",              \
		"hotmail.se", "hotmail.sg", "hotmail.sk", "hotmail.co.id", "hotmail.co.il",        \
		"hotmail.co.in", "hotmail.co.jp", "hotmail.co.kr", "hotmail.co.th",                \
		"hotmail.co.uk", "hotmail.co.za", "hotmail.com.ar", "hotmail.com.au",              \
		"hotmail.com.br", "hotmail.com.hk", "hotmail.com.tr", "hotmail.com.tw",            \
		"hotmail.com.vn", "live.at", "live.be", "live.ca", "live.cl", "live.cn",           \
		"live.de", "live.dk", "live.fi", "live.fr", "live.hk", "live.ie", "live.in",       \
		"live.it", "live.jp", "live.nl", "live.no", "live.ru", "live.se", "live.co.jp",    \
		"live.co.kr", "live.co.uk", "live.co.za", "live.com.ar", "live.com.au",            \
		"live.com.mx", "live.com.my", "live.com.ph", "live.com.pt", "live.com.sg",         \
		"livemail.tw"

/*
 * Exchange Online, whichever cloud.  Passwords ended in January 2023 for business and in
 * September 2024 for consumers [doc].  It tells no session limit; a session is cut when its
 * token ends ("Session invalidated - AccessTokenExpired") [field].  Some 30 to 40 folder
 * commands in a row are answered "Server Unavailable" and quick reconnects are counted
 * against the mailbox [field], and there is no LIST-STATUS: so it is swept rarely.  About 15
 * to 20 connections per mailbox are borne [field].  Partial fetches are answered wrongly
 * [field].
 */
#define EXCHANGE                                                                                   \
	.login = PROVIDER_LOGIN_ADDRESS, .auth = PROVIDER_AUTH_OAUTH,                              \
	.quirks = IMAP_QUIRK_NO_PARTIAL | IMAP_QUIRK_NO_OAUTHBEARER,                               \
	.session_ends_with_token = true, RHYTHM(540, 60, 900), BUDGET(2, 25, 25)

/*
 * The back end of Yahoo and AOL.  IDLE is heard for about three minutes [field]; no limit
 * is published and one may be set at any time [doc], logins are cut first ("Login Rate Limit
 * Hit") [field].  OAuth is given to approved clients only; app passwords work [doc].
 */
#define YAHOO_LIKE                                                                                 \
	.login = PROVIDER_LOGIN_ADDRESS, .auth = BOTH, .takes_app_passwords = true,                \
	RHYTHM(180, 60, 300), BUDGET(2, 10, 5)

/* GMX and its sisters: a connection is kept alive each 12 minutes [field]; IMAP must have been
 * allowed by the user [doc]. */
#define UNITED .auth = PROVIDER_AUTH_PASSWORD, RHYTHM(720, 60, 300), BUDGET(2, 10, 5)

/* Accounts live in one region and only its host knows them [doc].  The only SASL it offers is
 * PLAIN [field]. */
#define ZOHO                                                                                       \
	.login = PROVIDER_LOGIN_ADDRESS, .auth = PROVIDER_AUTH_PASSWORD, USUAL, BUDGET(2, 10, 5)

static const struct provider_row rows[] = {
	{
		/*
		 * 15 connections per account for all its clients together, and dead ones count for
		 * a while [doc]: one plans with half, and two of those are ours.  A session ends
		 * after about 24 h, with OAuth when its token does [doc]; INBOX and the labels are
		 * views of All Mail [doc], so that only Trash is left to sweep.
		 */
		.name = "gmail",
		.title = "Gmail and Google Workspace",
		.imap = AT_993("imap.gmail.com"), /* [doc] */
		.smtp = AT_465("smtp.gmail.com"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.auth = BOTH,                /* app passwords need two-step verification [doc] */
		.takes_app_passwords = true, /* "less secure apps" have ended [doc] */
		.domains = LIST("gmail.com", "googlemail.com"),        /* [db] */
		.authserv = "mx.google.com",                           /* [doc] */
		.mx_suffixes = LIST(".google.com", ".googlemail.com"), /* [mx] aspmx.l., smtp. */
		.watches_all = true,
		.session_s = 23 * 3600,
		.session_ends_with_token = true,
		USUAL,
		BUDGET(2, 50, 50),
	},
	{
		.name = "microsoft",
		.title = "Microsoft 365 and Outlook.com",
		.imap = AT_993("outlook.office365.com"), /* [doc] */
		.smtp = AT_587("smtp.office365.com"),
		.domains = LIST(".onmicrosoft.com", "office365.com", OUTLOOK_DOMAINS), /* [db] */
		/* [mx]; mx.microsoft is the one with DNSSEC */
		.authserv = "", /* none [field]; what came with the mail is renamed */
		.mx_suffixes = LIST(".mail.protection.outlook.com", ".olc.protection.outlook.com",
				    ".mx.microsoft"),
		EXCHANGE,
	},
	{
		.name = "microsoft-gcc-high",
		.title = "Microsoft 365 GCC High",
		.imap = AT_993("outlook.office365.us"), /* [doc] */
		.smtp = AT_587("smtp.office365.us"),
		.domains = LIST(".onmicrosoft.us"),
		.mx_suffixes = LIST(".mail.protection.office365.us"), /* [mx] */
		EXCHANGE,
	},
	{
		/* Its MX hosts are those of GCC High: this row is only ever chosen by hand. */
		.name = "microsoft-dod",
		.title = "Microsoft 365 DoD",
		.imap = AT_993("outlook-dod.office365.us"), /* [doc] */
		.smtp = AT_587("outlook-dod.office365.us"),
		.domains = NOTHING,
		.mx_suffixes = NOTHING,
		EXCHANGE,
	},
	{
		.name = "microsoft-china",
		.title = "Microsoft 365 operated by 21Vianet",
		.imap = AT_993("partner.outlook.cn"), /* [doc] */
		.smtp = AT_587("partner.outlook.cn"),
		.domains = LIST(".partner.onmschina.cn"),
		.mx_suffixes = LIST(".mail.protection.partner.outlook.cn"), /* [mx] */
		EXCHANGE,
	},
	{
		.name = "yahoo",
		.title = "Yahoo Mail",
		.imap = AT_993("imap.mail.yahoo.com"), /* [db] */
		.smtp = AT_465("smtp.mail.yahoo.com"),
		.domains = LIST("yahoo.com", "yahoo.de", "yahoo.it", "yahoo.fr", "yahoo.es",
				"yahoo.se", "yahoo.co.in", "yahoo.co.uk", "yahoo.co.nz",
				"yahoo.com.au", "yahoo.com.ar", "yahoo.com.br", "yahoo.com.mx",
				"ymail.com", "myyahoo.com", "rocketmail.com"), /* [db] */
		.authserv = ".yahoo.com",                                      /* [field] */
		.mx_suffixes = LIST(".am0.yahoodns.net"), /* [mx]; others there are AOL's */
		YAHOO_LIKE,
	},
	{
		.name = "aol",
		.title = "AOL Mail",
		.imap = AT_993("imap.aol.com"), /* [db] */
		.smtp = AT_465("smtp.aol.com"),
		.domains = LIST("aol.com", "aim.com", "verizon.net", "netscape.net", "netscape.com",
				"compuserve.com", "cs.com", "wmconnect.com", "aol.de", "aol.it",
				"aol.fr", "aol.es", "aol.se", "aol.co.uk", "aol.co.nz",
				"aol.com.au", "aol.com.ar", "aol.com.br", "aol.com.mx"), /* [db] */
		.mx_suffixes = LIST("mx-aol.mail.gm0.yahoodns.net"),                     /* [mx] */
		YAHOO_LIKE,
	},
	{
		.name = "att",
		.title = "AT&T Mail",
		.imap = AT_993("imap.mail.att.net"), /* [db] */
		.smtp = AT_465("smtp.mail.att.net"),
		.domains = LIST("att.net", "ameritech.net", "bellsouth.net", "currently.com",
				"flash.net", "nvbell.net", "pacbell.net", "prodigy.net",
				"sbcglobal.net", "snet.net", "swbell.net", "wans.net"), /* [db] */
		.mx_suffixes = NOTHING,
		YAHOO_LIKE,
	},
	{
		.name = "yahoo-japan",
		.title = "Yahoo! JAPAN Mail",
		.imap = AT_993("imap.mail.yahoo.co.jp"), /* [field] */
		.smtp = AT_465("smtp.mail.yahoo.co.jp"),
		.login = PROVIDER_LOGIN_LOCAL_PART,
		.smtp_login = PROVIDER_LOGIN_LOCAL_PART,
		.auth = PROVIDER_AUTH_PASSWORD,
		.domains = LIST("yahoo.co.jp"),
		.mx_suffixes = NOTHING,
		USUAL,
		BUDGET(2, 10, 5),
	},
	{
		/*
		 * Malformed VANISHED, and ENABLE answered without ENABLED: no QRESYNC [field].
		 * Commands sent before the last answer get lost [field].  OAuth is for Apple's own
		 * programs; others have an app-specific password [doc].
		 */
		.name = "icloud",
		.title = "iCloud Mail",
		.imap = AT_993("imap.mail.me.com"), /* [doc] */
		.smtp = AT_587("smtp.mail.me.com"),
		.login = PROVIDER_LOGIN_LOCAL_PART, /* [doc]; own domain: the name at Apple */
		.auth = PROVIDER_AUTH_PASSWORD,
		.takes_app_passwords = true,                        /* [doc] */
		.domains = LIST("icloud.com", "me.com", "mac.com"), /* [db] */
		.mx_suffixes = LIST(".mail.icloud.com"),            /* [mx] */
		.quirks = IMAP_QUIRK_NO_QRESYNC | IMAP_QUIRK_NO_PIPELINE,
		USUAL,
		BUDGET(2, 10, 5),
	},
	{
		.name = "fastmail",
		.title = "Fastmail",
		.imap = AT_993("imap.fastmail.com"), /* [doc] */
		.smtp = AT_465("smtp.fastmail.com"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.auth = BOTH,
		.takes_app_passwords = true, /* [doc] */
		.domains = LIST("fastmail.com", "fastmail.fm", "messagingengine.com"),
		.authserv = ".messagingengine.com",          /* [field] */
		.mx_suffixes = LIST(".messagingengine.com"), /* [db], [mx] */
		USUAL,
		BUDGET(2, 20, 10),
	},
	{
		.name = "zoho",
		.title = "Zoho Mail, personal",
		.imap = AT_993("imap.zoho.com"), /* [db] */
		.smtp = AT_465("smtp.zoho.com"),
		.domains = LIST("zoho.com", "zohomail.com"), /* [db] */
		.authserv = "mx.zohomail.com",               /* [field] */
		.mx_suffixes = NOTHING,
		ZOHO,
	},
	{
		/* Domains of their own have a paid plan, and that has a host of its own [doc]. */
		.name = "zoho-pro",
		.title = "Zoho Mail for organizations",
		.imap = AT_993("imappro.zoho.com"),
		.smtp = AT_465("smtppro.zoho.com"),
		.domains = NOTHING,
		.mx_suffixes = LIST(".zoho.com"), /* [mx] */
		ZOHO,
	},
	{
		.name = "zoho-eu",
		.title = "Zoho Mail, Europe",
		.imap = AT_993("imap.zoho.eu"), /* [db] */
		.smtp = AT_465("smtp.zoho.eu"),
		.domains = LIST("zoho.eu", "zohomail.eu"),
		.mx_suffixes = LIST(".zoho.eu"),
		ZOHO,
	},
	{
		.name = "zoho-in",
		.title = "Zoho Mail, India",
		.imap = AT_993("imap.zoho.in"), /* [db] */
		.smtp = AT_465("smtp.zoho.in"),
		.domains = LIST("zoho.in", "zohomail.in"),
		.mx_suffixes = LIST(".zoho.in"),
		ZOHO,
	},
	{
		.name = "zoho-au",
		.title = "Zoho Mail, Australia",
		.imap = AT_993("imap.zoho.com.au"), /* [db] */
		.smtp = AT_465("smtp.zoho.com.au"),
		.domains = LIST("zoho.com.au", "zohomail.com.au"),
		.mx_suffixes = LIST(".zoho.com.au"),
		ZOHO,
	},
	{
		.name = "zoho-jp",
		.title = "Zoho Mail, Japan",
		.imap = AT_993("imap.zoho.jp"), /* [db] */
		.smtp = AT_465("smtp.zoho.jp"),
		.domains = LIST("zoho.jp", "zohomail.jp"),
		.mx_suffixes = LIST(".zoho.jp"),
		ZOHO,
	},
	{
		.name = "zoho-ca",
		.title = "Zoho Mail, Canada",
		.imap = AT_993("imap.zohocloud.ca"), /* [db] */
		.smtp = AT_465("smtp.zohocloud.ca"),
		.domains = LIST("zohomail.ca"),
		.mx_suffixes = LIST(".zohocloud.ca"),
		ZOHO,
	},
	{
		.name = "gmx",
		.title = "GMX",
		.imap = AT_993("imap.gmx.net"), /* [db] */
		.smtp = AT_465("mail.gmx.net"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.domains =
			LIST("gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.eu", "gmx.biz",
			     "gmx.org", "gmx.info", "mein.gmx", "mail.gmx", "email.gmx"), /* [db] */
		.mx_suffixes = LIST(".gmx.net"), /* [mx], for some hundred other domains */
		UNITED,
	},
	{
		/* The same company, other hosts.  mx0.gmx.com receives for mail.com too, whose
		 * accounts are not all known here [db]: so the MX host tells nothing. */
		.name = "gmx-com",
		.title = "GMX.com",
		.imap = AT_993("imap.gmx.com"), /* [db] */
		.smtp = AT_465("mail.gmx.com"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.domains = LIST("gmx.com", "gmx.tm", "gmx.us", "gmx.co.uk", "gmx.es", "gmx.fr",
				"gmx.ca", "gmx.cn", "gmx.co.in", "gmx.com.br", "gmx.com.my",
				"gmx.hk", "gmx.ie", "gmx.ph", "gmx.pt", "gmx.ru", "gmx.se",
				"gmx.sg", "gmx.tw", "gmx.com.tr", "gmx.it", "gmx.li"), /* [db] */
		.mx_suffixes = NOTHING,
		UNITED,
	},
	{
		.name = "web-de",
		.title = "WEB.DE",
		.imap = AT_993("imap.web.de"), /* [db] */
		.smtp = AT_465("smtp.web.de"),
		.login = PROVIDER_LOGIN_LOCAL_PART,
		.smtp_login = PROVIDER_LOGIN_LOCAL_PART, /* [db] */
		.domains = LIST("web.de"),
		.mx_suffixes = NOTHING,
		UNITED,
	},
	{
		.name = "mail-com",
		.title = "mail.com",
		.imap = AT_993("imap.mail.com"), /* [db] */
		.smtp = AT_465("smtp.mail.com"),
		.login = PROVIDER_LOGIN_ADDRESS,
		/* [db], the larger ones; it has some 700 */
		.domains =
			LIST("mail.com", "mail.org", "email.com", "post.com", "usa.com",
			     "accountant.com", "consultant.com", "dr.com", "engineer.com",
			     "cheerful.com", "techie.com", "linuxmail.org", "europe.com",
			     "london.com", "uymail.com", "myself.com", "iname.com", "writeme.com"),
		.mx_suffixes = NOTHING,
		UNITED,
	},
	{
		.name = "ionos",
		.title = "IONOS Germany",
		.imap = AT_993("imap.ionos.de"), /* [db] */
		.smtp = AT_465("smtp.ionos.de"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.domains = NOTHING, /* every customer brings his own */
		.mx_suffixes = LIST(".ionos.de", ".kundenserver.de", ".schlund.de"), /* [db] */
		UNITED,
	},
	{
		.name = "ionos-us",
		.title = "IONOS United States",
		.imap = AT_993("imap.ionos.com"), /* [db] */
		.smtp = AT_465("smtp.ionos.com"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.domains = NOTHING,
		.mx_suffixes = LIST(".ionos.com", ".1and1.com", ".perfora.net"), /* [db] */
		UNITED,
	},
	{
		/* BYE is repeated until one closes, and BODY[] may come without its value [field].
		 */
		.name = "yandex",
		.title = "Yandex Mail",
		.imap = AT_993("imap.yandex.com"), /* [db] */
		.smtp = AT_465("smtp.yandex.com"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.auth = BOTH,
		.takes_app_passwords = true, /* [doc] */
		.domains = LIST("yandex.ru", "yandex.com", "yandex.net", "yandex.by", "yandex.kz",
				"yandex.ua", "ya.ru", "narod.ru"),    /* [db] */
		.mx_suffixes = LIST("mx.yandex.net", "mx.yandex.ru"), /* [mx] */
		USUAL,
		BUDGET(2, 10, 5),
	},
	{
		.name = "mailru",
		.title = "Mail.ru",
		.imap = AT_993("imap.mail.ru"), /* [db] */
		.smtp = AT_465("smtp.mail.ru"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.auth = BOTH,
		.takes_app_passwords = true, /* "Application password is REQUIRED" [field] */
		.domains =
			LIST("mail.ru", "inbox.ru", "list.ru", "bk.ru", "corp.mail.ru"), /* [db] */
		.mx_suffixes = LIST("emx.mail.ru"),                                      /* [mx] */
		USUAL,
		BUDGET(2, 10, 5),
	},
	{
		/*
		 * No IDLE, and NOOP does not keep the session: it is asked before a minute is over
		 * [field].  EXAMINE is refused as "Unsafe Login" until ID was sent [field], so no
		 * quirk may ever forbid it here.
		 */
		.name = "163",
		.title = "NetEase 163",
		.imap = AT_993("imap.163.com"), /* [field] */
		.smtp = AT_465("smtp.163.com"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.auth = PROVIDER_AUTH_PASSWORD,
		.takes_app_passwords = true, /* an "authorization code" [field] */
		.domains = LIST("163.com"),
		.mx_suffixes = NOTHING,
		RHYTHM(55, 55, 900),
		BUDGET(2, 5, 5),
	},
	{
		.name = "qq",
		.title = "QQ Mail",
		.imap = AT_993("imap.qq.com"), /* [db] */
		.smtp = AT_465("smtp.qq.com"),
		.login = PROVIDER_LOGIN_LOCAL_PART, /* [field] */
		.auth = PROVIDER_AUTH_PASSWORD,
		.takes_app_passwords = true, /* an "authorization code" [field] */
		.domains = LIST("qq.com"),   /* [db] */
		.mx_suffixes = NOTHING,
		USUAL,
		BUDGET(2, 5, 5),
	},
	{
		/* IDLE must be renewed before a minute is over [field]. */
		.name = "rambler",
		.title = "Rambler Mail",
		.imap = AT_993("imap.rambler.ru"), /* [db] */
		.smtp = AT_465("smtp.rambler.ru"),
		.login = PROVIDER_LOGIN_ADDRESS,
		.auth = PROVIDER_AUTH_PASSWORD,
		.domains = LIST("rambler.ru"), /* [db] */
		.mx_suffixes = NOTHING,
		RHYTHM(55, 55, 300),
		BUDGET(2, 5, 5),
	},
	{
		/*
		 * A server that nobody described.  Dovecot bears 10 connections per user and
		 * address by default [doc].  The hosts are many, so that the rates only keep one
		 * worker from storming.
		 */
		.name = "generic",
		.title = "Any IMAP server",
		.imap = UNKNOWN(993, PROVIDER_TLS), /* RFC 8314 section 3.2 */
		.smtp = UNKNOWN(465, PROVIDER_TLS), /* RFC 8314 section 3.3 */
		.login = PROVIDER_LOGIN_ADDRESS,
		.auth = BOTH,
		.domains = NOTHING,
		.mx_suffixes = NOTHING,
		USUAL,
		BUDGET(2, 100, 100),
	},
};

const struct provider_row *provider_rows(size_t *ret_n)
{
	*ret_n = countof(rows);
	return rows;
}
