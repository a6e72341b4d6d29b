/* store_steps.c - see store_steps.h. */
#include "store_steps.h"

#include "schedule/store_internal.h"
#include "store_rows.h"

static struct str *dump_to;

static int dump_row(void *unused, int n, char **values, char **names) {
	(void)unused;
	(void)names;
	for (int i = 0; i < n; i++) {
		assert_int_equal(str_printf(dump_to, "%s|", values[i]), 0);
	}
	return str_append(dump_to, "\n");
}

static void dump_query(struct store *s, const char *sql) {
	int code = sqlite3_exec(s->db, sql, dump_row, NULL, NULL);
	if (code != SQLITE_OK) {
		fail_msg("%s: %s", sql, sqlite3_errmsg(s->db));
	}
}

/* "SELECT quote(a), quote(b), ... FROM table" of every table there is. */
#define TABLES_SQL                                                                       \
	"SELECT format('SELECT %Q, %s FROM %s', m.name,"                                 \
	" group_concat(format('quote(%s)', c.name)), m.name)"                            \
	" FROM sqlite_schema m, pragma_table_info(m.name) c"                             \
	" WHERE m.type = 'table' GROUP BY m.name ORDER BY m.name"

void store_dump(struct store *s, struct str *ret) {
	dump_to = ret;
	dump_query(s, "PRAGMA integrity_check");
	assert_string_equal(ret->data, "ok|\n");
	dump_query(s, "PRAGMA foreign_key_check");
	assert_string_equal(ret->data, "ok|\n");
	sqlite3_stmt *tables = NULL;
	assert_int_equal(sqlite3_prepare_v2(s->db, TABLES_SQL, -1, &tables, NULL), 0);
	while (sqlite3_step(tables) == SQLITE_ROW) {
		dump_query(s, (const char *)sqlite3_column_text(tables, 0));
	}
	assert_int_equal(sqlite3_finalize(tables), SQLITE_OK);
}

void store_dump_all(const char *path, char *dumps[STORE_STEPS + 1]) {
	struct error err = {0};
	AUTO(store_close) struct store *s = NULL;
	assert_ok(store_open(path, &s, &err));
	for (int i = 0;; i++) {
		struct str dump = STR_INIT;
		store_dump(s, &dump);
		dumps[i] = dump.data;
		if (i == STORE_STEPS) {
			return;
		}
		assert_ok(store_step(s, i, &err));
	}
}

static int step_announcement(struct store *s, struct error *err) {
	AUTO(announcement_done)
	struct announcement a = {.id = 1};
	int rc = store_announcement_get(s, 1, &a, err);
	if (rc == 0) {
		rc = content_add(&a.content, PART_SILENCE, NULL, NULL, 500);
		rc = rc < 0 ? rc
			    : content_add_relay(&a.content, PART_LINE, "hw:0", NULL,
						5000);
	}
	if (rc == 0) {
		rc = content_add(&a.content, PART_CLIP, clip_id(2), NULL, 0);
	}
	if (rc < 0) {
		return error_set(err, -rc, "cannot read or make the announcement");
	}
	a.changed_us = NOON_US + 50;
	return store_announcement_put(s, &a, err);
}

/* What the director does in one: claims what is due and moves the mark; one claim is of a
 * time that was claimed before. */
static int step_joined(struct store *s, struct error *err) {
	int rc = store_begin(s, err);
	if (rc < 0) {
		return rc;
	}
	int64_t id = 0;
	rc = claim_run(s, 1, NOON_US + 2 * MINUTE_US, 2, &id, err);
	if (rc == 0) {
		int again = claim_run(s, 1, NOON_US + MINUTE_US, 1, &id, err);
		rc = again == -EEXIST ? 0 : again;
		assert_true(again < 0);
	}
	if (rc == 0) {
		rc = claim_run(s, 2, NOON_US + 2 * MINUTE_US, 1, &id, err);
	}
	if (rc == 0) {
		rc = store_mark_put(s, NOON_US + 2 * MINUTE_US, err);
	}
	if (rc < 0) {
		store_rollback(s);
		return rc;
	}
	return store_commit(s, err);
}

static int step_holidays(struct store *s, int year, struct error *err) {
	char name[] = "cn";
	char content[] = "{\"year\": 2026, \"days\": []}";
	struct holiday_file file = {.name = name,
				    .year = year,
				    .content = content,
				    .changed_us = NOON_US + MINUTE_US,
				    .author = name};
	int rc = store_holidays_put(s, &file, err);
	return rc < 0 ? rc : 0;
}

static int step_answer(struct store *s, struct error *err) {
	char request[] = "5feceb66ffc86f38d952786c6d696c79";
	AUTO(free) char *body = malloc(20000);
	if (body == NULL) {
		return error_set(err, ENOMEM, "no memory for the body of an answer");
	}
	/* Longer than a page: it goes to several. */
	memset(body, 'x', 20000);
	body[19999] = '\0';
	struct answer answer = {request, 201, NULL, body};
	return store_answer_put(s, "clerk", "key", &answer, NOON_US + MINUTE_US, err);
}

