/* job.c - see job.h. */
#include "job.h"

#include "jitter.h"
#include "tally.h"

#include <stdlib.h>

struct job *job_new(size_t n_parts, size_t n_zones) {
	struct job *job = calloc(1, sizeof(*job));
	if (job == NULL) {
		return NULL;
	}
	job->parts = calloc(n_parts, sizeof(*job->parts));
	job->zones = calloc(n_zones, sizeof(*job->zones));
	job->gains_db = calloc(n_zones, sizeof(*job->gains_db));
	if ((n_parts > 0 && job->parts == NULL) ||
	    (n_zones > 0 && (job->zones == NULL || job->gains_db == NULL))) {
		job_free(job);
		return NULL;
	}
	job->n_parts = n_parts;
	job->n_zones = n_zones;
	job->repeat = 1;
	return job;
}

bool job_live(const struct job *job) {
	for (size_t i = 0; i < job->n_parts; i++) {
		if (job->parts[i].kind == JOB_PART_LIVE ||
		    job->parts[i].kind == JOB_PART_RELAY) {
			return true;
		}
	}
	return false;
}

bool job_reads(const struct job *job) {
	for (size_t i = 0; i < job->n_parts; i++) {
		if (job->parts[i].kind != JOB_PART_CHIME && job->parts[i].path != NULL) {
			return true;
		}
	}
	return false;
}

void job_free(struct job *job) {
	if (job == NULL) {
		return;
	}
	for (size_t i = 0; i < job->n_parts; i++) {
		free(job->parts[i].path);
		free(job->parts[i].title);
		jitter_unref(job->parts[i].jitter);
		tally_unref(job->parts[i].tally);
	}
	free(job->parts);
	free(job->zones);
	free(job->gains_db);
	free(job);
}
