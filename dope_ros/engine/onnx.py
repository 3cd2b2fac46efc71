# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a model with ONNX Runtime, on the CPU, or on CUDA where that provider is there."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from dope_ros.engine.contract import (
    INPUT_NAME,
    ModelSpec,
    check_finite,
    check_outputs,
    output_names,
    parse_spec,
    proposals_from_outputs,
    require_model_file,
)
from dope_ros.engine.shared_weights import check_weights
from dope_ros.errors import EngineError, ModelError
from dope_ros.poses import Proposals
from dope_ros.skeleton import Part

logger = logging.getLogger(__name__)

PREFERRED_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")

TF32_OPTION_SINCE = (1, 18)
"""The release of ONNX Runtime from which on its CUDA provider has an option for TF32; others refuse it."""

_RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in vars(ort_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,
    ValueError,
    TypeError,
)
"""What ONNX Runtime raises; its own exceptions have no base in common but Exception."""


class OnnxEngine:
    """An `Engine` on ONNX Runtime.

    Loading runs the network once on a grey picture: that checks the shapes of its outputs and warms
    it up.

    Raises:
        ModelError: the file is missing, is no ONNX model, breaks the model contract, reads weights from a
            file that has changed, or gives numbers that are not finite.
    """

    def __init__(self, model: Path, threads: int = 0) -> None:
        self._source = model.name
        self._session = _open_session(model, threads)
        self._outputs = output_names()
        self.spec = self._read_spec()
        check_weights(model, self._session.get_modelmeta().custom_metadata_map)
        self._check_by_running()
        provider = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        self.description = f"ONNX Runtime {ort.__version__} on {provider}"

    def run(self, pixels: np.ndarray) -> dict[Part, Proposals]:
        """Run the network on `pixels`, uint8 [H, W, 3], RGB, of the size that `spec` names.

        Raises:
            EngineError: the runtime failed, or what it gives is not finite.
        """
        return proposals_from_outputs(self._source, self._run_raw(pixels))

    def close(self) -> None:
        """Free the session; the engine cannot run after that."""
        del self._session

    def _run_raw(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        try:
            values = self._session.run(self._outputs, {INPUT_NAME: pixels[None]})
        except _RUNTIME_ERRORS as error:
            raise EngineError(f"{self._source}: ONNX Runtime failed: {error}") from error
        return dict(zip(self._outputs, values, strict=True))

    def _read_spec(self) -> ModelSpec:
        inputs = {tensor.name: tensor for tensor in self._session.get_inputs()}
        if set(inputs) != {INPUT_NAME}:
            raise ModelError(f"{self._source}: its inputs are {sorted(inputs)}, not ['{INPUT_NAME}']")
        missing = set(self._outputs) - {tensor.name for tensor in self._session.get_outputs()}
        if missing:
            raise ModelError(f"{self._source}: outputs are missing: {', '.join(sorted(missing))}")
        image = inputs[INPUT_NAME]
        metadata = self._session.get_modelmeta().custom_metadata_map
        return parse_spec(self._source, list(image.shape), image.type, metadata)

    def _check_by_running(self) -> None:
        blank = np.full((self.spec.height, self.spec.width, 3), self.spec.pad_value, np.uint8)
        try:
            outputs = self._run_raw(blank)
            check_outputs(self._source, self.spec, outputs)
            check_finite(self._source, outputs)
        except EngineError as error:
            raise ModelError(str(error)) from error


def runs_on_cpu() -> bool:
    """Whether the first provider that an `OnnxEngine` tries is the CPU's."""
    return _wanted_providers()[0] == "CPUExecutionProvider"


def _wanted_providers() -> list[str]:
    return [name for name in PREFERRED_PROVIDERS if name in ort.get_available_providers()]


def _open_session(model: Path, threads: int) -> ort.InferenceSession:
    require_model_file(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Worker threads spin while a picture is under way, which saves 5 % of the time, and sleep in between: a
    # robot has other work for its cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    wanted = _wanted_providers()
    session = _session_on(wanted, model, options)
    if session.get_providers()[0] != wanted[0]:
        logger.warning("%s would not start; the network runs on %s", wanted[0], session.get_providers()[0])
    return session


def _session_on(providers: list[str], model: Path, options: ort.SessionOptions) -> ort.InferenceSession:
    """A session on the first of the providers that starts.

    ONNX Runtime would try the next one itself, and say so on standard output, where `dope` writes results.
    """
    of_providers = [_provider_options(name) for name in providers]
    try:
        return ort.InferenceSession(str(model), options, providers, of_providers, enable_fallback=0)
    except _RUNTIME_ERRORS as error:
        if len(providers) > 1:
            logger.warning("%s: %s", providers[0], error)
            return _session_on(providers[1:], model, options)
        raise ModelError(f"{model}: ONNX Runtime cannot load it: {error}") from error


def _provider_options(provider: str) -> dict[str, str]:
    """No TF32, which is the CUDA provider's default and rounds inputs as half precision does."""
    release = tuple(map(int, ort.__version__.split(".")[:2]))
    if provider == "CUDAExecutionProvider" and release >= TF32_OPTION_SINCE:
        return {"use_tf32": "0"}
    return {}
