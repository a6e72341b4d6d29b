/* dalabactl_play.c - play, say, stop: what sounds now. */
#include "dalabactl.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define POLL_MS 200

/* What happened in the zones where it did not play to its end. */
static void tell_outcomes(const json_t *run) {
	size_t i;
	json_t *zone;
	json_array_foreach(json_object_get(run, "zones"), i, zone) {
		const char *outcome = json_text(zone, "outcome");
		const char *name = json_text(zone, "name");
		const char *reason = json_text(zone, "reason");
		if (strcmp(outcome, "played") == 0) {
			continue;
		}
		fprintf(stderr, "dalabactl: zone '%s': %s%s%s\n", name, outcome,
			reason[0] != '\0' ? ": " : "", reason);
	}
}

static int wait_for_run(struct client *c, int64_t id, struct reply *ret,
			struct error *err) {
	char path[64];
	snprintf(path, sizeof(path), "/runs/%lld", (long long)id);
	for (;;) {
		AUTO(reply_done) struct reply reply = {0};
		int rc = client_call(c, "GET", path, NULL, &reply, err);
		if (rc < 0) {
			return rc;
		}
		const char *state = json_text(reply.json, "state");
		if (strcmp(state, "planned") != 0 && strcmp(state, "playing") != 0 &&
		    strcmp(state, "paused") != 0) {
			*ret = reply;
			reply = (struct reply){0};
			return 0;
		}
		const struct timespec pause = {0, POLL_MS * 1000000L};
		nanosleep(&pause, NULL);
	}
}

/* Asks for the run in body, prints its id, and with --wait stays to its end. */
static int push(struct client *c, const struct args *args, json_t *body,
		struct error *err) {
	int rc = dalabactl_put_text(body, "class", args_text(args, "class"), err);
	rc = rc < 0 ? rc : dalabactl_put_text(body, "at", args_text(args, "at"), err);
	if (rc < 0) {
		return rc;
	}
	AUTO(reply_done) struct reply reply = {0};
	rc = client_call(c, "POST", "/runs", body, &reply, err);
	if (rc < 0) {
		return rc;
	}
	int64_t id = json_number(reply.json, "id");
	bool json = args_flag(args, "json");
	bool wait = args_flag(args, "wait");
	if (!json) {
		printf("%lld\n", (long long)id);
		fflush(stdout);
	}
	AUTO(reply_done) struct reply end = {0};
	if (wait) {
		rc = wait_for_run(c, id, &end, err);
		if (rc < 0) {
			return rc;
		}
	}
	if (json) {
		puts(wait ? end.body : reply.body);
	}
	if (wait && strcmp(json_text(end.json, "state"), "played") != 0) {
		tell_outcomes(end.json);
		return error_set(err, ECANCELED, "run %lld was not played everywhere: %s",
				 (long long)id, json_text(end.json, "state"));
	}
	return 0;
}

int dalabactl_play(struct client *c, const struct args *args, struct error *err) {
	int rc = dalabactl_need_targets(args, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(json_decref) json_t *body = json_object();
	AUTO(json_decref) json_t *clip = NULL;
	/* A zone that is not there shall be told before a long upload. */
	rc = dalabactl_put_targets(c, args, body, err);
	rc = rc < 0 ? rc
		    : dalabactl_upload(c, args->words[0], args_text(args, "title"), &clip,
				       err);
	rc = rc < 0 ? rc : dalabactl_put_text(body, "clip", json_text(clip, "id"), err);
	return rc < 0 ? rc : push(c, args, body, err);
}

int dalabactl_say(struct client *c, const struct args *args, struct error *err) {
	int rc = dalabactl_need_targets(args, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(json_decref) json_t *body = json_object();
	rc = dalabactl_put_targets(c, args, body, err);
	rc = rc < 0 ? rc : dalabactl_put_text(body, "text", args->words[0], err);
	rc = rc < 0 ? rc
		    : dalabactl_put_text(body, "title", args_text(args, "title"), err);
	return rc < 0 ? rc : push(c, args, body, err);
}

int dalabactl_stop(struct client *c, const struct args *args, struct error *err) {
	AUTO(json_decref) json_t *body = json_object();
	char path[64] = "/stop";
	int64_t run = 0;
	int rc = args_number(args, "run", 1, INT64_MAX, &run, err);
	if (rc < 0) {
		return rc;
	}
	if (run != 0 && args_list(args, "zone").n > 0) {
		return dalabactl_wrong_use(err, "write --run or --zone, not both");
	}
	if (run != 0) {
		snprintf(path, sizeof(path), "/runs/%lld/stop", (long long)run);
	} else {
		rc = dalabactl_put_zones(c, args, body, err);
	}
	AUTO(reply_done) struct reply reply = {0};
	rc = rc < 0 ? rc
		    : client_call(c, "POST", path, run != 0 ? NULL : body, &reply, err);
	if (rc >= 0 && args_flag(args, "json") && reply.body[0] != '\0') {
		puts(reply.body);
	}
	return rc;
}
