# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames over DDS: people on /tf, people in a target frame, depth images of another camera."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from depth_scene import render
from geometry_msgs.msg import TransformStamped
from rclpy.qos import qos_profile_sensor_data
from robot import camera_info, running_node
from rosgraph_msgs.msg import Clock
from scenes import CAMERA, HEIGHT, WIDTH, pose_of, seen, standing
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image
from tiny_model import film_picture, write_film_model, write_tiny_model
from visualization_msgs.msg import MarkerArray

from dope_ros.geometry import Intrinsics, Transform, transformed
from dope_ros.ros.messages import people_from_message
from dope_ros.ros.transform_lookup import Tf2Store, TreeStore
from dope_ros.skeleton import HEAD, LEFT_HIP, LEFT_WRIST, RIGHT_HIP
from dope_ros.tracking.stature import FEWEST
from dope_ros.transform_tree import MISSES, TransformError

GREY = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
PERSON = standing((0.4, 0.1, 3.0))
UPRIGHT = Transform(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float), np.array([0.1, 0.0, 1.4]))
"""Of a camera that looks along the x axis of its base, which has z up."""

pytestmark = pytest.mark.usefixtures("interfaces")


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "one.onnx", [seen(PERSON)], HEIGHT, WIDTH)


class Broadcaster:
    """Says on /tf where a frame is."""

    def __init__(self, robot):
        from tf2_msgs.msg import TFMessage

        self._kind = TFMessage
        self._publisher = robot.node.create_publisher(TFMessage, "/tf", 100)

    def is_heard(self):
        return self._publisher.get_subscription_count() > 0

    def say(self, parent, child, place, stamp, quaternion=None):
        message = TransformStamped(child_frame_id=child)
        message.header.frame_id, message.header.stamp = parent, stamp
        t, q = message.transform.translation, message.transform.rotation
        t.x, t.y, t.z = place.translation.tolist()
        q.x, q.y, q.z, q.w = place.quaternion().tolist() if quaternion is None else quaternion
        self._publisher.publish(self._kind(transforms=[message]))


class Heard:
    """Takes the names of the frames that a listener hears of."""

    def __init__(self):
        self.frames, self.static_frames = [], []

    def add(self, stamped):
        self.frames.append(stamped.child_frame_id)

    def add_static(self, stamped):
        self.static_frames.append(stamped.child_frame_id)

    def clear(self):
        self.frames.clear()


def place_of(parent, child, seconds):
    """A frame a metre ahead of its parent, at that time."""
    stamped = TransformStamped(child_frame_id=child)
    stamped.header.frame_id, stamped.header.stamp.sec = parent, seconds
    stamped.transform.translation.x = stamped.transform.rotation.w = 1.0
    return stamped


@pytest.mark.parametrize("seconds", [100, 200, 300])
@pytest.mark.parametrize("store", [TreeStore, Tf2Store])
def test_a_static_place_of_another_time_does_not_make_time_go_back(store, seconds):
    if store is Tf2Store:
        pytest.importorskip("tf2_ros", reason="tf2_ros comes with ROS 2, and is no wheel")
    known = store()
    known.add(place_of("map", "base", 200))
    known.add_static(place_of("base", "camera", seconds))
    known.add(place_of("map", "base", 201))
    found = known.lookup("map", "camera", Time(sec=200), 0.0)
    np.testing.assert_allclose(found.apply(np.zeros(3)), (2, 0, 0))


def show_metric(robot, before=None):
    """Shows the scene until the answer is metric; `before` each image something may be done with it."""
    info = camera_info(WIDTH, HEIGHT, CAMERA)

    def now():
        robot.camera_infos.publish(info)
        image = robot.image(GREY)
        if before is not None:
            before(image)
        robot.images.publish(image)
        try:
            return robot.wait_until(lambda: robot.answer_to(image), "poses", patience=0.5)
        except AssertionError:
            return None  # best effort: an image may be lost

    def metric():
        message = now()
        return [message] if message and message.people[0].metric else None

    return robot.wait_until(metric, "a metric position")[0]


