#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/buf.h"
#include "db/conninfo.h"

/* key='value' with the two characters escaped that libpq escapes. */
int conninfo_add(struct buf *b, const char *key, const char *value)
{
	int r = text_addf(b, "%s%s='", b->len ? " " : "", key);

	for (; r == 0 && *value; value++) {
		if (*value == '\'' || *value == '\\')
			r = buf_add(b, "\\", 1);
		if (r == 0)
			r = buf_add(b, value, 1);
	}
	return r ? r : buf_add(b, "'", 1);
}

int conninfo_split(const char *given, char ret_place[CONNINFO_MAX], char ret_user[64],
		   struct secret *ret_password, char why[256])
{
	char *complaint = NULL;
	PQconninfoOption *all = PQconninfoParse(given, &complaint);
	struct buf b;
	int r = 0;

	if (!all) {
		/* libpq may quote the whole string, password included: only the kind of mistake is
		 * passed on. */
		(void)snprintf(why, 256,
			       "DATABASE_URL: libpq cannot read it; write "
			       "postgresql://user@host:port/database");
		PQfreemem(complaint);
		return -EINVAL;
	}
	buf_init(&b, CONNINFO_MAX - 1);
	if (ret_user)
		ret_user[0] = '\0';
	for (PQconninfoOption *o = all; o->keyword && r == 0; o++) {
		if (!o->val || !*o->val)
			continue;
		if (strcmp(o->keyword, "user") == 0) {
			if (ret_user)
				(void)snprintf(ret_user, 64, "%s", o->val);
		} else if (strcmp(o->keyword, "password") == 0) {
			if (ret_password)
				secret_set_text(ret_password, text_of(o->val));
			secret_wipe(o->val, strlen(o->val));
		} else if (strcmp(o->keyword, "sslpassword") == 0) {
			secret_wipe(o->val, strlen(o->val));
			r = -EPERM;
		} else {
			r = conninfo_add(&b, o->keyword, o->val);
		}
	}
	PQconninfoFree(all);
	if (r == -EPERM)
		(void)snprintf(
			why, 256,
			"DATABASE_URL: sslpassword is a secret that would stand in a file; use a "
			"key without a password, "
			"readable by replyd alone");
	else if (r)
		(void)snprintf(why, 256,
			       "DATABASE_URL: longer than %d bytes; leave out what is a default",
			       CONNINFO_MAX);
	else
		(void)snprintf(ret_place, CONNINFO_MAX, "%s", b.len ? (const char *)b.data : "");
	buf_clear(&b);
	return r;
}

int conninfo_join(const char *place, const char *user, char ret[CONNINFO_MAX])
{
	struct buf b;
	int r;

	buf_init(&b, CONNINFO_MAX - 1);
	r = text_addf(&b, "%s", place);
	if (r == 0)
		r = conninfo_add(&b, "user", user);
	if (r == 0)
		(void)snprintf(ret, CONNINFO_MAX, "%s", (const char *)b.data);
	buf_clear(&b);
	return r;
}
