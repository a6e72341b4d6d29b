/* relayed.c - see relayed.h. The jitter buffer fades by itself where what comes ends and
 * begins again; here the fallback does, at either end. Where it cannot be read there is
 * silence: what is relayed may come back, and is not to be lost for it. */
#include "relayed.h"

#include "clip.h"
#include "jitter.h"
#include "tally.h"

/* So many frames without a sound are missing, and the fallback begins: 250 ms. A shorter
 * gap is that of a network, or the moment in which a line is taken up again. */
#define AFTER 12000
#define FADE 960 /* of the fallback */
#define EDGE 240 /* of the part */
#define PIECE 480

struct relayed {
	const struct job_part *part;
	struct jitter_tap tap;
	int64_t dry;       /* frames since something came */
	struct clip *clip; /* the fallback, while it sounds */
	bool unread;       /* it cannot be read: not tried again before something came */
	int level;         /* of FADE */
	int64_t done;      /* frames */
	int64_t left;
};

int relayed_new(const struct job_part *part, int64_t left, struct relayed **ret,
		struct error *err) {
	struct relayed *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return error_set(err, ENOMEM, "no memory to relay a sound");
	}
	r->part = part;
	r->left = left;
	jitter_join(part->jitter, &r->tap);
	*ret = r;
	return 0;
}

void relayed_free(struct relayed *r) {
	if (r == NULL) {
		return;
	}
	jitter_leave(r->part->jitter, &r->tap);
	clip_free(r->clip);
	free(r);
}

/* n frames of the fallback, which begins again at its end; false where it cannot be read.
 */
static bool read_clip(struct relayed *r, float *frames, size_t n) {
	struct error unused;
	size_t done = 0;
	while (done < n) {
		bool fresh = r->clip == NULL;
		if (fresh &&
		    clip_open(r->part->path, r->part->title, r->part->clip_frames,
			      r->part->gain_db, &r->clip, &unused) < 0) {
			return false;
		}
		int rc = clip_read(r->clip, frames + done, n - done, &unused);
		if (rc < 0 || (rc == 0 && fresh)) {
			return false; /* or it is empty */
		}
		if (rc == 0) {
			clip_free(MOVE(r->clip));
		}
		done += (size_t)rc;
	}
	return true;
}

/* Adds the fallback, as it rises or falls; false where there is none to be had. */
static bool add_fallback(struct relayed *r, bool wanted, float *frames, size_t n) {
	float clip[PIECE];
	r->unread = r->unread || !read_clip(r, clip, n);
	for (size_t i = 0; i < n && !r->unread; i++) {
		r->level += wanted && r->level < FADE ? 1
			    : !wanted && r->level > 0 ? -1
						      : 0;
		frames[i] += clip[i] * (float)r->level / FADE;
	}
	r->level = r->unread ? 0 : r->level;
	if (r->level == 0) {
		clip_free(MOVE(r->clip)); /* next time it begins at its start */
	}
	return !r->unread;
}

static void count(const struct relayed *r, size_t n, bool fallback, bool unread) {
	struct tally_count more = {.relayed = (int64_t)n};
	if (r->dry >= AFTER) {
		bool first = r->dry - (int64_t)n < AFTER;
		more.missing = first ? r->dry : (int64_t)n;
	}
	more.fallback = fallback ? (int64_t)n : 0;
	more.unread = unread ? (int64_t)n : 0;
	if (r->part->tally != NULL) {
		tally_add(r->part->tally, &more);
	}
}

static void cut_edges(struct relayed *r, float *frames, size_t n) {
	for (size_t i = 0; i < n; i++) {
		int64_t edge = r->done < r->left - 1 ? r->done : r->left - 1;
		if (edge < EDGE) {
			frames[i] *= (float)(edge > 0 ? edge : 0) / EDGE;
		}
		r->done++;
		r->left--;
	}
}

static void read_piece(struct relayed *r, float *frames, size_t n) {
	size_t got = jitter_pull(r->part->jitter, &r->tap, frames, n);
	for (size_t i = got; i < n; i++) {
		frames[i] = 0.0F;
	}
	r->dry = jitter_playing(r->part->jitter) ? 0 : r->dry + (int64_t)n;
	r->unread = r->unread && r->dry > 0;
	bool wanted = r->part->path != NULL && r->dry >= AFTER;
	bool due = wanted || r->level > 0;
	bool sounds = due && add_fallback(r, wanted, frames, n);
	count(r, n, sounds, due && !sounds);
	cut_edges(r, frames, n);
}

void relayed_read(struct relayed *r, float *frames, size_t n) {
	for (size_t done = 0; done < n; done += PIECE) {
		read_piece(r, frames + done, n - done < PIECE ? n - done : PIECE);
	}
}
