#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rand.h"
#include "base/sign.h"
#include "base/text.h"
#include "base/vault.h"
#include "services/key_hook.h"
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

#define FILE_MAX (KEY_HOOK_MAX + 64) /* bytes; a line of base64, wrapped at the longest */

static int fail(char why[512], int r, const char *path, const char *cause, const char *remedy)
{
	(void)snprintf(why, 512, "%.160s: %.50s; %.290s", path, cause, remedy);
	return r;
}

/* Of several causes the first is told; that there are too many keys, after any other. */
static int fail_again(char why[512], int r, const char cause[512])
{
	(void)snprintf(why, 512, "%s", cause);
	return r;
}

static void folder_of(const char *path, char ret[512])
{
	(void)snprintf(ret, 512, "%s", path);
	*strrchr(ret, '/') = '\0';
}

/* What root makes on the command line belongs to whom `replyd up` runs as. */
static int give_away(int fd, const char *path)
{
	char folder[512];
	struct stat st;

	folder_of(path, folder);
	if (geteuid() != 0)
		return 0;
	return stat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0 ? 0 : -1;
}

/* The name of a file lasts only when its folder is written, too: a new key seals within seconds. */
static int sync_folder(const char *path)
{
	char folder[512];
	int r, fd;

	folder_of(path, folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
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
	if (write(fd, line.at, line.len) != (ssize_t)line.len || fsync(fd) != 0 ||
	    give_away(fd, path) != 0)
		r = errno ? -errno : -EIO;
	close(fd);
	if (r == 0 && rename(tmp, path) != 0)
		r = -errno;
	if (r == 0)
		r = sync_folder(path);
	return r ? fail(why, r, path, strerror(-r), "is the disk full?") : 0;
}

static struct text trimmed(const char *line, ssize_t n)
{
	return text_trim((struct text){ line, (size_t)n });
}

static int read_file(const char *path, const char *command, struct secret *ret,
		     bool *ret_is_wrapped, char why[512])
{
	char line[FILE_MAX], cause[512];
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

	*ret_is_wrapped = text_eq(text_sub(trimmed(line, n), 0, sizeof(KEY_HOOK_PREFIX) - 1),
				  TEXT(KEY_HOOK_PREFIX));
	if (*ret_is_wrapped) {
		secret_set_text(ret, trimmed(line, n));
		r = key_hook_open(command, KEY_HOOK_LIMIT_MS, ret, cause);
		return r ? fail(why, -EPROTO, path, "does not unwrap", cause) : 0;
	}
	buf_init(&plain, FILE_MAX);
	r = text_from_base64(&plain, trimmed(line, n));
	if (r == 0)
		secret_set(ret, plain.data, plain.len);
	secret_wipe(plain.data, plain.len);
	buf_clear(&plain);
	secret_wipe(line, sizeof(line));
	return r ? fail(why, -EBADMSG, path, "is not base64", "restore it from the backup") : 0;
}

static bool is_wrappable(enum keyring_name name)
{
	return files[name].kind == KEY || files[name].kind == PRIVATE;
}

/* As it is, or as the command wraps it; proven by unwrapping it before the plain one is let go. */
static int line_of(const char *command, const struct secret *s, struct buf *line, char why[512])
{
	cleanup_secret struct secret wrapped = { 0 }, again = { 0 };
	int r;

	if (!command) {
		text_add_base64(line, s->data, s->len);
		return text_add(line, TEXT("\n"));
	}
	r = key_hook_run(command, KEY_HOOK_WRAP, s, KEY_HOOK_LIMIT_MS, &wrapped, why);
	if (r == 0)
		r = key_hook_run(command, KEY_HOOK_UNWRAP, &wrapped, KEY_HOOK_LIMIT_MS, &again,
				 why);
	if (r)
		return -EPROTO;
	if (!secret_eq(s, &again))
		return fail(why, -EPROTO, "key_command", "unwraps another key than it wrapped",
			    "run it by hand");
	text_add(line, TEXT(KEY_HOOK_PREFIX));
	r = text_add_base64(line, wrapped.data, wrapped.len);
	return r ? fail(why, -EPROTO, "key_command", "what stands for a key is too long",
			"8 KB of base64 are the most")
		 : text_add(line, TEXT("\n"));
}

/* `command`: NULL for what is not wrapped. */
static int store(const char *path, const char *command, const struct secret *s, char why[512])
{
	struct buf line;
	int r;

	buf_init(&line, FILE_MAX);
	r = line_of(command, s, &line, why);
	if (r == 0)
		r = write_file(path, (struct text){ (const char *)line.data, line.len }, why);
	secret_wipe(line.data, line.len);
	buf_clear(&line);
	return r;
}

/* NULL: kept as it is. */
static const char *command_for(enum keyring_name name, const char *command)
{
	return is_wrappable(name) && command && *command ? command : NULL;
}

static int read_of(enum keyring_name name, const char *path, const char *command,
		   struct secret *ret, char why[512])
{
	bool is_wrapped = false;
	int r = read_file(path, command, ret, &is_wrapped, why);

	/* base/seal stops the program over a key of another length. */
	if (r == 0 && (files[name].kind == PASSWORD ? ret->len == 0 : ret->len != SEAL_KEY))
		r = fail(why, -EBADMSG, path, "does not hold what it should",
			 "restore it from the backup");
	if (r == 0 && !is_wrapped && command_for(name, command))
		r = store(path, command, ret, why);
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
	return store(path, NULL, &k->is[KEYRING_BROKER_PUBLIC], why);
}

static bool is_group(enum keyring_name n)
{
	return n == KEYRING_GRANT || n == KEYRING_TOKEN || n == KEYRING_WEBHOOK;
}

/* "grant.2" */
static bool later_name(const char *file, enum keyring_name *ret_group, unsigned *ret_id)
{
	const char *dot = strrchr(file, '.');
	uint64_t id;

	if (!dot || text_u64(text_of(dot + 1), UINT8_MAX, &id) != 0 || id < 2 || dot[1] == '0')
		return false;
	for (enum keyring_name g = 0; g < KEYRING_NAMES; g++)
		if (is_group(g) && strlen(files[g].file) == (size_t)(dot - file) &&
		    strncmp(files[g].file, file, (size_t)(dot - file)) == 0) {
			*ret_group = g;
			*ret_id = (unsigned)id;
			return true;
		}
	return false;
}

static bool has_later(const struct keyring *k, enum keyring_name group, unsigned id)
{
	for (size_t i = 0; i < k->n_later; i++)
		if (k->later[i].group == group && (!id || k->later[i].id == id))
			return true;
	return false;
}

/* The numbers of the files that are there, per group; 1 is the one without a number. */
struct numbers {
	bool has[KEYRING_NAMES][UINT8_MAX + 1];
};

static int read_numbers(const char *data_dir, struct numbers *ret, char why[512])
{
	enum keyring_name group;
	char path[512];
	struct dirent *e;
	unsigned id;
	DIR *d;

	path_of(path, data_dir, "");
	d = opendir(path);
	if (!d)
		return fail(why, -errno, path, strerror(errno), "the data folder must be readable");
	*ret = (struct numbers){ 0 };
	while ((e = readdir(d))) {
		if (later_name(e->d_name, &group, &id))
			ret->has[group][id] = true;
		for (group = 0; group < KEYRING_NAMES; group++)
			if (is_group(group) && strcmp(e->d_name, files[group].file) == 0)
				ret->has[group][1] = true;
	}
	closedir(d);
	return 0;
}

static size_t count_of(const struct numbers *n, enum keyring_name group)
{
	size_t count = 0;

	for (unsigned id = 1; id <= UINT8_MAX; id++)
		count += n->has[group][id];
	return count;
}

static int too_many(const char *path, char why[512])
{
	return fail(why, -ENOSPC, path, "is one more than the 16 keys that a group may have",
		    "take away those that seal nothing (`replyd key list`)");
}

static int take_later(struct keyring *k, const char *path, enum keyring_name group, unsigned id,
		      char why[512])
{
	struct keyring_later *new = &k->later[k->n_later];
	int r;

	*new = (struct keyring_later){ .group = group, .id = id };
	r = read_of(group, path, k->command, &new->key, why);
	if (r == 0)
		k->n_later++;
	else
		secret_clear(&new->key);
	return r;
}

/* The newest first: it is the one that seals, or is about to. */
static int look_for(struct keyring *k, const char *data_dir, const struct numbers *n,
		    enum keyring_name group, char why[512])
{
	char path[512], file[32], cause[512];
	size_t held = n->has[group][1];
	int one, r = 0;

	for (size_t i = 0; i < k->n_later; i++)
		held += k->later[i].group == group;
	for (unsigned id = UINT8_MAX; id > 1; id--) {
		if (!n->has[group][id] || has_later(k, group, id))
			continue;
		(void)snprintf(file, sizeof(file), "%s.%u", files[group].file, id);
		path_of(path, data_dir, file);
		one = held < VAULT_KEYS ? take_later(k, path, group, id, cause)
					: too_many(path, cause);
		if (one == 0)
			held++;
		else if (r == 0 || (r == -ENOSPC && one != -ENOSPC))
			r = fail_again(why, one, cause);
	}
	return r;
}

int keyring_look(struct keyring *k, const char *data_dir, char why[512])
{
	struct numbers n;
	char cause[512];
	int one, r = read_numbers(data_dir, &n, why);

	if (r)
		return r;
	for (enum keyring_name g = 0; g < KEYRING_NAMES; g++) {
		one = is_group(g) ? look_for(k, data_dir, &n, g, cause) : 0;
		if (one && (r == 0 || (r == -ENOSPC && one != -ENOSPC)))
			r = fail_again(why, one, cause);
	}
	return r;
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
			r = read_of(i, path, k->command, &k->is[i], why);
		if (r == -ENOKEY && has_later(k, i, 0)) {
			r = 0; /* rotated away: another one of this number would only be mistaken
				  for it */
		} else if (r == -ENOKEY) {
			make(&k->is[i], files[i].kind);
			r = store(path, command_for(i, k->command), &k->is[i], why);
		}
		if (r)
			return r;
	}
	path_of(path, data_dir, "made");
	return write_file(
		path, TEXT("These files are one set. Back them up together with the database.\n"),
		why);
}

