# SPDX-License-Identifier: MIT
# As complete.bash does, for fish.
source $argv[1]; or exit 1
while read -l line
    for candidate in (complete -C "$line")
        printf '%s\t%s\n' "$line" (string split -- \t $candidate)[1]
    end
end
