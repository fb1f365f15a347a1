#include <stdio.h>
#include <sysexits.h>

#include "services/keyholder.h"

int keyholder_read(struct role *r, const char *group, struct vault *ret)
{
	char name[CRED_NAME];
	const struct secret *key;

	vault_init(ret, group);
	for (unsigned id = 1; id <= UINT8_MAX; id++) {
		(void)snprintf(name, sizeof(name), id == 1 ? "key.%s" : "key.%s.%u", group, id);
		if (!cred_get(r->cred, name))
			continue;
		key = role_want(r, name);
		if (!key || vault_add(ret, id, key) < 0) {
			if (key)
				(void)fprintf(stderr,
					      "replyd %s: the credential %s is one too many; take "
					      "away those that seal nothing (`replyd key list`)\n",
					      r->name, name);
			vault_clear(ret);
			return EX_CONFIG;
		}
		(void)vault_use(ret, id);
	}
	if (ret->n)
		return 0;
	(void)snprintf(name, sizeof(name), "key.%s", group);
	(void)role_want(r, name);
	return EX_CONFIG;
}
