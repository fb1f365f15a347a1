#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oauth/device.h"

static const struct oauth_provider acme = { .name = "acme",
					    .client_id = "we & co",
					    .scopes = "mail offline" };

static void what_is_asked_for_names_the_client(void **state)
{
	cleanup_secret struct secret body = { 0 }, code = { 0 };

	(void)state;
	secret_set_text(&code, TEXT("a/b+c"));
	assert_int_equal(device_ask_body(&acme, &body), 0);
	assert_string_equal(secret_text(&body), "client_id=we%20%26%20co&scope=mail%20offline");
	assert_int_equal(device_poll_body(&acme, &code, &body), 0);
	assert_string_equal(secret_text(&body),
			    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&"
			    "client_id=we%20%26%20co&device_code=a%2Fb%2Bc");
}

#define ANSWER(more) "{\"device_code\":\"d\",\"user_code\":\"WX-YZ\"," more "}"

static void an_answer_is_read_with_care(void **state)
{
	static const struct {
		const char *name, *body;
		int r;
		const char *uri, *complete;
		int64_t expires_in_s;
		int interval_s;
	} rows[] = {
		{ "whole",
		  ANSWER("\"verification_uri\":\"https://a.test/d\",\"verification_uri_complete\":"
			 "\"https://a.test/d?c=WX-YZ\",\"expires_in\":900,\"interval\":7"),
		  0, "https://a.test/d", "https://a.test/d?c=WX-YZ", 900, 7 },
		{ "the least", ANSWER("\"verification_uri\":\"https://a.test/d\""), 0,
		  "https://a.test/d", "", 3600, 5 },
		{ "Google's name", ANSWER("\"verification_url\":\"https://a.test/d\""), 0,
		  "https://a.test/d", "", 3600, 5 },
		{ "times beyond reason",
		  ANSWER("\"verification_uri\":\"https://a.test/d\",\"expires_in\":9999999,"
			 "\"interval\":86400"),
		  0, "https://a.test/d", "", 3600, 60 },
		{ "times that are none",
		  ANSWER("\"verification_uri\":\"https://a.test/d\",\"expires_in\":-1,"
			 "\"interval\":\"x\""),
		  0, "https://a.test/d", "", 3600, 5 },
		{ "a script", ANSWER("\"verification_uri\":\"javascript:x\""), -EBADMSG, "", "", 0,
		  0 },
		{ "in clear", ANSWER("\"verification_uri\":\"http://a.test/\""), -EBADMSG, "", "",
		  0, 0 },
		{ "a complete one in clear is left out",
		  ANSWER("\"verification_uri\":\"https://a.test/d\",\"verification_uri_complete\":"
			 "\"http://a.test/\""),
		  0, "https://a.test/d", "", 3600, 5 },
		{ "a line in the address", ANSWER("\"verification_uri\":\"https://a.test/\\n\""),
		  -EBADMSG, "", "", 0, 0 },
		{ "no code", "{\"user_code\":\"X\",\"verification_uri\":\"https://a.test/d\"}",
		  -EBADMSG, "", "", 0, 0 },
		{ "an escape in the user's code",
		  "{\"device_code\":\"d\",\"user_code\":\"\\u001b[2J\",\"verification_uri\":"
		  "\"https://a.test/d\"}",
		  -EBADMSG, "", "", 0, 0 },
		{ "no JSON", "<html>", -EBADMSG, "", "", 0, 0 },
		{ "nothing", "", -EBADMSG, "", "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct device_answer a;
		int r = device_read(text_of(rows[i].body), &a);

		if (r != rows[i].r || strcmp(a.uri, rows[i].uri) != 0 ||
		    strcmp(a.uri_complete, rows[i].complete) != 0 ||
		    a.expires_in_s != rows[i].expires_in_s || a.interval_s != rows[i].interval_s)
			fail_msg("%s: %d %s %s %d %d", rows[i].name, r, a.uri, a.uri_complete,
				 (int)a.expires_in_s, a.interval_s);
		assert_int_equal(secret_is_empty(&a.code), r != 0);
		device_answer_clear(&a);
	}
}

static void an_answer_has_its_turn(void **state)
{
	static const struct {
		long status;
		const char *body;
		enum device_turn turn;
	} rows[] = {
		{ 400, "{\"error\":\"authorization_pending\"}", DEVICE_PENDING },
		{ 428, "{\"error\":\"authorization_pending\"}", DEVICE_PENDING }, /* Google */
		{ 400, "{\"error\":\"slow_down\"}", DEVICE_SLOWER },
		{ 403, "{\"error\":\"access_denied\"}", DEVICE_DECLINED },
		{ 400, "{\"error\":\"authorization_declined\"}", DEVICE_DECLINED },
		{ 400, "{\"error\":\"expired_token\"}", DEVICE_EXPIRED },
		{ 400, "{\"error\":\"invalid_grant\"}", DEVICE_ANSWERED },
		{ 200, "{\"access_token\":\"t\"}", DEVICE_ANSWERED },
		{ 502, "<html>", DEVICE_ANSWERED },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct grant_answer a;

		grant_read(rows[i].status, text_of(rows[i].body), &a);
		if (device_turn_of(&a) != rows[i].turn)
			fail_msg("%s: %d", rows[i].body, (int)device_turn_of(&a));
		grant_answer_clear(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_names_the_client),
		cmocka_unit_test(an_answer_is_read_with_care),
		cmocka_unit_test(an_answer_has_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
