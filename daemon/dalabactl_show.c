/* dalabactl_show.c - status, zones, runs: what the box says of itself, as tables. */
#include "dalabactl.h"
#include "dalabactl_table.h"

#include <stdio.h>
#include <string.h>

/* "12", "12 over 9": what sounds, and what sounds softly beneath it. */
static void cell_run(struct table *t, const json_t *zone) {
	long long run = (long long)json_number(zone, "run");
	long long ducked = (long long)json_number(zone, "ducked");
	if (run == 0) {
		table_cell(t, "-");
	} else if (ducked == 0) {
		table_cellf(t, "%lld", run);
	} else {
		table_cellf(t, "%lld over %lld", run, ducked);
	}
}

/* "14 paused, 15": who waits, in order; "+3" are not listed. */
static void cell_queue(struct table *t, const json_t *zone) {
	AUTO(str_done) struct str text = STR_INIT;
	const json_t *queue = json_object_get(zone, "queue");
	size_t i;
	json_t *item;
	json_array_foreach(queue, i, item) {
		const char *comma = i > 0 ? ", " : "";
		bool paused = json_is_true(json_object_get(item, "paused"));
		if (json_number(item, "run") != 0) {
			t->failed |= str_printf(&text, "%s%lld", comma,
						(long long)json_number(item, "run")) < 0;
		} else {
			t->failed |= str_printf(&text, "%s'%s'", comma,
						json_text(item, "title")) < 0;
		}
		t->failed |= paused && str_append(&text, " paused") < 0;
	}
	int64_t more = json_number(zone, "waiting") - (int64_t)json_array_size(queue);
	if (more > 0) {
		t->failed |= str_printf(&text, ", +%lld", (long long)more) < 0;
	}
	table_cell(t, text.data != NULL ? text.data : "-");
}

int dalabactl_status(struct client *c, const struct args *args, struct error *err) {
	AUTO(reply_done) struct reply reply = {0};
	int rc = client_call(c, "GET", "/status", NULL, &reply, err);
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "json")) {
		puts(reply.body);
		return 0;
	}
	const json_t *clock = json_object_get(reply.json, "clock");
	bool trusted = json_is_true(json_object_get(clock, "trusted"));
	printf("clock %s, %s%s%s\n", json_text(clock, "now"),
	       trusted ? "trusted" : "not trusted",
	       json_text(clock, "reason")[0] != '\0' ? ": " : "",
	       json_text(clock, "reason"));
	AUTO(table_done) struct table t;
	table_init(&t, "ID|ZONE|STATE|RUN|LEVEL|QUEUE|FAULT");
	size_t i;
	json_t *zone;
	json_array_foreach(json_object_get(reply.json, "zones"), i, zone) {
		table_cellf(&t, "%lld", (long long)json_number(zone, "id"));
		table_cell(&t, json_text(zone, "name"));
		table_cell(&t, json_text(zone, "state"));
		cell_run(&t, zone);
		const json_t *level = json_object_get(zone, "level_db");
		if (json_is_number(level) && json_number_value(level) > -120) {
			table_cellf(&t, "%.0f dB", json_number_value(level));
		} else {
			table_cell(&t, "-");
		}
		cell_queue(&t, zone);
		table_cell(&t, json_text(zone, "fault"));
	}
	rc = table_print(&t, err);
	json_t *fault;
	json_array_foreach(json_object_get(reply.json, "faults"), i, fault) {
		printf("fault: %s: %s (since %s)\n", json_text(fault, "source"),
		       json_text(fault, "text"), json_text(fault, "since"));
	}
	const json_t *notice =
		json_object_get(json_object_get(reply.json, "holidays"), "notice");
	const char *said = json_text(notice, dalabactl_lang() == RULE_ZH ? "zh" : "en");
	if (said[0] != '\0') {
		printf("holidays: %s\n", said);
	}
	return rc;
}

/* "0,1" */
static void cell_numbers(struct table *t, const json_t *numbers) {
	AUTO(str_done) struct str text = STR_INIT;
	size_t i;
	json_t *number;
	json_array_foreach(numbers, i, number) {
		t->failed |= str_printf(&text, "%s%lld", i > 0 ? "," : "",
					(long long)json_integer_value(number)) < 0;
	}
	table_cell(t, text.data != NULL ? text.data : "-");
}

/* "22:00-06:00,12:00-14:00" */
static void cell_quiet(struct table *t, const json_t *spans) {
	AUTO(str_done) struct str text = STR_INIT;
	size_t i;
	json_t *span;
	json_array_foreach(spans, i, span) {
		t->failed |=
			str_printf(&text, "%s%s-%s", i > 0 ? "," : "",
				   json_text(span, "from"), json_text(span, "to")) < 0;
	}
	table_cell(t, text.data != NULL ? text.data : "-");
}

static void cell_id_or_text(struct table *t, const json_t *value) {
	if (json_is_integer(value)) {
		table_cellf(t, "%lld", (long long)json_integer_value(value));
	} else {
		const char *text = json_string_value(value);
		table_cell(t, text != NULL && text[0] != '\0' ? text : "-");
	}
}

