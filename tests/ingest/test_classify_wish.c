#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/classify/classify_followup.h"
#include "ingest/classify/classify_pattern.h"
#include "ingest/extract/extract.h"

#define RECEIVED           1789380000 /* 2026-09-14 10:00 UTC, a Monday */
#define THE_31ST_OF_AUGUST 1788170400 /* of 2026 */

static void judge(const char *subject, const char *headers, const char *body,
		  struct classify_verdict *ret)
{
	struct mime_head head;
	cleanup_buf struct buf raw, fresh;
	struct extract cut;

	buf_init(&raw, 4000);
	buf_init(&fresh, 70000);
	assert_int_equal(text_addf(&raw,
				   "From: Ann <ann@prospect.test>\r\nTo: rep@seller.test\r\n"
				   "Subject: %s\r\nIn-Reply-To: <ours@seller.test>\r\n%s\r\n",
				   subject, headers),
			 0);
	mime_head_init(&head);
	mime_head_read(&head, raw.data, raw.len);
	extract_cut(text_of(body), NULL, &cut);
	extract_join(&cut, EXTRACT_NEW, &fresh);
	const struct classify_input in = { .head = &head,
					   .body = text_of(body),
					   .fresh = text_of_buf(&fresh),
					   .matched = true,
					   .is_known = true,
					   .received_at = RECEIVED };

	classify_full(&in, ret);
	mime_head_clear(&head);
}

static void expect(const char *text, const char *want)
{
	struct classify_verdict v;

	judge("Re: hello", "", text, &v);
	if (strcmp(classify_intent_name(v.intent), want) != 0)
		fail_msg("\"%s\": got \"%s\" by %s, want \"%s\"", text,
			 classify_intent_name(v.intent), v.evidence[v.n_evidence - 1].rule, want);
}

static const char *const optouts[] = {
	"Please unsubscribe me.",
	"STOP",
	"Hi Tom,\n\nstop.\n\nThanks\nAnn",
	"Kindly take my address off this mailing list, thank you.",
	"I don't want to get any more of these emails.",
	"Would you please stop sending us these offers?",
	"Bitte streichen Sie uns aus Ihrem Verteiler.",
	"Senden Sie uns bitte keine weiteren Nachrichten.",
	"Abmelden!",
	"Merci de ne plus me contacter.",
	"Veuillez retirer notre adresse de vos fichiers.",
	"Por favor, elimínenme de su base de datos.",
	"No me escriban más.",
	"Non voglio più ricevere le vostre mail.",
	"Gentilmente toglietemi dalla lista.",
	"Não quero receber mais mensagens vossas.",
	"Por favor retirem o meu e-mail da lista.",
	"Haal mij van jullie lijst.",
	"Ik wil geen mails meer van u ontvangen.",
	"Proszę nie pisać do mnie więcej.",
	"Proszę o usunięcie moich danych z bazy.",
	"Sluta maila mig.",
	"Fjern mig fra jeres liste, tak.",
	"Vennligst meld meg av.",
	"Poistakaa minut listalta.",
	"Уберите меня из рассылки.",
	"これ以上連絡しないでください。",
	"请不要再联系我。",
};

