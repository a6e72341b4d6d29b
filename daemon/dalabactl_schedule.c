/* dalabactl_schedule.c - schedule add, list, remove, next: what is planned. */
#include "dalabactl.h"
#include "dalabactl_table.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define TITLE_WIDTH 40

static bool is_clip_id(const char *text) {
	return strlen(text) == 64 && text[strspn(text, "0123456789abcdef")] == '\0' &&
	       access(text, F_OK) != 0;
}

/* What schedule add made on its way, to be taken back where the schedule is refused. */
struct made {
	int64_t announcement;
	char clip[65]; /* "" where it was there before */
};

/* What went wrong first is what counts; a thing that stays behind does no harm. */
static void take_back(struct client *c, const struct made *made) {
	char path[128];
	AUTO(reply_done) struct reply first = {0};
	AUTO(reply_done) struct reply second = {0};
	if (made->announcement != 0) {
		snprintf(path, sizeof(path), "/announcements/%lld",
			 (long long)made->announcement);
		client_call(c, "DELETE", path, NULL, &first, NULL);
	}
	if (made->clip[0] != '\0') {
		snprintf(path, sizeof(path), "/clips/%s", made->clip);
		client_call(c, "DELETE", path, NULL, &second, NULL);
	}
}

static int part_of_clip(struct client *c, const char *clip, const char *title,
			json_t **ret_clip, struct made *made, struct error *err) {
	if (is_clip_id(clip)) {
		char path[128];
		snprintf(path, sizeof(path), "/clips/%s", clip);
		AUTO(reply_done) struct reply reply = {0};
		int rc = client_call(c, "GET", path, NULL, &reply, err);
		if (rc >= 0) {
			*ret_clip = MOVE(reply.json);
		}
		return rc;
	}
	int rc = dalabactl_upload(c, clip, title, ret_clip, err);
	if (rc == 1) {
		str_copy(made->clip, sizeof(made->clip), json_text(*ret_clip, "id"));
	}
	return rc;
}

/* The beginning of a text, where nobody gave a title. */
static char *short_title(const char *text) {
	size_t len = strcspn(text, "\r\n");
	for (size_t i = 0, chars = 0; i < len; i++) {
		chars += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (chars > TITLE_WIDTH) {
			len = i;
		}
	}
	return strndup(text, len);
}

/* Made of --line or --stream: {line, length_ms}, {stream, length_ms, fallback}. */
static int put_relay(struct client *c, const struct args *args, json_t *part,
		     struct made *made, struct error *err) {
	const char *fallback = args_text(args, "fallback");
	AUTO(json_decref) json_t *clip = NULL;
	int64_t seconds = 0;
	int rc = args_number(args, "length", 1, 86400, &seconds, err);
	if (rc >= 0 && fallback != NULL) {
		rc = part_of_clip(c, fallback, NULL, &clip, made, err);
	}
	rc = rc < 0 ? rc : dalabactl_put_text(part, "line", args_text(args, "line"), err);
	rc = rc < 0 ? rc
		    : dalabactl_put_text(part, "stream", args_text(args, "stream"), err);
	if (rc >= 0 && clip != NULL) {
		rc = dalabactl_put_text(part, "fallback", json_text(clip, "id"), err);
	}
	if (rc >= 0 &&
	    json_object_set_new(part, "length_ms", json_integer(seconds * 1000)) < 0) {
		rc = error_set(err, ENOMEM, "no memory for the request");
	}
	return rc;
}

static bool relays(const struct args *args) {
	return args_text(args, "line") != NULL || args_text(args, "stream") != NULL;
}

/* Makes an announcement of --clip, --text, --line or --stream. */
static int make_announcement(struct client *c, const struct args *args, int64_t *ret,
			     struct made *made, struct error *err) {
	const char *text = args_text(args, "text");
	const char *clip_name = args_text(args, "clip");
	const char *title = args_text(args, "title");
	AUTO(json_decref) json_t *clip = NULL;
	AUTO(json_decref) json_t *part = json_object();
	AUTO(free) char *from_text = text != NULL ? short_title(text) : NULL;
	int rc = relays(args) ? put_relay(c, args, part, made, err)
		 : clip_name == NULL
			 ? dalabactl_put_text(part, "text", text, err)
			 : part_of_clip(c, clip_name, title, &clip, made, err);
	if (rc >= 0 && clip != NULL) {
		rc = dalabactl_put_text(part, "clip", json_text(clip, "id"), err);
	}
	if (rc < 0) {
		return rc;
	}
	if (title == NULL) {
		title = clip != NULL                      ? json_text(clip, "title")
			: from_text != NULL               ? from_text
			: args_text(args, "line") != NULL ? args_text(args, "line")
							  : args_text(args, "stream");
	}
	AUTO(json_decref) json_t *body = json_pack("{s:[O]}", "parts", part);
	rc = body == NULL ? error_set(err, ENOMEM, "no memory for the request")
			  : dalabactl_put_text(body, "title", title, err);
	AUTO(reply_done) struct reply reply = {0};
	rc = rc < 0 ? rc : client_call(c, "POST", "/announcements", body, &reply, err);
	if (rc >= 0) {
		*ret = json_number(reply.json, "id");
		made->announcement = *ret;
	}
	return rc;
}