def test_frames_of_people_are_broadcast(robot, model):
    from tf2_msgs.msg import TFMessage

    frames = robot.listen(TFMessage, "/tf", 100)
    with running_node({"model": model, "broadcast_tf": True}):
        show_metric(robot)
        robot.wait_until(lambda: frames, "frames")
    found = {each.child_frame_id: each for each in frames[-1].transforms}
    assert {"body_b0", "head_b0", "l_wrist_b0", "r_knee_b0", "face_f0", "gaze_f0", "left_hand_b0"} <= set(
        found
    )
    body = found["body_b0"]
    assert body.header.frame_id == "camera_optical_frame"
    t, q = body.transform.translation, body.transform.rotation
    pose = Transform.from_quaternion(np.array([q.x, q.y, q.z, q.w]), np.array([t.x, t.y, t.z]))
    joints = PERSON.body.keypoints_3d
    np.testing.assert_allclose(pose.translation, joints[[RIGHT_HIP, LEFT_HIP]].mean(axis=0), atol=0.02)
    assert pose.rotation[:, 0] @ (0, 0, -1) > 0.95, "x is forward: the person faces the camera"
    assert pose.rotation[:, 2] @ (0, -1, 0) > 0.95, "z is up"
    wrist = found["l_wrist_b0"]
    assert wrist.header.frame_id == "body_b0"
    t = wrist.transform.translation
    np.testing.assert_allclose(pose.apply(np.array([t.x, t.y, t.z])), joints[LEFT_WRIST], atol=0.02)


def test_frames_that_would_hang_on_nothing_are_not_broadcast(robot, model):
    from tf2_msgs.msg import TFMessage

    frames = robot.listen(TFMessage, "/tf", 100)

    def forget_the_frame(image):
        image.header.frame_id = ""

    with running_node({"model": model, "broadcast_tf": True}) as node:
        show_metric(robot, forget_the_frame)
        node.wait_for_log("WARN", "images without a frame_id")
        show_metric(robot, forget_the_frame)
        assert not frames
        show_metric(robot)
        robot.wait_until(lambda: frames, "frames of an image that has one")
    assert all(each.header.frame_id for each in frames[0].transforms)


def test_frames_of_people_are_not_listened_to_for_tf2_would_keep_them_for_ever(robot):
    """Nor are those of another node's people. What is called alike but is no person's is heard."""
    from dope_ros.ros.people_frames import frames_of
    from dope_ros.ros.transform_lookup import Listener

    sink = Heard()
    listener = Listener(robot.node, sink)
    tf = Broadcaster(robot)
    robot.wait_until(tf.is_heard, "the listener is found")
    person = {f"body_b7{camera}": f"l_wrist_b7{camera}" for camera in ("", "a")}
    of_robot = ["camera", "head_b7", "body_link", "body_b", "left_hand_b7_palm"]
    stamp = Time(sec=1)
    for body, joint in person.items():
        tf.say("camera", body, UPRIGHT, stamp)
        tf.say(body, joint, UPRIGHT, stamp)
    for name in ("face_f12", "gaze_f12b", "left_hand_b3", "right_hand_b3c"):
        tf.say("camera", name, UPRIGHT, stamp)
    for camera in ("", "a"):
        for frame in frames_of(replace(PERSON, id=4, metric=True), camera, "camera"):
            tf.say(*frame, stamp)
    for name in of_robot:
        tf.say("base_link", name, UPRIGHT, stamp)
    robot.wait_until(lambda: of_robot[-1] in sink.frames, "the last of them")
    listener.close()
    assert (sink.frames, sink.static_frames) == (of_robot, [])


def test_frames_with_the_slash_of_ros_1_are_those_without(robot):
    from dope_ros.ros.transform_lookup import listen_to_transforms

    transforms = listen_to_transforms(robot.node)
    tf = Broadcaster(robot)
    robot.wait_until(tf.is_heard, "the listener is found")

    def found():
        tf.say("/base_link", "/camera", UPRIGHT, at(1))
        try:
            return [transforms.lookup(*names, at(1), 0.0) for names in slashed]
        except TransformError:
            return []

    slashed = [("/base_link", "/camera"), ("base_link", "/camera"), ("/base_link", "camera")]
    places = robot.wait_until(found, "transforms by all names")
    transforms.close()
    for place in places:
        np.testing.assert_allclose(place.translation, UPRIGHT.translation)


