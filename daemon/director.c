/* director.c - the director's life, its one timer, and the plan (see
 * director_internal.h).
 *
 * One real-time timer stands at the earliest moment anything has to be done. Waking, late
 * or early, by the timer or by an event, does the same: director_wake looks at what is
 * due by the clock as it is now. */
#include "director_internal.h"

#include "base/str.h"
#include "log.h"

#include <string.h>
#include <sys/epoll.h>

int64_t director_now(const struct director *d) {
	(void)d;
	return clock_now_us();
}

void director_tell_run(struct director *d, const struct live_run *live) {
	if (d->config.on_run != NULL && live->run.id > 0) {
		d->config.on_run(d->config.ctx, live->run.id);
	}
}

void director_tell_zone(struct director *d, int64_t zone) {
	if (d->config.on_zone != NULL) {
		d->config.on_zone(d->config.ctx, zone);
	}
}

void director_wake_soon(struct director *d) {
	if (d->soon != NULL) {
		loop_defer_arm(d->soon);
	}
}

/* Tells of what changed and lets go of what has ended. */
static void settle(struct director *d) {
	struct live_run **at = &d->runs;
	while (*at != NULL) {
		struct live_run *live = *at;
		if (live->changed) {
			live->changed = false;
			director_tell_run(d, live);
			for (size_t i = 0; i < live->run.n_zones; i++) {
				director_tell_zone(d, live->run.zones[i].zone);
			}
		}
		bool ended = live_run_ended(live);
		if (ended) {
			director_relay_release(live);
		}
		if (ended && !live->told) {
			live->told = true;
			director_tell_ended(d, live);
		}
		if (ended && !director_record_owed(d, live)) {
			*at = live->next;
			live_run_free(live);
		} else {
			at = &live->next;
		}
	}
}

/* Claims what is due within LEAD, together with the mark, in one transaction. True where
 * more is waiting. */
static bool take_due(struct director *d, int64_t now_us) {
	struct planned planned;
	struct error err = {0};
	if (!(planner_peek(d->planner, &planned) > 0 &&
	      planned.due_us <= now_us + d->lead_us)) {
		return false;
	}
	bool joined = store_begin(d->config.store, &err) >= 0;
	int taken = 0;
	while (taken < TAKE_MAX &&
	       planner_take(d->planner, now_us + d->lead_us, &planned) > 0) {
		director_admit_due(d, &planned);
		taken++;
	}
	int rc = store_mark_put(d->config.store, planner_mark(d->planner), &err);
	if (joined && rc >= 0) {
		rc = store_commit(d->config.store, &err);
	} else if (joined) {
		store_rollback(d->config.store);
	}
	director_store_result(d, rc, &err);
	if (rc < 0) {
		director_unwrite(d);
	}
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		live->written = true;
	}
	return taken == TAKE_MAX;
}

static void act_on_runs(struct director *d, int64_t now_us) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (!director_may(d, live)) {
			continue;
		}
		if (!live->handed && !live->judged &&
		    live->run.due_us <= now_us + d->lead_us) {
			director_hand_over(d, live);
		}
		if (!live->judged && live->run.due_us <= now_us + JUDGE_US) {
			director_judge(d, live);
		}
	}
}

static int64_t earlier(int64_t a, int64_t b) {
	return a < b ? a : b;
}

static void arm(struct director *d, int64_t now_us) {
	int64_t next = INT64_MAX;
	struct planned planned;
	if (!d->held && planner_peek(d->planner, &planned) > 0) {
		next = planned.due_us - d->lead_us;
	}
	if (d->skips_owed.n > 0) {
		next = earlier(next, clock_realtime_us_at(d->record_again_ns) + 1);
	}
	for (const struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (!director_may(d, live)) {
			continue;
		}
		if (!live->handed && !live->judged) {
			next = earlier(next, live->run.due_us - d->lead_us);
		} else if (!live->judged) {
			next = earlier(next, live->run.due_us - JUDGE_US);
		} else {
			/* Quiet hours, expiry and patience have whole seconds for edges.
			 */
			int64_t second = ((now_us + JUDGE_US) / 1000000 + 1) * 1000000;
			next = earlier(next, second - JUDGE_US);
			next = earlier(next, director_pass_next_us(live));
			next = earlier(next, director_together_next_us(d, live));
		}
	}
	loop_timer_arm_us(d->timer, next);
}

