/* engine_internal.h - what the engine's threads share. Three kinds of thread: the core
 * (engine.c, the caller's), the reader (engine_reader.c), one per output
 * (engine_output.c, with engine_strip.c for the sound of a zone). Each struct says which
 * thread may touch what; what crosses goes through queues, rings and atomics only. Memory
 * is allocated and freed by the core; an output thread hands back what it is done with.
 */
#pragma once

#include "drift.h"
#include "engine.h"
#include "engine_gain.h"
#include "engine_queue.h"
#include "engine_ring.h"
#include "level.h"
#include "mix/mix.h"
#include "pcm.h"
#include "resample.h"
#include "sinc.h"
#include "slew.h"
#include "tape.h"
#include "timeline.h"

#include <pthread.h>

#define ENGINE_JOBS_MAX 64
#define ENGINE_JOBS_URGENT 16 /* of these, for urgent ones alone */
_Static_assert(RING_RATE == ENGINE_RATE, "rings hold what the engine mixes");
#define ENGINE_BLOCK 480 /* device frames mixed at a time */
/* Device frames run over once more before a jump: more than the limiter looks back. */
#define ENGINE_PREROLL 480
/* Device frames beyond one that the chain has to mix for it. */
#define ENGINE_REACH (LIMITER_DELAY + ENGINE_BLOCK + SINC_HALF)
#define ENGINE_RAMP_MS 5   /* the shortest fade at a cut */
#define ENGINE_GLIDE_MS 20 /* of a zone's gain */
#define ENGINE_RISE_MS 300 /* of a job that begins within itself */
/* Of SCHED_FIFO. Low among those that are real-time: what moves the bytes of the devices
 * in the kernel goes first. */
#define ENGINE_PRIORITY_OUTPUT 12
#define ENGINE_PRIORITY_READER 10
#define ENGINE_STUCK_NS 3000000000LL   /* an output thread that does not come round */
#define ENGINE_STARVED_NS 5000000000LL /* without a frame from the reader */
/* From a job that is ready to its first frame: what all its outputs need to wake, to take
 * back what they queued and to write anew. So they start together. */
#define ENGINE_MARGIN_NS 6000000LL
/* Where the threads are ordinary ones, which others keep off the processor meanwhile. */
#define ENGINE_MARGIN_ORDINARY_NS 30000000LL
#define ENGINE_STANDS INT64_MIN
#define ENGINE_PRESTART_NS 300000000LL /* a device runs before it sounds, to be timed */

int64_t engine_now_ns(void);
void engine_wake(int fd); /* of an eventfd */
void engine_drain(int fd);
/* Names the calling thread (up to 15 bytes), and lets it go before all ordinary ones
 * where the system does (RLIMIT_RTPRIO). 0 or an errno. */
int engine_be_urgent(const char *name, int priority);

/* ---- a job inside the engine ---- */

enum voice_phase {
	VOICE_WAITING,  /* its first frame is not placed yet */
	VOICE_SOUNDING, /* placed; it may still lie ahead */
	VOICE_ENDING,   /* over; its event waits for room in the queue */
	VOICE_ENDED,
};

/* One job in one zone. All but the atomics is the output thread's once handed over. */
struct voice {
	struct track *track;
	size_t tap; /* its place in track->taps */
	int64_t zone;
	struct tape *tape;    /* NULL: what it sends is not kept */
	_Atomic bool claimed; /* somebody has told, or tells, of its end */
	_Atomic int stop_ms;  /* by the core: end it, fading over so long; 0: go on */
	_Atomic uint64_t gain_order; /* by the core: gain_pack; 0: none yet */
	struct voice *next;
	enum voice_phase phase;
	bool announced; /* STARTED was sent */
	bool in_step;   /* place it anew by the time: it or its output was lost */
	const struct slews *slews; /* of its output */
	int64_t origin;            /* content frame (slew.h) of the job's first */
	int64_t begin_d;           /* device frame of that */
	int64_t wanted_d;          /* where that is to be, of this round; INT64_MAX */
	int64_t start_ns;          /* when that is heard */
	int64_t fade_in_d;  /* sounds from here on, faded in; INT64_MIN: from its start */
	int64_t cut_d;      /* fades out from here on; INT64_MAX: to its end */
	int64_t cut_frames; /* device frames of that fade */
	int cut_ms;         /* and its length before it is placed */
	bool cut_wanted;    /* as soon as possible */
	struct gain_line gain;   /* by device frames */
	uint64_t gain_seen;      /* the order that `gain` follows */
	int64_t lost_at;         /* in_step: source frames heard of it when it was lost */
	int64_t missing;         /* source frames that were not there in time */
	int64_t starved_ns;      /* since when none is, 0 */
	struct engine_event end; /* filled when it ended */
	/* The core's: an end it tells itself, because no output thread will. */
	struct engine_event core_end;
	struct voice *next_untold;
};

