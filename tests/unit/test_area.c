/* test_area.c - what is an area code, and what lies within what. */
#include "schedule/area.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void a_code_loses_its_trailing_zero_groups(void **state) {
	(void)state;
	static const struct {
		const char *code;
		const char *normal; /* NULL: refused */
	} cases[] = {
		{"36", "36"},
		{"3608", "3608"},
		{"360826", "360826"},
		{"360826101", "360826101"},
		{"360826101203", "360826101203"},
		{"36082610120301", "36082610120301"},
		{"360826000000", "360826"},
		{"360826101000", "360826101"},
		{"360000000000", "36"},
		{"360800", "3608"},
		{"360826100000", "360826100"}, /* a town that ends in zeros */
		{"360826101200", "360826101200"},
		{"10", "10"},
		{"360826101203000", "360826101203"},
		{"360826101000001", "360826101000001"}, /* a group of the town */
		{"36082610120300000001", "36082610120300000001"},
		{"360826101203000000001", NULL},
		{"000000000000", NULL},
		{"00", NULL},
		{"", NULL},
		{"3", NULL},
		{"360", NULL},
		{"3608261", NULL},
		{"36082x", NULL},
		{" 360826", NULL},
		{"３６", NULL},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char normal[AREA_CODE_SIZE] = "as it was";
		struct error err = {0};
		int rc = area_code_normal(cases[i].code, "code", normal, &err);
		if (cases[i].normal == NULL) {
			assert_int_equal(rc, -EINVAL);
			assert_string_equal(err.field, "code");
			assert_string_equal(normal, "as it was");
		} else {
			assert_int_equal(rc, 0);
			assert_string_equal(normal, cases[i].normal);
		}
	}
}

static void a_code_lies_within_its_beginning(void **state) {
	(void)state;
	static const struct {
		const char *code;
		const char *above;
		bool within;
	} cases[] = {
		{"360826101", "360826", true},
		{"360826", "360826", true},
		{"360826", "360826101", false},
		{"360827101", "360826", false},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(area_code_within(cases[i].code, cases[i].above),
				 cases[i].within);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_loses_its_trailing_zero_groups),
		cmocka_unit_test(a_code_lies_within_its_beginning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
