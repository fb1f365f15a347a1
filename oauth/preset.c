#include <errno.h>
#include <string.h>

#include "oauth/preset.h"

#include "base/mem.h"
#include "base/text.h"

/*
 * Where a fact comes from:
 *
 *   [doc]    the provider's own documentation
 *   [field]  what open mail clients are known to work with
 *
 * There is no row for iCloud, GMX, Zoho and others whose IMAP takes passwords
 * only [doc].
 */

/*
 * Microsoft wants the scopes of one resource in one request (AADSTS700022); openid, profile and
 * offline_access belong to none.  `profile` makes the id_token name the mailbox, as
 * preferred_username.  PKCE is understood, device codes live 15 minutes, nothing revokes a single
 * application's grant [doc].
 */
#define MICROSOFT(name_, login, office, app_resource)                                              \
	{                                                                                          \
		.name = (name_), .authorize_url = login "/{tenant}/oauth2/v2.0/authorize",         \
		.token_url = login "/{tenant}/oauth2/v2.0/token",                                  \
		.device_authorization_url = login "/{tenant}/oauth2/v2.0/devicecode",              \
		.userinfo_url = "", .revoke_url = "", .issuer = login "/{tenantid}/v2.0",          \
		.scopes = "openid profile email offline_access " office                            \
			  "/IMAP.AccessAsUser.All " office "/SMTP.Send",                           \
		.required_scope = office "/IMAP.AccessAsUser.All",                                 \
		.authorize_params = "prompt=select_account", .refresh_params = "",                 \
		.tenant = "common", .domain = PRESET_DOMAIN_APP_ONLY,                              \
		.domain_token_url = login "/{tenant}/oauth2/v2.0/token",                           \
		.domain_scope = app_resource "/.default",                                          \
		.admin_consent_url = login "/{tenant}/adminconsent?client_id={client_id}",         \
	}

/*
 * A refresh token comes with offline access, and again only after consent: so every connection
 * asks for it, and a connection is a first one or a repair [doc].  The scope of mail covers IMAP
 * and SMTP.  Device codes are not given for it [doc].
 */
#define GOOGLE(name_)                                                                              \
	{                                                                                          \
		.name = (name_), .authorize_url = "https://accounts.google.com/o/oauth2/v2/auth",  \
		.token_url = "https://oauth2.googleapis.com/token",                                \
		.device_authorization_url = "",                                                    \
		.userinfo_url = "https://openidconnect.googleapis.com/v1/userinfo",                \
		.revoke_url = "https://oauth2.googleapis.com/revoke",                              \
		.issuer = "https://accounts.google.com",                                           \
		.scopes = "openid email https://mail.google.com/",                                 \
		.required_scope = "https://mail.google.com/",                                      \
		.authorize_params = "access_type=offline&prompt=consent", .refresh_params = "",    \
		.tenant = "", .domain = PRESET_DOMAIN_DELEGATED,                                   \
		.domain_token_url = "https://oauth2.googleapis.com/token",                         \
		.domain_scope = "https://mail.google.com/", .admin_consent_url = "",               \
	}

/* mail-w holds IMAP and SMTP; who consented is told by the mail server only, so the link names the
 * address.  A refresh wants HTTP Basic and the redirect URI again [field]. */
#define YAHOO(name_, login)                                                                        \
	{                                                                                          \
		.name = (name_), .authorize_url = login "/oauth2/request_auth",                    \
		.token_url = login "/oauth2/get_token", .device_authorization_url = "",            \
		.userinfo_url = "", .revoke_url = "", .issuer = "", .scopes = "mail-w",            \
		.required_scope = "mail-w", .authorize_params = "",                                \
		.refresh_params = "redirect_uri", .tenant = "", .domain_token_url = "",            \
		.domain_scope = "", .admin_consent_url = "",                                       \
	}

