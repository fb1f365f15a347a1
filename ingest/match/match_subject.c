#include "ingest/match/match_subject.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

#define RAW_MAX 2048 /* bytes that are folded: prefixes of many rounds and the subject */
#define TAG_MAX 40   /* "[External]", "***SPAM***": longer ones are part of a subject */

/*
 * What stands before a colon, folded: answers, forwards, automatic answers,
 * receipts, calendars.  Words that no seller begins a subject with.
 */
static const char *const prefixes[] = {
	/* answers */
	"re",
	"aw",
	"sv",
	"antw",
	"antwort",
	"antwoord",
	"vs",
	"ref",
	"rep",
	"r",
	"rif",
	"odp",
	"res",
	"rasp",
	"ynt",
	"tl",
	"atb",
	"ats",
	"bls",
	"va",
	"valasz",
	"απ",
	"σχετ",
	"отв",
	"ответ",
	"відп",
	"תגובה",
	"השב",
	"رد",
	"回复",
	"答复",
	"回覆",
	"返信",
	"회신",
	"답장",
	/* forwards */
	"fw",
	"fwd",
	"wg",
	"weitergeleitet",
	"tr",
	"vl",
	"videresend",
	"doorst",
	"i",
	"inoltra",
	"pd",
	"enc",
	"redir.",
	"rv",
	"renv",
	"vb",
	"ilt",
	"ct",
	"yml",
	"ed",
	"pars.",
	"pers",
	"fs",
	"trs",
	"tovabbitas",
	"tovabb",
	"πρθ",
	"пер",
	"пересл",
	"הועבר",
	"העברה",
	"إعادة توجيه",
	"转发",
	"轉寄",
	"轉發",
	"転送",
	"전달",
	/* a machine answers */
	"auto",
	"autoreply",
	"auto reply",
	"auto-reply",
	"auto response",
	"automatic reply",
	"automatic response",
	"out of office",
	"out of the office",
	"out of office autoreply",
	"oof",
	"ooo",
	"automatische antwort",
	"autom. antwort",
	"abwesenheitsnotiz",
	"abwesenheit",
	"reponse automatique",
	"absence",
	"absence du bureau",
	"respuesta automatica",
	"fuera de la oficina",
	"risposta automatica",
	"fuori sede",
	"resposta automatica",
	"automatisch antwoord",
	"automatische antwoord",
	"autosvar",
	"automatiskt svar",
	"automatisk svar",
	"automaattinen vastaus",
	"odpowiedz automatyczna",
	"automatyczna odpowiedz",
	"automaticka odpoved",
	"automatikus valasz",
	"raspuns automat",
	"otomatik yanit",
	"автоматический ответ",
	"автоматична відповідь",
	"自動応答",
	"自动答复",
	"자동 회신",
	/* receipts and calendars */
	"read",
	"not read",
	"gelesen",
	"ungelesen",
	"nicht gelesen",
	"lu",
	"leido",
	"letto",
	"gelezen",
	"lida",
	"lido",
	"last",
	"delivered",
	"relayed",
	"accepted",
	"zugesagt",
	"accepte",
	"aceptado",
	"aceptada",
	"accettato",
	"geaccepteerd",
	"declined",
	"abgesagt",
	"abgelehnt",
	"refuse",
	"tentative",
	"mit vorbehalt",
	"new time proposed",
	"canceled event",
	"cancelled",
};

static bool is_prefix(struct text word)
{
	for (size_t i = 0; i < countof(prefixes); i++)
		if (text_eq(word, text_of(prefixes[i])))
			return true;
	return false;
}

/* Without the count of "re[2]", "re(3)", "re^2". */
static struct text without_count(struct text word)
{
	size_t n;

	word = text_trim(word);
	n = word.len;
	if (n && (word.at[n - 1] == ']' || word.at[n - 1] == ')'))
		n--;
	while (n && word.at[n - 1] >= '0' && word.at[n - 1] <= '9')
		n--;
	if (n && n < word.len && strchr("[(^", word.at[n - 1]))
		return text_trim(text_sub(word, 0, n - 1));
	return word;
}

/* The length of ":" or of the full-width one at `at`; 0: none. */
static size_t colon_at(struct text t, size_t at)
{
	if (t.at[at] == ':')
		return 1;
	return text_eq(text_sub(t, at, 3), TEXT("：")) ? 3 : 0;
}

/* What follows a prefix and its colon; what was given, where there is none. */
static struct text past_prefix(struct text t)
{
	for (size_t i = 0; i < t.len && i < TAG_MAX; i++) {
		size_t colon = colon_at(t, i);

		if (!colon)
			continue;
		if (!is_prefix(without_count(text_sub(t, 0, i))))
			return t;
		return text_trim(text_sub(t, i + colon, t.len));
	}
	return t;
}

/* What follows "[External]" or "***SPAM***", unless that is all. */
static struct text past_tag(struct text t)
{
	struct text rest = t;

	if (t.len && t.at[0] == '[') {
		const char *end = memchr(t.at, ']', t.len < TAG_MAX ? t.len : TAG_MAX);

		if (end)
			rest = text_trim(text_sub(t, (size_t)(end - t.at) + 1, t.len));
	} else if (text_istarts(t, TEXT("***"))) {
		size_t end = text_ifind(text_sub(t, 3, TAG_MAX), TEXT("***"));

		if (end != SIZE_MAX)
			rest = text_trim(text_sub(t, end + 6, t.len));
	}
	return rest.len ? rest : t;
}

size_t match_subject_normal(struct text raw, char ret[MATCH_SUBJECT])
{
	cleanup_buf struct buf folded;
	struct text t, before;

	buf_init(&folded, RAW_MAX);
	mime_fold_add(&folded, text_sub(raw, 0, RAW_MAX));
	t = text_trim(text_of_buf(&folded));
	do {
		before = t;
		t = past_prefix(past_tag(t));
	} while (t.len < before.len);
	mime_utf8_copy(ret, MATCH_SUBJECT, t);
	return strlen(ret);
}