/* One job on one output: the consumer of the same number in the ring. */
struct tap {
	struct output *output;
	struct tap *next; /* output thread */
	struct track *track;
	size_t voices; /* core, before it is handed over */
	size_t left;   /* output thread: voices that have not ended */
	bool lost;     /* output thread: evicted from the ring, asked to be let in */
};

struct reader;

/* The reader's: how a lane of the ring is filled. */
struct feed {
	struct resample *resample; /* NULL: it is not */
	int rate;
	int64_t next_s;  /* source frame it takes next */
	int64_t silence; /* frames of it before that */
};

struct track {
	/* Set by the core before any other thread sees it, then constant. */
	struct job *job;
	struct voice *voices;
	size_t n_voices;
	struct tap *taps;
	size_t n_taps;
	int64_t submitted_ns;
	int64_t lead_ns;
	struct reader *reader;
	bool live;   /* made at the pace of the clock: engine_pace.c */
	bool urgent; /* sounds at the zone's urgent gain */
	/* Shared. */
	/* By the outputs: the least any had before it would have run dry; by the reader:
	 * INT64_MAX, to learn it anew. */
	_Atomic int64_t slack_ns;
	struct ring ring;
	_Atomic int64_t
		start_ns;    /* by the reader, once: when it will be heard; 0 before */
	_Atomic bool failed; /* by the reader, once, after `error` is filled */
	struct error error;
	/* The core's. */
	size_t taps_left;
	size_t untold; /* ends of it in the engine's list */
	bool close_sent;
	bool closed;
	struct track *next;
	/* The reader's. */
	struct source *source;
	struct feed *feeds; /* of the lane of the same number */
	struct track *reader_next;
	int reader_phase;
	int64_t pace_ns;    /* live: when its first source frame is made */
	int64_t pace_shift; /* live: frames made beyond what the clock says */
	int64_t paced_ns;   /* live: when that was last looked at */
};

/* ---- a zone's sound ---- */

/* What the limiter remembers when it comes to a block. */
struct strip_mark {
	int64_t at; /* device frame */
	float envelope;
	int hold;
};

/* Made by the core, the output thread's until it hands it back. */
struct strip {
	int64_t zone;
	uint32_t channels; /* bit c: it plays on channel c */
	struct strip *next;
	struct glide gain;
	struct glide urgent_gain;
	struct limiter limiter;
	struct strip_mark
		*marks; /* of the newest blocks, as many as a rewind can cross */
	size_t n_marks;
	int rate;
	bool running;
	int64_t given_d;    /* running: device frame it gives next */
	int64_t next_d;     /* device frame it mixes next */
	int64_t mixed_d;    /* it mixed all before once */
	int64_t block_d;    /* device frame of the block's first */
	int64_t taken_up_d; /* device frame it took up its place at */
	float block[ENGINE_BLOCK];
	struct level level; /* for the core, by strip_level_block */
	const struct sinc *sinc;
};

/* sinc: outlives it. */
struct strip *strip_new(int64_t zone, const struct sinc *sinc);
void strip_free(struct strip *s);
/* The device has this rate and depth now. 0 or an error: no memory. Allocates. */
int strip_set_rate(struct strip *s, int rate, int64_t buffer_frames, struct error *err);
/* What it has mixed ahead no longer holds: a voice begins, is cut or is lost there. */
void strip_renew(struct strip *s);
void strip_forget(struct strip *s); /* device frames are counted on from elsewhere */
/* Glides there, or is there at once where nothing sounds. urgent_gain: of urgent jobs. */
void strip_set_gains(struct strip *s, float gain, float urgent_gain);
/* Renders device frames [d, d + n) of the zone from the voices given (those of other
 * zones are left alone). False where there is nothing but silence; frames is untouched
 * then. Where d is not what follows, it starts anew ENGINE_PREROLL before it. */
