/* director_content.c - what a run says, made ready for the engine (see
 * director_internal.h). Clips play at the gain that ingest found for them; words
 * become clips through the library. */
#include "director_internal.h"

#include "audio/jitter.h"
#include "audio/tally.h"
#include "base/str.h"
#include "log.h"

#include <limits.h>
#include <string.h>

/* A text on its way to becoming a clip. Outlives its run, and even the director. */
struct speaking {
	struct speaking *next;
	struct director *d; /* NULL once it is gone */
	int64_t run;        /* 0: ahead of its time, for no run */
};

static struct live_run *find_run(struct director *d, int64_t id) {
	struct live_run *live = d->runs;
	while (live != NULL && live->run.id != id) {
		live = live->next;
	}
	return live;
}

static void all_fail(struct director *d, struct live_run *live, const char *reason) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].stage != STAGE_ENDED) {
			director_withdraw(d, live, i);
			director_zone_end(d, live, i, OUTCOME_FAILED, reason, 0);
		}
	}
}

static void on_spoken(void *arg, const struct clip *clip, bool known,
		      const struct error *err) {
	(void)clip;
	(void)known;
	struct speaking *speaking = arg;
	struct director *d = speaking->d;
	if (d != NULL) {
		struct speaking **at = &d->speaking;
		while (*at != speaking) {
			at = &(*at)->next;
		}
		*at = speaking->next;
		struct live_run *live =
			speaking->run != 0 ? find_run(d, speaking->run) : NULL;
		if (live != NULL) {
			live->speaking--;
		}
		if (err != NULL && err->code != ECANCELED) {
			log_warning("words could not be spoken: %s", err->text);
			if (live != NULL) {
				all_fail(d, live, err->text);
			}
		}
		director_wake_soon(d);
	}
	free(speaking);
}

static int speak(struct director *d, const struct part *part, const char *author,
		 int64_t run, struct error *err) {
	struct speaking *speaking = calloc(1, sizeof(*speaking));
	if (speaking == NULL) {
		return error_set(err, ENOMEM, "no memory to have words spoken");
	}
	struct library_words words = {.text = part->text,
				      .voice = part->voice,
				      .speed = SPEED_NORMAL,
				      .author = author};
	int rc = library_speak(d->config.library, &words, on_spoken, speaking, err);
	if (rc < 0) {
		free(speaking);
		return rc;
	}
	speaking->d = d;
	speaking->run = run;
	speaking->next = d->speaking;
	d->speaking = speaking;
	return 0;
}

static bool is_spoken(struct director *d, const struct part *part) {
	char id[CLIP_ID_SIZE];
	return part->kind != PART_TEXT ||
	       library_spoken(d->config.library, part->text, part->voice, SPEED_NORMAL,
			      id, NULL) >= 0;
}

bool director_content_ready(struct director *d, struct live_run *live) {
	if (live->speaking > 0) {
		return false;
	}
	for (size_t i = 0; i < live->run.content.n_parts; i++) {
		const struct part *part = &live->run.content.parts[i];
		if (is_spoken(d, part)) {
			continue;
		}
		struct error err = {0};
		if (speak(d, part, live->run.author, live->run.id, &err) < 0) {
			all_fail(d, live, err.text);
			return false;
		}
		live->speaking++;
	}
	return live->speaking == 0;
}

void director_content_prepare(struct director *d, const struct content *content,
			      const char *author) {
	for (size_t i = 0; i < content->n_parts; i++) {
		struct error err = {0};
		if (!is_spoken(d, &content->parts[i]) &&
		    speak(d, &content->parts[i], author, 0, &err) < 0) {
			log_warning("words could not be spoken ahead of time: %s",
				    err.text);
		}
	}
}

void director_content_forget(struct director *d) {
	for (struct speaking *s = d->speaking; s != NULL; s = s->next) {
		s->d = NULL;
	}
	d->speaking = NULL;
}

