/* engine.c - see engine.h: the core's side. Makes and frees everything the other threads
 * use, gives them orders, and turns what they tell into events. Thread: the core's alone.
 * Never waits for another thread, but in engine_free.
 *
 * A thing leaves in steps: its thread hands it back by a note, then it is freed. An
 * output is freed when its thread is at its end, the reader watches it no more and no job
 * names it. A thread that hangs in a driver or on a disk cannot be ended; when the engine
 * is freed it is left to the end of the process, with all it may still touch. */
#include "engine_internal.h"

#include "base/str.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define FREE_NS 500000000LL

/* ---- making and freeing ---- */

static int open_any(const struct pcm_spec *spec, struct pcm **ret, struct error *err) {
	if (strncmp(spec->name, PCM_WAV_PREFIX, strlen(PCM_WAV_PREFIX)) == 0) {
		return pcm_wav_open(spec, ret, err);
	}
	return pcm_alsa_open(spec, ret, err);
}

static int start_reader(struct engine *e, enum reader_kind kind, struct error *err) {
	struct reader *r = &e->readers[kind];
	int rc = mailbox_init(&r->mail, e->event_fd);
	if (rc < 0) {
		return error_set(err, -rc, "cannot start the audio engine: %s",
				 strerror(-rc));
	}
	r->kind = kind;
	r->buffer_ms = e->buffer_ms;
	rc = core_start_thread(&r->thread, reader_run, r, err);
	if (rc < 0) {
		mailbox_done(&r->mail);
		return rc;
	}
	e->n_readers++;
	return 0;
}

int engine_new_with(const struct engine_config *config,
		    int (*open_pcm)(const struct pcm_spec *spec, struct pcm **ret,
				    struct error *err),
		    struct engine **ret, struct error *err) {
	if (config->buffer_ms < 20 || config->buffer_ms > 2000) {
		return error_set_field(
			err, EINVAL, "buffer_ms",
			"a buffer of %d ms is out of range; write 20 to 2000",
			config->buffer_ms);
	}
	AUTO(engine_free) struct engine *e = calloc(1, sizeof(*e));
	if (e == NULL) {
		return error_set(err, ENOMEM, "no memory for the audio engine");
	}
	e->buffer_ms = config->buffer_ms;
	e->open_pcm = open_pcm;
	sinc_init(&e->sinc);
	e->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = e->event_fd < 0
			 ? error_set(err, errno, "cannot start the audio engine: %s",
				     strerror(errno))
			 : 0;
	while (rc == 0 && e->n_readers < READERS) {
		rc = start_reader(e, (enum reader_kind)e->n_readers, err);
	}
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(e);
	return 0;
}

int engine_new(const struct engine_config *config, struct engine **ret,
	       struct error *err) {
	return engine_new_with(config, open_any, ret, err);
}

/* Commands that no thread will take any more own what they carry. */
static void drop_commands(struct mailbox *m) {
	struct command c;
	mailbox_flush(m);
	while (queue_pop(&m->commands, &c)) {
		if (c.kind == COMMAND_ZONE) {
			strip_free(c.strip);
		} else if (c.kind == COMMAND_CONFIG) {
			output_config_free(c.config);
		}
		mailbox_flush(m);
	}
}

/* Its thread has come to its end: what it could not tell is in its lists. */
static void take_leftovers(struct engine *e, struct output *o) {
	struct command c;
	while (queue_pop(&o->mail.commands, &c)) {
		if (c.kind == COMMAND_TAP) {
			c.tap->next = o->taps;
			o->taps = c.tap;
		} else if (c.kind == COMMAND_ZONE) {
			strip_free(c.strip);
		} else if (c.kind == COMMAND_CONFIG) {
			output_config_free(c.config);
		}
		mailbox_flush(&o->mail);
	}
	for (; o->taps != NULL; o->taps = o->taps->next) {
		struct track *t = o->taps->track;
		size_t index = (size_t)(o->taps - t->taps);
		for (size_t i = 0; i < t->n_voices; i++) {
			struct voice *v = &t->voices[i];
			if (v->tap == index && v->phase == VOICE_ENDING) {
				core_tell_end(e, v, &v->end);
			} else if (v->tap == index && v->phase != VOICE_ENDED) {
				core_tell_failed(e, v, o->id, false,
						 "the output was removed");
			}
		}
		ring_leave(&t->ring, index);
		t->taps_left--;
	}
	for (; o->leaving_taps != NULL; o->leaving_taps = o->leaving_taps->next) {
		o->leaving_taps->track->taps_left--;
	}
}

