/* SPDX-License-Identifier: MIT */
/*
 * A bucket's index is the value's leading 11 bits plus 1024 for each bit that
 * was shifted out to get them:
 *
 *   value           0 .. 2047   2048 .. 4095   4096 .. 8191   ...
 *   shift                   0              1              2
 *   index           0 .. 2047   2048 .. 3071   3072 .. 4095   ...
 *   bucket's width          1              2              4
 *
 * While empty min > max, and hence there is no index from that of min to that
 * of max: loops over this range need not ask.
 */
#include "config.h"

#include "common/histogram.h"

#include <errno.h>
#include <math.h>
#include <sys/mman.h>

#define DIGIT_BITS 10
#define DIGITS	   (UINT64_C(1) << DIGIT_BITS)

/* How far HISTOGRAM_VALUE_MAX is shifted, and the bucket of all above it. */
#define LAST_SHIFT  31
#define LAST_INDEX  (LAST_SHIFT * DIGITS + LAST_DIGITS + 1)
#define LAST_DIGITS (HISTOGRAM_VALUE_MAX >> LAST_SHIFT)
#define COUNTS_SIZE ((LAST_INDEX + 1) * sizeof(uint64_t))

_Static_assert(LAST_DIGITS / DIGITS == 1, "LAST_SHIFT leaves 11 bits");

static size_t index_of(uint64_t value)
{
	unsigned int shift;

	if (value > HISTOGRAM_VALUE_MAX)
		return LAST_INDEX;
	shift = 63 - DIGIT_BITS - (unsigned int)__builtin_clzll(value | DIGITS);
	return (size_t)(shift * DIGITS + (value >> shift));
}

static void clear_sums(struct histogram *histogram)
{
	histogram->total = histogram->max = 0;
	histogram->min = UINT64_MAX;
	histogram->sum = histogram->squares = 0;
}

/* Not calloc(): it clears, and so touches, memory that was used before. */
int histogram_init(struct histogram *histogram)
{
	clear_sums(histogram);
	histogram->counts = mmap(NULL, COUNTS_SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (histogram->counts != MAP_FAILED)
		return 0;
	histogram->counts = NULL;
	return -ENOMEM;
}

void histogram_deinit(struct histogram *histogram)
{
	if (histogram->counts)
		(void)munmap(histogram->counts, COUNTS_SIZE);
	histogram->counts = NULL;
}

/* Writes only what is not 0: pages that were never counted in stay so. */
void histogram_reset(struct histogram *histogram)
{
	size_t last = index_of(histogram->max);

	for (size_t i = index_of(histogram->min); i <= last; i++)
		if (histogram->counts[i] > 0)
			histogram->counts[i] = 0;
	clear_sums(histogram);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
	histogram->counts[index_of(value)]++;
	histogram->total++;
	/* Hardly ever: a store spared, twice. */
	if (value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->sum += value;
	histogram->squares += (histogram_sum)value * value;
}

void histogram_record_many(struct histogram *histogram, uint64_t value,
			   uint64_t count)
{
	histogram->counts[index_of(value)] += count;
	histogram->total += count;
	histogram->min = MIN(histogram->min, value);
	histogram->max = MAX(histogram->max, value);
	histogram->sum += (histogram_sum)value * count;
	histogram->squares += (histogram_sum)value * value * count;
}

void histogram_add(struct histogram *histogram, const struct histogram *from)
{
	size_t last = index_of(from->max);

	for (size_t i = index_of(from->min); i <= last; i++)
		if (from->counts[i] > 0)
			histogram->counts[i] += from->counts[i];
	histogram->total += from->total;
	histogram->min = MIN(histogram->min, from->min);
	histogram->max = MAX(histogram->max, from->max);
	histogram->sum += from->sum;
	histogram->squares += from->squares;
}

uint64_t histogram_overflows(const struct histogram *histogram)
{
	return histogram->counts[LAST_INDEX];
}

double histogram_mean(const struct histogram *histogram)
{
	return (double)histogram->sum / (double)MAX(histogram->total, 1);
}

/*
 * From the exact sums of d = value - min and of d^2.  The largest d is among
 * them, so that the last difference loses little; the same of the values is
 * noise where these are far from 0 and close together.
 */
double histogram_deviation(const struct histogram *histogram)
{
	double total = (double)histogram->total, mean;
	histogram_sum min = histogram->min, sum, squares;

	if (histogram->total == 0)
		return 0;
	sum = histogram->sum - min * histogram->total;
	squares = histogram->squares - min * (histogram->sum + sum);
	mean = (double)sum / total;
	return sqrt(MAX((double)squares / total - mean * mean, 0));
}

/* ceil(quantile * total), without the product, which may not fit. */
static uint64_t rank_of(uint64_t quantile, uint64_t total)
{
	uint64_t part = total % HISTOGRAM_WHOLE * quantile;

	return total / HISTOGRAM_WHOLE * quantile + part / HISTOGRAM_WHOLE +
	       (part % HISTOGRAM_WHOLE > 0);
}

uint64_t histogram_value_at(const struct histogram *histogram,
			    uint64_t quantile)
{
	uint64_t rank = rank_of(quantile, histogram->total), seen = 0;
	struct histogram_bucket bucket = { 0 };
	size_t cursor = 0;

	if (rank <= 1)
		return MIN(histogram->min, histogram->max);
	while (seen < rank && histogram_next(histogram, &cursor, &bucket))
		seen += bucket.count;
	return MIN(bucket.upper, histogram->max);
}

bool histogram_percentile_is_known(const struct histogram *histogram,
				   uint64_t quantile)
{
	/* With so many, each quantile but 1 is known. */
	uint64_t total = MIN(histogram->total, HISTOGRAM_WHOLE);

	return total * (HISTOGRAM_WHOLE - quantile) >= HISTOGRAM_WHOLE;
}

bool histogram_next(const struct histogram *histogram, size_t *cursor,
		    struct histogram_bucket *bucket)
{
	size_t last = index_of(histogram->max);
	size_t i = MAX(*cursor, index_of(histogram->min));
	unsigned int shift;

	while (i <= last && histogram->counts[i] == 0)
		i++;
	*cursor = i + 1;
	if (i > last)
		return false;
	shift = (unsigned int)(i / DIGITS) - (i >= DIGITS);
	bucket->lower = (i - shift * DIGITS) << shift;
	bucket->upper = bucket->lower + (UINT64_C(1) << shift) - 1;
	bucket->upper = MIN(bucket->upper, HISTOGRAM_VALUE_MAX);
	if (i == LAST_INDEX) {
		bucket->lower = HISTOGRAM_VALUE_MAX + 1;
		bucket->upper = histogram->max;
	}
	bucket->count = histogram->counts[i];
	return true;
}
