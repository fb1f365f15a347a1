#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rand.h"
#include "base/text.h"
#include "services/up/keyring.h"

enum keyring_kind { PASSWORD, KEY, PRIVATE, PUBLIC };

static const struct {
	const char *file;
	enum keyring_kind kind;
} files[KEYRING_NAMES] = {
	[KEYRING_ROOT] = { "db-root", PASSWORD },
	[KEYRING_ADMIN] = { "db-admin", PASSWORD },
	[KEYRING_INGEST] = { "db-ingest", PASSWORD },
	[KEYRING_BROKER] = { "db-broker", PASSWORD },
	[KEYRING_DISPATCH] = { "db-dispatch", PASSWORD },
	[KEYRING_ROTATION] = { "db-rotation", PASSWORD },
	[KEYRING_API] = { "db-api", PASSWORD },
	[KEYRING_GRANT] = { "grant", KEY },
	[KEYRING_BROKER_PRIVATE] = { "broker-private", PRIVATE },
	[KEYRING_TOKEN] = { "token", KEY },
	[KEYRING_DIGEST] = { "digest", KEY },
	[KEYRING_WEBHOOK] = { "webhook", KEY },
	[KEYRING_BROKER_PUBLIC] = { "broker-public", PUBLIC },
};

#define FILE_MAX 256 /* bytes; a base64 line */

static int fail(char why[512], int r, const char *path, const char *cause, const char *remedy)
{
	(void)snprintf(why, 512, "%.250s: %.100s; %.150s", path, cause, remedy);
	return r;
}

/* Written whole or not at all: temporary file, fsync, rename. */
static int write_file(const char *path, struct text line, char why[512])
{
	char tmp[512];
	int fd, r = 0;

	(void)snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(why, -errno, tmp, strerror(errno), "the data folder must be writable");
	if (write(fd, line.at, line.len) != (ssize_t)line.len || fsync(fd) != 0)
		r = errno ? -errno : -EIO;
	close(fd);
	if (r == 0 && rename(tmp, path) != 0)
		r = -errno;
	return r ? fail(why, r, path, strerror(-r), "is the disk full?") : 0;
}

static int read_file(const char *path, struct secret *ret, char why[512])
{
	char line[FILE_MAX];
	struct buf plain;
	struct stat st;
	ssize_t n;
	int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return fail(why, errno == ENOENT ? -ENOKEY : -errno, path, strerror(errno),
			    errno == ENOENT ? "restore it from the backup: what it sealed cannot "
					      "be opened with a new one"
					    : "it must belong to the user that runs replyd");
	if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0) {
		close(fd);
		return fail(why, -EPERM, path, "others may read it",
			    "chmod 600 it, and consider the secret known");
	}
	n = read(fd, line, sizeof(line));
	close(fd);
	if (n <= 0 || n == sizeof(line))
		return fail(why, -EBADMSG, path, "is empty or too long",
			    "restore it from the backup");

	buf_init(&plain, FILE_MAX);
	r = text_from_base64(&plain, text_trim((struct text){ line, (size_t)n }));
	if (r == 0)
		secret_set(ret, plain.data, plain.len);
	secret_wipe(plain.data, plain.len);
	buf_clear(&plain);
	secret_wipe(line, sizeof(line));
	return r ? fail(why, -EBADMSG, path, "is not base64", "restore it from the backup") : 0;
}

static int read_of(enum keyring_name name, const char *path, struct secret *ret, char why[512])
{
	int r = read_file(path, ret, why);

	/* base/seal stops the program over a key of another length. */
	if (r == 0 && (files[name].kind == PASSWORD ? ret->len == 0 : ret->len != SEAL_KEY))
		r = fail(why, -EBADMSG, path, "does not hold what it should",
			 "restore it from the backup");
	return r;
}

static int store(const char *path, const struct secret *s, char why[512])
{
	struct buf line;
	int r;

	buf_init(&line, FILE_MAX);
	text_add_base64(&line, s->data, s->len);
	text_add(&line, TEXT("\n"));
	r = write_file(path, (struct text){ (const char *)line.data, line.len }, why);
	secret_wipe(line.data, line.len);
	buf_clear(&line);
	return r;
}

