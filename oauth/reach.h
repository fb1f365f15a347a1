#ifndef OAUTH_REACH_H
#define OAUTH_REACH_H

#include "base/outcome.h"

/*
 * What a try at a mail server means (base/io/mail_probe).  Pure.
 *
 * States of table inbox_smtp: "ok", "refused" (it answers, and takes the
 * credential, or us, not), "unreachable" (nobody answers, or not so that one may
 * speak with him), "not_checked".
 */
const char *reach_state(const struct outcome *o);
/* A stable code: "" for what went well, "basic_auth_ended", "smtp_off", "second_factor",
 * "login_refused", "network" ... */
const char *reach_reason(const struct outcome *o);

#endif
