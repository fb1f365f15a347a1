#include <gmime/gmime.h>
#include <libxml/parser.h>

#include "ingest/mime/mime_lib.h"

void mime_lib_need(void)
{
	static gsize ready;

	if (g_once_init_enter(&ready)) {
		g_mime_init();
		xmlInitParser();
		g_once_init_leave(&ready, 1);
	}
}
