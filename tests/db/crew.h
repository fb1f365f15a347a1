#ifndef TESTS_DB_CREW_H
#define TESTS_DB_CREW_H

#include "ingest/worker.h"
#include "tests/db/stage.h"

/*
 * Workers on a stage: all three inboxes are on its server and nobody's.  Each
 * has a connection to PostgreSQL of its own, as processes have, and hears its hints.
 */
#define CREW_ONE "40000000-0000-4000-8000-0000000000f1"
#define CREW_TWO "40000000-0000-4000-8000-0000000000f2"
#define CREW_MAX 2

struct crew_worker {
	struct worker *worker; /* NULL: not there */
	struct pg *pg;
};

struct crew {
	struct stage stage;
	struct crew_worker at[CREW_MAX];
	bool has_stopped;
};

void crew_open(struct crew *c, const char *database);
void crew_close(struct crew *c);

/* What a worker is given here: fast in everything. */
struct worker_params crew_params(struct crew *c, const char *id);
/* Begin as number `n` (0, 1). */
void crew_hire(struct crew *c, size_t n, const struct worker_params *p);
/* Gone as with kill -9: no word to anybody. */
void crew_kill(struct crew *c, size_t n);
/* SIGTERM; `has_stopped` says when it is done. */
void crew_stop(struct crew *c, size_t n);

size_t crew_held(const struct crew *c, size_t n);
size_t crew_live(const struct crew *c, size_t n);

/* For stage_until_holds(): the stage is the crew's first member. */
bool crew_all_live(struct stage *s); /* three, whoever has them */
bool crew_is_stopped(struct stage *s);

#endif
