# SPDX-License-Identifier: MIT
# Completions of the command lines, for three shells, where each looks for them
# (see configure.ac); tests/lint/completions.sh holds them against --help.

bash_completiondir = $(bash_completion_dir)
zsh_completiondir = $(zsh_completion_dir)
fish_completiondir = $(fish_completion_dir)

dist_bash_completion_DATA =
dist_zsh_completion_DATA =
dist_fish_completion_DATA =

if ENABLE_ECHOD
dist_bash_completion_DATA += completions/echod.bash
dist_zsh_completion_DATA += completions/_echod
dist_fish_completion_DATA += completions/echod.fish
endif
if ENABLE_ECHOPING
dist_bash_completion_DATA += completions/echoping.bash
dist_zsh_completion_DATA += completions/_echoping
dist_fish_completion_DATA += completions/echoping.fish
endif
