/* config.h - the configuration file, read whole and checked before anything starts.
 * Owner: main; a reload makes a new one and swaps. Threads: constant after loading.
 * Blocks: on reading the file.
 *
 * INI as inih reads it: [section], key = value, comments after ; or # at the start of a
 * line and after ` ;` behind a value; a line has at most 190 bytes. A key that is not
 * written keeps its default; an unknown section or key, a key written twice, and a value
 * that cannot be used are errors. Sections [amplifier NAME] are config_amplifier.h's.
 * docs/operating.md explains the keys. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "config_amplifier.h"
#include "schedule/types.h"

#include <stdbool.h>
#include <stdint.h>

enum speech_engine { SPEECH_ESPEAK_NG, SPEECH_COMMAND, SPEECH_HTTP };

/* No text is NULL; "" is none. */
struct config {
	char *data_dir; /* absolute */
	char *timezone; /* an IANA name, known to this machine */

	char *listen;          /* "127.0.0.1:8080", "[::1]:8080", "" */
	char *socket;          /* absolute, fits into sockaddr_un, "" */
	char *tls_certificate; /* both absolute, or both "" */
	char *tls_key;

	int64_t buffer_ms; /* 20 to 2000 */

	enum speech_engine speech_engine; /* SPEECH_ESPEAK_NG in this version */
	char *speech_voice;
	char *speech_url;
	char *speech_command;
	int64_t speech_timeout_s; /* 1 to 300 */

	char *alert_fallback; /* id of a clip, "" */

	bool review_required; /* false in this version */

	enum run_class recording_class; /* the lowest that is recorded */
	int64_t recording_size_mb;      /* 1 to 100000000 */
	int64_t recording_kbps;         /* 8 to 256 */

	int64_t recordings_days; /* 0 to 36500 */
	int64_t log_days;        /* 1 to 36500 */

	struct amplifier_configs amplifiers;
};

/* -ENOENT, -EACCES, ...: the file cannot be read. -EINVAL: "FILE:LINE: [section] key =
 * 'value': what to write instead", and err->field is "section.key". */
int config_load(const char *path, struct config **ret, struct error *err);
/* The same of a text; name stands for the file in errors. */
int config_parse(const char *text, size_t len, const char *name, struct config **ret,
		 struct error *err);
void config_free(struct config *config); /* NULL is fine */
DEFINE_AUTO(struct config *, config_free)
