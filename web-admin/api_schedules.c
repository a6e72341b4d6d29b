/* api_schedules.c - when to say it: {announcement, zones, areas, rule, from, until,
 * class, missed, conflict, enabled}. */
#include "api_schedules.h"

#include "list.h"
#include "render.h"
#include "targets.h"

#include "schedule/rule.h"

#include <string.h>

#define RULE_MAX_CHARS 1000
#define WITHIN_MAX_S 604800 /* a week */
#define COUNT_MAX 1000

static struct series series_of(const struct request *r, const struct schedule *s,
			       const struct rule *rule) {
	return (struct series){s, rule, request_config(r)->tz,
			       request_config(r)->calendar};
}

static bool is_skipped(const struct occurrence *o) {
	return o->override != NULL && o->override->action == OVERRIDE_SKIP;
}

/* The next occurrence, skipped ones among them; false where there is none. */
static bool next_of(const struct series *s, struct occurrence *at) {
	return s->schedule->enabled && series_next(s, at);
}

static json_t *render_next(const struct series *s, int64_t now_us) {
	struct occurrence o = {.due_us = INT64_MAX, .at_us = now_us};
	bool any = next_of(s, &o);
	while (any && is_skipped(&o)) {
		any = next_of(s, &o);
	}
	return render_time(s->tz, any ? o.at_us : TIME_NONE);
}

/* Those that have something to do yet. */
static json_t *render_overrides(const struct series *s, int64_t now_us) {
	json_t *items = json_array();
	for (size_t i = 0; i < s->schedule->n_overrides; i++) {
		const struct override *o = &s->schedule->overrides[i];
		if (o->due_us > now_us || o->to_us > now_us) {
			json_array_append_new(items, render_override(s, o));
		}
	}
	return items;
}

static json_t *render_missed(const struct schedule *s) {
	return s->play_within_s == 0
		       ? json_string("skip")
		       : json_pack("{s:i}", "play_within_s", s->play_within_s);
}

static json_t *render_schedule(const struct request *r, const struct schedule *s) {
	const struct tz *tz = request_config(r)->tz;
	json_t *zones = json_array();
	for (size_t i = 0; i < s->zones.n; i++) {
		json_array_append_new(zones, json_integer(s->zones.items[i]));
	}
	json_t *areas = json_array();
	for (size_t i = 0; i < s->areas.n; i++) {
		json_array_append_new(areas, json_string(s->areas.items[i]));
	}
	AUTO(rule_free) struct rule *rule = NULL;
	struct error err = {0};
	json_t *next = json_null();
	json_t *overrides = json_array();
	json_t *sentence = NULL;
	json_t *notice = NULL;
	if (rule_parse(s->rule, &rule, &err) >= 0) {
		int64_t now_us = request_now_us(r);
		struct series series = series_of(r, s, rule);
		sentence = render_sentence(rule);
		notice = render_notice(request_config(r), rule, now_us, now_us + SOON_US);
		next = render_next(&series, now_us);
		json_decref(overrides);
		overrides = render_overrides(&series, now_us);
	}
	return json_pack(
		"{s:I, s:I, s:o, s:o, s:s, s:o?, s:o?, s:o, s:o, s:s, s:o, s:s, s:b, "
		"s:o, s:o, s:o, s:o, s:s?}",
		"id", (json_int_t)s->id, "announcement", (json_int_t)s->announcement,
		"zones", zones, "areas", areas, "rule", s->rule, "sentence", sentence,
		"notice", notice, "from", render_time(tz, s->from_us), "until",
		render_time(tz, s->until_us), "class", run_class_name(s->class), "missed",
		render_missed(s), "conflict", conflict_name(s->conflict), "enabled",
		s->enabled, "next", next, "overrides", overrides, "created",
		render_time(tz, s->created_us), "changed", render_time(tz, s->changed_us),
		"author", s->author);
}

static void get_schedules(struct request *r) {
	struct error err = {0};
	struct store_page page;
	struct schedule *schedules = NULL;
	size_t n = 0;
	if (list_page(r, &page, &err) < 0 ||
	    store_schedule_list(request_config(r)->store, page, &schedules, &n, &err) <
		    0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_schedule(r, &schedules[i]));
	}
	list_reply(r, &page, items, n, n > 0 ? schedules[n - 1].id : 0);
	schedule_list_free(schedules, n);
}

