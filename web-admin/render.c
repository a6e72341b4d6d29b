/* render.c - see render.h. */
#include "render.h"

#include "schedule/rule_words.h"

json_t *render_time(const struct tz *tz, int64_t us) {
	if (us == TIME_NONE) {
		return json_null();
	}
	char text[RFC3339_SIZE];
	rfc3339_format(tz, us, text);
	return json_string(text);
}

static json_t *render_id(int64_t id) {
	return id != 0 ? json_integer(id) : json_null();
}

static json_t *render_run_zone(const struct tz *tz, const struct run_zone *rz) {
	bool began = rz->started_us != TIME_NONE;
	return json_pack("{s:I, s:s?, s:s, s:s?, s:o, s:o, s:I, s:o}", "zone",
			 (json_int_t)rz->zone, "name", rz->zone_name, "outcome",
			 outcome_name(rz->outcome), "reason", rz->reason, "started",
			 render_time(tz, rz->started_us), "late_ms",
			 began ? json_integer(rz->late_ms) : json_null(), "played_ms",
			 (json_int_t)rz->played_ms, "recording",
			 render_id(rz->recording));
}

json_t *render_run(const struct tz *tz, const struct run *run) {
	json_t *zones = json_array();
	for (size_t i = 0; i < run->n_zones; i++) {
		if (json_array_append_new(zones, render_run_zone(tz, &run->zones[i])) <
		    0) {
			json_decref(zones);
			return NULL;
		}
	}
	bool alert = run->alert != 0;
	return json_pack(
		"{s:I, s:s, s:o, s:o, s:o, s:s?, s:s?, s:s?, s:s, s:s, s:o, s:o, s:o, "
		"s:s?, s:o}",
		"id", (json_int_t)run->id, "source", run->source, "schedule",
		render_id(run->schedule), "alert", render_id(run->alert), "announcement",
		render_id(run->announcement), "severity",
		alert ? severity_name(run->severity) : NULL, "level",
		alert ? alert_level_name(run->level) : NULL, "title", run->title, "class",
		run_class_name(run->class), "state", outcome_name(run->state), "due",
		render_time(tz, run->due_us), "moved_from",
		render_time(tz, run->moved_from_us != 0 ? run->moved_from_us : TIME_NONE),
		"created", render_time(tz, run->created_us), "author", run->author,
		"zones", zones);
}

json_t *render_override(const struct series *series, const struct override *o) {
	const struct tz *tz = series->tz;
	return json_pack("{s:I, s:I, s:o, s:s, s:o, s:o, s:b, s:o, s:s?}", "id",
			 (json_int_t)o->id, "schedule", (json_int_t)o->schedule, "due",
			 render_time(tz, o->due_us), "action",
			 override_action_name(o->action), "to", render_time(tz, o->to_us),
			 "announcement", render_id(o->announcement), "void",
			 !override_holds(series, o), "created",
			 render_time(tz, o->created_us), "author", o->author);
}

static json_t *render_ids(const struct ids *ids) {
	json_t *items = json_array();
	for (size_t i = 0; i < ids->n; i++) {
		json_array_append_new(items, json_integer(ids->items[i]));
	}
	return items;
}

static json_t *render_texts(const struct texts *texts) {
	json_t *items = json_array();
	for (size_t i = 0; i < texts->n; i++) {
		json_array_append_new(items, json_string(texts->items[i]));
	}
	return items;
}

json_t *render_alert(const struct tz *tz, const struct alert *a) {
	return json_pack(
		"{s:I, s:s, s:s?, s:s?, s:s?, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:o, "
		"s:o, s:o, s:s?, s:o, s:b, s:s?}",
		"id", (json_int_t)a->id, "state", alert_state_name(a->state), "headline",
		a->headline, "text", a->text, "clip", a->clip, "severity",
		severity_name(a->severity), "level", alert_level_name(a->level), "zones",
		render_ids(&a->resolved), "areas", render_texts(&a->areas),
		"repeat_every_s",
		a->repeat_every_s >= 0 ? json_integer(a->repeat_every_s) : json_null(),
		"expires", render_time(tz, a->expires_us), "drill", a->drill, "updates",
		render_id(a->updates), "created", render_time(tz, a->created_us), "ended",
		render_time(tz, a->ended_us), "ended_by", a->ended_by, "first_sound_ms",
		a->first_sound_ms >= 0 ? json_integer(a->first_sound_ms) : json_null(),
		"on_disk", a->on_disk, "author", a->author);
}

