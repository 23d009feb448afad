# SPDX-License-Identifier: LGPL-2.1-or-later
# Adds up the TAP results in a meson testlog.txt. Prints "passed failed skipped", then a line for every failure and
# every skip. A program that ends badly without a "not ok" of its own (a crash, a time-out), or whose plan is not of its
# results, counts as one failure.

function close_program() {
    if (!bad_end && plans > 0 && (plans > 1 || planned != seen))
        bad_end = plans > 1 ? "more than one plan" : planned " results planned, " seen + 0 " seen"
    if (program != "" && bad_end && !own_failures) {
        failed++
        notes = notes "FAILED  " program ": " bad_end "\n"
    }
}

/^test: / {
    close_program()
    program = $2
    for (i = 3; i <= NF; i++)
        program = program " " $i
    bad_end = ""
    own_failures = plans = seen = 0
}

/^result: / {
    bad_end = $0
    sub(/^result: +/, "", bad_end)
    if (bad_end == "exit status 0")
        bad_end = ""
}

/^1\.\.[0-9]+/ {
    plans++
    planned = substr($1, 4) + 0
}

/^ok [0-9]+/ {
    seen++
    if (match($0, /# [Ss][Kk][Ii][Pp]/)) {
        skipped++
        notes = notes "SKIPPED " program ": " substr($0, index($0, " ") + 1) "\n"
    } else {
        passed++
    }
}

/^not ok [0-9]+/ {
    seen++
    failed++
    own_failures++
    notes = notes "FAILED  " program ": " $0 "\n"
}

# The CPU tiers that the kernel tests ran on.
/^# tiers:/ { notes = notes "TIERS   " program ": " substr($0, 3) "\n" }

END {
    close_program()
    print passed + 0, failed + 0, skipped + 0
    printf "%s", notes
}