/* A password travels through conninfo strings and URLs: letters and digits only. */
static void make_password(struct secret *ret)
{
	uint8_t raw[24];
	struct buf b;

	rand_bytes(raw, sizeof(raw));
	buf_init(&b, FILE_MAX);
	text_add_hex(&b, raw, sizeof(raw));
	secret_set(ret, b.data, b.len);
	secret_wipe(b.data, b.len);
	secret_wipe(raw, sizeof(raw));
	buf_clear(&b);
}

static void path_of(char path[512], const char *data_dir, const char *file)
{
	(void)snprintf(path, 512, "%s/secrets/%s", data_dir, file);
}

static void make(struct secret *s, enum keyring_kind kind)
{
	uint8_t raw[SEAL_KEY];

	switch (kind) {
	case PASSWORD:
		make_password(s);
		return;
	case KEY:
		rand_bytes(raw, sizeof(raw));
		secret_set(s, raw, sizeof(raw));
		secret_wipe(raw, sizeof(raw));
		return;
	case PRIVATE:
		seal_pair(s, raw);
		return;
	case PUBLIC:
		return; /* follows from the private one */
	}
}

static int make_public(struct keyring *k, const char *path, char why[512])
{
	uint8_t raw[SEAL_KEY];

	if (seal_public(&k->is[KEYRING_BROKER_PRIVATE], raw) != 0)
		return fail(why, -EBADMSG, path, "the private key beside it is none",
			    "restore both from the backup");
	secret_set(&k->is[KEYRING_BROKER_PUBLIC], raw, sizeof(raw));
	return store(path, &k->is[KEYRING_BROKER_PUBLIC], why);
}

/*
 * First start: all files, then the mark that says so.  A start that was cut short goes on with what
 * it made: a key that is there may have sealed something, if it was only the mark that got lost.
 */
static int make_all(struct keyring *k, const char *data_dir, char why[512])
{
	char path[512];
	int r;

	for (int i = 0; i < KEYRING_NAMES; i++) {
		path_of(path, data_dir, files[i].file);
		if (files[i].kind == PUBLIC)
			r = make_public(k, path, why);
		else
			r = read_of(i, path, &k->is[i], why);
		if (r == -ENOKEY) {
			make(&k->is[i], files[i].kind);
			r = store(path, &k->is[i], why);
		}
		if (r)
			return r;
	}
	path_of(path, data_dir, "made");
	return write_file(
		path, TEXT("These files are one set. Back them up together with the database.\n"),
		why);
}

static int read_all(struct keyring *k, const char *data_dir, char why[512])
{
	char path[512];
	int r;

	for (int i = 0; i < KEYRING_NAMES; i++) {
		path_of(path, data_dir, files[i].file);
		r = read_of(i, path, &k->is[i], why);
		if (r)
			return r;
	}
	return 0;
}

int keyring_open(struct keyring *k, const char *data_dir, char why[512])
{
	char path[512];
	int r;

	*k = (struct keyring){ 0 };
	path_of(path, data_dir, "");
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail(why, -errno, path, strerror(errno), "the data folder must be writable");
	path_of(path, data_dir, "made");
	r = access(path, F_OK) == 0 ? read_all(k, data_dir, why) : make_all(k, data_dir, why);
	if (r)
		keyring_clear(k);
	return r;
}

int keyring_exit_code(int r)
{
	return r == -ENOKEY || r == -EBADMSG || r == -EPERM ? EX_CONFIG
	       : r == -EACCES                               ? EX_NOPERM
							    : EX_CANTCREAT;
}

int keyring_read_one(const char *data_dir, enum keyring_name name, struct secret *ret,
		     char why[512])
{
	char path[512];

	path_of(path, data_dir, files[name].file);
	return read_of(name, path, ret, why);
}

void keyring_clear(struct keyring *k)
{
	for (int i = 0; i < KEYRING_NAMES; i++)
		secret_clear(&k->is[i]);
}

int keyring_add(struct buf *b, const char *name, const struct secret *value, bool binary)
{
	int r = text_addf(b, binary ? "%s=base64:" : "%s=", name);

	if (r == 0)
		r = binary ? text_add_base64(b, value->data, value->len)
			   : buf_add(b, value->data, value->len);
	return r ? r : text_add(b, TEXT("\n"));
}
