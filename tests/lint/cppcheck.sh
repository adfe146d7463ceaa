#!/bin/sh
# SPDX-License-Identifier: MIT
# cppcheck finds nothing in the daemon; what is suppressed says why.
. "$(dirname "$0")/tap.sh"

require cppcheck cppcheck

# Suppressed, each with its reason.
suppressions='
--suppress=missingIncludeSystem	system headers are not read
--suppress=variableScope	declarations open a block (kernel style)
--suppress=unusedStructMember	wrong about members that only give a union room
--suppress=constParameter	wrong about the argv of getopt
--suppress=getpwnamCalled	called once, before any thread is started
'

analyze() {
	# shellcheck disable=SC2046 # options are words
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
		--enable=warning,style,performance,portability \
		--library=posix,gnu $(echo "$suppressions" | cut -f 1) \
		-D_GNU_SOURCE=1 -DPACKAGE_VERSION='"0"' -Isrc "$@"
}

for room in $(rooms src); do
	# shellcheck disable=SC2046 # names are words
	check "cppcheck $room" analyze $(sources_in "$room" | grep '\.c$')
done
report