void core_do_owed(struct engine *e) {
	for (size_t i = 0; i < e->n_readers; i++) {
		mailbox_flush(&e->readers[i].mail);
	}
	for (struct track *t = e->tracks, *next = NULL; t != NULL; t = next) {
		next = t->next;
		struct command c = {.kind = COMMAND_TRACK_CLOSE, .track = t};
		if (t->taps_left == 0 && !t->close_sent) {
			t->close_sent = mailbox_send(&t->reader->mail, &c) == 0;
		}
		if (t->closed && t->untold == 0) {
			core_free_track(e, t);
		}
	}
	for (struct output **at = &e->outputs; *at != NULL;) {
		struct output *o = *at;
		struct command c = {.kind = COMMAND_UNWATCH, .output = o};
		mailbox_flush(&o->mail);
		if (o->leaving && !o->unwatch_sent) {
			o->unwatch_sent =
				mailbox_send(&e->readers[READER_DISK].mail, &c) == 0;
		}
		if (!o->leaving || o->watched || o->tracks > 0 || !o->joined) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		core_free_output(o);
	}
}

/* ---- events ---- */

int engine_event_fd(const struct engine *e) {
	return e->event_fd;
}

static bool take_event(const struct note *note, struct engine_event *ret) {
	const struct engine_event *event = &note->event;
	struct voice *v = note->voice;
	if (event->kind == ENGINE_JOB_ENDED &&
	    atomic_exchange_explicit(&v->claimed, true, memory_order_acq_rel)) {
		return false;
	}
	if (event->kind == ENGINE_JOB_STARTED &&
	    atomic_load_explicit(&v->claimed, memory_order_acquire)) {
		return false;
	}
	/* Of an output that is gone nobody wants to know how it fares. */
	if (v == NULL && note->output->leaving) {
		return false;
	}
	*ret = *event;
	return true;
}

static bool take_stuck(struct engine *e, struct output *o, bool stuck,
		       struct engine_event *ret) {
	o->stuck = stuck;
	*ret = (struct engine_event){
		.kind = stuck ? ENGINE_OUTPUT_FAULT : ENGINE_OUTPUT_OK,
		.output = o->id,
		.at_ns = engine_now_ns(),
	};
	str_format(
		ret->text, sizeof(ret->text),
		stuck ? "the driver of '%s' has not answered for %lld s; check the card "
			"and its cable"
		      : "the driver of '%s' answers again after more than %lld s",
		o->pcm, ENGINE_STUCK_NS / 1000000000LL);
	if (stuck) {
		core_tell_all_failed(e, o, true, ret->text);
	}
	return !o->leaving;
}

/* True where it is an event. */
static bool take_note(struct engine *e, const struct note *note,
		      struct engine_event *ret) {
	switch (note->kind) {
	case NOTE_EVENT:
		return take_event(note, ret);
	case NOTE_TAP_LEFT:
		note->tap->track->taps_left--;
		return false;
	case NOTE_STRIP_LEFT:
		strip_free(note->strip);
		return false;
	case NOTE_TRACK_CLOSED:
		note->track->closed = true;
		return false;
	case NOTE_STUCK:
	case NOTE_UNSTUCK:
		return take_stuck(e, note->output, note->kind == NOTE_STUCK, ret);
	case NOTE_UNWATCHED:
		note->output->watched = false;
		return false;
	}
	return false;
}

