/* speech.c - see speech.h. */
#include "speech.h"

#include "base/str.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define VOICE_DEFAULT "cmn"
#define VOICE_MAX 64
#define WORDS_PER_MINUTE 175 /* espeak-ng's own, our 1.0 */
#define WAV_HEADER 44

static int check_voice(const char *voice, struct error *err) {
	size_t len = strlen(voice);
	bool good = len <= VOICE_MAX && isalnum((unsigned char)voice[0]);
	for (size_t i = 0; good && i < len; i++) {
		good = isalnum((unsigned char)voice[i]) ||
		       strchr("-+_", voice[i]) != NULL;
	}
	if (!good) {
		return error_set_field(
			err, EINVAL, "voice",
			"a voice is a name of letters, digits, '-', '+' and "
			"'_', such as cmn or en-us (see `espeak-ng "
			"--voices`)");
	}
	return 0;
}

int speech_command(const char *voice, double speed, struct speech_command *ret,
		   struct error *err) {
	if (voice == NULL || voice[0] == '\0') {
		voice = VOICE_DEFAULT;
	}
	int rc = check_voice(voice, err);
	if (rc < 0) {
		return rc;
	}
	if (!(speed >= SPEECH_SPEED_MIN && speed <= SPEECH_SPEED_MAX)) {
		return error_set_field(err, EINVAL, "speed",
				       "the speed of speech is %g to %g, 1 is normal",
				       SPEECH_SPEED_MIN, SPEECH_SPEED_MAX);
	}
	char speed_text[16];
	snprintf(speed_text, sizeof(speed_text), "%ld", lround(speed * WORDS_PER_MINUTE));
	const char *const words[] = {"espeak-ng", "--stdin", "--stdout", "-b",      "1",
				     "-v",        voice,     "-s",       speed_text};
	memset(ret, 0, sizeof(*ret));
	size_t at = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		ret->argv[i] = ret->storage + at;
		at += (size_t)snprintf(ret->storage + at, sizeof(ret->storage) - at, "%s",
				       words[i]) +
		      1;
	}
	return 0;
}

int speech_text(const char *text, struct str *ret, struct error *err) {
	size_t len = strlen(text);
	if (len > SPEECH_TEXT_MAX) {
		return error_set_field(err, EINVAL, "text",
				       "the text has %zu bytes: at most %d can be spoken "
				       "at once",
				       len, SPEECH_TEXT_MAX);
	}
	if (!utf8_valid(text, len)) {
		return error_set_field(err, EINVAL, "text", "the text is not UTF-8");
	}
	bool words = false;
	int rc = 0;
	for (const char *c = text; rc == 0 && *c != '\0'; c++) {
		unsigned char u = (unsigned char)*c;
		bool blank = u <= ' ' || u == 0x7f;
		words = words || !blank;
		/* Control characters and [[ are commands to espeak-ng, not words. */
		rc = blank ? str_append(ret, u == '\n' ? "\n" : " ")
			   : str_append_bytes(ret, c, 1);
		if (rc == 0 && u == '[' && c[1] == '[') {
			rc = str_append(ret, " ");
		}
	}
	if (rc < 0) {
		return error_set(err, ENOMEM, "no memory for the text");
	}
	return words ? 0
		     : error_set_field(err, EINVAL, "text", "there is no text to speak");
}

int speech_check(const char *voice, int exit_code, int64_t wav_bytes, const char *words,
		 struct error *err) {
	char line[200];
	str_copy(line, sizeof(line), words);
	line[strcspn(line, "\r\n")] = '\0';
	if (strstr(words, "voice does not exist") != NULL) {
		return error_set_field(
			err, EINVAL, "voice",
			"espeak-ng has no voice '%s': see `espeak-ng --voices`",
			voice == NULL || voice[0] == '\0' ? VOICE_DEFAULT : voice);
	}
	if (exit_code != 0) {
		return error_set(err, ENODEV, "espeak-ng failed (exit %d)%s%s", exit_code,
				 line[0] != '\0' ? ": " : "", line);
	}
	if (wav_bytes <= WAV_HEADER) {
		return error_set_field(err, EINVAL, "text",
				       "espeak-ng made no sound of the text%s%s",
				       line[0] != '\0' ? ": " : "", line);
	}
	return 0;
}
