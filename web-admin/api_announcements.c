/* api_announcements.c - what to say: {title, parts, repeat, gap_ms, catalogue, resume,
 * expires}. */
#include "fields.h"
#include "list.h"
#include "render.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define TITLE_MAX_CHARS 200
#define CATALOGUE_MAX_CHARS 60
#define PARTS_MAX 100
#define TEXT_MAX_CHARS 10000
#define VOICE_MAX_CHARS 60
#define SILENCE_MAX_MS 600000
#define GAP_MAX_MS 600000
#define REPEAT_MAX 100

static json_t *render_part(const struct part *part) {
	const char *kind = part_kind_name(part->kind);
	if (part->kind == PART_SILENCE) {
		return json_pack("{s:I}", "silence_ms", (json_int_t)part->silence_ms);
	}
	if (part_relayed(part->kind)) {
		return json_pack("{s:s, s:I, s:s*}", kind, part->text, "length_ms",
				 (json_int_t)part->length_ms, "fallback", part->fallback);
	}
	return json_pack("{s:s, s:s*}", kind, part->text, "voice", part->voice);
}

static json_t *render_announcement(const struct tz *tz, const struct announcement *a) {
	json_t *parts = json_array();
	for (size_t i = 0; i < a->content.n_parts; i++) {
		json_array_append_new(parts, render_part(&a->content.parts[i]));
	}
	return json_pack(
		"{s:I, s:s, s:o, s:i, s:I, s:s?, s:s, s:o, s:o, s:o, s:s?}", "id",
		(json_int_t)a->id, "title", a->title, "parts", parts, "repeat",
		a->content.repeat, "gap_ms", (json_int_t)a->content.gap_ms, "catalogue",
		a->catalogue, "resume", resume_name(a->resume), "expires",
		render_time(tz, a->expires_us), "created", render_time(tz, a->created_us),
		"changed", render_time(tz, a->changed_us), "author", a->author);
}

static void get_announcements(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	struct store_page page;
	struct announcement *announcements = NULL;
	size_t n = 0;
	if (list_page(r, &page, &err) < 0 ||
	    store_announcement_list(config->store, page, &announcements, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items,
				      render_announcement(config->tz, &announcements[i]));
	}
	list_reply(r, &page, items, n, n > 0 ? announcements[n - 1].id : 0);
	announcement_list_free(announcements, n);
}

static void get_announcement(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(announcement_done) struct announcement a = {0};
	struct error err = {0};
	if (store_announcement_get(config->store, request_id(r), &a, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_announcement(config->tz, &a));
}

/* ------------------------------------------------------------------------- the parts */

static int check_chime(const struct admin_config *config, const char *name,
		       const char *field, struct error *err) {
	AUTO(str_done) struct str known = STR_INIT;
	for (const char *const *chime = config->chimes; *chime != NULL; chime++) {
		if (strcmp(*chime, name) == 0) {
			return 0;
		}
		if (str_printf(&known, "%s%s", known.len > 0 ? ", " : "", *chime) < 0) {
			return error_set(err, ENOMEM,
					 "no memory for the names of chimes");
		}
	}
	return error_set_field(err, EINVAL, field,
			       "there is no chime '%s'; there are: %s", name,
			       known.data != NULL ? known.data : "none");
}

static int check_clip(const struct admin_config *config, char *id, const char *field,
		      struct error *err) {
	AUTO(clip_done) struct clip clip = {0};
	for (char *p = id; *p != '\0'; p++) {
		*p = *p >= 'A' && *p <= 'F' ? (char)(*p - 'A' + 'a') : *p;
	}
	int rc = store_clip_get(config->store, id, &clip, err);
	if (rc == -ENOENT || rc == -EINVAL) {
		return error_set_field(err, EINVAL, field,
				       "\"%s\": there is no clip '%.70s'; upload it with "
				       "POST /clips first",
				       field, id);
	}
	return rc;
}

/* How many of the members that its kind allows beside its name a part has. */
static size_t members_beside(const json_t *value, int kind) {
	static const struct {
		int kind;
		const char *name;
	} known[] = {{PART_TEXT, "voice"},
		     {PART_LINE, "length_ms"},
		     {PART_STREAM, "length_ms"},
		     {PART_STREAM, "fallback"}};
	size_t n = 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		n += known[i].kind == kind &&
		     json_object_get(value, known[i].name) != NULL;
	}
	return n;
}

