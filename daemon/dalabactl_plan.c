/* dalabactl_plan.c - plan: what the next days will sound like, as one would write it on
 * the wall, in Chinese where the locale is. */
#include "dalabactl.h"
#include "dalabactl_table.h"

#include "base/str.h"
#include "schedule/tz.h"

#include <stdio.h>
#include <string.h>

static const char *sentence(const json_t *both, bool zh) {
	return json_text(both, zh ? "zh" : "en");
}

static void length_words(int64_t ms, bool zh, char *ret, size_t size) {
	if (ms < 120000) {
		str_format(ret, size, zh ? "%lld 秒" : "%lld s",
			   (long long)(ms + 500) / 1000);
	} else {
		str_format(ret, size, zh ? "%.1f 分钟" : "%.1f min",
			   (double)ms / 60000.0);
	}
}

/* "07:30", with seconds where there are any: of an RFC 3339 time, by its own offset. */
static void cell_time(struct table *t, const char *due) {
	bool whole = strlen(due) >= 19 && memcmp(due + 17, "00", 2) == 0;
	table_cellf(t, "%.*s", whole ? 5 : 8, strlen(due) >= 19 ? due + 11 : "");
}

/* What is to be said of a run in a zone. */
static void note_of(const json_t *zone, bool zh, char *ret, size_t size) {
	const char *outcome = json_text(zone, "outcome");
	const char *reason = sentence(json_object_get(zone, "reason"), zh);
	char length[40];
	if (json_text(zone, "starts")[0] == '\0') {
		str_format(ret, size, zh ? "不播：%s" : "not played: %s", reason);
	} else if (strcmp(outcome, "cut") == 0) {
		length_words(json_number(zone, "plays_ms"), zh, length, sizeof(length));
		str_format(ret, size, zh ? "只播 %s：%s" : "only %s of it: %s", length,
			   reason);
	} else {
		str_copy(ret, size, reason);
	}
}

#define NOTE_SIZE 700

/* One line for all zones of which the same is to be said. */
static void rows_of_run(struct table *t, const json_t *run, bool zh) {
	const json_t *zones = json_object_get(run, "zones");
	size_t n = json_array_size(zones);
	for (size_t i = 0; i < n; i++) {
		AUTO(str_done) struct str where = STR_INIT;
		char note[NOTE_SIZE];
		char length[40];
		bool told = false;
		note_of(json_array_get(zones, i), zh, note, sizeof(note));
		for (size_t k = 0; k < n && !told; k++) {
			char other[NOTE_SIZE];
			const json_t *zone = json_array_get(zones, k);
			note_of(zone, zh, other, sizeof(other));
			if (strcmp(note, other) != 0) {
				continue;
			}
			told = k < i;
			t->failed |= str_printf(&where, "%s%s", where.len > 0 ? ", " : "",
						json_text(zone, "name")) < 0;
		}
		if (told) {
			continue;
		}
		length_words(json_number(run, "length_ms"), zh, length, sizeof(length));
		bool about = json_is_true(json_object_get(run, "estimated"));
		cell_time(t, json_text(run, "due"));
		table_cell(t, json_text(run, "title"));
		table_cellf(t, "%s%s", about ? (zh ? "约 " : "about ") : "", length);
		table_cell(t, where.data != NULL ? where.data : "-");
		table_cell(t, note);
	}
}

static void print_head(const char *date, bool zh) {
	static const char *const names[2][7] = {
		{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
		 "Saturday"},
		{"星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"}};
	int year = 0;
	int month = 0;
	int day = 0;
	if (sscanf(date, "%4d-%2d-%2d", &year, &month, &day) != 3 || month < 1 ||
	    month > 12) {
		return;
	}
	const char *name = names[zh][civil_weekday(civil_to_days(year, month, day))];
	if (zh) {
		printf("%04d-%02d-%02d %s\n", year, month, day, name);
	} else {
		printf("%s %04d-%02d-%02d\n", name, year, month, day);
	}
}

