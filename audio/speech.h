/* speech.h - text to a WAV file by the espeak-ng program: its command line and the check
 * of what it wrote. Pure but for reading the result. Running it is the daemon's. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

#define SPEECH_TEXT_MAX 40000 /* bytes: what the API takes, 10,000 characters */
#define SPEECH_SPEED_MIN 0.5
#define SPEECH_SPEED_MAX 2.0

#define SPEECH_ARGS_MAX 12
struct speech_command {
	char storage[512];
	char *argv[SPEECH_ARGS_MAX]; /* ended by NULL; the text goes to its standard
					input, WAV comes on standard output */
};

/* voice: an espeak-ng voice name of letters, digits, '-', '+', '_'; NULL or "" for "cmn".
 * speed: 1.0 is normal. -EINVAL names the field. */
int speech_command(const char *voice, double speed, struct speech_command *ret,
		   struct error *err);

/* The text as espeak-ng is to get it, added to *ret: without what it would take for a
 * command ("[[", control characters). -EINVAL, field "text": too long, not UTF-8, or
 * nothing but blanks. */
int speech_text(const char *text, struct str *ret, struct error *err);

/* Judges what came of the command: its exit code, the size of its WAV, what it said on
 * standard error (words, may be ""). -EINVAL names voice or text where they are at fault,
 * -ENODEV where it is the engine. */
int speech_check(const char *voice, int exit_code, int64_t wav_bytes, const char *words,
		 struct error *err);
