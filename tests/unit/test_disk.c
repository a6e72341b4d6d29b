/* test_disk.c - when a disk has too little room (disk.h). */
#include "daemon/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB (1LL << 20)

static const struct disk_case {
	int64_t left;
	int64_t whole;
	bool was_short;
	bool is_short;
} cases[] = {
	{0, 100 * MIB, false, true},
	{5 * MIB - 1, 100 * MIB, false, true},
	{5 * MIB, 100 * MIB, false, false},
	/* A small change does not make it come and go. */
	{7 * MIB, 100 * MIB, true, true},
	{8 * MIB, 100 * MIB, true, false},
	/* A large disk may be full by far more than a twentieth. */
	{256 * MIB - 1, 1000000 * MIB, false, true},
	{256 * MIB, 1000000 * MIB, false, false},
	{383 * MIB, 1000000 * MIB, true, true},
	{384 * MIB, 1000000 * MIB, true, false},
	/* What has no size (a network mount that does not say) is never short. */
	{0, 0, false, false},
};

static void knows_too_little(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct disk_case *c = &cases[i];
		print_message("case %zu\n", i);
		assert_int_equal(disk_short(c->left, c->whole, c->was_short),
				 c->is_short);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_too_little),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
