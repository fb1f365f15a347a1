#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/rawlog.h"

/* What stands in the one file of the folder, which is removed. */
static void read_and_remove(const char *dir, char *dst, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];
	struct stat st;
	FILE *f;

	assert_non_null(d);
	while ((e = readdir(d)) && e->d_name[0] == '.')
		;
	assert_non_null(e);
	snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	f = fopen(path, "r");
	assert_non_null(f);
	dst[fread(dst, 1, size - 1, f)] = '\0';
	fclose(f);
	unlink(path);
	closedir(d);
}

static void lines_say_who_and_secrets_are_blank(void **state)
{
	static const char login[] = "a1 AUTHENTICATE XOAUTH2 c2VjcmV0\r\n";
	char dir[] = "/tmp/rawlog-XXXXXX", got[1024];
	struct rawlog *r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	r = rawlog_open(dir, "inbox");
	assert_non_null(r);
	rawlog_in(r, "* OK he", 7);
	rawlog_in(r, "llo\r\n* BYE\r\n", 12);
	rawlog_out(r, login, sizeof(login) - 1, 24, 8);
	rawlog_in(r, "* half", 6);
	rawlog_out(r, "a2 NOOP\r\n", 9, 0, 0);
	rawlog_close(r);
	read_and_remove(dir, got, sizeof(got));
	rmdir(dir);
	assert_string_equal(got, "S: * OK hello\r\nS: * BYE\r\nC: a1 AUTHENTICATE XOAUTH2 [secret, "
				 "8 bytes]\r\nS: * half\nC: a2 NOOP\r\n");
}

static void without_a_folder_nothing_is_written(void **state)
{
	(void)state;
	assert_null(rawlog_open("", "inbox"));
	assert_null(rawlog_open(NULL, "inbox"));
	assert_null(rawlog_open("/nowhere/at/all", "inbox"));
	rawlog_in(NULL, "x", 1);
	rawlog_out(NULL, "x", 1, 0, 1);
	rawlog_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_who_and_secrets_are_blank),
		cmocka_unit_test(without_a_folder_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
