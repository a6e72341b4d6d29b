/* store_areas.c - the tree of areas, and what a target means in it; see store.h. */
#include "store_internal.h"

#include "area.h"

#define COLUMNS "SELECT id, code, name, parent FROM area"

static int load(struct query *q, void *ret, struct error *err) {
	struct area *area = ret;
	area->id = query_int(q);
	area->code = query_text(q);
	area->name = query_text(q);
	area->parent = query_int(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		area_done(area);
	}
	return rc;
}

static void done(void *value) {
	area_done(value);
}

static const struct row_type areas = {sizeof(struct area), load, done, NULL};

int store_area_get(struct store *s, int64_t id, struct area *ret, struct error *err) {
	return query_by_id(s, COLUMNS " WHERE id = ?", id, "area", &areas, ret, err);
}

int store_area_by_code(struct store *s, const char *code, struct area *ret,
		       struct error *err) {
	char prefix[AREA_CODE_SIZE];
	int rc = area_code_normal(code, "code", prefix, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done) struct query q = query_new(s, COLUMNS " WHERE prefix = ?");
	query_bind_text(&q, prefix);
	rc = query_one(&q, &areas, ret, err);
	if (rc == 0) {
		return error_set_field(err, ENOENT, "code",
				       "there is no area with the code %s", code);
	}
	return rc < 0 ? rc : 0;
}

int store_area_list(struct store *s, struct store_page page, struct area **ret, size_t *n,
		    struct error *err) {
	void *items = NULL;
	int rc = query_page(s, COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", page, &areas,
			    &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void area_list_free(struct area *items, size_t n) {
	rows_free(&areas, items, n);
}

/* An area lies within its parent by its code as well: targets go by codes, and a horn
 * outside the code of its own town would stay silent without a word. */
static int check_place(struct store *s, const struct area *area, const char *prefix,
		       struct error *err) {
	if (area->parent != 0) {
		AUTO(query_done)
		struct query q =
			query_new(s, "SELECT code, prefix FROM area WHERE id = ?");
		query_bind_int(&q, area->parent);
		int rc = query_row(&q, err);
		if (rc == 0) {
			return error_set_field(err, EINVAL, "parent",
					       "area: there is no area %lld to be its "
					       "'parent'",
					       (long long)area->parent);
		}
		const char *code = rc > 0 ? query_peek(&q) : NULL;
		const char *above = rc > 0 ? query_peek(&q) : NULL;
		if (code == NULL || above == NULL) {
			return rc < 0 ? rc : query_fault(&q, err);
		}
		if (area->parent == area->id || !area_code_within(prefix, above)) {
			return error_set_field(
				err, EINVAL, "parent",
				"area: %s does not lie within its 'parent' %s, whose "
				"code must begin its own",
				area->code, code);
		}
	}
	AUTO(query_done)
	struct query q = query_new(s, "SELECT code FROM area WHERE parent = ?1"
				      " AND substr(prefix, 1, length(?2)) <> ?2");
	query_bind_int(&q, area->id);
	query_bind_text(&q, prefix);
	int rc = query_row(&q, err);
	if (rc > 0) {
		return error_set_field(err, EBUSY, "code",
				       "area: %s below it would no longer lie within "
				       "'code' %s; move that area first",
				       query_words(&q), area->code);
	}
	return rc;
}

/* The schedules that would have no area left for one of their codes once this area is
 * gone, or has the code `instead`. */
static int check_targets(struct store *s, int64_t id, const char *instead,
			 struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, "WITH RECURSIVE it(prefix, n) AS ("
		   "  SELECT prefix, length(prefix) FROM area WHERE id = ?1"
		   "  UNION ALL SELECT prefix, n - 1 FROM it WHERE n > 2)"
		   "SELECT t.schedule, t.code FROM it"
		   " JOIN schedule_area t ON t.prefix = substr(it.prefix, 1, it.n)"
		   " WHERE substr(?2, 1, length(t.prefix)) IS NOT t.prefix"
		   " AND NOT EXISTS (SELECT 1 FROM area a WHERE a.id <> ?1"
		   "  AND a.prefix >= t.prefix AND a.prefix < t.prefix || ':')"
		   " LIMIT 1");
	query_bind_int(&q, id);
	query_bind_text(&q, instead);
	int rc = query_row(&q, err);
	if (rc > 0) {
		int64_t schedule = query_int(&q);
		return error_set(err, EBUSY,
				 "area: schedule %lld is for %s, and no area would be "
				 "left for it; change that schedule first",
				 (long long)schedule, query_words(&q));
	}
	return rc;
}

static int write_area(struct store *s, const struct area *area, const char *prefix,
		      int64_t *id, struct error *err) {
	int rc = store_taken(s, "SELECT 1 FROM area WHERE prefix = ? AND id <> ?", prefix,
			     *id, err);
	if (rc > 0) {
		return error_set_field(err, EEXIST, "code",
				       "area: there is another one with the 'code' %s",
				       area->code);
	}
	if (rc == 0) {
		rc = check_place(s, area, prefix, err);
	}
	if (rc == 0) {
		rc = check_targets(s, *id, prefix, err);
	}
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(
		s, *id == 0 ? "INSERT INTO area (code, prefix, name, parent)"
			      " VALUES (?, ?, ?, ?)"
			    : "UPDATE area SET code = ?, prefix = ?, name = ?, parent = ?"
			      " WHERE id = ?");
	query_bind_text(&q, area->code);
	query_bind_text(&q, prefix);
	query_bind_text(&q, area->name);
	query_bind_ref(&q, area->parent);
	if (*id == 0) {
		return query_insert(&q, id, err);
	}
	query_bind_int(&q, *id);
	return query_change(&q, "area", *id, err);
}

int store_area_put(struct store *s, struct area *area, struct error *err) {
	char prefix[AREA_CODE_SIZE];
	int rc = area_code_normal(area->code == NULL ? "" : area->code, "code", prefix,
				  err);
	if (rc == 0) {
		rc = check_text("area", "name", area->name, NAME_LIMITS, err);
	}
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = area->id;
	rc = store_leave(s, write_area(s, area, prefix, &id, err), err);
	if (rc == 0) {
		area->id = id;
	}
	return rc;
}

static int delete_area(struct store *s, int64_t id, struct error *err) {
	struct area area;
	int rc = store_area_get(s, id, &area, err);
	if (rc < 0) {
		return rc;
	}
	char user[STORE_USER_SIZE];
	rc = store_user_of(s,
			   "SELECT format('has the area %s ''%s'' below it; move or "
			   "delete that area', code, name) FROM area WHERE parent = ?1"
			   " UNION ALL "
			   "SELECT format('is where zone ''%s'' stands; give that zone "
			   "another area', name) FROM zone WHERE area = ?1 LIMIT 1",
			   id, user, err);
	if (rc > 0) {
		rc = error_set(err, EBUSY, "area %s '%s' %s first", area.code, area.name,
			       user);
	}
	area_done(&area);
	if (rc == 0) {
		rc = check_targets(s, id, NULL, err);
	}
	return rc < 0 ? rc
		      : store_delete_row(s, "DELETE FROM area WHERE id = ?", "area", id,
					 err);
}

int store_area_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc : store_leave(s, delete_area(s, id, err), err);
}