def test_at_the_stamp_0_no_transform_is_looked_up(robot):
    """tf2 would take it for the latest one, and a robot that moves would see people where they are not."""
    from dope_ros.ros.transform_lookup import listen_to_transforms

    transforms = listen_to_transforms(robot.node)
    tf = Broadcaster(robot)
    robot.wait_until(tf.is_heard, "the listener is found")

    def found():
        for seconds in (0, 1):
            tf.say("base_link", "camera", UPRIGHT, at(seconds))
        try:
            return transforms.lookup("base_link", "camera", at(1), 0.0)
        except TransformError:
            return None

    robot.wait_until(found, "a transform")
    with pytest.raises(TransformError, match="'camera' to 'base_link' at the stamp 0"):
        transforms.lookup("base_link", "camera", Time(), 1e6)
    transforms.close()


def test_who_waits_for_a_transform_gets_it_when_it_comes(robot):
    from dope_ros.ros.transform_lookup import listen_to_transforms

    transforms, found = listen_to_transforms(robot.node), []
    tf = Broadcaster(robot)
    robot.wait_until(tf.is_heard, "the listener is found")
    asking = threading.Thread(
        target=lambda: found.append(transforms.lookup("base_link", "camera", at(1), 1e6)), daemon=True
    )
    asking.start()

    def is_found():
        tf.say("base_link", "camera", UPRIGHT, at(1))
        return found

    robot.wait_until(is_found, "the transform is found")
    transforms.close()
    np.testing.assert_allclose(found[0].translation, UPRIGHT.translation)


def test_a_transform_that_never_comes_is_not_awaited_for_each_image(robot):
    from dope_ros.ros.transform_lookup import listen_to_transforms

    transforms, misses = listen_to_transforms(robot.node), []

    def ask():
        for _ in range(MISSES + 2):
            patience = 0.0 if len(misses) < MISSES + 1 else 1e6
            try:
                transforms.lookup("map", "camera", at(1), patience)
            except TransformError as error:
                misses.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(20.0)
    transforms.close()
    assert len(misses) == MISSES + 2


def test_what_is_published_of_images_of_ros_1_has_frames_without_a_slash(robot, model):
    markers, overlays = robot.listen(MarkerArray, "dope/markers"), robot.listen(Image, "dope/overlay")

    def add_a_slash(image):
        image.header.frame_id = "/camera_optical_frame"

    with running_node({"model": model}):
        message = show_metric(robot, add_a_slash)
        robot.wait_until(
            lambda: show_metric(robot, add_a_slash) and markers and overlays, "markers and an overlay"
        )
    assert message.header.frame_id == "camera_optical_frame"
    assert {each.header.frame_id for each in markers[-1].markers} == {"camera_optical_frame"}
    assert overlays[-1].header.frame_id == "camera_optical_frame"


@pytest.mark.parametrize("name", ["body_b3", "/body_b3"])
def test_a_persons_frame_is_refused_as_the_target_frame(model, name):
    with running_node({"model": model, "target_frame": name}) as node:
        node.wait_for_log(f"cannot configure: target_frame '{name}' is called as people's frames are")


@pytest.mark.parametrize("name", ["base_link", "/base_link"])
def test_people_are_published_in_the_target_frame_at_the_images_stamp(robot, model, name):
    tf = Broadcaster(robot)
    with running_node({"model": model, "target_frame": name}):
        robot.wait_until(lambda: robot.node.count_subscribers("/tf"), "the node listens to /tf")
        message = show_metric(
            robot, lambda image: tf.say("base_link", "camera_optical_frame", UPRIGHT, image.header.stamp)
        )
    assert message.header.frame_id == "base_link"
    (person,) = people_from_message(message)
    np.testing.assert_allclose(person.root, UPRIGHT.apply(PERSON.root), atol=0.02)
    head = UPRIGHT.apply(PERSON.body.keypoints_3d[HEAD])
    np.testing.assert_allclose(person.body.keypoints_3d[HEAD], head, atol=0.02)
    np.testing.assert_allclose(person.body.keypoints_2d, PERSON.body.keypoints_2d, atol=1e-2)


