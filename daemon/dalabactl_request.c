/* dalabactl_request.c - what several commands put into their requests. */
#include "dalabactl.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

int dalabactl_print_json(const json_t *value, struct error *err) {
	AUTO(free) char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (text == NULL) {
		return error_set(err, ENOMEM, "no memory for the answer");
	}
	puts(text);
	return 0;
}

/* The name of a file without folder and ending: what it is called where nobody says. */
static char *title_of(const char *file) {
	const char *slash = strrchr(file, '/');
	const char *name = slash != NULL ? slash + 1 : file;
	const char *dot = strrchr(name, '.');
	return strndup(name,
		       dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
}

int dalabactl_upload(struct client *c, const char *file, const char *title, json_t **ret,
		     struct error *err) {
	AUTO(free) char *own = title != NULL ? strdup(title) : title_of(file);
	AUTO(free) char *escaped = own != NULL ? client_escape(c, own) : NULL;
	AUTO(str_done) struct str path = STR_INIT;
	if (escaped == NULL || str_printf(&path, "/clips?title=%s", escaped) < 0) {
		return error_set(err, ENOMEM, "no memory for the request");
	}
	AUTO(reply_done) struct reply reply = {0};
	int rc = client_upload(c, path.data, file, &reply, err);
	if (rc == -EREMOTEIO) {
		return error_prefix(err, "'%s': ", file);
	}
	if (rc < 0) {
		return rc;
	}
	if (json_text(reply.json, "id")[0] == '\0') {
		return error_set(err, EPROTO, "the answer to the upload names no clip");
	}
	const json_t *notice = json_object_get(reply.json, "level_notice");
	if (json_is_object(notice)) {
		fprintf(stderr, "dalabactl: '%s': %s\n", file, json_text(notice, "en"));
	}
	*ret = MOVE(reply.json);
	return reply.status == 201;
}

static int zone_from(const json_t *zones, const char *name, int64_t *ret,
		     struct error *err) {
	size_t i;
	json_t *zone;
	json_array_foreach(zones, i, zone) {
		if (strcmp(json_text(zone, "name"), name) == 0) {
			*ret = json_number(zone, "id");
			return 0;
		}
	}
	int64_t id = 0;
	bool number = parse_int64(name, 1, INT64_MAX, &id) == 0;
	AUTO(str_done) struct str known = STR_INIT;
	json_array_foreach(zones, i, zone) {
		if (number && json_number(zone, "id") == id) {
			*ret = id;
			return 0;
		}
		str_printf(&known, "%s%s", i > 0 ? ", " : "", json_text(zone, "name"));
	}
	return error_set_field(err, ENOENT, "zone", "there is no zone '%s'%s%s", name,
			       known.len > 0 ? "; there are: " : " and no other",
			       known.len > 0 ? known.data : "");
}

int dalabactl_find_zone(struct client *c, const char *name, int64_t *ret,
			struct error *err) {
	AUTO(json_decref) json_t *list = NULL;
	int rc = client_list(c, "/zones", 0, &list, err);
	return rc < 0 ? rc : zone_from(json_object_get(list, "items"), name, ret, err);
}

int dalabactl_put_zones(struct client *c, const struct args *args, json_t *body,
			struct error *err) {
	struct args_list zones = args_list(args, "zone");
	if (zones.n == 0) {
		return 0;
	}
	AUTO(json_decref) json_t *list = NULL;
	AUTO(json_decref) json_t *ids = json_array();
	int rc = client_list(c, "/zones", 0, &list, err);
	for (size_t i = 0; i < zones.n && rc >= 0; i++) {
		int64_t id = 0;
		rc = zone_from(json_object_get(list, "items"), zones.items[i], &id, err);
		if (rc >= 0 && json_array_append_new(ids, json_integer(id)) < 0) {
			rc = error_set(err, ENOMEM, "no memory for the request");
		}
	}
	if (rc >= 0 && json_object_set(body, "zones", ids) < 0) {
		rc = error_set(err, ENOMEM, "no memory for the request");
	}
	return rc;
}

int dalabactl_put_targets(struct client *c, const struct args *args, json_t *body,
			  struct error *err) {
	int rc = dalabactl_put_zones(c, args, body, err);
	struct args_list areas = args_list(args, "area");
	if (rc < 0 || areas.n == 0) {
		return rc;
	}
	AUTO(json_decref) json_t *codes = json_array();
	for (size_t i = 0; i < areas.n; i++) {
		if (!utf8_valid(areas.items[i], strlen(areas.items[i]))) {
			return dalabactl_wrong_use(err, "--area is not UTF-8 text");
		}
		if (json_array_append_new(codes, json_string(areas.items[i])) < 0) {
			return error_set(err, ENOMEM, "no memory for the request");
		}
	}
	return json_object_set(body, "areas", codes) < 0
		       ? error_set(err, ENOMEM, "no memory for the request")
		       : 0;
}

int dalabactl_put_text(json_t *body, const char *name, const char *text,
		       struct error *err) {
	if (text == NULL) {
		return 0;
	}
	if (!utf8_valid(text, strlen(text))) {
		return dalabactl_wrong_use(err, "--%s is not UTF-8 text", name);
	}
	return json_object_set_new(body, name, json_string(text)) < 0
		       ? error_set(err, ENOMEM, "no memory for the request")
		       : 0;
}

int dalabactl_need_targets(const struct args *args, struct error *err) {
	if (args_list(args, "zone").n == 0 && args_list(args, "area").n == 0) {
		return dalabactl_wrong_use(err, "say where: --zone NAME or --area CODE");
	}
	return 0;
}
