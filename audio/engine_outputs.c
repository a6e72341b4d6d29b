/* engine_outputs.c - see engine.h: outputs and zones, the core's side of them. Thread:
 * the core's alone. Never waits. */
#include "engine_internal.h"

#include <string.h>

#define STACK_BYTES (512 * 1024) /* address space: only what is used costs memory */
#define GAIN_MIN_DB (-120.0)
#define GAIN_MAX_DB 40.0
#define LEAD_MAX_MS 60000

int core_start_thread(pthread_t *ret, void *(*run)(void *), void *arg,
		      struct error *err) {
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);
	if (rc == 0) {
		rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
		rc = rc != 0 ? rc : pthread_create(ret, &attr, run, arg);
		pthread_attr_destroy(&attr);
	}
	return rc == 0 ? 0
		       : error_set(err, rc, "cannot start a thread for sound: %s",
				   strerror(rc));
}

void core_free_output(struct output *o) {
	while (o->strips != NULL) {
		struct strip *s = o->strips;
		o->strips = s->next;
		strip_free(s);
	}
	while (o->leaving_strips != NULL) {
		struct strip *s = o->leaving_strips;
		o->leaving_strips = s->next;
		strip_free(s);
	}
	output_config_free(o->config);
	mailbox_done(&o->mail);
	free(o->pcm);
	free(o);
}

struct output *core_find_output(const struct engine *e, int64_t id) {
	struct output *o = e->outputs;
	while (o != NULL && (o->id != id || o->leaving)) {
		o = o->next;
	}
	return o;
}

struct zone *core_find_zone(const struct engine *e, int64_t id) {
	struct zone *z = e->zones;
	while (z != NULL && z->id != id) {
		z = z->next;
	}
	return z;
}

static struct output_config *new_config(const struct engine *e,
					const struct engine_output *from) {
	struct output_config *c = calloc(1, sizeof(*c));
	if (c == NULL || (c->pcm = strdup(from->pcm)) == NULL) {
		free(c);
		return NULL;
	}
	c->rate = from->rate;
	c->channels = from->channels;
	c->buffer_ms = e->buffer_ms;
	return c;
}

static int check_output(const struct engine_output *output, struct error *err) {
	if (output->pcm == NULL || output->pcm[0] == '\0') {
		return error_set_field(err, EINVAL, "pcm",
				       "an output needs an ALSA name or wav:PATH");
	}
	if (output->channels < 1 || output->channels > PCM_CHANNELS_MAX) {
		return error_set_field(err, EINVAL, "channels",
				       "an output has 1 to %d channels, not %d",
				       PCM_CHANNELS_MAX, output->channels);
	}
	if (output->rate != 0 && (output->rate < 4000 || output->rate > 384000)) {
		return error_set_field(err, EINVAL, "rate",
				       "a rate is 4000 to 384000 Hz, not %d",
				       output->rate);
	}
	return 0;
}

static int add_output(struct engine *e, const struct engine_output *from,
		      struct error *err) {
	struct output *o = calloc(1, sizeof(*o));
	if (o == NULL) {
		return error_set(err, ENOMEM, "no memory for an output");
	}
	o->id = from->id;
	o->open_pcm = e->open_pcm;
	o->rate = from->rate;
	o->channels = from->channels;
	o->config = new_config(e, from);
	o->pcm = strdup(from->pcm);
	atomic_init(&o->beat_ns, INT64_MAX);
	atomic_init(&o->zero_ns, ENGINE_STANDS);
	int rc = mailbox_init(&o->mail, e->event_fd);
	if (rc < 0 || o->config == NULL || o->pcm == NULL) {
		rc = rc < 0 ? rc : -ENOMEM;
		rc = error_set(err, -rc, "cannot make an output: %s", strerror(-rc));
	}
	struct command watch = {.kind = COMMAND_WATCH, .output = o};
	rc = rc < 0 ? rc : core_start_thread(&o->thread, output_run, o, err);
	if (rc < 0) {
		core_free_output(o);
		return rc;
	}
	o->next = e->outputs;
	e->outputs = o;
	o->watched = mailbox_send(&e->readers[READER_DISK].mail, &watch) == 0;
	o->unwatch_sent = !o->watched;
	return 0;
}

int engine_output_set(struct engine *e, const struct engine_output *output,
		      struct error *err) {
	int rc = check_output(output, err);
	if (rc < 0) {
		return rc;
	}
	struct output *o = core_find_output(e, output->id);
	if (o == NULL) {
		return add_output(e, output, err);
	}
	if (strcmp(o->pcm, output->pcm) == 0 && o->rate == output->rate &&
	    o->channels == output->channels) {
		return 0;
	}
	struct command c = {.kind = COMMAND_CONFIG, .config = new_config(e, output)};
	char *pcm = strdup(output->pcm);
	if (c.config == NULL || pcm == NULL || mailbox_send(&o->mail, &c) < 0) {
		output_config_free(c.config);
		free(pcm);
		return error_set(err, ENOMEM, "no memory to change an output");
	}
	free(o->pcm);
	o->pcm = pcm;
	o->rate = output->rate;
	o->channels = output->channels;
	return 0;
}

void engine_output_remove(struct engine *e, int64_t output) {
	struct output *o = core_find_output(e, output);
	if (o == NULL) {
		return;
	}
	for (struct zone **at = &e->zones; *at != NULL;) {
		struct zone *z = *at;
		if (z->output == o) {
			*at = z->next;
			free(z); /* its strip comes back with the output */
		} else {
			at = &z->next;
		}
	}
	o->leaving = true;
	atomic_store_explicit(&o->quit, QUIT_REMOVED, memory_order_release);
	engine_wake(o->mail.wake_fd);
	if (o->stuck) {
		core_tell_all_failed(e, o, false, "the output was removed");
	}
	core_do_owed(e);
}

