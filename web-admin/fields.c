/* fields.c - see fields.h. */
#include "fields.h"

#include "base/str.h"
#include "schedule/tz.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *kind_name(const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "text";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static int wrong_kind(const char *name, const char *wanted, const json_t *value,
		      struct error *err) {
	return error_set_field(err, EINVAL, name, "\"%s\" must be %s, not %s", name,
			       wanted, kind_name(value));
}

/* 1 where the member is there, 0 where it is not or is null. */
static int find(const json_t *object, const char *name, enum need need, json_t **ret,
		struct error *err) {
	json_t *value = json_object_get(object, name);
	if (value != NULL && !json_is_null(value)) {
		*ret = value;
		return 1;
	}
	if (need == REQUIRED) {
		return error_set_field(err, EINVAL, name, "\"%s\" is missing", name);
	}
	return 0;
}

int fields_known(const json_t *object, const char *const *names, struct error *err) {
	json_t *value = NULL;
	const char *key = NULL;
	/* Jansson takes a mutable object to walk over it and does not change it. */
	json_t *walked = (json_t *)(uintptr_t)object;
	json_object_foreach(walked, key, value) {
		size_t i = 0;
		while (names[i] != NULL && strcmp(names[i], key) != 0) {
			i++;
		}
		if (names[i] != NULL) {
			continue;
		}
		AUTO(str_done) struct str allowed = STR_INIT;
		for (i = 0; names[i] != NULL; i++) {
			if (str_printf(&allowed, "%s%s", i > 0 ? ", " : "", names[i]) <
			    0) {
				return error_set(err, ENOMEM,
						 "no memory for the names of fields");
			}
		}
		/* A name may be of any length; it must not be cut within a character. */
		char shown[ERROR_FIELD_SIZE - 8];
		str_copy(shown, sizeof(shown), key);
		return error_set_field(err, EINVAL, shown,
				       "\"%s\" is not a field here; the fields are: %s",
				       shown,
				       allowed.data != NULL ? allowed.data : "none");
	}
	return 0;
}

/* One character of valid UTF-8; *len its bytes. */
static uint32_t utf8_next(const char *text, size_t *len) {
	const unsigned char *s = (const unsigned char *)text;
	if (s[0] < 0x80) {
		*len = 1;
		return s[0];
	}
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		c = c << 6 | (s[i] & 0x3fu);
	}
	*len = n;
	return c;
}

