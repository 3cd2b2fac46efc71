# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node `dope`: a camera image in, whole-body poses and markers out.

Run it with `ros2 launch dope_ros dope.launch.py` or `ros2 run dope_ros dope_node`.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import wraps
from traceback import format_exc
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from dope_ros.errors import DopeError
from dope_ros.ros import images, transform_lookup
from dope_ros.ros.cameras import ignored_remaps
from dope_ros.ros.diagnostics import blamed, state_status
from dope_ros.ros.ending import Ending
from dope_ros.ros.logs import NodeLogHandler, Reminder
from dope_ros.ros.parameters import (
    declare_parameters,
    ignored_overrides,
    ignored_qos_overrides,
    read_settings,
)
from dope_ros.ros.perception import Perception
from dope_ros.tracking import IdCounter

DIAGNOSTICS_SECONDS = 1.0

Transition = Callable[["DopeNode", LifecycleState], TransitionCallbackReturn]


def _explained(what: str, outcome: TransitionCallbackReturn) -> Callable[[Transition], Transition]:
    """Around a transition's callback: that it cannot do `what` it is for is told, and leads to `outcome`.

    rclpy would take an exception for ERROR without a word.
    """

    def explain(callback: Transition) -> Transition:
        """The callback, explained."""

        @wraps(callback)
        def explained(node: DopeNode, state: LifecycleState) -> TransitionCallbackReturn:
            """What the callback returns, or `outcome`."""
            try:
                return callback(node, state)
            except Exception as error:
                node._tell_failure(what, error)
                return outcome

        return explained

    return explain


def _require(result: TransitionCallbackReturn) -> None:
    """Raise where what the node manages, such as its publishers, did not come along."""
    if result != TransitionCallbackReturn.SUCCESS:
        raise RuntimeError(f"something that the node manages answered {result.name}")


