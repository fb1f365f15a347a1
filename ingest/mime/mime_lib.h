#ifndef INGEST_MIME_MIME_LIB_H
#define INGEST_MIME_MIME_LIB_H

/* GMime and libxml2 must be set up once before their first use; every file of this room that calls
 * one of them calls this first.  Cheap, any number of times. */
void mime_lib_need(void);

#endif
