/* area.h - codes of the area tree: province, city, county, town, village, group.
 * Threads: any. Pure: never blocks, no state.
 *
 * 12 digits: 2 province, 2 city, 2 county, 3 town, 3 village; a group has no standard
 * code, a local suffix of digits follows the twelve. A code may stop behind any level, or
 * be filled up with zeros: 360826 and 360826000000 are the same county. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

#define AREA_CODE_SIZE 21 /* 12 digits, a suffix of up to 8, and NUL */

/* The code without its trailing all-zero groups. -EINVAL, naming `field`: not a code, or
 * nothing but zeros, which would mean everywhere. */
int area_code_normal(const char *code, const char *field, char ret[AREA_CODE_SIZE],
		     struct error *err);

/* Whether an area lies at or below another; both codes normal. A village never widens to
 * its town. */
bool area_code_within(const char *code, const char *above);