def test_who_stands_still_stays_there_in_the_target_frame_while_a_robot_turns(robot, tmp_path):
    tf, truth, rate = Broadcaster(robot), UPRIGHT.apply(PERSON.root), 10
    turned = [Rotation.from_euler("z", 0.8 * (frame / rate - 0.5)).as_matrix() for frame in range(rate)]
    cameras = [Transform(turn, np.zeros(3)).after(UPRIGHT) for turn in turned]
    (still,) = transformed([PERSON], UPRIGHT)
    seen_turning = [[seen(as_seen_by(camera, still))] for camera in cameras]
    model = write_film_model(tmp_path / "film.onnx", seen_turning, HEIGHT, WIDTH)
    with running_node({"model": model, "target_frame": "map", "tracking": "smooth"}):
        robot.wait_until(lambda: robot.node.count_subscribers("/tf"), "the node listens to /tf")
        show_metric(robot, lambda image: tf.say("map", "camera_optical_frame", UPRIGHT, image.header.stamp))
        for frame, camera in enumerate(cameras):
            image = robot.image(film_picture(frame, HEIGHT, WIDTH))
            image.header.stamp = at(5 + frame / rate)  # long before the others, so that all begins anew
            tf.say("map", "camera_optical_frame", camera, image.header.stamp)
            (person,) = people_from_message(robot.show(image))
            assert person.metric
            np.testing.assert_allclose(person.root, truth, atol=0.02)


def as_seen_by(camera, person):
    """Somebody as seen by a camera at a place in the frame that they are in."""
    (moved,) = transformed([person], camera.inverse())
    parts = {name: pose_of(pose.keypoints_3d, pose.score, pose.side) for name, pose in moved.parts().items()}
    return replace(moved, **parts)


def test_a_transform_that_is_missing_is_named_and_no_pose_is_published(robot, model):
    with running_node({"model": model, "target_frame": "map"}) as node:
        image = robot.image(GREY)

        def named():
            robot.images.publish(image)
            return re.search(f"image on '/camera/image' dropped: .*{quoted('map')}", node.log)

        robot.wait_until(named, "a transform is missing")
        assert not robot.poses


def quoted(frame):
    """A pattern of a frame's name: 'so' in this package, "so" or [so] in tf2_ros."""
    return rf"""['"\[]{frame}['"\]]"""


def at(seconds):
    return Time(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))


def test_a_bag_that_is_looped_is_not_mixed_with_its_run_before(robot, model):
    tf = Broadcaster(robot)

    def root_of_a_run(place, image_seconds, transform_seconds):
        def tell(image):
            robot.poses.clear()  # the stamp is one again: an answer from before there was camera info is none
            image.header.stamp = at(image_seconds)
            for seconds in transform_seconds:
                tf.say("base_link", "camera_optical_frame", place, at(seconds))

        (person,) = people_from_message(show_metric(robot, tell))
        return person.root

    elsewhere = Transform(UPRIGHT.rotation, UPRIGHT.translation + np.array([2.0, 0.0, 0.0]))
    with running_node({"model": model, "target_frame": "base_link"}):
        robot.wait_until(lambda: robot.node.count_subscribers("/tf"), "the node listens to /tf")
        first = root_of_a_run(UPRIGHT, 106.2, np.arange(100, 107, 0.5))
        second = root_of_a_run(elsewhere, 101.6, [101.25, 101.75])
    np.testing.assert_allclose(first, UPRIGHT.apply(PERSON.root), atol=0.02)
    np.testing.assert_allclose(second, elsewhere.apply(PERSON.root), atol=0.02)


def test_transforms_are_forgotten_when_simulated_time_goes_back(robot, model):
    tf = Broadcaster(robot)
    clock = robot.node.create_publisher(Clock, "/clock", qos_profile_sensor_data)

    def tell(image):
        robot.poses.clear()
        clock.publish(Clock(clock=at(100)))
        image.header.stamp = at(100)
        tf.say("base_link", "camera_optical_frame", UPRIGHT, at(100))

    with running_node({"model": model, "target_frame": "base_link", "use_sim_time": True}) as node:
        robot.wait_until(lambda: robot.node.count_subscribers("/clock"), "the node listens to /clock")
        show_metric(robot, tell)
        again = robot.image(GREY)
        again.header.stamp = at(100)
        known = len(node.log)

        def is_forgotten():
            clock.publish(Clock(clock=at(95)))
            robot.images.publish(again)
            return re.search(f"dropped: .*{quoted('base_link')}", node.log[known:])

        robot.wait_until(is_forgotten, "transforms are forgotten")


