"""moderngl renderer (EGL: a GPU when the driver offers one, else Mesa llvmpipe)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import cv2
import moderngl
import numpy as np

from . import shaders
from .camera import Camera
from .character import PARTS, Character
from .garments import NO_SCOOP
from .rig import RigPose
from .transforms import Array, look_at, orthographic

DIRECTIONS = 40
"""From which occlusion is looked at."""
ATTRIBUTES = "3f 2f 1f 1f 1f 3f"
ATTRIBUTE_NAMES = ("canon", "uv", "arm", "layer", "hmask", "tan_")


class Renderer(Camera):
    """Draws one `Character` at a time.

    `size` is the output width; `render_size` the internal one (area-averaged down); `samples` MSAA samples.
    """

    def __init__(
        self,
        size: int = 256,
        render_size: int | None = None,
        samples: int = 0,
        shadow: int = 512,
        detail: bool | None = None,
    ):
        options: Any = {"backend": "egl"}
        if "EGL_DEVICE_INDEX" in os.environ:
            options["device_index"] = int(os.environ["EGL_DEVICE_INDEX"])
        self.ctx = c = moderngl.create_standalone_context(**options)
        super().__init__(size)
        self.render_size = render_size or size
        detail = size > 320 if detail is None else detail
        self.programs: dict[str, Any] = {n: c.program(shaders.VERTEX, shaders.colour_program(n, detail)) for n in PARTS}
        self.depth_programs: dict[str, Any] = {
            n: c.program(shaders.VERTEX, shaders.depth_program(n)) for n in shaders.SHADOW_PARTS
        }
        self.background_program = c.program(shaders.BACKGROUND_VERTEX, shaders.BACKGROUND)
        triangle = c.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4"))
        self.background_vao = c.vertex_array(self.background_program, [(triangle, "2f", "p")])
        shape = (self.render_size, self.render_size)
        self.target = c.framebuffer([c.texture(shape, 4)], c.depth_renderbuffer(shape))
        self.multi = (
            c.framebuffer([c.renderbuffer(shape, 4, samples=samples)], c.depth_renderbuffer(shape, samples=samples))
            if samples
            else None
        )
        self.shadow_texture = c.depth_texture((shadow, shadow))
        self.shadow_texture.compare_func = "<="
        self.shadow_target = c.framebuffer(depth_attachment=self.shadow_texture)
        self.view_depth = c.depth_texture((256, 256))
        self.view_target = c.framebuffer(depth_attachment=self.view_depth)
        self.ao_depth = c.depth_texture((384, 384))
        self.ao_target = c.framebuffer(depth_attachment=self.ao_depth)
        self.background: moderngl.Texture | None = None
        self.mask_textures: list[moderngl.Texture] = []
        self._owned: list = []
        self.shadow_view = (np.array([0.0, -0.02, 0.12]), 0.72)  # centre and half-width of the shadow map

    # ------------------------------------------------------------------ set-up
    def load(self, character: Character, background: Array, look: dict | None = None, bake_ao: bool = True) -> None:
        """Uploads a character; `look` overrides the uniforms of its identity (light, skin, cloth colours)."""
        c = self.ctx
        self.character, self.look = character, look or character.spec["look"]
        for item in self._owned:
            item.release()
        self._owned = []
        if not self.mask_textures:
            m = character.base.masks
            four = np.stack([m[k] for k in ("lips", "fingernails", "ears", "eyelids")], -1)[::-1]
            for image, channels in ((four, 4), (m["inside-mouth"][::-1], 1)):
                texture = c.texture((1024, 1024), channels, np.ascontiguousarray(image).tobytes())
                texture.build_mipmaps()
                self.mask_textures.append(texture)
        count = len(character.render_vertex)
        self.dynamic = c.buffer(reserve=count * 24, dynamic=True)
        self.occlusion = c.buffer(np.ones(count, "f4"))
        self.static, self.index = c.buffer(character.static), c.buffer(character.index)
        self.layout = [
            (self.dynamic, "3f 3f", "pos", "nrm"),
            (self.occlusion, "1f", "ao_"),
            (self.static, ATTRIBUTES, *ATTRIBUTE_NAMES),
        ]
        drawn = {r[0] for r in character.ranges}
        self.arrays, self.depth_arrays = (
            {
                name: c.vertex_array(program, self.layout, self.index, skip_errors=True)
                for name, program in programs.items()
                if name in drawn
            }
            for programs in (self.programs, self.depth_programs)
        )
        self.set_background(background)
        self._owned += [self.dynamic, self.occlusion, self.static, self.index]
        self._owned += [*self.arrays.values(), *self.depth_arrays.values()]
        self.set_look(self.look)
        if bake_ao:
            self._bake_occlusion()

    def set_background(self, image: Array) -> None:
        """The room behind the person, an RGB uint8 picture."""
        if self.background is not None:
            self.background.release()
        self.background = self.ctx.texture((image.shape[1], image.shape[0]), 3, np.ascontiguousarray(image).tobytes())

    def set_look(self, look: dict) -> None:
        """Writes all uniforms that come from the identity."""
        self.look = look
        self._write_uniforms((*self.programs.values(), *self.depth_programs.values()))

    def _write_uniforms(self, programs: Iterable[Any]) -> None:
        values = {"exposure": 1.0, "scoop": NO_SCOOP} | self.look
        for p in programs:
            for name, value in values.items():
                if name not in p:
                    continue
                if name in ("garm", "has_garm", "scoop"):
                    items = [tuple(map(float, x)) if np.ndim(x) else int(x) for x in value][: p[name].array_length]
                    p[name].value = items if len(items) > 1 else items[0]
                else:
                    p[name].value = tuple(map(float, value)) if np.ndim(value) else float(value)

    # ------------------------------------------------------------------ passes
    def _depth_pass(self, target: moderngl.Framebuffer, matrix: Array) -> None:
        target.use()
        target.clear()
        self.ctx.enable(moderngl.DEPTH_TEST)
        data = matrix.T.astype("f4").tobytes()
        for part, first, count in self.character.ranges:
            if part in self.depth_arrays:
                self.depth_programs[part]["VP"].write(data)
                self.depth_arrays[part].render(vertices=count, first=first)

    def _bake_occlusion(self) -> None:
        """Ambient occlusion per vertex in the rest pose from depth maps along DIRECTIONS."""
        flat = np.zeros((5, 3))
        v = self.character.skin(RigPose({}, {}, dict(L=flat, R=flat), dict(L=0.15, R=0.15)), {})
        self.dynamic.write(v)
        p, n = v[:, :3], v[:, 3:]
        size = self.ao_depth.size[0]
        visible, total = np.zeros(len(p)), np.full(len(p), 1e-3)
        centre = np.array([0, -0.05, 0.08])
        for i in range(DIRECTIONS):
            y = 1 - 1.6 * (i + 0.5) / DIRECTIONS
            r, turn = np.sqrt(1 - y * y), i * 2.39996
            d = np.array([r * np.cos(turn), y, r * np.sin(turn)])
            m = orthographic(0.72, 0.1, 6) @ look_at(centre + d * 3, centre)
            self._depth_pass(self.ao_target, m)
            depth = np.frombuffer(self.ao_depth.read(), "f4").reshape(size, size)
            h = (p + n * 0.003) @ m[:3, :3].T + m[:3, 3]
            ij = np.clip(((h[:, :2] * 0.5 + 0.5) * size).astype(int), 0, size - 1)
            weight = np.maximum(n @ d, 0)
            visible += weight * (h[:, 2] * 0.5 + 0.5 < depth[ij[:, 1], ij[:, 0]] + 0.0008)
            total += weight
        self.occlusion.write((visible / total).astype("f4"))

    def depth(self) -> Array:
        """(256, 256) distance along the view axis of the mesh last given to `draw` (inf: none)."""
        self._depth_pass(self.view_target, self.view_projection)
        d = np.frombuffer(self.view_depth.read(), "f4").reshape(256, 256)[::-1]
        a, b = self.projection[2, 2], self.projection[2, 3]
        ndc = 2.0 * d.astype(float) - 1
        return np.where(d < 1, b / (ndc + a), np.inf)

    def draw(self, vertices: Array) -> Array:
        """RGB uint8 image of posed render vertices."""
        c = self.ctx
        self.dynamic.write(vertices)
        centre, half = self.shadow_view
        light = np.asarray(self.look["keydir"], float)
        light_matrix = orthographic(half, 0.1, 6) @ look_at(centre + light * 3, centre)
        self._depth_pass(self.shadow_target, light_matrix)
        target = self.multi or self.target
        target.use()
        target.clear()
        if self.background is None:
            raise RuntimeError("load() a character before drawing")
        self.background.use(0)
        room: Any = self.background_program
        room["image"].value = 0
        room["shift"].value = tuple(map(float, self.background_shift))
        c.disable(moderngl.DEPTH_TEST)
        self.background_vao.render()
        c.enable(moderngl.DEPTH_TEST)
        self.mask_textures[0].use(0)
        self.mask_textures[1].use(1)
        self.shadow_texture.use(2)
        vp, lvp = (m.T.astype("f4").tobytes() for m in (self.view_projection, light_matrix))
        for part, first, count in self.character.ranges:
            p = self.programs[part]
            p["VP"].write(vp)
            if "LVP" in p:
                p["LVP"].write(lvp)
            if "eye" in p:
                p["eye"].value = tuple(self.eye)
            for name, unit in (("masks", 0), ("masks2", 1), ("shadow", 2)):
                if name in p:
                    p[name].value = unit
            self.arrays[part].render(vertices=count, first=first)
        if self.multi:
            c.copy_framebuffer(self.target, self.multi)
        n = self.render_size
        image = np.frombuffer(self.target.read(components=3), "u1").reshape(n, n, 3)[::-1]
        if n == self.size:
            return np.ascontiguousarray(image)
        return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
