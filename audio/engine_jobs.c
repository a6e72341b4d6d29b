/* engine_jobs.c - see engine.h: jobs, from engine_submit to the last that is told of
 * them. Thread: the core's alone. Never waits. */
#include "engine_internal.h"

#include "base/str.h"

/* All but its job. */
static void free_track(struct track *t) {
	for (size_t i = 0; i < t->n_voices; i++) {
		voice_tape_end(&t->voices[i]);
		tape_release(t->voices[i].tape);
	}
	ring_done(&t->ring);
	free(t->voices);
	free(t->taps);
	free(t->feeds);
	free(t);
}

void core_free_track(struct engine *e, struct track *track) {
	struct track **at = &e->tracks;
	while (*at != track) {
		at = &(*at)->next;
	}
	*at = track->next;
	e->n_tracks--;
	for (size_t i = 0; i < track->n_taps; i++) {
		track->taps[i].output->tracks--;
	}
	job_free(track->job);
	free_track(track);
}

void core_tell_end(struct engine *e, struct voice *v, const struct engine_event *event) {
	if (atomic_exchange_explicit(&v->claimed, true, memory_order_acq_rel)) {
		return;
	}
	voice_tape_end(v);
	v->core_end = *event;
	v->next_untold = NULL;
	struct voice **end = &e->untold;
	while (*end != NULL) {
		end = &(*end)->next_untold;
	}
	*end = v;
	v->track->untold++;
}

void core_tell_failed(struct engine *e, struct voice *v, int64_t output, bool lost,
		      const char *text) {
	struct engine_event event = {
		.kind = ENGINE_JOB_ENDED,
		.job = v->track->job->id,
		.zone = v->zone,
		.output = output,
		.at_ns = engine_now_ns(),
		.end = ENGINE_END_FAILED,
		.lost = lost,
	};
	str_copy(event.text, sizeof(event.text), text);
	core_tell_end(e, v, &event);
}

void core_tell_all_failed(struct engine *e, struct output *o, bool lost,
			  const char *text) {
	for (struct track *t = e->tracks; t != NULL; t = t->next) {
		for (size_t i = 0; i < t->n_voices; i++) {
			struct voice *v = &t->voices[i];
			if (t->taps[v->tap].output == o) {
				core_tell_failed(e, v, o->id, lost, text);
			}
		}
	}
}

static struct track *new_track(struct engine *e, struct job *job) {
	struct track *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return NULL;
	}
	t->voices = calloc(job->n_zones, sizeof(*t->voices));
	t->taps = calloc(job->n_zones, sizeof(*t->taps));
	t->feeds = calloc(job->n_zones + 2, sizeof(*t->feeds));
	if (t->voices == NULL || t->taps == NULL || t->feeds == NULL) {
		free_track(t);
		return NULL;
	}
	t->job = job;
	t->submitted_ns = engine_now_ns();
	t->live = job_live(job);
	t->urgent = job->urgent;
	t->reader = &e->readers[!t->live         ? READER_DISK
				: job_reads(job) ? READER_RELAY
						 : READER_LIVE];
	atomic_init(&t->slack_ns, INT64_MAX);
	return t;
}

static size_t find_tap(struct track *t, struct output *o) {
	size_t i = 0;
	while (i < t->n_taps && t->taps[i].output != o) {
		i++;
	}
	if (i == t->n_taps) {
		t->taps[i].output = o;
		t->taps[i].track = t;
		t->n_taps++;
	}
	return i;
}

static int add_voices(struct engine *e, struct track *t, struct error *err) {
	const struct job *job = t->job;
	for (size_t i = 0; i < job->n_zones; i++) {
		const struct zone *z = core_find_zone(e, job->zones[i]);
		if (z == NULL) {
			return error_set(err, ENOENT, "there is no zone %lld",
					 (long long)job->zones[i]);
		}
		struct voice *v = &t->voices[t->n_voices++];
		v->track = t;
		v->tap = find_tap(t, z->output);
		v->zone = z->id;
		v->fade_in_d = INT64_MIN;
		v->cut_d = INT64_MAX;
		gain_line_init(&v->gain, mix_gain_of_db(job->gains_db[i]));
		if (job->taped) {
			voice_tape_new(e, v);
		}
		t->lead_ns = z->lead_ms * 1000000LL > t->lead_ns ? z->lead_ms * 1000000LL
								 : t->lead_ns;
	}
	return 0;
}