/* What a sentence must not be taken for, though words of it are there. */
static const struct {
	const char *never, *text;
} lookalikes[] = {
	{ "unsubscribe", "Please remove me from CC, Bob will handle it." },
	{ "unsubscribe", "How do you handle unsubscribe requests in your tool?" },
	{ "unsubscribe", "What is the opt-out rate of such campaigns?" },
	{ "unsubscribe", "We stopped using that vendor last year." },
	{ "unsubscribe", "Don't send me a paper invoice." },
	{ "unsubscribe", "I almost hit unsubscribe, but then I read the number." },
	{ "unsubscribe", "Ich muss mich leider vom Termin abmelden." },
	{ "unsubscribe", "Estoy de baja hasta el martes." },
	{ "unsubscribe", "Merci de retirer Paul de la copie." },
	{ "unsubscribe", "We only stop for lunch at noon." },
	{ "unsubscribe", "Mogę usunąć spotkanie z kalendarza?" },
	{ "unsubscribe", "Wir brauchen keine Faktura auf Papier." },
	{ "unsubscribe", "Could you take us through the system next week?" },
	{ "unsubscribe", "Could you get me a price list?" },
	{ "unsubscribe", "Which two options from the list would you recommend?" },
	{ "unsubscribe", "I picked a slot from your list." },
	{ "unsubscribe", "We want to stop with the current vendor." },
	{ "unsubscribe", "We had to stop the campaign last year." },
	{ "unsubscribe", "We don't want to get locked in." },
	{ "unsubscribe", "I don't want to hear about price before I have seen it." },
	{ "unsubscribe", "Can you take me through the outreach and the sequences you offer?" },
	{ "unsubscribe", "Can you remove my colleague from the meeting?" },
	{ "unsubscribe", "Please remove our logo from the deck." },
	{ "unsubscribe", "Could you remove the address from the quote?" },
	{ "unsubscribe", "We need to delete our data from the old system first." },
	{ "unsubscribe", "We would like to end the campaign in May and then switch." },
	{ "unsubscribe", "Please don't email me the contract, use the portal." },
	{ "unsubscribe", "How many contacts can we take off the list per month?" },
	{ "unsubscribe", "We no longer want to get quotes by fax." },
	{ "unsubscribe", "I'd rather not get into contract details by email, can we talk?" },
	{ "unsubscribe", "Stop by our booth any time." },
	{ "unsubscribe", "Do not contact list handling: does your tool do that?" },
	{ "unsubscribe", "Quit using our old CRM last year, so good timing." },
	{ "unsubscribe", "We are about to cut our CRM costs, can it help?" },
	{ "unsubscribe", "Wir melden uns ab September wieder bei Ihnen." },
	{ "unsubscribe", "Ich melde mich ab KW 40." },
	{ "unsubscribe", "Nehmen Sie mich gerne in Ihren Verteiler auf." },
	{ "unsubscribe", "Kann man Daten aus der Datenbank importieren?" },
	{ "unsubscribe", "Lass uns in Ruhe telefonieren." },
	{ "unsubscribe", "Wir möchten keine Insellösung mehr haben." },
	{ "unsubscribe", "Wir wollen nicht mehr als 10 Lizenzen haben." },
	{ "unsubscribe", "Schreiben Sie uns nicht vor Mai wieder." },
	{ "unsubscribe", "Lassen Sie uns in Ruhe darüber sprechen." },
	{ "unsubscribe", "Welche Anbieter aus der Liste empfehlen Sie?" },
	{ "unsubscribe", "Wir müssen unsere Daten aus dem alten System löschen." },
	{ "unsubscribe", "Tragen Sie uns gerne für den Termin ein, der Raum liegt außen." },
	{ "unsubscribe", "Ich melde mich, ab nächster Woche passt es besser." },
	{ "unsubscribe", "Wir wollen keine Verträge mehr unterschreiben, die länger laufen." },
	{ "unsubscribe", "Schicken Sie mir nichts per Post, sondern wieder als PDF." },
	{ "unsubscribe", "Wir möchten die Daten nicht mehr doppelt haben." },
	{ "unsubscribe", "Wie kann man Kontakte aus dem Verteiler löschen?" },
	{ "unsubscribe", "Quelle sorte de prospection faites-vous ?" },
	{ "unsubscribe", "Peut-on supprimer des contacts de la liste ?" },
	{ "unsubscribe", "Est-ce qu'on peut sortir les données de la base ?" },
	{ "unsubscribe", "Nous ne voulons pas recevoir une démo de deux heures." },
	{ "unsubscribe", "Je raye une ligne sur votre liste de prix ?" },
	{ "unsubscribe", "Nous ne pouvons plus recevoir de visiteurs en juin." },
	{ "unsubscribe", "Sort-il des rapports sur la base de nos chiffres ?" },
	{ "unsubscribe", "¿Se pueden sacar datos del CRM?" },
	{ "unsubscribe", "Queremos dar de baja a nuestro proveedor actual." },
	{ "unsubscribe", "¿Puede eliminar contactos de la base de datos?" },
	{ "unsubscribe", "No queremos saber el precio todavía, primero la demo." },
	{ "unsubscribe", "¿Se puede retirar un contacto del listado?" },
	{ "unsubscribe", "Para contactar por esta vía necesito mi clave." },
	{ "unsubscribe", "Può leggere i contatti dal database?" },
	{ "unsubscribe", "Importate i prodotti dalla lista in Excel?" },
	{ "unsubscribe", "Potete esportare i dati dal vostro database?" },
	{ "unsubscribe", "Non intendo ricevere fornitori in sede prima di marzo." },
	{ "unsubscribe", "Vi chiedo la cancellazione della riunione di lunedì." },
	{ "unsubscribe", "Gostei de duas opções da sua lista." },
	{ "unsubscribe", "Escolhi um horário da sua lista." },
	{ "unsubscribe", "Quero sair da base de dados antiga, conseguem migrar?" },
	{ "unsubscribe", "Queremos cancelar a assinatura do fornecedor atual." },
	{ "unsubscribe", "Parámos de enviar faturas em papel." },
	{ "unsubscribe", "Não quero receber visitas esta semana, prefiro uma chamada." },
	{ "unsubscribe", "Haal onze data uit het systeem en laat zien wat het kan." },
	{ "unsubscribe", "Kunnen jullie gegevens uit de database halen?" },
	{ "unsubscribe", "Verwijder ons oude adres uit de offerte." },
	{ "unsubscribe", "We willen geen dubbele systemen meer." },
	{ "unsubscribe", "Chcemy usunąć stare dane przed migracją." },
	{ "unsubscribe", "Czy można usunąć kontakt z bazy?" },
	{ "unsubscribe", "Proszę nie wysyłać umowy, najpierw oferta mailem." },
	{ "unsubscribe", "Nie chcę maili z fakturami, tylko portal." },
	{ "unsubscribe", "Kan ni ta bort min kollega från mötet?" },
	{ "unsubscribe", "Vi vill ta bort vårt gamla system." },
	{ "unsubscribe", "Hör av dig igen i maj om du inte hört mer." },
	{ "unsubscribe", "Kan I fjerne min kollega fra mødet?" },
	{ "unsubscribe", "Vi vil ikke have flere systemer end ét." },
	{ "unsubscribe", "Slett min kollega fra møtet, takk." },
	{ "unsubscribe", "Skicka gärna mer info, vi har inte bestämt oss." },
	{ "unsubscribe", "Skriv till mig igen i maj, inte förr än dess mer." },
	{ "meeting", "Mon collègue revient à 14h." },
	{ "complaint_threat", "Our legal team will review the contract." },
	{ "complaint_threat", "Das muss noch durch unsere Rechtsabteilung." },
	{ "complaint_threat", "C'est à valider avec notre service juridique." },
	{ "complaint_threat", "Nuestro departamento legal tiene que revisarlo." },
	{ "complaint_threat", "In line with GDPR we require a DPA before we start." },
	{ "complaint_threat", "I am a lawyer at Bright and Co, we advise start-ups." },
	{ "complaint_threat", "Ich bin Rechtsanwalt und brauche so etwas nicht." },
	{ "complaint_threat", "Wir sind eine Kanzlei mit fünf Anwälten, passt das für uns?" },
	{ "complaint_threat", "Our lawyers are happy with the terms." },
	{ "complaint_threat", "Our counsel is on holiday until Monday." },
	{ "complaint_threat", "I will forward the NDA to our legal department." },
	{ "complaint_threat", "Il nostro ufficio legale deve leggere il contratto." },
	{ "complaint_threat", "O nosso departamento jurídico vai analisar a proposta." },
	{ "complaint_threat", "Onze juridische afdeling moet er nog naar kijken." },
	{ "complaint_threat", "Nasz dział prawny musi to sprawdzić." },
	{ "complaint_threat", "Per GDPR, where is the data stored, and is access logged?" },
	{ "complaint_threat",
	  "Is your tool RGPD-compliant, and how is the right to erasure handled?" },
	{ "complaint_threat", "Können Sie uns Auskunft geben, wie die Daten gespeichert werden?" },
	{ "complaint_threat", "Wie lösen Sie das mit dem UWG?" },
	{ "complaint_threat", "Comment avez-vous obtenu ces résultats avec ce mail ?" },
	{ "complaint_threat", "Vous êtes déclarés à la CNIL ?" },
	{ "complaint_threat", "¿Cumplen con la LOPD y el derecho de acceso?" },
	{ "complaint_threat", "No tengo autorización para comprar." },
	{ "complaint_threat", "Je n'ai pas encore donné mon accord, mais on avance." },
	{ "complaint_threat", "Non ho ancora dato i dati al reparto IT." },
	{ "complaint_threat", "Nie ma jeszcze zgody zarządu." },
	{ "complaint_threat", "Ik heb nog geen toestemming van mijn directeur." },
	{ "complaint_threat", "Ich habe noch keine Einwilligung der Geschäftsführung." },
	{ "complaint_threat", "Can your system mark mails as spam?" },
	{ "complaint_threat", "Your mail was marked as spam by our filter, but I fished it out." },
	{ "complaint_threat",
	  "Czy wasz system narusza jakieś przepisy RODO, czy art. 28 jest spełniony?" },
	{ "complaint_threat", "Bitte an unsere Juristen senden, die prüfen den Vertrag." },
	{ "left_company", "Das ist nicht mehr im Budget." },
	{ "left_company", "Wir haben den Vertrag gekündigt." },
	{ "left_company", "Ce n'est plus dans nos priorités." },
	{ "left_company", "Nous avons quitté Salesforce." },
	{ "left_company", "Eso ya no está en nuestros planes." },
	{ "left_company", "Non è più in budget." },
	{ "left_company", "Dat is niet meer voor dit jaar." },
	{ "left_company", "Wir arbeiten nicht mehr mit Excel, daher passt es." },
	{ "left_company", "Der Server ist nicht mehr im Einsatz." },
	{ "left_company", "Das Projekt ist nicht mehr für dieses Jahr geplant." },
	{ "left_company", "Le projet n'est plus dans le budget." },
	{ "left_company", "Nous ne sommes plus dans la phase de choix." },
	{ "left_company", "El proyecto ya no está en marcha." },
	{ "left_company", "Não está mais no orçamento deste ano." },
	{ "left_company", "Het systeem is niet meer in dienst." },
	{ "left_company", "We are no longer with Salesforce, so your timing is good." },
	{ "left_company", "The old tool no longer works for us." },
	{ "left_company", "The project has moved on, we chose someone." },
	{ "left_company", "I have moved on from spreadsheets." },
	{ "left_company", "The offer is no longer in our budget." },
	{ "left_company", "I left you a voicemail last week." },
	{ "left_company", "We left last year's contract open." },
	{ "left_company",
	  "Is there a replacement for my old scanner? My replacement is due in May." },
	{ "left_company", "Die Stelle ist nicht mehr bei uns im Plan." },
	{ "left_company", "Abbiamo cambiato lavoro sui dati, ora serve un tool." },
	{ "left_company", "Ho lasciato il gruppo WhatsApp." },
	{ "left_company", "Mi sustituto de Excel sería esto." },
	{ "left_company", "Al posto mio cosa sceglierebbe? Al mio posto deciderebbe subito?" },
	{ "left_company", "Nie pracuje dla nas to rozwiązanie." },
};

