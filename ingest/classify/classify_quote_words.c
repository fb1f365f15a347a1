#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_quote_words.h"

static const struct {
	enum classify_label label;
	const char *words; /* separated by '|' */
} labels[] = {
	{ CLASSIFY_LABEL_FROM,
	  "from|von|de|da|mittente|van|fra|fran|od|nadawca|lahettaja|felado|expeditorul|de la|"
	  "от|отправитель|від|від кого|kimden|gonderen|saatja|salje|nuo|no|από|απο|发件人|"
	  "寄件者|差出人|送信元|보낸 사람|מאת|من|dari|tu|từ|จาก" },
	{ CLASSIFY_LABEL_DATE,
	  "date|sent|datum|gesendet|envoye|fecha|enviado|enviado el|data|inviato|verzonden|"
	  "enviada em|enviada|dato|sendt|skickat|lahetetty|paivays|paivamaara|wyslano|wyslane|"
	  "odeslano|odoslane|elkuldve|trimis|дата|отправлено|відправлено|надіслано|tarih|"
	  "gonderildi|gonderilen|σταλθηκε|ημερομηνια|изпратено|发送时间|日期|寄件日期|"
	  "送信日時|日付|보낸 날짜|נשלח|تاريخ الإرسال|nosutits|dikirim|tanggal" },
	{ CLASSIFY_LABEL_TO,
	  "to|an|a|para|aan|til|till|do|adresat|vastaanottaja|komu|pre|cimzett|catre|destinatarul|"
	  "кому|kime|alici|prima|pour|προς|до|za|收件人|收件者|宛先|送信先|받는 "
	  "사람|אל|إلى|kepada" },
	{ CLASSIFY_LABEL_CC,
	  "cc|kopie|kopie (cc)|kopi|kopia|kopio|copie a|copia|dw|masolat|masolatot kap|копия|копія|"
	  "bilgi|kop|抄送|副本|참조|reply-to|antwort an|reply to|bcc" },
	{ CLASSIFY_LABEL_SUBJECT,
	  "subject|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|amne|emne|aihe|temat|"
	  "predmet|targy|subiect|subiectul|тема|konu|naslov|teema|zadeva|θεμα|относно|主题|"
	  "主旨|件名|제목|נושא|الموضوع|subyek|perihal|chu de" },
};

/* Is `word` one of "a|b|c"? */
static bool is_among(struct text word, const char *words)
{
	struct text rest = text_of(words), one;

	while (text_cut(rest, '|', &one, &rest))
		if (text_eq(word, one))
			return true;
	return text_eq(word, one);
}

static bool is_mark(char c)
{
	return c == '*' || c == '_' || c == '|' || c == ' ';
}

enum classify_label classify_quote_words_label(struct text line)
{
	const char *colon;
	struct text word;

	while (line.len && is_mark(line.at[0])) /* bold in clients that write HTML as text */
		line = text_sub(line, 1, line.len);
	colon = line.len ? memchr(line.at, ':', line.len < 40 ? line.len : 40) : NULL;
	if (!colon)
		return CLASSIFY_LABEL_NONE;
	word = text_sub(line, 0, (size_t)(colon - line.at));
	while (word.len && is_mark(word.at[word.len - 1]))
		word.len--;
	for (size_t i = 0; word.len && i < countof(labels); i++)
		if (is_among(word, labels[i].words))
			return labels[i].label;
	return CLASSIFY_LABEL_NONE;
}

/* Without the dashes and the like that frame a separator; `ret_framed`: at least two at the front.
 */
static struct text unframed(struct text line, bool *ret_framed)
{
	size_t front = 0;

	while (front < line.len && strchr("-_=*# ", line.at[front]))
		front++;
	*ret_framed = front >= 2;
	line = text_sub(line, front, line.len);
	while (line.len && strchr("-_=*# :", line.at[line.len - 1]))
		line.len--;
	return line;
}

