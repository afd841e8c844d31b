"""The head of a portrait: found, taken apart, moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vivid.generators.layered.face_mesh import (
    EYES,
    LOWER_INNER,
    MOUTH,
    OVAL,
    POINTS,
    UPPER_INNER,
    FaceFinder,
    FaceMesh,
    pupil_distance,
)
from vivid.generators.layered.face_units import face_units
from vivid.generators.layered.geometry import similarity, turn
from vivid.generators.layered.head import Head, analyse_head, lips_share, mouth_hidden, yaw_of
from vivid.generators.layered.head_motion import FaceMotion, HeadAnimator, HeadPose, _twice_area, _Warp, _without_lashes
from vivid.generators.layered.mouth import MouthPainter
from vivid.media.pictures import load_picture

PORTRAITS = Path(__file__).resolve().parents[1] / "examples" / "portraits"
OPEN = {"jawOpen": 0.35, "mouthLowerDown": 0.3, "mouthUpperUp": 0.2}


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return load_picture(PORTRAITS / "ada.jpg")


@pytest.fixture(scope="module")
def mesh(finder: FaceFinder, picture: np.ndarray) -> FaceMesh:
    found = finder.find(picture)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def head(picture: np.ndarray, mesh: FaceMesh) -> Head:
    return analyse_head(picture, mesh, picture)


@pytest.fixture(scope="module")
def animator(head: Head) -> HeadAnimator:
    return HeadAnimator(head)


def still(points: np.ndarray) -> np.ndarray:
    return np.zeros_like(points)


def draw(animator: HeadAnimator, motion: FaceMotion) -> np.ndarray:
    """The crop with the head drawn onto the photograph."""
    map_x, map_y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (animator.width, animator.height)))
    pose = animator.aim(map_x, map_y, motion, still)
    body = cv2.remap(animator.head.picture, map_x, map_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    animator.finish(body, motion, pose)
    return body


def rolled(picture: np.ndarray, degrees: float) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.9)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def test_similarity_finds_what_was_done() -> None:
    rng = np.random.default_rng(0)
    points, rotation = rng.normal(size=(9, 3)), turn(0.2, -0.4, 0.7)
    scale, found, shift = similarity(points, 1.7 * points @ rotation.T + [3, 4, 5])
    assert scale == pytest.approx(1.7)
    np.testing.assert_allclose(found, rotation, atol=1e-9)
    np.testing.assert_allclose(shift, [3, 4, 5], atol=1e-9)


def test_units_are_symmetric_and_move_what_they_name() -> None:
    units = face_units()
    jaw, smile = units.offsets["jawOpen"], units.offsets["mouthSmile"]
    assert jaw[152, 1] > 5 * abs(jaw[10, 1])  # the chin goes down, the forehead stays
    assert 0.58 < jaw[152, 1] / jaw[14, 1] < 0.9, "it falls nearly as far as the lip"
    assert jaw[LOWER_INNER[5], 1] > 3 * jaw[UPPER_INNER[5], 1]
    assert smile[61, 0] < 0 < smile[291, 0]
    np.testing.assert_allclose(smile[61] * [-1, 1, 1], smile[291], atol=2e-3)
    assert units.triangles.max() == POINTS - 1


@pytest.mark.parametrize("name", ["ada", "ben", "felix"])
def test_a_face_is_found_and_looks_into_the_camera(finder: FaceFinder, name: str) -> None:
    found = finder.find(load_picture(PORTRAITS / f"{name}.jpg"))
    assert found is not None and found.count == 1
    assert found.points.shape == (478, 3)
    assert abs(yaw_of(found)) < 12
    assert found.points[33, 0] < found.points[263, 0] and found.points[10, 1] < found.points[152, 1]


@pytest.mark.parametrize("degrees", [-60, 35, 60])
def test_a_rolled_face_is_found_where_it_is(
    finder: FaceFinder, picture: np.ndarray, mesh: FaceMesh, degrees: float
) -> None:
    found = finder.find(rolled(picture, degrees))
    assert found is not None
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.9)
    expected = mesh.points[list(OVAL), :2] @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(found.points[list(OVAL), :2] - expected).mean() < 0.1 * pupil_distance(mesh)


def test_a_small_face_is_found_and_its_mesh_scales(finder: FaceFinder, picture: np.ndarray, mesh: FaceMesh) -> None:
    small = finder.find(cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
    assert small is not None
    off = np.abs(small.points[:, :2] - mesh.scaled(0.4).points[:, :2]).mean()
    assert off < 0.05 * pupil_distance(small)


def test_no_face_is_none(finder: FaceFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    assert finder.find(noise) is None
    assert finder.find(noise, np.array([100, 50, 200, 150])) is None
    assert finder.find(noise[:3, :3], np.zeros(4)) is None


def test_the_head_box_says_whose_face_is_meant(finder: FaceFinder, picture: np.ndarray, mesh: FaceMesh) -> None:
    small = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    both = np.full((picture.shape[0], picture.shape[1] + small.shape[1], 3), 128, np.uint8)
    both[:, : picture.shape[1]] = picture
    both[: small.shape[0], picture.shape[1] :] = small
    largest = finder.find(both)
    assert largest is not None and largest.count == 2
    assert largest.points[4, 0] < picture.shape[1]
    x, y = mesh.points[4, :2] * 0.7 + [picture.shape[1], 0]
    r = 1.2 * pupil_distance(mesh)
    chosen = finder.find(both, np.array([x - r, y - r, x + r, y + r]))
    assert chosen is not None and abs(chosen.points[4, 0] - x) < 0.2 * r


def test_yaw_has_a_sign_and_degrees(mesh: FaceMesh) -> None:
    centre = mesh.points.mean(0)
    turned = FaceMesh((mesh.points - centre) @ turn(0, np.radians(25), 0).T + centre)
    assert yaw_of(turned) - yaw_of(mesh) == pytest.approx(yaw_of(mesh) - yaw_of(mirrored_turn(mesh, 25)), abs=4)
    assert abs(abs(yaw_of(turned) - yaw_of(mesh)) - 25) < 4


def mirrored_turn(mesh: FaceMesh, degrees: float) -> FaceMesh:
    centre = mesh.points.mean(0)
    return FaceMesh((mesh.points - centre) @ turn(0, -np.radians(degrees), 0).T + centre)


def test_a_mouth_that_is_painted_over_is_hidden(picture: np.ndarray, mesh: FaceMesh) -> None:
    seen = lips_share(picture, mesh)
    assert seen is None or seen > 0.4
    masked = picture.copy()
    lower = mesh.points[[205, 425, 397, 152, 172], :2]
    cv2.fillConvexPoly(masked, cv2.convexHull(np.round(lower).astype(np.int32)), (120, 150, 220))
    share = lips_share(masked, mesh)
    assert share is None or share < 0.2
    assert mouth_hidden(masked, mesh)
    assert not mouth_hidden(picture, mesh)


def test_a_mouth_behind_a_hand_is_hidden(picture: np.ndarray, mesh: FaceMesh) -> None:
    """A hand has the colour of the face: no line parts the lips, and nothing around them is of another colour."""
    covered = picture.copy()
    lower = mesh.points[[205, 425, 397, 152, 172], :2]
    skin = np.median(picture[tuple(np.round(mesh.points[[50, 205, 101], 1::-1]).astype(int).T)], 0) * 0.9
    cv2.fillConvexPoly(covered, cv2.convexHull(np.round(lower).astype(np.int32)), skin.tolist())
    assert lips_share(covered, mesh) == 0.0
    assert mouth_hidden(covered, mesh)


def test_squeezed_skin_shows_nothing_from_afar() -> None:
    """Pixels beside a triangle squeezed to less than a pixel look up places within it: others sparkle."""
    source = np.array([[10.0, 10], [50, 10], [30, 40]])
    squeezed = np.array([[10.0, 10.3], [50, 10.3], [30, 10.9]])
    map_x, map_y = (np.full((30, 60), -1, np.float32) for _ in range(2))
    _Warp(np.array([[0, 1, 2]]), 0, HeadPose(source, squeezed, source, {})).aim(map_x, map_y)
    drawn = map_y >= 0
    assert drawn.sum() > 10
    assert map_y[drawn].max() <= 40 and map_y[drawn].min() >= 10
    assert map_x[drawn].max() <= 50 and map_x[drawn].min() >= 10


def test_what_passes_before_something_else_has_a_smooth_edge(animator: HeadAnimator) -> None:
    """A nose or a cheek that hides what is behind it: looked up pixel by pixel, its edge would be a staircase."""
    map_x, map_y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (animator.width, animator.height)))
    pose = animator.aim(map_x, map_y, FaceMotion(yaw=0.7), still)
    jumps = np.abs(np.diff(map_x, axis=1)) > 3
    assert jumps.sum() > 20, "a turn as far as this hides a cheek"
    left, right = np.zeros(map_x.shape, bool), np.zeros(map_x.shape, bool)
    left[:, :-1], right[:, 1:] = jumps, jumps
    assert pose.edges[left | right].all() and pose.edges.mean() < 0.05
    body = np.zeros_like(animator.head.photo)
    body[:, animator.width // 2 :] = 255
    edges = np.zeros_like(pose.edges)
    edges[10:20] = 1
    animator.finish(body, FaceMotion(), replace(pose, edges=edges))
    beside = body[10:30, animator.width // 2 - 1, 0]
    assert (beside[:10] > 30).all() and not beside[10:].any()


def test_standing_still_changes_nothing(animator: HeadAnimator) -> None:
    """With the mouth as photographed (closed here) the head is the photograph."""
    body = draw(animator, FaceMotion())
    assert animator.head.gap < 0.03, "this portrait's mouth is closed"
    change = np.abs(body.astype(int) - animator.head.photo).max(2)
    assert np.mean(change > 3) < 0.002


def test_the_jaw_opens_the_mouth_and_closed_lips_touch(animator: HeadAnimator) -> None:
    up, low = list(UPPER_INNER), list(LOWER_INNER)

    def gap(motion: FaceMotion) -> float:
        points, _ = animator.shape(motion)
        return float(((points[low] - points[up]) @ animator.down)[3:-3].max()) / animator.head.scale

    assert gap(FaceMotion()) < 0.02
    assert gap(FaceMotion(units=OPEN)) > 0.12
    assert abs(gap(FaceMotion(units=OPEN, closed=1.0))) < 1e-6
    assert 0.3 < gap(FaceMotion(units=OPEN, closed=0.5)) / gap(FaceMotion(units=OPEN)) < 0.7


def test_open_lips_leave_the_shadow_between_closed_ones_behind(animator: HeadAnimator) -> None:
    """Else it frames the open mouth like a liner."""
    low = list(LOWER_INNER[3:-3])

    def lookup(motion: FaceMotion) -> np.ndarray:
        return (animator.pose(motion, still).source - animator.source) @ animator.down[:2] / animator.head.scale

    assert lookup(FaceMotion(closed=1.0))[low].max() < 0.002
    moved = lookup(FaceMotion(units=OPEN))
    assert moved[low].min() > 0.015
    assert np.abs(np.delete(moved, [*UPPER_INNER, *LOWER_INNER])).max() == 0
    face = face_units().triangles
    areas = [_twice_area(p[face]) for p in (animator.source, animator.pose(FaceMotion(units=OPEN), still).source)]
    assert (areas[0] * areas[1] > -1e-9).all(), "no piece of lip is turned over"


def test_lips_never_pass_through_each_other(animator: HeadAnimator) -> None:
    points, _ = animator.shape(FaceMotion(units={"mouthPress": 1.0, "mouthRollLower": 1.0, "mouthRollUpper": 1.0}))
    gap = (points[list(LOWER_INNER)] - points[list(UPPER_INNER)]) @ animator.down
    assert gap.min() > -1e-6


def test_upper_teeth_stay_on_the_skull_and_lower_ones_ride_on_the_jaw(animator: HeadAnimator) -> None:
    _, rest = animator.shape(FaceMotion())
    _, opened = animator.shape(FaceMotion(units=OPEN))
    for name in ("upper_edge", "upper_gum", "skull"):
        np.testing.assert_array_equal(rest[name], opened[name])
    for name in ("lower_edge", "jaw"):
        assert ((opened[name] - rest[name]) @ animator.down > 0.05 * animator.head.scale).all()


def test_teeth_behind_pushed_out_lips_are_in_shadow_but_not_gone(animator: HeadAnimator) -> None:
    points, anchors = animator.shape(FaceMotion(units=OPEN))

    def brightest(depth: float) -> float:
        picture = np.zeros_like(animator.head.photo)
        animator.mouth.paint(picture, points[list(MOUTH), :2], anchors, depth=depth)
        return float(np.percentile(picture[picture.any(2)].mean(1), 95))

    assert 0.55 < brightest(0.6) / brightest(0.0) < 0.85


def test_lower_teeth_are_a_little_darker_than_upper_ones(animator: HeadAnimator) -> None:
    """Where a smile bares both rows; much darker lower ones look rotten."""
    _, anchors = animator.shape(FaceMotion(units={"jawOpen": 0.2}))
    s, (x, y) = animator.head.scale, anchors["middle"][0, :2]
    bared = np.array([[-0.4, -0.2], [0.4, -0.2], [0.4, 0.5], [-0.4, 0.5]]) * s + [x, y]
    picture = np.zeros_like(animator.head.photo)
    animator.mouth.paint(picture, bared, anchors)

    def level(row: str) -> float:
        low, high = np.sort([anchors[f"{row}_{end}"][40, 1] for end in ("edge", "gum")])
        inner = slice(round(low + 0.3 * (high - low)), round(high - 0.2 * (high - low)) + 1)
        return float(picture[inner, round(x - 0.05 * s) : round(x + 0.05 * s)].mean())

    assert 0.8 < level("lower") / level("upper") < 0.97


def test_no_teeth_are_painted_around_photographed_ones(head: Head) -> None:
    """They showed beside and under them like a grey denture; a mere glimpse of teeth is completed."""
    _, columns = head.photo.shape[:2]
    painted = []
    for width in (0.1, 0.6):
        teeth = np.zeros(head.photo.shape[:2], np.float32)
        x, y = head.points[13, :2]
        teeth[round(y) : round(y + 0.1 * head.scale), max(0, round(x - width / 2 * head.scale)) :] = 1
        teeth[:, min(columns, round(x + width / 2 * head.scale)) :] = 0
        painted.append([name for name, _, _ in MouthPainter(replace(head, upper_teeth=teeth)).rows])
    assert painted == [["lower", "upper"], ["lower"]]


def test_teeth_of_a_dark_picture_are_as_bright_beside_its_skin(head: Head, animator: HeadAnimator) -> None:
    """They were darkened twice: an underexposed portrait spoke with a black hole."""
    dark = replace(head, photo=(head.photo * 0.35).astype(np.uint8), skin=head.skin * 0.35, sclera=head.sclera * 0.35)
    points, anchors = animator.shape(FaceMotion(units=OPEN))

    def brightest(owner: Head) -> float:
        picture = np.zeros_like(owner.photo)
        MouthPainter(owner).paint(picture, points[list(MOUTH), :2], anchors)
        return float(np.percentile(picture[picture.any(2)].mean(1), 95)) / float(owner.skin.mean())

    assert brightest(dark) > 0.8 * brightest(head)


def test_enamel_follows_coloured_light_but_not_the_skin(head: Head) -> None:
    """Photographed teeth have one hue (red over blue 1.16, deviation .07) whatever the skin."""

    def hue(skin: tuple[float, ...], sclera: tuple[float, ...]) -> float:
        enamel = MouthPainter(replace(head, skin=np.array(skin), sclera=np.array(sclera), teeth_colour=None)).enamel
        return float(enamel[0] / enamel[2])

    assert 1.05 < hue((200, 165, 150), (150, 135, 130)) < 1.25
    assert 1.05 < hue((183, 113, 83), (183, 151, 137)) < 1.35
    assert hue((200, 160, 70), (190, 160, 90)) > 1.4, "varnish"


def test_tinted_glasses_do_not_tint_the_teeth(head: Head) -> None:
    red = np.array([200.0, 90, 80])
    through, bare, plain = (
        MouthPainter(replace(head, glasses=glasses, sclera=sclera, teeth_colour=None)).enamel
        for glasses, sclera in ((True, red), (False, red), (True, head.sclera))
    )
    np.testing.assert_array_equal(through, plain)
    assert bare[0] / bare[2] > 1.15 * through[0] / through[2], "a red light does"


def test_a_blink_closes_both_eyes(animator: HeadAnimator) -> None:
    points, _ = animator.shape(FaceMotion(blink=1.0))
    for eye in EYES.values():
        upper, lower = points[list(eye.upper)], points[list(eye.lower)]
        assert ((lower - upper) @ animator.down)[1:-1].max() < 0.03 * animator.head.scale


def test_closed_lids_bring_nothing_of_the_eye_along(animator: HeadAnimator) -> None:
    """The mesh's edge of a lid lies a little inside of the eye, whose white rode on it in specks."""

    def apart(motion: FaceMotion, name: str) -> np.ndarray:
        source, eye = animator.pose(motion, still).source, EYES[name]
        return (source[list(eye.lower)] - source[list(eye.upper)])[1:-1] @ animator.down[:2] / animator.head.scale

    for name in EYES:
        assert (apart(FaceMotion(blink=1.0), name) - apart(FaceMotion(), name)).min() > 0.01


