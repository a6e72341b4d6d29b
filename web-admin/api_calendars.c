/* api_calendars.c - holiday files by name and year: the form of holidays.h goes in and
 * comes out. Those that come with the program are the calendar HOLIDAYS_SHIPPED_NAME. */
#include "fields.h"
#include "list.h"
#include "render.h"

#include "base/str.h"
#include "schedule/holidays.h"

#include <stdlib.h>
#include <string.h>

#define PAPERS_MAX 20
#define PAPER_MAX_CHARS 500

/* What is known under a name: the files of each year, by year, those given in place of
 * those shipped. */
struct calendar_view {
	json_t *files; /* {year, shipped, changed, author, n}, and papers and days where
			  they were read */
};

static json_t *member(const json_t *file, const char *name) {
	json_t *value = json_object_get(file, name);
	return json_is_array(value) ? json_incref(value) : json_array();
}

static json_t *head_of(json_int_t year, size_t n_days, const struct tz *tz,
		       const struct holiday_file *given) {
	return json_pack(
		"{s:I, s:b, s:o, s:s?, s:i}", "year", year, "shipped", given == NULL,
		"changed", render_time(tz, given != NULL ? given->changed_us : TIME_NONE),
		"author", given != NULL ? given->author : NULL, "n", (int)n_days);
}

static void view_add(struct calendar_view *v, const json_t *file, const struct tz *tz,
		     const struct holiday_file *given) {
	json_t *days = member(file, "days");
	json_t *head = head_of(json_integer_value(json_object_get(file, "year")),
			       json_array_size(days), tz, given);
	json_object_set_new(head, "papers", member(file, "papers"));
	json_object_set_new(head, "days", days);
	json_array_append_new(v->files, head);
}

static const struct holiday_file *given_for(const struct holiday_file *files, size_t n,
					    json_int_t year) {
	for (size_t i = 0; i < n; i++) {
		if (files[i].year == year) {
			return &files[i];
		}
	}
	return NULL;
}

static void view_shipped(struct calendar_view *v, const struct tz *tz,
			 const struct holiday_file *given, size_t n) {
	for (const struct holidays_text *t = holidays_shipped(); t->text != NULL; t++) {
		json_auto_t *file = json_loadb(t->text, t->len, 0, NULL);
		json_t *year = json_object_get(file, "year");
		if (given_for(given, n, json_integer_value(year)) == NULL) {
			view_add(v, file, tz, NULL);
		}
	}
}

static int compare_years(const void *a, const void *b) {
	json_t *const *x = a;
	json_t *const *y = b;
	json_int_t m = json_integer_value(json_object_get(*x, "year"));
	json_int_t n = json_integer_value(json_object_get(*y, "year"));
	return (m > n) - (m < n);
}

/* Sorts an array of objects that it takes. */
static json_t *sorted(json_t *array, int (*compare)(const void *, const void *)) {
	size_t n = json_array_size(array);
	json_t **items = calloc(n + 1, sizeof(json_t *));
	json_t *ret = items != NULL ? json_array() : NULL;
	for (size_t i = 0; ret != NULL && i < n; i++) {
		items[i] = json_array_get(array, i);
	}
	if (ret != NULL) {
		qsort(items, n, sizeof(json_t *), compare);
	}
	for (size_t i = 0; ret != NULL && i < n; i++) {
		json_array_append(ret, items[i]);
	}
	free(items);
	json_decref(array);
	return ret;
}

/* -ENOENT where nothing is known under the name. */
static int view_load(struct request *r, const char *name, struct calendar_view *ret,
		     struct error *err) {
	const struct admin_config *config = request_config(r);
	struct holiday_file *given = NULL;
	size_t n = 0;
	int rc = store_holidays_list(config->store, name, &given, &n, err);
	if (rc < 0) {
		return rc;
	}
	struct calendar_view v = {.files = json_array()};
	if (strcmp(name, HOLIDAYS_SHIPPED_NAME) == 0) {
		view_shipped(&v, config->tz, given, n);
	}
	for (size_t i = 0; i < n; i++) {
		json_auto_t *file = json_loads(given[i].content, 0, NULL);
		view_add(&v, file, config->tz, &given[i]);
	}
	holidays_list_free(given, n);
	if (json_array_size(v.files) == 0) {
		json_decref(v.files);
		return error_set(err, ENOENT, "there is no calendar of this name");
	}
	v.files = sorted(v.files, compare_years);
	*ret = v;
	return 0;
}

static int compare_dates(const void *a, const void *b) {
	json_t *const *x = a;
	json_t *const *y = b;
	return strcmp(json_string_value(json_object_get(*x, "date")),
		      json_string_value(json_object_get(*y, "date")));
}

