#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each public header compiles alone, as C11 and as C++, without a warning; libmleu.so exports what starts with mleu_,
# and all that the headers declare; its SONAME is of the version whose functions are listed in the file abi-VERSION, and
# none of these is gone. TAP on standard output.
#
#   test-headers.sh BUILD_ROOT LIBRARY ABI HEADER...      compilers: CC and CXX; flags of GLib: GLIB_CFLAGS

set -u
build_root=$1 library=$2 abi=$3
shift 3
n=0

# report NAME COMMAND...: one test; what the command says is shown where it fails.
report() {
    local name=$1 said
    shift
    n=$((n + 1))
    if said=$("$@" 2>&1); then
        echo "ok $n $name"
    else
        echo "not ok $n $name"
        while IFS= read -r line; do echo "# $line"; done <<<"$said"
    fi
}

skip() {
    n=$((n + 1))
    echo "ok $n $1 # SKIP $2"
}

# compile COMPILER LANGUAGE STANDARD HEADER
compile() {
    # shellcheck disable=SC2086
    echo "#include <mleu/$4>" |
        $1 -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$build_root/include" \
            -I"$(dirname "$(dirname "$5")")" $GLIB_CFLAGS -
}

exports_prefixed() {
    local other
    other=$(nm -D --defined-only "$library" | awk '$2 != "A" && $3 !~ /^mleu_/ { print $3 }')
    [ -z "$other" ] || {
        echo "exported without the prefix: $other"
        return 1
    }
}

exports_complete() {
    local name missing=0
    for name in $(sed -n 's/^MLEU_API .*[ *]\(mleu_[a-z_0-9]*\)(.*/\1/p' "$@"); do
        nm -D --defined-only "$library" | grep -q " $name\$" || {
            echo "declared and not exported: $name"
            missing=1
        }
    done
    return $missing
}

soname_of_abi() {
    local soname wanted=libmleu.so.${abi##*abi-}
    soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
    [ "$soname" = "$wanted" ] || {
        echo "SONAME $soname, not $wanted"
        return 1
    }
}

abi_kept() {
    local name missing=0
    while read -r name; do
        nm -D --defined-only "$library" | grep -q " $name\$" || {
            echo "gone: $name; programs that use it break: raise mleu_soversion"
            missing=1
        }
    done <"$abi"
    return $missing
}

for header in "$@"; do
    name=$(basename "$header")
    report "$name as C11" compile "$CC" c c11 "$name" "$header"
    if command -v "${CXX%% *}" >/dev/null; then
        report "$name as C++" compile "$CXX" c++ c++14 "$name" "$header"
    else
        skip "$name as C++" "no C++ compiler"
    fi
done
if command -v nm >/dev/null; then
    report "exported names start with mleu_" exports_prefixed
    report "what is declared is exported" exports_complete "$@"
    report "no function of the ABI is gone" abi_kept
    report "SONAME" soname_of_abi
else
    skip "exported names start with mleu_" "no nm"
    skip "what is declared is exported" "no nm"
    skip "no function of the ABI is gone" "no nm"
    skip "SONAME" "no objdump"
fi
echo "1..$n"
