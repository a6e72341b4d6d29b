/* dalabactl_next.c - next: when a rule is due, reckoned here, without a daemon. */
#include "dalabactl.h"

#include "base/str.h"
#include "schedule/calendar.h"
#include "schedule/rule_words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 1000000
#define CALENDAR_BYTES_MAX 1000000
#define SHIPPED "shipped"        /* --calendar: the files that come with the program */
#define TIMEZONE "Asia/Shanghai" /* as config.c has it */

static int64_t now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

struct next_query {
	struct rule *rule;
	struct tz *tz;
	struct calendar *calendar;
	int64_t start_us;
	int64_t after_us;
	int64_t horizon_us;
	int64_t count;
};

static void query_done(struct next_query *q) {
	rule_free(q->rule);
	tz_free(q->tz);
	calendar_free(q->calendar);
}
DEFINE_AUTO_DONE(struct next_query, query_done)

static int read_whole(const char *path, struct str *ret, struct error *err) {
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return error_set(err, errno, "--calendar: '%s' cannot be opened: %s",
				 path, strerror(errno));
	}
	int rc = 0;
	char bytes[4096];
	size_t n = 0;
	while (rc == 0 && (n = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		rc = ret->len + n > CALENDAR_BYTES_MAX
			     ? error_set(err, EFBIG,
					 "--calendar: '%s' is larger than %d bytes; a "
					 "holiday file is small",
					 path, CALENDAR_BYTES_MAX)
			     : str_append_bytes(ret, bytes, n);
	}
	if (rc == 0 && ferror(file)) {
		rc = error_set(err, EIO, "--calendar: '%s' cannot be read: %s", path,
			       strerror(errno));
	} else if (rc == -ENOMEM) {
		error_set(err, ENOMEM, "no memory for '%s'", path);
	}
	fclose(file);
	return rc;
}

static int add_file(struct calendar *calendar, const char *path, struct error *err) {
	if (strcmp(path, SHIPPED) == 0) {
		return calendar_add_shipped(calendar, err);
	}
	AUTO(str_done) struct str text = STR_INIT;
	AUTO(holidays_done) struct holidays file = {0};
	int rc = read_whole(path, &text, err);
	if (rc < 0) {
		return rc;
	}
	rc = holidays_parse(text.data != NULL ? text.data : "", text.len, &file, err);
	return rc < 0 ? error_prefix(err, "--calendar: '%s': ", path)
		      : calendar_add(calendar, &file, err);
}

static int read_calendar(const struct args *args, struct next_query *q,
			 struct error *err) {
	struct args_list files = args_list(args, "calendar");
	int rc = calendar_new(&q->calendar, err);
	for (size_t i = 0; rc >= 0 && i < files.n; i++) {
		rc = add_file(q->calendar, files.items[i], err);
	}
	return rc;
}

static int query_read(const struct args *args, struct next_query *q, struct error *err) {
	struct error bad = {0};
	const char *from = args_text(args, "from");
	const char *zone = args_text(args, "timezone");
	q->start_us = now_us();
	q->count = 5;
	if (tz_load(zone != NULL ? zone : TIMEZONE, &q->tz, &bad) < 0) {
		return dalabactl_wrong_use(err, "--timezone: %s", bad.text);
	}
	if (from != NULL && rfc3339_parse(from, &q->start_us, &bad) < 0) {
		return dalabactl_wrong_use(err, "--from: %s", bad.text);
	}
	if (args_number(args, "count", 1, COUNT_MAX, &q->count, &bad) < 0) {
		return dalabactl_wrong_use(err, "%s", bad.text);
	}
	q->horizon_us = rule_horizon_us(q->tz, q->start_us);
	return read_calendar(args, q, err);
}

static int query_rule(struct next_query *q, const char *text, struct error *err) {
	struct error bad = {0};
	rule_free(q->rule);
	q->rule = NULL;
	q->after_us = q->start_us;
	if (rule_parse(dalabactl_rule(text), &q->rule, &bad) < 0) {
		/* Not the rule as well: it may be longer than a sentence can be. */
		return dalabactl_wrong_use(err, "RULE: %s", bad.text);
	}
	return 0;
}

/* Moves on to the next time; false behind the last. */
static bool query_step(struct next_query *q) {
	return rule_next(q->rule, q->tz, q->calendar, q->after_us, &q->after_us) > 0 &&
	       q->after_us <= q->horizon_us;
}

