#include "ingest/farewell.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

static void on_line(void *owner);
static void on_line_over(void *owner, const struct outcome *why);

struct farewell {
	struct line *line;
	uint64_t until_ms;
	enum { FAREWELL_ENDING, FAREWELL_LEAVING } state; /* what was begun; the goodbye */
	void *owner;
	void (*on_over)(void *owner);
};

static void step(struct farewell *f, uint64_t now_ms)
{
	struct imap_session *s = line_session(f->line);

	if (f->state != FAREWELL_ENDING)
		return;
	if (imap_session_logout(s, now_ms) == 0)
		f->state = FAREWELL_LEAVING;
	else
		(void)imap_session_end_idle(s, now_ms); /* else a command runs: its end comes */
}

struct farewell *farewell_open(struct line *l, uint64_t now_ms, void *owner,
			       void (*on_over)(void *owner))
{
	struct farewell *f = mem_new(sizeof(*f));
	const struct line_owner me = { f, on_line, on_line_over };

	*f = (struct farewell){ l, now_ms + FAREWELL_MS, FAREWELL_ENDING, owner, on_over };
	line_own(l, &me);
	step(f, now_ms);
	(void)line_flush(l); /* who does not read is dropped when the time is over */
	return f;
}

void farewell_drop(struct farewell *f)
{
	if (!f)
		return;
	line_drop(f->line);
	free(f);
}

uint64_t farewell_deadline(const struct farewell *f)
{
	return f->until_ms;
}

bool farewell_is_late(struct farewell *f, uint64_t now_ms)
{
	return now_ms >= f->until_ms;
}

static void on_line(void *owner)
{
	struct farewell *f = owner;
	struct imap_event ev;

	while (line_next(f->line, &ev))
		; /* whatever it still says, the other session hears too */
	step(f, clock_mono_ms());
	if (!line_flush(f->line) || line_is_done(f->line))
		f->on_over(f->owner);
}

static void on_line_over(void *owner, const struct outcome *why)
{
	struct farewell *f = owner;

	(void)why;
	f->on_over(f->owner);
}
