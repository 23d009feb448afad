# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by examples/colorize-film and tests/run, with the repository's root in $root: the packages that the project
# needs, its build, and the environment in which the build is used.

: "${root:?}"

# What is needed to build, and to read and write films.
mleu_packages=(
    gcc libc6-dev pkg-config meson ninja-build
    libglib2.0-dev libjson-glib-dev
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-libav
)
# The film that is coloured where none is given.
mleu_demo_packages=(opencv-doc)
# What the tests need on top.
mleu_test_packages=(
    clang valgrind libgdk-pixbuf-2.0-dev libges-1.0-dev ges1.0-tools gstreamer1.0-x
    python3-skimage python3-matplotlib libsimde-dev
)

# mleu_install_packages [demo] [test]: installs what is missing, if anything is.
mleu_install_packages() {
    local wanted=("${mleu_packages[@]}") missing=() package as_root=()
    local set
    for set in "$@"; do
        case $set in
        demo) wanted+=("${mleu_demo_packages[@]}") ;;
        test) wanted+=("${mleu_test_packages[@]}") ;;
        esac
    done
    command -v dpkg-query >/dev/null || {
        echo "Not a Debian system: install the equivalents of: ${wanted[*]}" >&2
        return 1
    }
    for package in "${wanted[@]}"; do
        # shellcheck disable=SC2016 # a format of dpkg-query's
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "These packages are missing; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
            return 1
        }
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]}" >&2
    if ! "${as_root[@]}" apt-get update -qq >&2 || ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2; then
        echo "apt-get could not install: ${missing[*]}" >&2
        return 1
    fi
}

# mleu_build BUILD_DIR [TARGET...]: sets the folder up once, and compiles what has changed: the targets, or everything.
# Quiet unless it fails. Who comes while somebody else builds there waits.
mleu_build() {
    local dir=$1 log
    shift
    log=$(mktemp) && mkdir -p "$dir" || return 1
    if {
        flock 9 && { [ -f "$dir/build.ninja" ] || meson setup "$dir" "$root"; } && ninja -C "$dir" "$@"
    } >"$log" 2>&1 9<"$dir"; then
        rm -f "$log"
    else
        tail -n 40 "$log" >&2
        rm -f "$log"
        echo "The build in $dir failed." >&2
        return 1
    fi
}

# mleu_environment BUILD_DIR: GStreamer finds the plugin and its presets, and the plugin its model, in the build and in the sources.
mleu_environment() {
    export GST_PLUGIN_PATH="$1/gst${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
    export GST_PRESET_PATH="$root/gst/presets"
    export MLEU_MODEL_PATH="$root/models${MLEU_MODEL_PATH:+:$MLEU_MODEL_PATH}"
}
