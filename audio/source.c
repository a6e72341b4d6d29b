/* source.c - see source.h. */
#include "source.h"

#include "chime.h"
#include "clip.h"
#include "jitter.h"
#include "relayed.h"

#include <string.h>

#define FRAMES_PER_MS (CLIP_RATE / 1000)
/* Of a live part that has no end of its own: a year. With repeats it still fits. */
#define ENDLESS ((int64_t)CLIP_RATE * 86400 * 366)

struct source {
	const struct job *job;
	int round; /* repeats done */
	size_t part;
	int64_t at; /* frames of this part done */
	int64_t gap_left;
	struct clip *clip;       /* of this part */
	struct jitter_tap tap;   /* joined: of this part */
	struct relayed *relayed; /* of this part */
};

static int check_part(const struct job_part *part, struct error *err) {
	switch (part->kind) {
	case JOB_PART_CLIP:
		if (part->path == NULL ||
		    !(part->gain_db >= -60.0 && part->gain_db <= 30.0)) {
			return error_set(
				err, EINVAL,
				"a clip needs a path and a gain of -60 to 30 dB");
		}
		return 0;
	case JOB_PART_CHIME:
		if (part->path == NULL || !chime_known(part->path)) {
			return error_set(err, EINVAL, "there is no chime '%s'",
					 part->path != NULL ? part->path : "");
		}
		return 0;
	case JOB_PART_SILENCE:
		if (part->silence_ms < 0) {
			return error_set(err, EINVAL,
					 "a silence of %lld ms makes no sense",
					 (long long)part->silence_ms);
		}
		return 0;
	case JOB_PART_LIVE:
		if (part->jitter == NULL || part->frames < 0) {
			return error_set(err, EINVAL, "a live part needs a sender");
		}
		return 0;
	case JOB_PART_RELAY:
		if (part->jitter == NULL || part->frames <= 0 ||
		    !(part->gain_db >= -60.0 && part->gain_db <= 30.0)) {
			return error_set(err, EINVAL,
					 "a relayed part needs a sender, a length, and a "
					 "gain of -60 to 30 dB");
		}
		return 0;
	}
	return error_set(err, EINVAL, "unknown kind of part (%d)", (int)part->kind);
}

