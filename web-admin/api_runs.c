/* api_runs.c - play now, what was played, and stop. */
#include "fields.h"
#include "list.h"
#include "render.h"
#include "targets.h"

#include <stdio.h>
#include <string.h>

#define TITLE_MAX_CHARS 200
#define TEXT_MAX_CHARS 10000
#define TITLE_FROM_TEXT 40 /* characters */
#define CLIP_NAME_LEN 12   /* of its id, where it has no title */
#define AHEAD_US (36525 * 86400LL * 1000000)
#define PAST_US 2000000 /* "at" may be this old: requests take their time */

/* -------------------------------------------------------------------------- the list */

static int read_filter(const struct request *r, struct store_filter *ret,
		       struct error *err) {
	enum outcome state = OUTCOME_PLANNED;
	const char *name = request_query(r, "state");
	int rc = list_filter(r, ret, err);
	if (rc >= 0 && name != NULL) {
		if (outcome_parse(name, &state) < 0) {
			return error_set_field(err, EINVAL, "state",
					       "\"state\" is planned, playing, played, "
					       "cut, failed, missed, skipped or "
					       "cancelled");
		}
		ret->state = (int)state;
	}
	return rc;
}

static void get_runs(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct store_filter filter;
	struct error err = {0};
	struct run *runs = NULL;
	size_t n = 0;
	if (read_filter(r, &filter, &err) < 0 ||
	    store_run_list(config->store, &filter, &runs, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_run(config->tz, &runs[i]));
	}
	struct store_page page = {.limit = filter.limit};
	list_reply(r, &page, items, n, n > 0 ? runs[n - 1].id : 0);
	run_list_free(runs, n);
}

static void reply_run(struct request *r, int64_t id, bool created) {
	const struct admin_config *config = request_config(r);
	AUTO(run_done) struct run run = {0};
	struct error err = {0};
	if (store_run_get(config->store, id, &run, &err) < 0) {
		reply_error(r, &err);
	} else if (created) {
		reply_created(r, render_run(config->tz, &run), "/runs/%lld",
			      (long long)id);
	} else {
		reply_json(r, 200, render_run(config->tz, &run));
	}
}

static void get_run(struct request *r) {
	reply_run(r, request_id(r), false);
}

/* -------------------------------------------------------------------------- play now */

/* All that a body asks for. */
struct push_body {
	int64_t announcement;
	struct content content;
	char *title;
	struct ids zones;
	struct texts areas;
	struct ids resolved;
	int64_t at_us;
	enum run_class class;
};

static void push_body_done(struct push_body *p) {
	content_done(&p->content);
	free(p->title);
	ids_done(&p->zones);
	texts_done(&p->areas);
	ids_done(&p->resolved);
}
DEFINE_AUTO_DONE(struct push_body, push_body_done)

static int no_memory(struct error *err) {
	return error_set(err, ENOMEM, "no memory for a run");
}

static int take_clip(struct store *store, const char *id, struct push_body *p,
		     struct error *err) {
	AUTO(clip_done) struct clip clip = {0};
	int rc = store_clip_get(store, id, &clip, err);
	if (rc == -ENOENT || rc == -EINVAL) {
		return error_set_field(err, EINVAL, "clip",
				       "there is no clip '%.70s'; upload it with POST "
				       "/clips first",
				       id);
	}
	if (rc < 0) {
		return rc;
	}
	if (p->title == NULL) {
		/* A run has a title: it stands in reasons and in the journal. */
		p->title = clip.title != NULL ? strdup(clip.title)
					      : strndup(clip.id, CLIP_NAME_LEN);
	}
	return content_add(&p->content, PART_CLIP, clip.id, NULL, 0) < 0 ? no_memory(err)
									 : 0;
}

/* The first line of the words, cut between characters. */
static char *title_of(const char *text) {
	size_t len = strcspn(text, "\r\n");
	size_t chars = 0;
	size_t at = 0;
	while (at < len && chars < TITLE_FROM_TEXT) {
		at++;
		while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80) {
			at++;
		}
		chars++;
	}
	return strndup(text, at);
}

/* Exactly one of announcement, clip and text. */
static int read_what(struct store *store, const json_t *body, struct push_body *p,
		     struct error *err) {
	AUTO(free) char *clip = NULL;
	AUTO(free) char *text = NULL;
	int one = field_int(body, "announcement", OPTIONAL, 1, INT64_MAX,
			    &p->announcement, err);
	int two = one < 0 ? one : field_text(body, "clip", OPTIONAL, 1, 100, &clip, err);
	int three = two < 0 ? two
			    : field_text(body, "text", OPTIONAL, 1, TEXT_MAX_CHARS, &text,
					 err);
	if (three < 0) {
		return three;
	}
	if (one + two + three != 1) {
		return error_set_field(err, EINVAL, "announcement",
				       "say what: one of \"announcement\", \"clip\" and "
				       "\"text\"");
	}
	if (clip != NULL) {
		return take_clip(store, clip, p, err);
	}
	if (text == NULL) {
		return 0;
	}
	if (p->title == NULL) {
		p->title = title_of(text);
	}
	return content_add(&p->content, PART_TEXT, text, NULL, 0) < 0 ? no_memory(err)
								      : 0;
}