/* What sounds while the clock cannot be believed might sound at midnight. */
static void hold(struct director *d, const struct clock_verdict *verdict) {
	faults_set(d->config.faults, "clock", verdict->reason, director_now(d));
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			enum stage stage = live->zones[i].stage;
			bool sounds = stage == STAGE_HANDED || stage == STAGE_PLAYING ||
				      stage == STAGE_PAUSED;
			if (live_run_urgent(live)) {
				continue;
			}
			if (sounds) {
				director_zone_cut(d, live, i, OUTCOME_CUT,
						  "the clock cannot be trusted any more");
			} else if (stage == STAGE_PLANNED && live->handed) {
				director_withdraw(d, live, i);
			}
		}
		if (!live_run_urgent(live)) {
			director_relay_hold(live);
		}
	}
}

void director_wake(void *director) {
	struct director *d = director;
	if (!d->started) {
		return;
	}
	int64_t now_us = director_now(d);
	struct clock_verdict verdict;
	clock_verdict_now(d->config.clock, &verdict);
	d->held = !verdict.trusted;
	if (d->held) {
		hold(d, &verdict);
	} else {
		faults_clear(d->config.faults, "clock");
		if (take_due(d, now_us)) {
			director_wake_soon(d);
		}
	}
	director_skip_owed(d);
	act_on_runs(d, now_us);
	director_sweep(d);
	director_pump(d);
	director_balance(d);
	director_amplifiers(d);
	settle(d);
	arm(d, now_us);
}

static void on_engine_events(void *arg, int fd, uint32_t events) {
	(void)fd;
	(void)events;
	struct director *d = arg;
	struct engine_event event;
	bool begun = director_begin(d);
	/* Where the core was held up, what begins now was not judged yet. */
	if (d->started && !d->held) {
		act_on_runs(d, director_now(d));
	}
	while (engine_next_event(d->config.engine, &event) > 0) {
		director_on_engine_event(d, &event);
	}
	director_commit(d, begun);
	director_wake(d);
}

/* Up to where the past is settled, where the record says up to mark_us. A box that was
 * off for a year must not write a year of missed runs before it can speak; a new one has
 * nothing to settle. What a clock that ran ahead has settled is to come yet; its runs are
 * claimed, and their claims refused. */
static int64_t settled_until(int64_t mark_us, int64_t now_us, bool trusted) {
	int64_t floor_us = now_us - SETTLE_MAX_US;
	if (mark_us >= floor_us) {
		return trusted ? earlier(mark_us, now_us) : mark_us;
	}
	if (mark_us != TIME_NONE) {
		log_warning(
			"%lld days have passed unheard; what was missed is recorded for "
			"the last %lld of them",
			(long long)((now_us - mark_us) / DAY_US),
			(long long)(SETTLE_MAX_US / DAY_US));
	}
	return floor_us;
}

static bool trusted_now(struct director *d) {
	struct clock_verdict verdict;
	clock_verdict_now(d->config.clock, &verdict);
	return verdict.trusted;
}

void director_clock_stepped(struct director *d) {
	int64_t now_us = director_now(d);
	log_notice("the clock was set, or its trust changed; the plan is made anew");
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		director_take_back(d, live);
	}
	bool trusted = trusted_now(d);
	int64_t mark_us = settled_until(planner_mark(d->planner), now_us, trusted);
	planner_reset(d->planner, d->config.tz, mark_us, trusted ? now_us : INT64_MAX);
	director_wake(d);
}

static int plan_schedules(struct director *d, struct error *err) {
	struct store_page page = {.limit = 1000};
	/* One that was saved by a clock that ran ahead need not wait for that time. */
	int64_t saved_us = trusted_now(d) ? director_now(d) : INT64_MAX;
	size_t n = 0;
	do {
		struct schedule *schedules = NULL;
		int rc = store_schedule_list(d->config.store, page, &schedules, &n, err);
		if (rc < 0) {
			return rc;
		}
		for (size_t i = 0; i < n; i++) {
			struct error bad = {0};
			page.after = schedules[i].id;
			director_skip_moved(d, &schedules[i]);
			rc = planner_put(d->planner, &schedules[i],
					 earlier(schedules[i].changed_us, saved_us),
					 &bad);
			if (rc < 0) {
				log_err("schedule %lld is left out: %s",
					(long long)schedules[i].id, bad.text);
			}
		}
		schedule_list_free(schedules, n);
	} while (n == (size_t)page.limit);
	return 0;
}

static int reopen_runs(struct director *d, struct error *err) {
	struct run *runs = NULL;
	size_t n = 0;
	int rc = store_run_open(d->config.store, &runs, &n, err);
	if (rc < 0) {
		return rc;
	}
	for (size_t i = 0; i < n; i++) {
		director_reopen(d, &runs[i]);
	}
	run_list_free(runs, n);
	return 0;
}

