/* dalabactl_override.c - schedule skip, move, replace, restore: one occurrence of a
 * schedule, just this once. */
#include "dalabactl.h"

#include "base/str.h"
#include "schedule/tz.h"

#include <stdio.h>

static void warn(const json_t *override) {
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(override, "warnings"), i, item) {
		fprintf(stderr, "dalabactl: %s\n", json_string_value(item));
	}
}

/* Sends it for the words ID and DUE. */
static int set(struct client *c, const struct args *args, const char *action,
	       json_t *body, struct error *err) {
	char path[96];
	AUTO(reply_done) struct reply reply = {0};
	int rc = dalabactl_schedule_path(args, "/overrides", path, sizeof(path), err);
	if (rc >= 0) {
		rc = dalabactl_put_text(body, "action", action, err);
	}
	if (rc >= 0) {
		rc = dalabactl_put_text(body, "due", args->words[1], err);
	}
	rc = rc < 0 ? rc : client_call(c, "POST", path, body, &reply, err);
	if (rc < 0) {
		return rc;
	}
	warn(reply.json);
	if (args_flag(args, "json")) {
		puts(reply.body);
	} else {
		printf("%lld\n", (long long)json_number(reply.json, "id"));
	}
	return 0;
}

static int put_announcement(json_t *body, const char *text, struct error *err) {
	int64_t id = 0;
	if (text == NULL) {
		return 0;
	}
	if (parse_int64(text, 1, INT64_MAX, &id) < 0) {
		return dalabactl_wrong_use(err, "'%s' is not the id of an announcement",
					   text);
	}
	return json_object_set_new(body, "announcement", json_integer(id)) < 0
		       ? error_set(err, ENOMEM, "no memory for the request")
		       : 0;
}

int dalabactl_schedule_skip(struct client *c, const struct args *args,
			    struct error *err) {
	AUTO(json_decref) json_t *body = json_object();
	return set(c, args, "skip", body, err);
}

int dalabactl_schedule_move(struct client *c, const struct args *args,
			    struct error *err) {
	AUTO(json_decref) json_t *body = json_object();
	int rc = dalabactl_put_text(body, "to", args->words[2], err);
	rc = rc < 0 ? rc : put_announcement(body, args_text(args, "announcement"), err);
	return rc < 0 ? rc : set(c, args, "move", body, err);
}

int dalabactl_schedule_replace(struct client *c, const struct args *args,
			       struct error *err) {
	AUTO(json_decref) json_t *body = json_object();
	int rc = dalabactl_put_text(body, "to", args_text(args, "to"), err);
	rc = rc < 0 ? rc : put_announcement(body, args->words[2], err);
	return rc < 0 ? rc : set(c, args, "replace", body, err);
}

/* The id of the override of an occurrence, however its time is written. */
static int find_override(const json_t *overrides, const char *due, int64_t *ret,
			 struct error *err) {
	size_t i;
	json_t *item;
	int64_t due_us = 0;
	if (rfc3339_parse(due, &due_us, err) < 0) {
		return dalabactl_wrong_use(
			err, "'%s' is no time such as 2026-12-01T08:00:00+08:00", due);
	}
	json_array_foreach(json_object_get(overrides, "items"), i, item) {
		int64_t us = 0;
		if (rfc3339_parse(json_text(item, "due"), &us, err) >= 0 &&
		    us == due_us) {
			*ret = json_number(item, "id");
			return 0;
		}
	}
	return error_set(err, ENOENT,
			 "nothing was said of %s; dalabactl schedule next shows what was",
			 due);
}

int dalabactl_schedule_restore(struct client *c, const struct args *args,
			       struct error *err) {
	char path[96];
	int64_t id = 0;
	AUTO(json_decref) json_t *overrides = NULL;
	AUTO(reply_done) struct reply reply = {0};
	int rc = dalabactl_schedule_path(args, "/overrides", path, sizeof(path), err);
	rc = rc < 0 ? rc : client_list(c, path, 0, &overrides, err);
	rc = rc < 0 ? rc : find_override(overrides, args->words[1], &id, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(path, sizeof(path), "/overrides/%lld", (long long)id);
	return client_call(c, "DELETE", path, NULL, &reply, err);
}
