/* api_zones.c - zones: {name, output, channels, area, gain_db, max_gain_db, quiet,
 * lead_ms, amplifier, pass}, and the chime that says which horn it is. */
#include "api_areas.h"
#include "fields.h"
#include "list.h"
#include "render.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_CHARS 100
#define GAIN_MIN_DB (-60.0)
#define GAIN_MAX_DB 20.0
#define MAX_GAIN_USUAL_DB 6.0
#define LEAD_MAX_MS 10000
#define AMPLIFIER_MAX_CHARS 32

static json_t *render_minute(int minute) {
	return json_sprintf("%02d:%02d", minute / 60, minute % 60);
}

static json_t *render_zone(struct request *r, const struct zone *zone) {
	json_t *channels = json_array();
	for (size_t i = 0; i < zone->n_channels; i++) {
		json_array_append_new(channels, json_integer(zone->channels[i]));
	}
	json_t *quiet = json_array();
	for (size_t i = 0; i < zone->n_quiet; i++) {
		json_array_append_new(
			quiet, json_pack("{s:o, s:o}", "from",
					 render_minute(zone->quiet[i].from_min), "to",
					 render_minute(zone->quiet[i].to_min)));
	}
	AUTO(area_done) struct area area = {0};
	struct error err = {0};
	if (zone->area != 0) {
		store_area_get(request_config(r)->store, zone->area, &area, &err);
	}
	return json_pack("{s:I, s:s, s:I, s:o, s:o, s:s?, s:f, s:f, s:o, s:i, s:s?, s:i}",
			 "id", (json_int_t)zone->id, "name", zone->name, "output",
			 (json_int_t)zone->output, "channels", channels, "area",
			 zone->area != 0 ? json_integer(zone->area) : json_null(),
			 "area_code", area.code, "gain_db", zone->gain_db, "max_gain_db",
			 zone->max_gain_db, "quiet", quiet, "lead_ms", zone->lead_ms,
			 "amplifier", zone->amplifier, "pass", zone->pass);
}

static void get_zones(struct request *r) {
	struct error err = {0};
	struct store_page page;
	struct zone *zones = NULL;
	size_t n = 0;
	if (list_page(r, &page, &err) < 0 ||
	    store_zone_list(request_config(r)->store, page, &zones, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_zone(r, &zones[i]));
	}
	list_reply(r, &page, items, n, n > 0 ? zones[n - 1].id : 0);
	zone_list_free(zones, n);
}

static void get_zone(struct request *r) {
	AUTO(zone_done) struct zone zone = {0};
	struct error err = {0};
	if (store_zone_get(request_config(r)->store, request_id(r), &zone, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_zone(r, &zone));
}

/* "22:00"; "24:00" is the end of the day. */
static bool read_minute(const char *text, int last, int *ret) {
	int hour = 0;
	int minute = 0;
	int used = 0;
	if (strlen(text) != 5 || strspn(text, "0123456789:") != 5 ||
	    sscanf(text, "%2d:%2d%n", &hour, &minute, &used) != 2 || used != 5 ||
	    minute > 59 || hour * 60 + minute > last) {
		return false;
	}
	*ret = hour * 60 + minute;
	return true;
}

static int read_span(const json_t *value, size_t i, struct quiet_span *ret,
		     struct error *err) {
	char field[32];
	snprintf(field, sizeof(field), "quiet[%zu]", i);
	const char *from = json_string_value(json_object_get(value, "from"));
	const char *to = json_string_value(json_object_get(value, "to"));
	if (from == NULL || to == NULL || json_object_size(value) != 2 ||
	    !read_minute(from, 24 * 60 - 1, &ret->from_min) ||
	    !read_minute(to, 24 * 60, &ret->to_min)) {
		return error_set_field(err, EINVAL, field,
				       "\"%s\" must be {\"from\": \"22:00\", \"to\": "
				       "\"06:00\"}, times of the day as HH:MM",
				       field);
	}
	return 0;
}

static int read_quiet(const json_t *body, struct zone *zone, struct error *err) {
	json_t *array = NULL;
	int rc = field_array(body, "quiet", OPTIONAL, ZONE_QUIET_MAX, &array, err);
	if (rc <= 0) {
		return rc;
	}
	zone->n_quiet = 0;
	for (size_t i = 0; i < json_array_size(array); i++) {
		rc = read_span(json_array_get(array, i), i, &zone->quiet[i], err);
		if (rc < 0) {
			return rc;
		}
		zone->n_quiet++;
	}
	return 0;
}

static int read_channels(const json_t *body, enum need need, struct zone *zone,
			 struct error *err) {
	json_t *array = NULL;
	int rc = field_array(body, "channels", need, OUTPUT_CHANNELS_MAX, &array, err);
	if (rc <= 0) {
		return rc;
	}
	if (json_array_size(array) == 0) {
		return error_set_field(err, EINVAL, "channels",
				       "\"channels\": a zone has at least one channel of "
				       "its output; the first is 0");
	}
	zone->n_channels = 0;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *value = json_array_get(array, i);
		json_int_t channel = json_integer_value(value);
		bool twice = false;
		for (size_t k = 0; k < zone->n_channels; k++) {
			twice = twice || zone->channels[k] == channel;
		}
		if (!json_is_integer(value) || channel < 0 ||
		    channel >= OUTPUT_CHANNELS_MAX || twice) {
			return error_set_field(err, EINVAL, "channels",
					       "\"channels\" are numbers of channels, 0 "
					       "to %d, each once",
					       OUTPUT_CHANNELS_MAX - 1);
		}
		zone->channels[zone->n_channels++] = (int)channel;
	}
	return 0;
}

