#ifndef SERVICES_SAY_H
#define SERVICES_SAY_H

/* "replyd: WHY" on stderr, for a person; `code` is handed back, to end with. */
int say(int code, const char *why);

#endif