/* ---- targets ---- */

/* Adds the zones at or below a code. */
static int resolve_code(struct store *s, const char *code, struct ids *ids,
			struct error *err) {
	char prefix[AREA_CODE_SIZE];
	int rc = area_code_normal(code, "areas", prefix, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q =
		query_new(s, "SELECT z.id FROM area a LEFT JOIN zone z ON z.area = a.id"
			     " WHERE a.prefix >= ?1 AND a.prefix < ?1 || ':'");
	query_bind_text(&q, prefix);
	size_t found = 0;
	while ((rc = query_row(&q, err)) > 0) {
		found++;
		int64_t zone = query_int(&q);
		if (zone != 0 && ids_add(ids, zone) < 0) {
			return store_no_memory(err);
		}
	}
	if (rc == 0 && found == 0) {
		return error_set_field(err, EINVAL, "areas",
				       "no area has the code %s, nor any below it", code);
	}
	return rc;
}

static int compare_ids(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int resolve(struct store *s, const struct ids *zones, const struct texts *codes,
		   struct ids *ids, struct error *err) {
	for (size_t i = 0; i < zones->n; i++) {
		int rc = store_exists(s, "SELECT 1 FROM zone WHERE id = ?",
				      zones->items[i], err);
		if (rc == 0) {
			return error_set_field(err, EINVAL, "zones",
					       "there is no zone %lld",
					       (long long)zones->items[i]);
		}
		if (rc < 0) {
			return rc;
		}
		if (ids_add(ids, zones->items[i]) < 0) {
			return store_no_memory(err);
		}
	}
	for (size_t i = 0; i < codes->n; i++) {
		int rc = resolve_code(s, codes->items[i], ids, err);
		if (rc < 0) {
			return rc;
		}
	}
	if (ids->n > 0) {
		qsort(ids->items, ids->n, sizeof(ids->items[0]), compare_ids);
	}
	return 0;
}

int store_targets_resolve(struct store *s, const struct ids *zones,
			  const struct texts *codes, struct ids *ret, struct error *err) {
	struct ids ids = {0};
	int rc = resolve(s, zones, codes, &ids, err);
	if (rc < 0) {
		ids_done(&ids);
		return rc;
	}
	*ret = ids;
	return 0;
}
