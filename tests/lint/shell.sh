#!/bin/sh
# SPDX-License-Identifier: MIT
# Every shell script parses, and shellcheck finds nothing in it.
. "$(dirname "$0")/tap.sh"

# A distribution has no debian/.
debian=
[ ! -d debian ] || debian=debian

scripts() {
	{
		# shellcheck disable=SC2086 # there, or not
		find bootstrap .ci tests $debian -type f -exec \
			awk 'FNR == 1 && /^#!.*sh$/ { print FILENAME }' {} +
		find tests -name '*.sh'
	} | LC_ALL=C sort -u
}

parses() {
	case $(head -n 1 "$1") in
	*bash) bash -n "$1" ;;
	*) sh -n "$1" ;;
	esac
}

for file in $(scripts); do
	check "syntax of $file" parses "$file"
	if command -v shellcheck >/dev/null; then
		check "shellcheck $file" shellcheck -x -P SCRIPTDIR \
			--severity=warning "$file"
	else
		skip "shellcheck $file" 'shellcheck is missing'
	fi
done
report
