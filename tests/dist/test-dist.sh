#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What people get: the tarball of the last commit builds and installs, and the program in its include/README.md compiles
# against what was installed, by pkg-config, and colours frames. TAP on standard output.
#
#   test-dist.sh BUILD_FOLDER SOURCE_FOLDER MESON MODEL      compiler: CC; MODEL: a small one

set -u
build=$1 source=$2 meson=$3 model=$4

skip() {
    echo "1..1"
    echo "ok 1 dist # SKIP $1"
    exit 0
}
[ -e "$source/.git" ] || skip "not a clone of the repository"
git -C "$source" rev-parse HEAD >/dev/null 2>&1 || skip "git cannot read the repository"

work=$(mktemp -d "${TMPDIR:-/tmp}/mleu-dist-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
n=0

# check NAME COMMAND...: the command's success is a case.
check() {
    local name=$1
    n=$((n + 1))
    shift
    if "$@" >"$work/log" 2>&1; then echo "ok $n $name"; else
        echo "not ok $n $name"
        tail -n 40 "$work/log" | sed 's/^/# /'
    fi
}

pack() {
    "$meson" dist -C "$build" --no-tests --allow-dirty --formats gztar | tee "$work/dist.log"
    tar -xzf "$(sed -n 's/^Created //p' "$work/dist.log")" -C "$work" && mv "$work"/mleucolorize-* "$work/source"
}

# Unoptimised, without the tests: what is asked is whether everything is there.
compile() {
    "$meson" setup "$work/build" "$work/source" --prefix "$work/prefix" --libdir lib -Doptimization=0 -Dtests=false &&
        ninja -C "$work/build" && "$meson" install -C "$work/build"
}

version_is_in_news() {
    local version
    version=$("$meson" introspect "$work/source/meson.build" --projectinfo | sed -n 's/.*"version": "\([^"]*\)".*/\1/p')
    grep -q "^$version " "$work/source/NEWS"
}

compile_tour() {
    sed -n '/^```c$/,/^```$/p' "$work/source/include/README.md" | sed '/^```/d' >"$work/tour.c"
    # shellcheck disable=SC2046,SC2086
    PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" $CC -std=c11 -Wall -Wextra -Werror "$work/tour.c" -o "$work/tour" \
        $(PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" pkg-config --cflags --libs mleu)
}

# Three frames of letters for luma: it comes out as it went in, and chroma is not neutral any more.
run_tour() {
    local frame luma=19200 chroma=9600
    for frame in 0 1 2; do
        tail -c +$((frame * 1000 + 1)) "$work/source/LICENSE" | head -c $luma
        head -c $chroma /dev/zero | tr '\0' '\200'
    done >"$work/grey"
    LD_LIBRARY_PATH="$work/prefix/lib" "$work/tour" "$model" <"$work/grey" >"$work/colour" || return 1
    for frame in 0 1 2; do
        local start=$((frame * (luma + chroma)))
        cmp -i $start -n $luma "$work/grey" "$work/colour" || return 1
        ! cmp -s -i $((start + luma)) -n $chroma "$work/grey" "$work/colour" || return 1
    done
    [ "$(stat -c %s "$work/colour")" = "$(stat -c %s "$work/grey")" ]
}

echo 1..5
check 'the tarball is made' pack
check 'it builds and installs' compile
check 'NEWS has its version' version_is_in_news
check 'the program of include/README.md compiles' compile_tour
check 'the program of include/README.md colours' run_tour
