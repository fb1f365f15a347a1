#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cred.h"
#include "base/limits.h"
#include "base/mem.h"

struct item {
	char name[CRED_NAME];
	struct secret value;
};

struct cred {
	struct item items[CRED_MAX];
	size_t n;
};

static struct item *find(struct cred *c, struct text name)
{
	for (size_t i = 0; i < c->n; i++)
		if (text_eq(text_of(c->items[i].name), name))
			return &c->items[i];
	return NULL;
}

const struct secret *cred_get(const struct cred *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->items[i].name, name) == 0)
			return &c->items[i].value;
	return NULL;
}

int cred_each(struct cred *c, int (*fix)(void *arg, const char *name, struct secret *value),
	      void *arg, char *ret_name)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		r = fix(arg, c->items[i].name, &c->items[i].value);
		if (r)
			memcpy(ret_name, c->items[i].name, CRED_NAME);
	}
	return r;
}

size_t cred_count(const struct cred *c)
{
	return c->n;
}

void cred_clear(struct cred *c)
{
	for (size_t i = 0; i < c->n; i++)
		secret_clear(&c->items[i].value);
	c->n = 0;
}

void cred_free(struct cred *c)
{
	if (!c)
		return;
	cred_clear(c);
	free(c);
}

static bool is_name(struct text t)
{
	if (!t.len || t.len >= CRED_NAME)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (!(t.at[i] >= 'a' && t.at[i] <= 'z') && !(t.at[i] >= '0' && t.at[i] <= '9') &&
		    t.at[i] != '.' && t.at[i] != '_' && t.at[i] != '-')
			return false;
	return true;
}

/* NULL: stored.  Else what is wrong with the value. */
static const char *take_value(struct text t, struct secret *ret)
{
	static const struct text prefix = { "base64:", 7 };
	struct buf b;
	const char *wrong = NULL;

	if (text_eq(text_sub(t, 0, prefix.len), prefix)) {
		/* decoded in one piece: a growth would leave a copy behind */
		buf_init(&b, LIMIT_SECRET);
		if (text_from_base64(&b, text_sub(t, prefix.len, SIZE_MAX)) < 0)
			wrong = "is not base64, or too long";
		else if (!b.len)
			wrong = "is empty";
		else
			secret_set(ret, b.data, b.len);
		secret_wipe(b.data, b.cap);
		buf_clear(&b);
		return wrong;
	}
	if (!t.len)
		return "is empty";
	if (t.len > LIMIT_SECRET)
		return "is too long";
	if (memchr(t.at, '\0', t.len))
		return "holds a NUL; write base64:... for binary values";
	secret_set_text(ret, t);
	return NULL;
}

/* NULL: fine.  Else what is wrong with the line; its name goes to `ret_name` when it is one. */
static const char *take_line(struct cred *c, struct text line, char ret_name[CRED_NAME])
{
	struct text name, value;
	const char *wrong;

	if (!text_cut(line, '=', &name, &value))
		return "there is no '='; write name=value";
	if (!is_name(name))
		return "the name is not made of a-z, 0-9, '.', '_' and '-'";
	memcpy(ret_name, name.at, name.len);
	ret_name[name.len] = '\0';
	if (find(c, name))
		return "is there twice";
	if (c->n == CRED_MAX)
		return "is one too many";
	wrong = take_value(value, &c->items[c->n].value);
	if (!wrong)
		memcpy(c->items[c->n++].name, ret_name, CRED_NAME);
	return wrong;
}

int cred_parse(struct text lines, struct cred **ret, char why[CRED_WHY])
{
	struct cred *c = mem_new(sizeof(*c));
	struct text line;

	for (size_t n = 1; lines.len; n++) {
		char name[CRED_NAME] = "";
		const char *wrong;

		(void)text_cut(lines, '\n', &line, &lines);
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (!text_trim(line).len || line.at[0] == '#')
			continue;
		wrong = take_line(c, line, name);
		if (wrong) {
			(void)snprintf(why, CRED_WHY, "line %zu: %s%s%s", n, name, *name ? " " : "",
				       wrong);
			cred_free(c);
			return -EINVAL;
		}
	}
	*ret = c;
	return 0;
}

/* Up to `size` bytes until the end.  Without stdio, which would keep a copy. */
static int read_all(int fd, char *at, size_t size, size_t *ret_n)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, at + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
	}
	*ret_n = n;
	return 0;
}

static int load_from(int fd, struct cred **ret, char why[CRED_WHY])
{
	struct stat st;
	char *bytes;
	size_t n = 0;
	int r = fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO))) {
		(void)snprintf(why, CRED_WHY,
			       "its mode is %04o, so others could read it; make it 0600",
			       (unsigned)st.st_mode & 07777U);
		return -EACCES;
	}
	bytes = mem_new(LIMIT_CRED + 1);
	if (r == 0)
		r = read_all(fd, bytes, LIMIT_CRED + 1, &n);
	if (r < 0) {
		(void)snprintf(why, CRED_WHY, "%s", strerror(-r));
	} else if (n > LIMIT_CRED) {
		(void)snprintf(why, CRED_WHY, "larger than %d bytes", LIMIT_CRED);
		r = -EFBIG;
	} else {
		r = cred_parse((struct text){ bytes, n }, ret, why);
	}
	secret_wipe(bytes, LIMIT_CRED + 1);
	free(bytes);
	return r;
}

int cred_load(const char *place, struct cred **ret, char why[CRED_WHY])
{
	struct text number = text_of(place);
	uint64_t fd = 0;
	FILE *f;
	int r;

	if (strncmp(place, "fd:", 3) == 0) {
		if (text_u64(text_sub(number, 3, SIZE_MAX), 65535, &fd) < 0) {
			(void)snprintf(why, CRED_WHY, "write fd:3 for descriptor 3");
			return -EINVAL;
		}
		r = load_from((int)fd, ret, why);
		if (fd > STDERR_FILENO)
			(void)close((int)fd);
		return r;
	}
	f = fopen(place, "re");
	if (!f) {
		r = -errno;
		(void)snprintf(why, CRED_WHY, "%s", strerror(-r));
		return r;
	}
	r = load_from(fileno(f), ret, why);
	(void)fclose(f);
	return r;
}
