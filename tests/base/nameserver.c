#include "tests/base/nameserver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 65535
#define MANY    200

struct message {
	uint8_t at[MESSAGE];
	size_t len;
};

static void put(struct message *m, const void *p, size_t n)
{
	if (n > sizeof(m->at) - m->len)
		abort();
	memcpy(m->at + m->len, p, n);
	m->len += n;
}

static void put16(struct message *m, unsigned v)
{
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(m, b, 2);
}

/* "a.b" as labels; "." is the root. */
static void put_name(struct message *m, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		size_t n = strcspn(name, ".");
		uint8_t len = (uint8_t)n;

		put(m, &len, 1);
		put(m, name, n);
		name += n + (name[n] == '.');
	}
	put(m, "", 1);
}

static unsigned type_of(const char *word)
{
	static const struct {
		const char *word;
		unsigned type;
	} types[] = { { "A", 1 }, { "CNAME", 5 }, { "MX", 15 }, { "AAAA", 28 }, { "SRV", 33 } };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].word, word) == 0)
			return types[i].type;
	abort();
}

/* One record for `owner`; a CNAME changes who that is. */
static void put_record(struct message *m, char owner[256], const char *line)
{
	char word[8], host[256] = "", rest[256] = "";
	unsigned a = 0, b = 0, c = 0, type;
	uint8_t address[16];
	size_t len_at;

	if (sscanf(line, "%7s %255s", word, rest) != 2)
		abort();
	type = type_of(word);
	put_name(m, owner);
	put16(m, type);
	put16(m, 1);
	put(m, "\0\0\0\074", 4); /* 60 s to live */
	len_at = m->len;
	put16(m, 0);
	if (type == 1 && inet_pton(AF_INET, rest, address) == 1) {
		put(m, address, 4);
	} else if (type == 28 && inet_pton(AF_INET6, rest, address) == 1) {
		put(m, address, 16);
	} else if (type == 5) {
		put_name(m, rest);
		(void)snprintf(owner, 256, "%s", rest);
	} else if (type == 15 && sscanf(line, "MX %u %255s", &a, host) == 2) {
		put16(m, a);
		put_name(m, host);
	} else if (type == 33 && sscanf(line, "SRV %u %u %u %255s", &a, &b, &c, host) == 4) {
		put16(m, a);
		put16(m, b);
		put16(m, c);
		put_name(m, host);
	} else {
		abort();
	}
	m->at[len_at] = (uint8_t)((m->len - len_at - 2) >> 8);
	m->at[len_at + 1] = (uint8_t)(m->len - len_at - 2);
}

static unsigned put_records(struct message *m, const struct nameserver_row *row)
{
	unsigned n = 0;
	char owner[256];

	(void)snprintf(owner, sizeof(owner), "%s", row->name);
	for (const char *line = row->records; line && *line; n++) {
		char one[300];
		size_t len = strcspn(line, "\n");

		(void)snprintf(one, sizeof(one), "%.*s", (int)len, line);
		put_record(m, owner, one);
		for (unsigned k = 1; row->manner == NS_MANY && k < MANY; k++, n++)
			put_record(m, owner, one);
		line += len + (line[len] == '\n');
	}
	return n;
}

/* The question's name as text, and where the question ends; 0: it is none. */
static size_t read_question(const uint8_t *q, size_t n, char name[256], unsigned *ret_type)
{
	size_t at = 12, out = 0;

	while (at < n && q[at]) {
		size_t len = q[at];

		if (at + 1 + len >= n || out + len + 2 > 256)
			return 0;
		if (out)
			name[out++] = '.';
		memcpy(name + out, q + at + 1, len);
		out += len;
		at += 1 + len;
	}
	name[out] = '\0';
	if (at + 5 > n)
		return 0;
	*ret_type = (unsigned)q[at + 1] << 8 | q[at + 2];
	return at + 5;
}

/* Bytes to answer with; 0: none. */
static size_t answer(struct nameserver *ns, const uint8_t *q, size_t n, bool is_tcp,
		     struct message *m)
{
	const struct nameserver_row *row = NULL;
	unsigned type = 0, count = 0, rcode = 3;
	bool cut;
	char name[256];
	size_t end = n < 17 ? 0 : read_question(q, n, name, &type);