bool strip_render(struct strip *s, struct voice *voices, int64_t d, int64_t n,
		  float *frames);
/* Number of the first block of a level that begins at device frame d, or behind. */
int64_t strip_level_block(int64_t d);

int64_t voice_end_d(const struct voice *v, int rate); /* device frame behind its last */
/* Frames of its lane, at the device's rate, that come before device frame d. */
int64_t voice_frame_at(const struct voice *v, int64_t d);
/* Device frame at which it needs more than the first n frames of its lane. */
int64_t voice_reach_d(const struct voice *v, int64_t n);

/* ---- between the threads ---- */

enum command_kind {
	COMMAND_TAP,         /* tap: its voices, to be played */
	COMMAND_ZONE,        /* strip; NULL where it has it: zone, channels, gains */
	COMMAND_ZONE_REMOVE, /* zone */
	COMMAND_CONFIG,      /* config */
	COMMAND_TRACK,       /* reader: track to play */
	COMMAND_TRACK_CLOSE, /* reader: track is over */
	COMMAND_WATCH,       /* reader: output */
	COMMAND_UNWATCH,     /* reader: output */
};

struct command {
	enum command_kind kind;
	struct tap *tap;
	struct track *track;
	struct strip *strip;
	struct output *output;
	struct output_config *config;
	int64_t zone;
	uint32_t channels;
	double gain_db;
	double urgent_gain_db;
	struct command *next; /* core: those a full queue did not take */
};

enum note_kind {
	NOTE_EVENT,        /* event, for the caller; voice where it is of one */
	NOTE_TAP_LEFT,     /* tap: the output has done with the track */
	NOTE_STRIP_LEFT,   /* strip: to be freed */
	NOTE_TRACK_CLOSED, /* track: the reader has done with it */
	NOTE_STUCK,        /* output: its thread does not come round */
	NOTE_UNSTUCK,
	NOTE_UNWATCHED,
};

struct note {
	enum note_kind kind;
	struct voice *voice;
	struct tap *tap;
	struct track *track;
	struct strip *strip;
	struct output *output;
	struct engine_event event;
};

/* What a thread other than the core has to be spoken to. */
struct mailbox {
	struct queue commands;    /* struct command, from the core */
	struct queue notes;       /* struct note, to the core */
	int wake_fd;              /* commands wait, or something else to look at */
	int notes_fd;             /* own duplicate of the engine's event_fd */
	struct command *overflow; /* core: in order, oldest first */
};

int mailbox_init(struct mailbox *m, int event_fd);
void mailbox_done(struct mailbox *m);
/* Core: in order, never lost; 0 or -ENOMEM. */
int mailbox_send(struct mailbox *m, const struct command *c);
void mailbox_flush(struct mailbox *m); /* core: tries again what did not fit */
/* Thread: false where the queue is full; try again later. */
bool mailbox_tell(struct mailbox *m, const struct note *note);

struct output_config {
	char *pcm;
	int rate;
	int channels;
	int buffer_ms;
};

void output_config_free(struct output_config *c); /* NULL is fine */

enum quit_order { QUIT_NOT, QUIT_ENGINE, QUIT_REMOVED };