/* The one kind a part has; PART_* or -EINVAL. */
static int kind_of_part(const json_t *value, const char *field, struct error *err) {
	int kind = -1;
	int n = 0;
	for (int k = PART_CHIME; k <= PART_STREAM; k++) {
		const char *name = k == PART_SILENCE ? "silence_ms"
						     : part_kind_name((enum part_kind)k);
		if (json_object_get(value, name) != NULL) {
			kind = k;
			n++;
		}
	}
	if (n != 1 || json_object_size(value) != 1 + members_beside(value, kind)) {
		return error_set_field(
			err, EINVAL, field,
			"\"%s\" must be one of {\"chime\": NAME}, {\"clip\": ID}, "
			"{\"text\": WORDS, \"voice\": VOICE or nothing}, "
			"{\"silence_ms\": MS}, {\"line\": NAME, \"length_ms\": MS}, "
			"{\"stream\": URL, \"length_ms\": MS, \"fallback\": ID or "
			"nothing}",
			field);
	}
	return kind;
}

/* Fields of a part are named below it: parts[2].clip. */
static int name_below(int rc, const char *at, struct error *err) {
	if (rc < 0 && err->field[0] != '\0' && strncmp(err->field, at, strlen(at)) != 0) {
		char field[ERROR_FIELD_SIZE];
		snprintf(field, sizeof(field), "%s.%.30s", at, err->field);
		str_copy(err->field, sizeof(err->field), field);
	}
	return rc;
}

/* A line or a stream; what its name may be is the store's to say. */
static int read_relay(const struct admin_config *config, const json_t *value,
		      enum part_kind kind, const char *at, struct content *content,
		      struct error *err) {
	char field[ERROR_FIELD_SIZE];
	AUTO(free) char *name = NULL;
	AUTO(free) char *fallback = NULL;
	int64_t length_ms = 0;
	int rc = field_text(value, part_kind_name(kind), REQUIRED, 1, RELAY_STREAM_MAX,
			    &name, err);
	if (rc >= 0) {
		rc = field_int(value, "length_ms", REQUIRED, RELAY_LENGTH_MIN_MS,
			       RELAY_LENGTH_MAX_MS, &length_ms, err);
	}
	if (rc >= 0) {
		rc = field_text_or_null(value, "fallback", CLIP_ID_SIZE - 1, &fallback,
					err);
	}
	snprintf(field, sizeof(field), "%s.fallback", at);
	if (rc >= 0 && fallback != NULL) {
		rc = check_clip(config, fallback, field, err);
	}
	if (rc >= 0 && content_add_relay(content, kind, name, fallback, length_ms) < 0) {
		rc = error_set(err, ENOMEM, "no memory for an announcement");
	}
	if (rc >= 0) {
		rc = store_part_check(&content->parts[content->n_parts - 1], err);
	}
	return rc;
}

static int read_part(const struct admin_config *config, const json_t *value, size_t i,
		     struct content *content, struct error *err) {
	char at[32];
	char field[ERROR_FIELD_SIZE];
	AUTO(free) char *text = NULL;
	AUTO(free) char *voice = NULL;
	int64_t silence_ms = 0;
	snprintf(at, sizeof(at), "parts[%zu]", i);
	int kind = kind_of_part(value, at, err);
	if (kind < 0) {
		return kind;
	}
	if (part_relayed((enum part_kind)kind)) {
		return name_below(
			read_relay(config, value, (enum part_kind)kind, at, content, err),
			at, err);
	}
	const char *name = kind == PART_SILENCE ? "silence_ms"
						: part_kind_name((enum part_kind)kind);
	snprintf(field, sizeof(field), "%s.%s", at, name);
	int rc = kind == PART_SILENCE ? field_int(value, name, REQUIRED, 1,
						  SILENCE_MAX_MS, &silence_ms, err)
				      : field_text(value, name, REQUIRED, 1,
						   TEXT_MAX_CHARS, &text, err);
	if (rc >= 0 && kind == PART_TEXT) {
		rc = field_text(value, "voice", OPTIONAL, 1, VOICE_MAX_CHARS, &voice,
				err);
	}
	if (rc >= 0 && kind == PART_CHIME) {
		rc = check_chime(config, text, field, err);
	}
	if (rc >= 0 && kind == PART_CLIP) {
		rc = check_clip(config, text, field, err);
	}
	if (rc >= 0 &&
	    content_add(content, (enum part_kind)kind, text, voice, silence_ms) < 0) {
		rc = error_set(err, ENOMEM, "no memory for an announcement");
	}
	return name_below(rc, at, err);
}