def test_lashes_vanish_from_a_closed_lid_and_creases_stay() -> None:
    """They point upwards there, as they did on the open eye."""
    picture = np.full((60, 120, 3), 200, np.uint8)
    picture[10:50, 20:100:12] = 20
    picture[28:31, 20:100] = 90
    lid = np.array([[15.0, 8], [105, 8], [105, 52], [15, 52]])
    plain = _without_lashes(picture, lid, 8.0, 1.0).astype(int)
    assert plain[15:22, 30:90].min() > 190 and plain[36:42, 30:90].min() > 190
    assert plain[29, 30:90].max() < 130
    np.testing.assert_array_equal(_without_lashes(picture, lid, 8.0, 0.0), picture)


def test_eyes_that_the_mesh_cannot_follow_stay_open(picture: np.ndarray, mesh: FaceMesh) -> None:
    centre = mesh.points.mean(0)

    def blinking(*angles: float) -> float:
        moved = FaceMesh((mesh.points - centre) @ turn(*np.radians(angles)).T + centre)
        return analyse_head(picture, moved, picture).blinking

    assert blinking(0, 0, 0) == 1.0
    assert blinking(0, 45, 0) == 0.0 and blinking(0, -45, 0) == 0.0
    assert blinking(-40, 0, 0) == 0.0  # looks up
    assert blinking(20, 0, 0) == 1.0


