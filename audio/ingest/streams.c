/* streams.c - see streams.h. */
#include "streams.h"

#include <string.h>

#define ROW 8 /* frames: about a fifth of a second */

/* The frame's length in bytes by its header, 0 where it is none. */
static size_t mpeg_frame(const unsigned char *h) {
	/* kbit/s, by version 1 and 2, and by layer */
	static const unsigned short rates[2][3][16] = {
		{{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
		 {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
		 {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}},
		{{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
		 {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
		 {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}},
	};
	static const unsigned hertz[4] = {44100, 48000, 32000, 0};
	unsigned version = (h[1] >> 3) & 3u; /* 0: 2.5, 2: 2, 3: 1 */
	unsigned layer = 3 - ((h[1] >> 1) & 3u);
	if (h[0] != 0xff || (h[1] & 0xe0) != 0xe0 || version == 1 || layer == 3) {
		return 0;
	}
	unsigned rate = rates[version == 3 ? 0 : 1][layer][h[2] >> 4] * 1000u;
	unsigned hz = hertz[(h[2] >> 2) & 3u] >> (3 - (version == 0 ? 1 : version));
	unsigned padding = (h[2] >> 1) & 1u;
	if (rate == 0 || hz == 0) {
		return 0;
	}
	if (layer == 0) {
		return (12 * rate / hz + padding) * 4;
	}
	return (version != 3 && layer == 2 ? 72 : 144) * rate / hz + padding;
}

/* The same in every frame of a stream: version, layer, sampling rate. */
static bool mpeg_alike(const unsigned char *a, const unsigned char *b) {
	return (a[1] & 0x1e) == (b[1] & 0x1e) && (a[2] & 0x0c) == (b[2] & 0x0c);
}

static bool mpeg_row(const unsigned char *data, size_t size) {
	size_t at = 0;
	for (int n = 0; n < ROW; n++) {
		if (size - at < 4 || !mpeg_alike(data, data + at)) {
			return false;
		}
		size_t len = mpeg_frame(data + at);
		if (len < 4 || len > size - at) {
			return false;
		}
		at += len;
	}
	return true;
}

bool streams_mpeg_within(const unsigned char *data, size_t size) {
	const unsigned char *at = data;
	const unsigned char *end = data + size;
	while (at < end && (at = memchr(at, 0xff, (size_t)(end - at))) != NULL) {
		if (mpeg_row(at, (size_t)(end - at))) {
			return true;
		}
		at++;
	}
	return false;
}

bool streams_ogg_chained(const unsigned char *data, size_t size) {
	static const char capture[] = "OggS"; /* and version 0 */
	const unsigned char *at = data;
	const unsigned char *end = data + size;
	bool begun = false;
	while (at < end &&
	       (at = memmem(at, (size_t)(end - at), capture, sizeof(capture))) != NULL) {
		bool first = end - at > 5 && (at[5] & 2) != 0;
		if (first && begun) {
			return true;
		}
		begun = begun || !first;
		at += sizeof(capture);
	}
	return false;
}