class DopeNode(LifecycleNode):
    """Finds people in camera images.

    Unconfigured it holds nothing; inactive it holds the loaded network and its publishers; active it
    subscribes to images. With the parameter `autostart` it configures and activates itself.

    Args:
        is_ending: says whether the process was told to end: then no engine is built any more.
        node_name: that of the node.
        options: of rclpy's `LifecycleNode` and `Node`: `namespace`, `parameter_overrides`, `context`, ...

    Raises:
        rclpy.exceptions.InvalidParameterValueException, InvalidParameterTypeException: a parameter given at
            start is bad; the message says why.
    """

    def __init__(
        self, is_ending: Callable[[], bool] = lambda: False, *, node_name: str = "dope", **options: Any
    ) -> None:
        super().__init__(node_name, **options)
        self._is_ending = is_ending
        self._perception: Perception | None = None
        self._is_freed = True
        self._ids: defaultdict[str, IdCounter] = defaultdict(IdCounter)
        self._silence = Reminder()
        self._fault = ""
        declare_parameters(self, is_configured=lambda: self._perception is not None)
        self._log_handler = NodeLogHandler(self.get_logger())
        self._log_handler.open()
        self._warn(ignored_overrides(self))
        self.add_post_set_parameters_callback(self._apply_live_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # By simulated time nothing would be told while the simulation rests, or has not begun.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_SECONDS, self._look_after, clock=steady)
        if read_settings(self).autostart:
            self._autostart = self.create_timer(0.0, self._start_once, clock=steady)

    @_explained("configure", TransitionCallbackReturn.FAILURE)
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network and create the publishers.

        Returns:
            SUCCESS: to `inactive`.
            FAILURE: the model or engine cannot be had, a topic's name or QoS override is bad, or something
                unforeseen failed, and the log says what; nothing is held. Back to `unconfigured`, where
                parameters can be mended and `configure` tried again.
        """
        settings = read_settings(self)
        with ExitStack() as undo:
            undo.callback(self._release)
            perception = self._perception = Perception(self, settings, self._tell_progress, self._ids)
            _require(super().on_configure(state))
            undo.pop_all()
        self._fault = ""
        libraries = f"images by {images.CONVERTER}; transforms by {transform_lookup.LOOKUP}"
        self.get_logger().info(f"configured: {perception.description}; {libraries}")
        self._warn(ignored_remaps(self, settings))
        return TransitionCallbackReturn.SUCCESS

    @_explained("activate", TransitionCallbackReturn.FAILURE)
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to images.

        Returns:
            SUCCESS: to `active`.
            FAILURE: a topic cannot be subscribed to (its QoS override is bad) or something unforeseen failed,
                and the log says what; nothing is subscribed to. Back to `inactive`.
        """
        with ExitStack() as undo:
            undo.callback(self._configured.stop)
            self._configured.start()
            _require(super().on_activate(state))
            undo.pop_all()
        self._fault = ""
        self.get_logger().info("active")
        self._warn(ignored_qos_overrides(self))
        return TransitionCallbackReturn.SUCCESS

    @_explained("deactivate", TransitionCallbackReturn.ERROR)
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, once the image under way is done.

        Returns:
            SUCCESS: to `inactive`.
            ERROR: something unforeseen failed, and the log says what. `on_error` frees everything.
        """
        self._configured.stop()
        return super().on_deactivate(state)

    @_explained("clean up", TransitionCallbackReturn.ERROR)
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and the publishers.

        Returns:
            SUCCESS: to `unconfigured`.
            ERROR: something unforeseen failed, and the log says what. `on_error` frees what is left.
        """
        self._fault = ""
        self._release()
        return super().on_cleanup(state)

    @_explained("shut down", TransitionCallbackReturn.FAILURE)
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything, from whatever state.

        Returns:
            SUCCESS: to `finalized`.
            FAILURE: something unforeseen failed, and the log says what. To `finalized` as well.
        """
        self._fault = ""
        self._release()
        return super().on_shutdown(state)

    @_explained("free everything", TransitionCallbackReturn.FAILURE)
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything after a transition raised.

        Returns:
            SUCCESS: to `unconfigured`, to try again.
            FAILURE: that failed, too, and the log says how. To `finalized`.
        """
        self.get_logger().error(f"a transition from '{state.label}' failed: everything is freed")
        self._release()
        super().on_error(state)
        return TransitionCallbackReturn.SUCCESS

    def end(self) -> bool:
        """Go to `finalized`, where the node is not there yet; what is shown of people is taken back.

        Returns:
            Whether everything is freed; else the log says what is not.
        """
        if self._state not in ("unconfigured", "inactive", "active"):
            return self._is_freed
        return bool(self.trigger_shutdown() == TransitionCallbackReturn.SUCCESS)

    def destroy_node(self) -> None:
        """Free everything before the node goes."""
        try:
            self._release()
        finally:
            self._log_handler.close()
            super().destroy_node()

    @property
    def _configured(self) -> Perception:
        """What `on_configure` built; rclpy runs the transitions that need it only after that succeeded."""
        if self._perception is None:
            raise RuntimeError("the node is not configured")
        return self._perception

    def _LifecycleNodeMixin__change_state(self, transition_id: int) -> TransitionCallbackReturn:  # noqa: N802
        """Refuse a transition that the state does not have.

        Overrides what both the service and `trigger_*` call in rclpy, by its mangled name: up to Jazzy it
        raises out of the service's callback, which ends the process instead of answering the client
        (https://github.com/ros2/rclpy/issues/1209). Where rclpy has no such method, this is never called.

        Returns:
            FAILURE: the state has no such transition, and the log says so. Else what rclpy returns.
        """
        possible = {number: label for number, label, *_ in self._state_machine.available_transitions}
        if transition_id in possible:
            return super()._LifecycleNodeMixin__change_state(transition_id)
        known = {number: label for number, label, *_ in self._state_machine.transition_graph}
        self.get_logger().warning(
            f"transition '{known.get(transition_id, transition_id)}' is not possible from state "
            f"'{self._state}', which has: {', '.join(possible.values()) or 'none'}"
        )
        return TransitionCallbackReturn.FAILURE

    @property
    def _state(self) -> str:
        """The lifecycle state's label."""
        return str(self._state_machine.current_state[1])

    def _tell_failure(self, what: str, error: Exception) -> None:
        """Tell why a transition failed, within the `except` clause."""
        if not self.context.ok() or (what == "configure" and self._is_ending()):
            return  # it failed because the process was told to end
        told = isinstance(error, DopeError)
        reason = str(error) if told else f"please report this: {format_exc()}"
        self._fault = f"cannot {what}: {reason}"
        self.get_logger().error(self._fault)

    def _warn(self, message: str) -> None:
        """Log a warning, unless it is empty."""
        if message:
            self.get_logger().warning(message)

    def _start_once(self) -> None:
        self._autostart.cancel()
        if self._state != "unconfigured":  # a lifecycle manager came first
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _release(self) -> None:
        perception, self._perception = self._perception, None
        if perception is None:
            return
        self._is_freed = False
        perception.close()
        self._is_freed = True

    def _apply_live_parameters(self, parameters: Sequence[Parameter]) -> None:
        del parameters  # read_settings reads them all
        if self._perception is not None:
            self._perception.apply(read_settings(self))

    def _tell_progress(self, step: str) -> bool:
        """Log what goes on while the network is opened, and show it; building an engine takes minutes.

        Returns:
            Whether it is to go on: the process was not told to end.
        """
        if self._is_ending() or not self.context.ok():
            return False
        self.get_logger().info(step)
        self._publish_statuses([state_status(self, f"configuring: {step}")])
        return True

    def _look_after(self) -> None:
        """What is due again and again, whether images come or not."""
        self._publish_diagnostics()
        if self._perception is not None:
            self._perception.forget_unseen()

    def _publish_diagnostics(self) -> None:
        if self._perception is None:
            statuses = [state_status(self, self._state)]  # or finalized
        else:
            for silence in self._silence.due(self._perception.silences()):
                self._warn(silence)
            statuses = self._perception.report()
        self._publish_statuses([blamed(status, self._fault) for status in statuses])

    def _publish_statuses(self, statuses: Sequence[DiagnosticStatus]) -> None:
        message = DiagnosticArray(status=statuses)
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted.

    Returns:
        0 after an interrupt, 1 where an argument or a parameter given at start is bad. A network that hangs
        ends the process at once, likewise with 1.
    """
    with Ending() as ending:
        try:
            return _run(arguments, ending)
        finally:
            rclpy.try_shutdown()


def _run(arguments: Sequence[str] | None, ending: Ending) -> int:
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rcl's: arguments or a parameter file that it cannot read
        return _cannot_start(str(error))
    try:
        node = DopeNode(lambda: ending.is_told)
    except (InvalidParameterValueException, InvalidParameterTypeException) as error:
        whole = "of type 'INTEGER', expecting type 'DOUBLE'" in str(error)
        return _cannot_start(f"{error}{'; write the number with a decimal point' if whole else ''}")
    try:
        _spin(node, ending)
        if not node.end():
            os._exit(1)  # a thread that hangs in a runtime would abort, or keep, the interpreter's own end
    finally:
        node.destroy_node()
    return 0


def _cannot_start(reason: str) -> int:
    """Say why the node does not start. Returns the exit code."""
    rclpy.logging.get_logger("dope").fatal(f"cannot start: {reason}")
    return 1


def _spin(node: DopeNode, ending: Ending) -> None:
    """Have the node do its work until the process is told to end."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    ending.wakes(lambda: executor.create_task(lambda: None))
    try:
        while rclpy.ok() and not ending.is_told:
            executor.spin_once()
    finally:
        ending.wakes(lambda: None)
        executor.shutdown()


if __name__ == "__main__":
    sys.exit(main())