static int put_missed(const struct args *args, json_t *body, struct error *err) {
	const char *missed = args_text(args, "missed");
	if (missed == NULL || strcmp(missed, "skip") == 0) {
		return dalabactl_put_text(body, "missed", missed, err);
	}
	int64_t seconds = 0;
	if (parse_int64(missed, 1, 7 * 86400, &seconds) < 0) {
		return dalabactl_wrong_use(
			err, "--missed %s: write skip, or seconds from 1 to 604800",
			missed);
	}
	json_t *value = json_pack("{s:I}", "play_within_s", (json_int_t)seconds);
	return json_object_set_new(body, "missed", value) < 0
		       ? error_set(err, ENOMEM, "no memory for the request")
		       : 0;
}

/* Everything of the schedule but its announcement. */
static int put_plan(struct client *c, const struct args *args, json_t *body,
		    struct error *err) {
	static const char *const same[] = {"class", "conflict", "from", "until"};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		int rc = dalabactl_put_text(body, same[i], args_text(args, same[i]), err);
		if (rc < 0) {
			return rc;
		}
	}
	const char *rule = args_text(args, "rule");
	int rc = dalabactl_put_text(body, "rule",
				    rule != NULL ? dalabactl_rule(rule) : NULL, err);
	rc = rc < 0 ? rc : put_missed(args, body, err);
	return rc < 0 ? rc : dalabactl_put_targets(c, args, body, err);
}

static int check_relay(const struct args *args, struct error *err) {
	if (relays(args) && args_text(args, "length") == NULL) {
		return dalabactl_wrong_use(err, "say how long: --length SECONDS");
	}
	if (!relays(args) && args_text(args, "length") != NULL) {
		return dalabactl_wrong_use(err, "--length is for --line and --stream");
	}
	if (args_text(args, "stream") == NULL && args_text(args, "fallback") != NULL) {
		return dalabactl_wrong_use(err, "--fallback is for --stream");
	}
	int64_t seconds = 0;
	return args_number(args, "length", 1, 86400, &seconds, err);
}

static int check_add(const struct args *args, int64_t *announcement, struct error *err) {
	static const char *const kinds[] = {"announcement", "clip", "text", "line",
					    "stream"};
	int n = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n += args_text(args, kinds[i]) != NULL;
	}
	if (n != 1) {
		return dalabactl_wrong_use(err, "say what: one of --announcement, "
						"--clip, --text, --line and --stream");
	}
	if (args_text(args, "announcement") != NULL && args_text(args, "title") != NULL) {
		return dalabactl_wrong_use(err, "--title is for what is made here; an "
						"announcement has its own");
	}
	int rc = check_relay(args, err);
	if (rc < 0) {
		return rc;
	}
	if (args_text(args, "rule") == NULL) {
		return dalabactl_wrong_use(
			err, "say when: --rule \"0 8 * * *\" is every day at eight");
	}
	rc = args_number(args, "announcement", 1, INT64_MAX, announcement, err);
	return rc < 0 ? rc : dalabactl_need_targets(args, err);
}

int dalabactl_schedule_add(struct client *c, const struct args *args, struct error *err) {
	int64_t announcement = 0;
	struct made made = {0};
	AUTO(json_decref) json_t *body = json_object();
	AUTO(reply_done) struct reply reply = {0};
	int rc = check_add(args, &announcement, err);
	rc = rc < 0 ? rc : put_plan(c, args, body, err);
	if (rc >= 0 && announcement == 0) {
		rc = make_announcement(c, args, &announcement, &made, err);
	}
	if (rc >= 0 &&
	    json_object_set_new(body, "announcement", json_integer(announcement)) < 0) {
		rc = error_set(err, ENOMEM, "no memory for the request");
	}
	rc = rc < 0 ? rc : client_call(c, "POST", "/schedules", body, &reply, err);
	if (rc < 0) {
		take_back(c, &made);
		return rc;
	}
	if (args_flag(args, "json")) {
		puts(reply.body);
	} else {
		printf("%lld\n", (long long)json_number(reply.json, "id"));
	}
	return 0;
}

/* The name of the object with that id, or the id where it is gone. */
static void add_name(struct str *to, const json_t *list, const char *name, int64_t id) {
	size_t i;
	json_t *item;
	if (to->len > 0) {
		str_append(to, ",");
	}
	json_array_foreach(json_object_get(list, "items"), i, item) {
		if (json_number(item, "id") == id) {
			str_append(to, json_text(item, name));
			return;
		}
	}
	str_printf(to, "%lld", (long long)id);
}