/* "minutes: 东村 18.0, West 35.0" */
static void print_minutes(const json_t *days, const char *date, bool zh) {
	size_t i;
	json_t *day;
	bool first = true;
	json_array_foreach(days, i, day) {
		if (strcmp(json_text(day, "date"), date) != 0) {
			continue;
		}
		double minutes = json_number_value(json_object_get(day, "minutes"));
		printf("%s%s %.1f",
		       first ? (zh ? "播出分钟数：" : "minutes: ") : (zh ? "，" : ", "),
		       json_text(day, "name"), minutes);
		first = false;
	}
	printf("%s\n", first ? "" : "\n");
}

static int print_day(const json_t *plan, size_t *at, bool zh, struct error *err) {
	const json_t *items = json_object_get(plan, "items");
	AUTO(table_done) struct table t;
	char date[11];
	str_copy(date, sizeof(date), json_text(json_array_get(items, *at), "due"));
	print_head(date, zh);
	table_init(&t, zh ? "时间|内容|时长|分区|说明" : "TIME|TITLE|LENGTH|ZONES|NOTE");
	for (; *at < json_array_size(items); (*at)++) {
		const json_t *run = json_array_get(items, *at);
		if (strncmp(json_text(run, "due"), date, sizeof(date) - 1) != 0) {
			break;
		}
		rows_of_run(&t, run, zh);
	}
	int rc = table_print(&t, err);
	if (rc >= 0) {
		print_minutes(json_object_get(plan, "days"), date, zh);
	}
	return rc;
}

static int print_plan(const json_t *plan, struct error *err) {
	bool zh = dalabactl_lang() == RULE_ZH;
	size_t n = json_array_size(json_object_get(plan, "items"));
	size_t i = 0;
	json_t *notice;
	int rc = 0;
	for (size_t at = 0; rc >= 0 && at < n;) {
		rc = print_day(plan, &at, zh, err);
	}
	if (rc < 0) {
		return rc;
	}
	if (n == 0) {
		printf(zh ? "从 %s 到 %s 没有要播的\n"
			  : "nothing is planned from %s to %s\n",
		       json_text(plan, "from"), json_text(plan, "to"));
	}
	json_array_foreach(json_object_get(plan, "notices"), i, notice) {
		printf(zh ? "注意：%s\n" : "note: %s\n", sentence(notice, zh));
	}
	const char *next = json_text(plan, "next");
	if (next[0] != '\0') {
		printf(zh ? "还有更多：--from %s\n" : "there is more: --from %s\n", next);
	}
	return 0;
}

static int plan_path(struct client *c, const struct args *args, struct str *path,
		     struct error *err) {
	int64_t days = 7;
	int64_t zone = 0;
	const char *name = args_text(args, "zone");
	const char *from = args_text(args, "from");
	AUTO(free) char *escaped = client_escape(c, from != NULL ? from : "");
	int rc = args_number(args, "days", 1, 62, &days, err);
	if (rc >= 0 && name != NULL) {
		rc = dalabactl_find_zone(c, name, &zone, err);
	}
	if (rc < 0) {
		return rc;
	}
	rc = str_printf(path, "/plan%s?days=%lld", args_flag(args, "ics") ? ".ics" : "",
			(long long)days);
	if (rc >= 0 && zone != 0) {
		rc = str_printf(path, "&zone=%lld", (long long)zone);
	}
	if (rc >= 0 && from != NULL) {
		rc = escaped == NULL ? -ENOMEM : str_printf(path, "&from=%s", escaped);
	}
	return rc < 0 ? error_set(err, ENOMEM, "no memory for the request") : 0;
}

int dalabactl_plan(struct client *c, const struct args *args, struct error *err) {
	AUTO(str_done) struct str path = STR_INIT;
	AUTO(reply_done) struct reply reply = {0};
	if (args_flag(args, "ics") && args_flag(args, "json")) {
		return dalabactl_wrong_use(err, "write --ics or --json, not both");
	}
	int rc = plan_path(c, args, &path, err);
	if (rc >= 0 && args_flag(args, "ics")) {
		rc = client_fetch(c, path.data, &reply, err);
	} else if (rc >= 0) {
		rc = client_call(c, "GET", path.data, NULL, &reply, err);
	}
	if (rc < 0) {
		return rc;
	}
	if (args_flag(args, "ics") || args_flag(args, "json")) {
		fputs(reply.body, stdout);
		return 0;
	}
	return print_plan(reply.json, err);
}
