#include <stdio.h>

#include "services/say.h"

int say(int code, const char *why)
{
	(void)fprintf(stderr, "replyd: %s\n", why);
	return code;
}
