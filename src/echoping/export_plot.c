/* SPDX-License-Identifier: MIT */
/*
 * The percentile spectrum as a picture, in SVG 1.1: text that needs no tool
 * to be drawn, and is the same for the same samples.
 *
 *    title
 *    latency |              each series a curve; a dot is its
 *            |  ____----*   largest sample
 *            +-----------
 *             percentile    0  50  90  99  99.9: what is left shrinks by ten
 *    a line of legend for each series
 *
 * Styles are classes, so that viewers which are dark can have other colors.
 */
#include "config.h"

#include "echoping/export_axis.h"
#include "echoping/export_file.h"
#include "echoping/export_spectrum.h"

#include "common/text.h"
#include "echoping/latency.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* In pixels, of the whole and of the area within the axes. */
#define WIDTH	    800
#define LEFT	    84
#define RIGHT	    764
#define TOP	    48
#define BOTTOM	    408
#define LEGEND	    472 /* its first line of text */
#define LEGEND_LINE 22

/* What of a name fits into a legend. */
#define NAME_BYTES_MAX 52

/*
 * Colors that those who do not see all colors tell apart as well (Okabe and
 * Ito: Color Universal Design), in a light and in a dark shade.
 */
static const struct {
	const char *light, *dark;
} colors[] = {
	{ "#0072b2", "#56b4e9" }, { "#d55e00", "#ff8c42" },
	{ "#00815d", "#2fd1a3" }, { "#b0578d", "#e39ac6" },
	{ "#8a6d00", "#f0e442" }, { "#555555", "#bbbbbb" },
};

/* After all colors come all colors with dashes. */
static const char *const dashes[] = { "none", "7 3", "2 3", "9 3 2 3" };

struct plot {
	FILE *file;
	const struct export_series *series;
	size_t count;
	struct axis latency, percentile;
};

static double x_of(const struct plot *plot, double value)
{
	return LEFT + (RIGHT - LEFT) * axis_place(&plot->percentile, value);
}

static double y_of(const struct plot *plot, double value)
{
	return BOTTOM - (BOTTOM - TOP) * axis_place(&plot->latency, value);
}

/* Others chose it: what is not text or means something in XML is escaped. */
static void write_text(FILE *file, const char *text, size_t length_max)
{
	char valid[1024];

	snprintf(valid, sizeof(valid), "%.*s", (int)length_max, text);
	text_mask_invalid(valid);
	text_mask_controls(valid);
	for (const char *at = valid; *at; at++) {
		switch (*at) {
		case '&':
			fputs("&amp;", file);
			break;
		case '<':
			fputs("&lt;", file);
			break;
		case '>':
			fputs("&gt;", file);
			break;
		default:
			putc(*at, file);
		}
	}
	if (strlen(text) > length_max)
		fputs("\342\200\246", file); /* an ellipsis */
}

static void write_colors(FILE *file, bool dark, size_t count)
{
	fprintf(file,
		"  %s.ground { fill: %s }\n"
		"  text { fill: %s }\n"
		"  .grid { stroke: %s }\n"
		"  .axis { stroke: %s }\n",
		dark ? "@media (prefers-color-scheme: dark) {\n  " : "",
		dark ? "#16191d" : "#ffffff", dark ? "#e4e6e8" : "#1c1e21",
		dark ? "#343a40" : "#dfe2e5", dark ? "#8b949e" : "#6a737d");
	for (size_t i = 0; i < MIN(count, ARRAY_SIZE(colors)); i++) {
		const char *color = dark ? colors[i].dark : colors[i].light;

		fprintf(file,
			"  .curve%zu { stroke: %s }\n"
			"  .dot%zu { fill: %s }\n",
			i, color, i, color);
	}
	if (dark)
		fprintf(file, "  }\n");
}

static void write_head(const struct plot *plot)
{
	size_t height = LEGEND + plot->count * LEGEND_LINE;

	fprintf(plot->file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%zu\" viewBox=\"0 0 %d %zu\" role=\"img\">\n"
		"<title>Latency by percentile</title>\n"
		"<style>\n"
		"  text { font: 12px sans-serif }\n"
		"  .title { font-size: 16px; font-weight: bold }\n"
		"  .grid, .axis { stroke-width: 1; fill: none }\n"
		"  .curve { stroke-width: 2; fill: none; "
		"stroke-linejoin: round }\n",
		WIDTH, height, WIDTH, height);
	write_colors(plot->file, false, plot->count);
	write_colors(plot->file, true, plot->count);
	fprintf(plot->file,
		"</style>\n"
		"<rect class=\"ground\" width=\"%d\" height=\"%zu\"/>\n"
		"<text class=\"title\" x=\"%d\" y=\"28\">Latency by "
		"percentile</text>\n",
		WIDTH, height, LEFT);
}

