# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shows the dope node at work: a camera publishes pictures of people, the node answers, and all is kept.

The node runs as a process of its own and is talked to over DDS alone. Into the output folder go, for each
picture, its overlay as the node published it and a view of its markers in space; a contact sheet of all; and
a rosbag2 (MCAP) of every topic, for Foxglove or `ros2 bag play`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import rclpy
from answers import MARKERS_TOPIC, OVERLAY_TOPIC, POSES_TOPIC, RELIABLE, Answer, Answers, describe
from camera import CAMERA_INFO_TOPIC, IMAGE_TOPIC, Picture, PictureCamera, demo_pictures, read_picture
from diagnostic_msgs.msg import DiagnosticArray
from node_process import DemoError, NodeProcess
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from recorder import Bag, Recorder, Topic
from sensor_msgs.msg import CameraInfo, Image
from sheet import contact_sheet
from view3d import draw_markers
from visualization_msgs.msg import MarkerArray

from dope_ros.msg import WholeBodyPose3DArray
from dope_ros.ros.transport import use_large_shared_memory

DEFAULT_OUT = Path(__file__).parent / "out"
DOMAIN_ID = "77"
CAMERA_RATE = 5.0
"""Hertz."""
ANSWERS_PER_PICTURE = 5
"""So that a recording shows each picture for about a second. The last one counts: CameraInfo comes on a topic
of its own, and the first image of a new camera may meet the intrinsics of the one before."""

RECORDED = {
    IMAGE_TOPIC: Topic(Image, qos_profile_sensor_data),
    CAMERA_INFO_TOPIC: Topic(CameraInfo, qos_profile_sensor_data),
    POSES_TOPIC: Topic(WholeBodyPose3DArray, RELIABLE),
    MARKERS_TOPIC: Topic(MarkerArray, RELIABLE),
    OVERLAY_TOPIC: Topic(Image, RELIABLE),
    "/diagnostics": Topic(DiagnosticArray, RELIABLE),
}


BAG_FILES = {"bag.mcap", "metadata.yaml"}
"""What a bag of the demo holds, which the next run deletes."""


class Shown(NamedTuple):
    """A picture and the node's last answer to it."""

    picture: Picture
    answer: Answer


class Outputs(NamedTuple):
    """The folder for what the demo makes, and the names in it."""

    folder: Path

    @property
    def bag(self) -> Path:
        """The rosbag2, a folder."""
        return self.folder / "bag"

    @property
    def log(self) -> Path:
        """What the node said."""
        return self.folder / "node.log"

    @property
    def sheet(self) -> Path:
        """All pictures on one."""
        return self.folder / "contact_sheet.png"

    def overlay(self, picture: Picture) -> Path:
        """The picture as the node drew over it."""
        return self.folder / f"{picture.name}_overlay.png"

    def view(self, picture: Picture) -> Path:
        """The picture's people in space."""
        return self.folder / f"{picture.name}_3d.png"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Returns 0; 1 where it failed, which standard error tells; 130 after Ctrl-C."""
    options = _parse(arguments)
    try:
        run(options.pictures or demo_pictures(), Outputs(options.out), options.timeout)
    except (DemoError, OSError) as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(pictures: Sequence[Picture], outputs: Outputs, timeout: float) -> None:
    """Show the pictures to a node of our own and keep what it says.

    Raises:
        DemoError: the node died, or said nothing about a picture within `timeout` seconds; or something else
            lies where the bag goes.
        OSError: the output folder cannot be written to.
    """
    _make_empty(outputs)
    remappings = {"image": IMAGE_TOPIC, "camera_info": CAMERA_INFO_TOPIC}
    with _ros_node("dope_demo") as ros, NodeProcess(remappings, outputs.log) as dope:
        print(f"node started, its log is {outputs.log}; waiting until it is active", flush=True)
        dope.wait_until_active(ros, timeout)
        with Bag(outputs.bag, {name: topic.message for name, topic in RECORDED.items()}) as bag:
            Recorder(ros, bag, RECORDED)
            shown = [*_show_all(pictures, ros, dope, timeout)]
    print("node ended cleanly; drawing")
    _draw(shown, outputs)


def _show_all(pictures: Iterable[Picture], ros: Node, dope: NodeProcess, timeout: float) -> Iterator[Shown]:
    camera, answers = PictureCamera(ros, CAMERA_RATE), Answers(ros)

    def is_answered() -> bool:
        return len(answers.to(camera.stamps)) >= ANSWERS_PER_PICTURE

    for picture in pictures:
        camera.show(picture)
        if not dope.spin_until(ros, is_answered, timeout):
            heard = ", ".join(answers.heard(camera.stamps)) or "no topic"
            raise dope.failure(f"{picture.name}: no complete answer in {timeout:g} s; heard on {heard}")
        answer = answers.to(camera.stamps)[-1]
        for person in answer.poses.people:
            print(f"{picture.name:>14}  {describe(person)}", flush=True)
        if not answer.poses.people:
            print(f"{picture.name:>14}  nobody", flush=True)
        yield Shown(picture, answer)


def _draw(shown: Iterable[Shown], outputs: Outputs) -> None:
    tiles = []
    for picture, answer in shown:
        overlay, view = answer.overlay_pixels(), draw_markers(answer.markers, picture.name)
        _write(outputs.overlay(picture), overlay)
        _write(outputs.view(picture), view)
        tiles += [overlay, view]
    _write(outputs.sheet, contact_sheet(tiles, columns=4))
    print(f"{outputs.bag}  (open the .mcap in it with Foxglove, or `ros2 bag play` the folder)")


def _write(path: Path, pixels: np.ndarray) -> None:
    if not cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
        raise DemoError(f"{path} could not be written")
    print(path)


def _make_empty(outputs: Outputs) -> None:
    """Make the output folder, without the bag of an earlier run."""
    outputs.folder.mkdir(parents=True, exist_ok=True)
    if not outputs.bag.exists():
        return
    if {path.name for path in outputs.bag.iterdir()} - BAG_FILES:
        raise DemoError(f"{outputs.bag} holds more than a bag of the demo: move it, or choose another --out")
    shutil.rmtree(outputs.bag)


@contextmanager
def _ros_node(name: str) -> Iterator[Node]:
    """A ROS node on this machine alone, in a domain of its own unless the environment names one."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ.setdefault("ROS_DOMAIN_ID", DOMAIN_ID)
    use_large_shared_memory()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node(name)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, help="folder for what is made (default: %(default)s)"
    )
    parser.add_argument(
        "--pictures",
        type=_picture,
        nargs="+",
        metavar="FILE",
        help="show these instead; a cameras.json beside them may hold their intrinsics (see demo/pictures)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for the active node, and for each picture's answer (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _picture(text: str) -> Picture:
    try:
        return read_picture(Path(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
