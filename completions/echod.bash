# SPDX-License-Identifier: MIT
# Completions of echod(8) for bash, by the library of bash-completion.

_echod_addresses()
{
	local schemes='tcp: udp: mptcp: unix: unix-dgram: unix-seqpacket: vsock:'

	mapfile -t COMPREPLY < <(compgen -W "$schemes" -- "$cur")
	[[ ${COMPREPLY-} != *: ]] || compopt -o nospace
	__ltrim_colon_completions "$cur"
}

_echod()
{
	# shellcheck disable=SC2034 # set by the library
	local cur prev words cword split
	_init_completion -s -n : || return

	case $prev in
	-l | --listen)
		_echod_addresses
		return
		;;
	-w | --workers | -c | --max-connections | --max-connections-per-source)
		mapfile -t COMPREPLY < <(compgen -W 'auto' -- "$cur")
		return
		;;
	--cpu-affinity)
		mapfile -t COMPREPLY < <(compgen -W 'auto no' -- "$cur")
		return
		;;
	--preserve)
		mapfile -t COMPREPLY < <(compgen -W 'auto yes no' -- "$cur")
		return
		;;
	--udp-offload)
		mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "$cur")
		return
		;;
	--allow-source-ports)
		mapfile -t COMPREPLY < <(compgen -W 'all' -- "$cur")
		return
		;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return
		;;
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W \
			'err warning notice info debug' -- "$cur")
		return
		;;
	-t | --idle-timeout | --drain-timeout | --exit-idle-time | \
		--preserve-after | --busy-poll | --buffer-limit | \
		--min-progress)
		return
		;;
	esac
	$split && return

	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '
			-l --listen=
			-w --workers=
			--cpu-affinity=
			-c --max-connections=
			--max-connections-per-source=
			-t --idle-timeout=
			--drain-timeout=
			--exit-idle-time=
			--preserve=
			--preserve-after=
			--busy-poll=
			--buffer-limit=
			--min-progress=
			--udp-offload=
			--allow-source-ports=
			--loop-ttl
			--udp-rate=
			--user=
			--log-level=
			--log-connections
			-h --help
			-V --version
			' -- "$cur")
		[[ ${COMPREPLY-} != *= ]] || compopt -o nospace
	fi
} &&
	complete -F _echod echod