/* "DUE skip", "DUE move TO", "DUE replace by ANNOUNCEMENT". */
static void add_override(struct str *to, const json_t *override) {
	int64_t announcement = json_number(override, "announcement");
	const char *at = json_text(override, "to");
	str_printf(to, "%s%s %s", to->len > 0 ? ", " : "", json_text(override, "due"),
		   json_text(override, "action"));
	if (at[0] != '\0') {
		str_printf(to, " to %s", at);
	}
	if (announcement != 0) {
		str_printf(to, " by announcement %lld", (long long)announcement);
	}
	if (json_is_true(json_object_get(override, "void"))) {
		str_append(to, " (void)");
	}
}

static void row_of_schedule(struct table *t, const json_t *schedule, const json_t *zones,
			    const json_t *announcements) {
	AUTO(str_done) struct str title = STR_INIT;
	AUTO(str_done) struct str where = STR_INIT;
	AUTO(str_done) struct str once = STR_INIT;
	size_t i;
	json_t *item;
	add_name(&title, announcements, "title", json_number(schedule, "announcement"));
	json_array_foreach(json_object_get(schedule, "zones"), i, item) {
		add_name(&where, zones, "name", json_integer_value(item));
	}
	json_array_foreach(json_object_get(schedule, "areas"), i, item) {
		str_printf(&where, "%s%s", where.len > 0 ? "," : "",
			   json_string_value(item));
	}
	table_cellf(t, "%lld", (long long)json_number(schedule, "id"));
	table_cell(t, title.data != NULL ? title.data : "-");
	table_cell(t, where.data != NULL ? where.data : "-");
	table_cell(t, json_text(schedule, "class"));
	table_cell(t, json_is_false(json_object_get(schedule, "enabled")) ? "no" : "yes");
	table_cell(t, json_text(schedule, "rule"));
	table_cell(t, json_text(json_object_get(schedule, "sentence"),
				dalabactl_lang() == RULE_ZH ? "zh" : "en"));
	json_array_foreach(json_object_get(schedule, "overrides"), i, item) {
		add_override(&once, item);
	}
	table_cell(t, once.data != NULL ? once.data : "-");
}

int dalabactl_schedule_list(struct client *c, const struct args *args,
			    struct error *err) {
	AUTO(json_decref) json_t *schedules = NULL;
	AUTO(json_decref) json_t *zones = NULL;
	AUTO(json_decref) json_t *announcements = NULL;
	int rc = client_list(c, "/schedules", 0, &schedules, err);
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "json")) {
		return dalabactl_print_json(schedules, err);
	}
	rc = client_list(c, "/zones", 0, &zones, err);
	rc = rc < 0 ? rc : client_list(c, "/announcements", 0, &announcements, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(table_done) struct table t;
	table_init(&t, "ID|TITLE|WHERE|CLASS|ENABLED|RULE|MEANS|JUST ONCE");
	size_t i;
	json_t *schedule;
	json_array_foreach(json_object_get(schedules, "items"), i, schedule) {
		row_of_schedule(&t, schedule, zones, announcements);
	}
	return table_print(&t, err);
}

int dalabactl_schedule_path(const struct args *args, const char *tail, char *ret,
			    size_t size, struct error *err) {
	int64_t id = 0;
	if (parse_int64(args->words[0], 1, INT64_MAX, &id) < 0) {
		return dalabactl_wrong_use(
			err,
			"'%s' is not the id of a schedule; dalabactl schedule list "
			"shows them",
			args->words[0]);
	}
	snprintf(ret, size, "/schedules/%lld%s", (long long)id, tail);
	return 0;
}

int dalabactl_schedule_remove(struct client *c, const struct args *args,
			      struct error *err) {
	char path[96];
	AUTO(reply_done) struct reply reply = {0};
	int rc = dalabactl_schedule_path(args, "", path, sizeof(path), err);
	rc = rc < 0 ? rc : client_call(c, "DELETE", path, NULL, &reply, err);
	if (rc >= 0 && args_flag(args, "json") && reply.body[0] != '\0') {
		puts(reply.body);
	}
	return rc;
}

int dalabactl_schedule_next(struct client *c, const struct args *args,
			    struct error *err) {
	int64_t count = 5;
	char tail[40];
	char path[96];
	int rc = args_number(args, "count", 1, 1000, &count, err);
	snprintf(tail, sizeof(tail), "/next?count=%lld", (long long)count);
	rc = rc < 0 ? rc : dalabactl_schedule_path(args, tail, path, sizeof(path), err);
	AUTO(reply_done) struct reply reply = {0};
	rc = rc < 0 ? rc : client_call(c, "GET", path, NULL, &reply, err);
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "json")) {
		puts(reply.body);
		return 0;
	}
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(reply.json, "occurrences"), i, item) {
		const json_t *override = json_object_get(item, "override");
		const char *at = json_text(item, "at");
		if (json_is_object(override)) {
			AUTO(str_done) struct str once = STR_INIT;
			add_override(&once, override);
			printf("%s\t%s\n", at[0] != '\0' ? at : "-",
			       once.data != NULL ? once.data : "");
		} else {
			puts(at);
		}
	}
	return 0;
}
