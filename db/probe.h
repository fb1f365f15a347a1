#ifndef DB_PROBE_H
#define DB_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "db/folder.h"
#include "db/pg.h"

/*
 * "Is everything seen up to now?"  Who is about to send asks for a fresh proof of
 * one inbox (table probe; its id is the asker's nonce); the worker that watches
 * it proves and answers.  Channels: replyd_probe (asked), replyd_probed (answered).
 */
struct probe_asked {
	const char *probe, *workspace, *inbox; /* uuid; good inside the call */
};
struct probe_list {
	struct pg_tx tx;
	struct outcome outcome;
	void (*each)(struct probe_list *q, const struct probe_asked *p); /* before `done` */
	void (*done)(struct probe_list *q);
};
/* Probes of inboxes leased to `worker` that nobody has answered. */
int probe_list_start(struct pg *pg, struct probe_list *q, const char *worker,
		     void (*each)(struct probe_list *, const struct probe_asked *),
		     void (*done)(struct probe_list *));

struct probe_answer {
	char probe[FOLDER_UUID], inbox[FOLDER_UUID];
	int64_t epoch;
	/* Everything that came before this instant has its gates committed; taken on the worker's
	 * clock after the question was heard. */
	int64_t gated_through_us;
};
struct probe_answers {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct probe_answers *q);
};
/* Writes the proof into the watermark too.  A lost lease answers nothing. */
int probe_answers_start(struct pg *pg, struct probe_answers *q, const struct probe_answer *answers,
			size_t n, void (*done)(struct probe_answers *));

#endif
