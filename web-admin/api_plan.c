/* api_plan.c - what the next days will sound like: of the schedules as they are saved
 * (GET), or with others in their place or beside them (POST {schedules: [...]}); as JSON,
 * or as a calendar that others can read (/plan.ics). Nothing is written. */
#include "api_schedules.h"
#include "plan_render.h"

#include "base/str.h"

#include <string.h>

#define DAYS_DEFAULT 7
#define DRAFTS_MAX 100
#define ICS_TYPE "text/calendar; charset=utf-8"

/* n days later, at the same time by the wall; at the midnight before that. */
static int64_t days_on(const struct tz *tz, int64_t us, int64_t n, bool midnight) {
	struct civil c;
	tz_to_civil(tz, us / 1000000, &c);
	int64_t day = civil_to_days(c.year, c.month, c.day) + n;
	if (midnight) {
		c = (struct civil){0};
	}
	civil_from_days(day, &c.year, &c.month, &c.day);
	return tz_from_civil(tz, &c) * 1000000;
}

/* RFC 3339 has no words for later years. */
static bool has_year(const struct tz *tz, int64_t us) {
	struct civil c;
	tz_to_civil(tz, us / 1000000, &c);
	return c.year <= 9999;
}

static int read_days(const struct request *r, struct plan_ask *ask, struct error *err) {
	const struct tz *tz = request_config(r)->tz;
	int64_t now_us = request_now_us(r);
	int64_t days = DAYS_DEFAULT;
	ask->from_us = now_us;
	int rc = request_query_time(r, "from", &ask->from_us, err);
	int to = rc < 0 ? rc : request_query_time(r, "to", &ask->until_us, err);
	rc = to < 0 ? to : request_query_int(r, "days", 1, PLAN_DAYS_MAX, &days, err);
	if (rc < 0) {
		return rc;
	}
	if (to > 0 && rc > 0) {
		return error_set_field(err, EINVAL, "days",
				       "say \"to\" or \"days\", not both");
	}
	ask->from_us = ask->from_us > now_us ? ask->from_us : now_us;
	if (to == 0) {
		ask->until_us = days_on(tz, ask->from_us, days, true);
	}
	if (!has_year(tz, ask->until_us)) {
		return error_set_field(err, EINVAL, to > 0 ? "to" : "from",
				       "a plan ends in the year 9999 at the latest");
	}
	if (ask->until_us <= ask->from_us) {
		return error_set_field(err, EINVAL, "to",
				       "\"to\" must be later than \"from\", and than "
				       "now: what was is in /runs");
	}
	if (ask->until_us > days_on(tz, ask->from_us, PLAN_DAYS_MAX, false)) {
		return error_set_field(err, EINVAL, "to", "a plan has at most %d days",
				       PLAN_DAYS_MAX);
	}
	return 0;
}

static int read_query(const struct request *r, struct plan_ask *ask, struct error *err) {
	AUTO(zone_done) struct zone zone = {0};
	int rc = read_days(r, ask, err);
	if (rc >= 0) {
		rc = request_query_int(r, "zone", 1, INT64_MAX, &ask->zone, err);
	}
	if (rc > 0) {
		rc = store_zone_get(request_config(r)->store, ask->zone, &zone, err);
	}
	return rc == -ENOENT
		       ? error_set_field(err, EINVAL, "zone", "there is no zone %lld",
					 (long long)ask->zone)
		       : rc;
}

/* One that is not saved: like the body of POST /schedules, or with an "id" like that of
 * PATCH, with which it takes the place of that schedule. */
