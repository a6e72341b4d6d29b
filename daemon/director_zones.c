/* director_zones.c - the zones and outputs as they are set up, and what the director must
 * know of them (see director_internal.h). */
#include "director_internal.h"

#include "base/str.h"
#include "log.h"

#include <string.h>

struct live_zone *director_zone(const struct director *d, int64_t id) {
	for (size_t i = 0; i < d->n_zones; i++) {
		if (d->zones[i]->zone.id == id) {
			return d->zones[i];
		}
	}
	return NULL;
}

static struct live_output *find_output(const struct director *d, int64_t id) {
	for (size_t i = 0; i < d->n_outputs; i++) {
		if (d->outputs[i].id == id) {
			return &d->outputs[i];
		}
	}
	return NULL;
}

bool director_zone_quiet(const struct director *d, const struct zone *zone, int64_t at_us,
			 char *reason, size_t size) {
	struct civil civil;
	/* Floor, also before 1970: a minute has begun until the next begins. */
	int64_t at_s = at_us / 1000000 - (at_us % 1000000 < 0);
	tz_to_civil(d->config.tz, at_s, &civil);
	size_t span = 0;
	if (!quiet_at(zone->quiet, zone->n_quiet, civil.hour * 60 + civil.minute,
		      &span)) {
		return false;
	}
	quiet_words(&zone->quiet[span], zone->name, reason, size);
	return true;
}

bool director_output_well(const struct director *d, int64_t output) {
	const struct live_output *lo = find_output(d, output);
	return lo != NULL && lo->fault[0] == '\0';
}

static void fault_source(const char *name, char ret[FAULT_SOURCE_SIZE]) {
	char text[2 * FAULT_SOURCE_SIZE];
	str_format(text, sizeof(text), "output %.*s", FAULT_SOURCE_SIZE, name);
	str_copy(ret, FAULT_SOURCE_SIZE, text);
}

void director_output_fault(struct director *d, int64_t output, const char *text) {
	struct live_output *lo = find_output(d, output);
	if (lo == NULL) {
		return;
	}
	str_copy(lo->fault, sizeof(lo->fault), text);
	char source[FAULT_SOURCE_SIZE];
	fault_source(lo->name, source);
	if (text[0] != '\0') {
		faults_set(d->config.faults, source, text, director_now(d));
	} else {
		faults_clear(d->config.faults, source);
	}
	for (size_t i = 0; i < d->n_zones; i++) {
		if (d->zones[i]->zone.output == output) {
			director_tell_zone(d, d->zones[i]->zone.id);
		}
	}
}

static int engine_take_zone(struct director *d, const struct live_zone *lz,
			    struct error *err) {
	const struct zone *zone = &lz->zone;
	bool beyond = zone->gain_db > zone->max_gain_db;
	struct engine_zone ez = {
		.id = zone->id,
		.output = zone->output,
		.channels = zone->channels,
		.n_channels = zone->n_channels,
		.gain_db = beyond ? zone->max_gain_db : zone->gain_db,
		.urgent_gain_db = zone->max_gain_db,
		.lead_ms = zone->lead_ms,
	};
	return engine_zone_set(d->config.engine, &ez, err);
}

static int engine_take_output(struct director *d, const struct output *output,
			      struct error *err) {
	struct engine_output eo = {
		.id = output->id,
		.pcm = output->pcm,
		.rate = output->rate,
		.channels = output->channels,
	};
	return engine_output_set(d->config.engine, &eo, err);
}

/* A run is handed over so early that the longest lead finds its time. */
static void measure_lead(struct director *d) {
	int most_ms = 0;
	for (size_t i = 0; i < d->n_zones; i++) {
		int lead_ms = d->zones[i]->zone.lead_ms;
		most_ms = lead_ms > most_ms ? lead_ms : most_ms;
	}
	d->lead_us = LEAD_US + most_ms * 1000LL;
}