struct output {
	struct mailbox mail;
	int64_t id;
	int (*open_pcm)(const struct pcm_spec *spec, struct pcm **ret, struct error *err);
	/* Written by its thread. */
	_Atomic int open_rate;   /* of its device, when it was last open; 0: never */
	_Atomic int64_t zero_ns; /* its frame 0 was heard then; ENGINE_STANDS */
	_Atomic int64_t beat_ns; /* until then it sleeps; past: it is at work since */
	_Atomic bool exited;
	/* Written by the core. */
	_Atomic int quit; /* enum quit_order */
	/* The core's. */
	pthread_t thread;
	struct output *next;
	char *pcm;
	int rate;
	int channels;
	size_t tracks; /* that name it in a tap */
	bool leaving;
	bool watched;
	bool unwatch_sent;
	bool joined;
	bool stuck;
	/* The reader's. */
	struct output *watch_next;
	bool watch_stuck;
	/* The thread's own: engine_output.c. */
	struct output_config *config;
	struct pcm *device;
	struct timeline timeline;
	struct slews slews;  /* what it plays of its sound at which device frame */
	struct drift drift;  /* decides that */
	int64_t reported_ns; /* when the timeline had its last report */
	bool started;        /* the device's clock runs */
	int64_t written;     /* device frames since the output was made */
	int64_t queued;      /* of them, not taken by the device at the last look */
	int64_t heard;       /* of them, heard at the last look */
	int64_t moved_ns;    /* when `heard` last grew */
	int64_t sounded_ns;  /* when something but silence was last written */
	int64_t look_ns;     /* of the last look at a device that stands */
	bool hungry;         /* a ring had too little */
	int64_t started_ns;  /* when the device was last started */
	int64_t rest_ns;     /* not started before: it ran dry */
	int64_t dry_ns;      /* since when it runs dry right after each start */
	int dry;             /* so many times in a row */
	bool doubted;        /* it opened and failed; over when it has run */
	int relapses;        /* so often it did not stay well */
	int64_t well_ns;     /* when it was last told of as well */
	int64_t begun_d;     /* started: device frame that was its first */
	int64_t retry_ns;
	int failures;    /* in a row */
	int64_t quit_ns; /* it ends then at the latest; 0: not ordered to */
	struct strip *strips;
	struct voice *voices;
	struct tap *taps;
	struct tap *leaving_taps;
	struct strip *leaving_strips;
	int urgent_error;           /* why it is not real-time, 0 where it is */
	struct engine_event report; /* fault or ok, to be sent */
	bool report_due;
	char fault[ENGINE_TEXT_SIZE]; /* told; "" while well */
	struct dither dither[PCM_CHANNELS_MAX];
	int64_t block; /* device frames rendered at a time */
	float *planes; /* one block for each channel, and one of a zone */
	void *frames;  /* some blocks in the device's format, written at a time */
};

void *output_run(void *output);

/* ---- engine_voice.c: the voices of an output; its thread only ---- */

/* Takes over a tap and its voices. */
void voices_take(struct output *o, struct tap *tap);
/* Has their rings give the rate of the device, which was just opened. */
void voices_tune(struct output *o);
struct strip *voices_strip(const struct output *o, int64_t zone);
/* Something sounds now or lies placed ahead. */
bool voices_sounding(const struct output *o);
/* Device frame from which on nothing has been mixed. */
int64_t voices_unmixed_d(const struct output *o);
/* Places what is due, cuts what is to be cut; rewinds the device where that has to be
 * heard before what is queued. */
void voices_settle(struct output *o, int64_t now_ns);
/* Tells of beginnings and ends that were heard, lets the rings go on. */
void voices_report(struct output *o, int64_t now_ns);
/* The device lost what was queued; they come back in step when it runs again. */
void voices_lose(struct output *o);
/* Ends those of a zone (0: of all) that sound or should (late_ns: were due before). */
void voices_fail(struct output *o, int64_t zone, int64_t due_ns, const char *text);
/* Ends all of these, for the output's fault. */
void voices_fail_lost(struct output *o, int64_t due_ns, const char *text);
void voices_cut(struct output *o, int ramp_ms); /* all, because the output goes */
const char *voices_quit_words(const struct output *o);
/* A live job sounds there. */
bool voices_live(const struct output *o);
/* Tells live jobs how near the device is to running dry. */
void voices_tell_slack(const struct output *o);
/* Frames the rings have for [o->written, + n): n, or fewer. */
int64_t voices_ready(const struct output *o, int64_t n);
/* When there is next something to do for a voice; INT64_MAX: by itself never. */
int64_t voices_wake_ns(const struct output *o, int64_t now_ns);
/* When the next that waits should sound; INT64_MAX: none does. */
int64_t voices_due_ns(const struct output *o);
/* Sends what waits for room in the queue. False where something still waits. */
bool voices_flush(struct output *o);

/* ---- engine_tape.c: what a voice sends, onto its tape; the output's thread ---- */

/* Device frames [o->written, + n) of a zone, NULL: silence, which are about to be given
 * to the device. */
