#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Plugin and model are found without a word about where they are: in the build folder as `meson devenv` sets it up, in an
# installed prefix, and in that prefix after it was moved.
#
#   test-install.sh BUILD_FOLDER PREFIX PLUGIN_DIR MESON      PLUGIN_DIR: relative to the prefix

build=$1 prefix=$2 plugins=$3 meson=$4
work=$(mktemp -d "${TMPDIR:-/tmp}/mleu-install-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export GST_REGISTRY="$work/registry.bin" XDG_DATA_HOME="$work/none"
unset GST_PRESET_PATH GST_REGISTRY_1_0 GST_PLUGIN_PATH GST_PLUGIN_PATH_1_0 GST_PLUGIN_SYSTEM_PATH GST_PLUGIN_SYSTEM_PATH_1_0 MLEU_MODEL_PATH

line='videotestsrc num-buffers=2 ! video/x-raw,format=GRAY8,width=48,height=32 ! mleucolorize render-size=32 ! fakesink'
n=0

# check NAME COMMAND...: the command's success is a case.
check() {
    n=$((n + 1))
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then echo "ok $n $name"; else
        echo "not ok $n $name"
        sed 's/^/# /' "$work/log"
    fi
}

# lists_presets COMMAND...: whether what gst-inspect-1.0 says names those that are shipped.
lists_presets() {
    "$@" gst-inspect-1.0 mleucolorize >"$work/inspect" || return 1
    for name in Film 'Film, subtle' Webcam 'Strong colours'; do
        grep -F "\"$name\":" "$work/inspect" || return 1
    done
}

if ! command -v gst-launch-1.0 >/dev/null; then
    echo '1..0 # SKIP gst-launch-1.0 is not installed (gstreamer1.0-tools)'
    exit 0
fi
echo 1..7

check 'devenv: gst-inspect-1.0 finds the element' "$meson" devenv -C "$build" gst-inspect-1.0 mleucolorize
check 'devenv: the presets' lists_presets "$meson" devenv -C "$build"
# shellcheck disable=SC2086
check 'devenv: gst-launch-1.0 finds the model' "$meson" devenv -C "$build" gst-launch-1.0 -q $line

# Installed below a folder and not where it was configured for: a prefix that was moved.
DESTDIR="$work/root" "$meson" install -C "$build" --no-rebuild >"$work/install.log" 2>&1 || {
    sed 's/^/# /' "$work/install.log"
    echo 'Bail out! meson install'
    exit 1
}
export GST_PLUGIN_PATH="$work/root$prefix/$plugins"
check 'prefix: gst-inspect-1.0 finds the element' gst-inspect-1.0 mleucolorize
check 'prefix: the presets' lists_presets env GST_PRESET_PATH="$work/root$prefix/share/gstreamer-1.0/presets"
# shellcheck disable=SC2086
check 'prefix: gst-launch-1.0 finds the model' gst-launch-1.0 -q $line
mv "$work/root$prefix" "$work/moved"
export GST_PLUGIN_PATH="$work/moved/$plugins"
# shellcheck disable=SC2086
check 'moved prefix: gst-launch-1.0 finds plugin and model' gst-launch-1.0 -q $line
