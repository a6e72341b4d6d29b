/* api_clips.c - recordings and spoken words: uploads go through ingest, which takes its
 * time, so their answers are put off. */
#include "fields.h"
#include "list.h"
#include "render.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TITLE_MAX_CHARS 200
#define TEXT_MAX_CHARS 10000
#define VOICE_MAX_CHARS 60

/* Why it comes out quieter than others; or null. */
static json_t *render_level_notice(const struct clip *clip) {
	char zh[200];
	char en[300];
	const char *why_zh = "";
	const char *why_en = "";
	switch (clip->limit) {
	case CLIP_LIMIT_NONE:
		return json_null();
	case CLIP_LIMIT_SILENCE:
		return json_pack("{s:s, s:s}", "zh", "其中没有可测量的声音，按原样播放。",
				 "en",
				 "Nothing in it is loud enough to be measured; it is "
				 "played as it is.");
	case CLIP_LIMIT_UNMEASURED:
		return json_pack(
			"{s:s, s:s}", "zh",
			"由旧版本收入，尚未按播出方式测量，响度可能与其他音频不同。",
			"en",
			"It was taken by an older version and not yet measured as it is "
			"played: it may be quieter than others.");
	case CLIP_LIMIT_NOISE:
		why_zh = "录音太轻，再放大会抬高噪声；请靠近话筒重录。";
		why_en = "it was recorded so quietly that more gain would raise its "
			 "noise; record it closer to the microphone.";
		break;
	case CLIP_LIMIT_PEAKS:
		why_zh = "个别峰值（咔嗒声、碰撞声、鼓声）远高于其余部分；请去掉峰值或重"
			 "录。";
		why_en = "single peaks (clicks, knocks, drums) stand too far above the "
			 "rest; take them out, or record it anew.";
		break;
	}
	snprintf(zh, sizeof(zh), "播出响度 %.1f LUFS，低于其他音频：%s",
		 clip->output_lufs, why_zh);
	snprintf(en, sizeof(en), "It comes out at %.1f LUFS, quieter than others: %s",
		 clip->output_lufs, why_en);
	return json_pack("{s:s, s:s}", "zh", zh, "en", en);
}

