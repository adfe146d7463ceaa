/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/report_json.h"

#include "common/text.h"
#include "echoping/console.h"
#include "echoping/latency.h"

#include <errno.h>
#include <time.h>

/* Longer names of targets are cut. */
#define NAME_MAX_LENGTH 1024

#define KEY_MAX 32

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		console_fail(-ENOMEM);
}

void json_add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		console_fail(-ENOMEM);
}

/* What JSON's readers take for an integer has 63 bits. */
static json_t *integer(uint64_t number)
{
	return json_integer((json_int_t)MIN(number, (uint64_t)INT64_MAX));
}

void json_put_number(json_t *object, const char *key, uint64_t number)
{
	json_put(object, key, integer(number));
}

void json_put_text(json_t *object, const char *key, const char *text)
{
	char valid[NAME_MAX_LENGTH];

	snprintf(valid, sizeof(valid), "%s", text);
	text_mask_invalid(valid);
	json_put(object, key, json_string(valid));
}

void json_put_optional(json_t *object, const char *key, uint64_t number,
		       uint64_t none)
{
	json_put(object, key, number == none ? json_null() : integer(number));
}

void json_put_tally(json_t *object, const struct tally *tally)
{
	for (size_t i = 0; i < TALLY_COUNTER_COUNT; i++)
		json_put_number(object, tally_counters[i].name,
				tally_value(tally, i));
	json_put(object, "loss_percent", json_real(tally_loss(tally)));
}

static json_t *bucket_array(const struct histogram_bucket *bucket)
{
	json_t *array = json_array();

	json_add(array, integer(bucket->lower));
	json_add(array, integer(bucket->upper));
	json_add(array, integer(bucket->count));
	return array;
}

static json_t *histogram_array(const struct histogram *histogram)
{
	struct histogram_bucket bucket;
	json_t *array = json_array();
	size_t cursor = 0;

	while (histogram_next(histogram, &cursor, &bucket))
		json_add(array, bucket_array(&bucket));
	return array;
}

static json_t *rounded(const struct histogram *histogram, double nsec)
{
	return histogram->total == 0 ? json_null()
				     : json_integer((json_int_t)(nsec + 0.5));
}

static void put_percentile(json_t *object, const struct histogram *histogram,
			   const struct percentile *percentile)
{
	char key[KEY_MAX];

	snprintf(key, sizeof(key), "%s_ns", percentile->key);
	if (histogram_percentile_is_known(histogram, percentile->quantile))
		json_put_number(
			object, key,
			histogram_value_at(histogram, percentile->quantile));
	else
		json_put(object, key, json_null());
}

void json_put_latency(json_t *object, const char *key,
		      const struct histogram *latency, bool whole)
{
	json_t *value;

	if (!latency) {
		json_put(object, key, json_null());
		return;
	}
	value = json_object();
	json_put_number(value, "count", latency->total);
	json_put_optional(value, "min_ns", latency->min, UINT64_MAX);
	json_put(value, "mean_ns", rounded(latency, histogram_mean(latency)));
	json_put(value, "deviation_ns",
		 rounded(latency, histogram_deviation(latency)));
	for (size_t i = 0; i < PERCENTILE_COUNT; i++)
		put_percentile(value, latency, &percentiles[i]);
	json_put(value, "max_ns", rounded(latency, (double)latency->max));
	if (whole)
		json_put(value, "histogram", histogram_array(latency));
	json_put(object, key, value);
}

uint64_t json_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

json_t *json_line(const char *type, const struct target *target, uint64_t when)
{
	json_t *line = json_object();

	json_put(line, "format", json_integer(JSON_FORMAT));
	json_put(line, "type", json_string(type));
	json_put_number(line, "time_ns", when);
	json_put_text(line, "target", target->text);
	json_put_text(line, "name", target->name);
	return line;
}

void json_line_print(json_t *line)
{
	/* Half an object, for want of memory, would be worse than none. */
	if (console_error() != -ENOMEM) {
		if (json_dumpf(line, stdout,
			       JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0)
			console_fail(ferror(stdout) ? -errno : -ENOMEM);
		putchar('\n');
	}
	json_decref(line);
	console_flush();
}
