/* error.c - see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Removes the bytes of a character that was cut in its middle. */
static void trim_partial_utf8(char *text) {
	size_t len = strlen(text);
	size_t start = len;
	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
		start--;
	}
	if (start == 0) {
		return;
	}
	unsigned char lead = (unsigned char)text[start - 1];
	size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (len - (start - 1) < want) {
		text[start - 1] = '\0';
	}
}

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
		trim_partial_utf8(err->text);
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
			trim_partial_utf8(whole.text);
		}
	}
	*err = whole;
	return -err->code;
}