static int read_when(const struct request *r, const json_t *body, struct push_body *p,
		     struct error *err) {
	AUTO(free) char *class = NULL;
	int rc = field_time(body, "at", OPTIONAL, &p->at_us, err);
	if (rc > 0 && p->at_us != TIME_NONE && p->at_us < request_now_us(r) - PAST_US) {
		return error_set_field(err, EINVAL, "at",
				       "\"at\" is past; leave it out to play at once");
	}
	if (rc > 0 && p->at_us != TIME_NONE && p->at_us > request_now_us(r) + AHEAD_US) {
		return error_set_field(err, EINVAL, "at",
				       "\"at\" is more than 100 years ahead");
	}
	if (rc >= 0) {
		rc = field_text(body, "class", OPTIONAL, 1, 20, &class, err);
	}
	if (rc > 0 &&
	    (run_class_parse(class, &p->class) < 0 || p->class > CLASS_PROGRAMME)) {
		rc = error_set_field(err, EINVAL, "class",
				     "\"class\" of a run is background, notice or "
				     "programme");
	}
	return rc;
}

static int read_push(struct request *r, struct push_body *p, struct error *err) {
	static const char *const names[] = {"announcement", "clip",  "text",
					    "title",        "zones", "areas",
					    "at",           "class", NULL};
	struct store *store = request_config(r)->store;
	const json_t *body = request_body(r);
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_text(body, "title", OPTIONAL, 1, TITLE_MAX_CHARS, &p->title,
				err);
	}
	if (rc >= 0) {
		rc = read_what(store, body, p, err);
	}
	if (rc >= 0) {
		rc = targets_read(body, &p->zones, &p->areas, err);
	}
	if (rc >= 0) {
		rc = targets_resolve(store, &p->zones, &p->areas, &p->resolved, err);
	}
	return rc < 0 ? rc : read_when(r, body, p, err);
}

static void post_runs(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(push_body_done)
	struct push_body p = {
		.content = {.repeat = 1}, .at_us = TIME_NONE, .class = CLASS_NOTICE};
	struct error err = {0};
	int64_t id = 0;
	int rc = read_push(r, &p, &err);
	if (rc >= 0) {
		struct admin_push push = {
			.announcement = p.announcement,
			.content = p.content,
			.title = p.title,
			.zones = p.resolved,
			.at_us = p.at_us,
			.class = p.class,
			.author = request_who(r),
		};
		rc = config->ops->push(config->ctx, &push, &id, &err);
	}
	if (rc == -ENOENT) {
		rc = error_set_field(&err, EINVAL, "announcement",
				     "there is no announcement %lld",
				     (long long)p.announcement);
	}
	if (rc < 0) {
		reply_error(r, &err);
		return;
	}
	request_pushed(r, id);
	reply_run(r, id, true);
}

/* ------------------------------------------------------------------------------ stop */

static void stop_run(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	if (config->ops->run_stop(config->ctx, request_id(r), request_who(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_run(r, request_id(r), false);
}

static void post_stop(struct request *r) {
	static const char *const names[] = {"zones", "areas", NULL};
	const struct admin_config *config = request_config(r);
	const json_t *body = request_body(r);
	AUTO(ids_done) struct ids zones = {0};
	AUTO(texts_done) struct texts areas = {0};
	AUTO(ids_done) struct ids resolved = {0};
	struct error err = {0};
	/* An empty list is a mistake rather than everything. */
	bool everywhere = json_object_get(body, "zones") == NULL &&
			  json_object_get(body, "areas") == NULL;
	int rc = fields_known(body, names, &err);
	if (rc >= 0) {
		rc = targets_read(body, &zones, &areas, &err);
	}
	if (rc >= 0 && !everywhere) {
		rc = targets_resolve(config->store, &zones, &areas, &resolved, &err);
	}
	if (rc >= 0) {
		rc = config->ops->stop(config->ctx, everywhere ? NULL : &resolved,
				       request_who(r), &err);
	}
	if (rc < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, json_pack("{s:i}", "stopped", rc));
}

const struct route *api_runs_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/runs", BODY_NONE, "from to zone state limit cursor", 0,
		 get_runs},
		{METHOD_POST, "/runs", BODY_JSON, NULL, 0, post_runs},
		{METHOD_GET, "/runs/{id}", BODY_NONE, NULL, 0, get_run},
		{METHOD_POST, "/runs/{id}/stop", BODY_NONE, NULL, 0, stop_run},
		{METHOD_POST, "/stop", BODY_JSON_OPTIONAL, NULL, 0, post_stop},
		{.path = NULL},
	};
	return routes;
}