static void write_latency_axis(const struct plot *plot)
{
	char text[AXIS_TEXT_MAX];
	double tick = AXIS_BEGIN;

	while (axis_next_latency(&plot->latency, &tick, text)) {
		double y = y_of(plot, tick);

		fprintf(plot->file,
			"<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s"
			"</text>\n",
			LEFT, y, RIGHT, LEFT - 8, y + 4, text);
	}
	fprintf(plot->file,
		"<text transform=\"translate(18 %d) rotate(-90)\" "
		"text-anchor=\"middle\">latency%s</text>\n",
		(TOP + BOTTOM) / 2,
		plot->latency.logarithmic ? " (logarithmic)" : "");
}

static void write_percentile_axis(const struct plot *plot)
{
	char text[AXIS_TEXT_MAX];
	double tick = AXIS_BEGIN;

	while (axis_next_percentile(&plot->percentile, &tick, text)) {
		double x = x_of(plot, tick);

		fprintf(plot->file,
			"<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s"
			"</text>\n",
			x, TOP, BOTTOM, x, BOTTOM + 18, text);
	}
	fprintf(plot->file,
		"<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">percentile"
		"</text>\n"
		"<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n",
		(LEFT + RIGHT) / 2, BOTTOM + 36, LEFT, TOP, BOTTOM, RIGHT);
}

/* The opening tag of a line in the style of the series, up to its path. */
static void open_curve(const struct plot *plot, size_t index)
{
	fprintf(plot->file,
		"<path class=\"curve curve%zu\" stroke-dasharray=\"%s\" d=\"",
		index % ARRAY_SIZE(colors),
		dashes[index / ARRAY_SIZE(colors) % ARRAY_SIZE(dashes)]);
}

static void write_curve(const struct plot *plot, size_t index)
{
	struct spectrum spectrum;
	struct spectrum_point point;
	double x = 0, y = 0;
	char command = 'M';

	spectrum_start(&spectrum, plot->series[index].latency);
	if (plot->series[index].latency->total == 0)
		return;
	open_curve(plot, index);
	while (spectrum_next(&spectrum, &point) && point.fraction < 1) {
		x = x_of(plot, 1 / (1 - point.fraction));
		y = y_of(plot, (double)point.value);
		fprintf(plot->file, "%c%.1f %.1f", command, x, y);
		command = 'L';
	}
	fprintf(plot->file,
		"\"/>\n"
		"<circle class=\"dot%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>"
		"\n",
		index % ARRAY_SIZE(colors), x, y);
}

static void write_legend(const struct plot *plot, size_t index)
{
	const struct export_series *series = &plot->series[index];
	const struct histogram *latency = series->latency;
	char p50[LATENCY_TEXT_MAX], p99[LATENCY_TEXT_MAX];
	char max[LATENCY_TEXT_MAX];
	size_t y = LEGEND + index * LEGEND_LINE;

	latency_format_percentile(latency, HISTOGRAM_WHOLE / 2, p50);
	latency_format_percentile(latency, HISTOGRAM_WHOLE / 100 * 99, p99);
	latency_format_max(latency, max);
	open_curve(plot, index);
	fprintf(plot->file, "M%d %zuh32\"/>\n<text x=\"%d\" y=\"%zu\">", LEFT,
		y - 4, LEFT + 42, y);
	write_text(plot->file, series->name, NAME_BYTES_MAX);
	fprintf(plot->file,
		"</text>\n"
		"<text x=\"%d\" y=\"%zu\" text-anchor=\"end\">p50 %s, p99 %s, "
		"max %s, %" PRIu64 " sample%s</text>\n",
		RIGHT, y, p50, p99, max, latency->total,
		PLURAL(latency->total));
}

int export_write_plot(FILE *file, const struct export_series *series,
		      size_t count)
{
	struct plot plot = { .file = file, .series = series, .count = count };

	axis_of_latency(&plot.latency, series, count);
	axis_of_percentile(&plot.percentile, series, count);
	write_head(&plot);
	write_latency_axis(&plot);
	write_percentile_axis(&plot);
	for (size_t i = 0; i < count; i++)
		write_curve(&plot, i);
	for (size_t i = 0; i < count; i++)
		write_legend(&plot, i);
	fprintf(file, "</svg>\n");
	return 0;
}
