"""What a browser posts as a drawing is checked on the server and drawn there; what is no signature is refused."""

from __future__ import annotations

import io
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pillar.errors import RuleViolation
from pillar.signature_image import MAX_POINTS, MAX_TEXT, Drawing, draw_png, read_strokes

WIDTH, HEIGHT = 340, 176


def posted(*strokes: Any, width: Any = WIDTH, height: Any = HEIGHT) -> str:
    return json.dumps({"width": width, "height": height, "strokes": list(strokes)})


def wave(points: int = 60) -> list[list[float]]:
    """A line that goes up and down over most of the pad, with times as quote.js sends them."""
    return [[40 + 260 * n / points, 88 + 40 * math.sin(n / 4), 16 * n] for n in range(points)]


def ink(png: bytes) -> tuple[tuple[int, int, int, int] | None, int]:
    """The box around what is dark, and how many dark pixels there are."""
    image = Image.open(io.BytesIO(png)).convert("L")
    dark = image.point(lambda value: 255 if value < 128 else 0)
    return dark.getbbox(), dark.histogram()[255]


def test_a_signature_is_read_and_drawn() -> None:
    drawing = read_strokes(posted(wave()))
    png = draw_png(drawing)
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.size, image.mode) == ("PNG", (800, 300), "L")
    box, dark = ink(png)
    assert box is not None
    assert box[2] - box[0] > 300
    assert 1_000 < dark < 40_000
    assert len(png) < 20_000


def test_it_stands_in_the_picture_as_it_stood_on_the_pad() -> None:
    lower_right = [[250 + n, 150 + n % 7] for n in range(60)]
    box, _dark = ink(draw_png(read_strokes(posted(lower_right))))
    assert box is not None
    assert box[0] > 400
    assert box[1] > 200


def test_strokes_of_one_point_are_dots_of_the_same_signature() -> None:
    with_dot = draw_png(read_strokes(posted(wave(), [[300, 20]])))
    assert ink(with_dot)[1] > ink(draw_png(read_strokes(posted(wave()))))[1]


def test_empty_strokes_are_left_out() -> None:
    assert read_strokes(posted([], wave(), [])).strokes == read_strokes(posted(wave())).strokes


@pytest.mark.parametrize(
    "strokes",
    [
        [],
        [[]],
        [[[100, 80]]],
        [[[100, 80]]] * 200,
        [[[100, 80], [100.2, 80.1], [100, 80.2]]],
        # Far to and fro within a few pixels: long enough, but a scribble of six pixels.
        [[[100 + n % 2 * 6, 80 + n % 3] for n in range(200)]],
        # A slip of the finger.
        [[[100, 80], [112, 84]]],
        # Outside of the pad, where everything is pressed into one corner.
        [[[-50 - n, -80 - n] for n in range(60)]],
    ],
    ids=["nothing", "no points", "a dot", "dots", "a tap", "a scribble", "a slip", "beside the pad"],
)
def test_what_is_blank_or_nearly_blank_is_refused(strokes: list[Any]) -> None:
    with pytest.raises(RuleViolation, match="Draw your signature in the box, or choose Type") as refused:
        read_strokes(posted(*strokes))
    assert refused.value.field == "strokes"


def test_a_finger_that_slides_off_the_pad_draws_along_its_edge() -> None:
    drawing = read_strokes(posted([[-100, 88], [170, 88], [9_999, 400]]))
    assert drawing.strokes == (((0.0, 88.0), (170.0, 88.0), (WIDTH, HEIGHT)),)


def test_five_thousand_points_are_a_signature_and_one_more_is_not() -> None:
    assert read_strokes(posted(wave(MAX_POINTS))).strokes
    assert read_strokes(posted(wave(MAX_POINTS - 60), wave(60))).strokes
    for strokes in ([wave(MAX_POINTS + 1)], [wave(MAX_POINTS), wave(1)]):
        with pytest.raises(RuleViolation, match="Draw your signature"):
            read_strokes(posted(*strokes))


def test_a_text_that_is_too_long_is_not_even_read() -> None:
    with pytest.raises(RuleViolation, match="too long"):
        read_strokes(" " * MAX_TEXT + posted(wave()))


@pytest.mark.parametrize(
    "bad",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "true",
        "null",
        '"5"',
        "[]",
        "{}",
        "1" + "0" * 400,
        "9" * 5_000,
    ],
    ids=lambda bad: bad[:12],
)
def test_a_coordinate_or_side_that_is_no_number_is_refused(bad: str) -> None:
    good = posted(wave())
    for text in (
        good.replace("[40.0,", f"[{bad},"),
        good.replace(f'"width": {WIDTH}', f'"width": {bad}'),
        good.replace(f'"height": {HEIGHT}', f'"height": {bad}'),
    ):
        assert text != good
        with pytest.raises(RuleViolation, match="Draw your signature"):
            read_strokes(text)


def test_a_huge_coordinate_that_a_float_can_hold_is_pressed_to_the_edge() -> None:
    assert read_strokes(posted([[0, 0], [1e300, -1e300]])).strokes == (((0.0, 0.0), (WIDTH, 0.0)),)


@pytest.mark.parametrize("side", [9.9, 10_001, 0, -340])
def test_a_pad_has_a_sensible_size(side: float) -> None:
    for size in ({"width": side}, {"height": side}):
        with pytest.raises(RuleViolation):
            read_strokes(posted(wave(), **size))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "7", '"x"', "true", "{}", "\x00", '{"width":340,"height":176}'),
        posted(7),
        posted("ab"),
        posted([7, 8]),
        posted([[1]]),
        posted([[]]),
        posted(["ab"]),
        posted([{"x": 1, "y": 2}]),
        posted({"x": 1}),
        json.dumps({"width": WIDTH, "height": HEIGHT, "strokes": {"0": wave()}}),
        json.dumps({"width": WIDTH, "height": HEIGHT, "strokes": "abc"}),
        "[" * 100_000,
        '{"a":' * 60_000,
        f'{{"width":340,"height":176,"strokes":{"[" * 20_000}{"]" * 20_000}}}',
    ],
    ids=lambda text: text[:30],
)
def test_what_no_pad_sends_is_refused(text: str) -> None:
    with pytest.raises(RuleViolation):
        read_strokes(text)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(RuleViolation):
        read_strokes(text)


numbers = st.integers() | st.floats() | st.none() | st.booleans() | st.text(max_size=3)
points = st.lists(numbers, max_size=4)
strokes = st.lists(points | numbers, max_size=6)


@given(st.lists(strokes | numbers, max_size=4), numbers, numbers)
def test_no_json_breaks_the_reader(drawn: list[Any], width: Any, height: Any) -> None:
    try:
        drawing = read_strokes(json.dumps({"width": width, "height": height, "strokes": drawn}))
    except RuleViolation:
        return
    assert draw_png(drawing).startswith(b"\x89PNG")


@pytest.mark.parametrize(("width", "height"), [(10, 10), (10, 10_000), (10_000, 10), (10_000, 10_000)])
def test_the_worst_drawing_is_drawn_within_two_seconds(width: float, height: float) -> None:
    there_and_back = tuple((width * (n % 2), height * (n % 3) / 2) for n in range(MAX_POINTS))
    before = time.process_time()
    draw_png(Drawing(width, height, (there_and_back,)))
    assert time.process_time() - before < 2