static int add_sources(struct director *d, struct error *err) {
	int rc = loop_add_timer(d->config.loop, CLOCK_REALTIME, director_wake, d,
				&d->timer, err);
	if (rc >= 0) {
		rc = loop_add_defer(d->config.loop, director_wake, d, &d->soon, err);
	}
	if (rc >= 0) {
		rc = loop_add_fd(d->config.loop, engine_event_fd(d->config.engine),
				 EPOLLIN, on_engine_events, d, &d->engine_events, err);
	}
	return rc;
}

int director_new(const struct director_config *config, struct director **ret,
		 struct error *err) {
	AUTO(director_free) struct director *d = calloc(1, sizeof(*d));
	if (d == NULL) {
		return error_set(err, ENOMEM, "no memory for the director");
	}
	d->config = *config;
	d->lead_us = LEAD_US;
	int64_t mark_us = TIME_NONE;
	int rc = store_mark_get(config->store, &mark_us, err);
	if (rc >= 0) {
		mark_us = settled_until(mark_us, director_now(d), trusted_now(d));
		rc = planner_new(config->tz, config->calendar, mark_us, &d->planner, err);
	}
	if (rc >= 0) {
		rc = director_zones_load(d, err);
	}
	if (rc >= 0) {
		rc = plan_schedules(d, err);
	}
	if (rc >= 0) {
		rc = reopen_runs(d, err);
	}
	if (rc >= 0) {
		rc = add_sources(d, err);
	}
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(d);
	return 0;
}

int director_start(struct director *d, struct error *err) {
	(void)err;
	d->started = true;
	director_wake_soon(d);
	return 0;
}

static void end_what_sounds(struct director *d) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			if (live->zones[i].stage == STAGE_PLANNED) {
				continue;
			}
			bool begun = live_run_begun(live, i);
			director_zone_end(
				d, live, i, begun ? OUTCOME_CUT : OUTCOME_MISSED,
				begun ? "the box was shut down"
				      : "the box was shut down while this waited",
				live_run_played_ms(live, i));
		}
	}
}

void director_free(struct director *d) {
	if (d == NULL) {
		return;
	}
	/* Whom it told is gone before it. */
	d->config.on_run = NULL;
	d->config.on_zone = NULL;
	d->config.on_sounding_began = NULL;
	d->config.on_sounding_ended = NULL;
	if (d->started) {
		struct error err = {0};
		bool joined = store_begin(d->config.store, &err) >= 0;
		end_what_sounds(d);
		d->record_again_ns = 0;
		settle(d);
		if (joined && store_commit(d->config.store, &err) < 0) {
			log_err("what sounded at the end could not be written: %s",
				err.text);
		}
	}
	director_content_forget(d);
	loop_source_free(d->timer);
	loop_source_free(d->soon);
	loop_source_free(d->engine_events);
	planner_free(d->planner);
	ids_done(&d->skips_owed);
	while (d->runs != NULL) {
		struct live_run *live = d->runs;
		d->runs = live->next;
		live_run_free(live);
	}
	director_zones_free(d);
	free(d);
}

static void cancel_of_schedule(struct director *d, int64_t schedule, const char *reason) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (live->run.schedule != schedule) {
			continue;
		}
		for (size_t i = 0; i < live->run.n_zones; i++) {
			enum stage stage = live->zones[i].stage;
			if (stage == STAGE_PLANNED || stage == STAGE_WAITING) {
				director_zone_cut(d, live, i, OUTCOME_CANCELLED, reason);
			}
		}
	}
}

void director_schedule_changed(struct director *d, int64_t id) {
	struct error err = {0};
	struct schedule schedule = {0};
	int rc = store_schedule_get(d->config.store, id, &schedule, &err);
	if (rc == -ENOENT) {
		planner_remove(d->planner, id);
		cancel_of_schedule(d, id, "its schedule was deleted");
	} else if (rc >= 0) {
		/* Under a clock that cannot be believed: saved when it can be again. */
		rc = planner_put(d->planner, &schedule,
				 trusted_now(d) ? director_now(d) : INT64_MAX, &err);
		if (!schedule.enabled) {
			cancel_of_schedule(d, id, "its schedule was switched off");
		}
		director_tell_void(d, &schedule);
	}
	if (rc < 0 && rc != -ENOENT) {
		log_err("schedule %lld could not be planned: %s", (long long)id,
			err.text);
	}
	schedule_done(&schedule);
	director_wake_soon(d);
}

void director_calendar_changed(struct director *d) {
	/* Under a clock that cannot be believed: the plan is made anew when it can be. */
	if (trusted_now(d)) {
		planner_replan(d->planner, director_now(d));
	}
	director_tell_all_void(d);
	director_wake_soon(d);
}

