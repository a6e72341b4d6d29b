/* test_tz.c - time zones against the C library's own reading of the same files, and times
 * as text. */
#include "schedule/tz.h"
#include "schedule/types.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const zones[] = {
	"UTC",
	"Asia/Shanghai",
	"Europe/Berlin",
	"America/New_York",
	"Africa/Cairo",
	"Africa/Casablanca",
	"Australia/Lord_Howe",
	"Pacific/Apia",
	"America/Sao_Paulo",
	"Antarctica/Troll",
	"Asia/Kathmandu",
	"America/St_Johns",
	"Europe/Dublin",
	"Asia/Urumqi",
	"Pacific/Kiritimati",
	"America/Nuuk",
	"Asia/Gaza",
	"Etc/GMT+12",
};

/* The C library reads TZ anew. */
static void libc_zone(const char *name) {
	setenv("TZ", name, 1);
	tzset();
}

static int64_t random_between(int64_t low, int64_t high) {
	uint64_t r = (uint64_t)random() << 31 ^ (uint64_t)random();
	return low + (int64_t)(r % (uint64_t)(high - low));
}

static void local_time_is_the_c_librarys(void **state) {
	(void)state;
	seed_random();
	for (size_t z = 0; z < LENGTH(zones); z++) {
		AUTO(tz_free) struct tz *tz = NULL;
		struct error err = {0};
		assert_int_equal(tz_load(zones[z], &tz, &err), 0);
		assert_string_equal(tz_name(tz), zones[z]);
		libc_zone(zones[z]);
		for (int i = 0; i < 20000; i++) {
			/* From 1970 to 2400: far beyond the table of any file. */
			time_t at = random_between(0, 13569465600);
			struct tm tm;
			localtime_r(&at, &tm);
			struct civil c;
			tz_to_civil(tz, at, &c);
			if (tz_offset_s(tz, at) != tm.tm_gmtoff ||
			    c.year != tm.tm_year + 1900 || c.month != tm.tm_mon + 1 ||
			    c.day != tm.tm_mday || c.hour != tm.tm_hour ||
			    c.minute != tm.tm_min || c.second != tm.tm_sec) {
				fail_msg("%s at %lld: offset %d, the C library has %ld",
					 zones[z], (long long)at, tz_offset_s(tz, at),
					 tm.tm_gmtoff);
			}
			/* And back: the first instant that shows this time. */
			int64_t back = tz_from_civil(tz, &c);
			if (back > at || at - back > 3 * 86400) {
				fail_msg("%s at %lld comes back as %lld", zones[z],
					 (long long)at, (long long)back);
			}
			struct civil again;
			tz_to_civil(tz, back, &again);
			assert_memory_equal(&again, &c, sizeof(c));
		}
	}
	unsetenv("TZ");
	tzset();
}