static int read_gain(const json_t *body, struct zone *zone, struct error *err) {
	int rc = field_number(body, "max_gain_db", OPTIONAL, GAIN_MIN_DB, GAIN_MAX_DB,
			      &zone->max_gain_db, err);
	if (rc >= 0) {
		rc = field_number(body, "gain_db", OPTIONAL, GAIN_MIN_DB, GAIN_MAX_DB,
				  &zone->gain_db, err);
	}
	if (rc >= 0 && zone->gain_db > zone->max_gain_db) {
		rc = error_set_field(err, EINVAL, "gain_db",
				     "\"gain_db\" %g is above \"max_gain_db\" %g",
				     zone->gain_db, zone->max_gain_db);
	}
	return rc;
}

/* One of the configuration's, where alone its commands can be written. */
static int read_amplifier(struct request *r, struct zone *zone, struct error *err) {
	const char *const *names = request_config(r)->amplifiers;
	int rc = field_text_or_null(request_body(r), "amplifier", AMPLIFIER_MAX_CHARS,
				    &zone->amplifier, err);
	if (rc <= 0 || zone->amplifier == NULL) {
		return rc;
	}
	AUTO(str_done) struct str all = STR_INIT;
	for (size_t i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], zone->amplifier) == 0) {
			return rc;
		}
		if (str_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]) < 0) {
			return error_set(err, ENOMEM,
					 "no memory for the names of amplifiers");
		}
	}
	return error_set_field(err, EINVAL, "amplifier",
			       "\"amplifier\": the configuration has no [amplifier %s]; "
			       "it has %s",
			       zone->amplifier, all.data != NULL ? all.data : "none");
}

static int read_zone(struct request *r, enum need need, struct zone *zone,
		     struct error *err) {
	static const char *const names[] = {
		"name",  "output",  "channels",  "area", "gain_db", "max_gain_db",
		"quiet", "lead_ms", "amplifier", "pass", NULL};
	const json_t *body = request_body(r);
	int64_t lead_ms = zone->lead_ms;
	int64_t pass = zone->pass;
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_text(body, "name", need, 1, NAME_MAX_CHARS, &zone->name, err);
	}
	if (rc >= 0) {
		rc = field_int(body, "output", need, 1, INT64_MAX, &zone->output, err);
	}
	if (rc >= 0) {
		rc = read_channels(body, need, zone, err);
	}
	if (rc >= 0) {
		rc = area_field(request_config(r)->store, body, "area", &zone->area, err);
	}
	if (rc >= 0) {
		rc = read_gain(body, zone, err);
	}
	if (rc >= 0) {
		rc = read_quiet(body, zone, err);
	}
	if (rc >= 0) {
		rc = field_int(body, "lead_ms", OPTIONAL, 0, LEAD_MAX_MS, &lead_ms, err);
	}
	if (rc >= 0) {
		rc = read_amplifier(r, zone, err);
	}
	if (rc >= 0) {
		rc = field_int(body, "pass", OPTIONAL, 0, ZONE_PASS_MAX, &pass, err);
	}
	zone->lead_ms = (int)lead_ms;
	zone->pass = (int)pass;
	return rc;
}

static int put_zone(struct request *r, struct zone *zone, struct error *err) {
	int rc = store_zone_put(request_config(r)->store, zone, err);
	if (rc >= 0) {
		request_changed(r, ADMIN_ZONES, zone->id);
	}
	return rc;
}

static void post_zones(struct request *r) {
	AUTO(zone_done) struct zone zone = {.max_gain_db = MAX_GAIN_USUAL_DB};
	struct error err = {0};
	if (read_zone(r, REQUIRED, &zone, &err) < 0 || put_zone(r, &zone, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_created(r, render_zone(r, &zone), "/zones/%lld", (long long)zone.id);
}

static void patch_zone(struct request *r) {
	AUTO(zone_done) struct zone zone = {0};
	struct error err = {0};
	if (store_zone_get(request_config(r)->store, request_id(r), &zone, &err) < 0 ||
	    read_zone(r, OPTIONAL, &zone, &err) < 0 || put_zone(r, &zone, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_zone(r, &zone));
}

static void delete_zone(struct request *r) {
	struct error err = {0};
	if (store_zone_delete(request_config(r)->store, request_id(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_ZONES, request_id(r));
	reply_empty(r);
}

static void test_zone(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(zone_done) struct zone zone = {0};
	AUTO(run_done) struct run run = {0};
	struct error err = {0};
	int64_t id = 0;
	int rc = store_zone_get(config->store, request_id(r), &zone, &err);
	if (rc >= 0) {
		rc = config->ops->zone_test(config->ctx, zone.id, request_who(r), &id,
					    &err);
	}
	if (rc >= 0) {
		request_pushed(r, id);
		rc = store_run_get(config->store, id, &run, &err);
	}
	if (rc < 0) {
		reply_error(r, &err);
		return;
	}
	reply_created(r, render_run(config->tz, &run), "/runs/%lld", (long long)id);
}

const struct route *api_zones_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/zones", BODY_NONE, "limit cursor", 0, get_zones},
		{METHOD_POST, "/zones", BODY_JSON, NULL, 0, post_zones},
		{METHOD_GET, "/zones/{id}", BODY_NONE, NULL, 0, get_zone},
		{METHOD_PATCH, "/zones/{id}", BODY_JSON, NULL, 0, patch_zone},
		{METHOD_DELETE, "/zones/{id}", BODY_NONE, NULL, 0, delete_zone},
		{METHOD_POST, "/zones/{id}/test", BODY_NONE, NULL, 0, test_zone},
		{.path = NULL},
	};
	return routes;
}
