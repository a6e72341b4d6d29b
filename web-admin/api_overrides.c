/* api_overrides.c - just this once: {due, action: skip/move/replace, to, announcement}
 * for one occurrence of a schedule. */
#include "fields.h"
#include "list.h"
#include "render.h"

#include "schedule/priority.h"

#include <string.h>

#define YEAR_US (366 * 86400 * 1000000LL)

/* A schedule, and all that its occurrences depend on. */
struct view {
	struct schedule schedule;
	struct rule *rule;
	struct series series;
};

static void view_done(struct view *v) {
	schedule_done(&v->schedule);
	rule_free(v->rule);
}
DEFINE_AUTO_DONE(struct view, view_done)

static int view_load(const struct request *r, int64_t schedule, struct view *ret,
		     struct error *err) {
	const struct admin_config *config = request_config(r);
	int rc = store_schedule_get(config->store, schedule, &ret->schedule, err);
	if (rc >= 0) {
		rc = rule_parse(ret->schedule.rule, &ret->rule, err);
	}
	ret->series =
		(struct series){&ret->schedule, ret->rule, config->tz, config->calendar};
	return rc < 0 ? rc : 0;
}

static void when(const struct request *r, int64_t us, char ret[RFC3339_SIZE]) {
	rfc3339_format(request_config(r)->tz, us, ret);
}

/* -------------------------------------------------------------------------- the body */

static int read_action(const json_t *body, struct override *o, struct error *err) {
	AUTO(free) char *name = NULL;
	int rc = field_text(body, "action", REQUIRED, 1, 20, &name, err);
	if (rc >= 0 && override_action_parse(name, &o->action) < 0) {
		rc = error_set_field(err, EINVAL, "action",
				     "\"action\" is skip, move or replace");
	}
	return rc;
}

static int check_action(const struct override *o, struct error *err) {
	bool moved = o->to_us != TIME_NONE;
	if (o->action == OVERRIDE_SKIP && (moved || o->announcement != 0)) {
		return error_set_field(err, EINVAL, moved ? "to" : "announcement",
				       "what is skipped has neither \"to\" nor "
				       "\"announcement\"");
	}
	if (o->action == OVERRIDE_MOVE && !moved) {
		return error_set_field(err, EINVAL, "to",
				       "say in \"to\" when it sounds instead");
	}
	if (o->action == OVERRIDE_REPLACE && o->announcement == 0) {
		return error_set_field(err, EINVAL, "announcement",
				       "say in \"announcement\" what it says instead");
	}
	return 0;
}

static int read_override(const struct request *r, struct override *o, struct error *err) {
	static const char *const names[] = {"due", "action", "to", "announcement", NULL};
	const json_t *body = request_body(r);
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_time(body, "due", REQUIRED, &o->due_us, err);
	}
	if (rc >= 0) {
		rc = read_action(body, o, err);
	}
	if (rc >= 0) {
		rc = field_time(body, "to", OPTIONAL, &o->to_us, err);
	}
	if (rc >= 0) {
		rc = field_int(body, "announcement", OPTIONAL, 1, INT64_MAX,
			       &o->announcement, err);
	}
	return rc < 0 ? rc : check_action(o, err);
}

/* Where it is due by the rule, or what is next to it. */
static int check_due(const struct request *r, const struct view *v, int64_t due_us,
		     struct error *err) {
	if (series_is_due(&v->series, due_us)) {
		return 0;
	}
	int64_t before_us = series_due_before(&v->series, due_us);
	int64_t after_us = series_due_after(&v->series, due_us);
	char at[RFC3339_SIZE];
	char before[RFC3339_SIZE] = "";
	char after[RFC3339_SIZE] = "";
	when(r, due_us, at);
	if (before_us > request_now_us(r)) {
		when(r, before_us, before);
	}
	if (after_us != INT64_MAX) {
		when(r, after_us, after);
	}
	if (before[0] == '\0' && after[0] == '\0') {
		return error_set_field(err, EINVAL, "due",
				       "it is not due at %s, nor at any time to come",
				       at);
	}
	return error_set_field(
		err, EINVAL, "due", "it is not due at %s, but at %s%s%s", at, before,
		before[0] != '\0' && after[0] != '\0' ? " and " : "", after);
}

/* 409 where its run is there; nobody can change what is claimed. */
static int check_free(const struct request *r, int64_t schedule, int64_t due_us,
		      struct error *err) {
	int64_t run = 0;
	int rc = store_run_of(request_config(r)->store, schedule, due_us, &run, err);
	if (rc >= 0 && run != 0) {
		rc = error_set_field(err, EALREADY, "due",
				     "run %lld is made of it already; stop that with "
				     "POST /runs/%lld/stop where it has not ended",
				     (long long)run, (long long)run);
	}
	return rc;
}

