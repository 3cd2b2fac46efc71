#!/usr/bin/env bash
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
# Gathers pictures without people out of Debian packages, for `dope compose --things` (docs/default_model.md):
#     tools/things.sh FOLDER
# makes FOLDER/stamps, things cut out, and FOLDER/scenes, FOLDER/lomiri-16.04 and FOLDER/lomiri-20.04, backgrounds.
# Needs apt-get with dpkg. Nothing is installed.
set -euo pipefail

folder=${1:?folder for the pictures}
mkdir -p "$folder/stamps" "$folder/scenes"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get download tuxpaint-stamps-default scratch lomiri-wallpapers-16.04 lomiri-wallpapers-20.04
for archive in *.deb; do
    dpkg -x "$archive" "${archive%%_*}"
done

# People, painted ones and statues are in the other folders.
for kind in animals clothes food hobbies household medical plants sports vehicles; do
    cp -r "tuxpaint-stamps-default/usr/share/tuxpaint/stamps/$kind" "$folder/stamps"
done
cp -r scratch/usr/share/scratch/Media/Backgrounds/. "$folder/scenes"
# Spectators and murals of people.
rm "$folder"/scenes/{Indoors/the-movies-inside,Outdoors/{all-sports-mural,berkeley-mural,graffiti,mural-faro}}.jpg \
    "$folder"/scenes/Sports/{baseball-field,football-field}.jpg
for edition in 16.04 20.04; do
    mkdir -p "$folder/lomiri-$edition"
    cp -rL "lomiri-wallpapers-$edition/usr/share/backgrounds/." "$folder/lomiri-$edition"
done
echo "$(find "$folder/stamps" -name '*.png' | wc -l) things, $(find "$folder"/{scenes,lomiri-*} -type f | wc -l) backgrounds"