static const char *const originals[] = {
	"original message",
	"reply message",
	"ursprungliche nachricht",
	"urspr. nachricht",
	"original-nachricht",
	"originalnachricht",
	"antwort nachricht",
	"oprindelig meddelelse",
	"oprindelig besked",
	"message d'origine",
	"message original",
	"mail original",
	"mensagem original",
	"mensaje original",
	"messaggio originale",
	"oorspronkelijk bericht",
	"ursprungligt meddelande",
	"opprinnelig melding",
	"alkuperainen viesti",
	"wiadomosc oryginalna",
	"oryginalna wiadomosc",
	"puvodni zprava",
	"povodna sprava",
	"missatge original",
	"eredeti uzenet",
	"исходное сообщение",
	"оригінальне повідомлення",
	"ozgun ileti",
	"orijinal mesaj",
	"原始邮件",
	"原始郵件",
	"元のメッセージ",
	"원본 메시지",
	"αρχικο μηνυμα",
	"mesaj original",
	"pesan asli",
	"tin nhan goc",
	"الرسالة الأصلية",
	"הודעה מקורית",
	"oorspronklike boodskap",
};

static const char *const forwards[] = {
	"forwarded message",
	"begin forwarded message",
	"weitergeleitete nachricht",
	"anfang der weitergeleiteten nachricht",
	"message transfere",
	"message transmis",
	"debut du message transfere",
	"debut du message reexpedie",
	"mensaje reenviado",
	"inicio del mensaje reenviado",
	"messaggio inoltrato",
	"inizio messaggio inoltrato",
	"mensagem encaminhada",
	"mensagem reencaminhada",
	"inicio da mensagem encaminhada",
	"inicio da mensagem reencaminhada",
	"doorgestuurd bericht",
	"begin doorgestuurd bericht",
	"vidarebefordrat meddelande",
	"vidarebefordrat mejl",
	"videresendt meddelelse",
	"videresendt melding",
	"start pa videresendt besked",
	"edelleenlahetetty viesti",
	"valitetty viesti alkaa",
	"przekazana wiadomosc",
	"poczatek przekazywanej wiadomosci",
	"preposlana zprava",
	"zacatek preposlane zpravy",
	"preposlana sprava",
	"zaciatok preposlanej spravy",
	"tovabbitott uzenet",
	"tovabbitott level kezdete",
	"mesaj redirectionat",
	"incepe mesajul redirectionat",
	"пересылаемое сообщение",
	"начало переадресованного сообщения",
	"перенаправлене повідомлення",
	"початок листа, що пересилається",
	"iletilmis mesaj",
	"ileti baslangici",
	"转发邮件",
	"轉寄郵件",
	"転送メッセージ",
	"전달된 메시지",
	"zapocni proslijedenu poruku",
};

static bool is_one_of(struct text t, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_eq(t, text_of(list[i])))
			return true;
	return false;
}

bool classify_quote_words_is_original(struct text line)
{
	bool framed;
	struct text t = unframed(line, &framed);

	return t.len < 60 && framed && is_one_of(t, originals, countof(originals));
}

bool classify_quote_words_is_forward(struct text line)
{
	bool framed, colon = line.len && line.at[line.len - 1] == ':';
	struct text t = unframed(line, &framed);

	return t.len < 80 && (framed || colon) && is_one_of(t, forwards, countof(forwards));
}

static const char *const intros[] = {
	"on ",     "am ",   "le ",   "el ",  "il ",      "em ",
	"no dia ", "op ",   "den ",  "pa ",  "w dniu ",  "dnia ",
	"dne ",    "pe ",   "pada ", "vao ", "in data ", "in a message ",
	"mon",     "tue",   "wed",   "thu",  "fri",      "sat",
	"sun",     "mo",    "di",    "mi",   "do",       "fr",
	"sa",      "so",    "lun",   "mar",  "mer",      "jeu",
	"ven",     "sam",   "dim",   "man.", "tir.",     "ons.",
	"tor.",    "fre.",  "lor.",  "son.", "tis ",     "pon.",
	"wt.",     "sr.",   "czw.",  "pt.",  "sob.",     "niedz.",
	"ma ",     "ti ",   "ke ",   "to ",  "pe ",      "la ",
	"su ",     "po ",   "ut ",   "st ",  "ct ",      "pa ",
	"so ",     "ne ",   "на ",   "в ",   "пн",       "вт",
	"ср",      "чт",    "пт",    "сб",   "вс",       "нд",
	"在",      "於",    "于",    "เมื่อ",  "في ",      "בתאריך",
	"a(z) ",   "στις ",
};

