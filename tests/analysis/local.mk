# SPDX-License-Identifier: MIT
# Analysis: of the source by compilers, and of what runs by Valgrind, by
# coverage and by mistakes made on purpose.  None of it is part of `make check`.

# Nothing is found by gcc -fanalyzer, nor by scan-build.
ANALYSIS_TESTS = \
	tests/analysis/gcc.sh \
	tests/analysis/scan-build.sh
check-analyzer:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(ANALYSIS_TESTS)'

# The unit tests under memcheck: see tests/analysis/valgrind.  Not that of the
# kernel, in which is nothing of ours, nor that of the sandbox, in which Valgrind
# cannot live, nor cases that it cannot run: see tests/unit/harness.h.
without_valgrind = tests/unit/check_kernel tests/unit/check_sandbox
check-valgrind:
	CK_TIMEOUT_MULTIPLIER=30; export CK_TIMEOUT_MULTIPLIER; \
	CK_EXCLUDE_TAGS=not-under-valgrind; export CK_EXCLUDE_TAGS; \
	$(MAKE) $(AM_MAKEFLAGS) check \
		TESTS='$(filter-out $(without_valgrind),$(UNIT_TESTS))' \
		LOG_COMPILER='$(SHELL) $(abs_srcdir)/tests/analysis/valgrind'

# One in SHARE of the tests of the code, by LOT (any word), and only the programs
# that these need.
SHARE = 1
LOT = first
check-lot:
	@tests=$$($(SHELL) $(srcdir)/tests/analysis/lot $(SHARE) '$(LOT)' \
		$(FUNCTIONAL_TESTS) $(UNIT_TESTS) $(FUZZ_TESTS)) && \
	programs=$$(echo "$$tests" | sed '/\.py$$/d') && \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS="$$(echo $$tests)" \
		check_PROGRAMS="$$(echo $$programs $(echod_variants))"

# The tests of the code, or a SHARE of them, in a build for each of the
# SANITIZERS.  Where addresses are too random for a runtime, they need not be.
SANITIZERS = address,undefined thread
check-sanitizers:
	@fixed=; ! setarch -R true 2>/dev/null || fixed='setarch -R'; status=0; \
	for each in $(SANITIZERS); do \
		$(MKDIR_P) sanitizers/$$each && (cd sanitizers/$$each && \
		{ test -f Makefile || $(abs_top_srcdir)/configure -q \
			CC='$(CC)' CFLAGS='-g -O1' $(configure_programs) \
			--enable-sanitizers=$$each; } && \
		$(MAKE) $(AM_MAKEFLAGS) all && \
		$$fixed $(MAKE) $(AM_MAKEFLAGS) check-lot) || \
		status=1; \
	done; exit $$status

# How many mistakes in the daemon no test notices: MUTANTS of them, by lot (0:
# all).  It goes on where it was ended.  MUTATE: see tests/mutation/mutate.py.
MUTANTS = 300
check-mutation:
	@$(tests_environment) $(PYTHON) $(srcdir)/tests/mutation/mutate.py \
		--mutants=$(MUTANTS) $(MUTATE) -- $(common_unit_tests) \
		$(echod_unit_tests) $(sandbox_unit_tests) \
		$(common_fuzz_tests) $(echod_fuzz_tests) \
		$(echod_functional_tests)

# --- make coverage: the tests in a build of their own, executed lines shown ---
# gcov derives part of the branches by subtraction, and gets -1 or -2 where a
# process ended while a thread was within a function: gcovr then ends, unless it
# is to leave such a branch out.
COVERAGE_MINIMUM = 90
# Lines whose branches may differ from what is explained, as runs do.
COVERAGE_CHANCE = 12
COVERAGE_TESTS = $(UNIT_TESTS) $(FUZZ_TESTS) $(FUNCTIONAL_TESTS)
if ENABLE_COVERAGE
coverage: all
	find . -name '*.gcda' -exec rm -f {} +
	@status=0; $(MAKE) $(AM_MAKEFLAGS) check \
		TESTS='$(COVERAGE_TESTS)' || status=1; \
	$(MAKE) $(AM_MAKEFLAGS) coverage-told || status=1; exit $$status

# What was counted so far.
coverage-told:
	@status=0; root=$$(cd $(srcdir) && pwd -P); \
	gcovr --root "$$root" --filter "$$root/src/" --object-directory . \
		--gcov-ignore-parse-errors --json coverage.json \
		--txt coverage.txt --fail-under-line $(COVERAGE_MINIMUM) . || \
		{ status=1; echo "coverage: less than" \
		"$(COVERAGE_MINIMUM) % of the lines" >&2; }; \
	cat coverage.txt; \
	$(PYTHON) -B "$$root/tests/analysis/coverage.py" coverage.json \
		"$$root" $(COVERAGE_CHANCE) || status=1; \
	exit $$status
else
coverage:
	$(MKDIR_P) coverage
	test -f coverage/Makefile || (cd coverage && \
		$(abs_top_srcdir)/configure CC=gcc \
		CFLAGS='-g -O0' --enable-coverage $(configure_programs))
	$(MAKE) $(AM_MAKEFLAGS) -C coverage coverage
endif

# Modified condition/decision coverage of the daemon, by clang-19; reported, and
# nothing has to be reached.  Without the sandbox, out of which nobody writes
# what was counted.
mcdc_flags = -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc
mcdc_tests = $(common_unit_tests) $(echod_unit_tests) $(common_fuzz_tests) \
	$(echod_fuzz_tests) $(echod_functional_tests)
coverage-mcdc:
	$(SHELL) $(srcdir)/tests/analysis/mcdc --tools
	$(MKDIR_P) mcdc/profiles
	test -f mcdc/Makefile || (cd mcdc && $(abs_top_srcdir)/configure \
		CC=clang-19 CFLAGS='-g -O0 $(mcdc_flags)' --disable-echoping \
		--enable-sandbox=no)
	rm -f mcdc/profiles/*.profraw
	@status=0; ECHOD_TEST_KEEP_USER=1; export ECHOD_TEST_KEEP_USER; \
	LLVM_PROFILE_FILE='$(abs_top_builddir)/mcdc/profiles/%4m.profraw'; \
	export LLVM_PROFILE_FILE; \
	$(MAKE) $(AM_MAKEFLAGS) -C mcdc check TESTS='$(mcdc_tests)' || \
		status=1; \
	$(SHELL) $(srcdir)/tests/analysis/mcdc mcdc echod $(mcdc_tests) || \
		status=1; \
	exit $$status

clean-analysis:
	rm -rf coverage mcdc mutation sanitizers
	find . -name '*.gcda' -exec rm -f {} +
	find . -name '*.gcno' -exec rm -f {} +
CLEANFILES += coverage.json coverage.txt

.PHONY: check-analyzer check-lot check-mutation check-sanitizers check-valgrind \
	clean-analysis coverage \
	coverage-mcdc coverage-told

EXTRA_DIST += $(ANALYSIS_TESTS) \
	tests/analysis/coverage.py \
	tests/analysis/lot \
	tests/analysis/mcdc \
	tests/analysis/uncovered.txt \
	tests/analysis/untaken.txt \
	tests/analysis/valgrind \
	tests/analysis/valgrind.supp \
	tests/mutation/bench.py \
	tests/mutation/equivalent.txt \
	tests/mutation/mutants.py \
	tests/mutation/mutate.py