/* The days of all years, each once, as the later file has it, in order. */
static json_t *days_of(const json_t *files) {
	json_auto_t *by_date = json_object();
	json_t *days = json_array();
	size_t i = 0;
	size_t k = 0;
	json_t *file = NULL;
	json_t *day = NULL;
	json_array_foreach(files, i, file) {
		json_array_foreach(json_object_get(file, "days"), k, day) {
			json_object_set(by_date,
					json_string_value(json_object_get(day, "date")),
					day);
		}
	}
	const char *date = NULL;
	json_object_foreach(by_date, date, day) {
		json_array_append(days, day);
	}
	return sorted(days, compare_dates);
}

/* Takes what is in the view. `year` is that of the latest file. Without its days. */
static json_t *render_head(const char *name, struct calendar_view *v) {
	json_t *years = json_array();
	json_t *files = json_array();
	json_t *year = NULL;
	size_t i = 0;
	json_t *file = NULL;
	json_array_foreach(v->files, i, file) {
		year = json_object_get(file, "year");
		json_array_append(years, year);
		json_array_append_new(
			files, json_pack("{s:O, s:O, s:O, s:O, s:O}", "year", year,
					 "shipped", json_object_get(file, "shipped"),
					 "changed", json_object_get(file, "changed"),
					 "author", json_object_get(file, "author"),
					 "days", json_object_get(file, "n")));
	}
	json_t *ret = json_pack("{s:s, s:O?, s:o, s:o}", "name", name, "year", year,
				"years", years, "files", files);
	json_decref(v->files);
	return ret;
}

/* Takes what is in the view. */
static json_t *render_calendar(const char *name, struct calendar_view *v) {
	json_t *days = days_of(v->files);
	json_t *ret = render_head(name, v);
	json_object_set_new(ret, "days", days);
	return ret;
}

/* One file, in the public form. */
static void reply_file_of(struct request *r, struct calendar_view *v, int64_t year) {
	size_t i = 0;
	json_t *file = NULL;
	json_t *found = NULL;
	json_array_foreach(v->files, i, file) {
		if (json_integer_value(json_object_get(file, "year")) == year) {
			found = file;
		}
	}
	if (found == NULL) {
		reply_problem(r, 404, "year", "this calendar has no file of %lld",
			      (long long)year);
	} else {
		reply_json(r, 200,
			   json_pack("{s:O, s:O, s:O}", "year",
				     json_object_get(found, "year"), "papers",
				     json_object_get(found, "papers"), "days",
				     json_object_get(found, "days")));
	}
	json_decref(v->files);
}

static void get_calendar(struct request *r) {
	struct calendar_view v;
	struct error err = {0};
	int64_t year = 0;
	int rc = request_query_int(r, "year", HOLIDAYS_YEAR_MIN, HOLIDAYS_YEAR_MAX, &year,
				   &err);
	rc = rc < 0 ? rc : view_load(r, request_name(r), &v, &err);
	if (rc < 0) {
		reply_error(r, &err);
	} else if (year != 0) {
		reply_file_of(r, &v, year);
	} else {
		reply_json(r, 200, render_calendar(request_name(r), &v));
	}
}

/* One that was given, or comes with the program: of the n files of its name. */
static json_t *listed(const struct request *r, const char *name,
		      const struct holiday_file *given, size_t n) {
	const struct tz *tz = request_config(r)->tz;
	struct calendar_view v = {.files = json_array()};
	if (strcmp(name, HOLIDAYS_SHIPPED_NAME) == 0) {
		view_shipped(&v, tz, given, n);
	}
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(
			v.files,
			head_of(given[i].year, (size_t)given[i].n_days, tz, &given[i]));
	}
	v.files = sorted(v.files, compare_years);
	return render_head(name, &v);
}