static void who_wants_no_more_mail_is_heard(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(optouts); i++)
		expect(optouts[i], "unsubscribe");
}

static void what_only_looks_like_it_is_something_else(void **state)
{
	struct classify_verdict v;
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < countof(lookalikes); i++) {
		judge("Re: hello", "", lookalikes[i].text, &v);
		if (strcmp(classify_intent_name(v.intent), lookalikes[i].never) != 0)
			continue;
		print_error("\"%s\" is %s by %s\n", lookalikes[i].text, lookalikes[i].never,
			    v.evidence[v.n_evidence - 1].rule);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static const struct {
	const char *want, *text;
} intents[] = {
	{ "interested", "Yes, we would like to know more about this." },
	{ "interested", "Das klingt spannend, wie geht es weiter?" },
	{ "interested", "Oui, cela nous intéresse beaucoup." },
	{ "interested", "Nos interesa, ¿cómo empezamos?" },
	{ "interested", "Siamo interessati, come procediamo?" },
	{ "interested", "Sim, temos muito interesse." },
	{ "interested", "Klinkt goed, vertel eens meer." },
	{ "interested", "Brzmi ciekawie, jesteśmy zainteresowani." },
	{ "meeting", "Can we talk on Tuesday at 3?" },
	{ "meeting", "Mittwoch um 10 passt mir gut." },
	{ "meeting", "Je suis disponible jeudi à 14h." },
	{ "meeting", "¿Podemos hablar el martes por la mañana?" },
	{ "meeting", "Possiamo sentirci mercoledì alle 11?" },
	{ "meeting", "Podemos marcar uma reunião na sexta?" },
	{ "meeting", "Donderdag om 14 uur komt mij goed uit." },
	{ "meeting", "Proponuję spotkanie we wtorek o 10." },
	{ "meeting", "Yes, gladly. Call me on Monday." },
	{ "meeting", "Sounds good, call me next week." },
	{ "meeting", "Yes, next week works." },
	{ "meeting", "Sí, hablamos la próxima semana." },
	{ "meeting", "Ja gern, melden Sie sich am Montag telefonisch." },
	{ "meeting", "Fri 10:00 suits us." },
	{ "meeting", "Passar på torsdag kl 10." },
	{ "information_request", "How much is it for ten users?" },
	{ "information_request", "Können Sie mir eine Preisliste schicken?" },
	{ "information_request", "Pourriez-vous m'envoyer une documentation ?" },
	{ "information_request", "¿Cuánto cuesta al año?" },
	{ "information_request", "Mi manda il listino prezzi?" },
	{ "information_request", "Qual é o preço por mês?" },
	{ "information_request", "Kunt u een offerte sturen?" },
	{ "information_request", "Ile to kosztuje?" },
	{ "not_interested", "No longer interested, thanks." },
	{ "not_interested", "Daran haben wir kein Interesse." },
	{ "not_interested", "Nous avons déjà un prestataire." },
	{ "not_interested", "No nos interesa." },
	{ "not_interested", "Non siamo interessati." },
	{ "not_interested", "Não temos interesse, obrigado." },
	{ "not_interested", "Wij hebben al een leverancier." },
	{ "not_interested", "Nie jestem zainteresowany." },
	{ "not_interested", "Hi,\n\nno thank you.\n\nBest regards\nAnn" },
	{ "wrong_person", "I am not the right person for this." },
	{ "wrong_person", "Da sind Sie bei mir falsch, ich bin nicht zuständig." },
	{ "wrong_person", "Je ne suis pas le bon interlocuteur." },
	{ "wrong_person", "No soy la persona adecuada." },
	{ "wrong_person", "Non sono la persona giusta." },
	{ "wrong_person", "Não sou a pessoa responsável." },
	{ "wrong_person", "Ik ben niet de juiste persoon." },
	{ "wrong_person", "Nie jestem właściwą osobą." },
	{ "left_company", "I no longer work for the company." },
	{ "left_company", "Herr Kern ist nicht mehr bei uns tätig." },
	{ "left_company", "Elle a quitté l'entreprise en mai." },
	{ "complaint_threat", "I will report you to the data protection authority." },
	{ "complaint_threat", "Nächstes Mal hören Sie von unserem Anwalt." },
	{ "complaint_threat", "Je vais porter plainte." },
	{ "neutral", "Thanks!" },
	{ "neutral", "Hallo,\n\ndanke für die Info.\n\nViele Grüße\nUte" },
	{ "neutral", "" },
	/* one inside another, and denials */
	{ "not_interested", "We are not interested." },
	{ "information_request", "No call please, just send me the price list." },
	{ "interested", "Why not, we are interested." },
	{ "unsubscribe", "Not interested, and please remove me from your list." },
};

static void what_they_want_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(intents); i++)
		expect(intents[i].text, intents[i].want);
}