/* A command that unwraps with another key than it wrapped with gives 32 bytes, too. */
static int check_pair(const struct keyring *k, const char *data_dir, char why[512])
{
	char path[512];
	uint8_t raw[SEAL_KEY];

	path_of(path, data_dir, files[KEYRING_BROKER_PUBLIC].file);
	if (seal_public(&k->is[KEYRING_BROKER_PRIVATE], raw) == 0 &&
	    sign_eq(raw, k->is[KEYRING_BROKER_PUBLIC].data, sizeof(raw)))
		return 0;
	return fail(
		why, -EBADMSG, path, "is not the other half of broker-private",
		"restore both from the backup; if keys are wrapped, key_command uses another key "
		"than the one that wrapped them");
}

static int read_all(struct keyring *k, const char *data_dir, char why[512])
{
	char path[512];
	int r;

	for (enum keyring_name i = 0; i < KEYRING_NAMES; i++) {
		path_of(path, data_dir, files[i].file);
		r = read_of(i, path, k->command, &k->is[i], why);
		if (r == -ENOKEY && has_later(k, i, 0))
			r = 0; /* rotated away; who needs it still says so (services/keyholder) */
		if (r)
			return r;
	}
	return check_pair(k, data_dir, why);
}

int keyring_make_next(const char *data_dir, const char *command, const char *group, unsigned after,
		      unsigned *ret_id, char why[512])
{
	cleanup_secret struct secret key = { 0 };
	char path[512], file[32];
	enum keyring_name name;
	struct numbers there;
	unsigned id;
	int r;

	(void)snprintf(file, sizeof(file), "%.16s.2", group);
	if (!later_name(file, &name, &id))
		return fail(why, -EINVAL, group, "is no group of keys",
			    "one of grant, token, webhook");
	/* One that was made before a crash, and perhaps given out, is used. */
	for (id = after + 1; id <= UINT8_MAX; id++) {
		(void)snprintf(file, sizeof(file), "%.16s.%u", group, id);
		path_of(path, data_dir, file);
		if (access(path, F_OK) == 0) {
			*ret_id = id;
			return 0;
		}
	}
	id = after + 1;
	(void)snprintf(file, sizeof(file), "%.16s.%u", group, id);
	path_of(path, data_dir, file);
	r = read_numbers(data_dir, &there, why);
	if (r)
		return r;
	if (count_of(&there, name) >= VAULT_KEYS)
		return too_many(path, why);
	if (id < 2 || id > UINT8_MAX)
		return fail(why, -ENOSPC, path, "there are no numbers left", "255 are all");
	make(&key, KEY);
	r = store(path, *command ? command : NULL, &key, why);
	if (r == 0)
		*ret_id = id;
	return r;
}