@pytest.mark.parametrize(
    ("quaternion", "words"),
    [((0.0, 0.0, 0.0, 0.0), "length 0.000"), ((float("nan"), 0.0, 0.0, 1.0), "length nan")],
)
def test_a_transform_that_is_none_is_left_out_and_the_node_goes_on(robot, model, quaternion, words):
    tf = Broadcaster(robot)

    def tell(image):
        tf.say("arm", "gripper", UPRIGHT, image.header.stamp, quaternion)
        tf.say("base_link", "camera_optical_frame", UPRIGHT, image.header.stamp)

    with running_node({"model": model, "target_frame": "base_link"}) as node:
        robot.wait_until(lambda: robot.node.count_subscribers("/tf"), "the node listens to /tf")
        message = show_metric(robot, tell)
        node.wait_for_log("a transform on /tf is left out", "'gripper' in 'arm'", words)
        assert node.interrupt() == 0
    assert message.header.frame_id == "base_link"


def depth_message(image, metres, encoding, frame=None):
    """A depth image of the same moment as an image."""
    message = Image(height=metres.shape[0], width=metres.shape[1], encoding=encoding)
    values = np.uint16(np.round(metres * 1000)) if encoding == "16UC1" else np.float32(metres)
    message.step = int(values.strides[0])
    message.data.frombytes(values.tobytes())
    message.header.stamp = image.header.stamp
    message.header.frame_id = frame or image.header.frame_id
    return message


def show_with_depth(robot, publish_depth, accept=lambda person: person.depth_measured):
    def now():
        message = show_metric(robot, publish_depth)
        return [person for person in people_from_message(message) if accept(person)]

    return robot.wait_until(now, "a measured depth")[0]


@pytest.mark.parametrize(("encoding", "frame"), [("16UC1", None), ("32FC1", "/camera_optical_frame")])
def test_a_root_is_where_the_depth_image_says(robot, tmp_path, encoding, frame):
    depths = robot.node.create_publisher(Image, "camera/depth", qos_profile_sensor_data)
    near = standing((0.4, 0.1, 3.0))
    far = standing(np.array((0.4, 0.1, 3.0)) * 1.2)
    model = write_tiny_model(tmp_path / "far.onnx", [seen(_bigger(far, near))], HEIGHT, WIDTH)
    scene = render([near])
    with running_node({"model": model, "use_depth": True}, {"depth": "camera/depth"}):
        person = show_with_depth(
            robot, lambda image: depths.publish(depth_message(image, scene, encoding, frame))
        )
    assert abs(person.root[2] - 3.0) < 0.03


def test_somebody_who_was_measured_stays_where_they_are_without_depth(robot, tmp_path):
    depths = robot.node.create_publisher(Image, "camera/depth", qos_profile_sensor_data)
    near = standing((0.4, 0.1, 3.0))
    far = standing(np.array((0.4, 0.1, 3.0)) * 1.2)
    model = write_tiny_model(tmp_path / "far.onnx", [seen(_bigger(far, near))], HEIGHT, WIDTH)
    settings = {"model": model, "use_depth": True, "tracking": "smooth"}
    with running_node(settings, {"depth": "camera/depth"}):
        for _ in range(FEWEST):
            show_with_depth(
                robot, lambda image: depths.publish(depth_message(image, render([near]), "32FC1"))
            )
        person = show_with_depth(robot, None, accept=lambda person: not person.depth_measured)
    assert abs(person.root[2] - 3.0) < 0.03


def _bigger(far, near):
    """Somebody larger further off, who is seen just as `near` is."""
    from dataclasses import replace

    parts = {
        name: replace(pose, keypoints_3d=pose.keypoints_3d * np.float32(1.2))
        for name, pose in near.parts().items()
    }
    return replace(far, **parts)


