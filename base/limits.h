#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/*
 * Every ceiling of the program, each with its reason.  A size that a peer
 * chooses meets one of these.  Bytes unless the name says otherwise.
 */
#define LIMIT_SECRET (64 * 1024)      /* tokens exceed 2 KB, JWT-like ones 16 KB; 64 KB is nobody's token */

#endif
