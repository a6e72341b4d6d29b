/* api_alerts.c - emergencies: asked for, listed, cancelled. What is in force is the
 * daemon's, newer than its row; what is over is the store's. */
#include "fields.h"
#include "list.h"
#include "render.h"
#include "targets.h"

#include <string.h>

#define HEADLINE_MAX_CHARS 200
#define TEXT_MAX_CHARS 10000
#define REPEAT_MIN_S 10
#define REPEAT_MAX_S 3600

/* One that the daemon has; NULL. */
static const struct alert *in_force(const struct request *r, int64_t id) {
	const struct admin_config *config = request_config(r);
	const struct alert *alert = NULL;
	for (size_t i = 0; (alert = config->ops->alert_nth(config->ctx, i)) != NULL;
	     i++) {
		if (alert->id == id) {
			return alert;
		}
	}
	return NULL;
}

/* -------------------------------------------------------------------------- the list */

static int read_filter(const struct request *r, struct store_filter *ret,
		       struct error *err) {
	enum alert_state state = ALERT_ACTIVE;
	const char *name = request_query(r, "state");
	int rc = list_filter(r, ret, err);
	if (rc >= 0 && name != NULL) {
		if (alert_state_parse(name, &state) < 0) {
			return error_set_field(err, EINVAL, "state",
					       "\"state\" is active, played, expired, "
					       "cancelled or replaced");
		}
		ret->state = (int)state;
	}
	return rc;
}

static bool fits(const struct store_filter *f, const struct alert *a) {
	return (f->from_us == TIME_NONE || a->created_us >= f->from_us) &&
	       (f->until_us == TIME_NONE || a->created_us < f->until_us) &&
	       (f->zone == 0 || ids_has(&a->resolved, f->zone)) &&
	       (f->state < 0 || (int)a->state == f->state);
}

/* Those that no row tells of, before the first page. */
static void add_unwritten(const struct request *r, const struct store_filter *f,
			  int64_t newest, json_t *items) {
	const struct admin_config *config = request_config(r);
	const struct alert *alert = NULL;
	for (size_t i = 0;
	     f->before == 0 && (alert = config->ops->alert_nth(config->ctx, i)) != NULL;
	     i++) {
		if (!alert->on_disk && alert->id > newest && fits(f, alert)) {
			json_array_append_new(items, render_alert(config->tz, alert));
		}
	}
}