	if (!end)
		return 0;
	atomic_fetch_add(&ns->asked, 1);
	for (size_t i = 0; i < ns->n_rows; i++) {
		if (strcasecmp(ns->rows[i].name, name) != 0)
			continue;
		rcode = 0;
		if (type_of(ns->rows[i].type) == type)
			row = &ns->rows[i];
	}
	if (row && row->manner == NS_SILENT)
		return 0;
	m->len = 0;
	if (row && row->manner == NS_GARBAGE) {
		put(m, "what is this?", 13);
		return m->len;
	}
	if (row && (row->manner == NS_NXDOMAIN || row->manner == NS_SERVFAIL))
		rcode = row->manner == NS_NXDOMAIN ? 3 : 2;
	cut = row && !is_tcp && (row->manner == NS_TRUNCATED || row->manner == NS_MANY);
	put(m, q, 2);
	put16(m, 0x8180 | rcode | (cut ? 0x0200U : 0));
	put16(m, 1);
	put(m, "\0\0\0\0\0\0", 6);
	put(m, q + 12, end - 12);
	if (row && !rcode && !cut)
		count = put_records(m, row);
	m->at[6] = (uint8_t)(count >> 8);
	m->at[7] = (uint8_t)count;
	if (row && row->manner == NS_CUT)
		m->len -= 3;
	return m->len;
}

static void serve_udp(struct nameserver *ns, struct message *m)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t q[4096];
	ssize_t n = recvfrom(ns->udp, q, sizeof(q), 0, (struct sockaddr *)&from, &len);
	size_t out = n > 0 ? answer(ns, q, (size_t)n, false, m) : 0;

	if (out)
		(void)sendto(ns->udp, m->at, out, 0, (struct sockaddr *)&from, len);
}

static void serve_tcp(struct nameserver *ns, struct message *m)
{
	int fd = accept(ns->tcp, NULL, NULL);
	uint8_t q[4096], size[2];
	size_t n, out;

	if (fd < 0)
		return;
	if (recv(fd, size, 2, MSG_WAITALL) == 2) {
		n = (size_t)size[0] << 8 | size[1];
		if (n <= sizeof(q) && recv(fd, q, n, MSG_WAITALL) == (ssize_t)n) {
			out = answer(ns, q, n, true, m);
			size[0] = (uint8_t)(out >> 8);
			size[1] = (uint8_t)out;
			(void)send(fd, size, 2, MSG_NOSIGNAL);
			(void)send(fd, m->at, out, MSG_NOSIGNAL);
		}
	}
	close(fd);
}

static void *run(void *arg)
{
	struct nameserver *ns = arg;
	struct pollfd fds[3] = { { .fd = ns->udp, .events = POLLIN },
				 { .fd = ns->tcp, .events = POLLIN },
				 { .fd = ns->stop[0], .events = POLLIN } };
	struct message *m = malloc(sizeof(*m));

	while (m && poll(fds, 3, -1) >= 0 && !fds[2].revents) {
		if (fds[0].revents)
			serve_udp(ns, m);
		if (fds[1].revents)
			serve_tcp(ns, m);
	}
	free(m);
	return NULL;
}

/* Both on the same port: c-ares is told of one only. */
static bool bind_both(struct nameserver *ns)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ns->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ns->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ns->udp < 0 || ns->tcp < 0 || bind(ns->udp, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockname(ns->udp, (struct sockaddr *)&a, &len))
		abort();
	ns->port = ntohs(a.sin_port);
	if (bind(ns->tcp, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(ns->tcp, 8) == 0)
		return true;
	close(ns->udp);
	close(ns->tcp);
	return false;
}

void nameserver_open(struct nameserver *ns, const struct nameserver_row *rows, size_t n_rows)
{
	*ns = (struct nameserver){ .rows = rows, .n_rows = n_rows };
	while (!bind_both(ns))
		;
	(void)snprintf(ns->list, sizeof(ns->list), "127.0.0.1:%u", ns->port);
	if (pipe(ns->stop) || pthread_create(&ns->thread, NULL, run, ns))
		abort();
}

void nameserver_close(struct nameserver *ns)
{
	close(ns->stop[1]);
	(void)pthread_join(ns->thread, NULL);
	close(ns->stop[0]);
	close(ns->udp);
	close(ns->tcp);
}
