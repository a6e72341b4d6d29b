/* render.c - see render.h. */
#include "render.h"

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
	return json_pack("{s:I, s:s?, s:s, s:s?, s:o, s:o, s:I}", "zone",
			 (json_int_t)rz->zone, "name", rz->zone_name, "outcome",
			 outcome_name(rz->outcome), "reason", rz->reason, "started",
			 render_time(tz, rz->started_us), "late_ms",
			 began ? json_integer(rz->late_ms) : json_null(), "played_ms",
			 (json_int_t)rz->played_ms);
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
	return json_pack(
		"{s:I, s:s, s:o, s:o, s:s?, s:s, s:s, s:o, s:o, s:s?, s:o}", "id",
		(json_int_t)run->id, "source", run->source, "schedule",
		render_id(run->schedule), "announcement", render_id(run->announcement),
		"title", run->title, "class", run_class_name(run->class), "state",
		outcome_name(run->state), "due", render_time(tz, run->due_us), "created",
		render_time(tz, run->created_us), "author", run->author, "zones", zones);
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
