/* holidays.h - one holiday file of the public form:
 *   {"year": 2026, "papers": [...], "days": [{"name": "春节", "date": "2026-02-15",
 *    "isOffDay": true}, ...]}
 * (github.com/NateScarlet/holiday-cn). Days that are as their weekday says are left out;
 * a day may lie in the year before or after. Threads: any. Pure: never blocks. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOLIDAYS_YEAR_MIN 1970
#define HOLIDAYS_YEAR_MAX 2200
#define HOLIDAYS_DAYS_MAX 1000
#define HOLIDAYS_NAME_MAX 100 /* characters */

struct holidays {
	int year;
	struct holiday {
		int64_t day; /* since 1970 */
		bool off;    /* else worked in place of another */
	} * days;            /* in the order of the file */
	size_t n;
};

/* Other members than those above are passed over. -EINVAL names the member that is wrong
 * ("days[3].date"). */
int holidays_read(const json_t *file, struct holidays *ret, struct error *err);
int holidays_parse(const char *text, size_t len, struct holidays *ret, struct error *err);
void holidays_done(struct holidays *h);
DEFINE_AUTO_DONE(struct holidays, holidays_done)

/* The files that come with the program, by year; NULL ends. */
struct holidays_text {
	const char *text;
	size_t len;
};
const struct holidays_text *holidays_shipped(void);
/* Under which name they are known. */
#define HOLIDAYS_SHIPPED_NAME "holiday-cn"
