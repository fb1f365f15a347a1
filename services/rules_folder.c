#include "services/rules_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "ingest/match/match_relation.h"

#define TABLES_MAX 16

/* -ENOENT: it is not there, which is fine. */
static int read_whole(const char *path, struct buf *ret)
{
	FILE *f = fopen(path, "rb");
	char block[4096];
	size_t n;
	int r = 0;

	if (!f)
		return -errno;
	while (r == 0 && (n = fread(block, 1, sizeof(block), f)) > 0)
		r = buf_add(ret, block, n);
	if (r == 0 && ferror(f))
		r = -EIO;
	(void)fclose(f);
	return r < 0 ? r : 0;
}

int rules_folder_take_domains(const char *folder, char why[RULES_FOLDER_WHY])
{
	cleanup_buf struct buf file;
	char path[4096];
	size_t line = 0;
	int r;

	buf_init(&file, LIMIT_RULES);
	if (!*folder)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/free.tsv", folder);
	r = read_whole(path, &file);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		(void)snprintf(why, RULES_FOLDER_WHY, "%.200s: %s; mend it or take it away", path,
			       strerror(-r));
	else if ((r = match_relation_take(text_of_buf(&file), &line)) < 0)
		(void)snprintf(why, RULES_FOLDER_WHY,
			       "%.200s, line %zu: is no domain (one a line, lower case)", path,
			       line);
	return r < 0 ? r : 1;
}

int rules_folder_take(const char *folder, char why[RULES_FOLDER_WHY])
{
	struct classify_rules_table tables[TABLES_MAX] = { 0 };
	struct buf files[TABLES_MAX] = { 0 };
	char path[4096], cause[CLASSIFY_RULES_WHY];
	const char *const *names = classify_rules_tables();
	size_t n = 0, found;
	int r = 0;

	if (!*folder)
		return 0;
	r = rules_folder_take_domains(folder, why);
	if (r < 0)
		return r;
	found = (size_t)r;
	r = 0;
	for (; n < TABLES_MAX && names[n] && r == 0; n++) {
		tables[n].name = names[n];
		buf_init(&files[n], LIMIT_RULES);
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[n]);
		r = read_whole(path, &files[n]);
		if (r == 0) {
			tables[n].text = text_of_buf(&files[n]);
			found++;
		} else if (r == -ENOENT) {
			r = 0;
		} else {
			(void)snprintf(why, RULES_FOLDER_WHY, "%.200s: %s; mend it or take it away",
				       path, strerror(-r));
		}
	}
	if (r == 0 && found == 0) {
		r = -ENOENT;
		(void)snprintf(why, RULES_FOLDER_WHY,
			       "%.200s: no table of rules is there; set classify.rules to a folder "
			       "with %s, or leave it empty",
			       folder, names[0]);
	} else if (r == 0) {
		r = classify_rules_take(tables, n, cause);
		if (r < 0)
			(void)snprintf(why, RULES_FOLDER_WHY, "%.200s/%s", folder, cause);
	}
	for (size_t i = 0; i < n; i++)
		buf_clear(&files[i]);
	return r;
}
