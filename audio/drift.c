/* drift.c - see drift.h. */
#include "drift.h"

#include <math.h>

#define NS 1e9
/* Off by less it is left alone: of a clock that is known to be off; and of one that may
 * be right. Each the more of, a frame and a share of what the timeline does not know. */
#define BAND_FRAMES 1.0
#define BAND_PROVEN 0.5
#define BAND_UNPROVEN 1.4

void drift_forget(struct drift *d) {
	*d = (struct drift){.set = false};
}

/* How late what is played will be when all that is planned has been done, and what is
 * planned now begins to be heard. */
static double late_then(const struct drift *d, const struct timeline *t, int64_t heard_d,
			int64_t open_d, const struct slews *s) {
	double late_ns =
		(double)(t->zero_ns - d->ref_ns) - (double)slews_total(s) * NS / t->rate;
	double ahead_s = (double)(open_d - heard_d + SLEW_RISE) / t->rate;
	/* What is not sure of the speed may be none. */
	double ppm = fabs(t->speed_ppm) - t->unsure_ppm;
	return ppm > 0.0 ? late_ns + copysign(ppm, t->speed_ppm) * 1e3 * ahead_s
			 : late_ns;
}

bool drift_follow(struct drift *d, const struct timeline *t, int64_t heard_d,
		  int64_t open_d, struct slews *s) {
	double frame_ns = NS / t->rate;
	double shift_ns = slews_shift(s, heard_d) * frame_ns;
	if (!d->set && !timeline_settled(t)) {
		return false;
	}
	if (!d->set) {
		d->set = true;
		d->ref_ns = t->zero_ns - llround(shift_ns);
		d->unsure_ns = t->unsure_ns;
	}
	d->late_ns = (double)(t->zero_ns - d->ref_ns) - shift_ns;
	if (open_d < slews_end_d(s)) {
		return false;
	}
	/* After a jump of the device it has to settle anew. */
	if (!timeline_settled(t)) {
		return false;
	}
	double late_ns = late_then(d, t, heard_d, open_d, s);
	double band_ns = d->proven ? BAND_PROVEN * t->unsure_ns
				   : BAND_UNPROVEN * (t->unsure_ns + d->unsure_ns);
	if (fabs(late_ns) <= fmax(band_ns, BAND_FRAMES * frame_ns)) {
		return false;
	}
	d->proven = true;
	double frames = late_ns / frame_ns;
	if (fabs(late_ns) > DRIFT_JUMP_NS) {
		slews_jump(s, open_d, llround(frames));
	} else {
		frames = fmin(fmax(frames, -DRIFT_GLIDE_MOST), DRIFT_GLIDE_MOST);
		slews_glide(s, open_d, llround(frames));
	}
	return true;
}
