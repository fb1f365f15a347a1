#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/conf_line.h"
#include "base/conf_name.h"
#include "base/conf_value.h"
#include "base/limits.h"
#include "base/mem.h"

/* What is kept of one setting beside its value: its text, and who said it. */
struct slot {
	char *text;
	char *source;
};

struct group {
	char name[CONF_GROUP_NAME + 1];
	void *values;
	struct slot *slots; /* one per row of the table; those of other rows stay empty */
};

/* The groups of one kind, in parallel to the table's. */
struct family {
	struct group *groups[CONF_GROUPS];
	size_t n;
};

struct conf {
	const struct conf_table *table;
	void *values;
	struct slot *slots;
	struct family *families;
};

/* Which kind of group a row belongs to; n_groups: none. */
static size_t family_of(const struct conf_table *t, const struct conf_row *row)
{
	struct text before, after;
	size_t i = 0;

	if (!conf_name_cut(row->name, &before, &after))
		return t->n_groups;
	while (i < t->n_groups &&
	       !text_eq(text_sub(before, 0, before.len - 1), text_of(t->groups[i].name)))
		i++;
	assert(i < t->n_groups);
	return i;
}

static void store(const struct conf_row *row, struct slot *slot, void *values, struct text t,
		  const char *source)
{
	struct slot was = *slot;

	*slot = (struct slot){ mem_text_n(t.at, t.len), mem_text(source) };
	if (conf_value_is_text(row->kind))
		*(char **)(void *)((char *)values + row->offset) = slot->text;
	mem_cleanup(&was.text);
	mem_cleanup(&was.source);
}

/* The default of a row, which the table's author wrote: a bad one ends the program in its tests. */
static void store_initial(const struct conf_row *row, struct slot *slot, void *values)
{
	char why[CONF_VALUE_WHY];
	int r = conf_value_read(row, text_of(row->initial), (char *)values + row->offset, why);

	assert(r == 0);
	(void)r;
	store(row, slot, values, text_of(row->initial), "default");
}

struct conf *conf_new(const struct conf_table *t, void *values)
{
	struct conf *c = mem_new(sizeof(*c));

	*c = (struct conf){
		.table = t,
		.values = values,
		.slots = mem_new(t->n_rows * sizeof(*c->slots)),
		.families = mem_new(t->n_groups * sizeof(*c->families)),
	};
	for (size_t i = 0; i < t->n_rows; i++)
		if (family_of(t, &t->rows[i]) == t->n_groups)
			store_initial(&t->rows[i], &c->slots[i], values);
	return c;
}

static void slots_free(struct slot *slots, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(slots[i].text);
		free(slots[i].source);
	}
	free(slots);
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t f = 0; f < c->table->n_groups; f++) {
		for (size_t i = 0; i < c->families[f].n; i++) {
			struct group *g = c->families[f].groups[i];

			slots_free(g->slots, c->table->n_rows);
			free(g->values);
			free(g);
		}
	}
	free(c->families);
	slots_free(c->slots, c->table->n_rows);
	free(c);
}

/* Groups */

static bool is_group_name(struct text t)
{
	if (!t.len || t.len > CONF_GROUP_NAME)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (!(t.at[i] >= 'a' && t.at[i] <= 'z') && !(t.at[i] >= '0' && t.at[i] <= '9') &&
		    t.at[i] != '-')
			return false;
	return true;
}

static struct group *group_find(const struct family *f, struct text name)
{
	for (size_t i = 0; i < f->n; i++)
		if (text_eq(text_of(f->groups[i]->name), name))
			return f->groups[i];
	return NULL;
}

static struct group *group_add(struct conf *c, size_t family, struct text name)
{
	const struct conf_table *t = c->table;
	struct family *f = &c->families[family];
	struct group *g = mem_new(sizeof(*g));

	memcpy(g->name, name.at, name.len);
	g->values = mem_new(t->groups[family].size);
	g->slots = mem_new(t->n_rows * sizeof(*g->slots));
	for (size_t i = 0; i < t->n_rows; i++)
		if (family_of(t, &t->rows[i]) == family)
			store_initial(&t->rows[i], &g->slots[i], g->values);
	f->groups[f->n++] = g;
	return g;
}

