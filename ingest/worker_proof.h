#ifndef INGEST_WORKER_PROOF_H
#define INGEST_WORKER_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "db/folder.h"

/* Proofs of all mailboxes, written together.  A part of the worker (worker_inside.h). */
struct worker;

struct worker_proof {
	struct folder_proofs q;
	bool is_under_way;
	uint64_t at_ms;
	struct list prove; /* seats that have proofs */
	struct folder_proof *sent;
	size_t n_sent;
};

void worker_proof_init(struct worker *w);
void worker_proof_clear(struct worker *w);
uint64_t worker_proof_due(const struct worker *w);
void worker_proof_tick(struct worker *w, uint64_t now_ms);
void worker_proof_cancel(struct worker *w);
/* mailbox_params.on_proof; `owner` is a seat. */
void worker_proof_wanted(void *owner);

#endif
