#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "services/up/credentials.h"

/* A pipe holds 64 KiB without a reader; credentials are far smaller. */
#define CREDENTIALS_MAX (32 * 1024)

static const struct {
	const char *role, *name;
	enum keyring_name is;
	bool binary;
} given[] = {
	{ "ingest", "db.password", KEYRING_INGEST, false },
	{ "ingest", "key.token", KEYRING_TOKEN, true },
	{ "ingest", "key.digest", KEYRING_DIGEST, true },
	{ "broker", "db.password", KEYRING_BROKER, false },
	{ "broker", "key.grant", KEYRING_GRANT, true },
	{ "broker", "key.broker_private", KEYRING_BROKER_PRIVATE, true },
	{ "broker", "key.token", KEYRING_TOKEN, true },
	{ "dispatch", "db.password", KEYRING_DISPATCH, false },
	{ "dispatch", "key.webhook", KEYRING_WEBHOOK, true },
	{ "rotation", "db.password", KEYRING_ROTATION, false },
	{ "api", "db.password", KEYRING_API, false },
	{ "api", "key.broker_public", KEYRING_BROKER_PUBLIC, true },
	{ "api", "key.digest", KEYRING_DIGEST, true },
	{ "api", "key.webhook", KEYRING_WEBHOOK, true },
};

/* The broker proves itself at each provider; the files are the operator's. */
static int add_client_secrets(struct buf *b, const struct settings *s)
{
	struct oauth_provider all[32];
	size_t n = settings_providers(s, all, countof(all));
	char name[96], raw[4096];

	for (size_t i = 0; i < n; i++) {
		const char *file = settings_client_secret_file(s, all[i].name);
		struct secret value = { 0 };
		ssize_t len;
		int r, fd;

		if (!file || !*file)
			continue;
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			r = -errno;
			(void)fprintf(
				stderr,
				"replyd up: provider.%s.client_secret_file %s: %s; name a file "
				"that replyd may read\n",
				all[i].name, file, strerror(-r));
			return r;
		}
		len = read(fd, raw, sizeof(raw));
		close(fd);
		if (len <= 0 || len == sizeof(raw)) {
			secret_wipe(raw, sizeof(raw));
			(void)fprintf(
				stderr,
				"replyd up: provider.%s.client_secret_file %s: %s; it holds the "
				"client's secret and nothing else\n",
				all[i].name, file,
				len < 0 ? "cannot be read"
				: len   ? "is 4 KB or longer"
					: "is empty");
			return -EINVAL;
		}
		(void)snprintf(name, sizeof(name), "oauth.%s.client_secret", all[i].name);
		secret_set_text(&value, text_trim((struct text){ raw, (size_t)len }));
		secret_wipe(raw, sizeof(raw));
		r = keyring_add(b, name, &value, true);
		secret_clear(&value);
		if (r)
			return r;
	}
	return 0;
}

/* `key.grant.2`, of those that the role gets number 1 of. */
static int add_later(struct buf *b, const struct keyring *k, const char *role)
{
	char name[64];
	int r = 0;

	for (size_t i = 0; i < countof(given); i++)
		for (size_t n = 0; strcmp(given[i].role, role) == 0 && r == 0 && n < k->n_later;
		     n++) {
			if (k->later[n].group != given[i].is)
				continue;
			(void)snprintf(name, sizeof(name), "%s.%u", given[i].name, k->later[n].id);
			r = keyring_add(b, name, &k->later[n].key, true);
		}
	return r;
}

static int compose(struct buf *b, const struct keyring *k, const struct settings *s,
		   const char *role)
{
	int r = -EINVAL;

	for (size_t i = 0; i < countof(given); i++) {
		if (strcmp(given[i].role, role) != 0)
			continue;
		/* number 1 of a group may have been rotated away */
		r = secret_is_empty(&k->is[given[i].is])
			    ? 0
			    : keyring_add(b, given[i].name, &k->is[given[i].is], given[i].binary);
		if (r)
			return r;
	}
	if (r == 0)
		r = add_later(b, k, role);
	return r == 0 && strcmp(role, "broker") == 0 ? add_client_secrets(b, s) : r;
}

int credentials_pipe(const struct keyring *k, const struct settings *s, const char *role)
{
	struct buf b;
	int fds[2], r;

	buf_init(&b, CREDENTIALS_MAX);
	r = compose(&b, k, s, role);
	if (r == 0 && pipe2(fds, O_CLOEXEC) != 0)
		r = -errno;
	if (r == 0) {
		ssize_t n = write(fds[1], b.data, b.len);

		close(fds[1]);
		if (n != (ssize_t)b.len) {
			close(fds[0]);
			r = -EIO;
		}
	}
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	return r ? r : fds[0];
}

int credentials_send(const struct keyring *k, const char *role, int fd)
{
	struct buf b;
	int r;

	buf_init(&b, CREDENTIALS_MAX);
	r = add_later(&b, k, role);
	if (r == 0 && b.len && send(fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		r = -errno;
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	return r;
}
