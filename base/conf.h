#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * Configuration as a table: one row per setting, the default as text and the
 * meaning in the row, so that the parser, `config print` and the reference come
 * from one place.  What the settings mean is the caller's business.
 *
 *   defaults  <  file  <  environment  <  --set name=value
 *
 *   # a comment; also behind a value, after a blank
 *   api.port = 8025
 *   provider.google.imap_host = imap.gmail.com
 *   api.title = " inside quotes blanks at the ends and # count, and a quote is "" "
 *
 * The environment says REPLYD_API_PORT: the prefix, upper case, '_' for '.' and
 * for the '-' of a group's name.
 *
 * A row whose name has a segment "*" belongs to a group: the operator chooses
 * the name in its place ([a-z0-9-], up to CONF_GROUP_NAME), naming it makes the
 * group, and each group has a struct of its own.
 *
 * Secrets never stand in files or on command lines, only the paths of their files do.  A program
 * that somebody runs by hand may have one from the environment: CONF_SECRET, which no other source
 * may set, and which is never printed.
 */
#define CONF_PREFIX     "REPLYD_"
#define CONF_GROUP_NAME 32
#define CONF_GROUPS     32 /* of one kind */
#define CONF_WHY        512

/* What a value is, how it is written, and what is stored at the row's offset. */
enum conf_kind {
	CONF_TEXT,    /* char *, "" when empty, never NULL */
	CONF_PATH,    /* char *, likewise */
	CONF_LIST,    /* char *, by commas or blanks; see conf_list_next() */
	CONF_BOOL,    /* bool: on off, yes no, true false, 1 0 */
	CONF_INT,     /* int64_t */
	CONF_SECONDS, /* uint64_t milliseconds: "1500" (seconds), "250ms", "5m", "2h", "14d" */
	CONF_BYTES,   /* int64_t: "800", "64k", "1m", "2g" (powers of 1024) */
	CONF_SECRET,  /* char *, "" when empty; of the environment only */
};

struct conf_row {
	const char *name; /* "imap.idle_renew", "provider.*.imap_host" */
	enum conf_kind kind;
	size_t offset;       /* in the caller's struct, or in the group's */
	const char *initial; /* as text; must be a good value */
	const char *meaning; /* one line */
	/* numbers (milliseconds, bytes) lie in [min, max]; both 0: from 0 on, without an end */
	int64_t min, max;
	const char *words; /* of a text: the only values there are, by blanks; NULL: any */
	const char *env;   /* one more environment variable that sets it: "DATABASE_URL"; or NULL */
};

struct conf_group {
	const char *name; /* "provider": the rows "provider.*...." */
	size_t size;      /* of its struct */
};

struct conf_table {
	const struct conf_row *rows;
	size_t n_rows;
	const struct conf_group *groups;
	size_t n_groups;
};

struct conf;

/*
 * Writes the defaults to `values`.  The table must stay and `values` must not
 * move as long as the conf lives; the texts in it and the structs of the groups
 * belong to the conf.
 */
struct conf *conf_new(const struct conf_table *t, void *values);
void conf_free(struct conf *c);

/*
 * Each source, in the order in which later ones win.  0, or -EINVAL and `why`
 * names the place, the setting, what is wrong and what would be right; it stops
 * at the first mistake, with what came before it set.
 *
 *   conf_read       the bytes of a file called `name`; no setting twice
 *   conf_read_file  the same, read from `path`; -errno: it cannot be read; -EFBIG: over LIMIT_CONF
 *   conf_read_env   "NAME=value" until NULL; what does not begin with CONF_PREFIX is not ours
 *   conf_set        "name=value" of the command line
 */
int conf_read(struct conf *c, const char *name, struct text bytes, char why[CONF_WHY]);
int conf_read_file(struct conf *c, const char *path, char why[CONF_WHY]);
int conf_read_env(struct conf *c, char *const *env, char why[CONF_WHY]);
int conf_set(struct conf *c, const char *setting, char why[CONF_WHY]);
/* What follows from the other settings and is known elsewhere, for a setting that no source named;
 * `source` is told as its origin.  0 also when it was named; -EINVAL and `why`. */
int conf_fill(struct conf *c, const char *name, const char *value, const char *source,
	      char why[CONF_WHY]);

/* The groups of one kind, i < conf_n_groups(), in the order in which they were named. */
size_t conf_n_groups(const struct conf *c, const char *group);
const char *conf_group_name(const struct conf *c, const char *group, size_t i);
const void *conf_group_values(const struct conf *c, const char *group, size_t i);

/* Every setting in the order of the table, one after another; start with a zeroed `at`. */
struct conf_at {
	size_t row, group; /* conf_next's own */
	char name[128];    /* full, with the group's name; "provider.*.x" where no group is there */
	const char *value; /* as it was written; of a secret that is set: "(not shown)" */
	const char *source; /* "default", "replyd.conf:12", "REPLYD_API_PORT", "--set" */
	const char *meaning;
	bool is_secret; /* only the environment can set it */
	bool is_set;    /* false: a row of a group that nobody named, with its default */
};
bool conf_next(const struct conf *c, struct conf_at *at);

/*
 * All of it for people, as a file that could be read again, or as JSON:
 * {"settings":[{"name","value","source","meaning"}]}.  -ENOBUFS: past the ceiling.
 */
int conf_print(const struct conf *c, bool as_json, struct buf *ret);

/* One line of such a file, quoted where it must be.  -ENOBUFS: past the ceiling. */
int conf_add_line(struct buf *b, const char *name, const char *value);

/* A duration as CONF_SECONDS reads it.  -EINVAL: it is none, or longer than a century. */
int conf_duration(struct text t, uint64_t *ret_ms);
/* Take the next item off a list; false: no more. */
bool conf_list_next(struct text *list, struct text *ret_item);

#endif
