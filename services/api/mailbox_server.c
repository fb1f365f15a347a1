#include <stdio.h>

#include "services/api/mailbox_server.h"

#include "base/hostname.h"

#define IMAP_TLS      993 /* RFC 8314 */
#define IMAP_STARTTLS 143
#define WELL_KNOWN    1024 /* a port below is some service's */

enum mailbox_server mailbox_server_host(struct text given, char ret[LIMIT_CONN_HOST + 1])
{
	char name[LIMIT_CONN_HOST + 1];

	if (hostname_ascii(given, name) < 0 || !hostname_is_sane(text_of(name)))
		return MAILBOX_SERVER_NO_HOST;
	(void)snprintf(ret, LIMIT_CONN_HOST + 1, "%s", name);
	return MAILBOX_SERVER_FINE;
}

enum mailbox_server mailbox_server_port(int64_t port, bool is_tls, uint16_t *ret)
{
	if (port == 0)
		port = is_tls ? IMAP_TLS : IMAP_STARTTLS;
	if (port < 0 || port > UINT16_MAX)
		return MAILBOX_SERVER_NO_PORT;
	if (is_tls && port == IMAP_STARTTLS)
		return MAILBOX_SERVER_PORT_OF_STARTTLS;
	if (!is_tls && port == IMAP_TLS)
		return MAILBOX_SERVER_PORT_OF_TLS;
	if (port < WELL_KNOWN && port != IMAP_TLS && port != IMAP_STARTTLS)
		return MAILBOX_SERVER_PORT_OF_OTHERS;
	*ret = (uint16_t)port;
	return MAILBOX_SERVER_FINE;
}
