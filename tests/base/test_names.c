#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "base/io/names.h"
#include "base/mem.h"

enum { MANY = 5 };

struct one {
	struct names_ask q;
	int status, told;
	bool is_there;
	uint32_t address;
};
static struct loop loop;
static struct one all[MANY];
static int wait_for; /* how many are to be told before the loop stops */

static void on_found(struct names_ask *q, int status, const struct addrinfo *found)
{
	struct one *o = container_of(q, struct one, q);

	o->status = status;
	o->told++;
	o->is_there = found != NULL;
	for (; found; found = found->ai_next)
		if (found->ai_family == AF_INET)
			o->address = ntohl(((struct sockaddr_in *)found->ai_addr)->sin_addr.s_addr);
	if (--wait_for == 0)
		loop_stop(&loop);
}

static void ask(int i, const char *host)
{
	all[i] = (struct one){ 0 };
	assert_int_equal(names_ask_start(&loop, &all[i].q, host, on_found), 0);
}

static void run(int n)
{
	wait_for = n;
	loop_run(&loop);
	assert_int_equal(wait_for, 0);
}

static void begin(void)
{
	loop_init(&loop, NULL, NULL);
}

static void many_are_told_of_one_lookup(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < MANY; i++)
		ask(i, "127.0.0.1");
	assert_int_equal(all[0].told, 0); /* never from inside the call */
	run(MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(all[i].told, 1);
		assert_int_equal(all[i].status, 0);
		assert_int_equal(all[i].address, INADDR_LOOPBACK);
		assert_int_equal(all[i].q.turn, i);
	}
	loop_clear(&loop);
}

static void on_again(struct names_ask *q, int status, const struct addrinfo *found)
{
	on_found(q, status, found);
	if (q == &all[0].q)
		ask(1, "127.0.0.1"); /* known now, and told later all the same */
	assert_int_equal(all[1].told, q != &all[0].q);
}

static void what_is_known_is_told_from_the_loop(void **state)
{
	(void)state;
	begin();
	all[0] = (struct one){ 0 };
	assert_int_equal(names_ask_start(&loop, &all[0].q, "127.0.0.1", on_again), 0);
	run(2);
	assert_int_equal(all[1].told, 1);
	assert_int_equal(all[1].q.turn, 1);
	loop_clear(&loop);
}

static void who_gave_up_is_not_told(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 3; i++)
		ask(i, "127.0.0.1");
	names_ask_cancel(&all[0].q);
	names_ask_cancel(&all[0].q);
	names_ask_cancel(&all[2].q);
	run(1);
	assert_int_equal(all[0].told + all[2].told, 0);
	assert_int_equal(all[1].told, 1);
	loop_clear(&loop);

	/* Given up by all, and asked for again before that is over. */
	begin();
	ask(0, "127.0.0.1");
	names_ask_cancel(&all[0].q);
	ask(1, "127.0.0.1");
	run(1);
	assert_int_equal(all[1].told, 1);
	assert_int_equal(all[1].status, 0);
	loop_clear(&loop);
}

static void what_is_not_found_is_not_remembered(void **state)
{
	/* a label too long for DNS: no server is asked */
	static const char none[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example";

	(void)state;
	begin();
	ask(0, none);
	ask(1, none);
	run(2);
	for (int i = 0; i < 2; i++)
		assert_true(all[i].told == 1 && all[i].status < 0 && !all[i].is_there);
	assert_int_equal(all[1].q.turn, 1);
	loop_clear(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_told_of_one_lookup),
		cmocka_unit_test(what_is_known_is_told_from_the_loop),
		cmocka_unit_test(who_gave_up_is_not_told),
		cmocka_unit_test(what_is_not_found_is_not_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