static void hand_out(struct engine *e, struct track *t) {
	t->next = e->tracks;
	e->tracks = t;
	e->n_tracks++;
	t->taps_left = t->n_taps;
	for (size_t i = 0; i < t->n_taps; i++) {
		t->taps[i].output->tracks++;
	}
	for (size_t i = 0; i < t->n_taps; i++) {
		struct output *o = t->taps[i].output;
		struct command c = {.kind = COMMAND_TAP, .tap = &t->taps[i]};
		/* A thread that hangs would keep the job for as long, and after
		 * ENGINE_JOBS_MAX of them no other output could play one. */
		if (!o->stuck && mailbox_send(&o->mail, &c) == 0) {
			continue;
		}
		for (size_t k = 0; k < t->n_voices; k++) {
			if (t->voices[k].tap == i) {
				core_tell_failed(e, &t->voices[k], o->id, o->stuck,
						 o->stuck ? "the output does not answer"
							  : "no memory to play a job");
			}
		}
		ring_leave(&t->ring, i);
		t->taps_left--;
	}
	if (e->untold != NULL) {
		engine_wake(e->event_fd);
	}
}

int engine_submit(struct engine *e, struct job *job, struct error *err) {
	core_do_owed(e);
	size_t room =
		job->urgent ? ENGINE_JOBS_MAX : ENGINE_JOBS_MAX - ENGINE_JOBS_URGENT;
	if (job->id == 0 || job->n_zones == 0 || e->n_tracks >= room) {
		bool full = e->n_tracks >= room;
		job_free(job);
		return full ? error_set(err, EBUSY,
					"%zu jobs are waiting or playing already", room)
			    : error_set(err, EINVAL, "a job needs an id and a zone");
	}
	struct track *t = new_track(e, job);
	int rc = t == NULL ? error_set(err, ENOMEM, "no memory to play a job")
			   : add_voices(e, t, err);
	if (rc == 0 && ring_init(&t->ring, t->n_taps) < 0) {
		rc = error_set(err, ENOMEM, "no memory to play a job");
	}
	struct command c = {.kind = COMMAND_TRACK, .track = t};
	for (size_t i = 0; rc == 0 && i < t->n_taps; i++) {
		/* The output says so itself, but later: the first piece is decoded for
		 * the rate it has now. */
		(void)ring_tune(&t->ring, i,
				atomic_load_explicit(&t->taps[i].output->open_rate,
						     memory_order_relaxed));
	}
	if (rc == 0 && mailbox_send(&t->reader->mail, &c) < 0) {
		rc = error_set(err, ENOMEM, "no memory to play a job");
	}
	if (rc < 0) {
		if (t != NULL) {
			free_track(t);
		}
		job_free(job);
		return rc;
	}
	hand_out(e, t);
	return 0;
}

void engine_stop(struct engine *e, int64_t job, int64_t zone, int ramp_ms) {
	for (struct track *t = e->tracks; t != NULL; t = t->next) {
		for (size_t i = 0; t->job->id == job && i < t->n_voices; i++) {
			struct voice *v = &t->voices[i];
			if (zone == 0 || v->zone == zone) {
				atomic_store_explicit(&v->stop_ms,
						      ramp_ms > 0 ? ramp_ms : 1,
						      memory_order_release);
				engine_wake(t->taps[v->tap].output->mail.wake_fd);
			}
		}
	}
}

void engine_gain(struct engine *e, int64_t job, int64_t zone, double gain_db,
		 int ramp_ms) {
	uint64_t order = gain_pack(mix_gain_of_db(gain_db), ramp_ms);
	for (struct track *t = e->tracks; t != NULL; t = t->next) {
		for (size_t i = 0; t->job->id == job && i < t->n_voices; i++) {
			struct voice *v = &t->voices[i];
			if (zone == 0 || v->zone == zone) {
				atomic_store_explicit(&v->gain_order, order,
						      memory_order_release);
				engine_wake(t->taps[v->tap].output->mail.wake_fd);
			}
		}
	}
}
