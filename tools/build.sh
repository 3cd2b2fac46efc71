#!/usr/bin/env bash
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the package with colcon into install/, unless nothing that a build depends on has changed: the messages, CMake's
# files, and which files there are. Their contents do not matter: install/ links to them.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stamp=$root/install/.dope_ros_build

main() {
    [ -f "$venv_stamp" ] || die "there is no finished .venv." "Run: make setup"
    one_at_a_time
    cd "$root"
    described=$(describe)
    [ "$described" = "$(cat "$stamp" 2>/dev/null)" ] && return
    start_log build.log
    rm -f "$stamp"
    forget_other_venv
    step "building dope_ros (messages and links to the sources)" build
    find install -xtype l -delete # links to files that are gone
    cp "$venv_stamp" build/.dope_ros_venv
    echo "$described" >"$stamp"
}

describe() {
    cat "$venv_stamp"
    sha256sum CMakeLists.txt package.xml msg/*.msg
    find config dope_ros launch scripts -type f -not -path '*/__pycache__/*' | LC_ALL=C sort
}

forget_other_venv() { # CMake's cache and the compiled messages belong to one Python and one ROS 2
    cmp -s "$venv_stamp" build/.dope_ros_venv || rm -rf build install
}

build() {
    # shellcheck disable=SC1091
    source "$venv/bin/activate"
    if wants_ros_wheels; then
        unset PYTHONPATH COLCON_PREFIX_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
        export AMENT_PREFIX_PATH=$venv CMAKE_PREFIX_PATH=$venv
    fi
    python -m colcon build --symlink-install --packages-select dope_ros --event-handlers console_direct+ \
        --cmake-args -DPython3_EXECUTABLE="$venv/bin/python"
}

main