def test_a_frown_is_not_taken_for_glasses(picture: np.ndarray, mesh: FaceMesh) -> None:
    """A shadow that ends on the nose is no bridge; a bar across it is, thin and arched as it may be."""
    scale = pupil_distance(mesh)
    x, y = (mesh.points[133, :2] + mesh.points[362, :2]) / 2

    def glasses(first: float, last: float) -> bool:
        drawn = picture.copy()
        corners = [(round(x + first * scale), round(y)), (round(x + last * scale), round(y - 0.01 * scale))]
        cv2.line(drawn, *corners, (60, 50, 40), max(2, round(0.06 * scale)), cv2.LINE_AA)
        return analyse_head(drawn, mesh, drawn).glasses

    assert not analyse_head(picture, mesh, picture).glasses
    assert not glasses(0.015, 0.3)
    assert glasses(-0.3, 0.3)


def test_nothing_moves_on_opaque_lenses(picture: np.ndarray, mesh: FaceMesh, animator: HeadAnimator) -> None:
    assert animator.head.blinking == 1.0
    scale, dark = pupil_distance(mesh), picture.copy()
    for eye in EYES.values():
        x, y = mesh.points[[*eye.upper, *eye.lower], :2].mean(0).round().astype(int).tolist()
        cv2.ellipse(dark, (x, y), (round(0.4 * scale), round(0.3 * scale)), 0, 0, 360, (14, 14, 16), -1)
    worn = HeadAnimator(analyse_head(dark, mesh, dark))
    np.testing.assert_array_equal(draw(worn, FaceMotion(blink=1.0)), draw(worn, FaceMotion()))