static json_t *render_level(double value) {
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *render_clip(const struct tz *tz, const struct clip *clip) {
	return json_pack(
		"{s:s, s:s?, s:I, s:o, s:o, s:f, s:o, s:s, s:o, s:I, s:i, s:o, s:s?}",
		"id", clip->id, "title", clip->title, "duration_ms",
		(json_int_t)clip->duration_ms, "loudness_lufs",
		render_level(clip->loudness_lufs), "true_peak_db",
		render_level(clip->true_peak_dbtp), "gain_db", clip->gain_db,
		"output_lufs", render_level(clip->output_lufs), "level_limit",
		clip_limit_name(clip->limit), "level_notice", render_level_notice(clip),
		"size_bytes", (json_int_t)clip->size_bytes, "channels", clip->channels,
		"created", render_time(tz, clip->created_us), "author", clip->author);
}

/* The cursor of clips is the time and id of the last one: "1795449806000000-6f1c...". */
static int read_cursor(const struct request *r, int64_t *ret_us, const char **ret_id,
		       struct error *err) {
	const char *cursor = request_query(r, "cursor");
	if (cursor == NULL) {
		return 0;
	}
	long long us = 0;
	int used = 0;
	if (strlen(cursor) > 100 || sscanf(cursor, "%lld-%n", &us, &used) != 1 ||
	    used == 0 || strlen(cursor + used) != CLIP_ID_SIZE - 1) {
		return error_set_field(err, EINVAL, "cursor",
				       "\"cursor\" is what the page before gave as next");
	}
	*ret_us = us;
	*ret_id = cursor + used;
	return 1;
}

static void get_clips(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	int64_t limit = 100;
	int64_t before_us = TIME_NONE;
	const char *before_id = NULL;
	struct clip *clips = NULL;
	size_t n = 0;
	if (request_query_int(r, "limit", 1, 1000, &limit, &err) < 0 ||
	    read_cursor(r, &before_us, &before_id, &err) < 0 ||
	    store_clip_list(config->store, before_us, before_id, (int)limit, &clips, &n,
			    &err) < 0) {
		reply_error(r, &err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(items, render_clip(config->tz, &clips[i]));
	}
	char cursor[CLIP_ID_SIZE + 24] = "";
	if (n == (size_t)limit) {
		snprintf(cursor, sizeof(cursor), "%lld-%s",
			 (long long)clips[n - 1].created_us, clips[n - 1].id);
	}
	list_reply_cursor(r, items, cursor[0] != '\0' ? cursor : NULL);
	clip_list_free(clips, n);
}

static void get_clip(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(clip_done) struct clip clip = {0};
	struct error err = {0};
	if (store_clip_get(config->store, request_clip(r), &clip, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_json(r, 200, render_clip(config->tz, &clip));
}

static void get_audio(struct request *r) {
	const struct admin_config *config = request_config(r);
	AUTO(clip_done) struct clip clip = {0};
	struct error err = {0};
	if (store_clip_get(config->store, request_clip(r), &clip, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	char path[PATH_MAX];
	config->ops->clip_path(config->ctx, clip.id, path, sizeof(path));
	reply_file(r, path, "audio/ogg", clip.id);
}

static void on_clip(void *arg, const struct clip *clip, bool known,
		    const struct error *err) {
	struct request *r = arg;
	if (err != NULL && err->code == ENOENT) {
		/* The program that should do it, not something the caller named. */
		reply_problem(r, 503, NULL, "%s", err->text);
		return;
	}
	if (err != NULL) {
		reply_error(r, err);
		return;
	}
	json_t *body = render_clip(request_config(r)->tz, clip);
	if (known) {
		reply_json(r, 200, body);
	} else {
		reply_created(r, body, "/clips/%s", clip->id);
	}
}

static void post_clips(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	AUTO(free) char *title = NULL;
	const char *given = request_query(r, "title");
	if (given != NULL) {
		/* Read as a member of a body would be. */
		json_t *query = json_pack("{s:s}", "title", given);
		int rc = field_text(query, "title", OPTIONAL, 0, TITLE_MAX_CHARS, &title,
				    &err);
		json_decref(query);
		if (rc < 0) {
			reply_error(r, &err);
			return;
		}
	}
	request_defer(r);
	if (config->ops->clip_import(config->ctx, request_take_fd(r), title,
				     request_who(r), on_clip, r, &err) < 0) {
		reply_error(r, &err);
	}
}

static void delete_clip(struct request *r) {
	const struct admin_config *config = request_config(r);
	struct error err = {0};
	if (config->ops->clip_delete(config->ctx, request_clip(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_empty(r);
}

static void post_speech(struct request *r) {
	static const char *const names[] = {"text", "voice", "speed", NULL};
	const struct admin_config *config = request_config(r);
	const json_t *body = request_body(r);
	AUTO(free) char *text = NULL;
	AUTO(free) char *voice = NULL;
	double speed = 1.0;
	struct error err = {0};
	int rc = fields_known(body, names, &err);
	if (rc >= 0) {
		rc = field_text(body, "text", REQUIRED, 1, TEXT_MAX_CHARS, &text, &err);
	}
	if (rc >= 0) {
		rc = field_text(body, "voice", OPTIONAL, 1, VOICE_MAX_CHARS, &voice,
				&err);
	}
	if (rc >= 0) {
		rc = field_number(body, "speed", OPTIONAL, 0.5, 2.0, &speed, &err);
	}
	if (rc < 0) {
		reply_error(r, &err);
		return;
	}
	request_defer(r);
	if (config->ops->speak(config->ctx, text, voice, speed, request_who(r), on_clip,
			       r, &err) < 0) {
		reply_error(r, &err);
	}
}

const struct route *api_clips_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/clips", BODY_NONE, "limit cursor", 0, get_clips},
		{METHOD_POST, "/clips", BODY_RAW, "title", 0, post_clips},
		{METHOD_GET, "/clips/{clip}", BODY_NONE, NULL, 0, get_clip},
		{METHOD_DELETE, "/clips/{clip}", BODY_NONE, NULL, 0, delete_clip},
		{METHOD_GET, "/clips/{clip}/audio", BODY_NONE, NULL, 0, get_audio},
		{METHOD_POST, "/speech", BODY_JSON, NULL, 0, post_speech},
		{.path = NULL},
	};
	return routes;
}