/* Takes the zone's values over. */
static int zone_add(struct director *d, struct zone *zone, struct error *err) {
	struct live_zone *lz = director_zone(d, zone->id);
	if (lz == NULL) {
		struct live_zone **zones = reallocarray(d->zones, d->n_zones + 1,
							sizeof(struct live_zone *));
		if (zones != NULL) {
			d->zones = zones;
			lz = calloc(1, sizeof(*lz));
		}
		if (lz == NULL) {
			return error_set(err, ENOMEM, "no memory for a zone");
		}
		d->zones[d->n_zones++] = lz;
	} else {
		director_amplifier_leave(d, lz);
	}
	zone_done(&lz->zone);
	lz->zone = *zone;
	*zone = (struct zone){0};
	director_amplifier_join(d, lz);
	measure_lead(d);
	return engine_take_zone(d, lz, err);
}

static int output_add(struct director *d, const struct output *output,
		      struct error *err) {
	struct live_output *lo = find_output(d, output->id);
	if (lo == NULL) {
		struct live_output *outputs =
			reallocarray(d->outputs, d->n_outputs + 1, sizeof(*d->outputs));
		if (outputs == NULL) {
			return error_set(err, ENOMEM, "no memory for an output");
		}
		d->outputs = outputs;
		lo = &d->outputs[d->n_outputs++];
		*lo = (struct live_output){.id = output->id};
	} else {
		/* Under its former name the fault would stay for ever. */
		char source[FAULT_SOURCE_SIZE];
		fault_source(lo->name, source);
		faults_clear(d->config.faults, source);
		lo->fault[0] = '\0';
	}
	str_copy(lo->name, sizeof(lo->name), output->name);
	return engine_take_output(d, output, err);
}

static int outputs_load(struct director *d, struct error *err) {
	struct store_page page = {.limit = 1000};
	size_t n = 0;
	do {
		struct output *outputs = NULL;
		int rc = store_output_list(d->config.store, page, &outputs, &n, err);
		for (size_t i = 0; rc >= 0 && i < n; i++) {
			page.after = outputs[i].id;
			rc = output_add(d, &outputs[i], err);
		}
		output_list_free(outputs, outputs != NULL ? n : 0);
		if (rc < 0) {
			return rc;
		}
	} while (n == (size_t)page.limit);
	return 0;
}

int director_zones_load(struct director *d, struct error *err) {
	int rc = outputs_load(d, err);
	if (rc < 0) {
		return rc;
	}
	struct store_page page = {.limit = 1000};
	size_t n = 0;
	do {
		struct zone *zones = NULL;
		rc = store_zone_list(d->config.store, page, &zones, &n, err);
		for (size_t i = 0; rc >= 0 && i < n; i++) {
			page.after = zones[i].id;
			rc = zone_add(d, &zones[i], err);
		}
		zone_list_free(zones, zones != NULL ? n : 0);
		if (rc < 0) {
			return rc;
		}
	} while (n == (size_t)page.limit);
	return 0;
}

void director_zones_free(struct director *d) {
	for (size_t i = 0; i < d->n_zones; i++) {
		zone_done(&d->zones[i]->zone);
		free(d->zones[i]);
	}
	free(d->zones);
	free(d->outputs);
}

static void output_remove(struct director *d, int64_t id) {
	struct live_output *lo = find_output(d, id);
	if (lo == NULL) {
		return;
	}
	char source[FAULT_SOURCE_SIZE];
	fault_source(lo->name, source);
	faults_clear(d->config.faults, source);
	engine_output_remove(d->config.engine, id);
	*lo = d->outputs[--d->n_outputs];
}

void director_output_changed(struct director *d, int64_t id) {
	struct error err = {0};
	struct output output = {0};
	int rc = store_output_get(d->config.store, id, &output, &err);
	if (rc == -ENOENT) {
		output_remove(d, id);
		return;
	}
	if (rc >= 0) {
		rc = output_add(d, &output, &err);
		/* The engine forgets nothing, but a zone may have been refused before. */
		for (size_t i = 0; rc >= 0 && i < d->n_zones; i++) {
			if (d->zones[i]->zone.output == id) {
				rc = engine_take_zone(d, d->zones[i], &err);
			}
		}
	}
	output_done(&output);
	if (rc < 0) {
		char source[FAULT_SOURCE_SIZE];
		str_format(source, sizeof(source), "output %lld", (long long)id);
		faults_set(d->config.faults, source, err.text, director_now(d));
	}
}

