#ifndef BASE_CRED_H
#define BASE_CRED_H

#include <stddef.h>

#include "base/secret.h"
#include "base/text.h"

/*
 * The credentials of one process: named secrets, handed over on an inherited
 * descriptor or in a file, read once at start, never in the environment or on
 * the command line.
 *
 *   # a comment
 *   db.password=correct horse battery staple
 *   key.token=base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
 *
 * A value begins right behind the '=' and ends with its line (LF or CR LF);
 * blanks are part of it.  Names are a-z, 0-9, '.', '_' and '-'.
 */
#define CRED_NAME 64 /* bytes of a name with its NUL */
#define CRED_MAX                                                                                   \
	100 /* credentials: a handful of keys, and a client secret for each of 32 providers */
#define CRED_WHY 256

struct cred;

/*
 * From `place`: "fd:3", which is closed, or the path of a file.  Reads to the
 * end, so the writer of a pipe has to close it.  On success `*ret` is the
 * caller's.  Every error fills `why`, which names the
 * line and never a value, nor the place, which the caller knows:
 *
 *   -EACCES  a file that its group or others may read or write
 *   -EFBIG   more than LIMIT_CRED bytes
 *   -EINVAL  not such lines, a name twice, an empty value, bad base64, or more than CRED_MAX
 *   -errno   it cannot be read
 */
int cred_load(const char *place, struct cred **ret, char why[CRED_WHY]);
/* The same from bytes. */
int cred_parse(struct text lines, struct cred **ret, char why[CRED_WHY]);
void cred_free(struct cred *c);

/* NULL: not given.  Good until cred_clear() or cred_free(). */
const struct secret *cred_get(const struct cred *c, const char *name);
/*
 * Let `fix` look at every value, and change it.  Stops at the first that is not 0 and returns that;
 * `ret_name` (CRED_NAME bytes) says whose it was.
 */
int cred_each(struct cred *c, int (*fix)(void *arg, const char *name, struct secret *value),
	      void *arg, char *ret_name);
size_t cred_count(const struct cred *c);
/* Wipe and forget them all, once what they open is open. */
void cred_clear(struct cred *c);

#endif