/* A zone that is nothing but its footer. */
static struct tz *zone_of_footer(const char *footer) {
	static const unsigned char header[44] = {
		'T', 'Z', 'i', 'f', '2', [39] = 1 /* type */, [43] = 1 /* character */};
	unsigned char bytes[256] = {0};
	size_t len = 0;
	for (int block = 0; block < 2; block++) {
		memcpy(bytes + len, header, sizeof(header));
		len += sizeof(header) + 7; /* the type's six bytes and the character */
	}
	len += (size_t)snprintf((char *)bytes + len, sizeof(bytes) - len, "\n%s\n",
				footer);
	struct tz *tz = NULL;
	struct error err = {0};
	if (tz_parse(bytes, len, footer, &tz, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return tz;
}

static void footers_are_read_as_the_c_library_reads_them(void **state) {
	(void)state;
	static const char *const footers[] = {
		"CST-8",
		"EST5EDT,M3.2.0,M11.1.0",
		"<+0330>-3:30<+0430>,J79/24,J263/24",
		"IST-2IDT,M3.4.4/26,M10.5.0",
		"<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
		"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
		"IST-1GMT0,M10.5.0,M3.5.0/1",
		"AAA-5BBB,59,299/3",
		"AAA3BBB,J60,J300/23:30:15",
	};
	seed_random();
	for (size_t f = 0; f < LENGTH(footers); f++) {
		AUTO(tz_free) struct tz *tz = zone_of_footer(footers[f]);
		libc_zone(footers[f]);
		for (int i = 0; i < 20000; i++) {
			time_t at = random_between(86400, 32503680000); /* to 3000 */
			struct tm tm;
			localtime_r(&at, &tm);
			if (tz_offset_s(tz, at) != tm.tm_gmtoff) {
				fail_msg("%s at %lld: offset %d, the C library has %ld",
					 footers[f], (long long)at, tz_offset_s(tz, at),
					 tm.tm_gmtoff);
			}
		}
	}
	unsetenv("TZ");
	tzset();
}

/* RFC 8536, 3.3.1 has this example; the C library itself stumbles at new year. */
static void saving_may_last_all_the_year(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = zone_of_footer("XXX3EDT4,0/0,J365/23");
	for (int64_t day = civil_to_days(1971, 1, 1); day < civil_to_days(2800, 1, 1);
	     day++) {
		assert_int_equal(tz_offset_s(tz, day * 86400 + 9000), -4 * 3600);
		/* Half an hour behind the moment at which it ends and begins again. */
		int64_t at = day * 86400 + 7 * 1800;
		struct civil c;
		tz_to_civil(tz, at, &c);
		assert_int_equal(tz_from_civil(tz, &c), at);
	}
}

static void later_on_the_clock_is_never_earlier(void **state) {
	(void)state;
	for (size_t z = 0; z < LENGTH(zones); z++) {
		AUTO(tz_free) struct tz *tz = NULL;
		assert_int_equal(tz_load(zones[z], &tz, NULL), 0);
		int64_t last = INT64_MIN;
		for (int64_t day = civil_to_days(2010, 1, 1);
		     day < civil_to_days(2013, 1, 1); day++) {
			struct civil c = {0};
			civil_from_days(day, &c.year, &c.month, &c.day);
			for (int minute = 0; minute < 1440; minute += 10) {
				c.hour = minute / 60;
				c.minute = minute % 60;
				int64_t at = tz_from_civil(tz, &c);
				assert_true(at >= last);
				last = at;
			}
		}
	}
}

static void days_go_both_ways(void **state) {
	(void)state;
	int64_t expected = civil_to_days(1, 1, 1);
	for (int year = 1; year < 3000; year++) {
		for (int month = 1; month <= 12; month++) {
			for (int day = 1; day <= civil_month_days(year, month); day++) {
				int y = 0;
				int m = 0;
				int d = 0;
				assert_int_equal(civil_to_days(year, month, day),
						 expected);
				civil_from_days(expected, &y, &m, &d);
				assert_true(y == year && m == month && d == day);
				expected++;
			}
		}
	}
	assert_int_equal(civil_to_days(1970, 1, 1), 0);
	assert_int_equal(civil_weekday(0), 4);
	assert_int_equal(civil_weekday(civil_to_days(2026, 11, 23)), 1);
	assert_int_equal(civil_weekday(-1), 3);
}

static void zones_that_are_none(void **state) {
	(void)state;
	static const char *const names[] = {"",
					    "Mars/Olympus",
					    "../../../etc/passwd",
					    "/etc/passwd",
					    "Asia",
					    "Asia/Shang\nhai",
					    "tzdata.zi"};
	for (size_t i = 0; i < LENGTH(names); i++) {
		struct tz *tz = NULL;
		struct error err = {0};
		assert_true(tz_load(names[i], &tz, &err) < 0);
		assert_null(tz);
		assert_true(err.text[0] != '\0');
	}
}

/* Any bytes are a zone, or are refused; the sanitizers look on. */
static void broken_files_are_refused(void **state) {
	(void)state;
	char bytes[8192];
	FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "rbe");
	assert_non_null(file);
	size_t len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	seed_random();
	for (size_t cut = 0; cut < len; cut += 7) {
		struct tz *tz = NULL;
		if (tz_parse(bytes, cut, "cut", &tz, NULL) == 0) {
			tz_free(tz);
		}
	}
	for (int i = 0; i < 20000; i++) {
		char broken[sizeof(bytes)];
		memcpy(broken, bytes, len);
		for (long k = random() % 4; k >= 0; k--) {
			broken[(size_t)random() % len] = (char)random();
		}
		struct tz *tz = NULL;
		struct civil c;
		if (tz_parse(broken, len, "broken", &tz, NULL) == 0) {
			tz_to_civil(tz, random_between(-4000000000, 9000000000), &c);
			tz_from_civil(tz, &c);
			tz_free(tz);
		}
	}
}

struct text_case {
	const char *text;
	const char *same; /* in Asia/Shanghai; NULL: not a time */
};

static const struct text_case texts[] = {
	{"2026-12-01T08:00:00+08:00", "2026-12-01T08:00:00+08:00"},
	{"2026-12-01T00:00:00Z", "2026-12-01T08:00:00+08:00"},
	{"2026-12-01t00:00:00z", "2026-12-01T08:00:00+08:00"},
	{"2026-11-30T20:00:00-04:00", "2026-12-01T08:00:00+08:00"},
	{"2026-12-01T08:00:00.250+08:00", "2026-12-01T08:00:00.250+08:00"},
	{"2026-12-01T08:00:00.2504999+08:00", "2026-12-01T08:00:00.250+08:00"},
	{"2026-12-01T08:00:00", NULL},
	{"2026-12-01T08:00+08:00", NULL},
	{"2026-12-01", NULL},
	{"2026-02-29T08:00:00+08:00", NULL},
	{"2026-12-01T24:00:00+08:00", NULL},
	{"2026-12-01T08:00:61+08:00", NULL},
	{"2026-12-01T08:00:00+24:00", NULL},
	{"2026-12-01T08:00:00+08:00x", NULL},
	{"2026-12-01T08:00:00.+08:00", NULL},
	{"1899-12-31T08:00:00+08:00", NULL},
	{"12026-12-01T08:00:00+08:00", NULL},
	{"-026-12-01T08:00:00+08:00", NULL},
	{"", NULL},
	{"tomorrow", NULL},
};

static void times_as_text(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	assert_int_equal(tz_load("Asia/Shanghai", &tz, NULL), 0);
	for (size_t i = 0; i < LENGTH(texts); i++) {
		struct error err = {0};
		int64_t us = 0;
		char text[RFC3339_SIZE];
		int rc = rfc3339_parse(texts[i].text, &us, &err);
		if (texts[i].same == NULL) {
			if (rc != -EINVAL || err.text[0] == '\0') {
				fail_msg("'%s' was taken", texts[i].text);
			}
			continue;
		}
		assert_int_equal(rc, 0);
		rfc3339_format(tz, us, text);
		assert_string_equal(text, texts[i].same);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_time_is_the_c_librarys),
		cmocka_unit_test(footers_are_read_as_the_c_library_reads_them),
		cmocka_unit_test(saving_may_last_all_the_year),
		cmocka_unit_test(later_on_the_clock_is_never_earlier),
		cmocka_unit_test(days_go_both_ways),
		cmocka_unit_test(zones_that_are_none),
		cmocka_unit_test(broken_files_are_refused),
		cmocka_unit_test(times_as_text),
	};
	return cmocka_run_group_tests_name("tz", tests, NULL, NULL);
}