/* The group of that name, made when it is new.  NULL: there cannot be one, and `why` says so. */
static struct group *group_want(struct conf *c, size_t family, struct text name, const char *place,
				char why[CONF_WHY])
{
	struct group *g = group_find(&c->families[family], name);
	const char *kind = c->table->groups[family].name;
	char shown[CONF_NAME];

	if (g)
		return g;
	text_printable(shown, sizeof(shown), name);
	if (!is_group_name(name)) {
		(void)snprintf(
			why, CONF_WHY,
			"%s: \"%s\" cannot name a %s; use a-z, 0-9 and -, at most %d characters",
			place, shown, kind, CONF_GROUP_NAME);
		return NULL;
	}
	if (c->families[family].n == CONF_GROUPS) {
		(void)snprintf(why, CONF_WHY, "%s: \"%s\" is one %s too many; there can be %d",
			       place, shown, kind, CONF_GROUPS);
		return NULL;
	}
	return group_add(c, family, name);
}

/* One setting from anywhere.  `place` is said before a mistake and kept as the source. */
static int set_row(struct conf *c, size_t row_at, struct text group, struct text value,
		   const char *place, char why[CONF_WHY])
{
	const struct conf_row *row = &c->table->rows[row_at];
	size_t family = family_of(c->table, row);
	char said[CONF_VALUE_WHY], name[CONF_NAME];
	struct slot *slot = &c->slots[row_at];
	void *values = c->values;

	if (family < c->table->n_groups) {
		struct group *g = group_want(c, family, group, place, why);

		if (!g)
			return -EINVAL;
		slot = &g->slots[row_at];
		values = g->values;
	}
	if (conf_value_read(row, value, (char *)values + row->offset, said) < 0) {
		conf_name_full(name, row->name, group, /* as_env= */ false);
		(void)snprintf(why, CONF_WHY, "%s: %s: %s", place, name, said);
		return -EINVAL;
	}
	store(row, slot, values, value, place);
	return 0;
}

static int unknown(const struct conf *c, const char *place, struct text name, bool as_env,
		   char why[CONF_WHY])
{
	char shown[CONF_NAME], meant[CONF_NAME];

	text_printable(shown, sizeof(shown), name);
	if (conf_name_meant(c->table, shown, as_env, meant))
		(void)snprintf(why, CONF_WHY, "%s: unknown setting \"%s\"; did you mean \"%s\"?",
			       place, shown, meant);
	else
		(void)snprintf(why, CONF_WHY,
			       "%s: unknown setting \"%s\"; no setting has a name like it", place,
			       shown);
	return -EINVAL;
}

/* Sources */

/* A command line is seen by everybody on the machine, and a file of settings by many. */
static int refuse_secret(const struct conf_row *row, const char *place, char why[CONF_WHY])
{
	char variable[CONF_NAME];

	conf_name_full(variable, row->name, TEXT("NAME"), /* as_env= */ true);
	(void)snprintf(why, CONF_WHY, "%s: %s: is a secret; only the environment sets it, as %s",
		       place, row->name, variable);
	return -EINVAL;
}

static int set_named(struct conf *c, struct text name, struct text value, const char *place,
		     char why[CONF_WHY])
{
	for (size_t i = 0; i < c->table->n_rows; i++) {
		struct text group;

		if (!conf_name_fits(c->table->rows[i].name, name, &group))
			continue;
		if (c->table->rows[i].kind == CONF_SECRET)
			return refuse_secret(&c->table->rows[i], place, why);
		return set_row(c, i, group, value, place, why);
	}
	return unknown(c, place, name, /* as_env= */ false, why);
}

/* The line of the file that set this name before; 0: none.  Files are short, and this is exact. */
static size_t line_of(struct text bytes, struct text name, size_t before_line)
{
	for (size_t n = 1; n < before_line; n++) {
		struct text line, head, rest;

		(void)text_cut(bytes, '\n', &line, &bytes);
		if (conf_line_cut(line, &head, &rest) && text_eq(head, name))
			return n;
	}
	return 0;
}