/* An alert and its first sounding, together. */
static int step_sounding(struct store *s, struct error *err) {
	int rc = store_begin(s, err);
	if (rc < 0) {
		return rc;
	}
	int64_t id = 0;
	rc = add_alert(s, 2, 2, &id, err);
	if (rc == 0) {
		rc = claim_sounding(s, id, 2, &id, err);
	}
	if (rc < 0) {
		store_rollback(s);
		return rc;
	}
	return store_commit(s, err);
}

static int step_cancel(struct store *s, struct error *err) {
	AUTO(alert_done) struct alert alert = {0};
	int rc = store_alert_get(s, 1, &alert, err);
	if (rc < 0) {
		return rc;
	}
	char who[] = "clerk";
	alert.state = ALERT_CANCELLED;
	alert.ended_us = NOON_US + 3 * MINUTE_US;
	alert.ended_by = who;
	rc = store_alert_change(s, &alert, err);
	alert.ended_by = NULL;
	return rc;
}

static int read_recordings(struct store *s, struct error *err) {
	struct recording_filter any = {0, 0, 0, 1000};
	struct recording_filter of_zone = {2, 2, 9, 1000};
	struct recording *items = NULL;
	int64_t bytes = 0;
	size_t n = 0;
	int rc = store_recording_list(s, &any, &items, &n, err);
	if (rc == 0) {
		recording_list_free(items, n);
		rc = store_recording_list(s, &of_zone, &items, &n, err);
	}
	if (rc == 0) {
		recording_list_free(items, n);
		rc = store_recording_oldest(s, NOON_US, 1000, &items, &n, err);
	}
	if (rc == 0) {
		recording_list_free(items, n);
		rc = store_recording_bytes(s, &bytes, err);
	}
	return rc;
}

static int step_clip(struct store *s, int number, struct error *err) {
	int rc = add_clip(s, number, err);
	return rc < 0 ? rc : 0;
}

static int step_source(struct store *s, struct error *err) {
	char source[CLIP_ID_SIZE];
	strcpy(source, clip_id(100));
	return store_source_put(s, source, clip_id(1), err);
}

/* One more, and one that is gone. */
static int step_override(struct store *s, struct error *err) {
	int rc = store_begin(s, err);
	if (rc < 0) {
		return rc;
	}
	rc = put_override(s, 1, NOON_US + 4 * MINUTE_US, 0, err);
	if (rc >= 0) {
		rc = store_override_delete(s, 1, err);
	}
	if (rc < 0) {
		store_rollback(s);
		return rc;
	}
	return store_commit(s, err);
}

/* What one occurrence does just this once, step by step. */
static int step_once(struct store *s, int i, struct error *err) {
	switch (i) {
	case 0:
		return put_override(s, 1, NOON_US + 3 * MINUTE_US, 0, err);
	case 1:
		return put_override(s, 1, NOON_US + 3 * MINUTE_US, 1, err);
	case 2:
		return store_override_pass(s, 1, true, err);
	case 3:
		return step_override(s, err);
	default:
		return store_schedule_delete(s, 1, err);
	}
}

static int late_step(struct store *s, int i, struct error *err) {
	switch (i) {
	case 19:
		return add_recording(s, 1, 1, NOON_US + MINUTE_US, err);
	case 20:
		return add_recording(s, 2, 2, NOON_US + 2 * MINUTE_US, err);
	case 21:
		return store_recording_delete(s, 1, err);
	case 22:
		return step_holidays(s, 2025, err);
	case 23:
		return step_holidays(s, 2025, err); /* in place of the first */
	case 24:
		return step_holidays(s, 2026, err);
	case 25:
		return store_holidays_delete(s, "cn", 2025, err);
	case 26:
	case 27:
	case 28:
	case 29:
	case 30:
		return step_once(s, i - 26, err);
	default:
		return store_answer_sweep(s, NOON_US + 2 * MINUTE_US, err);
	}
}

int store_step(struct store *s, int i, struct error *err) {
	static const uint8_t hash[32] = {7};
	int64_t id = 0;
	switch (i) {
	case 0:
		return add_area(s, "360826101", 0, &id, err);
	case 1:
		return add_output(s, "hall", 8, &id, err);
	case 2:
		return add_zone(s, "东村", 1, 5, 1, &id, err);
	case 3:
		return add_zone(s, "西村", 1, 6, 1, &id, err);
	case 4:
		return step_clip(s, 1, err);
	case 5:
		return step_clip(s, 2, err);
	case 6:
		return step_source(s, err);
	case 7:
		return add_announcement(s, 1, &id, err);
	case 8:
		return step_announcement(s, err);
	case 9:
		return add_schedule(s, 1, 1, &id, err);
	case 10:
		return claim_run(s, 1, NOON_US + MINUTE_US, 1, &id, err);
	case 11:
		return store_run_start(s, 1, 1, NOON_US + MINUTE_US, 0, err);
	case 12:
		return store_run_finish(s, 1, 1, OUTCOME_CUT, "stopped by clerk", 50,
					err);
	case 13:
		return step_joined(s, err);
	case 14:
		return store_token_add(s, "phone", hash, NOON_US, &id, err);
	case 15:
		return step_answer(s, err);
	case 16:
		return add_alert(s, 0, 1, &id, err);
	case 17:
		return step_sounding(s, err);
	case 18:
		return step_cancel(s, err);
	default:
		return late_step(s, i, err);
	}
}

