/* store_zones.c - zones with their channels and quiet hours; see store.h. */
#include "store_internal.h"

#include <string.h>

#define COLUMNS                                                                          \
	"SELECT id, name, output, area, gain_db, max_gain_db, lead_ms,"                  \
	" amplifier, pass FROM zone"

static int load(struct query *q, void *ret, struct error *err) {
	struct zone *zone = ret;
	zone->id = query_int(q);
	zone->name = query_text(q);
	zone->output = query_int(q);
	zone->area = query_int(q);
	zone->gain_db = query_real(q);
	zone->max_gain_db = query_real(q);
	zone->lead_ms = (int)query_int(q);
	zone->amplifier = query_text(q);
	zone->pass = (int)query_int(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		zone_done(zone);
	}
	return rc;
}

static void done(void *value) {
	zone_done(value);
}

static struct zone *find(struct zone *items, size_t n, size_t *at, int64_t id) {
	while (*at < n && items[*at].id < id) {
		(*at)++;
	}
	return *at < n && items[*at].id == id ? &items[*at] : NULL;
}

/* Reads what belongs to zones that stand in a row by id: once for all of them. */
static int load_channels(struct store *s, struct zone *items, size_t n,
			 struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT zone, channel FROM zone_channel"
				      " WHERE zone BETWEEN ? AND ? ORDER BY zone, place");
	query_bind_int(&q, items[0].id);
	query_bind_int(&q, items[n - 1].id);
	size_t at = 0;
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		struct zone *zone = find(items, n, &at, query_int(&q));
		if (zone != NULL && zone->n_channels < OUTPUT_CHANNELS_MAX) {
			zone->channels[zone->n_channels++] = (int)query_int(&q);
		}
	}
	return rc;
}

static int load_quiet(struct store *s, struct zone *items, size_t n, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT zone, from_min, to_min FROM zone_quiet"
				      " WHERE zone BETWEEN ? AND ? ORDER BY zone, place");
	query_bind_int(&q, items[0].id);
	query_bind_int(&q, items[n - 1].id);
	size_t at = 0;
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		struct zone *zone = find(items, n, &at, query_int(&q));
		if (zone != NULL && zone->n_quiet < ZONE_QUIET_MAX) {
			struct quiet_span *span = &zone->quiet[zone->n_quiet++];
			span->from_min = (int)query_int(&q);
			span->to_min = (int)query_int(&q);
		}
	}
	return rc;
}

static int load_children(struct store *s, void *items, size_t n, struct error *err) {
	if (n == 0) {
		return 0;
	}
	int rc = load_channels(s, items, n, err);
	return rc < 0 ? rc : load_quiet(s, items, n, err);
}

static const struct row_type zones = {sizeof(struct zone), load, done, load_children};

int store_zone_get(struct store *s, int64_t id, struct zone *ret, struct error *err) {
	return query_by_id(s, COLUMNS " WHERE id = ?", id, "zone", &zones, ret, err);
}

int store_zone_by_name(struct store *s, const char *name, struct zone *ret,
		       struct error *err) {
	AUTO(query_done) struct query q = query_new(s, COLUMNS " WHERE name = ?");
	query_bind_text(&q, name);
	int rc = query_one(&q, &zones, ret, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no zone '%s'", store_shown(name));
	}
	return rc < 0 ? rc : 0;
}

