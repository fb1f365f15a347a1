#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "services/key_hook.h"
#include "services/keyholder.h"

static void on_tick(struct timer *t);
static void on_hint(void *owner);
static void on_joined(struct master_key_join *q);
static void on_count(struct reseal_count *q, unsigned id, int64_t boxes);
static void on_counted(struct reseal_count *q);

#define TICK_MS   1000  /* a new key, a turn in a rotation */
#define SAY_MS    10000 /* PostgreSQL takes a holder for dead after 20 s (key_holders()) */
#define UNWRAP_MS 4000  /* of key_command, while we hold up everything: a third of a lease */
#define MESSAGE   4096  /* bytes of credential lines in one message of --keys */

/* ---- what it was given ---- */

/*
 * Into `v`, the newest first: it is the one that seals, or is about to.  0, or -errno with the name
 * of the credential that is wrong; -ENOSPC: nothing is but that there are more than a vault holds.
 */
static int add_keys(struct vault *v, const struct cred *c, char ret_name[CRED_NAME])
{
	const struct secret *key;
	char name[CRED_NAME];
	int one, r = 0;

	for (unsigned id = UINT8_MAX; id > 0; id--) {
		(void)snprintf(name, CRED_NAME, id == 1 ? "key.%s" : "key.%s.%u", v->group, id);
		key = cred_get(c, name);
		if (!key || secret_is_empty(key))
			continue;
		one = key->len == SEAL_KEY ? vault_add(v, id, key) : -EMSGSIZE;
		if (one && (r == 0 || (r == -ENOSPC && one != -ENOSPC))) {
			r = one;
			(void)snprintf(ret_name, CRED_NAME, "%s", name);
		}
	}
	return r;
}

static const char *why_not(int r)
{
	return r == -EMSGSIZE ? "keys have 32 bytes, written as base64:..."
	       : r == -EEXIST ? "is another key than the one of this number before; give a new one "
				"the next number"
			      : "is one more than the 16 that a group may have, and not used; "
				"take away those that seal nothing (`replyd key list`)";
}

void keyholder_init(struct keyholder *k, struct role *r)
{
	*k = (struct keyholder){ .role = r };
	if (gethostname(k->host, sizeof(k->host) - 1) != 0)
		k->host[0] = '\0';
	(void)stat(r->credentials, &k->file);
}

struct vault *keyholder_take(struct keyholder *k, const char *group, enum keyholder_part part)
{
	struct keyholder_group *g = &k->groups[k->n];
	char name[CRED_NAME];
	int r;

	g->holder = k;
	g->part = part;
	vault_init(&g->vault, group);
	r = add_keys(&g->vault, k->role->cred, name);
	if (r < 0)
		(void)fprintf(stderr, "replyd %s: the credential %s: %s\n", k->role->name, name,
			      why_not(r));
	if (r < 0 && r != -ENOSPC) {
		vault_clear(&g->vault);
		return NULL;
	}
	if (!g->vault.n) {
		(void)snprintf(name, sizeof(name), "key.%s", group);
		(void)role_want(k->role, name);
		return NULL;
	}
	g->vault.seals = 0; /* PostgreSQL says which */
	k->n++;
	return &g->vault;
}

/* ---- what comes later ---- */

/* Only what is new is unwrapped: the program outside may be slow, and we are at work. */
static int unwrap_new(void *arg, const char *name, struct secret *value)
{
	struct keyholder *k = arg;
	char known[CRED_NAME], why[512];

	for (size_t i = 0; i < k->n; i++) {
		const struct vault *v = &k->groups[i].vault;
		size_t len = (size_t)snprintf(known, sizeof(known), "key.%s", v->group);
		uint64_t id = 1;

		if (strncmp(name, known, len) != 0 || (name[len] && name[len] != '.') ||
		    (name[len] == '.' && text_u64(text_of(name + len + 1), UINT8_MAX, &id) != 0))
			continue;
		if (!vault_holds(v, (unsigned)id) &&
		    key_hook_open(k->role->settings->key_command, UNWRAP_MS, value, why) == 0)
			return 0;
		if (!vault_holds(v, (unsigned)id))
			log_error(&k->role->log, "key.refused", "credential=%s cause=\"%s\"", name,
				  why);
		secret_clear(value);
	}
	return 0;
}

