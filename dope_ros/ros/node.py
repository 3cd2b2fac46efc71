# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node `dope`: a camera image in, whole-body poses and markers out.

Run it with `ros2 launch dope_ros dope.launch.py` or `ros2 run dope_ros dope_node`.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from traceback import format_exc

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from dope_ros.errors import DopeError
from dope_ros.ros import images
from dope_ros.ros.diagnostics import blamed, state_status
from dope_ros.ros.logs import NodeLogHandler, Throttle
from dope_ros.ros.parameters import declare_parameters, read_settings
from dope_ros.ros.perception import Perception

DIAGNOSTICS_SECONDS = 1.0

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DopeNode(LifecycleNode):
    """Finds people in camera images.

    Unconfigured it holds nothing; inactive it holds the loaded network and its publishers; active it
    subscribes to images. With the parameter `autostart` it configures and activates itself.
    """

    def __init__(self) -> None:
        super().__init__("dope")
        self._perception: Perception | None = None
        self._silence = Throttle()
        self._fault = ""
        self._route_package_log()
        declare_parameters(self, is_configured=lambda: self._perception is not None)
        self.add_post_set_parameters_callback(self._apply_live_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # By simulated time nothing would be told while the simulation rests, or has not begun.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_SECONDS, self._look_after, clock=steady)
        if read_settings(self).autostart:
            self._autostart = self.create_timer(0.0, self._start_once, clock=steady)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network and create the publishers.

        Returns:
            SUCCESS: to `inactive`.
            FAILURE: the model or engine cannot be had, a topic's name or QoS override is bad, or something
                unforeseen failed, and the log says what; nothing is held. Back to `unconfigured`, where
                parameters can be mended and `configure` tried again.
        """
        try:
            self._perception = Perception(self, read_settings(self), self._tell_progress)
        except Exception as error:  # rclpy would swallow it without a word
            return self._failed("configure", error)
        self._fault = ""
        self.get_logger().info(f"configured: {self._perception.description}; images by {images.CONVERTER}")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to images.

        Returns:
            SUCCESS: to `active`.
            FAILURE: a topic cannot be subscribed to (its QoS override is bad) or something unforeseen failed,
                and the log says what; nothing is subscribed to. Back to `inactive`.
        """
        try:
            self._configured.start()
        except Exception as error:  # rclpy would swallow it without a word
            self._configured.stop()
            return self._failed("activate", error)
        self._fault = ""
        result = super().on_activate(state)
        self.get_logger().info("active")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, once the image under way is done. Returns SUCCESS: to `inactive`."""
        self._configured.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and the publishers. Returns SUCCESS: to `unconfigured`."""
        self._fault = ""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything, from whatever state. Returns SUCCESS: to `finalized`."""
        self._fault = ""
        self._release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything after a transition raised. Returns SUCCESS: to `unconfigured`, to try again."""
        self.get_logger().error(f"a transition from '{state.label}' failed: everything is freed")
        self._release()
        super().on_error(state)
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Free everything before the node goes."""
        self._release()
        logging.getLogger("dope_ros").removeHandler(self._log_handler)
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

    def _failed(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        """Tell why a transition failed, within the `except` clause. Returns FAILURE: back to where it was."""
        if self.context.ok():  # else it failed because the process was told to end
            told = isinstance(error, DopeError)
            reason = str(error) if told else f"please report this: {format_exc()}"
            self._fault = f"cannot {transition}: {reason}"
            self.get_logger().error(self._fault)
        return TransitionCallbackReturn.FAILURE

    def _start_once(self) -> None:
        self._autostart.cancel()
        if self._state != "unconfigured":  # a lifecycle manager came first
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _release(self) -> None:
        if self._perception is None:
            return
        self._perception.close()
        self._perception = None

    def _apply_live_parameters(self, parameters: Sequence[Parameter]) -> None:
        del parameters  # read_settings reads them all
        if self._perception is not None:
            self._perception.apply(read_settings(self))

    def _tell_progress(self, step: str) -> bool:
        """Log what goes on while the network is opened, and show it; building an engine takes minutes.

        Returns:
            Whether it is to go on: the process was not told to end.
        """
        if not self.context.ok():
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
            for silence in self._perception.silences():
                if self._silence.passes(silence):
                    self.get_logger().warning(silence)
            statuses = self._perception.report()
        self._publish_statuses([blamed(status, self._fault) for status in statuses])

    def _publish_statuses(self, statuses: Sequence[DiagnosticStatus]) -> None:
        message = DiagnosticArray(status=statuses)
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _route_package_log(self) -> None:
        self._log_handler = NodeLogHandler(self.get_logger())
        package_log = logging.getLogger("dope_ros")
        package_log.addHandler(self._log_handler)
        package_log.setLevel(logging.INFO)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted.

    Returns:
        0 after an interrupt, 1 where a parameter given at start is bad.
    """
    _leave_signals_to_rclpy()
    rclpy.init(args=arguments)
    try:
        node = DopeNode()
    except (InvalidParameterValueException, InvalidParameterTypeException) as error:
        whole = "of type 'INTEGER', expecting type 'DOUBLE'" in str(error)
        decimal = "; write the number with a decimal point" if whole else ""
        rclpy.logging.get_logger("dope").fatal(f"cannot start: {error}{decimal}")
        rclpy.try_shutdown()
        return 1
    try:
        rclpy.spin(node)
    except Exception:
        if rclpy.ok():
            raise
        # A signal shut the context down: spin ends so, and whatever the node was about just then fails.
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
        _ignore_signals()
    return 0


def _leave_signals_to_rclpy() -> None:
    """Let SIGINT and SIGTERM shut the context down and nothing else; before `rclpy.init`.

    On Ctrl-C the terminal and launch each send one. rclpy's handler shuts the context down and calls the
    handler that it found; Python's own would raise KeyboardInterrupt, the second time amid the clean-up.
    """
    for number in ENDING_SIGNALS:
        signal.signal(number, lambda *_: None)


def _ignore_signals() -> None:
    """For the rest of the process's life: rclpy's handlers are gone, and Python puts back the system's."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