def test_rims_of_glasses_stay_when_the_eyes_close(finder: FaceFinder) -> None:
    portrait = load_picture(PORTRAITS / "david.jpg")
    found = finder.find(portrait)
    assert found is not None
    animator = HeadAnimator(analyse_head(portrait, found, portrait))
    assert animator.head.glasses
    shut, _ = animator.shape(FaceMotion(blink=1.0))
    moved = np.linalg.norm(shut - animator.head.points, axis=1) / animator.head.scale
    rims = [p for eye in EYES.values() for p in eye.above[1]]
    assert moved[rims].max() < 0.005
    assert moved[[159, 386]].min() > 0.03  # the lids themselves close
    x, y = np.round(animator.head.points[rims, :2]).astype(int).T
    before, after = (draw(animator, FaceMotion(blink=blink)).astype(int)[y, x] for blink in (0.0, 1.0))
    assert np.abs(after - before).mean() < 2.6


def test_a_smile_fades_while_its_person_speaks(picture: np.ndarray, mesh: FaceMesh) -> None:
    head = analyse_head(picture, mesh, picture)
    smiling = FaceMesh(mesh.points.copy())
    smiling.points[:POINTS] += pupil_distance(mesh, deep=True) * 0.9 * face_units().offsets["mouthSmile"]
    worn = analyse_head(picture, smiling, picture)
    assert head.smile < 0.3 < 0.7 < worn.smile
    animator = HeadAnimator(worn)

    def width(motion: FaceMotion) -> float:
        points, _ = animator.shape(motion)
        return float(np.linalg.norm(points[61] - points[291])) / worn.scale

    silent, speaking = width(FaceMotion()), width(FaceMotion(speaking=1.0))
    assert speaking < silent
    rounded = {"mouthPucker": 0.8}
    assert width(FaceMotion(units=rounded, speaking=1.0)) < width(FaceMotion(units=rounded)) - 0.01


