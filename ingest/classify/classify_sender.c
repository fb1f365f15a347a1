#include "ingest/classify/classify_sender.h"

#include <stdint.h>
#include <string.h>

#include "ingest/classify/classify_rules.h"

static unsigned look(struct text local, struct text name, struct text bare)
{
	size_t n;
	const struct classify_sender_rule *r = classify_rules_senders(classify_rules_now(), &n);
	unsigned set = 0;

	for (size_t i = 0; i < n; i++) {
		struct text what = text_of(r[i].what);
		bool fits = false;

		switch (r[i].where) {
		case CLASSIFY_LOCAL_IS:
			fits = text_ieq(local, what);
			break;
		case CLASSIFY_LOCAL_STARTS:
			fits = text_istarts(local, what);
			break;
		case CLASSIFY_LOCAL_ENDS:
			fits = text_iends(local, what);
			break;
		case CLASSIFY_LOCAL_HAS:
			fits = text_ifind(local, what) != SIZE_MAX;
			break;
		case CLASSIFY_NAME_STARTS:
			fits = text_istarts(name, what);
			break;
		case CLASSIFY_BARE_STARTS:
			fits = text_istarts(bare, what);
			break;
		}
		set |= fits ? r[i].says : 0U;
	}
	return set;
}

static struct text local_of(struct text address)
{
	struct text local, domain;

	(void)text_cut(address, '@', &local, &domain);
	return local;
}

unsigned classify_sender_of(const struct mime_head *head)
{
	struct text address = text_of(head->from.address), field = { 0 };

	if (!address.len)
		field = text_trim(mime_head_field(head, "From", 0));
	if (field.len && field.at[0] == '"')
		field = text_sub(field, 1, field.len);
	return look(local_of(address), text_of(head->from.name), field);
}

unsigned classify_sender_of_address(struct text address)
{
	return look(local_of(address), (struct text){ 0 }, (struct text){ 0 });
}