static const struct {
	const char *text, *want; /* received on Monday, 14 September 2026 */
} followups[] = {
	{ "Not right now, try me again in November.", "2026-11-01" },
	{ "Bad timing, please write again in mid-January.", "2027-01-15" },
	{ "We are frozen, check back in Q1.", "2027-01-01" },
	{ "Not now. Ping me in three weeks.", "2026-10-05" },
	{ "Please come back next quarter.", "2026-10-01" },
	{ "Try again in six months.", "2027-03-14" },
	{ "Not this year, get in touch in the new year.", "2027-01-01" },
	{ "Try again on 5 October.", "2026-10-05" },
	{ "Derzeit kein Thema, melden Sie sich in KW 46 wieder.", "2026-11-09" },
	{ "Im Moment nicht relevant, frühestens ab März.", "2027-03-01" },
	{ "Pas le moment, rappelez-moi après l'été.", "2027-09-01" },
	{ "Pas pour le moment, recontactez-nous en février.", "2027-02-01" },
	{ "Ahora no, escríbame en noviembre.", "2026-11-01" },
	{ "Non è il momento, risentiamoci a marzo.", "2027-03-01" },
	{ "Agora não, fale comigo em janeiro.", "2027-01-01" },
	{ "Nu niet, probeer het over twee maanden nog eens.", "2026-11-14" },
	{ "Teraz nie, proszę o kontakt w styczniu.", "2027-01-01" },
	{ "Please try again in November.", "2026-11-01" },
	{ "Bitte versuchen Sie es im November noch einmal.", "2026-11-01" },
	{ "Not right now, call me on Thursday.", "2026-09-17" },
	{ "Call me in three months, we are swamped.", "2026-12-14" },
	{ "Next week is bad, try me in October.", "2026-10-01" },
	{ "Not right now. Maybe later.", "" },
	{ "Not now, check in again next summer.", "" },
	/* a contract that lasts is no day to come back */
	{ "Not now, we renewed for two years.", "" },
};

