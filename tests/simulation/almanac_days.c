/* almanac_days.c - what schedule/almanac.h says of every day it knows, a line each: days
 * since 1970, lunar year, month (negative: leap), day, solar term, branch of the day.
 * For tests/simulation/test_almanac.py. */
#include "schedule/almanac.h"

#include <stdio.h>

int main(void) {
	for (int64_t day = ALMANAC_FIRST_DAY; day <= ALMANAC_LAST_DAY; day++) {
		struct lunar_day lunar = {0};
		int term = almanac_term(day);
		if (!almanac_lunar(day, &lunar)) {
			return 1;
		}
		printf("%lld %d %d %d %s %s\n", (long long)day, lunar.year,
		       lunar.leap ? -lunar.month : lunar.month, lunar.day,
		       term != 0 ? almanac_term_name(term) : "",
		       almanac_branch_name(almanac_branch(day)));
	}
	return ferror(stdout) || fflush(stdout) != 0;
}
