/* fetch.c - see fetch.h. What lies here unread is bounded: beyond that the connection is
 * left to wait, and in the end so is its sender. */
#include "fetch.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>

#define HELD_MAX 131072
#define HEADERS_MAX 65536 /* of all answers, redirections included */
#define REDIRECTS_MAX 5L
#define CONNECT_MS 10000L

struct fetch {
	CURLM *multi;
	CURL *easy;
	bool paused;
	bool over;
	CURLcode end;
	size_t headers; /* bytes */
	bool flood;     /* of headers */
	size_t held;
	size_t read; /* of those */
	char words[CURL_ERROR_SIZE];
	unsigned char bytes[HELD_MAX];
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg) {
	struct fetch *f = arg;
	n *= size;
	if (f->read > 0) {
		memmove(f->bytes, f->bytes + f->read, f->held - f->read);
		f->held -= f->read;
		f->read = 0;
	}
	if (n > HELD_MAX - f->held) {
		f->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(f->bytes + f->held, bytes, n);
	f->held += n;
	return n;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg) {
	struct fetch *f = arg;
	(void)bytes;
	f->headers += n * size;
	f->flood = f->headers > HEADERS_MAX;
	return f->flood ? 0 : n * size;
}

static CURLcode set_limits(CURL *easy, const char *url) {
	/* A redirection must not take the lock off the door. */
	bool safe = strncasecmp(url, "https:", 6) == 0;
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	rc = rc ? rc
		: curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR,
				   safe ? "https" : "http,https");
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Given up, a look-up of a name ends by itself: a name server that does not
	 * answer would hold us up for its own time, with sound in the ring. */
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	return rc ? rc
		  : curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
				     (long)CURL_HTTP_VERSION_1_1);
}

static CURLcode set_up(struct fetch *f, const char *url) {
	CURLcode rc = set_limits(f->easy, url);
	rc = rc ? rc : curl_easy_setopt(f->easy, CURLOPT_URL, url);
	rc = rc ? rc
		: curl_easy_setopt(f->easy, CURLOPT_USERAGENT, "dalaba/" DALABA_VERSION);
	rc = rc ? rc : curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->words);
	rc = rc ? rc : curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_bytes);
	rc = rc ? rc : curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
	rc = rc ? rc : curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_header);
	return rc ? rc : curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
}

int fetch_open(const char *url, struct fetch **ret, struct error *err) {
	AUTO(fetch_free) struct fetch *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return error_set(err, ENOMEM, "no memory to fetch a stream");
	}
	f->multi = curl_multi_init();
	f->easy = curl_easy_init();
	if (f->multi == NULL || f->easy == NULL) {
		return error_set(err, ENOMEM, "no memory to fetch a stream");
	}
	CURLcode rc = set_up(f, url);
	if (rc != CURLE_OK) {
		return error_set(err, EINVAL, "'%s' cannot be fetched: %s", url,
				 curl_easy_strerror(rc));
	}
	if (curl_multi_add_handle(f->multi, f->easy) != CURLM_OK) {
		return error_set(err, ENOMEM, "no memory to fetch a stream");
	}
	*ret = MOVE(f);
	return 0;
}

void fetch_free(struct fetch *f) {
	if (f == NULL) {
		return;
	}
	if (f->multi != NULL && f->easy != NULL) {
		curl_multi_remove_handle(f->multi, f->easy);
	}
	curl_easy_cleanup(f->easy);
	curl_multi_cleanup(f->multi);
	free(f);
}

static void perform(struct fetch *f) {
	int running = 0;
	CURLMcode rc = curl_multi_perform(f->multi, &running);
	int left = 0;
	const CURLMsg *message = NULL;
	while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
		if (message->msg == CURLMSG_DONE) {
			f->over = true;
			f->end = message->data.result;
		}
	}
	if (rc != CURLM_OK) {
		f->over = true;
		f->end = CURLE_RECV_ERROR;
	}
}

/* How libcurl tells of a line of headers that is longer than it takes. */
static bool too_long(CURLcode rc) {
#if LIBCURL_VERSION_NUM >= 0x080600
	if (rc == CURLE_TOO_LARGE) {
		return true;
	}
#endif
	return rc == CURLE_OUT_OF_MEMORY;
}

static int ended(const struct fetch *f, struct error *err) {
	long status = 0;
	if (f->flood) {
		return error_set(err, EIO,
				 "the server's answer begins with more than %d bytes of "
				 "headers",
				 HEADERS_MAX);
	}
	if (too_long(f->end)) {
		return error_set(err, EIO,
				 "the server's answer has a header without an end, or "
				 "memory is short");
	}
	if (f->end == CURLE_HTTP_RETURNED_ERROR &&
	    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
		return error_set(err, EIO, "the server answers %ld", status);
	}
	if (f->end != CURLE_OK) {
		return error_set(err, EIO, "%s",
				 f->words[0] != '\0' ? f->words
						     : curl_easy_strerror(f->end));
	}
	return error_set(err, ENODATA, "the server has ended the stream");
}

int fetch_read(struct fetch *f, unsigned char *bytes, size_t n, int wait_ms,
	       struct error *err) {
	if (f->held == f->read && !f->over) {
		if (f->paused) {
			f->paused = false;
			(void)curl_easy_pause(f->easy, CURLPAUSE_CONT);
		}
		perform(f);
		if (f->held == f->read && !f->over) {
			(void)curl_multi_poll(f->multi, NULL, 0, wait_ms, NULL);
			perform(f);
		}
	}
	if (f->held == f->read) {
		return f->over ? ended(f, err) : 0;
	}
	n = n < f->held - f->read ? n : f->held - f->read;
	memcpy(bytes, f->bytes + f->read, n);
	f->read += n;
	return (int)n;
}