static bool is_blank(char c) {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The text of a value, trimmed and checked, as a copy. */
static int text_of(const json_t *value, const char *name, size_t min, size_t max,
		   char **ret, struct error *err) {
	if (!json_is_string(value)) {
		return wrong_kind(name, "text", value, err);
	}
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	while (len > 0 && is_blank(text[0])) {
		text++;
		len--;
	}
	while (len > 0 && is_blank(text[len - 1])) {
		len--;
	}
	size_t chars = 0;
	for (size_t at = 0, step = 0; at < len; at += step) {
		uint32_t c = utf8_next(text + at, &step);
		if ((c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0)) {
			return error_set_field(
				err, EINVAL, name,
				"\"%s\" has a control character (U+%04" PRIX32
				") at character %zu",
				name, c, chars + 1);
		}
		chars++;
	}
	if (chars < min && min == 1) {
		return error_set_field(err, EINVAL, name, "\"%s\" must not be empty",
				       name);
	}
	if (chars < min || chars > max) {
		return error_set_field(err, EINVAL, name,
				       "\"%s\" must have %zu to %zu characters, not %zu",
				       name, min, max, chars);
	}
	char *copy = strndup(text, len);
	if (copy == NULL) {
		return error_set(err, ENOMEM, "no memory for \"%s\"", name);
	}
	*ret = copy;
	return 1;
}

static void replace(char **to, char *text) {
	free(*to);
	*to = text;
}

int field_text(const json_t *object, const char *name, enum need need, size_t min,
	       size_t max, char **ret, struct error *err) {
	json_t *value = NULL;
	char *text = NULL;
	int rc = find(object, name, need, &value, err);
	if (rc <= 0 || (rc = text_of(value, name, min, max, &text, err)) < 0) {
		return rc;
	}
	replace(ret, text);
	return 1;
}

int field_text_or_null(const json_t *object, const char *name, size_t max, char **ret,
		       struct error *err) {
	if (json_is_null(json_object_get(object, name))) {
		replace(ret, NULL);
		return 1;
	}
	return field_text(object, name, OPTIONAL, 1, max, ret, err);
}

int field_int(const json_t *object, const char *name, enum need need, int64_t min,
	      int64_t max, int64_t *ret, struct error *err) {
	json_t *value = NULL;
	int rc = find(object, name, need, &value, err);
	if (rc <= 0) {
		return rc;
	}
	if (json_is_real(value)) {
		return error_set_field(err, EINVAL, name,
				       "\"%s\" must be a whole number, without a point",
				       name);
	}
	if (!json_is_integer(value)) {
		return wrong_kind(name, "a whole number", value, err);
	}
	int64_t number = json_integer_value(value);
	if (number < min || number > max) {
		return error_set_field(err, EINVAL, name,
				       "\"%s\" must be %" PRId64 " to %" PRId64
				       ", not %" PRId64,
				       name, min, max, number);
	}
	*ret = number;
	return 1;
}

int field_number(const json_t *object, const char *name, enum need need, double min,
		 double max, double *ret, struct error *err) {
	json_t *value = NULL;
	int rc = find(object, name, need, &value, err);
	if (rc <= 0) {
		return rc;
	}
	if (!json_is_number(value)) {
		return wrong_kind(name, "a number", value, err);
	}
	double number = json_number_value(value);
	if (!isfinite(number) || number < min || number > max) {
		return error_set_field(err, EINVAL, name,
				       "\"%s\" must be %g to %g, not %g", name, min, max,
				       number);
	}
	*ret = number;
	return 1;
}

int field_bool(const json_t *object, const char *name, enum need need, bool *ret,
	       struct error *err) {
	json_t *value = NULL;
	int rc = find(object, name, need, &value, err);
	if (rc <= 0) {
		return rc;
	}
	if (!json_is_boolean(value)) {
		return wrong_kind(name, "true or false", value, err);
	}
	*ret = json_is_true(value);
	return 1;
}

int field_time(const json_t *object, const char *name, enum need need, int64_t *ret_us,
	       struct error *err) {
	if (need == OPTIONAL && json_is_null(json_object_get(object, name))) {
		*ret_us = TIME_NONE;
		return 1;
	}
	json_t *value = NULL;
	int rc = find(object, name, need, &value, err);
	if (rc <= 0) {
		return rc;
	}
	if (!json_is_string(value)) {
		return wrong_kind(name, "a time such as 2026-12-01T08:00:00+08:00", value,
				  err);
	}
	struct error why = {0};
	int64_t us = 0;
	rc = rfc3339_parse(json_string_value(value), &us, &why);
	if (rc < 0) {
		return error_set_field(err, -rc, name, "\"%s\": %s", name, why.text);
	}
	*ret_us = us;
	return 1;
}

int field_array(const json_t *object, const char *name, enum need need, size_t max,
		json_t **ret, struct error *err) {
	json_t *value = NULL;
	int rc = find(object, name, need, &value, err);
	if (rc <= 0) {
		return rc;
	}
	if (!json_is_array(value)) {
		return wrong_kind(name, "an array", value, err);
	}
	if (json_array_size(value) > max) {
		return error_set_field(err, EINVAL, name,
				       "\"%s\" has %zu entries; there may be %zu", name,
				       json_array_size(value), max);
	}
	*ret = value;
	return 1;
}

int field_ids(const json_t *object, const char *name, enum need need, size_t max,
	      struct ids *ret, struct error *err) {
	json_t *array = NULL;
	bool cleared = need == OPTIONAL && json_is_null(json_object_get(object, name));
	int rc = cleared ? 1 : field_array(object, name, need, max, &array, err);
	if (rc <= 0) {
		return rc;
	}
	AUTO(ids_done) struct ids ids = {0};
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		if (!json_is_integer(item) || json_integer_value(item) <= 0) {
			char field[ERROR_FIELD_SIZE];
			snprintf(field, sizeof(field), "%s[%zu]", name, i);
			return error_set_field(
				err, EINVAL, field,
				"\"%s\" must be an id, a whole number above 0", field);
		}
		if (ids_add(&ids, json_integer_value(item)) < 0) {
			return error_set(err, ENOMEM, "no memory for \"%s\"", name);
		}
	}
	ids_done(ret);
	*ret = ids;
	ids = (struct ids){0};
	return 1;
}

int field_texts(const json_t *object, const char *name, enum need need, size_t max,
		size_t max_chars, struct texts *ret, struct error *err) {
	json_t *array = NULL;
	bool cleared = need == OPTIONAL && json_is_null(json_object_get(object, name));
	int rc = cleared ? 1 : field_array(object, name, need, max, &array, err);
	if (rc <= 0) {
		return rc;
	}
	AUTO(texts_done) struct texts texts = {0};
	for (size_t i = 0; i < json_array_size(array); i++) {
		char field[ERROR_FIELD_SIZE];
		snprintf(field, sizeof(field), "%s[%zu]", name, i);
		AUTO(free) char *text = NULL;
		rc = text_of(json_array_get(array, i), field, 1, max_chars, &text, err);
		if (rc < 0) {
			return rc;
		}
		if (texts_add(&texts, text) < 0) {
			return error_set(err, ENOMEM, "no memory for \"%s\"", name);
		}
	}
	texts_done(ret);
	*ret = texts;
	texts = (struct texts){0};
	return 1;
}
