# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Picture files."""

import numpy as np
import pytest

from dope_ros.errors import ImageError
from dope_ros.pictures import read_picture, write_picture

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


def test_a_picture_comes_back_from_its_file(tmp_path):
    write_picture(tmp_path / "picture.png", PICTURE)
    np.testing.assert_array_equal(read_picture(tmp_path / "picture.png"), PICTURE)


@pytest.mark.parametrize(
    ("name", "picture"), [("picture.foo", PICTURE), ("picture", PICTURE), ("empty.png", PICTURE[:0])]
)
def test_what_opencv_cannot_write_is_named_and_no_file_is_made(tmp_path, name, picture):
    with pytest.raises(ImageError, match=f"{name}: OpenCV cannot write it"):
        write_picture(tmp_path / name, picture)
    assert not (tmp_path / name).exists()