static int clip_part(struct director *d, const char *id, struct job_part *ret,
		     struct error *err) {
	struct clip clip = {0};
	int rc = store_clip_get(d->config.store, id, &clip, err);
	if (rc < 0) {
		return error_set(
			err, -rc,
			"clip %.12s is not in the library any more; upload it again", id);
	}
	char path[PATH_MAX];
	library_path(d->config.library, id, path, sizeof(path));
	ret->kind = JOB_PART_CLIP;
	ret->path = strdup(path);
	ret->title = clip.title != NULL ? strdup(clip.title) : strndup(id, 12);
	ret->frames = clip.duration_ms * FRAMES_PER_MS;
	ret->gain_db = clip.gain_db;
	clip_done(&clip);
	return ret->path != NULL && ret->title != NULL
		       ? 0
		       : error_set(err, ENOMEM, "no memory for a part");
}

static int relay_part(struct director *d, struct live_run *live, size_t i,
		      struct job_part *ret, struct error *err) {
	const struct part *part = &live->run.content.parts[i];
	if (part->fallback != NULL) {
		int rc = clip_part(d, part->fallback, ret, err);
		if (rc < 0) {
			return rc;
		}
		ret->clip_frames = ret->frames;
	}
	return director_relay_part(d, live, i, ret, err);
}

static int job_part_fill(struct director *d, struct live_run *live, size_t i,
			 struct job_part *ret, struct error *err) {
	const struct part *part = &live->run.content.parts[i];
	char id[CLIP_ID_SIZE];
	int rc = 0;
	switch (part->kind) {
	case PART_CHIME:
		ret->kind = JOB_PART_CHIME;
		ret->path = strdup(part->text);
		return ret->path != NULL ? 0
					 : error_set(err, ENOMEM, "no memory for a part");
	case PART_SILENCE:
		ret->kind = JOB_PART_SILENCE;
		ret->silence_ms = part->silence_ms;
		return 0;
	case PART_CLIP:
		return clip_part(d, part->text, ret, err);
	case PART_TEXT:
		rc = library_spoken(d->config.library, part->text, part->voice,
				    SPEED_NORMAL, id, err);
		return rc < 0 ? rc : clip_part(d, id, ret, err);
	case PART_LINE:
	case PART_STREAM:
		return relay_part(d, live, i, ret, err);
	}
	return error_set(err, EINVAL, "a part of unknown kind %d", (int)part->kind);
}

/* All its parts count together. */
static int add_tally(struct job *job, struct error *err) {
	AUTO(tally_unref) struct tally *tally = tally_new();
	if (tally == NULL) {
		return error_set(err, ENOMEM, "no memory for a job");
	}
	for (size_t i = 0; i < job->n_parts; i++) {
		if (job->parts[i].kind == JOB_PART_RELAY) {
			job->parts[i].tally = tally_ref(tally);
		}
	}
	return 0;
}

int director_content_job(struct director *d, struct live_run *live, struct job **ret,
			 struct error *err) {
	const struct content *content = &live->run.content;
	bool call = live->jitter != NULL;
	struct job *job = job_new(call ? 1 : content->n_parts, live->run.n_zones);
	if (job == NULL) {
		return error_set(err, ENOMEM, "no memory for a job");
	}
	job->repeat = content->repeat;
	job->gap_ms = content->gap_ms;
	job->urgent = live_run_urgent(live);
	if (call) {
		job->parts[0].kind = JOB_PART_LIVE;
		job->parts[0].jitter = jitter_ref(live->jitter);
	}
	for (size_t i = 0; !call && i < content->n_parts; i++) {
		int rc = job_part_fill(d, live, i, &job->parts[i], err);
		if (rc < 0) {
			job_free(job);
			return rc;
		}
	}
	int rc = director_relayed(&live->run) ? add_tally(job, err) : 0;
	if (rc < 0) {
		job_free(job);
		return rc;
	}
	*ret = job;
	return 0;
}
