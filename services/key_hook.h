#ifndef SERVICES_KEY_HOOK_H
#define SERVICES_KEY_HOOK_H

#include <stdint.h>

#include "base/secret.h"

/*
 * A program outside that holds the key over our keys (the setting key_command):
 * a cloud's KMS, Vault, an HSM.  It is run without a shell as
 *
 *   COMMAND wrap     a key in base64 on stdin, what stands for it in base64 on stdout
 *   COMMAND unwrap   the other way round
 *
 * once per key, at start and when a key comes; a line each way; exit status 0.  COMMAND is
 * split at blanks.  It has our environment without what configures replyd, and `limit_ms`.
 */
#define KEY_HOOK_PREFIX   "wrapped:" /* before what stands for a key, in files of ours */
#define KEY_HOOK_LIMIT_MS 15000      /* a cloud's command line takes a second or two */
#define KEY_HOOK_MAX      8192       /* bytes of what stands for a key, in base64 */

enum key_hook_verb { KEY_HOOK_WRAP, KEY_HOOK_UNWRAP };

/*
 * 0; -errno of the start; -ETIMEDOUT; -EPROTO: it failed, or answered no base64
 * of that size; -EINVAL: `command` is no command.  `why` names the program, the cause
 * and the remedy.  Blocks.
 */
int key_hook_run(const char *command, enum key_hook_verb verb, const struct secret *in,
		 uint64_t limit_ms, struct secret *ret, char why[512]);

/*
 * What a credential or a file holds: NULL-safe on both sides.  `value` that begins with
 * KEY_HOOK_PREFIX is replaced by the key it stands for; anything else stays.  As above; -EINVAL
 * also: there is no command.
 */
int key_hook_open(const char *command, uint64_t limit_ms, struct secret *value, char why[512]);

#endif
