/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target is this one function.  libFuzzer calls it with what it makes
 * up (configure --enable-fuzzing), replay.c with the files of the corpus.
 * It aborts, by assert(), when something that must always hold does not.
 */
#ifndef ECHOD_TESTS_FUZZ_H
#define ECHOD_TESTS_FUZZ_H

/* These assertions are the test: they stay, whatever the build. */
#undef NDEBUG
#include <assert.h>

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
