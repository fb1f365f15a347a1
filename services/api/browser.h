#ifndef SERVICES_API_BROWSER_H
#define SERVICES_API_BROWSER_H

#include "services/api/api.h"

/*
 * What a browser brings along: cookies, and where a request was made.  Behind TLS the cookies are
 * `__Host-` and Secure, which loopback without TLS cannot have.
 */
#define BROWSER_COOKIE_NAME 48

/* NULL: it has none of this name; borrowed until the answer. */
const char *browser_cookie(const struct request *q, const char *name);
/* `same_site`: "Lax", "Strict".  `age_s` below 0: until the browser is closed; 0: it forgets it. */
void browser_set_cookie(struct request *q, const char *name, const char *value, int age_s,
			const char *same_site);
/*
 * Was it made by a page of ours?  A browser that knows Fetch Metadata says where (W3C, section
 * 2.3), an older one at least its origin; "null" is nobody's page of ours.  What says neither is
 * no browser's form.
 */
bool browser_is_same_origin(const struct request *q);

#endif
