/* test_gain.c - how loud a voice is: ramps in line, and the same for a frame however
 * often and in whatever pieces it is rendered. */
#include "audio/engine_gain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct ramp_case {
	int64_t start_s;
	float to;
	int64_t frames;
};

struct gain_case {
	const char *name;
	struct ramp_case ramps[8];
	struct {
		int64_t s;
		float gain;
	} looks[6];
};

static const struct gain_case cases[] = {
	{"untouched", {{0}}, {{-100, 1.0F}, {0, 1.0F}, {900, 1.0F}}},
	{"down and back",
	 {{100, 0.125F, 100}, {400, 1.0F, 200}},
	 {{99, 1.0F},
	  {100, 1.0F},
	  {150, 0.5625F},
	  {200, 0.125F},
	  {500, 0.5625F},
	  {600, 1.0F}}},
	{"turned round on the way",
	 {{100, 0.0F, 100}, {150, 1.0F, 100}},
	 {{100, 1.0F}, {150, 0.5F}, {200, 0.75F}, {250, 1.0F}}},
	{"ordered earlier than the last",
	 {{300, 0.5F, 10}, {200, 0.25F, 10}},
	 {{199, 1.0F}, {210, 0.25F}, {300, 0.25F}, {400, 0.25F}}},
	{"more than are kept",
	 {{100, 0.5F, 10},
	  {200, 0.25F, 10},
	  {300, 0.5F, 10},
	  {400, 1.0F, 10},
	  {500, 0.5F, 10}},
	 {{190, 0.5F}, {210, 0.25F}, {310, 0.5F}, {410, 1.0F}, {510, 0.5F}}},
};

static void goes_where_it_is_told(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct gain_line g;
		gain_line_init(&g, 1.0F);
		float end = 1.0F;
		for (const struct ramp_case *r = cases[i].ramps; r->frames > 0; r++) {
			gain_line_to(&g, r->start_s, r->to, r->frames);
			end = r->to;
		}
		assert_true(gain_line_end(&g) == end);
		for (size_t k = 0; k < LENGTH(cases[i].looks); k++) {
			float wanted = cases[i].looks[k].gain;
			float got = gain_line_at(&g, cases[i].looks[k].s);
			if (k > 0 && wanted == 0.0F) {
				break;
			}
			if (fabsf(got - wanted) > 1e-6F) {
				fail_msg("%s, frame %d: %f", cases[i].name,
					 (int)cases[i].looks[k].s, (double)got);
			}
		}
	}
}

static void is_the_same_in_any_pieces(void **state) {
	(void)state;
	static const size_t pieces[] = {1, 7, 480, 1000};
	struct gain_line g;
	float wanted[1000];
	gain_line_init(&g, 1.0F);
	gain_line_to(&g, 250, 0.1F, 300);
	gain_line_to(&g, 700, 1.0F, 90);
	for (size_t i = 0; i < LENGTH(wanted); i++) {
		wanted[i] = 0.7F * gain_line_at(&g, (int64_t)i);
	}
	for (size_t k = 0; k < LENGTH(pieces); k++) {
		float frames[1000];
		for (size_t at = 0; at < LENGTH(frames); at += pieces[k]) {
			size_t n = LENGTH(frames) - at;
			n = n < pieces[k] ? n : pieces[k];
			for (size_t i = 0; i < n; i++) {
				frames[at + i] = 0.7F;
			}
			gain_line_apply(&g, frames + at, n, (int64_t)at);
		}
		assert_memory_equal(frames, wanted, sizeof(frames));
	}
}

static void an_order_is_one_value(void **state) {
	(void)state;
	static const struct {
		float gain;
		int ramp_ms;
		int64_t ret_ms;
	} orders[] = {
		{1.0F, 300, 300}, {0.125F, 0, 5}, {0.0F, 5, 5}, {0.5F, 60000, 60000}};
	for (size_t i = 0; i < LENGTH(orders); i++) {
		int64_t ramp_ms = 0;
		uint64_t order = gain_pack(orders[i].gain, orders[i].ramp_ms);
		assert_true(order != 0);
		assert_true(gain_unpack(order, &ramp_ms) == orders[i].gain);
		assert_int_equal(ramp_ms, orders[i].ret_ms);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_where_it_is_told),
		cmocka_unit_test(is_the_same_in_any_pieces),
		cmocka_unit_test(an_order_is_one_value),
	};
	return cmocka_run_group_tests_name("gain", tests, NULL, NULL);
}
