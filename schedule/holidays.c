/* holidays.c - see holidays.h. */
#include "holidays.h"

#include "base/str.h"
#include "tz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM                                                                             \
	"{\"year\": 2026, \"days\": [{\"name\": \"元旦\", \"date\": \"2026-01-01\", "  \
	"\"isOffDay\": true}, ...]}"

void holidays_done(struct holidays *h) {
	free(h->days);
	*h = (struct holidays){0};
}

static int take_number(const char **at, int digits, int *ret) {
	*ret = 0;
	for (int i = 0; i < digits; i++, (*at)++) {
		if (**at < '0' || **at > '9') {
			return -EINVAL;
		}
		*ret = *ret * 10 + (**at - '0');
	}
	return 0;
}

/* YYYY-MM-DD of a day there is. */
static int parse_date(const char *text, int *ret_year, int64_t *ret_day) {
	const char *at = text;
	int month = 0;
	int day = 0;
	if (take_number(&at, 4, ret_year) < 0 || *at++ != '-' ||
	    take_number(&at, 2, &month) < 0 || *at++ != '-' ||
	    take_number(&at, 2, &day) < 0 || *at != '\0' || month < 1 || month > 12 ||
	    day < 1 || *ret_year < 1 || day > civil_month_days(*ret_year, month)) {
		return -EINVAL;
	}
	*ret_day = civil_to_days(*ret_year, month, day);
	return 0;
}

static int wrong_day(size_t i, const char *member, struct error *err, const char *words) {
	char field[ERROR_FIELD_SIZE];
	str_format(field, sizeof(field), "days[%zu].%s", i, member);
	return error_set_field(err, EINVAL, field, "\"%s\" %s", field, words);
}

static int read_day(const json_t *value, size_t i, int year, struct holiday *ret,
		    struct error *err) {
	const json_t *off = json_object_get(value, "isOffDay");
	const json_t *name = json_object_get(value, "name");
	const char *date = json_string_value(json_object_get(value, "date"));
	int of_year = 0;
	if (date == NULL || parse_date(date, &of_year, &ret->day) < 0) {
		return wrong_day(i, "date", err,
				 "must be a day there is, as \"2026-01-01\"");
	}
	if (of_year < year - 1 || of_year > year + 1) {
		return wrong_day(i, "date", err,
				 "must lie in the year of the file or in one beside it");
	}
	if (!json_is_boolean(off)) {
		return wrong_day(i, "isOffDay", err,
				 "must be true (a day off) or false (a working day)");
	}
	if (name != NULL && !json_is_null(name) && !json_is_string(name)) {
		return wrong_day(i, "name", err, "must be a text");
	}
	ret->off = json_is_true(off);
	return 0;
}

/* Twice is nothing; off and worked at once is a mistake. */
static int check_again(const struct holidays *h, size_t i, struct error *err) {
	for (size_t k = 0; k < i; k++) {
		if (h->days[k].day == h->days[i].day &&
		    h->days[k].off != h->days[i].off) {
			return wrong_day(i, "isOffDay", err,
					 "says otherwise than an earlier entry of the "
					 "same date");
		}
	}
	return 0;
}

int holidays_read(const json_t *file, struct holidays *ret, struct error *err) {
	const json_t *year = json_object_get(file, "year");
	const json_t *days = json_object_get(file, "days");
	if (!json_is_integer(year) || json_integer_value(year) < HOLIDAYS_YEAR_MIN ||
	    json_integer_value(year) > HOLIDAYS_YEAR_MAX) {
		return error_set_field(err, EINVAL, "year",
				       "\"year\" must be a number from %d to %d; a "
				       "holiday file is %s",
				       HOLIDAYS_YEAR_MIN, HOLIDAYS_YEAR_MAX, FORM);
	}
	if (!json_is_array(days) || json_array_size(days) > HOLIDAYS_DAYS_MAX) {
		return error_set_field(err, EINVAL, "days",
				       "\"days\" must be a list of at most %d days; a "
				       "holiday file is %s",
				       HOLIDAYS_DAYS_MAX, FORM);
	}
	AUTO(holidays_done)
	struct holidays h = {.year = (int)json_integer_value(year)};
	h.days = calloc(json_array_size(days) + 1, sizeof(*h.days));
	if (h.days == NULL) {
		return error_set(err, ENOMEM, "no memory for the holidays");
	}
	for (; h.n < json_array_size(days); h.n++) {
		int rc = read_day(json_array_get(days, h.n), h.n, h.year, &h.days[h.n],
				  err);
		rc = rc < 0 ? rc : check_again(&h, h.n, err);
		if (rc < 0) {
			return rc;
		}
	}
	*ret = h;
	h.days = NULL;
	return 0;
}

int holidays_parse(const char *text, size_t len, struct holidays *ret,
		   struct error *err) {
	static const char bom[] = "\xEF\xBB\xBF";
	if (len >= 3 && memcmp(text, bom, 3) == 0) {
		text += 3;
		len -= 3;
	}
	json_error_t why;
	json_t *file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (file == NULL) {
		return error_set(err, EINVAL, "it is not JSON: %s (line %d, column %d)",
				 why.text, why.line, why.column);
	}
	int rc = json_is_object(file)
			 ? holidays_read(file, ret, err)
			 : error_set(err, EINVAL, "a holiday file is %s", FORM);
	json_decref(file);
	return rc;
}
