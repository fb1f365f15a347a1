#include "ingest/watch_facts.h"

/* What the command sent at `us` showed is durable.  A later proof of the same folder says more. */
void watch_facts_prove(struct watch *w, unsigned folder, int64_t us)
{
	struct watch_folder *f = &w->folders.at[folder];

	f->is_proven = true;
	f->proven_us = us;
	for (unsigned i = 0; i < w->n_proofs; i++) {
		if (w->proofs[i].folder == folder) {
			w->proofs[i].proof_us = us;
			return;
		}
	}
	w->proofs[w->n_proofs++] = (struct watch_proof){ folder, us };
}

/* The open folder was fetched to the end of what was shown; did more come meanwhile? */
void watch_facts_end(struct watch *w, struct watch_folder *f)
{
	f->view = WATCH_VIEW_EVEN;
	f->shown_us = INT64_MIN;
	w->asked_to = 0;
	if (w->exists > w->told) {
		f->view = WATCH_VIEW_BEHIND;
		f->announced = UINT32_MAX;
	}
}
