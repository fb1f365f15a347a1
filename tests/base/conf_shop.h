#ifndef TESTS_BASE_CONF_SHOP_H
#define TESTS_BASE_CONF_SHOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/mem.h"

/* The configuration of a shop: every kind of setting, and a kind of group. */

struct shop {
	char *title, *level, *file, *open_on, *pin;
	bool is_open;
	int64_t port, offset;
	uint64_t idle_ms, retry_ms;
	int64_t max_body, cache;
};

struct shelf {
	char *label, *clean_label;
	int64_t width;
	uint64_t clean_ms;
};

#define WITH(n, k, at, i, m, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = (at), .initial = (i), .meaning = (m),          \
		__VA_ARGS__                                                                        \
	}
#define ROW(n, k, at, i, m) WITH(n, k, at, i, m, .words = NULL)
#define AT(field)           offsetof(struct shop, field)
#define OF(field)           offsetof(struct shelf, field)

static const struct conf_row rows[] = {
	WITH("shop.title", CONF_TEXT, AT(title), "", "over the door", .env = "SHOP_TITLE"),
	WITH("log.level", CONF_TEXT, AT(level), "info", "how much is said",
	     .words = "debug info warn error"),
	ROW("shop.key_file", CONF_PATH, AT(file), "", "where the key is"),
	ROW("shop.pin", CONF_SECRET, AT(pin), "", "of the safe"),
	ROW("shop.open_on", CONF_LIST, AT(open_on), "mon tue", "days"),
	ROW("shop.open", CONF_BOOL, AT(is_open), "yes", "is it open"),
	WITH("api.port", CONF_INT, AT(port), "8025", "0: any free one", .min = 0, .max = 65535),
	WITH("shop.offset", CONF_INT, AT(offset), "-5", "degrees", .min = -10, .max = 10),
	WITH("imap.idle_renew", CONF_SECONDS, AT(idle_ms), "1500", "RFC 2177: under 30 min",
	     .min = 1000, .max = 1740000),
	ROW("shop.retry", CONF_SECONDS, AT(retry_ms), "0s", "wait"),
	WITH("api.max_body", CONF_BYTES, AT(max_body), "1m", "larger is refused", .min = 1024,
	     .max = 16 * 1024 * 1024),
	ROW("shop.cache", CONF_BYTES, AT(cache), "0", "bytes kept"),
	ROW("shelf.*.label", CONF_TEXT, OF(label), "none", "what is on it"),
	WITH("shelf.*.width", CONF_INT, OF(width), "90", "cm", .min = 1, .max = 500),
	ROW("shelf.*.clean", CONF_SECONDS, OF(clean_ms), "7d", "how often"),
	ROW("shelf.*.clean_label", CONF_TEXT, OF(clean_label), "none", "a long ending"),
};
static const struct conf_group groups[] = { { "shelf", sizeof(struct shelf) } };
static const struct conf_table table = { rows, countof(rows), groups, countof(groups) };

#endif
