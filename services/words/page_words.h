#ifndef SERVICES_WORDS_PAGE_WORDS_H
#define SERVICES_WORDS_PAGE_WORDS_H

#include "services/words/words.h"

/*
 * The texts of the connect page: one row per text, in every language.  Plain text, escaped where
 * it is put into a page; "%s" stands for a name and comes once in both or in neither.
 */
/* clang-format off */
#define PAGE_WORDS_ROWS(X) \
	X(TITLE, "Connect your inbox", "Connectez votre boîte aux lettres") \
	X(TITLE_OF, "Connect %s", "Connectez %s") \
	X(SKIP, "Skip to the content", "Aller au contenu") \
	X(LANGUAGES, "Language", "Langue") \
	X(LEAD_ADDRESS, "Type your e-mail address. The way to connect it is found for you.", \
		"Saisissez votre adresse e-mail. La façon de la connecter est trouvée pour vous.") \
	X(LABEL_ADDRESS, "E-mail address", "Adresse e-mail") \
	X(CONTINUE, "Continue", "Continuer") \
	X(LEAD_OAUTH, "You sign in at %s. Your password never comes here.", \
		"Vous vous connectez chez %s. Votre mot de passe n'arrive jamais ici.") \
	X(CONTINUE_WITH, "Continue with %s", "Continuer avec %s") \
	X(LEAD_PASSWORD, "%s lets mail programs in with an app password. It takes a minute:", \
		"%s admet les logiciels de messagerie avec un mot de passe d'application. Cela prend une minute :") \
	X(LEAD_ANY_PASSWORD, "Sign in with the password of the mailbox:", "Connectez-vous avec le mot de passe de la boîte :") \
	X(LEAD_SERVER, "The settings of your mail server could not be found. Whoever runs it knows them.", \
		"Les réglages de votre serveur de messagerie n'ont pas été trouvés. La personne qui l'administre les connaît.") \
	X(LEAD_SERVER_BY_HAND, "The settings of your mail server, as whoever runs it gives them.", \
		"Les réglages de votre serveur de messagerie, tels que les donne son administrateur.") \
	X(OPEN_HOWTO, "Open the page of %s", "Ouvrir la page de %s") \
	X(NEW_TAB, "opens in a new tab", "s'ouvre dans un nouvel onglet") \
	X(LABEL_PASSWORD, "Password or app password", "Mot de passe ou mot de passe d'application") \
	X(LABEL_APP_PASSWORD, "App password", "Mot de passe d'application") \
	X(LABEL_HOST, "Mail server (IMAP)", "Serveur de messagerie (IMAP)") \
	X(LABEL_PORT, "Port (optional)", "Port (facultatif)") \
	X(LABEL_SECURITY, "Security", "Sécurité") \
	X(SECURITY_TLS, "TLS (usually port 993)", "TLS (d'ordinaire port 993)") \
	X(SECURITY_STARTTLS, "STARTTLS (usually port 143)", "STARTTLS (d'ordinaire port 143)") \
	X(LABEL_LOGIN, "User name", "Nom d'utilisateur") \
	X(LABEL_LOGIN_OPTIONAL, "User name (optional)", "Nom d'utilisateur (facultatif)") \
	X(HINT_LOGIN, "If it is not the e-mail address", "Si ce n'est pas l'adresse e-mail") \
	X(HINT_LOGIN_NEEDED, "The name you sign in with there; it cannot be told from the address", \
		"Le nom avec lequel vous vous y connectez ; l'adresse ne le dit pas") \
	X(SEALED, "It is sealed at once, used for signing in only, and never shown again.", \
		"Il est scellé aussitôt, ne sert qu'à se connecter et n'est plus jamais affiché.") \
	X(CONNECT, "Connect", "Connecter") \
	X(OTHER_WAYS, "Other ways to connect", "Autres façons de se connecter") \
	X(USE_PASSWORD, "Use an app password", "Utiliser un mot de passe d'application") \
	X(USE_SERVER, "Enter the server by hand", "Indiquer le serveur à la main") \
	X(USE_SIGN_IN, "Sign in at %s", "Se connecter chez %s") \
	X(USE_ADDRESS, "Use another address", "Utiliser une autre adresse") \
	X(IT_IS_AT, "Is the mailbox at one of these providers?", "La boîte est-elle chez l'un de ces fournisseurs ?") \
	X(PROMISES, "What happens to your mailbox", "Ce qui arrive à votre boîte aux lettres") \
	X(WILL, "replyd will", "replyd va") \
	X(WILL_READ, "look for answers to the mails of your sequences", "chercher les réponses aux messages de vos séquences") \
	X(WILL_STOP, "see to it that whoever answered gets no further one", "veiller à ce que qui a répondu ne soit plus relancé") \
	X(WILL_SEND, "check that your sequences can send from this address, without sending anything", \
		"vérifier que vos séquences peuvent écrire depuis cette adresse, sans rien envoyer") \
	X(WILL_NOT, "replyd will never", "replyd ne va jamais") \
	X(NEVER_TOUCH, "mark, move or delete a mail", "marquer, déplacer ou supprimer un message") \
	X(NEVER_KEEP, "keep text, subject or address of any other mail", \
		"conserver le texte, l'objet ou l'adresse d'un autre message") \
	X(NEVER_SEND, "send a mail by itself", "envoyer de lui-même un message") \
	X(PROMISE_END, "The access is kept sealed. You can end it at any time: tell your team, or do it at your provider.", \
		"L'accès est conservé scellé. Vous pouvez y mettre fin à tout moment : par votre équipe, ou chez votre fournisseur.") \
	X(CONNECTING, "Connecting", "Connexion en cours") \
	X(LEAD_CONNECTING, "This takes a few seconds. The page follows by itself.", \
		"Cela prend quelques secondes. La page suit d'elle-même.") \
	X(STEP_CONSENT, "Your consent", "Votre accord") \
	X(STEP_PASSWORD, "Your password, sealed", "Votre mot de passe, scellé") \
	X(STEP_EXCHANGE, "Access from the provider", "Accès auprès du fournisseur") \
	X(STEP_HANDED, "Access made ready", "Accès préparé") \
	X(STEP_LOGIN, "Sign-in to the mailbox", "Connexion à la boîte aux lettres") \
	X(STEP_FOLDERS, "A look at its folders", "Lecture de ses dossiers") \
	X(STEP_DONE, "done", "fait") \
	X(STEP_NOW, "under way", "en cours") \
	X(STEP_LATER, "to come", "à venir") \
	X(LOOK_AGAIN, "Look again", "Actualiser") \
	X(CONNECTED, "Connected", "Connectée") \
	X(LEAD_CONNECTED, "The inbox is watched from now on. You can close this page.", \
		"La boîte est surveillée dès maintenant. Vous pouvez fermer cette page.") \
	X(CONNECTED_AGAIN, "You need to come back only if your provider asks for it.", \
		"Vous n'aurez à revenir que si votre fournisseur le demande.") \
	X(NOT_CONNECTED, "Not connected", "Non connectée") \
	X(TRY_AGAIN, "Try again", "Réessayer") \
	X(OTHER_ACCOUNT, "Choose another account", "Choisir un autre compte") \
	X(USE_STARTTLS, "Try STARTTLS on port 143", "Essayer STARTTLS sur le port 143") \
	X(BACK, "Back to %s", "Retour à %s") \
	X(RETYPE, "Type the password again", "Ressaisir le mot de passe") \
	X(CHECK_SERVER, "Check the server's settings", "Vérifier les réglages du serveur") \
	X(REOPEN, "Open the connect link again", "Rouvrir le lien de connexion") \
	X(TELL_OPERATOR, "That is for whoever runs this service to mend: please tell them, the details below help.", \
		"C'est à l'exploitant de ce service d'y remédier : prévenez-le, les détails ci-dessous l'aideront.") \
	X(DETAILS, "Details for whoever helps you", "Détails pour la personne qui vous aide") \
	X(THE_SERVER_SAYS, "What was said there", "Ce qui y a été dit") \
	X(AWAY, "One moment", "Un instant") \
	X(LEAD_AWAY, "The service is being restarted. This page tries again by itself.", \
		"Le service redémarre. Cette page réessaie d'elle-même.") \
	X(CODE, "Code", "Code") \
	X(BAD_INPUT, "Please check this:", "Veuillez vérifier ceci :") \
	X(BAD_ADDRESS, "This is not an e-mail address (name@domain).", "Ce n'est pas une adresse e-mail (nom@domaine).") \
	X(BAD_DOMAIN, "There is no mail at this domain: check how it is spelt.", \
		"Ce domaine ne reçoit pas de courrier : vérifiez son orthographe.") \
	X(BAD_LOOKUP, "The domain could not be looked up just now. Try again, or enter the server by hand.", \
		"Le domaine n'a pas pu être consulté à l'instant. Réessayez, ou indiquez le serveur à la main.") \
	X(BAD_PASSWORD, "Type the password.", "Saisissez le mot de passe.") \
	X(BAD_LONG, "This is too long.", "C'est trop long.") \
	X(BAD_HOST, "This is not the name of a server (imap.example.com).", "Ce n'est pas le nom d'un serveur (imap.example.com).") \
	X(BAD_HOST_REFUSED, "This server lies inside a private network. Give one that the internet reaches.", \
		"Ce serveur est dans un réseau privé. Indiquez un serveur accessible depuis internet.") \
	X(BAD_PORT, "This port does not fit: 993 for TLS, 143 for STARTTLS, or one above 1023.", \
		"Ce port ne convient pas : 993 pour TLS, 143 pour STARTTLS, ou un port supérieur à 1023.") \
	X(BAD_LOGIN, "Type the name that you sign in with there.", "Saisissez le nom avec lequel vous vous y connectez.") \
	X(BAD_WAY, "This provider takes no passwords from mail programs. Sign in at the provider instead.", \
		"Ce fournisseur n'accepte pas de mot de passe des logiciels de messagerie. Connectez-vous plutôt chez lui.")
/* clang-format on */

enum page_words {
#define PAGE_WORDS_NAME(name, en, fr) PAGE_##name,
	PAGE_WORDS_ROWS(PAGE_WORDS_NAME)
#undef PAGE_WORDS_NAME
};
#define PAGE_WORDS_N (PAGE_BAD_WAY + 1)

const char *page_words(enum words_lang lang, enum page_words which);

#endif