static bool take_more(struct keyholder *k, struct cred *c)
{
	bool has_more = false;
	char name[CRED_NAME];

	(void)cred_each(c, unwrap_new, k, name);
	for (size_t i = 0; i < k->n; i++) {
		struct vault *v = &k->groups[i].vault;
		uint8_t seals = v->seals;
		size_t n = v->n;
		int r = add_keys(v, c, name);

		v->seals = seals;
		if (r < 0)
			log_error(&k->role->log, "key.refused", "credential=%s cause=%s", name,
				  why_not(r));
		has_more |= v->n > n;
	}
	if (has_more)
		log_info(&k->role->log, "key.taken", "role=%s", k->role->name);
	return has_more;
}

static bool read_file(struct keyholder *k)
{
	struct role *r = k->role;
	struct stat st;
	struct cred *c;
	char why[CRED_WHY];
	bool has_more = false;

	if (strncmp(r->credentials, "fd:", 3) == 0 || stat(r->credentials, &st) != 0 ||
	    (st.st_ino == k->file.st_ino && st.st_mtim.tv_sec == k->file.st_mtim.tv_sec &&
	     st.st_mtim.tv_nsec == k->file.st_mtim.tv_nsec))
		return false;
	k->file = st;
	if (cred_load(r->credentials, &c, why) == 0) {
		has_more = take_more(k, c);
		cred_free(c);
	} else {
		log_warn(&r->log, "key.file_not_read", "cause=\"%s\"", why);
	}
	return has_more;
}

/* A message is a whole set of lines. */
static bool read_messages(struct keyholder *k)
{
	char lines[MESSAGE], why[CRED_WHY];
	bool has_more = false;
	struct cred *c;
	ssize_t n;

	if (k->role->keys_fd < 0)
		return false;
	while ((n = recv(k->role->keys_fd, lines, sizeof(lines), MSG_DONTWAIT)) > 0)
		if (cred_parse((struct text){ lines, (size_t)n }, &c, why) == 0) {
			has_more |= take_more(k, c);
			cred_free(c);
		}
	secret_wipe(lines, sizeof(lines));
	return has_more;
}

/* ---- which one seals ---- */

static bool closes(const struct keyholder_group *g)
{
	return g->part == KEYHOLDER_CLOSES || g->part == KEYHOLDER_RESEALS;
}

static bool reseals(const struct keyholder_group *g)
{
	return g->part == KEYHOLDER_RESEALS || g->part == KEYHOLDER_KEEPS;
}

static void join(struct keyholder_group *g)
{
	struct keyholder *k = g->holder;
	const struct master_key_holder h = { .instance = k->role->instance,
					     .role = k->role->name,
					     .host = k->host,
					     .pid = (int)getpid(),
					     .closes = closes(g) };

	switch (g->state) {
	case KEYHOLDER_WAITING:
		if (master_key_join_start(k->pg, &g->join, &g->vault, &h, on_joined) == 0)
			g->state = KEYHOLDER_JOINING;
		return;
	case KEYHOLDER_JOINING:
		g->state = KEYHOLDER_ASKED;
		return;
	case KEYHOLDER_ASKED:
		return;
	}
}

void keyholder_start(struct keyholder *k, struct pg *pg, void (*ready)(void *owner), void *owner)
{
	k->pg = pg;
	k->ready = ready;
	k->owner = owner;
	for (size_t i = 0; i < k->n; i++)
		resealer_init(&k->groups[i].resealer, pg, &k->role->log, &k->groups[i].vault,
			      k->role->instance);
	timer_open(&k->timer, &k->role->loop, on_tick);
	pg_listen(pg, "replyd_key", on_hint, k);
	on_hint(k);
	timer_in(&k->timer, TICK_MS);
}

static void on_hint(void *owner)
{
	struct keyholder *k = owner;

	for (size_t i = 0; i < k->n; i++)
		join(&k->groups[i]);
}

static void on_tick(struct timer *t)
{
	struct keyholder *k = container_of(t, struct keyholder, timer);
	bool has_more = read_file(k);

	has_more |= read_messages(k);
	for (size_t i = 0; i < k->n; i++) {
		struct keyholder_group *g = &k->groups[i];

		if (has_more || g->is_rotating || clock_mono_ms() - g->joined_ms >= SAY_MS)
			join(g);
	}
	timer_in(t, TICK_MS);
}

