#ifndef SERVICES_WORDS_WORDS_H
#define SERVICES_WORDS_WORDS_H

/*
 * The languages in which people are spoken to.  Every text that a person reads on a page
 * stands in a table of this folder, in all of them:
 *
 *   page_words     the texts of the connect page
 *   problem_words  what can be wrong with a connection or an inbox, and what to do about it
 *   howto          how an app password is made, by provider
 *
 * A further language is a further value here and a further column there; tables that lack it
 * do not compile or do not pass their test.
 */
enum words_lang { WORDS_EN, WORDS_FR };
#define WORDS_LANGS 2

const char *words_code(enum words_lang lang);    /* "en", for `lang` and `hreflang` */
const char *words_endonym(enum words_lang lang); /* "English", in the language itself */
/* Of a code; -1: none of ours. */
int words_of_code(const char *code);
/*
 * The best of ours for an Accept-Language header (RFC 9110 section 12.5.4: weights, and "fr-CA"
 * is served with "fr"); English for NULL and where none fits.
 */
enum words_lang words_of_accept(const char *header);

#endif
