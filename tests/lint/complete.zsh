# SPDX-License-Identifier: MIT
# As complete.bash does, for zsh: its completions need a line editor, and that a
# terminal.  So an interactive zsh on a terminal of its own completes each line
# as soon as it edits one, writes what it would offer to a pipe, and exits.
zmodload zsh/zpty || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -r $scratch' EXIT
cat >$scratch/lines
mkfifo $scratch/offered
cat >$scratch/.zshrc <<'END'
exec {out}>$SCRATCH/offered
fpath=(${COMPLETIONS:h} $fpath)
autoload -Uz compinit
compinit -u -D
zstyle ':completion:*' completer _complete

# With -O, -A and -D it only tries what could be offered.
compadd() {
	local -a offered
	if (( ! ${@[(I)-[OAD]*]} )); then
		builtin compadd -O offered "$@"
		(( $#offered )) && print -u $out -rl -- "$BUFFER"$'\t'$^offered
	fi
	builtin compadd "$@"
}
offer() {
	_main_complete
	compstate[list]= compstate[insert]=
}
zle -C offer complete-word offer
complete_all() {
	local line
	for line in "${(@f)$(<$SCRATCH/lines)}"; do
		BUFFER=$line
		CURSOR=$#BUFFER
		zle offer
	done
	exec {out}>&-
}
zle -N zle-line-init complete_all
END
export COMPLETIONS=${1:A} SCRATCH=$scratch ZDOTDIR=$scratch
zpty inner zsh -d -i
cat $scratch/offered