static const struct preset rows[] = {
	GOOGLE("gmail"),
	MICROSOFT("microsoft", "https://login.microsoftonline.com", "https://outlook.office.com",
		  "https://outlook.office365.com"),
	MICROSOFT("microsoft-gcc-high", "https://login.microsoftonline.us",
		  "https://outlook.office365.us", "https://outlook.office365.us"),
	MICROSOFT("microsoft-dod", "https://login.microsoftonline.us",
		  "https://outlook-dod.office365.us", "https://outlook-dod.office365.us"),
	MICROSOFT("microsoft-china", "https://login.partner.microsoftonline.cn",
		  "https://partner.outlook.cn", "https://partner.outlook.cn"),
	YAHOO("yahoo", "https://api.login.yahoo.com"),
	YAHOO("aol", "https://api.login.aol.com"), /* a client of its own there [field] */
	{
		/* One address for code and refresh; each refresh rotates [field]. */
		.name = "fastmail",
		.authorize_url = "https://api.fastmail.com/oauth/authorize",
		.token_url = "https://api.fastmail.com/oauth/refresh",
		.device_authorization_url = "",
		.userinfo_url = "",
		.revoke_url = "https://api.fastmail.com/oauth/revoke",
		.issuer = "https://api.fastmail.com",
		.scopes = "https://www.fastmail.com/dev/protocol-imap "
			  "https://www.fastmail.com/dev/protocol-smtp",
		.required_scope = "https://www.fastmail.com/dev/protocol-imap",
		.authorize_params = "",
		.tenant = "",
		.refresh_params = "",
		.domain_token_url = "",
		.domain_scope = "",
		.admin_consent_url = "",
	},
	{
		.name = "yandex", /* [doc], [field] */
		.authorize_url = "https://oauth.yandex.com/authorize",
		.token_url = "https://oauth.yandex.com/token",
		.device_authorization_url = "https://oauth.yandex.com/device/code",
		.userinfo_url = "",
		.revoke_url = "https://oauth.yandex.com/revoke_token",
		.issuer = "",
		.scopes = "mail:imap_full mail:smtp",
		.required_scope = "mail:imap_full",
		.authorize_params = "force_confirm=yes",
		.tenant = "",
		.refresh_params = "",
		.domain_token_url = "",
		.domain_scope = "",
		.admin_consent_url = "",
	},
	{
		.name = "mailru", /* [field] */
		.authorize_url = "https://oauth.mail.ru/login",
		.token_url = "https://oauth.mail.ru/token",
		.device_authorization_url = "",
		.userinfo_url = "",
		.revoke_url = "",
		.issuer = "",
		.scopes = "userinfo mail.imap",
		.required_scope = "mail.imap",
		.authorize_params = "prompt_force=1",
		.tenant = "",
		.refresh_params = "",
		.domain_token_url = "",
		.domain_scope = "",
		.admin_consent_url = "",
	},
};

const struct preset *preset_find(const char *name)
{
	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const struct preset *preset_rows(size_t *ret_n)
{
	*ret_n = countof(rows);
	return rows;
}

const char *preset_domain_name(enum preset_domain d)
{
	switch (d) {
	case PRESET_DOMAIN_NONE:
		return "";
	case PRESET_DOMAIN_APP_ONLY:
		return "app_only";
	case PRESET_DOMAIN_DELEGATED:
		return "delegated";
	}
	return "";
}

int preset_tenant_check(const char *tenant)
{
	size_t n = strlen(tenant);

	if (n == 0 || n > 253)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		char c = tenant[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != '-')
			return -EINVAL;
	}
	/* ".." would climb up in the path. */
	return tenant[0] == '.' || strstr(tenant, "..") ? -EINVAL : 0;
}

int preset_fill(const char *pattern, const char *tenant, const char *client_id, struct buf *ret)
{
	struct text rest = text_of(pattern), tenant_hole = TEXT("{tenant}"),
		    client_hole = TEXT("{client_id}");
	size_t was = ret->len;
	int r = 0;

	while (r == 0 && rest.len > 0) {
		struct text value = { 0 }, hole = { 0 };

		if (text_istarts(rest, tenant_hole)) {
			hole = tenant_hole;
			value = text_of(tenant);
		} else if (text_istarts(rest, client_hole)) {
			hole = client_hole;
			value = text_of(client_id);
		}
		if (hole.len == 0) {
			r = buf_add(ret, rest.at, 1);
			rest = text_sub(rest, 1, rest.len);
			continue;
		}
		r = value.len == 0 || (hole.at == tenant_hole.at && preset_tenant_check(tenant))
			    ? -EINVAL
			    : text_add_percent(ret, value);
		rest = text_sub(rest, hole.len, rest.len);
	}
	if (r < 0)
		buf_cut(ret, was);
	return r;
}
