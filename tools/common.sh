# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts in tools/ share; sourced by them, in bash.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
venv_stamp=$venv/.dope_ros_setup # what the finished virtual environment was made from
venv_mark=$venv/.dope_ros_venv   # says that tools/setup.sh made it, finished or not

die() { # die MESSAGE [HINT...]
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf '       %s\n' "$hint" >&2; done
    exit 1
}

start_log() { # start_log NAME: the file that `step` writes to
    log=$root/log/$1
    mkdir -p "$root/log"
    : >"$log"
}

step() { # step TITLE COMMAND...: one line of progress; output goes to the log, its end is shown where it fails
    local title=$1 started=$SECONDS
    shift
    printf -- '-- %s ... ' "$title"
    printf '\n$ %s\n' "$*" >>"$log"
    if "$@" </dev/null >>"$log" 2>&1; then
        printf 'done (%d s)\n' $((SECONDS - started))
        return
    fi
    printf 'failed\n'
    printf '%s\n' '...' "$(tail -n 30 "$log")" >&2
    die "'$title' failed." "The whole output: $log"
}

one_at_a_time() { # waits for another run of these scripts in this checkout
    exec {lock}>"$root/.setup.lock"
    flock --nonblock "$lock" && return
    echo "-- waiting for another set-up of this checkout"
    flock "$lock"
}

ros_is_sourced() {
    [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ] && command -v ros2 >/dev/null
}

wants_ros_wheels() { # is the virtual environment one with its own ROS 2?
    grep -qx 'ros wheels' "$venv_stamp"
}