static int check_to(const struct request *r, const struct override *o,
		    struct error *err) {
	if (o->to_us == TIME_NONE) {
		return 0;
	}
	char now[RFC3339_SIZE];
	when(r, request_now_us(r), now);
	if (o->to_us == o->due_us) {
		return error_set_field(err, EINVAL, "to",
				       "\"to\" is when it is due anyway");
	}
	if (o->to_us <= request_now_us(r)) {
		return error_set_field(err, EINVAL, "to", "\"to\" is past; it is %s now",
				       now);
	}
	if (o->to_us > o->due_us + YEAR_US || o->to_us < o->due_us - YEAR_US) {
		return error_set_field(err, EINVAL, "to",
				       "\"to\" is more than a year from \"due\"");
	}
	return 0;
}

/* Of the schedule itself nothing else may sound then. */
static int check_place(const struct request *r, const struct view *v, int64_t due_us,
		       int64_t at_us, struct error *err) {
	if (!series_taken(&v->series, due_us, at_us)) {
		return 0;
	}
	char at[RFC3339_SIZE];
	when(r, at_us, at);
	return error_set_field(err, EEXIST, at_us != due_us ? "to" : "due",
			       "another occurrence of the schedule sounds at %s; skip or "
			       "move that first",
			       at);
}

/* Its time is to come: by the rule, or where it was moved to. */
static int check_time(const struct request *r, const struct view *v,
		      const struct override *o, struct error *err) {
	const struct override *former = schedule_override(&v->schedule, o->due_us);
	bool waits = former != NULL && former->passed;
	if (waits && o->action != OVERRIDE_SKIP && o->to_us == TIME_NONE) {
		return error_set_field(err, EINVAL, "to",
				       "its own time is over; say in \"to\" when it "
				       "sounds");
	}
	if (waits) {
		return 0;
	}
	if (o->due_us <= request_now_us(r)) {
		return error_set_field(
			err, EINVAL, "due",
			"\"due\" is past; what has been cannot be changed");
	}
	return check_due(r, v, o->due_us, err);
}

static int check_override(const struct request *r, const struct view *v,
			  const struct override *o, struct error *err) {
	int rc = check_time(r, v, o, err);
	if (rc >= 0) {
		rc = check_free(r, o->schedule, o->due_us, err);
	}
	if (rc >= 0) {
		rc = check_to(r, o, err);
	}
	if (rc >= 0 && o->action != OVERRIDE_SKIP) {
		rc = check_place(r, v, o->due_us,
				 o->to_us != TIME_NONE ? o->to_us : o->due_us, err);
	}
	return rc;
}

/* -------------------------------------------------------------------------- warnings */

/* The zones that are quiet then, by the minute of the day; how many are not. */
static int warn_of_quiet(const struct request *r, const struct view *v, int64_t at_us,
			 json_t *warnings, size_t *ret_loud, struct error *err) {
	const struct admin_config *config = request_config(r);
	AUTO(ids_done) struct ids zones = {0};
	struct civil civil;
	int rc = store_targets_resolve(config->store, &v->schedule.zones,
				       &v->schedule.areas, &zones, err);
	tz_to_civil(config->tz, at_us / 1000000, &civil);
	*ret_loud = 0;
	for (size_t i = 0; rc >= 0 && i < zones.n; i++) {
		AUTO(zone_done) struct zone zone = {0};
		size_t span = 0;
		rc = store_zone_get(config->store, zones.items[i], &zone, err);
		if (rc < 0) {
			break;
		}
		if (quiet_at(zone.quiet, zone.n_quiet, civil.hour * 60 + civil.minute,
			     &span)) {
			char words[512];
			quiet_words(&zone.quiet[span], zone.name, words, sizeof(words));
			json_array_append_new(
				warnings, json_sprintf("it will be skipped: %s", words));
		} else {
			++*ret_loud;
		}
	}
	return rc;
}

/* What keeps it from being heard at its time, besides what is known then only. */
static int find_warnings(const struct request *r, const struct view *v,
			 const struct override *o, json_t *warnings, size_t *ret_loud,
			 struct error *err) {
	AUTO(announcement_done) struct announcement a = {0};
	int64_t at_us = o->to_us != TIME_NONE ? o->to_us : o->due_us;
	int64_t id = o->announcement != 0 ? o->announcement : v->schedule.announcement;
	*ret_loud = 1;
	if (o->action == OVERRIDE_SKIP) {
		return 0;
	}
	int rc = store_announcement_get(request_config(r)->store, id, &a, err);
	if (rc == -ENOENT) {
		return error_set_field(err, EINVAL, "announcement",
				       "there is no announcement %lld", (long long)id);
	}
	if (rc >= 0 && a.expires_us != TIME_NONE && at_us >= a.expires_us) {
		json_array_append_new(
			warnings,
			json_sprintf("the announcement '%s' has expired by then",
				     a.title));
	}
	if (rc >= 0 && !v->schedule.enabled) {
		json_array_append_new(warnings,
				      json_string("the schedule is switched off"));
	}
	return rc < 0 ? rc : warn_of_quiet(r, v, at_us, warnings, ret_loud, err);
}

/* ----------------------------------------------------------------------------- calls */