/* The shipped one first, then by name. */
static void get_calendars(struct request *r) {
	struct holiday_file *files = NULL;
	struct error err = {0};
	size_t n = 0;
	size_t end = 0;
	bool shipped = false;
	if (store_holidays_heads(request_config(r)->store, &files, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i = end) {
		while (end < n && strcmp(files[end].name, files[i].name) == 0) {
			end++;
		}
		bool is = strcmp(files[i].name, HOLIDAYS_SHIPPED_NAME) == 0;
		json_t *calendar = listed(r, files[i].name, &files[i], end - i);
		shipped |= is;
		json_array_insert_new(items, is ? 0 : json_array_size(items), calendar);
	}
	if (!shipped) {
		json_array_insert_new(items, 0,
				      listed(r, HOLIDAYS_SHIPPED_NAME, NULL, 0));
	}
	holidays_list_free(files, n);
	list_reply_cursor(r, items, NULL);
}

/* ---------------------------------------------------------------------------- changes */

static int check_words(const json_t *body, struct error *err) {
	struct texts papers = {0};
	int rc = field_texts(body, "papers", OPTIONAL, PAPERS_MAX, PAPER_MAX_CHARS,
			     &papers, err);
	texts_done(&papers);
	size_t i = 0;
	json_t *day = NULL;
	json_array_foreach(json_object_get(body, "days"), i, day) {
		AUTO(free) char *name = NULL;
		struct error why = {0};
		if (rc >= 0 && field_text(day, "name", OPTIONAL, 0, HOLIDAYS_NAME_MAX,
					  &name, &why) < 0) {
			char field[ERROR_FIELD_SIZE];
			str_format(field, sizeof(field), "days[%zu].name", i);
			rc = error_set_field(err, EINVAL, field, "%s", why.text);
		}
	}
	return rc < 0 ? rc : 0;
}

/* What of the body is kept. */
static char *content_of(const json_t *body) {
	json_auto_t *days = json_array();
	json_auto_t *papers = member(body, "papers");
	size_t i = 0;
	json_t *day = NULL;
	json_array_foreach(json_object_get(body, "days"), i, day) {
		const char *name = json_string_value(json_object_get(day, "name"));
		json_array_append_new(days,
				      json_pack("{s:s, s:O, s:O}", "name",
						name != NULL ? name : "", "date",
						json_object_get(day, "date"), "isOffDay",
						json_object_get(day, "isOffDay")));
	}
	json_auto_t *file =
		json_pack("{s:O, s:O, s:O}", "year", json_object_get(body, "year"),
			  "papers", papers, "days", days);
	return file != NULL ? json_dumps(file, JSON_COMPACT) : NULL;
}

static int put_file(struct request *r, struct error *err) {
	const json_t *body = request_body(r);
	AUTO(holidays_done) struct holidays read = {0};
	AUTO(holiday_file_done)
	struct holiday_file file = {.name = strdup(request_name(r)),
				    .changed_us = request_now_us(r),
				    .author = strdup(request_who(r))};
	int rc = holidays_read(body, &read, err);
	rc = rc < 0 ? rc : check_words(body, err);
	if (rc < 0) {
		return rc;
	}
	file.year = read.year;
	file.content = content_of(body);
	if (file.name == NULL || file.author == NULL || file.content == NULL) {
		return error_set(err, ENOMEM, "no memory for the calendar");
	}
	rc = store_holidays_put(request_config(r)->store, &file, err);
	if (rc >= 0) {
		request_changed(r, ADMIN_CALENDARS, file.id);
	}
	return rc;
}

/* A name as it stands in an address. */
static int address_of(const char *name, struct str *ret) {
	int rc = str_append(ret, "");
	for (const char *p = name; rc >= 0 && *p != '\0'; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL;
		rc = str_printf(ret, plain ? "%c" : "%%%02X", (unsigned char)*p);
	}
	return rc < 0 ? -ENOMEM : 0;
}

static void post_calendar(struct request *r) {
	AUTO(str_done) struct str at = STR_INIT;
	struct error err = {0};
	struct calendar_view v;
	int fresh = address_of(request_name(r), &at);
	fresh = fresh < 0 ? error_set(&err, ENOMEM, "no memory for the calendar")
			  : put_file(r, &err);
	if (fresh < 0 || view_load(r, request_name(r), &v, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *calendar = render_calendar(request_name(r), &v);
	if (fresh > 0) {
		reply_created(r, calendar, "/calendars/%s", at.data);
	} else {
		reply_json(r, 200, calendar);
	}
}

static void delete_calendar(struct request *r) {
	struct error err = {0};
	int64_t year = 0;
	int rc = request_query_int(r, "year", HOLIDAYS_YEAR_MIN, HOLIDAYS_YEAR_MAX, &year,
				   &err);
	rc = rc < 0 ? rc
		    : store_holidays_delete(request_config(r)->store, request_name(r),
					    (int)year, &err);
	if (rc < 0) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_CALENDARS, 0);
	reply_empty(r);
}

const struct route *api_calendars_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/calendars", BODY_NONE, NULL, 0, get_calendars},
		{METHOD_GET, "/calendars/{name}", BODY_NONE, "year", 0, get_calendar},
		{METHOD_POST, "/calendars/{name}", BODY_JSON, NULL, 0, post_calendar},
		{METHOD_DELETE, "/calendars/{name}", BODY_NONE, "year", 0,
		 delete_calendar},
		{.path = NULL},
	};
	return routes;
}
