/* error.c - see error.h. */
#include "base/error.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void error_fill(struct error *err, int code,
							     const char *field,
							     const char *format,
							     va_list args);

static void error_fill(struct error *err, int code, const char *field, const char *format,
		       va_list args) {
	err->code = code;
	snprintf(err->field, sizeof(err->field), "%s", field);
	int wanted = vsnprintf(err->text, sizeof(err->text), format, args);
	if (wanted >= (int)sizeof(err->text)) {
		utf8_trim(err->text);
	}
}

int error_set(struct error *err, int code, const char *format, ...) {
	if (err != NULL) {
		va_list args;
		va_start(args, format);
		error_fill(err, code, "", format, args);
		va_end(args);
	}
	return -code;
}

int error_set_field(struct error *err, int code, const char *field, const char *format,
		    ...) {
	if (err != NULL) {
		va_list args;
		va_start(args, format);
		error_fill(err, code, field, format, args);
		va_end(args);
	}
	return -code;
}

int error_prefix(struct error *err, const char *format, ...) {
	if (err == NULL) {
		return -EINVAL;
	}
	struct error whole = *err;
	va_list args;
	va_start(args, format);
	int used = vsnprintf(whole.text, sizeof(whole.text), format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof(whole.text)) {
		int rest = snprintf(whole.text + used, sizeof(whole.text) - (size_t)used,
				    "%s", err->text);
		if (rest >= (int)(sizeof(whole.text) - (size_t)used)) {
			utf8_trim(whole.text);
		}
	}
	*err = whole;
	return -err->code;
}
