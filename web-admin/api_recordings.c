/* api_recordings.c - what zones were sent: found from the run, listed, listened to. */
#include "base/str.h"
#include "list.h"
#include "render.h"
#include "request.h"

#include <limits.h>

static json_t *render_recording(const struct tz *tz, const struct recording *recording) {
	return json_pack("{s:I, s:I, s:I, s:o, s:I, s:I, s:I}", "id",
			 (json_int_t)recording->id, "run", (json_int_t)recording->run,
			 "zone", (json_int_t)recording->zone, "started",
			 render_time(tz, recording->started_us), "duration_ms",
			 (json_int_t)recording->duration_ms, "lost_ms",
			 (json_int_t)recording->lost_ms, "size_bytes",
			 (json_int_t)recording->size_bytes);
}

static void get_recordings(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct recording_filter filter = {0};
	struct recording *recordings = NULL;
	struct error err = {0};
	int64_t limit = 100;
	size_t n = 0;
	if (request_query_int(r, "limit", 1, 1000, &limit, &err) < 0 ||
	    request_query_int(r, "cursor", 1, INT64_MAX, &filter.before, &err) < 0 ||
	    request_query_int(r, "run", 1, INT64_MAX, &filter.run, &err) < 0 ||
	    request_query_int(r, "zone", 1, INT64_MAX, &filter.zone, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	filter.limit = (int)limit;
	if (store_recording_list(config->store, &filter, &recordings, &n, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items,
				      render_recording(config->tz, &recordings[i]));
	}
	struct store_page page = {.limit = filter.limit};
	list_reply(r, &page, items, n, n > 0 ? recordings[n - 1].id : 0);
	recording_list_free(recordings, n);
}

static void get_recording(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(recording_done) struct recording recording = {0};
	struct error err = {0};
	if (store_recording_get(config->store, request_id(r), &recording, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_recording(config->tz, &recording));
}

static void get_audio(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(recording_done) struct recording recording = {0};
	struct error err = {0};
	if (store_recording_get(config->store, request_id(r), &recording, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	char path[PATH_MAX];
	char etag[48];
	config->ops->recording_path(config->ctx, recording.file, path, sizeof(path));
	str_format(etag, sizeof(etag), "recording-%lld", (long long)recording.id);
	reply_file(r, path, "audio/ogg", etag);
}

const struct route *api_recordings_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/recordings", BODY_NONE, "limit cursor run zone", 0,
		 get_recordings},
		{METHOD_GET, "/recordings/{id}", BODY_NONE, NULL, 0, get_recording},
		{METHOD_GET, "/recordings/{id}/audio", BODY_NONE, NULL, 0, get_audio},
		{.path = NULL},
	};
	return routes;
}
