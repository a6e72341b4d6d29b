/* calendars.c - see calendars.h. */
#include "calendars.h"

#include "log.h"

#include <string.h>

struct given {
	struct holiday_file *files; /* by year */
	size_t n;
	size_t at; /* those before are laid */
};

/* Those given for the years up to this one. */
static int add_given(struct calendar *c, struct given *given, int year,
		     struct error *err) {
	for (; given->at < given->n && given->files[given->at].year <= year;
	     given->at++) {
		const struct holiday_file *f = &given->files[given->at];
		AUTO(holidays_done) struct holidays file = {0};
		struct error bad = {0};
		if (holidays_parse(f->content, strlen(f->content), &file, &bad) < 0) {
			log_err("the holidays of %d in the calendar %s are left out: %s",
				f->year, f->name, bad.text);
			continue;
		}
		int rc = calendar_add(c, &file, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static bool replaced(const struct given *given, int year) {
	for (size_t i = 0; i < given->n; i++) {
		if (given->files[i].year == year &&
		    strcmp(given->files[i].name, HOLIDAYS_SHIPPED_NAME) == 0) {
			return true;
		}
	}
	return false;
}

static int lay(struct calendar *c, struct given *given, struct error *err) {
	for (const struct holidays_text *t = holidays_shipped(); t->text != NULL; t++) {
		AUTO(holidays_done) struct holidays file = {0};
		int rc = holidays_parse(t->text, t->len, &file, err);
		rc = rc < 0 ? rc : add_given(c, given, file.year - 1, err);
		if (rc >= 0 && !replaced(given, file.year)) {
			rc = calendar_add(c, &file, err);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return add_given(c, given, HOLIDAYS_YEAR_MAX, err);
}

int calendars_load(struct store *store, struct calendar *into, struct error *err) {
	AUTO(calendar_free) struct calendar *c = NULL;
	struct given given = {0};
	int rc = calendar_new(&c, err);
	rc = rc < 0 ? rc : store_holidays_list(store, NULL, &given.files, &given.n, err);
	if (rc < 0) {
		return rc;
	}
	rc = lay(c, &given, err);
	holidays_list_free(given.files, given.n);
	if (rc >= 0) {
		calendar_become(into, MOVE(c));
	}
	return rc;
}