bool classify_quote_words_is_intro(struct text line)
{
	if (line.len &&
	    ((line.at[0] >= '0' && line.at[0] <= '9') || text_istarts(line, TEXT("--"))))
		return true;
	for (size_t i = 0; i < countof(intros); i++)
		if (text_istarts(line, text_of(intros[i])))
			return true;
	return false;
}

static const char *const verbs[] = {
	"wrote",      "writes",       "sent:",      "schrieb", "a ecrit",  "ecrit :",  "ecrivait",
	"escribio",   "ha escrit",    "ha scritto", "scrive:", "escreveu", "schreef",  "geschreven",
	"skrev",      "kirjoitti",    "napisal",    "pisze",   "nadeslal", "napsal",   "irta",
	"написал",    "пишет",        "пише",       "написав", "написа",   "yazdi",    "写道",
	"寫道",       "のメッセージ", "작성",       "a scris", "menulis",  "da viet",  "เขียนว่า",
	"ने लिखा",     "كتب",          "מאת",        "εγραψε",  "rasa:",    "kirjutas", "je napisao",
	"je napisal",
};

bool classify_quote_words_has_verb(struct text line)
{
	for (size_t i = 0; i < countof(verbs); i++)
		if (classify_phrase_in(line, verbs[i]))
			return true;
	return false;
}

static const char *const banners[] = {
	"[external]",
	"caution: this e",
	"caution: external",
	"warning: this e",
	"external email:",
	"this message was sent from outside",
	"this email originated from outside",
	"you don't often get email from",
	"achtung: diese e-mail stammt",
	"achtung: externe e-mail",
	"vorsicht: externe",
	"sie erhalten nicht oft e-mails von",
	"attention : cet e-mail provient",
	"attention: cet e-mail provient",
	"attention : ce message provient",
	"vous n'obtenez pas souvent d'e-mail",
	"precaucion: este correo",
	"atencion: este correo",
	"attenzione: questa e-mail proviene",
	"cuidado: este e-mail",
	"let op: deze e-mail",
	"let op: dit bericht",
	"uwaga: ta wiadomosc",
};

bool classify_quote_words_is_banner(struct text line)
{
	for (size_t i = 0; i < countof(banners); i++)
		if (text_istarts(line, text_of(banners[i])))
			return true;
	return false;
}

static const char *const mobiles[] = {
	"sent from my ",
	"sent from mail for windows",
	"sent from outlook",
	"sent from yahoo",
	"sent from proton",
	"sent from samsung",
	"sent with proton",
	"sent via ",
	"get outlook for ",
	"von meinem ",
	"gesendet von ",
	"gesendet mit ",
	"outlook fur ios",
	"outlook fur android",
	"diese nachricht wurde von meinem",
	"envoye de mon ",
	"envoye depuis ",
	"envoye a partir de ",
	"telecharger outlook pour ",
	"obtenez outlook pour ",
	"obtenir outlook pour ",
	"holen sie sich outlook",
	"enviado desde mi ",
	"enviado desde ",
	"obtener outlook para ",
	"inviato da ",
	"inviato dal ",
	"scarica outlook per ",
	"ottieni outlook per ",
	"enviado do meu ",
	"enviado a partir d",
	"obter o outlook para ",
	"verzonden vanaf mijn ",
	"download outlook ",
	"verstuurd vanaf mijn ",
	"outlook voor ",
	"skickat fran min ",
	"hamta outlook for ",
	"sendt fra min ",
	"hent outlook til ",
	"fa outlook for ",
	"lahetetty ",
	"hanki outlook",
	"wyslano z ",
	"wyslane z ",
	"pobierz program outlook",
	"odeslano z ",
	"отправлено с ",
	"iphone'umdan gonderildi",
	"iphoneから送信",
	"发自我的",
	"나의 iphone",
	"내 iphone",
};

bool classify_quote_words_is_mobile(struct text line)
{
	if (line.len > 90)
		return false;
	for (size_t i = 0; i < countof(mobiles); i++)
		if (text_istarts(line, text_of(mobiles[i])))
			return true;
	return false;
}