static const char *zone_state_name(enum admin_zone_state state) {
	static const char *const names[] = {
		[ADMIN_ZONE_IDLE] = "idle",
		[ADMIN_ZONE_PLAYING] = "playing",
		[ADMIN_ZONE_FAULT] = "fault",
		[ADMIN_ZONE_MUTED] = "muted",
	};
	return names[state];
}

static json_t *render_queue(const struct admin_zone_status *status) {
	json_t *queue = json_array();
	for (size_t i = 0; i < status->n_queue; i++) {
		const struct admin_queued *q = &status->queue[i];
		json_t *item = json_pack("{s:o, s:s, s:s, s:b}", "run", render_id(q->run),
					 "title", q->title, "class",
					 run_class_name(q->class), "paused", q->paused);
		if (json_array_append_new(queue, item) < 0) {
			json_decref(queue);
			return NULL;
		}
	}
	return queue;
}

json_t *render_zone_status(const struct zone *zone,
			   const struct admin_zone_status *status) {
	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:s?, s:f, s:I, s:o}", "id",
			 (json_int_t)zone->id, "name", zone->name, "state",
			 zone_state_name(status->state), "run", render_id(status->run),
			 "ducked", render_id(status->ducked), "fault",
			 status->fault[0] != '\0' ? status->fault : NULL, "level_db",
			 status->level_db, "waiting", (json_int_t)status->waiting,
			 "queue", render_queue(status));
}

json_t *render_fault(const struct tz *tz, const struct admin_fault *fault) {
	return json_pack("{s:s, s:s, s:o}", "source", fault->source, "text", fault->text,
			 "since", render_time(tz, fault->since_us));
}

json_t *render_clock(const struct tz *tz, const struct admin_clock *clock) {
	return json_pack("{s:o, s:b, s:s}", "now", render_time(tz, clock->now_us),
			 "trusted", clock->trusted, "reason", clock->reason);
}

json_t *render_sentence(const struct rule *rule) {
	AUTO(str_done) struct str zh = STR_INIT;
	AUTO(str_done) struct str en = STR_INIT;
	if (rule_sentence(rule, RULE_ZH, &zh) < 0 ||
	    rule_sentence(rule, RULE_EN, &en) < 0) {
		return NULL;
	}
	return json_pack("{s:s, s:s}", "zh", zh.data, "en", en.data);
}

/* Both languages have something to say, or neither. */
static json_t *render_both(int rc, const struct str *zh, const struct str *en) {
	return rc < 0    ? NULL
	       : rc == 0 ? json_null()
			 : json_pack("{s:s, s:s}", "zh", zh->data, "en", en->data);
}

json_t *render_notice(const struct admin_config *config, const struct rule *rule,
		      int64_t from_us, int64_t to_us) {
	AUTO(str_done) struct str zh = STR_INIT;
	AUTO(str_done) struct str en = STR_INIT;
	int rc = rule_notice(rule, config->tz, config->calendar, from_us, to_us, RULE_ZH,
			     &zh);
	if (rc > 0) {
		rc = rule_notice(rule, config->tz, config->calendar, from_us, to_us,
				 RULE_EN, &en);
	}
	return render_both(rc, &zh, &en);
}

static int year_of(const struct tz *tz, int64_t us) {
	struct civil c;
	tz_to_civil(tz, us / 1000000, &c);
	return c.year;
}

json_t *render_holidays(const struct admin_config *config, int64_t now_us) {
	AUTO(str_done) struct str zh = STR_INIT;
	AUTO(str_done) struct str en = STR_INIT;
	int64_t soon_us = now_us + SOON_US;
	int rc = calendar_notice(config->tz, config->calendar, now_us, soon_us, RULE_ZH,
				 &zh);
	if (rc > 0) {
		rc = calendar_notice(config->tz, config->calendar, now_us, soon_us,
				     RULE_EN, &en);
	}
	json_t *years = json_array();
	json_t *missing = json_array();
	for (int year = HOLIDAYS_YEAR_MIN; year <= HOLIDAYS_YEAR_MAX; year++) {
		if (calendar_knows(config->calendar, year)) {
			json_array_append_new(years, json_integer(year));
		}
	}
	for (int year = year_of(config->tz, now_us); year <= year_of(config->tz, soon_us);
	     year++) {
		if (!calendar_knows(config->calendar, year)) {
			json_array_append_new(missing, json_integer(year));
		}
	}
	return json_pack("{s:o, s:o, s:o}", "years", years, "missing", missing, "notice",
			 render_both(rc, &zh, &en));
}
