/* SPDX-License-Identifier: MIT */
/*
 * Runs that were measured before, from what --json printed: each summary in
 * these files is a series.  The histogram in it is the one that was measured,
 * bucket by bucket.
 *
 * Files are read line by line, since a run may have printed millions.
 */
#include "config.h"

#include "echoping/export.h"

#include "common/text.h"
#include "echoping/report_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUN_SUFFIX   ".json"
#define RUN_NAME_MAX 1024

struct run {
	char name[RUN_NAME_MAX];
	struct histogram latency;
};

/* What has been read so far. */
struct runs {
	struct run *list;
	size_t count;
};

/* Where we are, for whoever has to look at it. */
struct place {
	const char *file;
	size_t line;	    /* from 1 */
	size_t first;	    /* series of this file */
	const char *reason; /* what is wrong here; NULL: nothing */
};

static void runs_deinit(struct runs *runs)
{
	while (runs->count > 0)
		histogram_deinit(&runs->list[--runs->count].latency);
	free(runs->list);
}

/* One more, without samples yet; NULL if there is no memory for it. */
static struct run *runs_add(struct runs *runs)
{
	struct run *list =
		reallocarray(runs->list, runs->count + 1, sizeof(*list));

	if (!list)
		return NULL;
	runs->list = list;
	if (histogram_init(&list[runs->count].latency) < 0)
		return NULL;
	return &list[runs->count++];
}

/* A whole number that is not negative. */
static bool get_number(const json_t *value, uint64_t *number)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*number = (uint64_t)json_integer_value(value);
	return true;
}

/* [lower, upper, count]; the value is one that no percentile is below. */
static bool add_bucket(struct histogram *histogram, const json_t *bucket,
		       uint64_t max)
{
	uint64_t lower, upper, count;

	if (json_array_size(bucket) != 3 ||
	    !get_number(json_array_get(bucket, 0), &lower) ||
	    !get_number(json_array_get(bucket, 1), &upper) ||
	    !get_number(json_array_get(bucket, 2), &count) || lower > upper ||
	    count == 0)
		return false;
	histogram_record_many(histogram, MIN(upper, MAX(max, lower)), count);
	return true;
}

/* The histogram of a latency object; its smallest sample is told apart. */
static bool read_histogram(struct histogram *histogram, const json_t *latency)
{
	const json_t *buckets = json_object_get(latency, "histogram");
	uint64_t max = UINT64_MAX, min, count;

	(void)get_number(json_object_get(latency, "max_ns"), &max);
	if (!json_is_array(buckets) ||
	    !get_number(json_object_get(latency, "count"), &count))
		return false;
	for (size_t i = 0; i < json_array_size(buckets); i++) {
		if (!add_bucket(histogram, json_array_get(buckets, i), max))
			return false;
	}
	if (get_number(json_object_get(latency, "min_ns"), &min))
		histogram->min = MIN(histogram->min, min);
	return histogram->total == count;
}

/* "before.json" is "before". */
static int stem_length(const char *file)
{
	size_t length = strlen(file);

	if (length > strlen(RUN_SUFFIX))
		length -= strlen(RUN_SUFFIX);
	return (int)length;
}

static void make_name(const char *file, const char *target,
		      char name[RUN_NAME_MAX])
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;

	snprintf(name, RUN_NAME_MAX, "%.*s: %s", MIN(stem_length(base), 500),
		 base, target ? target : "?");
	text_mask_controls(name);
}

/* Of an open loop what its users would have seen; else the round trips. */
static const json_t *find_latency(const json_t *summary)
{
	const json_t *intended = json_object_get(summary, "intended");

	return json_is_object(intended) ? intended
					: json_object_get(summary, "rtt");
}

static int read_summary(struct runs *runs, struct place *place,
			const json_t *summary)
{
	struct run *run = runs_add(runs);

	if (!run)
		return -ENOMEM;
	make_name(place->file,
		  json_string_value(json_object_get(summary, "target")),
		  run->name);
	if (!read_histogram(&run->latency, find_latency(summary)))
		place->reason = "has a summary whose histogram is not whole";
	return 0;
}

static int read_line(struct runs *runs, struct place *place, const char *line,
		     size_t length)
{
	json_t *object = json_loadb(line, length, 0, NULL);
	const char *type = json_string_value(json_object_get(object, "type"));
	const json_t *format = json_object_get(object, "format");
	int error = 0;

	if (!json_is_object(object))
		place->reason = "is no JSON object (of a run with --json)";
	else if (!json_is_integer(format) || !type)
		place->reason = "is not of echoping (start it with --json)";
	else if (json_integer_value(format) != JSON_FORMAT)
		place->reason = "is of another format (use the echoping that "
				"wrote it)";
	else if (strcmp(type, "summary") == 0)
		error = read_summary(runs, place, object);
	json_decref(object);
	return error;
}

static int read_lines(struct runs *runs, struct place *place, FILE *file)
{
	size_t size = 0;
	char *line = NULL;
	ssize_t length = 0;
	int error = 0;

	while (error == 0 && !place->reason && length >= 0) {
		errno = 0;
		length = getline(&line, &size, file);
		if (length < 0) {
			error = ferror(file) ? -errno : 0;
			break;
		}
		place->line++;
		error = read_line(runs, place, line, (size_t)length);
	}
	free(line);
	return error;
}

static int read_file(struct runs *runs, struct place *place)
{
	FILE *file = fopen(place->file, "re");
	int error;

	if (!file)
		return -errno;
	error = read_lines(runs, place, file);
	fclose(file);
	if (error == 0 && !place->reason && runs->count == place->first)
		place->reason = "has no summary after it (was the run ended by "
				"SIGKILL?)";
	return error;
}

/* False, after a line that says why, if this file cannot be used. */
static bool take_file(struct runs *runs, const char *name)
{
	struct place place = { .file = name, .first = runs->count };
	int error = read_file(runs, &place);

	if (error < 0)
		fprintf(stderr, "echoping: cannot read %s: %s\n", name,
			strerror(-error));
	else if (place.reason && place.line == 0)
		fprintf(stderr,
			"echoping: %s is empty (give what --json printed)\n",
			name);
	else if (place.reason)
		fprintf(stderr, "echoping: %s: line %zu %s\n", name, place.line,
			place.reason);
	return error == 0 && !place.reason;
}

static int draw(const struct settings *settings, const struct runs *runs)
{

	struct export_series *series = calloc(runs->count + 1, sizeof(*series));
	int error;

	if (!series) {
		fprintf(stderr, "echoping: out of memory\n");
		return -ENOMEM;
	}
	for (size_t i = 0; i < runs->count; i++)
		series[i] = (struct export_series){ runs->list[i].name,
						    &runs->list[i].latency };
	error = export_files(settings, series, runs->count);
	free(series);
	return error;
}

enum exit_status plot_runs(const struct settings *settings)
{
	enum exit_status status = EXIT_STATUS_ERROR;
	struct runs runs = { 0 };
	size_t taken = 0;

	while (taken < settings->target_count &&
	       take_file(&runs, settings->targets[taken]))
		taken++;
	if (taken == settings->target_count && draw(settings, &runs) == 0)
		status = EXIT_STATUS_OK;
	runs_deinit(&runs);
	return status;
}