int keyring_open(struct keyring *k, const char *data_dir, const char *command, char why[512])
{
	char path[512];
	int r;

	*k = (struct keyring){ .command = command };
	path_of(path, data_dir, "");
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail(why, -errno, path, strerror(errno), "the data folder must be writable");
	path_of(path, data_dir, "made");
	r = keyring_look(k, data_dir, why);
	if (r == 0 || r == -ENOSPC) /* the newest are there; each look says it again */
		r = access(path, F_OK) == 0 ? read_all(k, data_dir, why)
					    : make_all(k, data_dir, why);
	if (r)
		keyring_clear(k);
	return r;
}

int keyring_exit_code(int r)
{
	return r == -ENOKEY || r == -EBADMSG || r == -EPERM || r == -EPROTO ? EX_CONFIG
	       : r == -EACCES                                               ? EX_NOPERM
									    : EX_CANTCREAT;
}

int keyring_read_one(const char *data_dir, enum keyring_name name, struct secret *ret,
		     char why[512])
{
	char path[512];

	path_of(path, data_dir, files[name].file);
	return read_of(name, path, NULL, ret, why);
}

void keyring_clear(struct keyring *k)
{
	for (int i = 0; i < KEYRING_NAMES; i++)
		secret_clear(&k->is[i]);
	for (size_t i = 0; i < k->n_later; i++)
		secret_clear(&k->later[i].key);
	k->n_later = 0;
}

int keyring_add(struct buf *b, const char *name, const struct secret *value, bool binary)
{
	int r = text_addf(b, binary ? "%s=base64:" : "%s=", name);

	if (r == 0)
		r = binary ? text_add_base64(b, value->data, value->len)
			   : buf_add(b, value->data, value->len);
	return r ? r : text_add(b, TEXT("\n"));
}
