/* SPDX-License-Identifier: MIT */
/*
 * The one line that is said of each mistake on the command line.
 */
#include "config.h"

#include "echod/options.h"
#include "unit/harness.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 4
#define SEE	      " (see echod --help)"
#define DURATION      " is not a duration (such as 500ms, 30s, 5min or infinity)"
#define SIZE	      " is not a size (such as 64K, 16M or 1G)"
#define TOO_SHORT     " is too short (at least 1ms, or infinity for no timeout)"
#define TOO_BUSY      " is too short (at least 5s, or infinity to stay)"
#define WORKERS	      " is neither a number from 1 to 1024 nor 'auto'" SEE
#define CPUS	      " is neither 'no', 'auto' nor a list of CPUs (such as 0-3,8)"
#define CONNECTIONS   " is neither a number above 0 nor 'auto'" SEE
#define STRAY	      " (addresses are given as --listen=ADDRESS)"
#define PROGRESS                                                               \
	" is not a size, alone or with the duration in which so much has to "  \
	"be taken (such as 1K or 64K/5min)"
#define OFFLOAD " is neither 'yes' nor 'no'" SEE
#define RATE                                                                   \
	" is not a rate (N from 0 to 1000000, or N/BURST with BURST from 1 "   \
	"to 100000000)"
#define PORTS	 " is neither 'all' nor a list of ports (such as 53,1000-1023)"
#define PRESERVE " is neither 'auto', 'yes' nor 'no'" SEE
#define LEVEL	 " is not a level (err, warning, notice, info or debug)"

static struct options options;
static char error[OPTION_ERROR_MAX];