static int read_line(struct conf *c, struct text bytes, size_t n, struct text line,
		     const char *place, char why[CONF_WHY])
{
	cleanup_buf struct buf value;
	struct text name, rest;
	const char *wrong;
	char shown[CONF_NAME];
	size_t other;

	buf_init(&value, CONF_VALUE_MAX * 2);
	if (!conf_line_cut(line, &name, &rest)) {
		(void)snprintf(why, CONF_WHY, "%s: there is no '='; write: name = value", place);
		return -EINVAL;
	}
	text_printable(shown, sizeof(shown), name);
	other = line_of(bytes, name, n);
	if (other) {
		(void)snprintf(why, CONF_WHY, "%s: %s is set in line %zu already; keep one of them",
			       place, shown, other);
		return -EINVAL;
	}
	wrong = conf_line_value(rest, &value);
	if (wrong) {
		(void)snprintf(why, CONF_WHY, "%s: %s: the value %s", place, shown, wrong);
		return -EINVAL;
	}
	return set_named(c, name, text_of_buf(&value), place, why);
}

int conf_read(struct conf *c, const char *name, struct text bytes, char why[CONF_WHY])
{
	struct text rest = bytes, line;
	char place[256];
	int r = 0;

	for (size_t n = 1; rest.len && r == 0; n++) {
		(void)text_cut(rest, '\n', &line, &rest);
		line = text_trim(line);
		if (!line.len || line.at[0] == '#')
			continue;
		(void)snprintf(place, sizeof(place), "%s:%zu", name, n);
		r = read_line(c, bytes, n, line, place, why);
	}
	return r;
}

int conf_read_file(struct conf *c, const char *path, char why[CONF_WHY])
{
	cleanup_free char *bytes = mem_new(LIMIT_CONF + 1);
	FILE *f = fopen(path, "re");
	int r = 0;
	size_t n;

	if (!f) {
		r = -errno;
		(void)snprintf(why, CONF_WHY, "%s: %s", path, strerror(-r));
		return r;
	}
	errno = 0;
	n = fread(bytes, 1, LIMIT_CONF + 1, f);
	if (ferror(f))
		r = errno ? -errno : -EIO;
	(void)fclose(f);
	if (r < 0)
		(void)snprintf(why, CONF_WHY, "%s: %s", path, strerror(-r));
	else if (n > LIMIT_CONF) {
		(void)snprintf(why, CONF_WHY, "%s: larger than %d bytes is no configuration", path,
			       LIMIT_CONF);
		r = -EFBIG;
	}
	return r < 0 ? r : conf_read(c, path, (struct text){ bytes, n }, why);
}

