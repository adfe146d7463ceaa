# SPDX-License-Identifier: MIT
# Completions of echoping(1) for fish.

function __echoping_plots
    string match -qr -- '^--plot(=|$)' (commandline -opc)
end

complete -c echoping -f
complete -c echoping -n 'not __echoping_plots' -a '(__fish_print_hostnames) tcp: udp: mptcp: unix: unix-dgram: unix-seqpacket: vsock:' -d Target
complete -c echoping -n __echoping_plots -k -a '(__fish_complete_suffix .json)'
complete -c echoping -s u -l udp -d 'Probe targets without a scheme over UDP'
complete -c echoping -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c echoping -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c echoping -s I -l source -x -a '(__fish_print_interfaces)' -d 'Send from this address or interface'
complete -c echoping -s c -l count -x -d 'End after so many probes of each target'
complete -c echoping -s i -l interval -x -d 'Send a probe to each target every so often'
complete -c echoping -s W -l timeout -x -d 'A reply that takes longer is lost'
complete -c echoping -l deadline -x -d 'End after this time'
complete -c echoping -s s -l size -x -d 'Bytes in a probe or message'
complete -c echoping -s f -l fill -x -d 'Fill probes with this instead of a pattern'
complete -c echoping -l flows -x -d 'Spread the probes of a target over source ports'
complete -c echoping -l connect -d 'Open a connection for each probe'
complete -c echoping -s P -l tos -x -d 'Set the type of service or traffic class'
complete -c echoping -s p -l priority -x -d 'Set the priority in the queues of this machine'
complete -c echoping -s n -l number -x -d 'Print as the echoping of 1996 did'
complete -c echoping -s w -l wait -x -d 'The same as --interval'
complete -c echoping -s t -l time-limit -x -d 'The same as --timeout'
complete -c echoping -s q -l quiet -d 'Print only the summary'
complete -c echoping -s D -l timestamps -d 'Print the time of day in front of each line'
complete -c echoping -l json -d 'Print JSON Lines'
complete -c echoping -l openmetrics -d 'Print the summary as OpenMetrics text'
complete -c echoping -l hdr -r -F -d 'Write the percentiles for the plotters of HdrHistogram'
complete -c echoping -l plot -r -F -d 'Draw the percentiles'
complete -c echoping -l color -x -a 'auto always never' -d 'Use colors'
complete -c echoping -l max-loss -x -d 'Exit with status 1 if more is lost'
complete -c echoping -l max-rtt-p99 -x -d 'Exit with status 1 if p99 is longer'
complete -c echoping -l load -d 'Measure under load'
complete -c echoping -l connections -x -d 'With --load: so many at a time'
complete -c echoping -l threads -x -a auto -d 'With --load: threads that send'
complete -c echoping -l pipeline -x -d 'With --load: messages under way on a connection'
complete -c echoping -l duration -x -d 'With --load: measure for so long'
complete -c echoping -l warmup -x -d 'With --load: what is sent before this is not counted'
complete -c echoping -l rate -x -d 'With --load: send so many messages a second by the clock'
complete -c echoping -l bulk -d 'With --load: stream both ways as fast as possible'
complete -c echoping -l gso -d 'With --load over UDP: send a pipeline as one train'
complete -c echoping -l hold -d 'With --load: keep connections open'
complete -c echoping -l conformance -d 'Check what an echo service owes its clients'
complete -c echoping -s h -l help -d 'Print a short help'
complete -c echoping -s V -l version -d 'Print the version'