int dalabactl_zones(struct client *c, const struct args *args, struct error *err) {
	AUTO(json_decref) json_t *list = NULL;
	int rc = client_list(c, "/zones", 0, &list, err);
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "json")) {
		return dalabactl_print_json(list, err);
	}
	AUTO(table_done) struct table t;
	table_init(&t, "ID|ZONE|OUTPUT|CHANNELS|AREA|GAIN|QUIET|PASS|AMPLIFIER");
	size_t i;
	json_t *zone;
	json_array_foreach(json_object_get(list, "items"), i, zone) {
		table_cellf(&t, "%lld", (long long)json_number(zone, "id"));
		table_cell(&t, json_text(zone, "name"));
		cell_id_or_text(&t, json_object_get(zone, "output"));
		cell_numbers(&t, json_object_get(zone, "channels"));
		cell_id_or_text(&t, json_object_get(zone, "area"));
		table_cellf(&t, "%g dB",
			    json_number_value(json_object_get(zone, "gain_db")));
		cell_quiet(&t, json_object_get(zone, "quiet"));
		table_cellf(&t, "%lld", (long long)json_number(zone, "pass"));
		cell_id_or_text(&t, json_object_get(zone, "amplifier"));
	}
	return table_print(&t, err);
}

/* Adds "name=value" with the value percent-encoded, where there is one. */
static int add_query(struct client *c, struct str *path, const char *name,
		     const char *value, struct error *err) {
	if (value == NULL) {
		return 0;
	}
	AUTO(free) char *escaped = client_escape(c, value);
	if (escaped == NULL ||
	    str_printf(path, "%c%s=%s", strchr(path->data, '?') != NULL ? '&' : '?', name,
		       escaped) < 0) {
		return error_set(err, ENOMEM, "no memory for the request");
	}
	return 0;
}

static int runs_path(struct client *c, const struct args *args, struct str *path,
		     struct error *err) {
	char zone[24];
	const char *zone_name = args_text(args, "zone");
	if (zone_name != NULL) {
		int64_t id = 0;
		int rc = dalabactl_find_zone(c, zone_name, &id, err);
		if (rc < 0) {
			return rc;
		}
		snprintf(zone, sizeof(zone), "%lld", (long long)id);
	}
	if (str_append(path, "/runs") < 0) {
		return error_set(err, ENOMEM, "no memory for the request");
	}
	int rc = add_query(c, path, "from", args_text(args, "from"), err);
	rc = rc < 0 ? rc : add_query(c, path, "to", args_text(args, "to"), err);
	rc = rc < 0 ? rc : add_query(c, path, "state", args_text(args, "state"), err);
	return rc < 0 ? rc
		      : add_query(c, path, "zone", zone_name != NULL ? zone : NULL, err);
}

static void cells_of_run(struct table *t, const json_t *run) {
	table_cellf(t, "%lld", (long long)json_number(run, "id"));
	table_cell(t, json_text(run, "due"));
	table_cell(t, json_text(run, "title"));
}

static void rows_of_run(struct table *t, const json_t *run) {
	size_t i;
	json_t *zone;
	const json_t *zones = json_object_get(run, "zones");
	if (json_array_size(zones) == 0) {
		/* Nothing was heard, which is no reason to say nothing. */
		cells_of_run(t, run);
		table_cell(t, "-");
		table_cell(t, json_text(run, "state"));
		table_cell(t, "-");
		table_cell(t, "no zone was in its areas; look at the areas of the zones");
	}
	json_array_foreach(zones, i, zone) {
		cells_of_run(t, run);
		cell_id_or_text(t, json_object_get(zone, "name") != NULL
					   ? json_object_get(zone, "name")
					   : json_object_get(zone, "zone"));
		table_cell(t, json_text(zone, "outcome"));
		if (json_text(zone, "started")[0] != '\0') {
			table_cellf(t, "%lld ms",
				    (long long)json_number(zone, "late_ms"));
		} else {
			table_cell(t, "-");
		}
		table_cell(t, json_text(zone, "reason"));
	}
}

int dalabactl_runs(struct client *c, const struct args *args, struct error *err) {
	int64_t limit = 50;
	int rc = args_number(args, "limit", 0, 1000000, &limit, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(str_done) struct str path = STR_INIT;
	AUTO(json_decref) json_t *list = NULL;
	rc = runs_path(c, args, &path, err);
	rc = rc < 0 ? rc : client_list(c, path.data, (size_t)limit, &list, err);
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "json")) {
		return dalabactl_print_json(list, err);
	}
	AUTO(table_done) struct table t;
	table_init(&t, "ID|DUE|TITLE|ZONE|OUTCOME|LATE|REASON");
	size_t i;
	json_t *run;
	json_array_foreach(json_object_get(list, "items"), i, run) {
		rows_of_run(&t, run);
	}
	if (json_text(list, "next")[0] != '\0') {
		fprintf(stderr, "there are older runs; --limit N shows more\n");
	}
	return table_print(&t, err);
}
