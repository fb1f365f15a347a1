#ifndef DB_BROKER_TALLY_H
#define DB_BROKER_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "db/pg.h"

/*
 * What brokers count and what alarms them, for /metrics and /readyz.  They name
 * no workspace.
 */
struct broker_tally_write {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct broker_tally_write *q);
};
/*
 * counts: [{name, label, label_value, value}], added to what stands there;
 * alarms: [{provider, reason, ends_at (unix s, 0 none)}], all that this broker
 * has now.  `with_survey`: count all grants anew, unless another broker does.
 */
int broker_tally_start(struct pg *pg, struct broker_tally_write *q, const char *broker,
		       const json_t *counts, const json_t *alarms, bool with_survey,
		       void (*done)(struct broker_tally_write *));

/* As replyd_api. */
struct broker_tally_alarms {
	struct pg_tx tx;
	struct outcome outcome;
	json_t *checks; /* new: [{name: "oauth_client:<provider>", ok: false, detail: <reason>}] */
	void (*done)(struct broker_tally_alarms *q);
};
int broker_tally_alarms_start(struct pg *pg, struct broker_tally_alarms *q,
			      void (*done)(struct broker_tally_alarms *));

#endif