static void not_now_tells_when(void **state)
{
	struct classify_verdict v;

	(void)state;
	for (size_t i = 0; i < countof(followups); i++) {
		judge("Re: hello", "", followups[i].text, &v);
		if (strcmp(v.followup_at, followups[i].want) != 0 ||
		    v.intent != CLASSIFY_INTENT_NOT_NOW)
			fail_msg("\"%s\": got %s \"%s\", want \"%s\"", followups[i].text,
				 classify_intent_name(v.intent), v.followup_at, followups[i].want);
	}
}

static void half_a_year_ends_with_the_month(void **state)
{
	struct classify_date d;

	(void)state;
	assert_true(
		classify_followup_of(TEXT("try me again in half a year"), THE_31ST_OF_AUGUST, &d));
	assert_string_equal(d.day, "2027-02-28");
}

static void a_refusal_says_why_when_it_does(void **state)
{
	struct classify_verdict v;

	(void)state;
	judge("Re: hello", "", "Thanks, but we already use another tool.", &v);
	assert_int_equal(v.intent, CLASSIFY_INTENT_NOT_INTERESTED);
	assert_string_equal(v.evidence[v.n_evidence - 1].rule, "not_interested.has_solution.en");
}

static void only_what_the_sender_wrote_counts(void **state)
{
	struct classify_verdict v;

	(void)state;
	expect("Sounds good.\n\nOn Mon, 14 Sep 2026, Rep wrote:\n> Reply STOP to unsubscribe me",
	       "interested");
	/* the word that a mailto: link of ours puts into the subject of a mail of its own */
	judge("Unsubscribe", "", "", &v);
	assert_int_equal(v.intent, CLASSIFY_INTENT_UNSUBSCRIBE);
	assert_int_equal(v.evidence[v.n_evidence - 1].source, CLASSIFY_BY_SUBJECT);
	/* our own subject, answered */
	judge("Re: Unsubscribe", "", "", &v);
	assert_int_not_equal(v.intent, CLASSIFY_INTENT_UNSUBSCRIBE);
	/* the footer of a newsletter */
	judge("News", "List-Id: <news.prospect.test>\r\n", "News of the week.\n\nUnsubscribe", &v);
	assert_int_not_equal(v.intent, CLASSIFY_INTENT_UNSUBSCRIBE);
	/* an absence notice */
	judge("Out of office", "Auto-Submitted: auto-replied\r\n",
	      "I am away. Please remove me from urgent threads, and stop emailing me.", &v);
	assert_int_equal(v.kind, CLASSIFY_OUT_OF_OFFICE);
	assert_int_equal(v.intent, CLASSIFY_INTENT_NONE);
}

