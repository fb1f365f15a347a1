#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

/*
 * One line per decision, on stderr: key=value for people, JSON for machines.
 *
 *   ts=2026-11-23T09:02:11.123Z level=info role=ingest event=imap.live inbox=0b1c... waited_ms=210
 *
 * `event` is a fixed name; fields follow as "key=%d other=%s" in `fmt`, in the
 * conversions %s %.*s %c %d %i %u %x %f %% with h, l, ll, z, j, t.  Where a
 * field ends is decided by `fmt` alone and values are quoted and escaped as
 * needed (do not quote them in `fmt`): no value can end its field, begin
 * another or break the line.  A NULL text is "-".  In JSON, numbers are numbers.
 *
 * Addresses, subjects, tokens and bodies are never logged; ids are.  What a
 * peer said goes through text_printable() first.  Pure code never logs.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_KEY_VALUE, LOG_JSON };

struct log {
	const struct log *parent;
	char fields[96]; /* of this child, in log's own form; empty at the root */
};

/*
 * `role` (NULL: none) must stay; before this call lines of level info and above go out
 * as key=value.
 */
void log_setup(const char *role, enum log_level least, enum log_format format);
/*
 * A child whose lines carry `fmt` too, cut to what `fields` holds; `parent` may be
 * NULL and must outlive `l`.
 */
void log_child(struct log *l, const struct log *parent, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void log_debug(const struct log *l, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_info(const struct log *l, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_warn(const struct log *l, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_error(const struct log *l, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