static bool gain_fits(double db) {
	return db >= GAIN_MIN_DB && db <= GAIN_MAX_DB;
}

static int check_zone(const struct engine_zone *zone, const struct output *o,
		      uint32_t *channels, struct error *err) {
	if (zone->n_channels == 0) {
		return error_set_field(err, EINVAL, "channels",
				       "a zone needs at least one channel");
	}
	for (size_t i = 0; i < zone->n_channels; i++) {
		int c = zone->channels[i];
		if (c < 0 || c >= o->channels) {
			return error_set_field(
				err, EINVAL, "channels",
				"channel %d is not on the output, which has "
				"0 to %d",
				c, o->channels - 1);
		}
		*channels |= 1U << c;
	}
	if (!gain_fits(zone->gain_db) || !gain_fits(zone->urgent_gain_db)) {
		return error_set_field(err, EINVAL, "gain_db", "a gain is %g to %g dB",
				       GAIN_MIN_DB, GAIN_MAX_DB);
	}
	if (zone->lead_ms < 0 || zone->lead_ms > LEAD_MAX_MS) {
		return error_set_field(err, EINVAL, "lead_ms", "a lead is 0 to %d ms",
				       LEAD_MAX_MS);
	}
	return 0;
}

/* The strip comes back by a note. */
static int send_zone_remove(const struct zone *z) {
	struct command c = {.kind = COMMAND_ZONE_REMOVE, .zone = z->id};
	return mailbox_send(&z->output->mail, &c);
}

static int move_zone(struct engine *e, struct zone *z, struct output *o,
		     const struct command *set, struct error *err) {
	struct command c = *set;
	c.strip = strip_new(z->id, &e->sinc);
	if (c.strip == NULL || mailbox_send(&o->mail, &c) < 0) {
		strip_free(c.strip);
		return error_set(err, ENOMEM, "no memory for a zone");
	}
	if (z->output != NULL && send_zone_remove(z) < 0) {
		/* Then it would sound in both. */
		struct zone there = {.id = z->id, .output = o};
		(void)send_zone_remove(&there);
		return error_set(err, ENOMEM, "no memory to move a zone");
	}
	z->output = o;
	z->strip = c.strip;
	return 0;
}

int engine_zone_set(struct engine *e, const struct engine_zone *zone, struct error *err) {
	struct output *o = core_find_output(e, zone->output);
	if (o == NULL) {
		return error_set_field(err, ENOENT, "output", "there is no output %lld",
				       (long long)zone->output);
	}
	struct command c = {
		.kind = COMMAND_ZONE,
		.zone = zone->id,
		.gain_db = zone->gain_db,
		.urgent_gain_db = zone->urgent_gain_db,
	};
	int rc = check_zone(zone, o, &c.channels, err);
	if (rc < 0) {
		return rc;
	}
	struct zone *z = core_find_zone(e, zone->id);
	if (z != NULL && z->output == o) {
		rc = mailbox_send(&o->mail, &c);
		if (rc < 0) {
			return error_set(err, ENOMEM, "no memory to change a zone");
		}
		z->lead_ms = zone->lead_ms;
		return 0;
	}
	struct zone *fresh = z == NULL ? calloc(1, sizeof(*fresh)) : NULL;
	struct zone *to = z != NULL ? z : fresh;
	if (to == NULL) {
		return error_set(err, ENOMEM, "no memory for a zone");
	}
	to->id = zone->id;
	rc = move_zone(e, to, o, &c, err);
	if (rc < 0) {
		free(fresh);
		return rc;
	}
	to->lead_ms = zone->lead_ms;
	if (fresh != NULL) {
		fresh->next = e->zones;
		e->zones = fresh;
	}
	return 0;
}

void engine_zone_remove(struct engine *e, int64_t zone) {
	for (struct zone **at = &e->zones; *at != NULL; at = &(*at)->next) {
		struct zone *z = *at;
		if (z->id != zone) {
			continue;
		}
		/* Without memory for the order it stays, silent: no job can name it. */
		for (struct track *t = e->tracks; t != NULL; t = t->next) {
			engine_stop(e, t->job->id, zone, ENGINE_RAMP_MS);
		}
		(void)send_zone_remove(z);
		*at = z->next;
		free(z);
		return;
	}
}

/* The first block of a level that is heard at or after an instant. */
static int64_t block_at(int64_t ns, int64_t zero_ns, int rate) {
	int64_t d = ns > zero_ns ? timeline_frames(ns - zero_ns, rate) : 0;
	return strip_level_block(d);
}

int engine_zone_level(const struct engine *e, int64_t zone, int64_t from_ns,
		      int64_t to_ns, double *rms_db, double *peak_db) {
	const struct zone *z = core_find_zone(e, zone);
	if (z == NULL) {
		return -ENOENT;
	}
	*rms_db = MIX_SILENCE_DB;
	*peak_db = MIX_SILENCE_DB;
	const struct output *o = z->output;
	int rate = atomic_load_explicit(&o->open_rate, memory_order_relaxed);
	int64_t zero_ns = atomic_load_explicit(&o->zero_ns, memory_order_relaxed);
	if (rate > 0 && zero_ns != ENGINE_STANDS) {
		level_read(&z->strip->level, block_at(from_ns, zero_ns, rate),
			   block_at(to_ns, zero_ns, rate), rms_db, peak_db);
	}
	return 0;
}
