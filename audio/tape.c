/* tape.c - see tape.h. Frames lie four to an atomic word. The writer says how far it is
 * about to write before it does; the reader looks at that again after it has read, and
 * throws away what may have been overwritten meanwhile. Words are stored with release and
 * loaded with acquire: a reader that saw a newer frame sees the newer edge too. */
#include "tape.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PER_WORD 4

struct tape {
	_Atomic int owners;
	_Atomic bool ended;
	_Atomic int rate;      /* of the device it is on */
	_Atomic int64_t final; /* frames of the tape before it stay */
	_Atomic int64_t edge;  /* frames before it may be written */
	/* The writer's. */
	bool placed;
	int64_t offset; /* from a device frame to a frame of the tape */
	/* The reader's. */
	int64_t read;
	size_t n; /* frames, a power of two */
	_Atomic uint64_t words[];
};

struct tape *tape_new(int rate, double seconds) {
	size_t n = 4096;
	while ((double)n < rate * seconds) {
		n *= 2;
	}
	struct tape *t = calloc(1, sizeof(*t) + n / PER_WORD * sizeof(t->words[0]));
	if (t != NULL) {
		t->n = n;
		atomic_init(&t->owners, 1);
		atomic_init(&t->rate, rate);
	}
	return t;
}

void tape_hold(struct tape *t) {
	atomic_fetch_add_explicit(&t->owners, 1, memory_order_relaxed);
}

void tape_release(struct tape *t) {
	if (t != NULL &&
	    atomic_fetch_sub_explicit(&t->owners, 1, memory_order_acq_rel) == 1) {
		free(t);
	}
}

bool tape_placed(const struct tape *t) {
	return t->placed;
}

void tape_place(struct tape *t, int64_t d, int rate) {
	t->placed = true;
	t->offset = atomic_load_explicit(&t->final, memory_order_relaxed) - d;
	atomic_store_explicit(&t->rate, rate, memory_order_relaxed);
}

void tape_lift(struct tape *t) {
	t->placed = false;
}

static uint64_t frame_bits(float frame) {
	long value = lrintf(frame * 32768.0F);
	value = value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value;
	return (uint16_t)(int16_t)value;
}

/* Puts frames [from, to) of the word that tape frame `at` lies in. */
static void write_word(struct tape *t, int64_t at, int from, int to,
		       const float *frames) {
	_Atomic uint64_t *word = &t->words[((size_t)at & (t->n - 1)) / PER_WORD];
	uint64_t bits = 0;
	if (to - from < PER_WORD) {
		bits = atomic_load_explicit(word, memory_order_relaxed);
	}
	for (int k = from; k < to; k++) {
		int shift = 16 * k;
		uint64_t frame = frames != NULL ? frame_bits(frames[k - from]) : 0;
		bits = (bits & ~(UINT64_C(0xffff) << shift)) | frame << shift;
	}
	atomic_store_explicit(word, bits, memory_order_release);
}

void tape_write(struct tape *t, int64_t d, const float *frames, int64_t n) {
	int64_t at = d + t->offset;
	int64_t end = at + n;
	int64_t final = atomic_load_explicit(&t->final, memory_order_relaxed);
	if (!t->placed || end <= final) {
		return;
	}
	if (at < final) {
		frames = frames != NULL ? frames + (final - at) : NULL;
		at = final;
	}
	if (end > atomic_load_explicit(&t->edge, memory_order_relaxed)) {
		atomic_store_explicit(&t->edge, end, memory_order_relaxed);
	}
	while (at < end) {
		int from = (int)(at % PER_WORD);
		int64_t left = end - at;
		int to = left < PER_WORD - from ? from + (int)left : PER_WORD;
		write_word(t, at, from, to, frames);
		at += to - from;
		frames = frames != NULL ? frames + (to - from) : NULL;
	}
}

void tape_settle(struct tape *t, int64_t d) {
	int64_t final = d + t->offset;
	int64_t edge = atomic_load_explicit(&t->edge, memory_order_relaxed);
	final = final < edge ? final : edge;
	if (t->placed && final > atomic_load_explicit(&t->final, memory_order_relaxed)) {
		atomic_store_explicit(&t->final, final, memory_order_release);
	}
}

void tape_end(struct tape *t) {
	atomic_store_explicit(&t->ended, true, memory_order_release);
}

int64_t tape_ready(const struct tape *t) {
	return atomic_load_explicit(&t->final, memory_order_acquire) - t->read;
}

/* Leaves out what was, or may soon be, overwritten. */
static void catch_up(struct tape *t, int64_t final, int64_t *lost) {
	int64_t edge = atomic_load_explicit(&t->edge, memory_order_relaxed);
	if (t->read >= edge - (int64_t)t->n) {
		return;
	}
	int64_t to = edge - (int64_t)t->n / 2;
	to = to < final ? to : final;
	*lost += to - t->read;
	t->read = to;
}

int64_t tape_read(struct tape *t, int16_t *frames, int64_t n, int64_t *lost, int *rate) {
	*lost = 0;
	for (;;) {
		/* Before the end: what is final then is all there is. */
		bool ended = atomic_load_explicit(&t->ended, memory_order_acquire);
		int64_t final = atomic_load_explicit(&t->final, memory_order_acquire);
		*rate = atomic_load_explicit(&t->rate, memory_order_relaxed);
		catch_up(t, final, lost);
		int64_t ready = final - t->read < n ? final - t->read : n;
		if (ready <= 0) {
			return ended ? -1 : 0;
		}
		uint64_t bits = 0;
		for (int64_t i = 0; i < ready; i++) {
			int64_t at = t->read + i;
			if (i == 0 || at % PER_WORD == 0) {
				bits = atomic_load_explicit(
					&t->words[((size_t)at & (t->n - 1)) / PER_WORD],
					memory_order_acquire);
			}
			frames[i] = (int16_t)(bits >> 16 * (at % PER_WORD));
		}
		int64_t edge = atomic_load_explicit(&t->edge, memory_order_relaxed);
		if (t->read >= edge - (int64_t)t->n) {
			t->read += ready;
			return ready;
		}
	}
}