int store_zone_list(struct store *s, struct store_page page, struct zone **ret, size_t *n,
		    struct error *err) {
	void *items = NULL;
	int rc = query_page(s, COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", page, &zones,
			    &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void zone_list_free(struct zone *items, size_t n) {
	rows_free(&zones, items, n);
}

static int check_channels(const struct zone *zone, int available, struct error *err) {
	if (zone->n_channels == 0 || zone->n_channels > OUTPUT_CHANNELS_MAX) {
		return error_set_field(err, EINVAL, "channels",
				       "zone: 'channels' has %zu entries; write 1 to %d, "
				       "for example [0]",
				       zone->n_channels, available);
	}
	for (size_t i = 0; i < zone->n_channels; i++) {
		int channel = zone->channels[i];
		if (channel < 0 || channel >= available) {
			return error_set_field(
				err, EINVAL, "channels",
				"zone: its output has no channel %d; write "
				"'channels' from 0 to %d",
				channel, available - 1);
		}
		for (size_t j = 0; j < i; j++) {
			if (zone->channels[j] == channel) {
				return error_set_field(err, EINVAL, "channels",
						       "zone: 'channels' names %d twice",
						       channel);
			}
		}
	}
	return 0;
}

static int check_quiet(const struct zone *zone, struct error *err) {
	if (zone->n_quiet > ZONE_QUIET_MAX) {
		return error_set_field(err, EINVAL, "quiet",
				       "zone: 'quiet' has %zu spans; write at most %d",
				       zone->n_quiet, ZONE_QUIET_MAX);
	}
	for (size_t i = 0; i < zone->n_quiet; i++) {
		const struct quiet_span *span = &zone->quiet[i];
		if (span->from_min < 0 || span->from_min > 1439 || span->to_min < 0 ||
		    span->to_min > 1440) {
			return error_set_field(err, EINVAL, "quiet",
					       "zone: 'quiet' span %zu is not within a "
					       "day; write from 00:00 to 23:59, and to "
					       "00:00 to 24:00",
					       i + 1);
		}
	}
	return 0;
}

static int check_zone(const struct zone *zone, struct error *err) {
	int rc = check_text("zone", "name", zone->name, NAME_LIMITS, err);
	if (rc == 0) {
		rc = check_real("zone", "max_gain_db", zone->max_gain_db, -60, 20, err);
	}
	if (rc == 0) {
		rc = check_real("zone", "gain_db", zone->gain_db, -60, zone->max_gain_db,
				err);
	}
	if (rc == 0) {
		rc = check_quiet(zone, err);
	}
	if (rc == 0) {
		rc = check_text("zone", "amplifier", zone->amplifier, REMARK_LIMITS, err);
	}
	if (rc == 0) {
		rc = check_int("zone", "pass", zone->pass, 0, ZONE_PASS_MAX, err);
	}
	return rc < 0 ? rc : check_int("zone", "lead_ms", zone->lead_ms, 0, 10000, err);
}

/* Output, area and name, against what is there. */
static int check_references(struct store *s, const struct zone *zone, struct error *err) {
	struct output output;
	int rc = store_output_get(s, zone->output, &output, err);
	if (rc == -ENOENT) {
		return error_set_field(err, EINVAL, "output",
				       "zone: there is no 'output' %lld",
				       (long long)zone->output);
	}
	if (rc < 0) {
		return rc;
	}
	rc = check_channels(zone, output.channels, err);
	output_done(&output);
	if (rc < 0) {
		return rc;
	}
	if (zone->area != 0) {
		rc = store_exists(s, "SELECT 1 FROM area WHERE id = ?", zone->area, err);
		if (rc == 0) {
			return error_set_field(err, EINVAL, "area",
					       "zone: there is no 'area' %lld",
					       (long long)zone->area);
		}
		if (rc < 0) {
			return rc;
		}
	}
	rc = store_taken(s, "SELECT 1 FROM zone WHERE name = ? AND id <> ?", zone->name,
			 zone->id, err);
	if (rc > 0) {
		return error_set_field(err, EEXIST, "name",
				       "zone: there is another one with the 'name' '%s'",
				       zone->name);
	}
	return rc;
}

static int write_channel(struct store *s, const struct zone *zone, int64_t id,
			 size_t place, struct error *err) {
	AUTO(query_done)
	struct query holder = query_new(s, "SELECT z.name FROM zone_channel c"
					   " JOIN zone z ON z.id = c.zone"
					   " WHERE c.output = ? AND c.channel = ?");
	query_bind_int(&holder, zone->output);
	query_bind_int(&holder, zone->channels[place]);
	int rc = query_row(&holder, err);
	if (rc > 0) {
		return error_set_field(err, EEXIST, "channels",
				       "zone: channel %d of its output belongs to zone "
				       "'%s'; choose another one",
				       zone->channels[place], query_words(&holder));
	}
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO zone_channel"
				      " (output, channel, zone, place)"
				      " VALUES (?, ?, ?, ?)");
	query_bind_int(&q, zone->output);
	query_bind_int(&q, zone->channels[place]);
	query_bind_int(&q, id);
	query_bind_int(&q, (int64_t)place);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int write_span(struct store *s, const struct zone *zone, int64_t id, size_t place,
		      struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO zone_quiet"
				      " (zone, place, from_min, to_min)"
				      " VALUES (?, ?, ?, ?)");
	query_bind_int(&q, id);
	query_bind_int(&q, (int64_t)place);
	query_bind_int(&q, zone->quiet[place].from_min);
	query_bind_int(&q, zone->quiet[place].to_min);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int write_row(struct store *s, const struct zone *zone, int64_t *id,
		     struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, *id == 0 ? "INSERT INTO zone (name, output, area, gain_db,"
			      " max_gain_db, lead_ms, amplifier,"
			      " pass)"
			      " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
			    : "UPDATE zone SET name = ?, output = ?, area = ?,"
			      " gain_db = ?, max_gain_db = ?, lead_ms = ?, amplifier = ?,"
			      " pass = ?"
			      " WHERE id = ?");
	query_bind_text(&q, zone->name);
	query_bind_int(&q, zone->output);
	query_bind_ref(&q, zone->area);
	query_bind_real(&q, zone->gain_db);
	query_bind_real(&q, zone->max_gain_db);
	query_bind_int(&q, zone->lead_ms);
	query_bind_text(&q, zone->amplifier);
	query_bind_int(&q, zone->pass);
	if (*id == 0) {
		return query_insert(&q, id, err);
	}
	query_bind_int(&q, *id);
	return query_change(&q, "zone", *id, err);
}

static int clear_children(struct store *s, int64_t id, struct error *err) {
	static const char *const clear[] = {
		"DELETE FROM zone_channel WHERE zone = ?",
		"DELETE FROM zone_quiet WHERE zone = ?",
	};
	for (size_t i = 0; i < sizeof(clear) / sizeof(clear[0]); i++) {
		AUTO(query_done) struct query q = query_new(s, clear[i]);
		query_bind_int(&q, id);
		int rc = query_run(&q, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int write_zone(struct store *s, const struct zone *zone, int64_t *id,
		      struct error *err) {
	int rc = check_references(s, zone, err);
	/* The channels go first: they may belong to the output of before. */
	if (rc == 0 && *id != 0) {
		rc = clear_children(s, *id, err);
	}
	if (rc == 0) {
		rc = write_row(s, zone, id, err);
	}
	for (size_t i = 0; rc == 0 && i < zone->n_channels; i++) {
		rc = write_channel(s, zone, *id, i, err);
	}
	for (size_t i = 0; rc == 0 && i < zone->n_quiet; i++) {
		rc = write_span(s, zone, *id, i, err);
	}
	return rc;
}

int store_zone_put(struct store *s, struct zone *zone, struct error *err) {
	int rc = check_zone(zone, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = zone->id;
	rc = store_leave(s, write_zone(s, zone, &id, err), err);
	if (rc == 0) {
		zone->id = id;
	}
	return rc;
}

static int delete_zone(struct store *s, int64_t id, struct error *err) {
	char user[STORE_USER_SIZE];
	int rc = store_user_of(s,
			       "SELECT format('zone ''%s'' is used by schedule %d"
			       " (''%!.60s'')', z.name, p.id, a.title)"
			       " FROM zone z JOIN schedule_zone t ON t.zone = z.id"
			       " JOIN schedule p ON p.id = t.schedule"
			       " JOIN announcement a ON a.id = p.announcement"
			       " WHERE z.id = ? LIMIT 1",
			       id, user, err);
	if (rc > 0) {
		return error_set(err, EBUSY,
				 "%s; take the zone out of that schedule, or delete the "
				 "schedule, first",
				 user);
	}
	return rc < 0 ? rc
		      : store_delete_row(s, "DELETE FROM zone WHERE id = ?", "zone", id,
					 err);
}

int store_zone_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc : store_leave(s, delete_zone(s, id, err), err);
}