static void fail(struct keyholder_group *g, unsigned id, const char *what, const char *remedy)
{
	struct keyholder *k = g->holder;

	log_error(&k->role->log, what, "group=%s key=%u remedy=\"%s\"", g->vault.group, id, remedy);
	k->has_failed = true;
	loop_stop(&k->role->loop);
}

static void obey(struct keyholder_group *g, const struct master_key *m)
{
	bool is_held = vault_holds(&g->vault, m->id);

	if (is_held && !m->is_same)
		fail(g, m->id, "key.differs",
		     "the other processes mean another key by this number; give all of them the "
		     "same "
		     "one, and a new key the next number");
	else if (m->state == MASTER_KEY_SEALING && !is_held)
		fail(g, m->id, "key.missing",
		     "it seals all that is new; put it back from the backup "
		     "(secrets/<group>.<number> "
		     "in the data folder, key.<group>.<number> in a credential file)");
	else if (m->state == MASTER_KEY_SEALING)
		(void)vault_use(&g->vault, m->id);
}

static void say_ready(struct keyholder *k)
{
	void (*ready)(void *owner) = k->ready;

	for (size_t i = 0; i < k->n; i++)
		if (!k->groups[i].is_joined)
			return;
	k->ready = NULL;
	if (ready && !k->has_failed)
		ready(k->owner);
}

static void count_next(struct keyholder_group *g)
{
	const struct reseal_place *p = reseal_place(g->vault.group, g->counted++);

	if (p)
		(void)reseal_count_start(g->holder->pg, &g->count, p, on_count, on_counted);
}

static void on_joined(struct master_key_join *q)
{
	struct keyholder_group *g = container_of(q, struct keyholder_group, join);
	struct keyholder *k = g->holder;
	bool is_first = !g->is_joined, is_asked = g->state == KEYHOLDER_ASKED;
	uint8_t sealed_with = g->vault.seals;

	g->state = KEYHOLDER_WAITING;
	if (!outcome_ok(&q->outcome)) {
		if (q->outcome.blame != BLAME_NET)
			log_warn(&k->role->log, "key.not_said", "group=%s what=%s said=%s",
				 g->vault.group, q->outcome.what, q->outcome.said);
		return;
	}
	g->joined_ms = clock_mono_ms();
	g->is_rotating = q->is_rotating;
	for (size_t i = 0; i < q->n && !k->has_failed; i++)
		obey(g, &q->keys[i]);
	if (k->has_failed)
		return;
	g->is_joined = true;
	if (!is_first && g->vault.seals != sealed_with)
		log_info(&k->role->log, "key.seals", "group=%s key=%u", g->vault.group,
			 g->vault.seals);
	if (is_asked || (closes(g) && g->vault.seals != sealed_with && !is_first))
		join(g);
	if (reseals(g) && is_first)
		count_next(g);
	if (reseals(g) && g->is_rotating)
		resealer_kick(&g->resealer);
	if (is_first)
		say_ready(k);
}

/* After an old backup came back, or a key was taken away too early. */
static void on_count(struct reseal_count *q, unsigned id, int64_t boxes)
{
	struct keyholder_group *g = container_of(q, struct keyholder_group, count);

	if (!vault_holds(&g->vault, id))
		log_error(
			&g->holder->role->log, "key.missing",
			"group=%s key=%u boxes=%" PRId64
			" remedy=\"these stay closed until it is put back from the backup that it "
			"belongs to (secrets/<group>.<number>, without a number for 1)\"",
			g->vault.group, id, boxes);
}

static void on_counted(struct reseal_count *q)
{
	struct keyholder_group *g = container_of(q, struct keyholder_group, count);

	if (outcome_ok(&q->outcome))
		count_next(g);
}

/* ---- the end ---- */

void keyholder_drop(struct keyholder *k)
{
	if (!k->pg)
		return;
	for (size_t i = 0; i < k->n; i++) {
		pg_tx_cancel(&k->groups[i].join.tx);
		pg_tx_cancel(&k->groups[i].count.tx);
		resealer_drop(&k->groups[i].resealer);
	}
	timer_drop(&k->timer, NULL);
	k->pg = NULL;
}

void keyholder_clear(struct keyholder *k)
{
	for (size_t i = 0; i < k->n; i++)
		vault_clear(&k->groups[i].vault);
	k->n = 0;
}

int keyholder_code(const struct keyholder *k, int code)
{
	return k->has_failed ? EX_CONFIG : code;
}
