#ifndef INGEST_MIME_MIME_HTML_H
#define INGEST_MIME_MIME_HTML_H

#include "base/buf.h"
#include "base/text.h"

/*
 * HTML of a mail -> plain lines, keeping what quote cutting needs: block
 * elements make lines, each blockquote level puts "> " before its lines, <hr>
 * makes a line of underscores, entities are decoded; style, script, head and
 * title say nothing.
 *
 * One pass, no recursion, no tree: time and memory are linear in the input,
 * however deep the nesting.
 */
void mime_html_text(struct text html,
		    struct buf *ret); /* `html` is UTF-8; cut at the ceiling of `ret` */

#endif
