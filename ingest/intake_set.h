#ifndef INGEST_INTAKE_SET_H
#define INGEST_INTAKE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/arrival.h"
#include "ingest/intake_mail.h"

#define INTAKE_SET_KEYS (LIMIT_MATCH_IDS + LIMIT_MATCH_NAMES) /* the most that one mail names */

/*
 * The mails of one batch, and what each transaction about them takes along.  Pure.
 */
struct intake_set {
	struct intake_mail *at;
	size_t n, room;
};

void intake_set_init(struct intake_set *s);
void intake_set_clear(struct intake_set *s);

/* NULL: no such mail. */
struct intake_mail *intake_set_find(struct intake_set *s, uint32_t uid);
/* Good until the next one; NULL: LIMIT_INTAKE_MAILS are there. */
struct intake_mail *intake_set_add(struct intake_set *s, uint32_t uid);
/* Every mail that was told has its headers. */
bool intake_set_is_whole(const struct intake_set *s);

struct intake_mail *intake_set_first(const struct intake_set *s, enum intake_mail_state state);
/* Is any in one of the states from..to? */
bool intake_set_has(const struct intake_set *s, enum intake_mail_state from,
		    enum intake_mail_state to);
/* May one of them concern somebody yet, or is it not noted? */
bool intake_set_is_open(const struct intake_set *s);
/* All are over, but perhaps this one (NULL: none is excepted). */
bool intake_set_is_over(const struct intake_set *s, const struct intake_mail *but);

/*
 * What NEW mails name, in at most `max` ids; room for as many names.  Mails from
 * `*ret_upto` on had no room: they stay NEW and come in the next look-up.
 */
void intake_set_keys(const struct intake_set *s, const struct intake_mail_place *p,
		     struct arrival_keys *ret, size_t max, size_t *ret_upto);
/* The NEW mails before `upto` were looked up. */
void intake_set_found(struct intake_set *s, const struct intake_mail_place *p,
		      const struct arrival_outbound *found, size_t n, size_t upto);

/* What strangers leave behind; the array is the caller's to free(). */
struct arrival_trace *intake_set_traces(const struct intake_set *s,
					const struct intake_mail_place *p, size_t *ret_n);
/* That is committed: strangers that are still ones are over. */
void intake_set_kept(struct intake_set *s);

/* For transaction 1; the array is the caller's to free(), the texts belong to the mails. */
struct arrival_item *intake_set_items(const struct intake_set *s, size_t *ret_n);

/* intake_mail_plain() of all. */
void intake_set_plain(struct intake_set *s);

#endif
