#ifndef INGEST_MIME_MIME_LIB_H
#define INGEST_MIME_MIME_LIB_H

/* GMime must be set up once before its first use; every file of this room that calls it calls this
 * first.  Cheap, any number of times. */
void mime_lib_need(void);

#endif
