# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the node, and RViz if asked to: `ros2 launch dope_ros dope.launch.py --show-args`."""

from __future__ import annotations

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

NODE_NAME = "dope"

TOPICS = ("image", "camera_info", "depth", "depth_camera_info")
"""What the node subscribes to; the arguments of these names say where that is."""

SHOWN_IMAGE = "/image"
SHOWN_TOPICS = ("markers", "overlay")
"""What config/dope.rviz shows: these of the node `/dope`, and the image. RViz gets the actual ones."""

DEFAULT_PARAMS_FILE = ("config", "dope.yaml")
"""In the package's share folder; a parameter file that is given needs to name no more than it changes."""

AS_IN_PARAMS_FILE = ""
"""What an argument is where the command line does not give it: the parameter file decides."""

PARAMETER_TYPES = {
    "model": str,
    "engine": str,
    "image_transport": str,
    "rectified": bool,
    "use_depth": bool,
    "body_size": str,
    "tracking": str,
    "target_frame": str,
    "broadcast_tf": bool,
    "hri": bool,
    "autostart": bool,
    "use_sim_time": bool,
}
"""The arguments that stand for the parameter of the same name."""

PARAMETERS_OF_RVIZ = ("use_sim_time",)
"""Those of them that RViz has as well."""


def in_share(*path: str) -> PathJoinSubstitution:
    """A file that the package installs."""
    return PathJoinSubstitution([FindPackageShare("dope_ros"), *path])


def parameter_argument(
    name: str, description: str, choices: list[str] | None = None
) -> DeclareLaunchArgument:
    """An argument that sets the parameter of its name, if given."""
    return DeclareLaunchArgument(
        name,
        default_value=AS_IN_PARAMS_FILE,
        description=f"{description} Not given: as in params_file.",
        choices=choices and [AS_IN_PARAMS_FILE, *choices],
    )


ARGUMENTS = [
    DeclareLaunchArgument("image", default_value="image", description="Topic of the camera's images."),
    DeclareLaunchArgument(
        "camera_info", default_value="camera_info", description="Topic of the camera's intrinsics."
    ),
    DeclareLaunchArgument(
        "depth", default_value="depth", description="Topic of depth images; see use_depth."
    ),
    DeclareLaunchArgument(
        "depth_camera_info",
        default_value="depth_camera_info",
        description="Topic of the depth camera's intrinsics, where depth is in a frame of its own.",
    ),
    parameter_argument(
        "image_transport",
        "Kind of image: raw on <image>, compressed on <image>/compressed.",
        choices=["raw", "compressed"],
    ),
    parameter_argument("model", "Path of an ONNX model, a TensorRT engine or a checkpoint."),
    parameter_argument(
        "engine",
        "What runs the network; auto takes the fastest there is.",
        choices=["auto", "onnx", "tensorrt", "torch"],
    ),
    parameter_argument(
        "rectified", "Whether images are rectified: P describes them then.", choices=["true", "false"]
    ),
    parameter_argument(
        "use_depth", "Whether to measure distances in depth images.", choices=["true", "false"]
    ),
    parameter_argument(
        "body_size", "What is known of the people's sizes.", choices=["seen", "adult", "child"]
    ),
    parameter_argument(
        "tracking",
        "Whether people keep their ids from image to image, and are smoothed.",
        choices=["off", "ids", "smooth"],
    ),
    parameter_argument("target_frame", "Frame in which people are published."),
    parameter_argument(
        "broadcast_tf", "Whether to publish frames of people on /tf.", choices=["true", "false"]
    ),
    parameter_argument("hri", "Whether to publish people for ROS4HRI.", choices=["true", "false"]),
    parameter_argument(
        "autostart", "Whether the node configures and activates itself.", choices=["true", "false"]
    ),
    parameter_argument(
        "use_sim_time",
        "Whether the node and RViz take the time from /clock, as with `ros2 bag play --clock`.",
        choices=["true", "false", "True", "False"],  # launch files that include this one write either
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=in_share(*DEFAULT_PARAMS_FILE),
        description="Parameter file of the node. What it does not name is as in the package's "
        "config/dope.yaml; arguments that are given beat it.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node and its topics."),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        description="Least severe messages that the node logs.",
        choices=["debug", "info", "warn", "error", "fatal"],
    ),
    DeclareLaunchArgument(
        "rviz", default_value="false", description="Whether to start RViz.", choices=["true", "false"]
    ),
    DeclareLaunchArgument(
        "fixed_frame",
        default_value="",
        description="Frame in which RViz shows people: the frame_id of the images, or one that TF connects "
        "with it. Not given: target_frame if that is given, else as in config/dope.rviz: 'camera', which is "
        "what v4l2_camera calls it.",
    ),
]


def given_parameters(context: LaunchContext) -> dict[str, ParameterValue]:
    """The parameters that the command line sets."""
    return {
        name: ParameterValue(LaunchConfiguration(name), value_type=value_type)
        for name, value_type in PARAMETER_TYPES.items()
        if context.launch_configurations[name] != AS_IN_PARAMS_FILE
    }


def full_namespace(context: LaunchContext) -> str:
    """That of the node: the argument, below what a PushRosNamespace around this file says."""
    argument, pushed = (context.launch_configurations.get(name) for name in ("namespace", "ros_namespace"))
    return str(make_namespace_absolute(prefix_namespace(pushed, argument)))


def logger_name(namespace: str) -> str:
    """The node's logger: the parts of its full name, joined by dots."""
    return ".".join([*filter(None, namespace.split("/")), NODE_NAME])


def dope_node(context: LaunchContext) -> list[LifecycleNode]:
    """The node, with what the arguments say."""
    argument = context.launch_configurations
    log_level = f"{logger_name(full_namespace(context))}:={argument['log_level']}"
    node = LifecycleNode(
        package="dope_ros",
        executable="dope_node",
        name=NODE_NAME,
        namespace=argument["namespace"],
        parameters=[in_share(*DEFAULT_PARAMS_FILE), argument["params_file"], given_parameters(context)],
        remappings=[(topic, argument[topic]) for topic in TOPICS],
        ros_arguments=["--log-level", log_level],
        output="screen",
    )
    return [node]


def absolute_topic(topic: str, namespace: str) -> str:
    """A topic of the node by its full name."""
    if topic.startswith("/"):
        return topic
    place = f"{namespace}/{NODE_NAME}" if topic.startswith("~/") else namespace
    return "/".join(["", *filter(None, place.split("/")), topic.removeprefix("~/")])


def rviz_node(context: LaunchContext) -> list[Node]:
    """RViz, if asked for, with the topics of the node and a frame that these are in."""
    argument = context.launch_configurations
    namespace, target_frame = full_namespace(context), argument["target_frame"].lstrip("/")
    fixed_frame = argument["fixed_frame"] or target_frame
    given = given_parameters(context)
    shown = [(f"/{NODE_NAME}/{name}", absolute_topic(f"~/{name}", namespace)) for name in SHOWN_TOPICS]
    node = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", in_share("config", "dope.rviz"), *(["-f", fixed_frame] if fixed_frame else [])],
        parameters=[{name: given[name] for name in PARAMETERS_OF_RVIZ if name in given}],
        remappings=[(SHOWN_IMAGE, absolute_topic(argument["image"], namespace)), *shown],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return [node]


def generate_launch_description() -> LaunchDescription:
    """The arguments, the node and RViz."""
    return LaunchDescription(
        [*ARGUMENTS, OpaqueFunction(function=dope_node), OpaqueFunction(function=rviz_node)]
    )