void director_overrides_changed(struct director *d, int64_t schedule) {
	struct error err = {0};
	AUTO(schedule_done) struct schedule s = {0};
	int rc = store_schedule_get(d->config.store, schedule, &s, &err);
	if (rc >= 0) {
		director_skip_moved(d, &s);
		rc = planner_put_overrides(d->planner, &s, &err);
	}
	if (rc < 0 && rc != -ENOENT) {
		log_err("what schedule %lld does just once could not be planned: %s",
			(long long)schedule, err.text);
	}
	director_wake_soon(d);
}

void director_announcement_changed(struct director *d, int64_t id) {
	struct error err = {0};
	struct announcement announcement = {0};
	if (store_announcement_get(d->config.store, id, &announcement, &err) >= 0) {
		director_content_prepare(d, &announcement.content, announcement.author);
	}
	announcement_done(&announcement);
}

static int push_content(struct director *d, const struct director_push *push,
			struct run *run, struct error *err) {
	if (push->announcement == 0) {
		run->title = strdup(push->title != NULL ? push->title : "");
		run->resume = RESUME_DROP;
		run->expires_us = TIME_NONE;
		return content_copy(push->content, &run->content) < 0
			       ? error_set(err, ENOMEM, "no memory for a run")
			       : 0;
	}
	struct announcement announcement = {0};
	int rc = store_announcement_get(d->config.store, push->announcement,
					&announcement, err);
	if (rc < 0) {
		return rc;
	}
	run->announcement = announcement.id;
	run->title = push->title != NULL ? strdup(push->title) : MOVE(announcement.title);
	run->content = announcement.content;
	announcement.content = (struct content){0};
	run->resume = announcement.resume;
	run->expires_us = announcement.expires_us;
	announcement_done(&announcement);
	if (run->expires_us != TIME_NONE && run->due_us >= run->expires_us) {
		return error_set_field(err, EINVAL, "announcement",
				       "the announcement '%s' has expired by then; "
				       "change 'expires' first",
				       run->title);
	}
	return 0;
}

int director_refused(struct director *d, const struct run *run, struct error *err) {
	struct clock_verdict verdict;
	clock_verdict_now(d->config.clock, &verdict);
	if (!verdict.trusted) {
		return error_set(err, EPERM, "nothing can be played now: %s",
				 verdict.reason);
	}
	for (size_t i = 0; i < run->n_zones; i++) {
		if (!outcome_final(run->zones[i].outcome)) {
			return 0;
		}
	}
	return error_set_field(err, EPERM, "zones", "not played: %s",
			       run->n_zones > 0 ? run->zones[0].reason
						: "no zone is meant");
}

int director_push(struct director *d, const struct director_push *push, int64_t *ret_run,
		  struct error *err) {
	AUTO(run_done)
	struct run run = {
		.class = push->class,
		.created_us = director_now(d),
		.expires_us = TIME_NONE,
	};
	run.due_us = push->at_us == TIME_NONE ? run.created_us : push->at_us;
	run.source = strdup(push->source);
	run.author = strdup(push->author);
	int rc = push_content(d, push, &run, err);
	if (rc >= 0) {
		rc = director_run_zones(d, &run, push->zones, run.due_us, false, err);
	}
	if (rc >= 0) {
		rc = director_refused(d, &run, err);
	}
	struct live_run *live = NULL;
	if (rc >= 0) {
		rc = director_admit(d, &run, NULL, &live, err);
	}
	if (rc < 0) {
		return rc;
	}
	live->written = true;
	live->changed = true;
	*ret_run = live->run.id;
	/* Now, not soon: every millisecond is heard. */
	director_wake(d);
	return 0;
}

static bool stop_in(struct director *d, struct live_run *live, const struct ids *zones,
		    const char *reason) {
	bool any = false;
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].stage != STAGE_ENDED &&
		    (zones == NULL || ids_has(zones, live->run.zones[i].zone))) {
			director_zone_cut(d, live, i, OUTCOME_CUT, reason);
			any = true;
		}
	}
	return any;
}

int director_stop_run(struct director *d, int64_t run, const char *author,
		      struct error *err) {
	char reason[256];
	str_format(reason, sizeof(reason), "stopped by %s", author);
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (live->run.id == run && !live_run_ended(live)) {
			bool begun = director_begin(d);
			stop_in(d, live, NULL, reason);
			director_commit(d, begun);
			return 0;
		}
	}
	struct run row = {0};
	int rc = store_run_get(d->config.store, run, &row, err);
	run_done(&row);
	return rc < 0 ? rc
		      : error_set(err, EALREADY, "run %lld has ended", (long long)run);
}

int director_stop_zones(struct director *d, const struct ids *zones, const char *author) {
	char reason[256];
	str_format(reason, sizeof(reason), "stopped by %s", author);
	int n = 0;
	bool begun = director_begin(d);
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (live->judged) {
			n += stop_in(d, live, zones, reason);
		}
	}
	director_commit(d, begun);
	return n;
}
