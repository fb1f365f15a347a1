#ifndef SERVICES_INGEST_TOKEN_ADAPTER_H
#define SERVICES_INGEST_TOKEN_ADAPTER_H

#include "ingest/token_source.h"
#include "oauth/token_desk.h"

/* Where the rooms meet: a mailbox asks a token_source, and oauth's token desk answers. */
struct token_source token_adapter(struct token_desk *desk); /* borrowed */

#endif
