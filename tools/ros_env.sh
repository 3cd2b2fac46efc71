# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# source tools/ros_env.sh     (bash or zsh; after `make build`)
#
# Gives this shell the `dope` command and a Python with rclpy, dope_ros and dope_ros.msg.
# Sets nothing that decides which nodes see each other (ROS_DOMAIN_ID and the like).
# shellcheck shell=bash

_dope_ros_fail() {
    echo "ros_env.sh: $1" >&2
    return 1
}

_dope_ros_env() { # _dope_ros_env ROOT SHELL
    local venv=$1/.venv stamp=$1/.venv/.dope_ros_setup overlay=$1/install/local_setup.$2
    [ -f "$stamp" ] && [ -f "$1/install/.dope_ros_build" ] || { _dope_ros_fail "run 'make build' first"; return; }
    if grep -qx 'ros wheels' "$stamp"; then
        [ -z "${ROS_DISTRO:-}" ] ||
            { _dope_ros_fail ".venv has a ROS 2 of its own, and $ROS_DISTRO is sourced: run 'make build' to use that"; return; }
        export AMENT_PREFIX_PATH=$venv
        # The wheels' start-up hook finds their libraries by starting Python once more with LD_LIBRARY_PATH set. This
        # variable, inherited from another environment's Python, would keep it from doing so.
        unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
    else
        [ -n "${ROS_DISTRO:-}" ] ||
            { _dope_ros_fail ".venv was made beside a ROS 2: source its setup file first, or run 'make build'"; return; }
    fi
    . "$venv/bin/activate" || return
    . "$overlay"
}

_dope_ros_source() { # colcon's files read unset variables
    case $- in
        *u*) set +u; _dope_ros_env "$@"; set -- $?; set -u; return "$1" ;;
        *) _dope_ros_env "$@" ;;
    esac
}

if [ -n "${ZSH_VERSION:-}" ]; then
    eval '_dope_ros_source "${${(%):-%x}:A:h:h}" zsh'
elif [ -n "${BASH_VERSION:-}" ]; then
    _dope_ros_source "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)" bash
else
    _dope_ros_fail "source it from bash or zsh"
fi
