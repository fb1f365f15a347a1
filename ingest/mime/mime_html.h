#ifndef INGEST_MIME_MIME_HTML_H
#define INGEST_MIME_MIME_HTML_H

#include "base/buf.h"
#include "base/text.h"

/*
 * HTML of a mail -> plain lines, keeping what quote cutting needs: block
 * elements make lines, each blockquote level puts "> " before its lines, <hr>
 * makes a line of underscores, entities are decoded; style, script and title
 * say nothing, nor does what the sender hides (display:none and its like),
 * unless the page says nothing else.
 *
 * libxml2 parses and tells of tags and text; no tree is built, nothing is
 * fetched, and what is drawn is drawn here.  One pass: time and memory are
 * linear in the input, however deep the nesting.
 *
 * `html` is valid UTF-8 without NUL, whatever charset it names; of it, three
 * times LIMIT_MIME_PART are read.  Appends to `ret`, cut at its ceiling, and where
 * its links go, one a line, to `links`, as far as there is room (NULL: not wanted).
 */
void mime_html_text(struct text html, struct buf *ret, struct buf *links);

#endif
