#include "ingest/imap/imap_folder.h"

#include <stddef.h>

#include "base/mem.h"

static const struct {
	const char *attribute; /* RFC 6154, RFC 8457, and XLIST's of old */
	enum imap_role role;
} by_attribute[] = {
	{ "\\All", IMAP_ROLE_ALL },
	{ "\\AllMail", IMAP_ROLE_ALL },
	{ "\\Sent", IMAP_ROLE_SENT },
	{ "\\Junk", IMAP_ROLE_JUNK },
	{ "\\Spam", IMAP_ROLE_JUNK },
	{ "\\Trash", IMAP_ROLE_TRASH },
	{ "\\Drafts", IMAP_ROLE_DRAFTS },
	{ "\\Archive", IMAP_ROLE_ARCHIVE },
	{ "\\Flagged", IMAP_ROLE_FLAGGED },
	{ "\\Starred", IMAP_ROLE_FLAGGED },
	{ "\\Important", IMAP_ROLE_IMPORTANT },
	{ "\\Inbox", IMAP_ROLE_INBOX },
};

/*
 * The last level of the name, ASCII folded; other letters stand as programs
 * write them.  Whole names only: "Spam reports 2024" is nobody's Junk.
 */
static const struct {
	const char *name;
	enum imap_role role;
} by_name[] = {
	/* Junk: where a reply hides */
	{ "junk", IMAP_ROLE_JUNK },
	{ "junk e-mail", IMAP_ROLE_JUNK },
	{ "junk email", IMAP_ROLE_JUNK },
	{ "junk mail", IMAP_ROLE_JUNK },
	{ "junk-e-mail", IMAP_ROLE_JUNK },
	{ "spam", IMAP_ROLE_JUNK },
	{ "bulk", IMAP_ROLE_JUNK },
	{ "bulk mail", IMAP_ROLE_JUNK },
	{ "spamverdacht", IMAP_ROLE_JUNK },
	{ "unerwünscht", IMAP_ROLE_JUNK },
	{ "unerwünschte werbung", IMAP_ROLE_JUNK },
	{ "courrier indésirable", IMAP_ROLE_JUNK },
	{ "indésirables", IMAP_ROLE_JUNK },
	{ "pourriel", IMAP_ROLE_JUNK },
	{ "correo no deseado", IMAP_ROLE_JUNK },
	{ "no deseado", IMAP_ROLE_JUNK },
	{ "posta indesiderata", IMAP_ROLE_JUNK },
	{ "ongewenste e-mail", IMAP_ROLE_JUNK },
	{ "ongewenst", IMAP_ROLE_JUNK },
	{ "lixo eletrônico", IMAP_ROLE_JUNK },
	{ "lixo eletrónico", IMAP_ROLE_JUNK },
	{ "wiadomości-śmieci", IMAP_ROLE_JUNK },
	{ "niechciane", IMAP_ROLE_JUNK },
	{ "skräppost", IMAP_ROLE_JUNK },
	{ "søppelpost", IMAP_ROLE_JUNK },
	{ "uønsket e-mail", IMAP_ROLE_JUNK },
	{ "uønsket mail", IMAP_ROLE_JUNK },
	{ "uønsket e-post", IMAP_ROLE_JUNK },
	{ "roskaposti", IMAP_ROLE_JUNK },
	{ "nevyžádaná pošta", IMAP_ROLE_JUNK },
	{ "levélszemét", IMAP_ROLE_JUNK },
	{ "istenmeyen", IMAP_ROLE_JUNK },
	{ "gereksiz e-posta", IMAP_ROLE_JUNK },
	{ "Спам", IMAP_ROLE_JUNK },
	{ "Нежелательная почта", IMAP_ROLE_JUNK },
	{ "迷惑メール", IMAP_ROLE_JUNK },
	{ "垃圾邮件", IMAP_ROLE_JUNK },
	{ "垃圾郵件", IMAP_ROLE_JUNK },
	{ "정크 메일", IMAP_ROLE_JUNK },
	{ "스팸메일함", IMAP_ROLE_JUNK },
	/* Sent */
	{ "sent", IMAP_ROLE_SENT },
	{ "sent items", IMAP_ROLE_SENT },
	{ "sent mail", IMAP_ROLE_SENT },
	{ "sent messages", IMAP_ROLE_SENT },
	{ "gesendet", IMAP_ROLE_SENT },
	{ "gesendete elemente", IMAP_ROLE_SENT },
	{ "gesendete objekte", IMAP_ROLE_SENT },
	{ "postausgang", IMAP_ROLE_SENT },
	{ "envoyés", IMAP_ROLE_SENT },
	{ "messages envoyés", IMAP_ROLE_SENT },
	{ "éléments envoyés", IMAP_ROLE_SENT },
	{ "objets envoyés", IMAP_ROLE_SENT },
	{ "enviados", IMAP_ROLE_SENT },
	{ "elementos enviados", IMAP_ROLE_SENT },
	{ "itens enviados", IMAP_ROLE_SENT },
	{ "mensagens enviadas", IMAP_ROLE_SENT },
	{ "posta inviata", IMAP_ROLE_SENT },
	{ "inviata", IMAP_ROLE_SENT },
	{ "verzonden", IMAP_ROLE_SENT },
	{ "verzonden items", IMAP_ROLE_SENT },
	{ "verzonden berichten", IMAP_ROLE_SENT },
	{ "wysłane", IMAP_ROLE_SENT },
	{ "elementy wysłane", IMAP_ROLE_SENT },
	{ "skickat", IMAP_ROLE_SENT },
	{ "skickade objekt", IMAP_ROLE_SENT },
	{ "sendt", IMAP_ROLE_SENT },
	{ "sendte elementer", IMAP_ROLE_SENT },
	{ "sendt post", IMAP_ROLE_SENT },
	{ "lähetetyt", IMAP_ROLE_SENT },
	{ "odeslaná pošta", IMAP_ROLE_SENT },
	{ "odeslané", IMAP_ROLE_SENT },
	{ "elküldött elemek", IMAP_ROLE_SENT },
	{ "gönderilmiş öğeler", IMAP_ROLE_SENT },
	{ "gönderilenler", IMAP_ROLE_SENT },
	{ "Отправленные", IMAP_ROLE_SENT },
	{ "送信済みアイテム", IMAP_ROLE_SENT },
	{ "送信済みメール", IMAP_ROLE_SENT },
	{ "已发送", IMAP_ROLE_SENT },
	{ "已发送邮件", IMAP_ROLE_SENT },
	{ "寄件備份", IMAP_ROLE_SENT },
	{ "보낸 편지함", IMAP_ROLE_SENT },
	/* Trash */
	{ "trash", IMAP_ROLE_TRASH },
	{ "deleted", IMAP_ROLE_TRASH },
	{ "deleted items", IMAP_ROLE_TRASH },
	{ "deleted messages", IMAP_ROLE_TRASH },
	{ "bin", IMAP_ROLE_TRASH },
	{ "papierkorb", IMAP_ROLE_TRASH },
	{ "gelöscht", IMAP_ROLE_TRASH },
	{ "gelöschte elemente", IMAP_ROLE_TRASH },
	{ "gelöschte objekte", IMAP_ROLE_TRASH },
	{ "corbeille", IMAP_ROLE_TRASH },
	{ "éléments supprimés", IMAP_ROLE_TRASH },
	{ "papelera", IMAP_ROLE_TRASH },
	{ "elementos eliminados", IMAP_ROLE_TRASH },
	{ "lixeira", IMAP_ROLE_TRASH },
	{ "lixo", IMAP_ROLE_TRASH },
	{ "itens excluídos", IMAP_ROLE_TRASH },
	{ "cestino", IMAP_ROLE_TRASH },
	{ "posta eliminata", IMAP_ROLE_TRASH },
	{ "prullenbak", IMAP_ROLE_TRASH },
	{ "verwijderde items", IMAP_ROLE_TRASH },
	{ "kosz", IMAP_ROLE_TRASH },
	{ "papperskorgen", IMAP_ROLE_TRASH },
	{ "borttagna objekt", IMAP_ROLE_TRASH },
	{ "papirkurv", IMAP_ROLE_TRASH },
	{ "slettet post", IMAP_ROLE_TRASH },
	{ "roskakori", IMAP_ROLE_TRASH },
	{ "koš", IMAP_ROLE_TRASH },
	{ "çöp kutusu", IMAP_ROLE_TRASH },
	{ "Корзина", IMAP_ROLE_TRASH },
	{ "Удаленные", IMAP_ROLE_TRASH },
	{ "ゴミ箱", IMAP_ROLE_TRASH },
	{ "已删除", IMAP_ROLE_TRASH },
	{ "휴지통", IMAP_ROLE_TRASH },
	/* Drafts */
	{ "draft", IMAP_ROLE_DRAFTS },
	{ "drafts", IMAP_ROLE_DRAFTS },
	{ "entwürfe", IMAP_ROLE_DRAFTS },
	{ "brouillons", IMAP_ROLE_DRAFTS },
	{ "borradores", IMAP_ROLE_DRAFTS },
	{ "rascunhos", IMAP_ROLE_DRAFTS },
	{ "bozze", IMAP_ROLE_DRAFTS },
	{ "concepten", IMAP_ROLE_DRAFTS },
	{ "wersje robocze", IMAP_ROLE_DRAFTS },
	{ "szkice", IMAP_ROLE_DRAFTS },
	{ "utkast", IMAP_ROLE_DRAFTS },
	{ "kladder", IMAP_ROLE_DRAFTS },
	{ "luonnokset", IMAP_ROLE_DRAFTS },
	{ "koncepty", IMAP_ROLE_DRAFTS },
	{ "taslaklar", IMAP_ROLE_DRAFTS },
	{ "Черновики", IMAP_ROLE_DRAFTS },
	{ "下書き", IMAP_ROLE_DRAFTS },
	{ "草稿箱", IMAP_ROLE_DRAFTS },
	{ "임시 보관함", IMAP_ROLE_DRAFTS },
	/* Archive */
	{ "archive", IMAP_ROLE_ARCHIVE },
	{ "archives", IMAP_ROLE_ARCHIVE },
	{ "archiv", IMAP_ROLE_ARCHIVE },
	{ "archivo", IMAP_ROLE_ARCHIVE },
	{ "archivio", IMAP_ROLE_ARCHIVE },
	{ "archief", IMAP_ROLE_ARCHIVE },
	{ "arquivo", IMAP_ROLE_ARCHIVE },
	{ "archiwum", IMAP_ROLE_ARCHIVE },
	{ "arkiv", IMAP_ROLE_ARCHIVE },
	{ "arkisto", IMAP_ROLE_ARCHIVE },
	{ "arşiv", IMAP_ROLE_ARCHIVE },
	{ "Архив", IMAP_ROLE_ARCHIVE },
	{ "アーカイブ", IMAP_ROLE_ARCHIVE },
	{ "存档", IMAP_ROLE_ARCHIVE },
};

