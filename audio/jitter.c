/* jitter.c - see jitter.h.
 *
 * Positions count the sender's frames since it was made. The reader looks between them
 * with a windowed sinc, so that one step of its position converts the rate and follows
 * the speed; nothing but the kernel's half (16 frames) is delayed by that.
 *
 * What decides is the reserve: the least that was left before the next piece arrived,
 * over the last one to two seconds. The reserve wanted, `guard`, grows after a gap by how
 * late the sound was, and shrinks by a tenth a second once it was not half used for five.
 * Played is made in steps of 1 ms; a step that would leave too little to fade out with
 * fades. */
#include "jitter.h"

#include "sinc.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#define STEP 48  /* frames made at a time */
#define FADE 240 /* frames of every fade: 5 ms */
#define MADE (STEP * 86)
#define WINDOW JITTER_RATE         /* frames over which the least reserve is looked for */
#define SETTLE_S 4.0               /* in which a wrong reserve is put right */
#define SMOOTH (JITTER_RATE / 2.0) /* frames in which the speed follows */
#define CALM 5                     /* windows before the guard shrinks */
#define SHRINK 0.9
#define GROW_MS 5
#define BAND_MS 4 /* a reserve wrong by so much is right: the speed is left alone */
#define PAUSE JITTER_RATE /* a longer gap was the speaker's, not the network's */
#define HOLD_MS 1300      /* pushed while nobody pulls */
#define MEND_MS 3
#define QUIET 0.005F /* -46 dBFS: what may be left out */
#define QUIET_MS 10

struct jitter {
	_Atomic int refs;
	/* Constant. */
	int rate;
	double ratio; /* sender's frames for each of ours */
	double least; /* these in the sender's frames */
	double most;
	double speed_most;
	float *frames;
	int64_t size; /* a power of two */
	struct sinc sinc;
	float curve[FADE + 1];
	/* Shared. */
	_Atomic int64_t head;  /* by the sender: frames pushed */
	_Atomic int64_t kept;  /* by the reader: those before may be overwritten */
	_Atomic bool ended;    /* by the sender */
	_Atomic int64_t piece; /* by the sender: about the largest pushed at once */
	_Atomic int64_t refused;
	_Atomic int64_t skipped;
	_Atomic int64_t gaps;
	_Atomic int64_t depth;
	_Atomic int64_t reserve;
	_Atomic int speed_ppm;
	/* The sender's. */
	float last;
	float mend_from;
	int mend_left;
	/* The reader's. */
	double at;     /* position played next */
	double old_at; /* while it is faded away from: there it went on */
	int cross_left;
	bool playing;
	int level; /* of FADE: how far it is faded in */
	bool over;
	bool starved;      /* not playing because it ran dry */
	int64_t seen_head; /* not playing: nothing has come since */
	int64_t waited;    /* frames made since something has */
	int64_t gap;       /* frames made before */
	double guard;
	double low; /* the least reserve in this window, and in the one before */
	double low_before;
	int64_t in_window;
	int calm;
	double speed;
	int joined;
	int64_t made;
	float out[MADE];
};

/* ---- making ---- */

static void make_tables(struct jitter *j) {
	sinc_init(&j->sinc);
	for (int i = 0; i <= FADE; i++) {
		j->curve[i] = (float)(0.5 - 0.5 * cos(M_PI * i / FADE));
	}
}

static int check(const struct jitter_config *c, struct error *err) {
	if (c->rate < JITTER_RATE_MIN || c->rate > JITTER_RATE_MAX) {
		return error_set_field(err, EINVAL, "rate",
				       "%d Hz is out of range; send %d to %d", c->rate,
				       JITTER_RATE_MIN, JITTER_RATE_MAX);
	}
	if (c->most_ms < 20 || c->most_ms > 1000 || c->least_ms < 5 ||
	    c->least_ms > c->most_ms || c->speed_ppm < 300 || c->speed_ppm > 10000) {
		return error_set(err, EINVAL,
				 "a jitter buffer keeps 5 ms or more, 20 to 1000 ms at "
				 "most, and changes its speed by 300 to 10000 ppm");
	}
	return 0;
}

