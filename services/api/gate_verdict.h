#ifndef SERVICES_API_GATE_VERDICT_H
#define SERVICES_API_GATE_VERDICT_H

#include "db/gate.h"
#include "rotation/verdict.h"

/* rotation/verdict over what PostgreSQL said of a gate; proofs may be so old.  Pure. */
struct verdict gate_verdict(const struct gate_read *g, uint64_t freshness_ms);

#endif
