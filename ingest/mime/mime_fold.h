#ifndef INGEST_MIME_MIME_FOLD_H
#define INGEST_MIME_MIME_FOLD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * Text made comparable: lower case, without accents ("Réponse" = "reponse",
 * "ß" = "ss", "ø" = "o", Turkish "İ" = "i"), typographic quotes and dashes as
 * ASCII, invisible characters dropped, every run of blanks one space.  Line
 * feeds stay.  Rule phrases are written in this form.
 */
void mime_fold_add(struct buf *ret, struct text t); /* cut at the ceiling of `ret` */

bool mime_fold_is(struct text t); /* in this form already? */

#endif