static enum imap_role role_of_attribute(struct text word)
{
	for (size_t i = 0; i < countof(by_attribute); i++)
		if (text_ieq(word, text_of(by_attribute[i].attribute)))
			return by_attribute[i].role;
	return IMAP_ROLE_NONE;
}

/* RFC 5258 section 3: \NonExistent implies \Noselect. */
static void read_attributes(struct imap_folder *f, struct text words)
{
	struct text word;

	while (words.len) {
		enum imap_role role;

		text_cut(words, ' ', &word, &words);
		if (text_ieq(word, TEXT("\\Noselect")) || text_ieq(word, TEXT("\\NonExistent")))
			f->is_selectable = false;
		if (text_ieq(word, TEXT("\\HasChildren")))
			f->has_children = true;
		role = role_of_attribute(word);
		/* Gmail may say two of them; \Important and \Flagged are views, not places */
		if (role != IMAP_ROLE_NONE &&
		    (f->role == IMAP_ROLE_NONE || f->role == IMAP_ROLE_FLAGGED ||
		     f->role == IMAP_ROLE_IMPORTANT))
			f->role = role;
	}
}

static struct text last_level(struct text name, char separator)
{
	struct text head, tail;

	while (separator && text_cut(name, separator, &head, &tail) && tail.len)
		name = tail;
	return name;
}

void imap_folder_judge(struct imap_folder *f, struct text attributes)
{
	struct text last;

	f->role = IMAP_ROLE_NONE;
	f->is_guess = false;
	f->is_selectable = true;
	f->has_children = false;
	read_attributes(f, attributes);

	/* RFC 3501 section 5.1: INBOX in any case; Yahoo writes "Inbox" */
	if (text_ieq(f->raw, TEXT("INBOX"))) {
		f->role = IMAP_ROLE_INBOX;
		return;
	}
	if (f->role != IMAP_ROLE_NONE)
		return;
	last = last_level(f->name, f->separator);
	for (size_t i = 0; i < countof(by_name); i++) {
		if (text_ieq(last, text_of(by_name[i].name))) {
			f->role = by_name[i].role;
			f->is_guess = true;
			return;
		}
	}
}

const char *imap_folder_role_name(enum imap_role role)
{
	static const char *const words[] = {
#define IMAP_ROLE_WORD(name, word) word,
		IMAP_ROLES(IMAP_ROLE_WORD)
#undef IMAP_ROLE_WORD
	};

	return words[role];
}
