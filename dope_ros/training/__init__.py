# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training: what a network learns from, how it learns, and how good it is afterwards.

What it learns from: `synthetic` renders people, `datasets` reads pictures with labels, `experts` and
`labelling` label photographs, `composing` makes new pictures of labelled ones.
How it learns: `anchor_poses` finds the classes, `loading` makes tensors of pictures and labels, `losses` and
`distillation` say what is wanted of a network, `runs` trains it.
How good it is: `evaluation`.
"""
