/* plans.h - plans (schedule/plan.h) on demand: what they are made of is read in slices
 * between other work, they are made and rendered on a worker. Owner: main. Threads: the
 * core thread alone. Blocks: on reads of the store, a few milliseconds at a time. */
#pragma once

#include "clock.h"
#include "jobs.h"
#include "library.h"
#include "web-admin/admin.h"

struct plans;

struct plans_config {
	struct loop *loop;
	struct jobs *jobs;
	struct store *store;
	struct library *library;
	struct clock *clock;
	const struct tz *tz;
	const struct calendar *calendar;
};

int plans_new(const struct plans_config *config, struct plans **ret, struct error *err);
/* What is under way is called back with ECANCELED. Before the jobs. NULL is fine. */
void plans_free(struct plans *p);
DEFINE_AUTO(struct plans *, plans_free)

/* As admin_ops.plan. */
int plans_ask(struct plans *p, struct plan_ask *asked, admin_plan_render_fn render,
	      admin_plan_fn done, void *arg, struct error *err);
