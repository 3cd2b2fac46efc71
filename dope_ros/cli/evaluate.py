# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope eval`: how good a model is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dope_ros.cli.argument_types import not_negative, positive
from dope_ros.cli.model_arguments import add_model_arguments, engine_from
from dope_ros.cli.requirements import make_out_folder, needed_for
from dope_ros.errors import DatasetError
from dope_ros.pictures import write_picture
from dope_ros.pipeline import Pipeline, PipelineSettings
from dope_ros.postprocess.integrations import INTEGRATIONS
from dope_ros.skeleton import Part

if TYPE_CHECKING:
    from dope_ros.training.evaluation import Evaluation
    from dope_ros.training.evaluation.report import Report

THRESHOLDS = ("model", "best")

EVERYTHING = dict.fromkeys(Part, 0.0)
"""Scores below no detection is reported: AP needs the bad ones too."""


def add_parser(verbs: Any) -> None:
    """Add the verb `eval`."""
    parser = verbs.add_parser(
        "eval",
        help="measure a model on pictures with labels",
        description="Runs a model on a dataset and prints AP, precision and recall, and what its poses are "
        "like: PCKh and MPJPE of bodies, PCK, AUC and EPE of hands, NME of faces, by size.",
        epilog="Writes evaluation.json and, for each part, a picture of the worst cases. docs/evaluation.md "
        "explains the measures, docs/datasets.md lists the kinds of datasets.",
    )
    parser.add_argument("--data", required=True, metavar="KIND[@SPLIT]:FOLDER", help="the dataset")
    parser.add_argument(
        "--out", type=Path, default=Path("dope-eval"), help="folder to write (default: %(default)s)"
    )
    parser.add_argument("--limit", type=positive, help="pictures to take, chosen by --seed (default: all)")
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="of the choice of pictures (default: %(default)s)"
    )
    parser.add_argument(
        "--threshold",
        choices=THRESHOLDS,
        default="model",
        help="score above which a detection counts: the model's own, or for each part that of the best F1 "
        "on this dataset (default: %(default)s)",
    )
    parser.add_argument(
        "--worst",
        type=not_negative,
        default=8,
        help="worst cases to draw of each kind (default: %(default)s)",
    )
    parser.add_argument("--integration", choices=INTEGRATIONS, default="ppi", help="(default: %(default)s)")
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    with needed_for("eval", "training"):
        from dope_ros.cli.progress import over_pictures
        from dope_ros.training.datasets import open_dataset
        from dope_ros.training.evaluation import evaluate

        dataset = open_dataset(arguments.data)
    make_out_folder(arguments.out)
    engine = engine_from(arguments)
    pipeline = Pipeline(engine, PipelineSettings(integration=arguments.integration, min_scores=EVERYTHING))
    evaluation = evaluate(pipeline, dataset, _chosen(len(dataset), arguments), over_pictures)
    if not any(evaluation.pictures.values()):
        raise DatasetError(f"{dataset.name}: nothing is labelled in it, so there is nothing to measure")
    model = arguments.model.name if arguments.model else "the model in the package"
    best = arguments.threshold == "best"
    thresholds = dict.fromkeys(Part) if best else evaluation.own_thresholds
    report = evaluation.report(f"{model}, {engine.description}, {arguments.integration}", thresholds)
    (arguments.out / "evaluation.json").write_text(report.to_json())
    print(report.to_table())
    _draw_worst_cases(evaluation, report, arguments)
    return 0


def _chosen(total: int, arguments: argparse.Namespace) -> list[int]:
    if arguments.limit is None or arguments.limit >= total:
        return list(range(total))
    chosen = np.random.default_rng(arguments.seed).choice(total, arguments.limit, replace=False)
    return sorted(chosen.tolist())


def _draw_worst_cases(evaluation: Evaluation, report: Report, arguments: argparse.Namespace) -> None:
    from dope_ros.training.evaluation.worst import draw_worst, worst_cases

    for part, measures in report.measures.items():
        threshold = measures["all"]["threshold"]
        cases = worst_cases(evaluation.pictures[part], threshold, arguments.worst)
        sheet = draw_worst(evaluation.dataset, part, cases)
        if sheet is not None:
            path = arguments.out / f"worst-{part.value}.jpg"
            write_picture(path, sheet)
            print(path, file=sys.stderr)
