#!/usr/bin/env bash
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# Adds to .venv what only the tests of the network and its training need, PyTorch above all: several gigabytes that neither
# the node nor the demo wants. Does nothing where that was done from the same requirements.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

files=(requirements/network.txt requirements/tensorrt.txt requirements/synthetic.txt requirements/training.txt)
stamp=$venv/.dope_ros_test_packages
needed_gb=8
written_gb=1 # by the tests at a time, checkpoints and models mostly

main() {
    [ -f "$venv_stamp" ] || die "there is no finished .venv." "Run: make setup"
    check_room_for_tests
    one_at_a_time
    cd "$root"
    described=$(sha256sum "${files[@]}")
    [ "$described" = "$(cat "$stamp" 2>/dev/null)" ] && return
    check_room
    start_log test_packages.log
    rm -f "$stamp"
    step "installing PyTorch and what else only tests need (gigabytes, some minutes)" install
    echo "$described" >"$stamp"
}

check_room_for_tests() { # they would find out after a quarter of an hour
    local folder=${PYTEST_DEBUG_TEMPROOT:-${TMPDIR:-/tmp}} room_gb
    room_gb=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1e6) }')
    [ "$room_gb" -ge "$written_gb" ] ||
        die "the tests need $written_gb GB in $folder, which has $room_gb GB of room." \
            "Free some, or name another folder in TMPDIR."
}

check_room() { # pip would find out after minutes
    local taken_kb room_gb
    taken_kb=$(du -sk "$venv" | cut -f1)
    room_gb=$(df -Pk "$venv" | awk -v taken="$taken_kb" 'NR == 2 { print int(($4 + taken) / 1e6) }')
    [ "$room_gb" -ge "$needed_gb" ] ||
        die "with the tests' packages $venv takes $needed_gb GB, and has $room_gb GB of room." \
            "Free some, or test elsewhere. The demo and the node need none of them."
}

install() {
    local constraints=()
    wants_ros_wheels || constraints=(--constraint="$venv/constraints.txt")
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "${constraints[@]}" \
        "${files[@]/#/--requirement=}"
}

main
