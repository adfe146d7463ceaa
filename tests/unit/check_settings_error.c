/* SPDX-License-Identifier: MIT */
/*
 * The one line that is said of each mistake on the command line of echoping.
 */
#include "config.h"

#include "echoping/settings.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 6
#define SEE	      " (see echoping --help)"
#define COUNT	      " is not a number above 0" SEE
#define INTERVAL                                                               \
	" is not an interval from 10us to 24h (such as 20ms; --load does not " \
	"wait)"
#define WAIT	 " is not a time to wait (from 1ms to 1h)"
#define DEADLINE " is not a time to end after (such as 30s or 5min)"
#define P99	 " is not a time (such as 500us or 20ms)"
#define DURATION " is not a duration (such as 10s, at least 1ms)"
#define WARMUP	 " is not a duration (such as 500ms or 2s)"
#define FLOWS	 " is not a number from 1 to 4096" SEE
#define MANY	 " is not a number from 1 to 4000000" SEE
#define PIPELINE " is not a number from 1 to 1024" SEE
#define THREADS	 " is neither a number from 1 to 256 nor 'auto'" SEE
#define PRIORITY " is not a priority (see SO_PRIORITY in socket(7))"
#define TOS	 " is not a number from 0 to 255 (such as 0xb8)"
#define SIZE	 " is not a size from 0 to 1M (such as 64 or 1K)"
#define RATE	 " is not a rate from 1 to 1000M (such as 2500, 100K or 1.5M)"
#define LOSS	 " is not a percentage (such as 0.5)"
#define COLOR	 " is neither auto, always nor never" SEE
#define FILL                                                                   \
	" is neither a character of one byte nor up to 16 bytes in "           \
	"hexadecimal (such as 0xff00)"
#define TARGET "no target is given (such as example.org or udp:[::1]:7)"
#define OUTPUTS                                                                \
	"--number, --json and --openmetrics exclude each other (choose one; "  \
	"--count goes with all)"
#define LOADS "--connect, --bulk and --hold exclude each other (choose one)"
#define MODES "--load and --conformance exclude each other (choose one)"

static struct settings settings;
static char error[OPTION_ERROR_MAX];