static int read_parts(const struct admin_config *config, const json_t *body,
		      enum need need, struct content *content, struct error *err) {
	json_t *array = NULL;
	int rc = field_array(body, "parts", need, PARTS_MAX, &array, err);
	if (rc <= 0) {
		return rc;
	}
	if (json_array_size(array) == 0) {
		return error_set_field(err, EINVAL, "parts",
				       "\"parts\": an announcement says something: at "
				       "least one chime, clip, text, line or stream");
	}
	AUTO(content_done)
	struct content fresh = {.repeat = content->repeat, .gap_ms = content->gap_ms};
	for (size_t i = 0; i < json_array_size(array); i++) {
		rc = read_part(config, json_array_get(array, i), i, &fresh, err);
		if (rc < 0) {
			return rc;
		}
	}
	content_done(content);
	*content = fresh;
	fresh = (struct content){0};
	return 0;
}

/* -------------------------------------------------------------------------- the rest */

static int read_resume(const json_t *body, enum resume *ret, struct error *err) {
	AUTO(free) char *name = NULL;
	int rc = field_text(body, "resume", OPTIONAL, 1, 20, &name, err);
	if (rc > 0 && resume_parse(name, ret) < 0) {
		rc = error_set_field(err, EINVAL, "resume",
				     "\"resume\" is resume, restart or drop");
	}
	return rc;
}

static int read_announcement(struct request *r, enum need need, struct announcement *a,
			     struct error *err) {
	static const char *const names[] = {"title",     "parts",  "repeat",  "gap_ms",
					    "catalogue", "resume", "expires", NULL};
	const json_t *body = request_body(r);
	int64_t repeat = a->content.repeat;
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_text(body, "title", need, 1, TITLE_MAX_CHARS, &a->title, err);
	}
	if (rc >= 0) {
		rc = read_parts(request_config(r), body, need, &a->content, err);
	}
	if (rc >= 0) {
		rc = field_int(body, "repeat", OPTIONAL, 1, REPEAT_MAX, &repeat, err);
	}
	if (rc >= 0) {
		a->content.repeat = (int)repeat;
		rc = field_int(body, "gap_ms", OPTIONAL, 0, GAP_MAX_MS,
			       &a->content.gap_ms, err);
	}
	if (rc >= 0) {
		rc = field_text_or_null(body, "catalogue", CATALOGUE_MAX_CHARS,
					&a->catalogue, err);
	}
	if (rc >= 0) {
		rc = read_resume(body, &a->resume, err);
	}
	if (rc >= 0) {
		rc = field_time(body, "expires", OPTIONAL, &a->expires_us, err);
	}
	return rc;
}

static int put_announcement(struct request *r, struct announcement *a,
			    struct error *err) {
	a->changed_us = request_now_us(r);
	int rc = store_announcement_put(request_config(r)->store, a, err);
	if (rc >= 0) {
		request_changed(r, ADMIN_ANNOUNCEMENTS, a->id);
	}
	return rc;
}

static void post_announcements(struct request *r) {
	AUTO(announcement_done)
	struct announcement a = {
		.content = {.repeat = 1},
		.resume = RESUME_DROP,
		.expires_us = TIME_NONE,
		.created_us = request_now_us(r),
		.author = strdup(request_who(r)),
	};
	struct error err = {0};
	if (read_announcement(r, REQUIRED, &a, &err) < 0 ||
	    put_announcement(r, &a, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_created(r, render_announcement(request_config(r)->tz, &a),
		      "/announcements/%lld", (long long)a.id);
}

static void patch_announcement(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(announcement_done) struct announcement a = {0};
	struct error err = {0};
	if (store_announcement_get(config->store, request_id(r), &a, &err) < 0 ||
	    read_announcement(r, OPTIONAL, &a, &err) < 0 ||
	    put_announcement(r, &a, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_announcement(config->tz, &a));
}

static void delete_announcement(struct request *r) {
	struct error err = {0};
	if (store_announcement_delete(request_config(r)->store, request_id(r), &err) <
	    0) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_ANNOUNCEMENTS, request_id(r));
	reply_empty(r);
}

const struct route *api_announcements_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/announcements", BODY_NONE, "limit cursor", 0,
		 get_announcements},
		{METHOD_POST, "/announcements", BODY_JSON, NULL, 0, post_announcements},
		{METHOD_GET, "/announcements/{id}", BODY_NONE, NULL, 0, get_announcement},
		{METHOD_PATCH, "/announcements/{id}", BODY_JSON, NULL, 0,
		 patch_announcement},
		{METHOD_DELETE, "/announcements/{id}", BODY_NONE, NULL, 0,
		 delete_announcement},
		{.path = NULL},
	};
	return routes;
}