static int read_draft(const struct request *r, const json_t *value, struct plan_ask *ask,
		      struct error *err) {
	int64_t id = 0;
	struct schedule *s = &ask->drafts[ask->n_drafts];
	if (!json_is_object(value)) {
		return error_set(err, EINVAL, "it must be an object");
	}
	int rc = field_int(value, "id", OPTIONAL, 1, INT64_MAX, &id, err);
	if (rc < 0) {
		return rc;
	}
	for (size_t i = 0; id != 0 && i < ask->n_drafts; i++) {
		if (ask->drafts[i].id == id) {
			return error_set_field(err, EINVAL, "id",
					       "schedule %lld stands here twice",
					       (long long)id);
		}
	}
	if (id == 0) {
		api_schedule_begin(r, s);
		ask->n_drafts++;
	} else {
		rc = store_schedule_get(request_config(r)->store, id, s, err);
		if (rc < 0) {
			return rc == -ENOENT ? error_set_field(err, EINVAL, "id",
							       "there is no schedule "
							       "%lld",
							       (long long)id)
					     : rc;
		}
		ask->n_drafts++;
	}
	json_t *body = json_deep_copy(value);
	if (body == NULL) {
		return error_set(err, ENOMEM, "no memory for a schedule");
	}
	json_object_del(body, "id");
	rc = api_schedule_read(r, body, id == 0 ? REQUIRED : OPTIONAL, s, err);
	json_decref(body);
	return rc;
}

static int read_drafts(const struct request *r, struct plan_ask *ask, struct error *err) {
	static const char *const names[] = {"schedules", NULL};
	json_t *array = NULL;
	int rc = fields_known(request_body(r), names, err);
	if (rc >= 0) {
		rc = field_array(request_body(r), "schedules", REQUIRED, DRAFTS_MAX,
				 &array, err);
	}
	if (rc < 0) {
		return rc;
	}
	ask->drafts = calloc(json_array_size(array) + 1, sizeof(*ask->drafts));
	if (ask->drafts == NULL) {
		return error_set(err, ENOMEM, "no memory for a plan");
	}
	for (size_t i = 0; i < json_array_size(array); i++) {
		struct error why = {0};
		rc = read_draft(r, json_array_get(array, i), ask, &why);
		if (rc < 0) {
			char field[ERROR_FIELD_SIZE];
			str_format(field, sizeof(field), "schedules[%zu]%s%s", i,
				   why.field[0] != '\0' ? "." : "", why.field);
			return error_set_field(err, why.code, field, "schedules[%zu]: %s",
					       i, why.text);
		}
	}
	return 0;
}

static void on_json(void *arg, struct str *text, const struct error *err) {
	if (err != NULL) {
		reply_error(arg, err);
	} else {
		reply_text(arg, "application/json", text);
	}
}

static void on_ics(void *arg, struct str *text, const struct error *err) {
	if (err != NULL) {
		reply_error(arg, err);
	} else {
		reply_text(arg, ICS_TYPE, text);
	}
}

static void answer(struct request *r, bool drafts, admin_plan_render_fn render,
		   admin_plan_fn done) {
	const struct admin_config *config = request_config(r);
	AUTO(plan_ask_done) struct plan_ask ask = {.from_us = TIME_NONE};
	struct error err = {0};
	if (read_query(r, &ask, &err) < 0 || (drafts && read_drafts(r, &ask, &err) < 0)) {
		reply_error(r, &err);
		return;
	}
	request_defer(r);
	if (config->ops->plan(config->ctx, &ask, render, done, r, &err) < 0) {
		reply_error(r, &err);
	}
}

static void get_plan(struct request *r) {
	answer(r, false, plan_json, on_json);
}

static void post_plan(struct request *r) {
	answer(r, true, plan_json, on_json);
}

static void get_plan_ics(struct request *r) {
	answer(r, false, plan_ics, on_ics);
}

const struct route *api_plan_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/plan", BODY_NONE, "from to days zone", 0, get_plan},
		{METHOD_POST, "/plan", BODY_JSON, "from to days zone", ROUTE_SECRET,
		 post_plan},
		{METHOD_GET, "/plan.ics", BODY_NONE, "from to days zone", 0,
		 get_plan_ics},
		{.path = NULL},
	};
	return routes;
}
