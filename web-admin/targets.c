/* targets.c - see targets.h. */
#include "targets.h"

#include "fields.h"

#define ZONES_MAX 1000
#define AREAS_MAX 1000
#define CODE_MAX_CHARS 20

int targets_read(const json_t *body, struct ids *zones, struct texts *areas,
		 struct error *err) {
	int rc = field_ids(body, "zones", OPTIONAL, ZONES_MAX, zones, err);
	if (rc >= 0) {
		rc = field_texts(body, "areas", OPTIONAL, AREAS_MAX, CODE_MAX_CHARS,
				 areas, err);
	}
	return rc;
}

int targets_resolve(struct store *store, const struct ids *zones,
		    const struct texts *areas, struct ids *ret, struct error *err) {
	if (zones->n == 0 && areas->n == 0) {
		return error_set_field(err, EINVAL, "zones",
				       "say where: \"zones\" (ids) or \"areas\" (codes)");
	}
	int rc = store_targets_resolve(store, zones, areas, ret, err);
	if (rc >= 0 && ret->n == 0) {
		rc = error_set_field(err, EINVAL, "areas",
				     "no zone lies in these areas yet");
	}
	return rc;
}
