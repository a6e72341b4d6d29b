/* almanac.h - lunar days, solar terms and earthly branches of a day, from a table that
 * tools/almanac.py computes (GB/T 33661-2017; docs/rules.md says what it was checked
 * against). Days count from 1970-01-01, as civil_to_days. Threads: any. Pure: never
 * blocks, no state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ALMANAC_FIRST_DAY (-25202) /* 1901-01-01 */
#define ALMANAC_LAST_DAY 47846     /* 2100-12-31 */

struct lunar_day {
	int year;       /* in which the lunar year began */
	int month;      /* 1 to 12 */
	int day;        /* 1 to 30 */
	int month_days; /* 29 or 30 */
	bool leap;      /* in the month that repeats the number of the one before */
};

/* Whether lunar days and solar terms of this day are known. */
bool almanac_knows(int64_t day);
/* false, and *ret left alone, where they are not. */
bool almanac_lunar(int64_t day, struct lunar_day *ret);
/* 1 (minor cold) to 24 (winter solstice), in the order of the Gregorian year; 0 where no
 * term falls on it, or it is not known. */
int almanac_term(int64_t day);
/* 1 (zi) to 12 (hai); of any day. */
int almanac_branch(int64_t day);

/* In Chinese. */
#define ALMANAC_TERMS 24
#define ALMANAC_BRANCHES 12
const char *almanac_term_name(int term);     /* 1 to 24 */
const char *almanac_branch_name(int branch); /* 1 to 12 */