/* Up to three arguments. */
static const struct {
	const char *arguments[3];
	const char *error;
} mistakes[] = {
	/* No such option; an argument too many or too few. */
	{ { "-Z" }, "unknown option '-Z'" SEE },
	{ { "-w2", "-Z" }, "unknown option '-Z'" SEE },
	{ { "-?" }, "unknown option '-?'" SEE },
	{ { "-:" }, "unknown option '-:'" SEE },
	{ { "--frobnicate" },
	  "unknown or ambiguous option '--frobnicate'" SEE },
	{ { "--frob=1", "-w2" }, "unknown or ambiguous option '--frob=1'" SEE },
	{ { "--log" }, "unknown or ambiguous option '--log'" SEE },
	{ { "--listen" },
	  "option --listen needs an argument: --listen=ADDRESS" SEE },
	{ { "-l" }, "option --listen needs an argument: --listen=ADDRESS" SEE },
	{ { "-w2", "-t" },
	  "option --idle-timeout needs an argument: "
	  "--idle-timeout=DURATION" SEE },
	{ { "--user" }, "option --user needs an argument: --user=NAME" SEE },
	{ { "--help=me" }, "option --help takes no argument" SEE },
	{ { "--log-connections=yes" },
	  "option --log-connections takes no argument" SEE },
	/* Arguments that are not options. */
	{ { "stray" }, "unexpected argument 'stray'" STRAY },
	{ { "-w2", "7007", "-w3" }, "unexpected argument '7007'" STRAY },
	{ { "--", "-h" }, "unexpected argument '-h'" STRAY },
	{ { "-" }, "unexpected argument '-'" STRAY },
	{ { "" }, "unexpected argument ''" STRAY },
	/* Values. */
	{ { "-l", "" }, "--listen='' is empty" SEE },
	{ { "-l70000" }, "--listen='70000' has a port above 65535" SEE },
	{ { "-l7", "--listen=tcp:" }, "--listen='tcp:' has no port" SEE },
	{ { "-w0" }, "--workers='0'" WORKERS },
	{ { "-w1025" }, "--workers='1025'" WORKERS },
	{ { "-w-1" }, "--workers='-1'" WORKERS },
	{ { "-w+1" }, "--workers='+1'" WORKERS },
	{ { "-w 1" }, "--workers=' 1'" WORKERS },
	{ { "-w1 " }, "--workers='1 '" WORKERS },
	{ { "-w0x1" }, "--workers='0x1'" WORKERS },
	{ { "--workers=" }, "--workers=''" WORKERS },
	{ { "--workers=automatic" }, "--workers='automatic'" WORKERS },
	{ { "-w18446744073709551617" },
	  "--workers='18446744073709551617'" WORKERS },
	{ { "--cpu-affinity=all" }, "--cpu-affinity='all'" CPUS },
	{ { "--cpu-affinity=" }, "--cpu-affinity=''" CPUS },
	{ { "-c0" }, "--max-connections='0'" CONNECTIONS },
	{ { "-c2147483648" }, "--max-connections='2147483648'" CONNECTIONS },
	{ { "-c4294967297" }, "--max-connections='4294967297'" CONNECTIONS },
	{ { "-cmany" }, "--max-connections='many'" CONNECTIONS },
	{ { "--max-connections-per-source=0" },
	  "--max-connections-per-source='0'" CONNECTIONS },
	{ { "--max-connections-per-source=half" },
	  "--max-connections-per-source='half'" CONNECTIONS },
	{ { "--min-progress=" }, "--min-progress=''" PROGRESS },
	{ { "--min-progress=/1s" }, "--min-progress='/1s'" PROGRESS },
	{ { "--min-progress=1K/" }, "--min-progress='1K/'" PROGRESS },
	{ { "--min-progress=1K/1s/1s" }, "--min-progress='1K/1s/1s'" PROGRESS },
	{ { "--min-progress=0000000000000000000000000000001K/1s" },
	  "--min-progress='0000000000000000000000000000001K/1s'" PROGRESS },
	{ { "--min-progress=1K/999us" },
	  "--min-progress='1K/999us' has a duration that is too short (at "
	  "least 1ms)" },
	{ { "-t0" }, "--idle-timeout='0'" TOO_SHORT },
	{ { "-t999us" }, "--idle-timeout='999us'" TOO_SHORT },
	{ { "-tfast" }, "--idle-timeout='fast'" DURATION },
	{ { "--drain-timeout=5 parsecs" },
	  "--drain-timeout='5 parsecs'" DURATION },
	{ { "--drain-timeout=99999999999999999999" },
	  "--drain-timeout='99999999999999999999'" DURATION },
	{ { "--exit-idle-time=4999999us" },
	  "--exit-idle-time='4999999us'" TOO_BUSY },
	{ { "--preserve=maybe" }, "--preserve='maybe'" PRESERVE },
	{ { "--preserve=" }, "--preserve=''" PRESERVE },
	{ { "--preserve=Yes" }, "--preserve='Yes'" PRESERVE },
	{ { "--preserve-after=later" }, "--preserve-after='later'" DURATION },
	{ { "--preserve-after=-1" }, "--preserve-after='-1'" DURATION },
	{ { "--busy-poll=often" }, "--busy-poll='often'" DURATION },
	{ { "--exit-idle-time=" }, "--exit-idle-time=''" DURATION },
	{ { "--buffer-limit=much" }, "--buffer-limit='much'" SIZE },
	{ { "--buffer-limit=-1" }, "--buffer-limit='-1'" SIZE },
	{ { "--udp-offload" },
	  "option --udp-offload needs an argument: --udp-offload=yes|no" SEE },
	{ { "--udp-offload=" }, "--udp-offload=''" OFFLOAD },
	{ { "--udp-offload=maybe" }, "--udp-offload='maybe'" OFFLOAD },
	{ { "--udp-offload=Yes" }, "--udp-offload='Yes'" OFFLOAD },
	{ { "--allow-source-ports=" }, "--allow-source-ports=''" PORTS },
	{ { "--allow-source-ports=none" },
	  "--allow-source-ports='none'" PORTS },
	{ { "--allow-source-ports=53,65536" },
	  "--allow-source-ports='53,65536'" PORTS },
	{ { "--loop-ttl=64" }, "option --loop-ttl takes no argument" SEE },
	{ { "--udp-rate=" }, "--udp-rate=''" RATE },
	{ { "--udp-rate=fast" }, "--udp-rate='fast'" RATE },
	{ { "--udp-rate=-1" }, "--udp-rate='-1'" RATE },
	{ { "--udp-rate=1000001" }, "--udp-rate='1000001'" RATE },
	{ { "--udp-rate=99999999999999999999" },
	  "--udp-rate='99999999999999999999'" RATE },
	{ { "--udp-rate=5 " }, "--udp-rate='5 '" RATE },
	{ { "--udp-rate=5/" }, "--udp-rate='5/'" RATE },
	{ { "--udp-rate=/5" }, "--udp-rate='/5'" RATE },
	{ { "--udp-rate=5/0" }, "--udp-rate='5/0'" RATE },
	{ { "--udp-rate=5/-1" }, "--udp-rate='5/-1'" RATE },
	{ { "--udp-rate=5/6/7" }, "--udp-rate='5/6/7'" RATE },
	{ { "--udp-rate=5/100000001" }, "--udp-rate='5/100000001'" RATE },
	{ { "--user=" }, "--user='' is not a user name" SEE },
	{ { "--log-level=loud" }, "--log-level='loud'" LEVEL },
	{ { "--log-level=6" }, "--log-level='6'" LEVEL },
};

START_TEST(mistake_is_said_in_one_line)
{
	char *arguments[ARGUMENTS_MAX + 1] = { NULL };
	int count = 0;

	arguments[count++] = strdup("echod");
	for (int i = 0; i < 3 && mistakes[_i].arguments[i]; i++)
		arguments[count++] = strdup(mistakes[_i].arguments[i]);
	ck_assert_int_eq(options_parse(&options, count, arguments, error),
			 OPTION_WRONG);
	ck_assert_str_eq(error, mistakes[_i].error);
	options_deinit(&options);
	while (count > 0)
		free(arguments[--count]);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("options_error");
	TCase *mistake = tcase_create("mistake");

	tcase_add_loop_test(mistake, mistake_is_said_in_one_line, 0,
			    ARRAY_SIZE(mistakes));
	suite_add_tcase(suite, mistake);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
