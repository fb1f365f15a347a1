#ifndef SERVICES_API_ASSET_H
#define SERVICES_API_ASSET_H

#include "services/api/api.h"

/*
 * The files of the hosted pages, part of the binary.  Their address holds a digest of their
 * content, so that a browser may keep them and still never has an old one.
 */
enum asset { ASSET_STYLE, ASSET_SCRIPT, ASSET_DOCS_STYLE, ASSET_DOCS_SCRIPT };
#define ASSET_URL 64

/* Answer with a file whose address changes with its content: a browser may keep it for good. */
void asset_answer(struct request *q, const char *type, struct text file);
void asset_url(enum asset which, char ret[ASSET_URL]); /* "/assets/connect.css?v=0123456789ab" */

#endif