/* Up to five arguments. */
static const struct {
	const char *arguments[5];
	const char *error;
} mistakes[] = {
	{ { NULL }, TARGET },
	{ { "-c1", "--" }, TARGET },
	{ { "--load" }, TARGET },
	{ { "h", "-Z" }, "unknown option '-Z'" SEE },
	{ { "h", "--frob=1", "-c1" },
	  "unknown or ambiguous option '--frob=1'" SEE },
	{ { "--co=1", "h" }, "unknown or ambiguous option '--co=1'" SEE },
	{ { "h", "-c" },
	  "option --count needs an argument: --count=COUNT" SEE },
	{ { "h", "--plot" },
	  "option --plot needs an argument: --plot=FILE.svg" SEE },
	{ { "h", "--udp=yes" }, "option --udp takes no argument" SEE },
	/* Values at and beyond their bounds. */
	{ { "h", "-c0" }, "--count='0'" COUNT },
	{ { "h", "-c-1" }, "--count='-1'" COUNT },
	{ { "h", "-c", "" }, "--count=''" COUNT },
	{ { "h", "-c18446744073709551616" },
	  "--count='18446744073709551616'" COUNT },
	{ { "h", "-n0" }, "--number='0'" COUNT },
	{ { "h", "-i9us" }, "--interval='9us'" INTERVAL },
	{ { "h", "-i9.999us" }, "--interval='9.999us'" INTERVAL },
	{ { "h", "-iinfinity" }, "--interval='infinity'" INTERVAL },
	{ { "h", "-i86400000001us" }, "--interval='86400000001us'" INTERVAL },
	{ { "h", "-w0" }, "--wait='0'" INTERVAL },
	{ { "h", "-W999us" }, "--timeout='999us'" WAIT },
	{ { "h", "-W3600000001us" }, "--timeout='3600000001us'" WAIT },
	{ { "h", "-Winfinity" }, "--timeout='infinity'" WAIT },
	{ { "h", "-t-1" }, "--time-limit='-1'" WAIT },
	{ { "h", "--deadline=0" }, "--deadline='0'" DEADLINE },
	{ { "h", "--deadline=999us" }, "--deadline='999us'" DEADLINE },
	{ { "h", "--max-rtt-p99=0" }, "--max-rtt-p99='0'" P99 },
	{ { "h", "--max-rtt-p99=5 ns" }, "--max-rtt-p99='5 ns'" P99 },
	{ { "h", "--duration=999us" }, "--duration='999us'" DURATION },
	{ { "h", "--warmup=soon" }, "--warmup='soon'" WARMUP },
	{ { "h", "--warmup=infinity" }, "--warmup='infinity'" WARMUP },
	{ { "h", "--flows=0" }, "--flows='0'" FLOWS },
	{ { "h", "--flows=4097" }, "--flows='4097'" FLOWS },
	{ { "h", "--flows=4294967297" }, "--flows='4294967297'" FLOWS },
	{ { "h", "--connections=0" }, "--connections='0'" MANY },
	{ { "h", "--connections=4000001" }, "--connections='4000001'" MANY },
	{ { "h", "--pipeline=0" }, "--pipeline='0'" PIPELINE },
	{ { "h", "--pipeline=1025" }, "--pipeline='1025'" PIPELINE },
	{ { "h", "--threads=0" }, "--threads='0'" THREADS },
	{ { "h", "--threads=257" }, "--threads='257'" THREADS },
	{ { "h", "--threads=automatic" }, "--threads='automatic'" THREADS },
	{ { "h", "-p-1" }, "--priority='-1'" PRIORITY },
	{ { "h", "-p2147483648" }, "--priority='2147483648'" PRIORITY },
	{ { "h", "-P256" }, "--tos='256'" TOS },
	{ { "h", "-P0x" }, "--tos='0x'" TOS },
	{ { "h", "-s1048577" }, "--size='1048577'" SIZE },
	{ { "h", "-s-1" }, "--size='-1'" SIZE },
	{ { "h", "-s4294967296" }, "--size='4294967296'" SIZE },
	{ { "h", "-fab" }, "--fill='ab'" FILL },
	{ { "h", "-f", "" }, "--fill=''" FILL },
	{ { "h", "--rate=0" }, "--rate='0'" RATE },
	{ { "h", "--rate=1000.1M" }, "--rate='1000.1M'" RATE },
	{ { "h", "--max-loss=100.1" }, "--max-loss='100.1'" LOSS },
	{ { "h", "--max-loss=-1" }, "--max-loss='-1'" LOSS },
	{ { "h", "--color=" }, "--color=''" COLOR },
	{ { "h", "--color=Always" }, "--color='Always'" COLOR },
	{ { "h", "-I", "" },
	  "--source='' is neither an address nor an interface" SEE },
	{ { "h", "--hdr=" }, "--hdr='' is not a file name" SEE },
	{ { "h", "--plot=" }, "--plot='' is not a file name" SEE },
	/* What is quoted reaches no terminal as it is. */
	{ { "h", "-c1\033[31m\n2\177" }, "--count='1?[31m?2?'" COUNT },
	{ { "h", "--fr\tob" }, "unknown or ambiguous option '--fr?ob'" SEE },
	/* Contradictions. */
	{ { "h", "-4", "-6" },
	  "--ipv4 and --ipv6 exclude each other (leave both out for any)" },
	{ { "--load", "--conformance" }, MODES },
	{ { "h", "--conformance", "--load" }, MODES },
	{ { "h", "-n1", "--json" }, OUTPUTS },
	{ { "h", "--json", "--openmetrics" }, OUTPUTS },
	{ { "h", "--openmetrics", "--number=1" }, OUTPUTS },
	{ { "h", "--load", "--connect", "--bulk" }, LOADS },
	{ { "h", "--load", "--bulk", "--hold" }, LOADS },
	{ { "h", "--load", "--hold", "--connect" }, LOADS },
	{ { "h", "--load", "i" },
	  "--load takes one target (start one echoping for each)" },
	{ { "h", "--load", "-n2" },
	  "--number is for probes (with --load use --duration)" },
	{ { "h", "--load", "-c2" },
	  "--count is for probes (with --load use --duration)" },
	{ { "h", "--load", "-i9s" },
	  "--interval is for probes (with --load use --rate)" },
	{ { "h", "--load", "--flows=2" },
	  "--flows is for probes (with --load use --connections)" },
	{ { "h", "--bulk" }, "--bulk is a kind of load (add --load)" },
	{ { "h", "--hold" }, "--hold is a kind of load (add --load)" },
	{ { "h", "--busy=1" }, "--busy is for load (add --load --hold)" },
	{ { "h", "--load", "--busy=1" },
	  "--busy is for --hold (elsewhere all --connections are)" },
	{ { "--load", "--hold", "--busy=2", "h" },
	  "--busy is how many of the --connections (use at most as many)" },
	{ { "h", "--rate=1" },
	  "--rate is for load (add --load, or use --interval)" },
	{ { "h", "--connections=2" },
	  "--connections is for load (add --load, or use --flows)" },
	{ { "h", "--duration=9s" },
	  "--duration is for load (add --load, or use --deadline)" },
	{ { "h", "--threads=1" }, "--threads is for load (add --load)" },
	{ { "h", "--warmup=0" }, "--warmup is for load (add --load)" },
	{ { "h", "--pipeline=2" }, "--pipeline is for load (add --load)" },
	{ { "h", "--gso" }, "--gso is for load (add --load)" },
	{ { "h", "--busy-poll" }, "--busy-poll is for load (add --load)" },
	{ { "h", "--conformance", "--gso" }, "--gso is for load (add --load)" },
};

START_TEST(mistake_is_said_in_one_line)
{
	char *arguments[ARGUMENTS_MAX + 1] = { NULL };
	int count = 0;

	arguments[count++] = strdup("echoping");
	for (int i = 0; i < 5 && mistakes[_i].arguments[i]; i++)
		arguments[count++] = strdup(mistakes[_i].arguments[i]);
	ck_assert_int_eq(settings_parse(&settings, count, arguments, error),
			 OPTION_WRONG);
	ck_assert_str_eq(error, mistakes[_i].error);
	settings_deinit(&settings);
	while (count > 0)
		free(arguments[--count]);
}
END_TEST

/* The longest of all: a value is cut before the remedy is. */
START_TEST(a_long_value_leaves_room_for_the_remedy)
{
	char program[] = "echoping", target[] = "h", text[1024];
	char *arguments[] = { program, target, text, NULL };

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "-f", 2);
	ck_assert_int_eq(settings_parse(&settings, 3, arguments, error),
			 OPTION_WRONG);
	settings_deinit(&settings);
	ck_assert_ptr_nonnull(strstr(error, "x'" FILL));
	ck_assert_uint_eq(strlen(error), strlen("--fill=''" FILL) + 200);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("settings_error");
	TCase *tcase = tcase_create("settings_error");

	tcase_add_loop_test(tcase, mistake_is_said_in_one_line, 0,
			    ARRAY_SIZE(mistakes));
	tcase_add_test(tcase, a_long_value_leaves_room_for_the_remedy);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
