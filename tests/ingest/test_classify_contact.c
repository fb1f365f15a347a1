#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify_contact.h"

static const struct {
	const char *text, *name, *address; /* NULL: nobody */
} rows[] = {
	{ "Please contact Ann Bright (ann.bright@prospect.test).", "Ann Bright",
	  "ann.bright@prospect.test" },
	{ "Try Ann Bright, abright@prospect.test, instead.", "Ann Bright",
	  "abright@prospect.test" },
	{ "Contact Ann Bright <ann@prospect.test>", "Ann Bright", "ann@prospect.test" },
	{ "Ask office@prospect.test.", "", "office@prospect.test" },
	{ "Bitte wenden Sie sich an Herrn Kurz (kurz@prospect.test).", "Herr Kurz",
	  "kurz@prospect.test" },
	{ "Dann hilft Ihnen Frau Löffler: loeffler@prospect.test", "Frau Löffler",
	  "loeffler@prospect.test" },
	{ "Voyez avec Élise Caron, elise.caron@prospect.test", "Élise Caron",
	  "elise.caron@prospect.test" },
	{ "Neem contact op met Femke de Wit op femke.dewit@prospect.test", "Femke de Wit",
	  "femke.dewit@prospect.test" },
	{ "Call Rick Alvarez at (555) 0175 or ralvarez@prospect.test.", "Rick Alvarez",
	  "ralvarez@prospect.test" },
	{ "Anna (anna@prospect.test) for bills, Fay (fay@prospect.test) for the rest.", "Anna",
	  "anna@prospect.test" },
	/* no address in the text: a name behind a word for a colleague, and who is in copy */
	{ "Looping in Megan who owns the budget.", "Megan Holt", "megan.holt@prospect.test" },
	{ "I forwarded this to my colleague Yusuf.", "Yusuf", "" },
	{ "Our contact list is long. Speak to our head of IT, Yusuf.", "Yusuf", "" },
	{ "My colleague is away; write to my colleague Yusuf.", "Yusuf", "" },
	/* a capital alone is no name */
	{ "Please contact me on Monday.", NULL, NULL },
	{ "Contact us in May or June.", NULL, NULL },
	{ "Sie erreichen meine Kollegen unter der Telefonnummer 0175.", NULL, NULL },
	{ "Talk to me in Q1.", NULL, NULL },
	/* not the writer, not the one written to */
	{ "My address is carl@prospect.test, yours rep@seller.test.", NULL, NULL },
	{ "Then ask ep@seller.test.", "", "ep@seller.test" }, /* in whose address his is */
	{ "Mail to noreply@prospect.test is not read.", NULL, NULL },
	{ "Nobody took over so far.", NULL, NULL },
	{ "a@b and @ and @@ and x@", NULL, NULL },
};

static void the_one_to_write_to_is_found(void **state)
{
	static const char head[] =
		"From: Carl <carl@prospect.test>\r\nTo: Rep <rep@seller.test>\r\n"
		"Cc: Megan Holt <megan.holt@prospect.test>\r\n\r\n";
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	mime_head_read(&h, head, sizeof(head) - 1);
	for (size_t i = 0; i < countof(rows); i++) {
		struct classify_contact c = { .name = "untouched" };
		bool found = classify_contact_of(text_of(rows[i].text), &h, &c);

		if (found != (rows[i].name != NULL) ||
		    (found && (strcmp(c.name, rows[i].name) != 0 ||
			       strcmp(c.address, rows[i].address) != 0)))
			fail_msg("\"%s\": got %d \"%s\" <%s>", rows[i].text, found, c.name,
				 c.address);
		if (!found)
			assert_string_equal(c.name, "untouched");
	}
	mime_head_clear(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_to_write_to_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