static void the_rule_is_named(void **state)
{
	struct classify_verdict v;

	(void)state;
	judge("Re: hello", "", "Bitte streichen Sie uns aus Ihrem Verteiler.", &v);
	assert_string_equal(v.lang, "de");
	assert_string_equal(v.evidence[v.n_evidence - 1].rule, "unsubscribe.de");
	assert_non_null(strstr(v.evidence[v.n_evidence - 1].text, "aus ihrem verteiler"));
}

/* ---- patterns ---- */

static const struct {
	const char *name, *pattern, *sentence;
	bool question, found;
} patterns[] = {
	{ "words", "stop it", "please stop it now", false, true },
	{ "no part of a word", "stop it", "nonstop it", false, false },
	{ "nor its beginning", "stop", "stopped", false, false },
	{ "any ending", "stop*", "stopped", false, true },
	{ "either", "(stop|halt) (it|this)", "halt this", false, true },
	{ "or nothing", "(|please )stop", "stop", false, true },
	{ "either to the end", "(stop|halt*)", "halting", false, true },
	{ "a blank only with its choice", "send (me |us |)it", "send it", false, true },
	{ "blanks that meet", "send (me |) it", "send me it", false, true },
	{ "a choice at the end that is nothing", "send it (now|)", "send it", false, true },
	{ "choices that begin alike", "(stop it|stop them|stop that) now", "stop that now", false,
	  true },
	{ "choices are not joined", "(stop it|halt them) now", "stop them now", false, false },
	{ "one after the other", "remove .. list", "remove me from that list", false, true },
	{ "in this order", "list .. remove", "remove me from that list", false, false },
	{ "not far away", "remove .. list",
	  "remove the one that was put there by some of us years ago from the list", false, false },
	{ "questions", "how much?", "how much", false, false },
	{ "are asked", "how much?", "how much", true, true },
	{ "no blanks between words", "\xe9\x80\x80\xe8\xae\xa2",
	  "\xe8\xaf\xb7\xe9\x80\x80\xe8\xae\xa2\xe5\x90\xa7", false, true },
	{ "letters beyond ascii", "\xd1\x81\xd1\x82", "\xd1\x81\xd1\x82\xd0\xbe", false, false },
};

