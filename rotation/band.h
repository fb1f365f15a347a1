#ifndef ROTATION_BAND_H
#define ROTATION_BAND_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What an inbox's health score lets it do.  Down at once; up one band at a
 * time, after the score has been good enough for long enough, so that a score
 * that trembles at a border changes nothing.
 *
 *   band         score    volume  gap   upward after
 *   healthy      85..     1       1
 *   watch        70..84   0.7     1.5   24 h at 88 or more
 *   throttled    50..69   0.5     2     72 h at 75 or more
 *   quarantined  ..49     0       -     7 days and a clean probation
 *
 * Instants are unix microseconds; one that runs backwards counts as no time.
 */
enum band { BAND_HEALTHY, BAND_WATCH, BAND_THROTTLED, BAND_QUARANTINED };

#define BAND_NEVER INT64_MIN

struct band_state {
	enum band band;
	int64_t since_us; /* of the band */
	int64_t fit_us;   /* the score has been good enough to rise since; BAND_NEVER */
	int64_t until_us; /* a guard's order ends here and nothing rises before; BAND_NEVER: no
			     order */
};

/* Nothing bad is known of an inbox that was just connected. */
void band_init(struct band_state *s, int64_t now_us);

/*
 * `score` 0..100, as of now; `probed`: names resolve and sign, and the probation's sends came back
 * clean (only asked for on the way out of quarantine).  True: the band is another one.
 */
bool band_note(struct band_state *s, double score, bool probed, int64_t now_us);

/*
 * A guard's order (rotation/guard): at least this bad, for `for_us`; when that is over, one band
 * up, unless the score asks for this one.  0: as if the score had sunk to it.  True: the band is
 * another one.
 */
bool band_sink(struct band_state *s, enum band to, int64_t for_us, int64_t now_us);

double band_volume(enum band b);    /* 1, 0.7, 0.5, 0 */
double band_gap(enum band b);       /* 1, 1.5, 2; quarantined: 2 */
const char *band_name(enum band b); /* "healthy"... */

#endif