static int64_t print_lines(struct next_query *q) {
	int64_t found = 0;
	while (found < q->count && query_step(q)) {
		char text[RFC3339_SIZE];
		rfc3339_format(q->tz, q->after_us, text);
		puts(text);
		found++;
	}
	return found;
}

static int print_array(struct next_query *q, int64_t *ret_found, struct error *err) {
	AUTO(json_decref) json_t *answer = json_pack("{s:[]}", "items");
	json_t *items = json_object_get(answer, "items");
	for (*ret_found = 0; *ret_found < q->count; (*ret_found)++) {
		char text[RFC3339_SIZE];
		if (!query_step(q)) {
			break;
		}
		rfc3339_format(q->tz, q->after_us, text);
		if (json_array_append_new(items, json_string(text)) < 0) {
			return error_set(err, ENOMEM, "no memory for the times");
		}
	}
	AUTO(str_done) struct str zh = STR_INIT;
	AUTO(str_done) struct str en = STR_INIT;
	if (rule_sentence(q->rule, RULE_ZH, &zh) < 0 ||
	    rule_sentence(q->rule, RULE_EN, &en) < 0) {
		return error_set(err, ENOMEM, "no memory for a sentence");
	}
	json_object_set_new(answer, "sentence",
			    json_pack("{s:s, s:s}", "zh", zh.data, "en", en.data));
	return dalabactl_print_json(answer, err);
}

/* For a person, beside the times: what the rule means. */
static int tell_sentence(const struct next_query *q, struct error *err) {
	AUTO(str_done) struct str said = STR_INIT;
	if (!isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO)) {
		return 0;
	}
	if (rule_sentence(q->rule, dalabactl_lang(), &said) < 0) {
		return error_set(err, ENOMEM, "no memory for a sentence");
	}
	fprintf(stderr, "%s\n", said.data);
	return 0;
}

/* What was not known of the years that were looked at. */
static int tell_notice(const struct next_query *q, bool to_the_end, struct error *err) {
	AUTO(str_done) struct str notice = STR_INIT;
	int rc = rule_notice(q->rule, q->tz, q->calendar, q->start_us,
			     to_the_end ? q->horizon_us : q->after_us, RULE_EN, &notice);
	if (rc > 0) {
		fprintf(stderr, "dalabactl: %s\n", notice.data);
	}
	return rc < 0 ? error_set(err, ENOMEM, "no memory for a notice") : 0;
}

/* The rules of standard input, one a line; an empty line ends the times of each. */
static int print_each(struct next_query *q, struct error *err) {
	AUTO(free) char *line = NULL;
	size_t size = 0;
	for (int n = 1; getline(&line, &size, stdin) >= 0; n++) {
		line[strcspn(line, "\r\n")] = '\0';
		int rc = query_rule(q, line, err);
		if (rc < 0) {
			char why[ERROR_TEXT_SIZE];
			str_copy(why, sizeof(why), err->text);
			return dalabactl_wrong_use(err, "line %d: %s", n, why);
		}
		print_lines(q);
		puts("");
	}
	return ferror(stdin) ? error_set(err, EIO, "the rules cannot be read: %s",
					 strerror(errno))
			     : 0;
}

int dalabactl_next(struct client *c, const struct args *args, struct error *err) {
	(void)c; /* no daemon is asked */
	AUTO(query_done) struct next_query q = {0};
	bool many = strcmp(args->words[0], "-") == 0;
	if (many && args_flag(args, "json")) {
		return dalabactl_wrong_use(err, "--json is for one RULE, not for -");
	}
	int rc = query_read(args, &q, err);
	if (rc < 0 || many) {
		return rc < 0 ? rc : print_each(&q, err);
	}
	rc = query_rule(&q, args->words[0], err);
	int64_t found = 0;
	if (rc >= 0 && args_flag(args, "json")) {
		rc = print_array(&q, &found, err);
	} else if (rc >= 0) {
		rc = tell_sentence(&q, err);
		found = print_lines(&q);
	}
	if (rc < 0) {
		return rc;
	}
	if (found < q.count) {
		fprintf(stderr, "dalabactl: no more within %d years\n",
			RULE_HORIZON_YEARS);
	}
	return tell_notice(&q, found < q.count, err);
}