int jitter_new(const struct jitter_config *config, struct jitter **ret,
	       struct error *err) {
	int rc = check(config, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(jitter_unref) struct jitter *j = calloc(1, sizeof(*j));
	if (j == NULL) {
		return error_set(err, ENOMEM, "no memory for a live sound");
	}
	atomic_init(&j->refs, 1);
	j->rate = config->rate;
	j->ratio = (double)config->rate / JITTER_RATE;
	j->least = config->least_ms * config->rate / 1000.0;
	j->most = config->most_ms * config->rate / 1000.0;
	j->speed_most = config->speed_ppm / 1e6;
	j->guard = j->least;
	j->size = 1024;
	while (j->size < (int64_t)config->rate * HOLD_MS / 1000) {
		j->size *= 2;
	}
	j->frames = calloc((size_t)j->size, sizeof(*j->frames));
	if (j->frames == NULL) {
		return error_set(err, ENOMEM, "no memory for a live sound");
	}
	make_tables(j);
	*ret = MOVE(j);
	return 0;
}

struct jitter *jitter_ref(struct jitter *j) {
	atomic_fetch_add_explicit(&j->refs, 1, memory_order_relaxed);
	return j;
}

void jitter_unref(struct jitter *j) {
	if (j != NULL &&
	    atomic_fetch_sub_explicit(&j->refs, 1, memory_order_acq_rel) == 1) {
		free(j->frames);
		free(j);
	}
}

/* ---- the sender's side ---- */

static float *slot(struct jitter *j, int64_t at) {
	return &j->frames[(size_t)(at & (j->size - 1))];
}

/* What follows does not go on from what was there before. */
static void mend(struct jitter *j) {
	j->mend_from = j->last;
	j->mend_left = j->rate * MEND_MS / 1000;
}

/* frames NULL: silence. */
static size_t append(struct jitter *j, const float *frames, size_t n) {
	int64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	int64_t room =
		j->size - (head - atomic_load_explicit(&j->kept, memory_order_acquire));
	size_t taken = (int64_t)n < room ? n : (size_t)room;
	int mend_frames = j->rate * MEND_MS / 1000;
	for (size_t i = 0; i < taken; i++) {
		float x = frames != NULL ? frames[i] : 0.0F;
		if (j->mend_left > 0) {
			float old = j->curve[FADE * j->mend_left / mend_frames];
			x = x * (1.0F - old) + j->mend_from * old;
			j->mend_left--;
		}
		*slot(j, head + (int64_t)i) = x;
		j->last = x;
	}
	atomic_store_explicit(&j->head, head + (int64_t)taken, memory_order_release);
	if (taken < n) {
		atomic_fetch_add_explicit(&j->refused, (int64_t)(n - taken),
					  memory_order_relaxed);
		mend(j);
	}
	return taken;
}

size_t jitter_push(struct jitter *j, const float *frames, size_t n) {
	int64_t piece = atomic_load_explicit(&j->piece, memory_order_relaxed);
	int64_t now = (int64_t)n;
	piece = now > piece ? now : piece - (piece - now) / 16;
	atomic_store_explicit(&j->piece, piece, memory_order_relaxed);
	return append(j, frames, n);
}

void jitter_lost(struct jitter *j, size_t n) {
	mend(j);
	append(j, NULL, n);
	mend(j);
}

void jitter_end(struct jitter *j) {
	atomic_store_explicit(&j->ended, true, memory_order_release);
}

/* ---- the reader's side ---- */

/* The sound at a position; nothing lies behind the head. */
static float value(struct jitter *j, double at, int64_t head) {
	int64_t whole = (int64_t)floor(at);
	double phase = (at - (double)whole) * SINC_PHASES;
	int low = (int)phase;
	float part = (float)(phase - low);
	const float *a = j->sinc.taps[low];
	const float *b = j->sinc.taps[low + 1];
	int64_t first = whole - (SINC_HALF - 1);
	float sum = 0.0F;
	for (int k = 0; k < SINC_TAPS && first + k < head; k++) {
		sum += *slot(j, first + k) * (a[k] + part * (b[k] - a[k]));
	}
	return sum;
}

/* Of the sender's frames, what a step of ours needs beyond a fade of `level`. */
static double need(const struct jitter *j, int level) {
	return (STEP + level) * j->ratio * (1.0 + j->speed_most) + SINC_HALF + 1.0;
}

static void forget_lows(struct jitter *j) {
	j->low = INFINITY;
	j->low_before = INFINITY;
	j->in_window = 0;
}

static double piece_of(const struct jitter *j) {
	return (double)atomic_load_explicit(&j->piece, memory_order_relaxed);
}

/* As much may lie there; more is too old. */
static double most_of(const struct jitter *j) {
	double least = j->least + piece_of(j) + need(j, FADE);
	return j->most > least ? j->most : least;
}

static void count_skipped(struct jitter *j, double frames) {
	atomic_fetch_add_explicit(&j->skipped, (int64_t)frames, memory_order_relaxed);
}

static void skip(struct jitter *j, double frames) {
	j->old_at = j->at;
	j->at += frames;
	j->cross_left = FADE;
	j->low -= frames;
	j->low_before -= frames;
	count_skipped(j, frames);
}

static void grow(struct jitter *j) {
	double guard = j->guard + (double)j->gap * j->ratio + GROW_MS * j->rate / 1000.0;
	double cap = most_of(j) - piece_of(j) - need(j, FADE);
	guard = guard < cap ? guard : cap;
	j->guard = guard > j->guard ? guard : j->guard;
	j->calm = 0;
}

/* Not playing: is there enough to begin? */
static void listen(struct jitter *j, int64_t head, bool ended) {
	double fill = (double)head - j->at;
	if (head == j->seen_head && !ended) {
		j->gap += STEP;
		return;
	}
	if (ended && fill <= SINC_TAPS) {
		j->over = true;
		return;
	}
	double enough = j->guard + piece_of(j) + need(j, FADE);
	double wait = j->guard + BAND_MS * j->rate / 1000.0;
	if (!ended && fill < enough && (double)j->waited * j->ratio < wait) {
		j->waited += STEP;
		return;
	}
	if (j->starved && j->gap < PAUSE) {
		grow(j);
	}
	if (fill > most_of(j)) {
		double keep = j->guard + piece_of(j) + need(j, FADE);
		count_skipped(j, fill - keep);
		j->at += fill - keep;
	}
	j->playing = true;
	j->starved = false;
	forget_lows(j);
}

static void stop_playing(struct jitter *j, int64_t head, bool ended) {
	j->playing = false;
	j->level = 0;
	j->cross_left = 0;
	j->gap = 0;
	j->waited = 0;
	j->seen_head = head;
	j->starved = !ended;
	j->over = ended;
	if (!ended) {
		atomic_fetch_add_explicit(&j->gaps, 1, memory_order_relaxed);
	}
}

static void end_window(struct jitter *j) {
	double least = j->low - need(j, FADE);
	j->low_before = j->low;
	j->low = INFINITY;
	j->in_window = 0;
	j->calm = least >= j->guard / 2 ? j->calm + 1 : 0;
	if (j->calm >= CALM) {
		j->guard *= SHRINK;
		j->guard = j->guard > j->least ? j->guard : j->least;
	}
}

static bool quiet(struct jitter *j, int64_t head, double frames) {
	int64_t from = (int64_t)j->at;
	int64_t to = from + (int64_t)(frames + FADE * j->ratio) + 1;
	if (to >= head) {
		return false;
	}
	for (int64_t i = from; i < to; i++) {
		if (fabsf(*slot(j, i)) > QUIET) {
			return false;
		}
	}
	return true;
}

/* Playing: how fast, and is there too much? */
static void steer(struct jitter *j, int64_t head) {
	double fill = (double)head - j->at;
	if (j->cross_left == 0 && fill > most_of(j)) {
		double keep = j->guard + piece_of(j) + need(j, FADE);
		skip(j, fill - keep);
		forget_lows(j);
		return;
	}
	j->low = fill < j->low ? fill : j->low;
	j->in_window += STEP;
	if (j->in_window >= WINDOW) {
		end_window(j);
	}
	if (isinf(j->low_before)) {
		return;
	}
	double low = j->low < j->low_before ? j->low : j->low_before;
	double excess = low - need(j, FADE) - j->guard;
	double band = BAND_MS * j->rate / 1000.0;
	double beyond = fabs(excess) > band ? excess - copysign(band, excess) : 0.0;
	double speed = beyond / (SETTLE_S * j->rate);
	speed = fmin(fmax(speed, -j->speed_most), j->speed_most);
	j->speed += (speed - j->speed) * STEP / SMOOTH;
	double piece = QUIET_MS * j->rate / 1000.0;
	if (excess > piece && j->cross_left == 0 && quiet(j, head, piece)) {
		skip(j, piece);
	}
}

static float next_frame(struct jitter *j, int64_t head) {
	double step = j->ratio * (1.0 + j->speed);
	float x = value(j, j->at, head) * j->curve[j->level];
	j->at += step;
	if (j->cross_left > 0) {
		float old = j->curve[j->cross_left];
		x = x * (1.0F - old) +
		    value(j, j->old_at, head) * j->curve[j->level] * old;
		j->old_at += step;
		j->cross_left--;
	}
	return x;
}

static void play(struct jitter *j, int64_t head, bool ended, float *out) {
	steer(j, head);
	bool up =
		(double)head - j->at >= need(j, j->level < FADE ? j->level + STEP : FADE);
	for (int i = 0; i < STEP; i++) {
		if (up && j->level < FADE) {
			j->level++;
		} else if (!up && j->level > 0) {
			j->level--;
		}
		out[i] = next_frame(j, head);
	}
	if (!up && j->level == 0) {
		stop_playing(j, head, ended);
	}
}

static void tell(struct jitter *j, int64_t head) {
	double from = j->cross_left > 0 && j->old_at < j->at ? j->old_at : j->at;
	atomic_store_explicit(&j->kept,
			      (int64_t)from > SINC_TAPS ? (int64_t)from - SINC_TAPS : 0,
			      memory_order_release);
	atomic_store_explicit(&j->depth, j->playing ? head - (int64_t)j->at : 0,
			      memory_order_relaxed);
	atomic_store_explicit(&j->reserve, (int64_t)j->guard, memory_order_relaxed);
	atomic_store_explicit(&j->speed_ppm, (int)lround(j->speed * 1e6),
			      memory_order_relaxed);
}

static void make_step(struct jitter *j) {
	/* In this order: behind the end there is nothing new. */
	bool ended = atomic_load_explicit(&j->ended, memory_order_acquire);
	int64_t head = atomic_load_explicit(&j->head, memory_order_acquire);
	float *out = j->out + j->made % MADE;
	memset(out, 0, STEP * sizeof(*out));
	if (!j->playing) {
		listen(j, head, ended);
	}
	if (!j->over) {
		j->made += STEP;
	}
	if (j->playing) {
		play(j, head, ended, out);
	}
	tell(j, head);
}

void jitter_join(struct jitter *j, struct jitter_tap *tap) {
	*tap = (struct jitter_tap){.at = j->made, .joined = true};
	if (j->joined++ > 0) {
		return;
	}
	int64_t head = atomic_load_explicit(&j->head, memory_order_acquire);
	j->at = (double)head;
	j->playing = false;
	j->starved = false;
	j->level = 0;
	j->cross_left = 0;
	j->gap = 0;
	j->waited = 0;
	j->seen_head = head;
	j->speed = 0.0;
	tell(j, head);
}

void jitter_leave(struct jitter *j, struct jitter_tap *tap) {
	if (tap->joined) {
		tap->joined = false;
		j->joined--;
	}
}

size_t jitter_pull(struct jitter *j, struct jitter_tap *tap, float *frames, size_t n) {
	size_t done = 0;
	while (done < n) {
		if (tap->at == j->made) {
			if (j->over) {
				break;
			}
			make_step(j);
		}
		/* One that has not pulled for so long goes on with what is said now. */
		tap->at = j->made - tap->at > MADE ? j->made - STEP : tap->at;
		size_t left = (size_t)(j->made - tap->at);
		size_t until = MADE - (size_t)(tap->at % MADE);
		size_t piece = n - done < left ? n - done : left;
		piece = piece < until ? piece : until;
		memcpy(frames + done, j->out + tap->at % MADE, piece * sizeof(*frames));
		done += piece;
		tap->at += (int64_t)piece;
	}
	return done;
}

bool jitter_playing(const struct jitter *j) {
	return j->playing;
}

void jitter_facts(const struct jitter *j, struct jitter_facts *ret) {
	int64_t rate = j->rate;
	*ret = (struct jitter_facts){
		.depth_ms = (int)(atomic_load_explicit(&j->depth, memory_order_relaxed) *
				  1000 / rate),
		.reserve_ms =
			(int)(atomic_load_explicit(&j->reserve, memory_order_relaxed) *
			      1000 / rate),
		.gaps = atomic_load_explicit(&j->gaps, memory_order_relaxed),
		.skipped_ms = atomic_load_explicit(&j->skipped, memory_order_relaxed) *
			      1000 / rate,
		.refused_ms = atomic_load_explicit(&j->refused, memory_order_relaxed) *
			      1000 / rate,
		.speed_ppm = atomic_load_explicit(&j->speed_ppm, memory_order_relaxed),
		.ended = atomic_load_explicit(&j->ended, memory_order_relaxed),
	};
}