static void patterns_mean_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(patterns); i++) {
		struct classify_patterns *p = classify_pattern_new();
		struct classify_pattern_found f;

		assert_null(classify_pattern_add(p, patterns[i].pattern, 7));
		classify_pattern_compile(p);
		classify_pattern_find(p, text_of(patterns[i].sentence), patterns[i].question, &f);
		if ((f.n > 0) != patterns[i].found)
			fail_msg("%s: %zu found", patterns[i].name, f.n);
		classify_pattern_free(p);
	}
}

static void what_is_no_pattern_is_refused(void **state)
{
	static const char *const wrong[] = {
		"Stop",  "(a|b",     "a) b", "sto* it", "",
		"a .. ", "(a*|b) c", "(a|)", "(a|b*c)", "a .. b .. c .. d .. e .. f"
	};

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		struct classify_patterns *p = classify_pattern_new();

		if (!classify_pattern_add(p, wrong[i], 1))
			fail_msg("\"%s\" was taken", wrong[i]);
		classify_pattern_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_wants_no_more_mail_is_heard),
		cmocka_unit_test(what_only_looks_like_it_is_something_else),
		cmocka_unit_test(what_they_want_is_told),
		cmocka_unit_test(not_now_tells_when),
		cmocka_unit_test(half_a_year_ends_with_the_month),
		cmocka_unit_test(a_refusal_says_why_when_it_does),
		cmocka_unit_test(only_what_the_sender_wrote_counts),
		cmocka_unit_test(the_rule_is_named),
		cmocka_unit_test(patterns_mean_what_they_say),
		cmocka_unit_test(what_is_no_pattern_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
