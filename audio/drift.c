/* drift.c - see drift.h. */
#include "drift.h"

#include <math.h>

#define NS 1e9
/* Off by less it is left alone: where it is known to be off; and where it may be right.
 * Each the more of, a frame and a share of what the timeline does not know. */
#define BAND_FRAMES 1.0
#define BAND_PROVEN 0.5
#define BAND_UNPROVEN 1.4
#define BAND_COARSE 1.8 /* likewise, where reports come in steps of a timer */
/* Where reports come with a timer, a busy machine makes that late by as much for minutes
 * at a stretch: from nothing that is less a clock is known to be off. */
#define COARSE_NS 300e3
#define LEARN_NS 20e9 /* in which a new speed replaces the old */

void drift_init(struct drift *d) {
	*d = (struct drift){.set = false};
}

void drift_forget(struct drift *d) {
	d->set = false;
	d->proven = false;
	d->expected_ns = 0.0;
}

/* ppm are thousands of ns in a second. */
static double moved_ns(double ppm, double ns) {
	return ppm * 1e-6 * ns;
}

static void begin(struct drift *d, const struct timeline *t, double shift_ns) {
	d->set = true;
	d->ref_ns = t->zero_ns - llround(shift_ns);
	d->unsure_ns = t->unsure_ns;
	d->at_ns = t->at_ns;
	d->expected_ns = shift_ns;
}

static void learn(struct drift *d, const struct timeline *t, double passed_ns) {
	if (t->n < TIMELINE_SPANS || !(d->proven || d->learnt)) {
		return;
	}
	double share = d->learnt ? fmin(passed_ns / LEARN_NS, 1.0) : 1.0;
	d->speed_ppm += (t->speed_ppm - d->speed_ppm) * share;
	d->learnt = true;
}

/* How late what sounds is now, and will be for that reason when what is planned now
 * begins to be heard; less what is planned already. */
static double late_then(const struct drift *d, const struct timeline *t, int64_t ahead) {
	double off_ns = d->proven ? (double)(t->zero_ns - d->ref_ns) : d->expected_ns;
	double ppm = d->speed_ppm;
	if (!d->learnt) {
		/* What is not sure of the speed may be none. */
		ppm = fmax(fabs(t->speed_ppm) - t->unsure_ppm, 0.0);
		ppm = copysign(ppm, t->speed_ppm);
	}
	return off_ns + moved_ns(ppm, (double)ahead * NS / t->rate);
}

bool drift_follow(struct drift *d, const struct timeline *t, int64_t heard_d,
		  int64_t open_d, struct slews *s) {
	double frame_ns = NS / t->rate;
	double shift_ns = slews_shift(s, heard_d) * frame_ns;
	if (!d->set && (d->learnt ? t->reports < TIMELINE_FIRST : !timeline_settled(t))) {
		return false;
	}
	if (!d->set) {
		begin(d, t, shift_ns);
	}
	double passed_ns = (double)(t->at_ns - d->at_ns);
	d->at_ns = t->at_ns;
	d->expected_ns += moved_ns(d->speed_ppm, passed_ns);
	double off_ns = (double)(t->zero_ns - d->ref_ns);
	d->late_ns = off_ns - shift_ns;
	bool settled = timeline_settled(t);
	double unsure_ns = t->unsure_ns + d->unsure_ns;
	double unproven_ns = t->coarse ? fmax(BAND_COARSE * unsure_ns, COARSE_NS)
				       : BAND_UNPROVEN * unsure_ns;
	if (settled &&
	    fabs(off_ns - d->expected_ns) > fmax(unproven_ns, BAND_FRAMES * frame_ns)) {
		d->proven = true;
	}
	learn(d, t, passed_ns);
	/* After a jump of the device it has to settle anew. */
	if (open_d < slews_end_d(s) || (d->proven ? !settled : !d->learnt)) {
		return false;
	}
	double late_ns = late_then(d, t, open_d - heard_d + SLEW_RISE) -
			 (double)slews_total(s) * frame_ns;
	double band_ns = d->proven ? BAND_PROVEN * t->unsure_ns : 0.0;
	if (fabs(late_ns) <= fmax(band_ns, BAND_FRAMES * frame_ns)) {
		return false;
	}
	double frames = late_ns / frame_ns;
	if (fabs(late_ns) > DRIFT_JUMP_NS) {
		slews_jump(s, open_d, llround(frames));
	} else {
		frames = fmin(fmax(frames, -DRIFT_GLIDE_MOST), DRIFT_GLIDE_MOST);
		slews_glide(s, open_d, llround(frames));
	}
	return true;
}
