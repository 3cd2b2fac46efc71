#!/usr/bin/env bash
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# The paper's ablation at the size of a CPU: part experts, and students with and without what they teach. docs/training.md
# tells what it found.
#
#     tools/ablation.sh FOLDER expert PART    the expert for body, hand or face, with the labels of its part alone
#     tools/ablation.sh FOLDER students SEED  the students of a seed, once the three experts are there
#     tools/ablation.sh FOLDER table          what was measured, once all is there
#
# FOLDER holds people/ and heldout/ (tools/ablation_pictures.py), anchors.npz (dope anchors --data rendered:people) and the
# file of the backbone that config/training/ablation.yaml names. Called again, it goes on from where it was.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$here/../config/training/ablation.yaml
declare -A share=([body]='[0.0, 0.333333]' [hand]='[0.333333, 0.666667]' [face]='[0.666667, 1.0]')

main() {
    [ $# -ge 2 ] || die "usage: tools/ablation.sh FOLDER expert PART|students SEED|table"
    cd "$1"
    case $2 in
        expert) expert "$3" ;;
        students) students "$3" ;;
        table) python "$here/ablation_table.py" . ;;
        *) die "unknown: $2; there are expert, students and table" ;;
    esac
}

expert() { # PART
    local set="{open: 'rendered@train:people', share: ${share[$1]}, labels: [$1]}"
    run "expert-$1" "network.parts=[$1]" network.proposals=12 "data.sets=[$set]" schedule.epochs=8
    measure "expert-$1" "expert-$1/own" rendered@test:people # the score from which its detections are believed
    measure "expert-$1" "expert-$1" rendered:heldout
}

students() { # SEED
    local experts="{body: expert-body/model.pt, hand: expert-hand/model.pt, face: expert-face/model.pt}"
    local body hand face
    body=$(sure body)
    hand=$(sure hand)
    face=$(sure face)
    local taught=("teaching.experts=$experts" "teaching.sure={$body, $hand, $face}" teaching.boxes=6)
    student "union-$1" "seed=$1"
    student "pseudo-labels-$1" "seed=$1" "${taught[@]}" teaching.distil=false
    student "distillation-$1" "seed=$1" "${taught[@]}"
}

sure() { # PART: from which score its expert is believed
    python -c 'import json, sys
part, path = sys.argv[1:]
best = json.load(open(path))["parts"][part]["all"]["best_threshold"]
if best is None:
    sys.exit(f"{path}: no {part} that the expert finds is right, so no score is to be believed; train it for longer")
print(part + ":", best)' "$1" "expert-$1/own/evaluation.json"
}

student() { # NAME CHANGE...
    run "$@"
    measure "$1" "$1" rendered:heldout
}

run() { # NAME CHANGE...
    local name=$1 changes=() change
    shift
    for change in "$@"; do changes+=(--set "$change"); done
    dope train --config "$config" --out "$name" --threads 1 "${changes[@]}"
}

measure() { # NAME FOLDER DATA
    [ -e "$2/evaluation.json" ] ||
        dope eval --data "$3" --threshold best --model "$1/model.pt" --threads 1 --out "$2"
}

die() {
    echo "ablation.sh: $*" >&2
    exit 2
}

main "$@"
