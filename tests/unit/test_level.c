/* test_level.c - how loud a zone is: what is set is read, in any stretches, and what was
 * never set, was cleared or is long gone is silence. */
#include "audio/level.h"
#include "audio/mix/mix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BLOCK 480

static void set(struct level *l, int64_t block, float value) {
	float frames[BLOCK];
	for (size_t i = 0; i < BLOCK; i++) {
		frames[i] = i % 2 == 0 ? value / 2 : -value / 2;
	}
	frames[7] = -value;
	level_set(l, block, frames, BLOCK);
}

struct level_case {
	const char *name;
	int64_t from;
	int64_t to;
	double peak;
	double rms; /* 0: not of interest */
};

/* Blocks 100 to 109 hold 0.5, 105 a click of 0.9; 103 was cleared, 104 set anew. */
static const struct level_case cases[] = {
	{"all", 100, 110, 0.9, 0.0},
	{"one", 100, 101, 0.5, 0.2507},
	{"the click", 105, 106, 0.9, 0.0},
	{"before the click", 100, 105, 0.5, 0.0},
	{"behind it", 106, 110, 0.5, 0.2507},
	{"half of it silence", 108, 112, 0.5, 0.17727},
	{"cleared", 103, 104, 0.0, 0.0},
	{"set anew", 104, 105, 0.25, 0.12535},
	{"nothing", 100, 100, 0.0, 0.0},
	{"before all", 0, 100, 0.0, 0.0},
	{"not yet set", 110, 200, 0.0, 0.0},
	{"one turn of the ring later", 100 + LEVEL_BLOCKS, 110 + LEVEL_BLOCKS, 0.0, 0.0},
	{"a look that comes very late", 110 - 5 * LEVEL_BLOCKS, 110, 0.9, 0.0},
};

static void what_is_set_is_read(void **state) {
	(void)state;
	static struct level l;
	level_clear_all(&l);
	for (int64_t block = 100; block < 110; block++) {
		set(&l, block, block == 105 ? 0.9F : 0.5F);
	}
	level_clear(&l, 103, 104);
	set(&l, 104, 0.25F);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct level_case *c = &cases[i];
		double rms_db = 0.0;
		double peak_db = 0.0;
		level_read(&l, c->from, c->to, &rms_db, &peak_db);
		if (fabs(peak_db - mix_db_of(c->peak)) > 0.01 ||
		    (c->rms > 0.0 && fabs(rms_db - mix_db_of(c->rms)) > 0.01) ||
		    (c->peak <= 0.0 && rms_db > MIX_SILENCE_DB)) {
			fail_msg("%s: peak %.3f, RMS %.3f dB", c->name, peak_db, rms_db);
		}
	}
	level_clear_all(&l);
	double rms_db = 0.0;
	double peak_db = 0.0;
	level_read(&l, 0, 200, &rms_db, &peak_db);
	assert_true(peak_db <= MIX_SILENCE_DB && rms_db <= MIX_SILENCE_DB);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