/* One list, read and released. */
#define READ_LIST(name, list_free)                                                       \
	do {                                                                             \
		struct name *items = NULL;                                               \
		size_t n = 0;                                                            \
		int rc = store_##name##_list(s, (struct store_page){0, 1000}, &items,    \
					     &n, err);                                   \
		if (rc < 0) {                                                            \
			return rc;                                                       \
		}                                                                        \
		list_free(items, n);                                                     \
	} while (0)

static int read_runs(struct store *s, struct error *err) {
	struct store_filter any = {TIME_NONE, TIME_NONE, 0, -1, 0, 1000};
	struct store_filter of_zone = {TIME_NONE, TIME_NONE, 1, OUTCOME_CUT, 0, 1000};
	struct run *runs = NULL;
	size_t n = 0;
	int rc = store_run_list(s, &any, &runs, &n, err);
	if (rc == 0) {
		run_list_free(runs, n);
		rc = store_run_list(s, &of_zone, &runs, &n, err);
	}
	if (rc == 0) {
		run_list_free(runs, n);
		rc = store_run_open(s, &runs, &n, err);
	}
	if (rc == 0) {
		run_list_free(runs, n);
	}
	return rc;
}

static int read_alerts(struct store *s, struct error *err) {
	struct store_filter any = {TIME_NONE, TIME_NONE, 0, -1, 0, 1000};
	struct store_filter of_zone = {0, INT64_MAX, 1, ALERT_ACTIVE, 9, 1000};
	struct alert *alerts = NULL;
	size_t n = 0;
	int rc = store_alert_list(s, &any, &alerts, &n, err);
	if (rc == 0) {
		alert_list_free(alerts, n);
		rc = store_alert_list(s, &of_zone, &alerts, &n, err);
	}
	if (rc == 0) {
		alert_list_free(alerts, n);
		int64_t last = 0;
		rc = store_alert_last(s, &last, err);
	}
	return rc;
}

static int read_overrides(struct store *s, struct error *err) {
	struct override *items = NULL;
	size_t n = 0;
	int64_t id = 0;
	int rc = store_override_list(s, 0, (struct store_page){0, 1000}, &items, &n, err);
	if (rc == 0) {
		override_list_free(items, n);
		rc = store_override_list(s, 1, (struct store_page){0, 1000}, &items, &n,
					 err);
	}
	if (rc == 0) {
		override_list_free(items, n);
		rc = store_run_of(s, 1, NOON_US + MINUTE_US, &id, err);
	}
	return rc;
}

static int read_facts(struct store *s, struct error *err) {
	char source[CLIP_ID_SIZE];
	char clip[CLIP_ID_SIZE];
	strcpy(source, clip_id(100));
	int rc = store_source_get(s, source, clip, err);
	struct answer answer = {0};
	if (rc == 0 || rc == -ENOENT) {
		rc = store_answer_get(s, "clerk", "key", &answer, err);
		answer_done(&answer);
	}
	int64_t us = 0;
	if (rc == 0 || rc == -ENOENT) {
		rc = store_mark_get(s, &us, err);
	}
	return rc < 0 ? rc : store_newest_us(s, &us, err);
}

int store_read_all(struct store *s, struct error *err) {
	READ_LIST(area, area_list_free);
	READ_LIST(output, output_list_free);
	READ_LIST(zone, zone_list_free);
	READ_LIST(announcement, announcement_list_free);
	READ_LIST(schedule, schedule_list_free);
	READ_LIST(token, token_list_free);
	struct holiday_file *files = NULL;
	size_t n = 0;
	int rc = store_holidays_list(s, NULL, &files, &n, err);
	if (rc < 0) {
		return rc;
	}
	holidays_list_free(files, n);
	rc = store_holidays_heads(s, &files, &n, err);
	if (rc < 0) {
		return rc;
	}
	holidays_list_free(files, n);
	struct clip *clips = NULL;
	rc = store_clip_list(s, TIME_NONE, NULL, 1000, &clips, &n, err);
	if (rc < 0) {
		return rc;
	}
	clip_list_free(clips, n);
	rc = read_runs(s, err);
	if (rc == 0) {
		rc = read_alerts(s, err);
	}
	if (rc == 0) {
		rc = read_recordings(s, err);
	}
	if (rc == 0) {
		rc = read_overrides(s, err);
	}
	return rc < 0 ? rc : read_facts(s, err);
}
