#ifndef TESTS_LOAD_SIM_IMAP_H
#define TESTS_LOAD_SIM_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "tests/load/sim_box.h"
#include "tests/load/sim_tally.h"

/*
 * The simulator's side of one IMAP session: lines in, bytes out.  It says what
 * a well-behaved server says to the commands that replyd and imapflow use, and
 * BAD to everything else.  What was pipelined is answered in its order.
 */
struct sim_imap_server {
	struct sim_boxes boxes;
	struct sim_tally tally;
	unsigned folders; /* more ones than INBOX, Junk and Sent */
};

struct sim_imap {
	enum {
		SIM_IMAP_GREETED,
		SIM_IMAP_SASL,   /* the client's answer to "+" */
		SIM_IMAP_AUTHED, /* and perhaps a folder open */
		SIM_IMAP_IDLE,
		SIM_IMAP_OVER,
	} state;
	struct sim_box *box;
	bool is_inbox_open;
	uint32_t told; /* EXISTS last said */
	char tag[16];  /* of IDLE or AUTHENTICATE under way */
	char sasl;     /* first letter of the mechanism */
};

void sim_imap_greet(struct sim_imap *s, struct buf *out);
/* One line without its CRLF. */
void sim_imap_line(struct sim_imap *s, struct sim_imap_server *server, struct text line,
		   struct buf *out);
/* A new mail came into its INBOX: say so when it idles. */
void sim_imap_push(struct sim_imap *s, struct buf *out);
void sim_imap_end(struct sim_imap *s, struct sim_imap_server *server);

#endif