def test_turning_moves_nose_and_leaves_shoulders(animator: HeadAnimator) -> None:
    rest, turned = (animator.pose(FaceMotion(yaw=y), still).target for y in (0.0, 0.15))
    moved = np.linalg.norm(turned - rest, axis=1) / animator.head.scale
    assert turned[4, 0] - rest[4, 0] > 0.03 * animator.head.scale  # yaw > 0 looks to the picture's right
    corners = [
        int(np.abs(animator.head.points[POINTS:, :2] - [x, animator.height - 1]).sum(1).argmin()) + POINTS
        for x in (0, animator.width - 1)
    ]
    assert moved[corners].max() < 0.01


def test_the_body_carries_the_head(animator: HeadAnimator) -> None:
    rest = animator.pose(FaceMotion(), still)
    carried = animator.pose(FaceMotion(), lambda q: np.full_like(q, 3.0))
    np.testing.assert_allclose(carried.target - rest.target, 3.0, atol=1e-9)
    np.testing.assert_allclose(carried.anchors["skull"][:, :2] - rest.anchors["skull"][:, :2], 3.0, atol=1e-9)


def test_a_grey_picture_gets_no_red_mouth(picture: np.ndarray, mesh: FaceMesh) -> None:
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    body = draw(HeadAnimator(analyse_head(grey, mesh, grey)), FaceMotion(units=OPEN))
    assert np.ptp(body.astype(int), axis=2).max() <= 2


def test_an_open_mouth_shows_its_inside_and_nothing_else_changes(animator: HeadAnimator) -> None:
    motion = FaceMotion(units=OPEN)
    body, head = draw(animator, motion), animator.head
    polygon = animator.pose(motion, still).target[list(UPPER_INNER) + list(LOWER_INNER)[-2:0:-1]]
    inside = np.zeros(body.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(polygon).astype(np.int32)], (1,))
    lips = head.photo[np.round(head.points[14, 1]).astype(int), np.round(head.points[14, 0]).astype(int)].mean()
    assert body[inside > 0].mean(1).min() < 0.6 * lips
    far = np.abs(body.astype(int) - head.photo).max(2)
    assert far[: int(head.points[10, 1])].max() <= 3  # above the forehead


def test_drawing_is_repeatable_and_keeps_no_state(animator: HeadAnimator) -> None:
    first = draw(animator, FaceMotion(units=OPEN, blink=0.5, yaw=0.05))
    draw(animator, FaceMotion(blink=1.0, pitch=-0.1))
    np.testing.assert_array_equal(first, draw(animator, FaceMotion(units=OPEN, blink=0.5, yaw=0.05)))
