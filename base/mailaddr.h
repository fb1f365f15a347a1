#ifndef BASE_MAILADDR_H
#define BASE_MAILADDR_H

#include "base/text.h"

/*
 * The one spelling by which a mail address is kept, digested and compared: the
 * same mailbox is written "Ann@Müller.example", "ann@müller.example" and
 * "ann@xn--mller-kva.example", and a mail that we compare names it in whichever
 * way its sender's program likes.
 */
#define MAILADDR 321 /* RFC 5321 section 4.5.3.1: 64 + '@' + 255, and a NUL */

/*
 * Local part with its ASCII letters in lower case (of others only its own server knows which
 * are the same: RFC 6531 section 3.2), domain by hostname_ascii().  -EINVAL: no '@', nothing
 * before or after it, longer than an address may be, or a domain that has no ASCII form; `ret`
 * is undefined then.  Whether a server could mean it is not asked: "a@b" will do.
 */
int mailaddr_fold(struct text given, char ret[MAILADDR]);

/*
 * The same of the domain alone, for an address that somebody else wrote and that is shown as it
 * is; a domain that has no ASCII form is folded in ASCII, so that there is always an answer.
 * Takes `given` over and gives it, or what replaces it, back; NULL stays NULL.
 */
char *mailaddr_own(char *given);

#endif