static void get_alerts(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct store_filter filter;
	struct error err = {0};
	struct alert *rows = NULL;
	size_t n = 0;
	if (read_filter(r, &filter, &err) < 0 ||
	    store_alert_list(config->store, &filter, &rows, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	add_unwritten(r, &filter, n > 0 ? rows[0].id : 0, items);
	for (size_t i = 0; i < n; i++) {
		const struct alert *live = in_force(r, rows[i].id);
		json_array_append_new(
			items, render_alert(config->tz, live != NULL ? live : &rows[i]));
	}
	struct store_page page = {.limit = filter.limit};
	list_reply(r, &page, items, n, n > 0 ? rows[n - 1].id : 0);
	alert_list_free(rows, n);
}

static void reply_alert(struct request *r, int64_t id) {
	const struct admin_config *config = request_config(r);
	AUTO(alert_done) struct alert row = {0};
	struct error err = {0};
	const struct alert *alert = in_force(r, id);
	if (alert == NULL && store_alert_get(config->store, id, &row, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_alert(config->tz, alert != NULL ? alert : &row));
}

static void get_alert(struct request *r) {
	reply_alert(r, request_id(r));
}

/* ------------------------------------------------------------------------ what to say */

static int read_headline(const json_t *body, struct alert *a, struct error *err) {
	int rc = field_text(body, "headline", OPTIONAL, 1, HEADLINE_MAX_CHARS,
			    &a->headline, err);
	if (rc > 0 && strpbrk(a->headline, "\r\n\t") != NULL) {
		return error_set_field(err, EINVAL, "headline",
				       "\"headline\" is one line; what follows belongs "
				       "into \"text\"");
	}
	return rc;
}

/* Exactly one of text and clip. */
static int read_what(struct store *store, const json_t *body, struct alert *a,
		     struct error *err) {
	int one = field_text(body, "text", OPTIONAL, 1, TEXT_MAX_CHARS, &a->text, err);
	int two =
		one < 0 ? one : field_text(body, "clip", OPTIONAL, 1, 100, &a->clip, err);
	if (two < 0) {
		return two;
	}
	if (one + two != 1) {
		return error_set_field(err, EINVAL, "text",
				       "say what: one of \"text\" and \"clip\"");
	}
	if (a->clip == NULL) {
		return 0;
	}
	AUTO(clip_done) struct clip clip = {0};
	int rc = store_clip_get(store, a->clip, &clip, err);
	if (rc == -ENOENT || rc == -EINVAL) {
		return error_set_field(err, EINVAL, "clip",
				       "there is no clip '%.70s'; upload it with POST "
				       "/clips first",
				       a->clip);
	}
	return rc;
}

static int read_rank(const json_t *body, struct alert *a, struct error *err) {
	AUTO(free) char *severity = NULL;
	AUTO(free) char *level = NULL;
	int rc = field_text(body, "severity", OPTIONAL, 1, 20, &severity, err);
	if (rc > 0 && severity_parse(severity, &a->severity) < 0) {
		rc = error_set_field(
			err, EINVAL, "severity",
			"\"severity\" is extreme, severe, moderate or minor");
	}
	if (rc >= 0) {
		rc = field_text(body, "level", OPTIONAL, 1, 20, &level, err);
	}
	if (rc > 0 && alert_level_parse(level, &a->level) < 0) {
		rc = error_set_field(err, EINVAL, "level",
				     "\"level\" is village, town, county, city, province "
				     "or national");
	}
	return rc;
}

static int read_when(const json_t *body, struct alert *a, struct error *err) {
	int64_t every_s = ALERT_GAP_DEFAULT;
	int rc = field_int(body, "repeat_every_s", OPTIONAL, 0, REPEAT_MAX_S, &every_s,
			   err);
	if (rc > 0 && every_s != 0 && every_s < REPEAT_MIN_S) {
		return error_set_field(err, EINVAL, "repeat_every_s",
				       "\"repeat_every_s\" is %d to %d seconds, or 0 to "
				       "sound once",
				       REPEAT_MIN_S, REPEAT_MAX_S);
	}
	a->repeat_every_s = (int)every_s;
	if (rc >= 0) {
		rc = field_time(body, "expires", OPTIONAL, &a->expires_us, err);
	}
	if (rc >= 0) {
		rc = field_bool(body, "drill", OPTIONAL, &a->drill, err);
	}
	return rc < 0 ? rc
		      : field_int(body, "updates", OPTIONAL, 1, INT64_MAX, &a->updates,
				  err);
}

static int read_alert(struct request *r, struct alert *a, struct error *err) {
	static const char *const names[] = {
		"headline", "text",           "clip",    "severity", "level",   "zones",
		"areas",    "repeat_every_s", "expires", "drill",    "updates", NULL};
	struct store *store = request_config(r)->store;
	const json_t *body = request_body(r);
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = read_headline(body, a, err);
	}
	if (rc >= 0) {
		rc = read_what(store, body, a, err);
	}
	if (rc >= 0) {
		rc = read_rank(body, a, err);
	}
	if (rc >= 0) {
		rc = targets_read(body, &a->zones, &a->areas, err);
	}
	if (rc >= 0) {
		rc = targets_resolve(store, &a->zones, &a->areas, &a->resolved, err);
	}
	if (rc >= 0) {
		rc = read_when(body, a, err);
	}
	if (rc >= 0 && (a->author = strdup(request_who(r))) == NULL) {
		rc = error_set(err, ENOMEM, "no memory for an alert");
	}
	return rc;
}

/* ----------------------------------------------------------------- asked for, and over
 */

static void reply_new(struct request *r, const struct alert *alert) {
	reply_created(r, render_alert(request_config(r)->tz, alert), "/alerts/%lld",
		      (long long)alert->id);
}

/* The first sound was heard, or is on its way for longer than a caller waits. */
static void on_alert(void *arg, const struct alert *alert, const struct error *err) {
	struct request *r = arg;
	reply_instead(r);
	if (err != NULL) {
		reply_error(r, err);
	} else {
		reply_new(r, alert);
	}
}

static void post_alerts(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(alert_done)
	struct alert asked = {.severity = SEVERITY_SEVERE,
			      .level = LEVEL_VILLAGE,
			      .expires_us = TIME_NONE};
	struct error err = {0};
	int64_t id = 0;
	int rc = read_alert(r, &asked, &err);
	if (rc >= 0) {
		rc = config->ops->alert(config->ctx, &asked, on_alert, r, &id, &err);
	}
	if (rc < 0) {
		reply_error(r, &err);
	} else if (rc == 0) {
		request_defer(r);
	} else {
		request_alerted(r, id, NULL);
		reply_new(r, in_force(r, id));
		request_hold(r);
	}
}

static void cancel_alert(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	if (config->ops->alert_cancel(config->ctx, request_id(r), request_who(r), &err) <
	    0) {
		reply_error(r, &err);
		return;
	}
	request_alerted(r, request_id(r), get_alert);
	reply_alert(r, request_id(r));
}

const struct route *api_alerts_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/alerts", BODY_NONE, "from to zone state limit cursor", 0,
		 get_alerts},
		{METHOD_POST, "/alerts", BODY_JSON, NULL, ROUTE_URGENT, post_alerts},
		{METHOD_GET, "/alerts/{id}", BODY_NONE, NULL, 0, get_alert},
		{METHOD_POST, "/alerts/{id}/cancel", BODY_NONE, NULL, ROUTE_URGENT,
		 cancel_alert},
		{.path = NULL},
	};
	return routes;
}