void voices_tape(const struct output *o, int64_t zone, const float *frames, int64_t n);
/* What it sent before device frame d will not be taken back. */
void voice_tape_settle(const struct output *o, const struct voice *v, int64_t d);
void voices_tape_dry(const struct output *o); /* the device has played all it had */
void voice_tape_lift(const struct voice *v);  /* the voice was lost */
void voice_tape_end(const struct voice *v);   /* the core too */
/* The core: of a voice that nobody else knows yet. Without memory it has none. */
void voice_tape_new(const struct engine *e, struct voice *v);

/* There are three: what is live does not wait for a disk, and least of all for that of a
 * relayed job that has a clip besides, or a fallback. */
enum reader_kind { READER_DISK, READER_LIVE, READER_RELAY, READERS };

struct reader {
	struct mailbox mail;
	enum reader_kind kind;
	int buffer_ms;
	_Atomic bool exited;
	_Atomic bool quit; /* by the core */
	pthread_t thread;
	/* The thread's own. */
	bool urgent; /* goes before ordinary threads */
	struct track *tracks;
	struct output *outputs;
	struct track *closed;     /* to be told */
	struct output *unwatched; /* to be told */
	int64_t round_ns;
};

void *reader_run(void *reader);

/* ---- engine_pace.c: live jobs; the reader thread only ---- */

#define ENGINE_PACE_NS 5000000LL /* between looks at a live job */
/* Device frames kept before a live job's device runs dry, where it is placed. */
#define ENGINE_LIVE_NS 30000000LL

/* A live job is about to be read: when its first frame is made. The instant at which that
 * is heard, where it is known already; 0: pace_start will know. */
int64_t pace_begin(struct track *t, int64_t now_ns);
/* The instant of its first frame, now that all its rates have begun. */
int64_t pace_start(const struct track *t);
/* Source frames that should have been made by now. Follows the clocks of the devices. */
int64_t pace_due(struct track *t, int64_t now_ns);

/* ---- engine_lanes.c: the rates of a job; the reader thread only ---- */

/* Gives every output the lane of its rate, makes and drops lanes. 0; more where one has
 * to be tried again at once; or an error: no memory. */
int lanes_serve(struct track *t, struct error *err);
/* Converts what was decoded since, behind the end all there is. 0 or an error. */
int lanes_follow(struct track *t, struct error *err);
int64_t lanes_ready(const struct track *t); /* source frames that all lanes have */
void lanes_stop(struct track *t);           /* frees what converts; the frames stay */

/* ---- the core's side: engine.c, engine_outputs.c, engine_jobs.c; its thread only ----
 */

struct zone {
	int64_t id;
	struct output *output;
	struct strip *strip;
	int lead_ms;
	struct zone *next;
};

struct engine {
	int buffer_ms;
	int (*open_pcm)(const struct pcm_spec *spec, struct pcm **ret, struct error *err);
	int event_fd;
	struct reader readers[READERS];
	size_t n_readers;       /* that run */
	struct sinc sinc;       /* constant */
	struct output *outputs; /* those that leave too */
	struct zone *zones;
	struct track *tracks;
	size_t n_tracks;
	struct voice *untold;
	struct engine *left_next; /* see engine_free */
};

/* engine.c */
/* What could not be done at once: it is tried again whenever the core comes by. */
void core_do_owed(struct engine *e);

/* engine_outputs.c */
int core_start_thread(pthread_t *ret, void *(*run)(void *), void *arg, struct error *err);
struct output *core_find_output(const struct engine *e,
				int64_t id); /* not one that leaves */
struct zone *core_find_zone(const struct engine *e, int64_t id);
void core_free_output(struct output *o);

/* engine_jobs.c */
void core_free_track(struct engine *e, struct track *track);
/* The last the core may do with a voice: its end is told from the engine's list. Nothing
 * where another has told it. */
void core_tell_end(struct engine *e, struct voice *v, const struct engine_event *event);
void core_tell_failed(struct engine *e, struct voice *v, int64_t output, bool lost,
		      const char *text);
/* All jobs of an output that hangs. */
void core_tell_all_failed(struct engine *e, struct output *o, bool lost,
			  const char *text);

/* For tests: as engine_new, with another way to open a device. */
int engine_new_with(const struct engine_config *config,
		    int (*open_pcm)(const struct pcm_spec *spec, struct pcm **ret,
				    struct error *err),
		    struct engine **ret, struct error *err);
