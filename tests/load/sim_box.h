#ifndef TESTS_LOAD_SIM_BOX_H
#define TESTS_LOAD_SIM_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/load/sim_mail.h"

/*
 * What one simulator process holds of the inboxes: the mails delivered to each,
 * and which of them somebody watches.  Inbox n is at process n % processes.
 * Beside INBOX each has Junk, Sent and some more folders, all of them empty.
 */
struct sim_box {
	uint32_t inbox;
	uint32_t n, cap;
	struct sim_mail *mails; /* UID SIM_MAIL_UID + its place */
	void *watcher;          /* who has INBOX open; NULL: nobody */
	uint32_t attached_at;   /* place in the list of those that are watched */
};

struct sim_boxes {
	uint32_t process, processes, n;
	uint32_t outbounds; /* of each inbox */
	struct sim_box *boxes;
	struct sim_box **attached;
	uint32_t n_attached;
};

void sim_box_init(struct sim_boxes *b, uint32_t inboxes, uint32_t process, uint32_t processes,
		  uint32_t outbounds);
/* By what it logs in as, "u00000017@load.example"; NULL: nobody's here. */
struct sim_box *sim_box_find(struct sim_boxes *b, struct text user);
void sim_box_attach(struct sim_boxes *b, struct sim_box *x, void *watcher);
void sim_box_detach(struct sim_boxes *b, struct sim_box *x, const void *watcher);
/* A new mail, now; the box it came into, or NULL: nobody watches any. */
struct sim_box *sim_box_deliver(struct sim_boxes *b, uint64_t chance, int64_t now_us);

#endif
