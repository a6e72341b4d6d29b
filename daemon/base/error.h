/* error.h - what went wrong, as one sentence for an operator.
 * A function that can fail returns 0 or a count, or a negative errno, and takes `struct
 * error *err` last. Owner: the caller. Threads: any, one at a time. Never blocks, never
 * allocates. */
#pragma once

#include <errno.h>
#include <stddef.h>

#define ERROR_TEXT_SIZE 512
#define ERROR_FIELD_SIZE 64

struct error {
	int code;                     /* positive errno, 0 while nothing failed */
	char field[ERROR_FIELD_SIZE]; /* the setting or request field at fault, "" where
					 none is */
	char text[ERROR_TEXT_SIZE];   /* names the thing and says what to do */
};

/* Fills *err (NULL is fine) and returns -code. A text that is too long is cut at a UTF-8
 * character; the field is cleared. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set, and names the field at fault. */
int error_set_field(struct error *err, int code, const char *field, const char *format,
		    ...) __attribute__((format(printf, 4, 5)));

/* Puts words before the text of an error already set: "reading x: " + text. Returns
 * -err->code. */
int error_prefix(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
