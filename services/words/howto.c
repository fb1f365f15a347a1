#include "services/words/howto.h"

#include <stddef.h>

#include "base/mem.h"

/* The pages and the names of their items are the providers' own, as of autumn 2026. */

/* clang-format off */
static const struct howto rows[] = {
	{ "gmail", "Google", "https://myaccount.google.com/apppasswords", true,
	  { { "Open your Google account's page for app passwords. It needs 2-Step Verification to be on.",
	      "Type a name such as replyd and choose Create.",
	      "Copy the 16 letters and paste them below." },
	    { "Ouvrez la page des mots de passe d'application de votre compte Google. La validation en deux étapes doit être active.",
	      "Saisissez un nom, par exemple replyd, et choisissez Créer.",
	      "Copiez les 16 lettres et collez-les ci-dessous." } } },
	{ "icloud", "Apple", "https://account.apple.com/account/manage", false,
	  { { "Sign in to your Apple Account and choose Sign-In and Security.",
	      "Choose App-Specific Passwords, then the plus sign, and name it replyd.",
	      "Copy the password that appears and paste it below." },
	    { "Connectez-vous à votre compte Apple et choisissez Connexion et sécurité.",
	      "Choisissez Mots de passe pour applications, puis le signe plus, et nommez-le replyd.",
	      "Copiez le mot de passe affiché et collez-le ci-dessous." } } },
	{ "yahoo", "Yahoo", "https://login.yahoo.com/account/security", true,
	  { { "Open the security page of your Yahoo account.",
	      "Choose Generate app password, and type replyd as the name of the app.",
	      "Copy the password that appears and paste it below." },
	    { "Ouvrez la page de sécurité de votre compte Yahoo.",
	      "Choisissez Générer un mot de passe d'application et saisissez replyd comme nom.",
	      "Copiez le mot de passe affiché et collez-le ci-dessous." } } },
	{ "aol", "AOL", "https://login.aol.com/account/security", true,
	  { { "Open the security page of your AOL account.",
	      "Choose Generate app password, and type replyd as the name of the app.",
	      "Copy the password that appears and paste it below." },
	    { "Ouvrez la page de sécurité de votre compte AOL.",
	      "Choisissez Générer un mot de passe d'application et saisissez replyd comme nom.",
	      "Copiez le mot de passe affiché et collez-le ci-dessous." } } },
	{ "fastmail", "Fastmail", "https://app.fastmail.com/settings/security/integrations", true,
	  { { "Open Settings, Privacy & Security, Integrations at Fastmail.",
	      "Choose New app password, name it replyd, and give it access to mail.",
	      "Copy the password that appears and paste it below." },
	    { "Ouvrez Settings, Privacy & Security, Integrations chez Fastmail.",
	      "Choisissez New app password, nommez-le replyd et donnez-lui accès aux messages.",
	      "Copiez le mot de passe affiché et collez-le ci-dessous." } } },
	{ "gmx", "GMX", "https://hilfe.gmx.net/pop-imap/einschalten.html", false,
	  { { "In the settings of your GMX mailbox allow POP3 and IMAP: it is off at first.",
	      "With two-factor authentication on: make an application-specific password under My Account, Security.",
	      "Type it below; without two-factor authentication it is the password of the mailbox." },
	    { "Dans les réglages de votre boîte GMX, autorisez POP3 et IMAP : l'accès est fermé au départ.",
	      "Avec l'authentification à deux facteurs : créez un mot de passe spécifique sous Mon compte, Sécurité.",
	      "Saisissez-le ci-dessous ; sans deux facteurs, c'est le mot de passe de la boîte." } } },
	{ "web-de", "WEB.DE", "https://hilfe.web.de/pop-imap/einschalten.html", false,
	  { { "In the settings of your WEB.DE mailbox allow POP3 and IMAP: it is off at first.",
	      "With two-factor authentication on: make an application-specific password under My Account, Security.",
	      "Type it below; without two-factor authentication it is the password of the mailbox." },
	    { "Dans les réglages de votre boîte WEB.DE, autorisez POP3 et IMAP : l'accès est fermé au départ.",
	      "Avec l'authentification à deux facteurs : créez un mot de passe spécifique sous Mon compte, Sécurité.",
	      "Saisissez-le ci-dessous ; sans deux facteurs, c'est le mot de passe de la boîte." } } },
	{ "zoho", "Zoho", "https://accounts.zoho.com/home#security/app_password", true,
	  { { "In Zoho Mail open Settings, Mail Accounts, and allow IMAP access.",
	      "In your Zoho account open Security, App Passwords, and choose Generate New Password; name it replyd.",
	      "Copy the password that appears and paste it below." },
	    { "Dans Zoho Mail, ouvrez Paramètres, Comptes de messagerie, et autorisez l'accès IMAP.",
	      "Dans votre compte Zoho, ouvrez Sécurité, Mots de passe d'application, et générez-en un ; nommez-le replyd.",
	      "Copiez le mot de passe affiché et collez-le ci-dessous." } } },
	{ "yandex", "Yandex", "https://id.yandex.com/security/app-passwords", false,
	  { { "In the settings of Yandex Mail, Email clients, allow IMAP.",
	      "On the page for app passwords choose Mail and name it replyd.",
	      "Copy the password that appears and paste it below." },
	    { "Dans les réglages de Yandex Mail, Logiciels de messagerie, autorisez IMAP.",
	      "Sur la page des mots de passe d'application, choisissez Messagerie et nommez-le replyd.",
	      "Copiez le mot de passe affiché et collez-le ci-dessous." } } },
	{ "mailru", "Mail.ru", "https://account.mail.ru/user/2-step-auth/passwords", false,
	  { { "Open the page for passwords of external applications of your Mail.ru account.",
	      "Add one, name it replyd, and give it access to mail.",
	      "Copy the password that appears and paste it below." },
	    { "Ouvrez la page des mots de passe pour applications externes de votre compte Mail.ru.",
	      "Ajoutez-en un, nommez-le replyd et donnez-lui accès aux messages.",
	      "Copiez le mot de passe affiché et collez-le ci-dessous." } } },
	{ "", NULL, NULL, false,
	  { { "With two-step verification: an app password, made in the security settings of the account.",
	      "Without: the one you read your mail with." },
	    { "Avec la validation en deux étapes : un mot de passe d'application, créé dans les réglages de sécurité du compte.",
	      "Sans : celui avec lequel vous lisez vos messages." } } },
};
/* clang-format on */

static bool fits(const struct howto *h, struct text provider)
{
	struct text name = text_of(h->provider);

	return text_eq(text_sub(provider, 0, name.len), name) &&
	       (provider.len == name.len || (name.len > 0 && provider.at[name.len] == '-'));
}

const struct howto *howto_of(struct text provider)
{
	for (size_t i = 0; i + 1 < countof(rows); i++)
		if (fits(&rows[i], provider))
			return &rows[i];
	return &rows[countof(rows) - 1];
}

const struct howto *howto_rows(size_t *ret_n)
{
	*ret_n = countof(rows);
	return rows;
}
