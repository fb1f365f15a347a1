#ifndef OAUTH_FORECAST_DUTY_H
#define OAUTH_FORECAST_DUTY_H

#include "oauth/broker_env.h"

/*
 * Looks at each grant once a day, or when its forecast turns, and tells what is
 * coming: state 'expiring' on the row, event inbox.reauth_forecast once per
 * consent, reason and stage.  Any number of brokers may do it: what was told is
 * told once.
 */
struct forecast_duty;

struct forecast_duty *forecast_duty_open(struct broker_env *env);
void forecast_duty_drop(struct forecast_duty *d); /* NULL: nothing */

#endif
