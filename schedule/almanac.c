/* almanac.c - see almanac.h. A word for each lunar year, from 1900, in which 1901 begins:
 * bit n whether its month n (from 0) has 30 days, bits 13 to 16 the leap month, above
 * them how many days after 1 January it begins. For each Gregorian year 2 bits a term:
 * how many days after its earliest day of the month it falls. */
#include "almanac.h"

#include "almanac_table.inc"
#include "tz.h"

#include <assert.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FIRST_YEAR 1901
#define LAST_YEAR 2100
#define FIRST_LUNAR_YEAR 1900

_Static_assert(LENGTH(lunar_years) == LAST_YEAR - FIRST_LUNAR_YEAR + 1, "lunar years");
_Static_assert(LENGTH(term_years) == LAST_YEAR - FIRST_YEAR + 1, "years of terms");

bool almanac_knows(int64_t day) {
	return day >= ALMANAC_FIRST_DAY && day <= ALMANAC_LAST_DAY;
}

/* Days since 1970 of the first day of a lunar year. */
static int64_t lunar_new_year(int year) {
	return civil_to_days(year, 1, 1) + (lunar_years[year - FIRST_LUNAR_YEAR] >> 17);
}

bool almanac_lunar(int64_t day, struct lunar_day *ret) {
	if (!almanac_knows(day)) {
		return false;
	}
	int year = 0;
	int month = 0;
	int date = 0;
	civil_from_days(day, &year, &month, &date);
	int64_t begin = lunar_new_year(year);
	if (day < begin) {
		begin = lunar_new_year(--year);
	}
	uint32_t word = lunar_years[year - FIRST_LUNAR_YEAR];
	int leap = (int)(word >> 13 & 15);
	int passed = (int)(day - begin);
	int nth = 0;
	int length = 29 + (int)(word & 1);
	while (passed >= length) {
		passed -= length;
		nth++;
		length = 29 + (int)(word >> nth & 1);
	}
	bool behind = leap != 0 && nth >= leap;
	*ret = (struct lunar_day){
		.year = year,
		.month = nth + (behind ? 0 : 1),
		.day = passed + 1,
		.month_days = length,
		.leap = behind && nth == leap,
	};
	return true;
}

int almanac_term(int64_t day) {
	if (!almanac_knows(day)) {
		return 0;
	}
	int year = 0;
	int month = 0;
	int date = 0;
	civil_from_days(day, &year, &month, &date);
	uint64_t word = term_years[year - FIRST_YEAR];
	for (int i = month * 2 - 2; i < month * 2; i++) {
		if (date == term_first_days[i] + (int)(word >> 2 * i & 3)) {
			return i + 1;
		}
	}
	return 0;
}

/* 1970-01-01 was a day of si, the sixth. */
int almanac_branch(int64_t day) {
	int behind = (int)((day + 5) % 12);
	return (behind < 0 ? behind + 12 : behind) + 1;
}

const char *almanac_term_name(int term) {
	static const char *const names[ALMANAC_TERMS] = {
		"小寒", "大寒", "立春", "雨水", "惊蛰", "春分", "清明", "谷雨",
		"立夏", "小满", "芒种", "夏至", "小暑", "大暑", "立秋", "处暑",
		"白露", "秋分", "寒露", "霜降", "立冬", "小雪", "大雪", "冬至",
	};
	assert(term >= 1 && term <= ALMANAC_TERMS);
	return names[term - 1];
}

const char *almanac_branch_name(int branch) {
	static const char *const names[ALMANAC_BRANCHES] = {
		"子", "丑", "寅", "卯", "辰", "巳", "午", "未", "申", "酉", "戌", "亥",
	};
	assert(branch >= 1 && branch <= ALMANAC_BRANCHES);
	return names[branch - 1];
}
