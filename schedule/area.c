/* area.c - see area.h. */
#include "area.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* Where each level of a code ends. */
static const size_t levels[] = {2, 4, 6, 9, 12};
#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))
#define SUFFIX_MAX (AREA_CODE_SIZE - 1 - 12)

static bool length_known(size_t len) {
	for (size_t i = 0; i < N_LEVELS; i++) {
		if (len == levels[i]) {
			return true;
		}
	}
	return len > 12 && len < AREA_CODE_SIZE;
}

static bool all_zero(const char *code, size_t from, size_t to) {
	return strspn(code + from, "0") >= to - from;
}

int area_code_normal(const char *code, const char *field, char ret[AREA_CODE_SIZE],
		     struct error *err) {
	size_t len = strlen(code);
	if (!length_known(len) || strspn(code, "0123456789") != len) {
		return error_set_field(
			err, EINVAL, field,
			"'%s' is not an area code; write 2, 4, 6, 9 or 12 digits "
			"(province, city, county, town, village), or the 12 digits of a "
			"village followed by 1 to %d more for a group",
			len <= 40 && utf8_valid(code, len) ? code : "...", SUFFIX_MAX);
	}
	if (len > 12 && all_zero(code, 12, len)) {
		len = 12;
	}
	for (size_t i = N_LEVELS; i-- > 0;) {
		size_t start = i > 0 ? levels[i - 1] : 0;
		if (len == levels[i] && all_zero(code, start, len)) {
			len = start;
		}
	}
	if (len == 0) {
		return error_set_field(err, EINVAL, field,
				       "'%s' would mean everywhere; write the code of a "
				       "province, city, county, town or village",
				       code);
	}
	snprintf(ret, AREA_CODE_SIZE, "%.*s", (int)len, code);
	return 0;
}

bool area_code_within(const char *code, const char *above) {
	return strncmp(code, above, strlen(above)) == 0;
}
