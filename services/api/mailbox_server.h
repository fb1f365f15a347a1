#ifndef SERVICES_API_MAILBOX_SERVER_H
#define SERVICES_API_MAILBOX_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"

/*
 * A mail server as somebody gave it, to the API or on the connect page: the same rules for both,
 * each in its own words.  Pure.
 */
enum mailbox_server {
	MAILBOX_SERVER_FINE,
	MAILBOX_SERVER_NO_HOST,
	MAILBOX_SERVER_NO_PORT,
	MAILBOX_SERVER_PORT_OF_STARTTLS, /* and TLS from the first byte was said */
	MAILBOX_SERVER_PORT_OF_TLS,
	MAILBOX_SERVER_PORT_OF_OTHERS, /* some other service's: a slip, or worse */
};

/* The host's name as the name system has it, written when it is fine. */
enum mailbox_server mailbox_server_host(struct text given, char ret[LIMIT_CONN_HOST + 1]);
/* `port` 0: the usual one.  Written when it is fine. */
enum mailbox_server mailbox_server_port(int64_t port, bool is_tls, uint16_t *ret);

#endif
