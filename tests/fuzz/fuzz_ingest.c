/* fuzz_ingest.c - any bytes as an upload: they decode to finite samples within the bounds
 * of decode.h, or they are refused with one sentence. */
#include "audio/ingest/decode.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define MAX_MS 3000 /* short, so that much is tried */

static void check_block(const float *frames, int n, int channels) {
	assert(n <= DECODE_FRAMES);
	for (int i = 0; i < n * channels; i++) {
		assert(isfinite(frames[i]) && fabsf(frames[i]) <= 2.0F);
	}
}

/* libsndfile, opusfile and their decoders leave memory behind when a header lies; the
 * ingest process ends after one file, so that is no fault of ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
	return "leak:libsndfile\nleak:libvorbis\nleak:libogg\nleak:libFLAC\n"
	       "leak:libmpg123\nleak:libopusfile\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static float frames[2 * DECODE_FRAMES];
	AUTO(decode_free) struct decoder *d = NULL;
	struct error err = {0};
	int rc = decode_open(data, size, MAX_MS, &d, &err);
	if (rc < 0) {
		assert(d == NULL && rc == -err.code && err.text[0] != '\0');
		return 0;
	}
	struct decode_info info;
	decode_info(d, &info);
	assert(info.channels == 1 || info.channels == 2);
	assert(info.rate >= 4000 && info.rate <= 384000);
	int n = 0;
	while ((n = decode_read(d, frames, &err)) > 0) {
		check_block(frames, n, info.channels);
	}
	assert(n == 0 || (n == -err.code && err.text[0] != '\0'));
	assert(decode_position_ms(d) <= 2 * MAX_MS);
	return 0;
}
