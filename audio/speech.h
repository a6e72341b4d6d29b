/* speech.h - text to a WAV file by the espeak-ng program: its command line and the check
 * of what it wrote. Pure but for reading the result. Running it is the daemon's. */
#pragma once

#include "base/error.h"

#include <stddef.h>

#define SPEECH_TEXT_MAX 5000 /* bytes */
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