/* Which row a variable means, and the group in lower case with '-' for '_'; n_rows: none. */
static size_t row_of_env(const struct conf_table *t, struct text variable,
			 char ret_group[CONF_GROUP_NAME + 2])
{
	size_t best = t->n_rows, best_after = 0;

	for (size_t i = 0; i < t->n_rows; i++) {
		struct text before, after, group;
		char name[CONF_NAME], row_name[CONF_NAME];

		conf_name_full(name, t->rows[i].name, TEXT("*"), /* as_env= */ true);
		if (!conf_name_cut(name, &before, &after)) {
			if (text_eq(variable, text_of(name)))
				return i;
			continue;
		}
		(void)snprintf(row_name, sizeof(row_name), "%s", name);
		if (!conf_name_fits(row_name, variable, &group) || after.len <= best_after)
			continue;
		/*
		 * the longest ending wins: X_CLIENT_ID is the client_id of x, never
		 * the id of x-client
		 */
		best = i;
		best_after = after.len;
		group = text_sub(group, 0, CONF_GROUP_NAME + 1);
		for (size_t k = 0; k < group.len; k++) {
			char ch = group.at[k];

			ret_group[k] =
				ch == '_' ? '-' : (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
		}
		ret_group[group.len] = '\0';
	}
	return best;
}

static int read_variable(struct conf *c, struct text name, struct text value, bool ours,
			 char why[CONF_WHY])
{
	const struct conf_table *t = c->table;
	char group[CONF_GROUP_NAME + 2] = "", place[CONF_NAME];
	size_t row = t->n_rows;

	text_printable(place, sizeof(place), name);
	if (ours)
		row = row_of_env(t, name, group);
	for (size_t i = 0; !ours && i < t->n_rows; i++)
		if (t->rows[i].env && text_eq(name, text_of(t->rows[i].env)))
			row = i;
	if (row < t->n_rows)
		return set_row(c, row, text_of(group), value, place, why);
	return ours ? unknown(c, "environment", name, /* as_env= */ true, why) : 0;
}

int conf_read_env(struct conf *c, char *const *env, char why[CONF_WHY])
{
	/* first the borrowed names, so that our own wins over DATABASE_URL */
	for (int ours = 0; ours < 2; ours++) {
		for (char *const *e = env; *e; e++) {
			struct text name, value;
			int r;

			if (!text_cut(text_of(*e), '=', &name, &value) ||
			    (strncmp(*e, CONF_PREFIX, strlen(CONF_PREFIX)) == 0) != (ours == 1))
				continue;
			r = read_variable(c, name, value, ours == 1, why);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int conf_set(struct conf *c, const char *setting, char why[CONF_WHY])
{
	struct text name, value;

	if (!text_cut(text_of(setting), '=', &name, &value)) {
		char shown[CONF_NAME];

		text_printable(shown, sizeof(shown), name);
		(void)snprintf(why, CONF_WHY, "--set: there is no '=' in \"%s\"; write: name=value",
			       shown);
		return -EINVAL;
	}
	return set_named(c, text_trim(name), text_trim(value), "--set", why);
}

int conf_fill(struct conf *c, const char *name, const char *value, const char *source,
	      char why[CONF_WHY])
{
	struct conf_at at = { 0 };

	while (conf_next(c, &at))
		if (strcmp(at.name, name) == 0 && strcmp(at.source, "default") != 0)
			return 0;
	return set_named(c, text_of(name), text_of(value), source, why);
}

/* What was read */

static const struct family *family_named(const struct conf *c, const char *group)
{
	size_t i = 0;

	while (i < c->table->n_groups && strcmp(c->table->groups[i].name, group) != 0)
		i++;
	assert(i < c->table->n_groups);
	return &c->families[i];
}

size_t conf_n_groups(const struct conf *c, const char *group)
{
	return family_named(c, group)->n;
}

const char *conf_group_name(const struct conf *c, const char *group, size_t i)
{
	const struct family *f = family_named(c, group);

	assert(i < f->n);
	return f->groups[i]->name;
}

const void *conf_group_values(const struct conf *c, const char *group, size_t i)
{
	const struct family *f = family_named(c, group);

	assert(i < f->n);
	return f->groups[i]->values;
}

bool conf_next(const struct conf *c, struct conf_at *at)
{
	const struct conf_table *t = c->table;
	const struct conf_row *row;
	const struct slot *slot;
	size_t family;

	if (at->row == t->n_rows)
		return false;
	row = &t->rows[at->row];
	family = family_of(t, row);
	slot = &c->slots[at->row];
	if (family < t->n_groups && c->families[family].n) {
		const struct group *g = c->families[family].groups[at->group];

		slot = &g->slots[at->row];
		conf_name_full(at->name, row->name, text_of(g->name), /* as_env= */ false);
	} else {
		conf_name_full(at->name, row->name, TEXT("*"), /* as_env= */ false);
	}
	at->is_set = slot->text != NULL;
	at->value = at->is_set ? slot->text : row->initial;
	at->is_secret = row->kind == CONF_SECRET;
	if (at->is_secret && *at->value)
		at->value = "(not shown)";
	at->source = at->is_set ? slot->source : "default";
	at->meaning = row->meaning;

	/* all rows of one group, then those of the next */
	at->row++;
	if (family < t->n_groups &&
	    (at->row == t->n_rows || family_of(t, &t->rows[at->row]) != family)) {
		at->group++;
		if (at->group >= c->families[family].n) {
			at->group = 0;
			return true;
		}
		while (at->row && family_of(t, &t->rows[at->row - 1]) == family)
			at->row--;
	}
	return true;
}

int conf_add_line(struct buf *b, const char *name, const char *value)
{
	return conf_line_add(b, name, value);
}

int conf_duration(struct text t, uint64_t *ret_ms)
{
	return conf_value_duration(t, ret_ms);
}

bool conf_list_next(struct text *list, struct text *ret_item)
{
	static const char between[] = { ',', ' ', '\t' };
	size_t from = 0, to;

	while (from < list->len && memchr(between, list->at[from], sizeof(between)))
		from++;
	for (to = from; to < list->len && !memchr(between, list->at[to], sizeof(between));)
		to++;
	*ret_item = text_sub(*list, from, to - from);
	*list = text_sub(*list, to, SIZE_MAX);
	return ret_item->len > 0;
}
