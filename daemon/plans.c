/* plans.c - see plans.h. */
#include "plans.h"

#include "plan_snapshot.h"

#include <string.h>

#define AT_ONCE_MAX 8

/* One that was asked for. While a worker has it (`working`) the core leaves it alone. */
struct asked {
	struct asked *next;
	struct plans *plans;
	struct plan_snapshot *snapshot; /* until it is complete */
	bool working;
	struct plan_input in;
	admin_plan_render_fn render;
	admin_plan_fn done;
	void *arg;
	struct str text;
	struct error err; /* code 0: none */
};

struct plans {
	struct plans_config config;
	struct loop_source *slice;
	struct asked *asked; /* in order */
	size_t n;
};

static void asked_free(struct asked *a) {
	plan_snapshot_free(a->snapshot);
	plan_input_done(&a->in);
	str_done(&a->text);
	free(a);
}

static void finish(struct asked *a) {
	struct plans *p = a->plans;
	struct asked **at = &p->asked;
	while (*at != a) {
		at = &(*at)->next;
	}
	*at = a->next;
	p->n--;
	a->done(a->arg, &a->text, a->err.code != 0 ? &a->err : NULL);
	asked_free(a);
}

/* On a worker. */
static void make(void *arg) {
	struct asked *a = arg;
	AUTO(plan_free) struct plan *plan = NULL;
	if (plan_make(&a->in, &plan, &a->err) >= 0 && a->render(plan, &a->text) < 0) {
		error_set(&a->err, ENOMEM, "no memory for the answer of a plan");
	}
}

static void on_made(void *arg) {
	finish(arg);
}

static int tell_held(struct plans *p, struct plan_input *in, struct error *err) {
	struct clock_verdict verdict;
	clock_verdict_now(p->config.clock, &verdict);
	if (verdict.trusted) {
		return 0;
	}
	int rc = plan_notice(&in->notices,
			     "the clock is not trusted: nothing of this sounds until it "
			     "is",
			     "时钟不可信：在它可信之前，这些都不会播出");
	return rc < 0 ? error_set(err, ENOMEM, "no memory for a plan") : 0;
}

/* Reads on for the first that is not complete. */
static void on_slice(void *arg) {
	struct plans *p = arg;
	struct asked *a = p->asked;
	while (a != NULL && a->working) {
		a = a->next;
	}
	if (a == NULL) {
		return;
	}
	loop_defer_arm(p->slice);
	int rc = plan_snapshot_step(a->snapshot, &a->err);
	if (rc > 0) {
		return;
	}
	if (rc == 0) {
		a->working = true;
		plan_snapshot_take(a->snapshot, &a->in);
		rc = tell_held(p, &a->in, &a->err);
	}
	if (rc == 0) {
		rc = jobs_run(p->config.jobs, make, on_made, a, &a->err);
	}
	if (rc < 0) {
		finish(a);
	}
}

int plans_new(const struct plans_config *config, struct plans **ret, struct error *err) {
	AUTO(plans_free) struct plans *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return error_set(err, ENOMEM, "no memory for plans");
	}
	p->config = *config;
	int rc = loop_add_defer(config->loop, on_slice, p, &p->slice, err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(p);
	return 0;
}

void plans_free(struct plans *p) {
	if (p == NULL) {
		return;
	}
	while (p->asked != NULL) {
		struct asked *a = p->asked;
		if (a->working) {
			jobs_drop(p->config.jobs, a);
		}
		error_set(&a->err, ECANCELED, "the box is stopping");
		finish(a);
	}
	loop_source_free(p->slice);
	free(p);
}

int plans_ask(struct plans *p, struct plan_ask *asked, admin_plan_render_fn render,
	      admin_plan_fn done, void *arg, struct error *err) {
	struct plan_snapshot_config config = {
		.store = p->config.store,
		.library = p->config.library,
		.tz = p->config.tz,
		.calendar = p->config.calendar,
		.now_us = clock_now_us(),
	};
	if (p->n >= AT_ONCE_MAX) {
		plan_ask_done(asked);
		return error_set(err, EAGAIN,
				 "%d plans are being made already; ask again in a moment",
				 AT_ONCE_MAX);
	}
	struct asked *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		plan_ask_done(asked);
		return error_set(err, ENOMEM, "no memory for a plan");
	}
	int rc = plan_snapshot_new(&config, asked, &a->snapshot, err);
	if (rc < 0) {
		free(a);
		return rc;
	}
	a->plans = p;
	a->render = render;
	a->done = done;
	a->arg = arg;
	struct asked **at = &p->asked;
	while (*at != NULL) {
		at = &(*at)->next;
	}
	*at = a;
	p->n++;
	loop_defer_arm(p->slice);
	return 0;
}