static void get_schedule(struct request *r) {
	AUTO(schedule_done) struct schedule s = {0};
	struct error err = {0};
	if (store_schedule_get(request_config(r)->store, request_id(r), &s, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_schedule(r, &s));
}

/* -------------------------------------------------------------------------- the body */

static int read_rule(const json_t *body, enum need need, struct schedule *s,
		     struct error *err) {
	int rc = field_text(body, "rule", need, 1, RULE_MAX_CHARS, &s->rule, err);
	if (rc <= 0) {
		return rc;
	}
	AUTO(rule_free) struct rule *rule = NULL;
	struct error why = {0};
	if (rule_parse(s->rule, &rule, &why) < 0) {
		return error_set_field(err, EINVAL, "rule", "\"rule\": %s", why.text);
	}
	return 0;
}

static int read_class(const json_t *body, struct schedule *s, struct error *err) {
	AUTO(free) char *name = NULL;
	enum run_class class = CLASS_NOTICE;
	int rc = field_text(body, "class", OPTIONAL, 1, 20, &name, err);
	if (rc <= 0) {
		return rc;
	}
	if (run_class_parse(name, &class) < 0 || class > CLASS_PROGRAMME) {
		return error_set_field(err, EINVAL, "class",
				       "\"class\" of a schedule is background, notice or "
				       "programme");
	}
	s->class = class;
	return 0;
}

static int read_missed(const json_t *body, struct schedule *s, struct error *err) {
	const json_t *value = json_object_get(body, "missed");
	if (value == NULL || json_is_null(value)) {
		return 0;
	}
	const char *text = json_string_value(value);
	if (text != NULL && strcmp(text, "skip") == 0) {
		s->play_within_s = 0;
		return 0;
	}
	const json_t *within = json_object_get(value, "play_within_s");
	json_int_t seconds = json_integer_value(within);
	if (!json_is_integer(within) || json_object_size(value) != 1 || seconds < 1 ||
	    seconds > WITHIN_MAX_S) {
		return error_set_field(
			err, EINVAL, "missed",
			"\"missed\" is \"skip\" or {\"play_within_s\": 1 to "
			"%d}",
			WITHIN_MAX_S);
	}
	s->play_within_s = (int)seconds;
	return 0;
}

static int read_conflict(const json_t *body, struct schedule *s, struct error *err) {
	AUTO(free) char *name = NULL;
	int rc = field_text(body, "conflict", OPTIONAL, 1, 20, &name, err);
	if (rc > 0 && conflict_parse(name, &s->conflict) < 0) {
		rc = error_set_field(err, EINVAL, "conflict",
				     "\"conflict\" is wait or skip");
	}
	return rc;
}

static int read_validity(const json_t *body, struct schedule *s, struct error *err) {
	int rc = field_time(body, "from", OPTIONAL, &s->from_us, err);
	if (rc >= 0) {
		rc = field_time(body, "until", OPTIONAL, &s->until_us, err);
	}
	if (rc >= 0 && s->from_us != TIME_NONE && s->until_us != TIME_NONE &&
	    s->from_us >= s->until_us) {
		rc = error_set_field(err, EINVAL, "until",
				     "\"until\" must be later than \"from\"");
	}
	return rc;
}

/* What it names must be there; areas may be without zones yet. */
static int check_references(struct store *store, const struct schedule *s,
			    struct error *err) {
	AUTO(announcement_done) struct announcement a = {0};
	AUTO(ids_done) struct ids zones = {0};
	int rc = store_announcement_get(store, s->announcement, &a, err);
	if (rc == -ENOENT) {
		return error_set_field(err, EINVAL, "announcement",
				       "there is no announcement %lld",
				       (long long)s->announcement);
	}
	if (rc >= 0 && s->zones.n == 0 && s->areas.n == 0) {
		rc = error_set_field(err, EINVAL, "zones",
				     "say where: \"zones\" (ids) or \"areas\" (codes)");
	}
	return rc < 0 ? rc
		      : store_targets_resolve(store, &s->zones, &s->areas, &zones, err);
}

int api_schedule_read(const struct request *r, const json_t *body, enum need need,
		      struct schedule *s, struct error *err) {
	static const char *const names[] = {"announcement", "zones",   "areas", "rule",
					    "from",         "until",   "class", "missed",
					    "conflict",     "enabled", NULL};
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_int(body, "announcement", need, 1, INT64_MAX, &s->announcement,
			       err);
	}
	if (rc >= 0) {
		rc = targets_read(body, &s->zones, &s->areas, err);
	}
	if (rc >= 0) {
		rc = read_rule(body, need, s, err);
	}
	if (rc >= 0) {
		rc = read_validity(body, s, err);
	}
	if (rc >= 0) {
		rc = read_class(body, s, err);
	}
	if (rc >= 0) {
		rc = read_missed(body, s, err);
	}
	if (rc >= 0) {
		rc = read_conflict(body, s, err);
	}
	if (rc >= 0) {
		rc = field_bool(body, "enabled", OPTIONAL, &s->enabled, err);
	}
	return rc < 0 ? rc : check_references(request_config(r)->store, s, err);
}

