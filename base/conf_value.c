#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/conf_value.h"
#include "base/mem.h"

#define CENTURY_MS (UINT64_C(36525) * 24 * 3600 * 1000)

struct unit {
	const char *name;
	uint64_t factor;
};

/* the largest first, as they are printed */
static const struct unit durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
static const struct unit sizes[] = {
	{ "g", UINT64_C(1) << 30 },
	{ "m", UINT64_C(1) << 20 },
	{ "k", 1024 },
	{ "", 1 },
};

bool conf_value_is_text(enum conf_kind kind)
{
	return kind == CONF_TEXT || kind == CONF_PATH || kind == CONF_LIST || kind == CONF_SECRET;
}

/* Digits and a unit; a bare number has the unit `bare`. */
static int number_of(struct text t, const struct unit *units, size_t n_units, uint64_t bare,
		     uint64_t max, uint64_t *ret)
{
	size_t digits = 0;
	uint64_t n, factor = 0;
	struct text unit;

	while (digits < t.len && t.at[digits] >= '0' && t.at[digits] <= '9')
		digits++;
	unit = text_sub(t, digits, SIZE_MAX);
	if (!unit.len)
		factor = bare;
	for (size_t i = 0; i < n_units && !factor; i++)
		if (text_ieq(unit, text_of(units[i].name)))
			factor = units[i].factor;
	if (!factor || text_u64(text_sub(t, 0, digits), max / factor, &n) < 0)
		return -EINVAL;
	*ret = n * factor;
	return 0;
}

int conf_value_duration(struct text t, uint64_t *ret_ms)
{
	return number_of(t, durations, countof(durations), 1000, CENTURY_MS, ret_ms);
}

/* In the largest unit that divides it. */
static void say_number(char *dst, size_t size, const struct unit *units, size_t n_units, int64_t n)
{
	for (size_t i = 0; i < n_units; i++) {
		int64_t factor = (int64_t)units[i].factor;

		if ((n && n % factor == 0) || i == n_units - 1) {
			(void)snprintf(dst, size, "%" PRId64 "%s", n / factor, units[i].name);
			return;
		}
	}
}

static void say(const struct conf_row *row, char dst[32], int64_t n)
{
	if (row->kind == CONF_SECONDS)
		say_number(dst, 32, durations, countof(durations), n);
	else
		say_number(dst, 32, sizes, row->kind == CONF_BYTES ? countof(sizes) : 0, n);
	if (row->kind == CONF_INT)
		(void)snprintf(dst, 32, "%" PRId64, n);
}

static int refuse(struct text t, char why[CONF_VALUE_WHY], const char *said)
{
	char shown[64];

	text_printable(shown, sizeof(shown), t);
	(void)snprintf(why, CONF_VALUE_WHY, "\"%s\" %s", shown, said);
	return -EINVAL;
}

static int in_range(const struct conf_row *row, struct text t, int64_t n, char why[CONF_VALUE_WHY])
{
	bool open = !row->min && !row->max;
	char least[32], most[32], said[128];

	if (n >= row->min && (open || n <= row->max))
		return 0;
	say(row, least, row->min);
	say(row, most, row->max);
	if (open)
		(void)snprintf(said, sizeof(said), "is out of range; it must be at least 0");
	else
		(void)snprintf(said, sizeof(said), "is out of range; it must lie between %s and %s",
			       least, most);
	return refuse(t, why, said);
}

static int read_int(const struct conf_row *row, struct text t, int64_t *ret,
		    char why[CONF_VALUE_WHY])
{
	bool negative = t.len > 1 && t.at[0] == '-';
	uint64_t n;
	int64_t value;
	int r;

	if (text_u64(text_sub(t, negative, SIZE_MAX), INT64_MAX, &n) < 0)
		return refuse(t, why, "is not a whole number");
	value = negative ? -(int64_t)n : (int64_t)n;
	r = in_range(row, t, value, why);
	if (r == 0)
		*ret = value;
	return r;
}

static int read_seconds(const struct conf_row *row, struct text t, uint64_t *ret,
			char why[CONF_VALUE_WHY])
{
	uint64_t ms;
	int r;

	if (conf_value_duration(t, &ms) < 0)
		return refuse(t, why,
			      "is not a duration; write 1500 (seconds), 250ms, 25s, 5m, 2h or 14d");
	r = in_range(row, t, (int64_t)ms, why);
	if (r == 0)
		*ret = ms;
	return r;
}

static int read_bytes(const struct conf_row *row, struct text t, int64_t *ret,
		      char why[CONF_VALUE_WHY])
{
	uint64_t n;
	int r;

	if (number_of(t, sizes, countof(sizes), 1, INT64_MAX, &n) < 0)
		return refuse(t, why, "is not a size; write 800 (bytes), 64k, 1m or 2g");
	r = in_range(row, t, (int64_t)n, why);
	if (r == 0)
		*ret = (int64_t)n;
	return r;
}

static int read_bool(struct text t, bool *ret, char why[CONF_VALUE_WHY])
{
	static const char *const words[] = { "off", "on", "no", "yes", "false", "true", "0", "1" };

	for (size_t i = 0; i < countof(words); i++) {
		if (text_ieq(t, text_of(words[i]))) {
			*ret = i % 2;
			return 0;
		}
	}
	return refuse(t, why, "is neither on nor off");
}

static int check_text(const struct conf_row *row, struct text t, char why[CONF_VALUE_WHY])
{
	char said[256];
	struct text words = text_of(row->words), word;

	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.at[i] < ' ' && t.at[i] != '\t')
			return refuse(t, why, "holds a control character");
	if (t.len > CONF_VALUE_MAX) {
		(void)snprintf(said, sizeof(said), "... is longer than %d bytes", CONF_VALUE_MAX);
		return refuse(text_sub(t, 0, 20), why, said);
	}
	if (!row->words)
		return 0;
	while (conf_list_next(&words, &word))
		if (text_eq(t, word))
			return 0;
	(void)snprintf(said, sizeof(said), "is none of: %s", row->words);
	return refuse(t, why, said);
}

/* What it is must not be told, so what is wrong with it is told without it. */
static int check_secret(struct text t, char why[CONF_VALUE_WHY])
{
	bool good = t.len <= CONF_VALUE_MAX;

	for (size_t i = 0; i < t.len && good; i++)
		good = t.at[i] > ' ' && t.at[i] <= '~';
	if (!good)
		(void)snprintf(why, CONF_VALUE_WHY,
			       "holds a blank or another byte that no secret has, or is longer "
			       "than %d bytes",
			       CONF_VALUE_MAX);
	return good ? 0 : -EINVAL;
}

int conf_value_read(const struct conf_row *row, struct text t, void *at, char why[CONF_VALUE_WHY])
{
	switch (row->kind) {
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_LIST:
		return check_text(row, t, why);
	case CONF_BOOL:
		return read_bool(t, at, why);
	case CONF_INT:
		return read_int(row, t, at, why);
	case CONF_SECONDS:
		return read_seconds(row, t, at, why);
	case CONF_BYTES:
		return read_bytes(row, t, at, why);
	case CONF_SECRET:
		return check_secret(t, why);
	}
	return -EINVAL;
}
