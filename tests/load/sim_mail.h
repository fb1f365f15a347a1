#ifndef TESTS_LOAD_SIM_MAIL_H
#define TESTS_LOAD_SIM_MAIL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * The mails of the simulator: every one is an answer of 4 KB to one outbound,
 * made anew each time somebody asks for it, always of the same length.
 *
 *   outbound  <o00000017.0003@load.example>                   inbox 17, its outbound 3
 *   answer    <r00000017.00001001.1790000000000000@...>       inbox, UID, instant of the push
 *
 * The instant of the push stands in the Message-ID, so that the database itself
 * can say how long it took.
 */
#define SIM_MAIL_UID 1001 /* of the first one */

struct sim_mail {
	int64_t push_us; /* Unix time */
	uint32_t outbound;
	bool is_header_told, is_text_told;
};

/* A section of the mail: "", "HEADER", "HEADER.FIELDS ...", "TEXT", "1", "2", "1.MIME".  false:
 * there is none of that name. */
bool sim_mail_section(struct buf *to, uint32_t inbox, uint32_t uid, const struct sim_mail *m,
		      struct text section);
/* What FETCH says of its shape, without the word BODYSTRUCTURE. */
const char *sim_mail_structure(void);
unsigned sim_mail_size(void); /* bytes */

#endif
