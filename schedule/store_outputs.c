/* store_outputs.c - outputs, each one PCM; see store.h. */
#include "store_internal.h"

#include <string.h>

#define COLUMNS "SELECT id, name, pcm, rate, channels FROM output"

static int load(struct query *q, void *ret, struct error *err) {
	struct output *output = ret;
	output->id = query_int(q);
	output->name = query_text(q);
	output->pcm = query_text(q);
	output->rate = (int)query_int(q);
	output->channels = (int)query_int(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		output_done(output);
	}
	return rc;
}

static void done(void *value) {
	output_done(value);
}

static const struct row_type outputs = {sizeof(struct output), load, done, NULL};

int store_output_get(struct store *s, int64_t id, struct output *ret, struct error *err) {
	return query_by_id(s, COLUMNS " WHERE id = ?", id, "output", &outputs, ret, err);
}

int store_output_list(struct store *s, struct store_page page, struct output **ret,
		      size_t *n, struct error *err) {
	void *items = NULL;
	int rc = query_page(s, COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", page,
			    &outputs, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void output_list_free(struct output *items, size_t n) {
	rows_free(&outputs, items, n);
}

static int check_output(const struct output *output, struct error *err) {
	static const struct text_limits pcm_limits = {1, 255, false};
	int rc = check_text("output", "name", output->name, NAME_LIMITS, err);
	if (rc == 0) {
		rc = check_text("output", "pcm", output->pcm, pcm_limits, err);
	}
	if (rc == 0 && strcmp(output->pcm, "wav:") == 0) {
		rc = error_set_field(err, EINVAL, "pcm",
				     "output: 'pcm' names no file; write wav: and a "
				     "path, for example wav:/tmp/hall.wav");
	}
	if (rc == 0 && output->rate != 0 &&
	    (output->rate < 8000 || output->rate > 192000)) {
		rc = error_set_field(err, EINVAL, "rate",
				     "output: 'rate' is %d; write 8000 to 192000 Hz, or "
				     "0 to let the card choose",
				     output->rate);
	}
	return rc < 0 ? rc
		      : check_int("output", "channels", output->channels, 1,
				  OUTPUT_CHANNELS_MAX, err);
}

/* A file can only be written by one; two outputs on one ALSA PCM may be meant (dmix). */
static int check_alone(struct store *s, const struct output *output, struct error *err) {
	int rc = store_taken(s, "SELECT 1 FROM output WHERE name = ? AND id <> ?",
			     output->name, output->id, err);
	if (rc > 0) {
		return error_set_field(err, EEXIST, "name",
				       "output: there is another one with the 'name' "
				       "'%s'",
				       output->name);
	}
	if (rc < 0 || strncmp(output->pcm, "wav:", 4) != 0) {
		return rc;
	}
	rc = store_taken(s, "SELECT 1 FROM output WHERE pcm = ? AND id <> ?", output->pcm,
			 output->id, err);
	if (rc > 0) {
		return error_set_field(err, EEXIST, "pcm",
				       "output: another one writes to the 'pcm' %s "
				       "already; write another file",
				       output->pcm);
	}
	return rc;
}

/* The channels that zones use may not be taken from under them. */
static int check_zones(struct store *s, const struct output *output, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, "SELECT c.channel, z.name FROM zone_channel c"
		   " JOIN zone z ON z.id = c.zone WHERE c.output = ? AND c.channel >= ?"
		   " ORDER BY c.channel LIMIT 1");
	query_bind_int(&q, output->id);
	query_bind_int(&q, output->channels);
	int rc = query_row(&q, err);
	if (rc > 0) {
		int channel = (int)query_int(&q);
		return error_set_field(
			err, EBUSY, "channels",
			"output: 'channels' is %d, but zone '%s' uses channel %d "
			"(counted from 0); change that zone first",
			output->channels, query_words(&q), channel);
	}
	return rc;
}

static int write_output(struct store *s, const struct output *output, int64_t *id,
			struct error *err) {
	int rc = check_alone(s, output, err);
	if (rc == 0) {
		rc = check_zones(s, output, err);
	}
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q =
		query_new(s, *id == 0 ? "INSERT INTO output (name, pcm, rate, channels)"
					" VALUES (?, ?, ?, ?)"
				      : "UPDATE output SET name = ?, pcm = ?, rate = ?,"
					" channels = ? WHERE id = ?");
	query_bind_text(&q, output->name);
	query_bind_text(&q, output->pcm);
	query_bind_int(&q, output->rate);
	query_bind_int(&q, output->channels);
	if (*id == 0) {
		return query_insert(&q, id, err);
	}
	query_bind_int(&q, *id);
	return query_change(&q, "output", *id, err);
}

int store_output_put(struct store *s, struct output *output, struct error *err) {
	int rc = check_output(output, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = output->id;
	rc = store_leave(s, write_output(s, output, &id, err), err);
	if (rc == 0) {
		output->id = id;
	}
	return rc;
}

static int delete_output(struct store *s, int64_t id, struct error *err) {
	char user[STORE_USER_SIZE];
	int rc = store_user_of(s,
			       "SELECT format('output ''%s'' is used by zone ''%s''',"
			       " o.name, z.name) FROM output o"
			       " JOIN zone z ON z.output = o.id WHERE o.id = ?"
			       " ORDER BY z.id LIMIT 1",
			       id, user, err);
	if (rc > 0) {
		return error_set(err, EBUSY,
				 "%s; give that zone another output, or delete it, first",
				 user);
	}
	return rc < 0 ? rc
		      : store_delete_row(s, "DELETE FROM output WHERE id = ?", "output",
					 id, err);
}

int store_output_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc : store_leave(s, delete_output(s, id, err), err);
}
