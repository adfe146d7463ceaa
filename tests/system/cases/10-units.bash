# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The unit files, and what else is installed beside the daemon.

case_units_are_installed_disabled_and_stopped() {
	local unit

	for unit in "$SOCKET" "$STANDALONE"; do
		equal "$(systemctl is-enabled "$unit" || :)" disabled
		equal "$(systemctl is-active "$unit" || :)" inactive
	done
	equal "$(systemctl is-active "$SERVICE" || :)" inactive
}

case_enabling_the_service_enables_its_socket() {
	systemctl enable "$SERVICE"
	equal "$(systemctl is-enabled "$SOCKET")" enabled
	systemctl disable "$SERVICE"
	equal "$(systemctl is-enabled "$SOCKET" || :)" disabled
}

case_systemd_analyze_verify_is_silent() {
	equal "$(systemd-analyze verify "$SOCKET" "$SERVICE" "$STANDALONE" \
		2>&1)" ""
}

exposure() {
	systemd-analyze security --offline=true --no-pager \
		"$(property "$1" FragmentPath)" |
		sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p'
}

case_the_service_is_not_exposed() {
	local figure

	figure=$(exposure "$SERVICE")
	note "exposure of $SERVICE: $figure"
	jq --null-input --exit-status "$figure <= 0.2"
}

case_the_standalone_service_is_little_exposed() {
	local figure

	figure=$(exposure "$STANDALONE")
	note "exposure of $STANDALONE: $figure"
	jq --null-input --exit-status "$figure <= 1.5"
}

case_man_shows_the_manual_page() {
	local page warnings section

	warnings=$(mktemp)
	page=$(MANWIDTH=80 man --warnings echod 2>"$warnings" | col -b)
	equal "$(cat "$warnings")" ""
	for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES; do
		has -x "$section" <<<"$page"
	done
}

case_the_catalog_explains_the_messages() {
	local id

	[ -n "$MESSAGE_READY" ]
	for id in "${!MESSAGE_@}"; do
		journalctl --dump-catalog "${!id}" | has '^Subject: '
	done
}
