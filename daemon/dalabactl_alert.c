/* dalabactl_alert.c - alert, alert cancel, alert list: emergencies. */
#include "dalabactl.h"

#include "base/str.h"
#include "dalabactl_table.h"

#include <stdio.h>
#include <string.h>

static int put_number(const struct args *args, const char *option, const char *member,
		      int64_t min, int64_t max, json_t *body, struct error *err) {
	int64_t number = 0;
	int rc = args_number(args, option, min, max, &number, err);
	if (rc < 0 || args_text(args, option) == NULL) {
		return rc;
	}
	return json_object_set_new(body, member, json_integer(number)) < 0
		       ? error_set(err, ENOMEM, "no memory for the request")
		       : 0;
}

static int put_options(const struct args *args, json_t *body, struct error *err) {
	static const char *const texts[] = {"headline", "severity", "level", "expires"};
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < sizeof(texts) / sizeof(texts[0]); i++) {
		rc = dalabactl_put_text(body, texts[i], args_text(args, texts[i]), err);
	}
	if (rc >= 0) {
		rc = put_number(args, "repeat", "repeat_every_s", 0, 3600, body, err);
	}
	if (rc >= 0) {
		rc = put_number(args, "updates", "updates", 1, INT64_MAX, body, err);
	}
	if (rc >= 0 && args_flag(args, "drill") &&
	    json_object_set_new(body, "drill", json_true()) < 0) {
		rc = error_set(err, ENOMEM, "no memory for the request");
	}
	return rc;
}

/* The words of --text, or the recording. */
static int put_what(struct client *c, const struct args *args, json_t *body,
		    struct error *err) {
	if (args->n_words == 0) {
		return dalabactl_put_text(body, "text", args_text(args, "text"), err);
	}
	AUTO(json_decref) json_t *clip = NULL;
	int rc = dalabactl_upload(c, args->words[0], args_text(args, "headline"), &clip,
				  err);
	return rc < 0 ? rc : dalabactl_put_text(body, "clip", json_text(clip, "id"), err);
}

static void tell_doubts(const json_t *alert) {
	if (json_is_false(json_object_get(alert, "on_disk"))) {
		fprintf(stderr,
			"dalabactl: alert %lld is not on disk: a restart of the "
			"box would forget it\n",
			(long long)json_number(alert, "id"));
	}
	if (json_is_null(json_object_get(alert, "first_sound_ms")) &&
	    strcmp(json_text(alert, "state"), "active") == 0) {
		fprintf(stderr,
			"dalabactl: nothing has sounded yet: look at dalabactl status\n");
	}
}

static int ask(struct client *c, const struct args *args, const char *path,
	       const json_t *body, bool print_id, struct error *err) {
	AUTO(reply_done) struct reply reply = {0};
	int rc = client_call(c, "POST", path, body, &reply, err);
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "json")) {
		puts(reply.body);
	} else if (print_id) {
		printf("%lld\n", (long long)json_number(reply.json, "id"));
	}
	tell_doubts(reply.json);
	return 0;
}

int dalabactl_alert(struct client *c, const struct args *args, struct error *err) {
	if (args->n_words > 0 && args_text(args, "text") != NULL) {
		return dalabactl_wrong_use(err, "write FILE or --text, not both");
	}
	int rc = dalabactl_need_targets(args, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(json_decref) json_t *body = json_object();
	rc = put_options(args, body, err);
	/* A zone that is not there shall be told before a long upload. */
	rc = rc < 0 ? rc : dalabactl_put_targets(c, args, body, err);
	rc = rc < 0 ? rc : put_what(c, args, body, err);
	return rc < 0 ? rc : ask(c, args, "/alerts", body, true, err);
}

int dalabactl_alert_cancel(struct client *c, const struct args *args, struct error *err) {
	int64_t id = 0;
	if (parse_int64(args->words[0], 1, INT64_MAX, &id) < 0) {
		return dalabactl_wrong_use(err, "'%s' is not the id of an alert",
					   args->words[0]);
	}
	char path[64];
	snprintf(path, sizeof(path), "/alerts/%lld/cancel", (long long)id);
	return ask(c, args, path, NULL, false, err);
}

int dalabactl_alert_list(struct client *c, const struct args *args, struct error *err) {
	AUTO(json_decref) json_t *list = NULL;
	bool all = args_flag(args, "all");
	int rc = client_list(c, all ? "/alerts" : "/alerts?state=active", 0, &list, err);
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "json")) {
		return dalabactl_print_json(list, err);
	}
	AUTO(table_done) struct table t;
	table_init(&t, "ID|STATE|SEVERITY|LEVEL|ASKED|EXPIRES|WHAT");
	size_t i;
	json_t *alert;
	json_array_foreach(json_object_get(list, "items"), i, alert) {
		const char *headline = json_text(alert, "headline");
		table_cellf(&t, "%lld", (long long)json_number(alert, "id"));
		table_cell(&t, json_text(alert, "state"));
		table_cell(&t, json_text(alert, "severity"));
		table_cell(&t, json_text(alert, "level"));
		table_cell(&t, json_text(alert, "created"));
		table_cell(&t, json_text(alert, "expires"));
		table_cell(&t, headline[0] != '\0' ? headline : json_text(alert, "text"));
	}
	return table_print(&t, err);
}