static void zone_remove(struct director *d, int64_t id) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			if (live->run.zones[i].zone == id &&
			    live->zones[i].stage != STAGE_ENDED) {
				enum outcome end = live_run_begun(live, i)
							   ? OUTCOME_CUT
							   : OUTCOME_CANCELLED;
				director_withdraw(d, live, i);
				director_zone_end(d, live, i, end, "the zone was deleted",
						  live_run_played_ms(live, i));
			}
		}
	}
	engine_zone_remove(d->config.engine, id);
	for (size_t i = 0; i < d->n_zones; i++) {
		if (d->zones[i]->zone.id == id) {
			director_amplifier_leave(d, d->zones[i]);
			zone_done(&d->zones[i]->zone);
			free(d->zones[i]);
			d->zones[i] = d->zones[--d->n_zones];
			measure_lead(d);
			return;
		}
	}
}

/* To another output: the engine's jobs stay with the one before. What has not begun is
 * handed over anew. */
static void zone_move(struct director *d, int64_t id) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			enum stage stage = live->zones[i].stage;
			if (live->run.zones[i].zone != id || live->zones[i].job == 0) {
				continue;
			}
			int64_t played_ms = live_run_played_ms(live, i);
			director_withdraw(d, live, i);
			if (stage == STAGE_PLAYING) {
				live->zones[i].moved = true;
				director_zone_end(d, live, i, OUTCOME_CUT,
						  "the zone was moved to another output",
						  played_ms);
			} else if (stage == STAGE_HANDED) {
				director_wait_again(d, live, i);
			} else {
				live->handed = false;
			}
		}
	}
}

void director_zone_changed(struct director *d, int64_t id) {
	struct error err = {0};
	struct zone zone = {0};
	int rc = store_zone_get(d->config.store, id, &zone, &err);
	if (rc == -ENOENT) {
		zone_remove(d, id);
		return;
	}
	const struct live_zone *lz = director_zone(d, id);
	if (rc >= 0 && lz != NULL && lz->zone.output != zone.output) {
		zone_move(d, id);
	}
	if (rc >= 0) {
		rc = zone_add(d, &zone, &err);
	}
	zone_done(&zone);
	if (rc < 0) {
		log_err("zone %lld could not be taken into use: %s", (long long)id,
			err.text);
	}
	director_wake_soon(d);
}

static bool plays_in(const struct live_run *live, int64_t zone) {
	size_t i = live != NULL ? live_run_find(live, zone) : 0;
	return live != NULL && i < live->run.n_zones &&
	       live->zones[i].stage == STAGE_PLAYING;
}

/* What is heard most, as the output says: the one that has the zone; while that has not
 * begun, what sounds beneath it or fades out before it. */
static const struct live_run *sounding_in(const struct director *d,
					  const struct live_zone *lz) {
	if (plays_in(lz->holder, lz->zone.id)) {
		return lz->holder;
	}
	const struct live_run *live = d->runs;
	while (live != NULL && !plays_in(live, lz->zone.id)) {
		live = live->next;
	}
	return live;
}

static void queue_status(const struct director *d, int64_t zone,
			 struct director_zone_status *ret) {
	const struct live_run *live = NULL;
	size_t i = 0;
	while ((live = director_next_waiting(d, zone, live, &i)) != NULL) {
		if (ret->waiting++ >= DIRECTOR_QUEUE_MAX) {
			continue;
		}
		struct director_queued *q = &ret->queue[ret->n_queue++];
		q->run = live->run.id;
		q->class = live->run.class;
		q->paused =
			live->zones[i].stage == STAGE_PAUSED && live_run_begun(live, i);
		str_copy(q->title, sizeof(q->title),
			 live->run.title != NULL ? live->run.title : "");
	}
}

bool director_has_zone(const struct director *d, int64_t id) {
	return director_zone(d, id) != NULL;
}

void director_zone_status(const struct director *d, int64_t zone,
			  struct director_zone_status *ret) {
	*ret = (struct director_zone_status){0};
	const struct live_zone *lz = director_zone(d, zone);
	if (lz == NULL) {
		return;
	}
	const struct live_run *live = sounding_in(d, lz);
	ret->run = live != NULL ? live->run.id : 0;
	if (plays_in(lz->beneath, zone) && lz->beneath != live) {
		ret->ducked = lz->beneath->run.id;
	}
	const struct live_output *lo = find_output(d, lz->zone.output);
	if (lo != NULL) {
		str_copy(ret->fault, sizeof(ret->fault), lo->fault);
	}
	queue_status(d, zone, ret);
}