static bool next_note(struct engine *e, struct engine_event *ret) {
	struct note note;
	for (struct output *o = e->outputs; o != NULL; o = o->next) {
		/* Read before the queue: what is in it after that is the last. */
		bool exited = atomic_load_explicit(&o->exited, memory_order_acquire);
		while (queue_pop(&o->mail.notes, &note)) {
			if (take_note(e, &note, ret)) {
				return true;
			}
		}
		if (exited && !o->joined) {
			pthread_join(o->thread, NULL);
			o->joined = true;
			take_leftovers(e, o);
		}
	}
	for (size_t i = 0; i < e->n_readers; i++) {
		while (queue_pop(&e->readers[i].mail.notes, &note)) {
			if (take_note(e, &note, ret)) {
				return true;
			}
		}
	}
	return false;
}

int engine_next_event(struct engine *e, struct engine_event *ret) {
	/* The counter is taken before the queues are looked at, so that nothing that
	 * comes in meanwhile is slept over. */
	for (int pass = 0; pass < 2; pass++) {
		if (next_note(e, ret)) {
			return 1;
		}
		struct voice *v = e->untold;
		if (v != NULL) {
			e->untold = v->next_untold;
			v->track->untold--;
			*ret = v->core_end;
			return 1;
		}
		core_do_owed(e);
		if (pass == 0) {
			engine_drain(e->event_fd);
		}
	}
	return 0;
}

/* ---- the end ---- */

static bool all_exited(const struct engine *e) {
	for (size_t i = 0; i < e->n_readers; i++) {
		if (!atomic_load_explicit(&e->readers[i].exited, memory_order_acquire)) {
			return false;
		}
	}
	for (const struct output *o = e->outputs; o != NULL; o = o->next) {
		if (!atomic_load_explicit(&o->exited, memory_order_acquire)) {
			return false;
		}
	}
	return true;
}

/* True where every thread came to its end in time. */
static bool stop_threads(struct engine *e) {
	int64_t end_ns = engine_now_ns() + FREE_NS;
	struct engine_event event;
	for (struct output *o = e->outputs; o != NULL; o = o->next) {
		int not = QUIT_NOT;
		atomic_compare_exchange_strong(&o->quit, &not, QUIT_ENGINE);
		engine_wake(o->mail.wake_fd);
	}
	/* The outputs first: their last ramp still needs what is decoded. */
	for (size_t i = 0; i < e->n_readers; i++) {
		atomic_store_explicit(&e->readers[i].quit, true, memory_order_release);
		engine_wake(e->readers[i].mail.wake_fd);
	}
	while (!all_exited(e) && engine_now_ns() < end_ns) {
		struct pollfd fd = {.fd = e->event_fd, .events = POLLIN};
		(void)poll(&fd, 1, 20);
		while (engine_next_event(e, &event) > 0) {
		}
	}
	return all_exited(e);
}

/* Engines whose threads may still wake up inside a driver: never freed. */
static struct engine *left_behind;

void engine_free(struct engine *e) {
	if (e == NULL) {
		return;
	}
	if (!stop_threads(e)) {
		e->left_next = left_behind;
		left_behind = e;
		return;
	}
	for (size_t i = 0; i < e->n_readers; i++) {
		pthread_join(e->readers[i].thread, NULL);
	}
	for (struct output *o = e->outputs; o != NULL; o = o->next) {
		if (!o->joined) {
			pthread_join(o->thread, NULL);
		}
		struct note note;
		while (queue_pop(&o->mail.notes, &note)) {
			if (note.kind == NOTE_STRIP_LEFT) {
				strip_free(note.strip);
			}
		}
		drop_commands(&o->mail);
	}
	while (e->tracks != NULL) {
		core_free_track(e, e->tracks);
	}
	while (e->outputs != NULL) {
		struct output *o = e->outputs;
		e->outputs = o->next;
		core_free_output(o);
	}
	while (e->zones != NULL) {
		struct zone *z = e->zones;
		e->zones = z->next;
		free(z);
	}
	for (size_t i = 0; i < e->n_readers; i++) {
		mailbox_done(&e->readers[i].mail);
	}
	fd_close(e->event_fd);
	free(e);
}
