# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Records topics into a rosbag2 in MCAP, as they come over the wire.

Each topic's message definition goes into the file with all that it depends on, so Foxglove and any other
MCAP reader can decode it without the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ament_index_python.packages import get_package_share_directory
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

ROSBAG2_VERSION = 9
"""The metadata version that ROS 2 Jazzy writes."""


class Topic(NamedTuple):
    """What is recorded of a topic, and how it is subscribed to."""

    message: type
    qos: QoSProfile


def type_name(message: type) -> str:
    """The ROS name of a message class: `package/msg/Name`."""
    package, namespace = message.__module__.split(".")[:2]
    return f"{package}/{namespace}/{message.__name__}"


def jazzy_types_and(package: str) -> Typestore:
    """The message definitions of ROS 2 Jazzy, and those that an installed package brings."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in sorted(Path(get_package_share_directory(package), "msg").glob("*.msg")):
        store.register(get_types_from_msg(path.read_text(), f"{package}/msg/{path.stem}"))
    return store


class Bag:
    """A rosbag2 being written. A context manager: the bag is readable once it is left.

    Raises:
        rosbags.rosbag2.WriterError: the folder exists already.
    """

    def __init__(self, folder: Path, topics: Mapping[str, type]) -> None:
        """A new bag in `folder`, with a connection for each topic name and message class."""
        store = jazzy_types_and("dope_ros")
        self._writer = Writer(folder, version=ROSBAG2_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        self._connections = {
            name: self._writer.add_connection(name, type_name(message), typestore=store)
            for name, message in topics.items()
        }

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, topic: str, received: int, serialised: bytes) -> None:
        """Append a message as it was on the wire (CDR); `received` in nanoseconds since the epoch."""
        self._writer.write(self._connections[topic], received, serialised)


class Recorder:
    """Writes every message of some topics into a bag, for as long as the node spins."""

    def __init__(self, node: Node, bag: Bag, topics: Mapping[str, Topic]) -> None:
        self._clock = node.get_clock()
        self._bag = bag
        for name, topic in topics.items():
            self._subscribe(node, name, topic)

    def _subscribe(self, node: Node, name: str, topic: Topic) -> None:
        def record(serialised: bytes) -> None:
            self._bag.write(name, self._clock.now().nanoseconds, serialised)

        node.create_subscription(topic.message, name, record, topic.qos, raw=True)