static int check_job(const struct job *job, struct error *err) {
	if (job->repeat < 1 || job->repeat > 100 || job->gap_ms < 0 || job->from_ms < 0) {
		return error_set(err, EINVAL,
				 "a job repeats 1 to 100 times with a gap of 0 ms or "
				 "more, and begins at 0 ms or later");
	}
	for (size_t i = 0; i < job->n_parts; i++) {
		int rc = check_part(&job->parts[i], err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int open_clip(const struct job_part *part, struct clip **ret, struct error *err) {
	return clip_open(part->path, part->title, part->frames, part->gain_db, ret, err);
}

/* Frames of a part, or a negative errno. */
static int64_t part_frames(const struct job_part *part, struct error *err) {
	if (part->kind == JOB_PART_CHIME) {
		return chime_frames(part->path);
	}
	if (part->kind == JOB_PART_SILENCE) {
		return part->silence_ms * FRAMES_PER_MS;
	}
	if (part->kind == JOB_PART_LIVE) {
		return part->frames > 0 ? part->frames : ENDLESS;
	}
	if (part->kind == JOB_PART_RELAY) {
		return part->frames;
	}
	AUTO(clip_free) struct clip *clip = NULL;
	int rc = open_clip(part, &clip, err);
	return rc < 0 ? rc : clip_frames(clip);
}

/* Passes over `frames` frames of one round, which has more. */
static int pass_parts(struct source *s, int64_t frames, const int64_t *lengths,
		      struct error *err) {
	while (frames >= lengths[s->part]) {
		frames -= lengths[s->part];
		s->part++;
	}
	s->at = frames;
	const struct job_part *part = &s->job->parts[s->part];
	if (part->kind != JOB_PART_CLIP || frames == 0) {
		return 0;
	}
	int rc = open_clip(part, &s->clip, err);
	return rc < 0 ? rc : clip_seek(s->clip, frames, err);
}

/* Passes over the first `frames` frames of the job. */
static int pass(struct source *s, int64_t frames, int64_t *lengths, struct error *err) {
	const struct job *job = s->job;
	int64_t gap = job->gap_ms * FRAMES_PER_MS;
	int64_t round = 0;
	for (size_t i = 0; i < job->n_parts; i++) {
		lengths[i] = part_frames(&job->parts[i], err);
		if (lengths[i] < 0) {
			return (int)lengths[i];
		}
		round += lengths[i];
	}
	if (frames >= job->repeat * (round + gap) - gap) {
		s->part = job->n_parts;
		return 0;
	}
	s->round = (int)(frames / (round + gap));
	frames %= round + gap;
	if (frames < round) {
		return pass_parts(s, frames, lengths, err);
	}
	s->gap_left = round + gap - frames;
	s->round++;
	return 0;
}

int source_new(const struct job *job, struct source **ret, struct error *err) {
	int rc = check_job(job, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(source_free) struct source *s = calloc(1, sizeof(*s));
	AUTO(free) int64_t *lengths = calloc(job->n_parts + 1, sizeof(*lengths));
	if (s == NULL || lengths == NULL) {
		return error_set(err, ENOMEM, "no memory to play a job");
	}
	s->job = job;
	if (job->from_ms > 0) {
		rc = pass(s, job->from_ms * FRAMES_PER_MS, lengths, err);
		if (rc < 0) {
			return rc;
		}
	}
	*ret = MOVE(s);
	return 0;
}

static void leave_part(struct source *s) {
	clip_free(s->clip);
	s->clip = NULL;
	relayed_free(MOVE(s->relayed));
	if (s->tap.joined) {
		jitter_leave(s->job->parts[s->part].jitter, &s->tap);
	}
}

void source_free(struct source *s) {
	if (s == NULL) {
		return;
	}
	leave_part(s);
	free(s);
}

static int read_silence(int64_t left, float *frames, size_t n) {
	size_t piece = left < (int64_t)n ? (size_t)left : n;
	memset(frames, 0, piece * sizeof(*frames));
	return (int)piece;
}

static int read_clip(struct source *s, const struct job_part *part, float *frames,
		     size_t n, struct error *err) {
	if (s->clip == NULL) {
		int rc = open_clip(part, &s->clip, err);
		if (rc < 0) {
			return rc;
		}
	}
	return clip_read(s->clip, frames, n, err);
}

static int read_live(struct source *s, const struct job_part *part, float *frames,
		     size_t n) {
	if (!s->tap.joined) {
		jitter_join(part->jitter, &s->tap);
	}
	int64_t left = part->frames > 0 ? part->frames - s->at : (int64_t)n;
	size_t piece = left < (int64_t)n ? (size_t)left : n;
	return (int)jitter_pull(part->jitter, &s->tap, frames, piece);
}

static int read_relay(struct source *s, const struct job_part *part, float *frames,
		      size_t n, struct error *err) {
	int64_t left = part->frames - s->at;
	int rc = s->relayed != NULL || left <= 0
			 ? 0
			 : relayed_new(part, left, &s->relayed, err);
	if (rc < 0 || left <= 0) {
		return rc;
	}
	size_t piece = left < (int64_t)n ? (size_t)left : n;
	relayed_read(s->relayed, frames, piece);
	return (int)piece;
}

static int read_part(struct source *s, float *frames, size_t n, struct error *err) {
	const struct job_part *part = &s->job->parts[s->part];
	switch (part->kind) {
	case JOB_PART_CLIP:
		return read_clip(s, part, frames, n, err);
	case JOB_PART_CHIME:
		return (int)chime_render(part->path, s->at, frames, n);
	case JOB_PART_SILENCE:
		return read_silence(part->silence_ms * FRAMES_PER_MS - s->at, frames, n);
	case JOB_PART_LIVE:
		return read_live(s, part, frames, n);
	case JOB_PART_RELAY:
		return read_relay(s, part, frames, n, err);
	}
	return 0;
}

/* False behind the last part of the last round. */
static bool next_part(struct source *s) {
	leave_part(s);
	s->at = 0;
	if (++s->part < s->job->n_parts) {
		return true;
	}
	if (s->round + 1 >= s->job->repeat) {
		return false;
	}
	s->round++;
	s->part = 0;
	s->gap_left = s->job->gap_ms * FRAMES_PER_MS;
	return true;
}

int source_read(struct source *s, float *frames, size_t n, struct error *err) {
	while (s->part < s->job->n_parts) {
		if (s->gap_left > 0) {
			int got = read_silence(s->gap_left, frames, n);
			s->gap_left -= got;
			return got;
		}
		int got = read_part(s, frames, n, err);
		if (got != 0) {
			s->at += got > 0 ? got : 0;
			return got;
		}
		if (!next_part(s)) {
			break;
		}
	}
	return 0;
}

int source_check(const struct job *job, struct error *err) {
	int rc = check_job(job, err);
	for (size_t i = 0; rc == 0 && i < job->n_parts; i++) {
		if (job->parts[i].kind == JOB_PART_CLIP) {
			AUTO(clip_free) struct clip *clip = NULL;
			rc = open_clip(&job->parts[i], &clip, err);
		}
	}
	return rc;
}