def test_a_depth_camera_of_its_own_frame_measures_over_tf(robot, model):
    tf = Broadcaster(robot)
    depths = robot.node.create_publisher(Image, "camera/depth", qos_profile_sensor_data)
    infos = robot.node.create_publisher(CameraInfo, "camera/depth_info", qos_profile_sensor_data)
    camera = Intrinsics(430.0, 430.0, 320.0, 200.0)
    beside = Transform(np.eye(3), np.array([-0.05, 0.01, 0.0]))
    scene = render([PERSON], camera, 400, 640, pose=beside.inverse())

    def publish(image):
        tf.say("camera_optical_frame", "depth_frame", beside, image.header.stamp)
        infos.publish(camera_info(640, 400, camera))
        depths.publish(depth_message(image, scene, "16UC1", "depth_frame"))

    remaps = {"depth": "camera/depth", "depth_camera_info": "camera/depth_info"}
    with running_node({"model": model, "use_depth": True, "depth_timeout": 0.5}, remaps):
        person = show_with_depth(robot, publish)
    assert abs(person.root[2] - 3.0) < 0.03


def test_a_rectified_depth_camera_is_read_by_p(robot, model):
    tf = Broadcaster(robot)
    depths = robot.node.create_publisher(Image, "camera/depth", qos_profile_sensor_data)
    infos = robot.node.create_publisher(CameraInfo, "camera/depth_info", qos_profile_sensor_data)
    rectified = Intrinsics(430.0, 430.0, 320.0, 200.0)
    info = camera_info(640, 400, Intrinsics(430.0, 430.0, 470.0, 200.0))
    info.distortion_model, info.d = "plumb_bob", [-0.3, 0.1, 0.0, 0.0, 0.0]
    info.p = [430.0, 0.0, 320.0, 0.0, 0.0, 430.0, 200.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    beside = Transform(np.eye(3), np.array([-0.05, 0.01, 0.0]))
    scene = render([PERSON], rectified, 400, 640, pose=beside.inverse(), wall=4.5)

    def publish(image):
        tf.say("camera_optical_frame", "depth_frame", beside, image.header.stamp)
        infos.publish(info)
        depths.publish(depth_message(image, scene, "16UC1", "depth_frame"))

    remaps = {"depth": "camera/depth", "depth_camera_info": "camera/depth_info"}
    settings = {"model": model, "use_depth": True, "depth_timeout": 0.5, "depth_rectified": True}
    with running_node(settings, remaps):
        person = show_with_depth(robot, publish)
    assert abs(person.root[2] - 3.0) < 0.03


def test_a_depth_image_of_another_aspect_ratio_is_not_stretched_over_the_image(robot, model):
    depths = robot.node.create_publisher(Image, "camera/depth", qos_profile_sensor_data)
    wide = np.ascontiguousarray(render([PERSON])[:360])

    def publish(image):
        depths.publish(depth_message(image, wide, "32FC1"))

    with running_node({"model": model, "use_depth": True}, {"depth": "camera/depth"}) as node:
        robot.wait_until(
            lambda: show_metric(robot, publish) and "is of no use" in node.log, "the depth image is refused"
        )
        node.wait_for_log("depth on '/camera/depth' is of no use", "640 x 360 pixels and the image 640 x 480")
        (person,) = people_from_message(show_metric(robot, publish))
    assert not person.depth_measured


def test_without_a_depth_image_of_its_moment_a_person_says_so(robot, model):
    depths = robot.node.create_publisher(Image, "camera/depth", qos_profile_sensor_data)

    def publish_late(image):
        message = depth_message(image, render([PERSON]), "32FC1")
        message.header.stamp = Time(sec=image.header.stamp.sec + 100)
        depths.publish(message)

    with running_node({"model": model, "use_depth": True}, {"depth": "camera/depth"}) as node:
        person = show_with_depth(robot, publish_late, accept=lambda person: person.metric)
        node.wait_for_log("no depth on '/camera/depth' within 40 ms", "size of bodies")
    assert not person.depth_measured
    np.testing.assert_allclose(person.root, PERSON.root, atol=0.02)
