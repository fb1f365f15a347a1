#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/sign.h"
#include "base/vault.h"

#define WRAPPED (2 + 12 + SEAL_KEY + 16) /* a box 'S' of SEAL_KEY bytes */
#define HEAD    (1 + WRAPPED)
#define UUID    36

/* Workspaces whose data keys are kept at hand, one per slot: a workspace that finds its slot taken
 * gets a new data key, which costs 32 random bytes and no correctness. */
#define SLOTS 256

struct made {
	char workspace[UUID];
	struct secret key; /* empty: none */
	uint8_t master;
	unsigned uses;
	uint8_t wrapped[WRAPPED];
};

struct vault_made {
	struct made slots[SLOTS];
};

void vault_init(struct vault *v, const char *group)
{
	*v = (struct vault){ .group = group };
}

static void forget_made(struct vault *v)
{
	for (size_t i = 0; v->made && i < SLOTS; i++)
		secret_clear(&v->made->slots[i].key);
	free(v->made);
	v->made = NULL;
}

void vault_clear(struct vault *v)
{
	forget_made(v);
	for (size_t i = 0; i < v->n; i++)
		secret_clear(&v->keys[i].key);
	*v = (struct vault){ .group = v->group };
}

static const struct secret *key_of(const struct vault *v, unsigned id)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->keys[i].id == id)
			return &v->keys[i].key;
	return NULL;
}

int vault_add(struct vault *v, unsigned id, const struct secret *key)
{
	const struct secret *same = key_of(v, id);

	if (key->len != SEAL_KEY)
		abort();
	if (id < 1 || id > UINT8_MAX)
		return -EINVAL;
	if (same)
		return secret_eq(same, key) ? 0 : -EEXIST;
	if (v->n == VAULT_KEYS)
		return -ENOSPC;
	v->keys[v->n].id = (uint8_t)id;
	secret_set(&v->keys[v->n++].key, key->data, key->len);
	if (!v->seals)
		v->seals = (uint8_t)id;
	return 0;
}

bool vault_holds(const struct vault *v, unsigned id)
{
	return key_of(v, id) != NULL;
}

int vault_use(struct vault *v, unsigned id)
{
	if (!vault_holds(v, id))
		return -ENOKEY;
	if (v->seals != id)
		forget_made(v);
	v->seals = (uint8_t)id;
	return 0;
}

int vault_check(const struct vault *v, unsigned id, uint8_t ret_check[VAULT_CHECK])
{
	const struct text parts[] = { TEXT("replyd master key:"), text_of(v->group) };
	const struct secret *key = key_of(v, id);
	uint8_t digest[SIGN_SHA256];

	if (!key)
		return -ENOKEY;
	sign_hmac(key, parts, countof(parts), digest);
	memcpy(ret_check, digest, VAULT_CHECK);
	return 0;
}

/* What wraps a data key names no inbox: it is the workspace's. */
static struct seal_bind bind_of_wrap(const struct vault *v, const struct seal_bind *bind)
{
	return (struct seal_bind){ TEXT("data key"), bind->workspace, text_of(v->group) };
}

static struct made *slot_of(struct vault *v, struct text workspace)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	if (!v->made)
		v->made = mem_new(sizeof(*v->made));
	for (size_t i = 0; i < workspace.len; i++)
		h = (h ^ (uint8_t)workspace.at[i]) * 16777619U;
	return &v->made->slots[h % SLOTS];
}

static void draw(struct vault *v, struct made *m, const struct seal_bind *bind)
{
	const struct seal_bind outer = bind_of_wrap(v, bind);
	uint8_t raw[SEAL_KEY];
	struct buf wrapped;

	rand_bytes(raw, sizeof(raw));
	secret_set(&m->key, raw, sizeof(raw));
	secret_wipe(raw, sizeof(raw));
	buf_init(&wrapped, WRAPPED);
	if (seal_close(key_of(v, v->seals), v->seals, &outer, &m->key, &wrapped) < 0)
		abort(); /* its size is known */
	memcpy(m->wrapped, wrapped.data, WRAPPED);
	buf_clear(&wrapped);
	m->master = v->seals;
	m->uses = 0;
	memset(m->workspace, 0, sizeof(m->workspace));
	memcpy(m->workspace, bind->workspace.at,
	       bind->workspace.len < UUID ? bind->workspace.len : UUID);
}

int vault_close(struct vault *v, const struct seal_bind *bind, const struct secret *plain,
		struct buf *ret_box)
{
	uint8_t head[HEAD] = { 'E' };
	struct made *m;

	if (!v->seals)
		return -ENOKEY;
	m = slot_of(v, bind->workspace);
	if (secret_is_empty(&m->key) || m->master != v->seals || m->uses >= VAULT_USES ||
	    !text_eq((struct text){ m->workspace, strnlen(m->workspace, UUID) }, bind->workspace))
		draw(v, m, bind);
	m->uses++;
	memcpy(head + 1, m->wrapped, WRAPPED);
	return seal_close_behind(&m->key, head, sizeof(head), bind, plain, ret_box);
}

int vault_key_of(const void *box, size_t n)
{
	const uint8_t *b = box;

	if (n > HEAD && b[0] == 'E')
		return seal_key_id(b + 1, WRAPPED);
	return seal_key_id(box, n);
}

int vault_open(const struct vault *v, const struct seal_bind *bind, const void *box, size_t n,
	       struct secret *ret_plain)
{
	const struct seal_bind outer = bind_of_wrap(v, bind);
	cleanup_secret struct secret data_key = { 0 };
	const uint8_t *b = box;
	int r, id = vault_key_of(box, n);
	const struct secret *master;

	if (id < 0)
		return id;
	master = key_of(v, (unsigned)id);
	if (!master)
		return -ENOKEY;
	if (b[0] == 'S')
		return seal_open(master, bind, box, n, ret_plain);
	r = seal_open(master, &outer, b + 1, WRAPPED, &data_key);
	if (r == 0 && data_key.len != SEAL_KEY)
		r = -EBADMSG;
	return r ? r : seal_open_behind(&data_key, HEAD, bind, box, n, ret_plain);
}
