#!/usr/bin/env bash
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
# Gathers photographs of people out of Python and Debian packages, to measure on and never to train on:
#     tools/photographs.sh FOLDER
# Needs pip, apt-get with dpkg, and a Python with OpenCV (PYTHON=... to name it). Nothing is installed.
set -euo pipefail

folder=${1:?folder for the photographs}
python=${PYTHON:-python3}
mkdir -p "$folder"
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
    "$samples/messi5.jpg" "$samples/basketball1.png" "$folder"
"$python" - "$samples/vtest.avi" "$folder" <<'PY'
import sys
import cv2

video = cv2.VideoCapture(sys.argv[1])
for frame in (100, 600):
    video.set(cv2.CAP_PROP_POS_FRAMES, frame)
    read, picture = video.read()
    assert read, f"{sys.argv[1]}: no frame {frame}"
    cv2.imwrite(f"{sys.argv[2]}/vtest_{frame}.png", picture)
PY
echo "$(find "$folder" -type f | wc -l) photographs in $folder"
