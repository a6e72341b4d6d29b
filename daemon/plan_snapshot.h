/* plan_snapshot.h - what a plan is made of (schedule/plan.h), read from the store piece
 * by piece, so that 100,000 schedules hold up nothing. Owner: plans.c. Threads: the core
 * thread alone, until the input is taken. Blocks: on reads of the store, a few
 * milliseconds a step. */
#pragma once

#include "library.h"
#include "schedule/plan.h"

struct plan_snapshot;

struct plan_snapshot_config {
	struct store *store;
	struct library *library;
	const struct tz *tz;
	const struct calendar *calendar;
	int64_t now_us;
};

/* The ask is taken over in any case. */
int plan_snapshot_new(const struct plan_snapshot_config *config, struct plan_ask *ask,
		      struct plan_snapshot **ret, struct error *err);
void plan_snapshot_free(struct plan_snapshot *s); /* NULL is fine */
DEFINE_AUTO(struct plan_snapshot *, plan_snapshot_free)

/* Reads on. Returns 1 while there is more, 0 at the end. What is put or deleted between
 * two steps is in it, or is not. */
int plan_snapshot_step(struct plan_snapshot *s, struct error *err);
/* At the end: the input moves to *ret. */
void plan_snapshot_take(struct plan_snapshot *s, struct plan_input *ret);
