#ifndef SERVICES_API_DOCUMENT_H
#define SERVICES_API_DOCUMENT_H

#include "base/text.h"

/* docs/openapi.json as it is part of the binary; it refers to the schemas of docs/events. */
struct text document_text(void);

#endif
