/* ops.h - what the API asks of the daemon (web-admin/admin.h), answered by director,
 * alerts, calls,
 * engine, library and clock. Owner: main. Threads: the core thread alone. */
#pragma once

#include "alerts.h"
#include "calls.h"
#include "clock.h"
#include "director.h"
#include "faults.h"
#include "library.h"
#include "plans.h"
#include "recordings.h"
#include "web-admin/admin.h"

/* The ctx of every op; everything in it is borrowed. */
struct ops_context {
	struct director *director;
	struct alerts *alerts;
	struct calls *calls;
	struct engine *engine;
	struct library *library;
	struct recordings *recordings;
	struct plans *plans;
	struct clock *clock;
	struct faults *faults;
	struct store *store;
	struct calendar *calendar;
};

const struct admin_ops *ops_table(void);
