#ifndef DB_INBOX_ROW_H
#define DB_INBOX_ROW_H

/*
 * SQL of a line in a list of inboxes, for the files of db/ that make one: of inbox `i` and of
 * inbox_state `s`, which may have no row.
 */

/* clang-format off */
#define INBOX_ROW_STATE                                                                            \
	"case i.admin_state when 'paused' then 'paused' else coalesce(s.state, 'new') end"
#define INBOX_ROW_JSON                                                                             \
	"jsonb_build_object('id', i.inbox_id, 'address', i.address, 'provider', i.provider,"         \
	" 'state', " INBOX_ROW_STATE ", 'reason', coalesce(s.reason, ''),"                            \
	" 'detail', left(coalesce(s.detail, ''), 300), 'since', instant_text(s.since),"              \
	" 'live_at', instant_text(s.live_at), 'retry_at', instant_text(s.retry_at))"
#define INBOX_ROW_US(t) "(extract(epoch from " t ") * 1000000)::bigint"
#define INBOX_ROW_AT(us) "(timestamptz 'epoch' + " us " * interval '1 microsecond')"
/* Worst first. */
#define INBOX_ROW_RANKS                                                                            \
	"(values (1, 'reauth_required'), (2, 'held'), (3, 'backing_off'), (4, 'unwatched'), (5, 'new'),"\
	" (6, 'connecting'), (7, 'catching_up'), (8, 'live')) r (rank, state)"
/* clang-format on */

#endif