void api_schedule_begin(const struct request *r, struct schedule *ret) {
	*ret = (struct schedule){
		.from_us = TIME_NONE,
		.until_us = TIME_NONE,
		.class = CLASS_NOTICE,
		.conflict = CONFLICT_WAIT,
		.enabled = true,
		.created_us = request_now_us(r),
		.author = strdup(request_who(r)),
	};
}

static int put_schedule(struct request *r, struct schedule *s, struct error *err) {
	s->changed_us = request_now_us(r);
	int rc = store_schedule_put(request_config(r)->store, s, err);
	if (rc >= 0) {
		request_changed(r, ADMIN_SCHEDULES, s->id);
	}
	return rc;
}

static void post_schedules(struct request *r) {
	AUTO(schedule_done) struct schedule s = {0};
	struct error err = {0};
	api_schedule_begin(r, &s);
	if (api_schedule_read(r, request_body(r), REQUIRED, &s, &err) < 0 ||
	    put_schedule(r, &s, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_created(r, render_schedule(r, &s), "/schedules/%lld", (long long)s.id);
}

static void patch_schedule(struct request *r) {
	AUTO(schedule_done) struct schedule s = {0};
	struct error err = {0};
	if (store_schedule_get(request_config(r)->store, request_id(r), &s, &err) < 0 ||
	    api_schedule_read(r, request_body(r), OPTIONAL, &s, &err) < 0 ||
	    put_schedule(r, &s, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_schedule(r, &s));
}

static void delete_schedule(struct request *r) {
	struct error err = {0};
	if (store_schedule_delete(request_config(r)->store, request_id(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_SCHEDULES, request_id(r));
	reply_empty(r);
}

static json_t *render_occurrence(const struct series *s, const struct occurrence *o) {
	return json_pack(
		"{s:o, s:o, s:o}", "due", render_time(s->tz, o->due_us), "at",
		render_time(s->tz, is_skipped(o) ? TIME_NONE : o->at_us), "override",
		o->override != NULL ? render_override(s, o->override) : json_null());
}

static void get_next(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(schedule_done) struct schedule s = {0};
	AUTO(rule_free) struct rule *rule = NULL;
	struct error err = {0};
	int64_t count = 5;
	if (request_query_int(r, "count", 1, COUNT_MAX, &count, &err) < 0 ||
	    store_schedule_get(config->store, request_id(r), &s, &err) < 0 ||
	    rule_parse(s.rule, &rule, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	int64_t now_us = request_now_us(r);
	int64_t last_us = now_us;
	json_t *occurrences = json_array();
	struct series series = series_of(r, &s, rule);
	struct occurrence o = {.due_us = INT64_MAX, .at_us = now_us};
	while (count > 0 && next_of(&series, &o)) {
		json_array_append_new(occurrences, render_occurrence(&series, &o));
		if (!is_skipped(&o)) {
			json_array_append_new(items, render_time(series.tz, o.at_us));
			last_us = o.at_us;
			count--;
		}
	}
	reply_json(r, 200,
		   json_pack("{s:o, s:o, s:n, s:o, s:o}", "items", items, "occurrences",
			     occurrences, "next", "sentence", render_sentence(rule),
			     "notice", render_notice(config, rule, now_us, last_us)));
}

const struct route *api_schedules_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/schedules", BODY_NONE, "limit cursor", 0, get_schedules},
		{METHOD_POST, "/schedules", BODY_JSON, NULL, 0, post_schedules},
		{METHOD_GET, "/schedules/{id}", BODY_NONE, NULL, 0, get_schedule},
		{METHOD_PATCH, "/schedules/{id}", BODY_JSON, NULL, 0, patch_schedule},
		{METHOD_DELETE, "/schedules/{id}", BODY_NONE, NULL, 0, delete_schedule},
		{METHOD_GET, "/schedules/{id}/next", BODY_NONE, "count", 0, get_next},
		{.path = NULL},
	};
	return routes;
}