static void reply_override(struct request *r, const struct override *o, bool created,
			   json_t *warnings) {
	AUTO(view_done) struct view v = {0};
	struct error err = {0};
	/* As it is now, itself among the overrides. */
	if (view_load(r, o->schedule, &v, &err) < 0) {
		json_decref(warnings);
		reply_error(r, &err);
		return;
	}
	const struct override *is = schedule_override(&v.schedule, o->due_us);
	json_t *body = render_override(&v.series, is != NULL ? is : o);
	json_object_set_new(body, "warnings", warnings);
	if (created) {
		reply_created(r, body, "/overrides/%lld", (long long)o->id);
	} else {
		reply_json(r, 200, body);
	}
}

static int accept_override(struct request *r, struct override *o, json_t *warnings,
			   struct error *err) {
	AUTO(view_done) struct view v = {0};
	size_t loud = 0;
	int rc = view_load(r, o->schedule, &v, err);
	if (rc >= 0) {
		rc = read_override(r, o, err);
	}
	if (rc >= 0) {
		rc = check_override(r, &v, o, err);
	}
	if (rc >= 0) {
		rc = find_warnings(r, &v, o, warnings, &loud, err);
	}
	if (rc >= 0 && loud == 0 && o->to_us != TIME_NONE) {
		return error_set_field(err, EINVAL, "to",
				       "it would sound nowhere: all of its zones have "
				       "their quiet hours at that time");
	}
	return rc < 0 ? rc : store_override_put(request_config(r)->store, o, err);
}

static void post_override(struct request *r) {
	AUTO(override_done)
	struct override o = {
		.schedule = request_id(r),
		.to_us = TIME_NONE,
		.created_us = request_now_us(r),
		.author = strdup(request_who(r)),
	};
	struct error err = {0};
	json_t *warnings = json_array();
	int rc = accept_override(r, &o, warnings, &err);
	if (rc < 0) {
		json_decref(warnings);
		reply_error(r, &err);
		return;
	}
	if (rc > 0) {
		request_changed(r, ADMIN_OVERRIDES, o.schedule);
	}
	reply_override(r, &o, rc > 0, warnings);
}

static void get_overrides(struct request *r) {
	AUTO(view_done) struct view v = {0};
	struct error err = {0};
	struct store_page page;
	struct override *overrides = NULL;
	size_t n = 0;
	if (list_page(r, &page, &err) < 0 || view_load(r, request_id(r), &v, &err) < 0 ||
	    store_override_list(request_config(r)->store, request_id(r), page, &overrides,
				&n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_override(&v.series, &overrides[i]));
	}
	list_reply(r, &page, items, n, n > 0 ? overrides[n - 1].id : 0);
	override_list_free(overrides, n);
}

static void get_override(struct request *r) {
	AUTO(override_done) struct override o = {0};
	AUTO(view_done) struct view v = {0};
	struct error err = {0};
	json_t *warnings = json_array();
	size_t loud = 0;
	int rc = store_override_get(request_config(r)->store, request_id(r), &o, &err);
	if (rc >= 0) {
		rc = view_load(r, o.schedule, &v, &err);
	}
	if (rc >= 0) {
		rc = find_warnings(r, &v, &o, warnings, &loud, &err);
	}
	if (rc < 0) {
		json_decref(warnings);
		reply_error(r, &err);
		return;
	}
	reply_override(r, &o, false, warnings);
}

/* Its occurrence keeps the time of the rule again: that must be to come, and free. */
static int check_delete(const struct request *r, const struct override *o,
			struct error *err) {
	AUTO(view_done) struct view v = {0};
	int64_t now_us = request_now_us(r);
	int rc = view_load(r, o->schedule, &v, err);
	if (rc < 0 || (o->due_us <= now_us && (!o->passed || o->to_us <= now_us))) {
		return rc; /* it is over, and has nothing to do any more */
	}
	rc = check_free(r, o->schedule, o->due_us, err);
	if (rc >= 0 && o->passed) {
		rc = error_set_field(err, EPERM, "due",
				     "its own time is over; skip it, or move it "
				     "elsewhere, instead");
	}
	bool holds = rc >= 0 && override_holds(&v.series, o);
	return rc < 0 || !holds ? rc : check_place(r, &v, o->due_us, o->due_us, err);
}

static void delete_override(struct request *r) {
	AUTO(override_done) struct override o = {0};
	struct store *store = request_config(r)->store;
	struct error err = {0};
	if (store_override_get(store, request_id(r), &o, &err) < 0 ||
	    check_delete(r, &o, &err) < 0 ||
	    store_override_delete(store, o.id, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_OVERRIDES, o.schedule);
	reply_empty(r);
}

const struct route *api_overrides_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/schedules/{id}/overrides", BODY_NONE, "limit cursor", 0,
		 get_overrides},
		{METHOD_POST, "/schedules/{id}/overrides", BODY_JSON, NULL, 0,
		 post_override},
		{METHOD_GET, "/overrides/{id}", BODY_NONE, NULL, 0, get_override},
		{METHOD_DELETE, "/overrides/{id}", BODY_NONE, NULL, 0, delete_override},
		{.path = NULL},
	};
	return routes;
}
