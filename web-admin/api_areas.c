/* api_areas.c - the tree of areas: {code, name, parent}. */
#include "api_areas.h"

#include "fields.h"
#include "list.h"

#define CODE_MAX 20
#define NAME_MAX_CHARS 100

static json_t *render_area(const struct area *area) {
	return json_pack("{s:I, s:s, s:s, s:o}", "id", (json_int_t)area->id, "code",
			 area->code, "name", area->name, "parent",
			 area->parent != 0 ? json_integer(area->parent) : json_null());
}

int area_field(struct store *store, const json_t *object, const char *name, int64_t *ret,
	       struct error *err) {
	const json_t *value = json_object_get(object, name);
	if (value == NULL) {
		return 0;
	}
	if (json_is_null(value)) {
		*ret = 0;
		return 1;
	}
	AUTO(area_done) struct area area = {0};
	struct error why = {0};
	int rc = -EINVAL;
	if (json_is_integer(value)) {
		rc = store_area_get(store, json_integer_value(value), &area, &why);
	} else if (json_is_string(value)) {
		rc = store_area_by_code(store, json_string_value(value), &area, &why);
	}
	if (rc == -ENOENT || rc == -EINVAL) {
		return error_set_field(err, EINVAL, name,
				       "\"%s\" must be the id or the code of an area "
				       "that is there, or null%s%s",
				       name, why.text[0] != '\0' ? ": " : "", why.text);
	}
	if (rc < 0) {
		*err = why;
		return rc;
	}
	*ret = area.id;
	return 1;
}

static void get_areas(struct request *r) {
	struct error err = {0};
	struct store_page page;
	struct area *areas = NULL;
	size_t n = 0;
	if (list_page(r, &page, &err) < 0 ||
	    store_area_list(request_config(r)->store, page, &areas, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_area(&areas[i]));
	}
	list_reply(r, &page, items, n, n > 0 ? areas[n - 1].id : 0);
	area_list_free(areas, n);
}

static void get_area(struct request *r) {
	AUTO(area_done) struct area area = {0};
	struct error err = {0};
	if (store_area_get(request_config(r)->store, request_id(r), &area, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_area(&area));
}

/* Takes over what the body names. */
static int read_area(struct request *r, enum need need, struct area *area,
		     struct error *err) {
	static const char *const names[] = {"code", "name", "parent", NULL};
	const json_t *body = request_body(r);
	int rc = fields_known(body, names, err);
	if (rc >= 0) {
		rc = field_text(body, "code", need, 1, CODE_MAX, &area->code, err);
	}
	if (rc >= 0) {
		rc = field_text(body, "name", need, 1, NAME_MAX_CHARS, &area->name, err);
	}
	if (rc >= 0) {
		rc = area_field(request_config(r)->store, body, "parent", &area->parent,
				err);
	}
	return rc;
}

static int put_area(struct request *r, struct area *area, struct error *err) {
	int rc = store_area_put(request_config(r)->store, area, err);
	if (rc >= 0) {
		request_changed(r, ADMIN_AREAS, area->id);
	}
	return rc;
}

static void post_areas(struct request *r) {
	AUTO(area_done) struct area area = {0};
	struct error err = {0};
	if (read_area(r, REQUIRED, &area, &err) < 0 || put_area(r, &area, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_created(r, render_area(&area), "/areas/%lld", (long long)area.id);
}

static void patch_area(struct request *r) {
	AUTO(area_done) struct area area = {0};
	struct error err = {0};
	if (store_area_get(request_config(r)->store, request_id(r), &area, &err) < 0 ||
	    read_area(r, OPTIONAL, &area, &err) < 0 || put_area(r, &area, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_area(&area));
}

static void delete_area(struct request *r) {
	struct error err = {0};
	if (store_area_delete(request_config(r)->store, request_id(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	request_changed(r, ADMIN_AREAS, request_id(r));
	reply_empty(r);
}

const struct route *api_areas_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/areas", BODY_NONE, "limit cursor", 0, get_areas},
		{METHOD_POST, "/areas", BODY_JSON, NULL, 0, post_areas},
		{METHOD_GET, "/areas/{id}", BODY_NONE, NULL, 0, get_area},
		{METHOD_PATCH, "/areas/{id}", BODY_JSON, NULL, 0, patch_area},
		{METHOD_DELETE, "/areas/{id}", BODY_NONE, NULL, 0, delete_area},
		{.path = NULL},
	};
	return routes;
}
