"""A Storyboard becomes a Blender scene: O(cells) attribute values, O(steps) keyframes, whatever their product."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from functools import cached_property
from itertools import product
from math import atan
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..scenes.form import (
    AMBIENT_REACH,
    BOX_BEVEL,
    CLOSING,
    COVER,
    CUBE,
    FLOOR_GLOSS,
    GHOST,
    GHOST_BAR,
    GHOST_PIXELS,
    NEWBORN,
    OPENED,
    SUN_ANGLE,
    SUN_DIRECTION,
    TAP_BAR,
    VEILED,
    WINDOW_BAR,
    WINDOW_MARGIN,
)
from ..scenes.layout import View
from ..scenes.palette import THEMES, Theme, floor_color
from ..scenes.screen import Screen
from ..scenes.story import ALWAYS, Cells, Lines, Mover, Numbers, Storyboard, Track, Vector
from . import looks, meshes, numerals
from .animate import keyframe, show_between
from .compat import enable_nodes
from .materials import card_material, cell_material, floor_material, glow_material, plain_material, veil_material
from .nodes import STEP_PATH, TAPS_PATH, Socket, Tree, add_modifier, step_group, taps_group
from .words import counter_object, load_face, plate_object, text_object

NAME = "convmotion"
ON_ITS_WAY = " on its way"
"""What the object of a tensor's flying cells is called after the tensor's name."""
NUMBERS = " numbers"
"""The same of what is written on its cells; of a traveller's products, with a 2."""
VEIL = " veil"
"""The same of what lies over the fronts of empty cells with numbers."""
WORDS, CARDS, LABELS = -1.0, -1.5, -2.0
"""How far before the camera they stand: what moves with it is nearer than what stays in the world."""
HALO_BEHIND = 0.02
"""How far behind a text its halo is."""
_CORNERS = np.array(list(product((-0.5, 0.5), repeat=3)))
FLOOR_SIZE = 30.0
"""Half the floor's width, in widths of the picture."""


def build(board: Storyboard, scene: Any = None) -> Any:
    """Build the animation into ``scene`` (default: the current one), in a new collection that is returned.

    Sets the scene's camera, world, frame range, size and frame rate.
    """
    return _Builder(board, scene or bpy.context.scene).run()


class _Builder:
    def __init__(self, board: Storyboard, scene: Any) -> None:
        self.board, self.scene = board, scene
        self.theme: Theme = THEMES[board.theme]
        self.backdrop = floor_color(self.theme)
        self.root = bpy.data.collections.new(NAME)
        scene.collection.children.link(self.root)
        self.groups: dict[str, Any] = {}
        self.movers: dict[str, Any] = {}
        self.taps: dict[str, Any] = {}
        """Of windows that differ in size: the groups that say how many cells they touch."""
        self.anchors: dict[Vector, Any] = {}
        self.glows: dict[str, Any] = {}

    def run(self) -> Any:
        self.step = step_group(f"{NAME} step")
        keyframe(self.step, STEP_PATH, self.board.step)
        self._settings()
        camera = self._camera()
        self._surroundings()
        for mover in self.board.movers:
            self._mover(mover)
        self._cells()
        for lines in self.board.lines:
            self._lines(lines)
        self._outlines()
        self._captions(camera)
        return self.root

    def _link(self, obj: Any, folder: str) -> Any:
        """Put an object into a sub-collection, so that an artist can switch off all words, or all lines."""
        if folder not in self.groups:
            self.groups[folder] = bpy.data.collections.new(f"{NAME} {folder}")
            self.root.children.link(self.groups[folder])
        self.groups[folder].objects.link(obj)
        return obj

    def _object(self, name: str, data: Any, folder: str) -> Any:
        return self._link(bpy.data.objects.new(name, data), folder)

    # The stage

    def _settings(self) -> None:
        render, board = self.scene.render, self.board
        render.resolution_x, render.resolution_y = board.size
        render.resolution_percentage = 100
        render.fps = max(1, round(board.fps))
        render.fps_base = render.fps / board.fps
        self.scene.frame_start, self.scene.frame_end = 1, board.frames
        self.scene.view_settings.view_transform = "Standard"
        self.scene.view_settings.look = "None"

    def _camera(self) -> Any:
        spec = self.board.camera
        view = View.along(spec.direction)
        data = bpy.data.cameras.new("camera")
        data.sensor_fit = "HORIZONTAL"
        if spec.distance is not None:
            data.type = "PERSP"
            data.angle_x = 2.0 * atan(spec.width / 2.0 / spec.distance)
            distance = spec.distance
        else:
            data.type = "ORTHO"
            data.ortho_scale = spec.width
            distance = 2.0 * self.board.camera.widths[1] * (1.0 + spec.height / spec.width)
        data.clip_end = 20.0 * distance + 4.0 * self._journey
        rotation = np.stack([view.right, view.up, -view.forward], axis=1)
        camera = self._object("camera", data, "stage")
        if spec.turn is not None:
            pivot = self._object("turntable", None, "stage")
            pivot.matrix_world = Matrix.Translation(spec.target)
            keyframe(pivot, "rotation_euler", replace(spec.turn, values=spec.turn.values * (0.0, 0.0, 1.0)))
            camera.parent = pivot
        matrix = Matrix.LocRotScale(
            np.asarray(spec.target) - view.forward * distance, Matrix(rotation.tolist()).to_quaternion(), None
        )
        camera.matrix_world = matrix
        self.scene.camera = camera
        if spec.travel is not None:
            targets, widths = np.split(spec.travel.values, [3], axis=1)
            keyframe(camera, "location", replace(spec.travel, values=targets - view.forward * distance))
            keyframe(data, "ortho_scale", replace(spec.travel, values=widths))
        return camera

    @property
    def _journey(self) -> float:
        """How far the camera travels, as the crow flies."""
        travel = self.board.camera.travel
        return 0.0 if travel is None else float(np.linalg.norm(np.ptp(travel.values[:, :3], axis=0)))

    def _page(self, camera: Any) -> Any:
        """What is fixed to the picture belongs to this: the camera or, where that travels, a page of that size.

        It carries the cards that hide the world above and below a band. Before an eye that is not infinitely far, the
        page is smaller the nearer it is.
        """
        spec = self.board.camera
        if spec.travel is None and spec.distance is None:
            return camera
        page = self._object("page", None, "stage")
        page.parent = camera
        if spec.distance is not None:
            page.scale = (-WORDS / spec.distance, -WORDS / spec.distance, 1.0)
        if spec.travel is None:
            return page
        zoom = spec.travel.values[:, 3:] / spec.width
        keyframe(page, "scale", replace(spec.travel, values=np.hstack([zoom, zoom, np.ones_like(zoom)])))
        if spec.band is not None:
            sides = ((-spec.height, spec.band[0]), (spec.band[1], spec.height))
            x = spec.width
            corners = [at for low, high in sides for at in ((-x, low), (x, low), (x, high), (-x, high))]
            mesh = bpy.data.meshes.new("cards")
            mesh.from_pydata([(*at, CARDS) for at in corners], [], [(0, 1, 2, 3), (4, 5, 6, 7)])
            mesh.materials.append(self._card())
            cards = self._object("cards", mesh, "cards")
            show_between(cards, spec.band_from, spec.band_until or self.board.frames, self.board.frames)
            cards.parent = page
            looks.let_light_pass(cards)
        return page

    def _words(self, camera: Any) -> Any:
        """What stays in the world while the camera travels belongs to it: it stands where the camera stands first."""
        words = self._object("words", None, "stage")
        words.matrix_world = camera.matrix_world
        return words

    def _surroundings(self) -> None:
        theme = self.theme
        world = bpy.data.worlds.new(NAME)
        background = enable_nodes(world).nodes["Background"]
        background.inputs["Color"].default_value = (*theme.sky, 1.0)
        background.inputs["Strength"].default_value = theme.sky_strength
        world.color = self.backdrop
        self.scene.world = world
        sun = bpy.data.lights.new("sun", "SUN")
        sun.energy, sun.angle = theme.sun, SUN_ANGLE
        lamp = self._object("sun", sun, "stage")
        shine = View.along(SUN_DIRECTION)
        turned = np.stack([shine.right, shine.up, -shine.forward], axis=1)
        lamp.matrix_world = Matrix(turned.tolist()).to_4x4()
        reach = FLOOR_SIZE * self.board.camera.widths[1] + 4.0 * self._journey
        plane = bpy.data.meshes.new("floor")
        plane.from_pydata(
            [(-reach, -reach, 0), (reach, -reach, 0), (reach, reach, 0), (-reach, reach, 0)], [], [(0, 1, 2, 3)]
        )
        view = View.along(self.board.camera.direction)
        center, half = self._stage_area(view)
        angle = float(np.arctan2(view.right[1], view.right[0]))
        material = floor_material("floor", theme.floor, FLOOR_GLOSS, self.backdrop, center, half, angle)
        plane.materials.append(material)
        floor = self._object("floor", plane, "stage")
        floor.location = (0.0, 0.0, self.board.floor - 0.03)
        floor.visible_camera = not self.board.transparent  # it lights the cells from below all the same
        self.scene.render.film_transparent = self.board.transparent

    def _stage_area(self, view: View) -> tuple[Vector, Vector]:
        """Where on the floor anything but the backdrop can be seen: a rectangle along the picture's right.

        Its centre in world space, and half its size (along the picture's right, away from the viewer). It holds the
        cells' footprints and shadows. Outside, the floor glows in the backdrop's colour by itself, which costs no
        light, and the captions stand on a ground without noise.
        """
        away = np.cross((0.0, 0.0, 1.0), view.right)
        plane = np.stack([view.right, away])
        drift = plane @ np.array(SUN_DIRECTION) / -SUN_DIRECTION[2]  # how far the shadow of a point at height 1 is off
        shadow = plane + np.outer(drift, (0.0, 0.0, 1.0))
        lows, highs = [], []
        for cells in self.board.cells:
            position, far = cells.position.astype(float), AMBIENT_REACH
            if cells.extent is not None:
                position, far = (
                    (position[:, None] + _CORNERS * cells.extent[:, None]).reshape(-1, 3),
                    cells.extent.max(),
                )
            for spots in (plane @ position.T, shadow @ position.T - drift[:, None] * self.board.floor):
                lows.append(spots.min(axis=1) - far)
                highs.append(spots.max(axis=1) + far)
        low, high = np.min(lows, axis=0), np.max(highs, axis=0)
        x, y = (low + high) / 2.0
        half = (high - low) / 2.0
        center = view.right * x + away * y
        return tuple(center.tolist()), (float(half[0]), float(half[1]), 0.0)

    # What moves

    def _mover(self, mover: Mover) -> None:
        mesh = None
        if mover.boxes:
            margin = 2.0 * WINDOW_MARGIN
            grown = [(c, (x + margin, y + margin, z + margin)) for c, (x, y, z) in (*mover.boxes, *mover.parts)]
            thickness = [mover.bar] * len(mover.boxes) + [mover.bar * TAP_BAR / WINDOW_BAR] * len(mover.parts)
            mesh = meshes.bars(mover.name, grown, thickness)
            glow = ("reference", self.theme.ghost) if mover.samples else ("window", self.theme.window)
            mesh.materials.append(self._glow(*glow))
        obj = self._object(mover.name, mesh, "windows")
        keyframe(obj, "location", mover.track)
        if mover.taps is not None:
            self.taps[mover.name] = taps_group(f"{mover.name} taps")
            keyframe(self.taps[mover.name], TAPS_PATH, mover.taps)
            self._resize(mover, obj)
        if mesh is not None:
            show_between(obj, mover.first, mover.last, self.board.frames)
            looks.let_light_pass(obj)
        self.movers[mover.name] = obj

    def _resize(self, mover: Mover, obj: Any) -> None:
        """Let the far ends of a window's boxes go along with how many cells it touches."""
        meshes.add_attribute(obj.data, "far", meshes.far_ends(obj.data, mover.boxes, mover.spacing) * mover.spacing)
        tree = Tree(f"{mover.name} size")
        grown = tree.vector("SUBTRACT", tree.value(self.taps[mover.name]), tuple(map(float, mover.counts)))
        offset = tree.vector("MULTIPLY", tree.attribute("far", "FLOAT_VECTOR"), grown)
        moved = tree.node("GeometryNodeSetPosition", {"Geometry": tree.geometry, "Offset": offset}).outputs[0]
        add_modifier(obj, tree.finish(moved))

    def _glow(self, name: str, color: Any) -> Any:
        if name not in self.glows:  # another scene of this file may have the same in other colours
            self.glows[name] = glow_material(f"{NAME} {name}", color)
        return self.glows[name]

    def _card(self) -> Any:
        """The material of what hides all that is behind it."""
        if "card" not in self.glows:
            self.glows["card"] = card_material("card", None if self.board.transparent else self.backdrop)
        return self.glows["card"]

    # Cells

    def _cells(self) -> None:
        shapes = {}
        material = cell_material("cell", self.theme)
        cube_of = meshes.sharp_cube if self.board.small else meshes.rounded_cube
        templates = {
            name: (cube_of(name), of) for name, of in (("cell", material), ("moving", plain_material("moving")))
        }
        if any(cells.scale > 1.0 for cells in self.board.cells):  # kernels beside a picture of many cells
            templates[meshes.LARGE] = meshes.rounded_cube(meshes.LARGE), material
        if any(cells.extent is not None for cells in self.board.cells):
            templates[meshes.BOX] = meshes.rounded_cube(meshes.BOX, BOX_BEVEL), material
        for name, (cube, of) in templates.items():
            looks.make_paintable(cube)
            cube.materials.append(of)
            shapes[name] = self._template(cube)
        flat = min(self.board.size) / 480.0 * GHOST_PIXELS * self.board.camera.widths[0] > self.board.size[0]
        flat |= any(cells.role == "ghost" and cells.numbers for cells in self.board.cells)
        box = ((0.0, -GHOST / 2, 0.0), (GHOST, 0.0, GHOST)) if flat else ((0.0, 0.0, 0.0), (GHOST, GHOST, GHOST))
        ghost = meshes.bars("ghost", [box], GHOST_BAR)
        ghost.materials.append(self._glow("ghost", self.theme.ghost))
        shapes["ghost"] = self._template(ghost)
        veil = meshes.front("veil", GHOST)
        veil.materials.append(veil_material("veil", self.backdrop, VEILED))
        shapes["veil"] = self._template(veil)
        for cells in self.board.cells:
            self._tensor(cells, shapes)
            for order, numbers in enumerate(cells.numbers, start=1):
                self._numbers(cells, numbers, f"{cells.name}{NUMBERS}{order if order > 1 else ''}")

    def _template(self, mesh: Any) -> Any:
        """What is instanced: an object of its own, hidden."""
        obj = self._object(mesh.name, mesh, "templates")
        obj.hide_render = obj.hide_viewport = True
        return obj

    def _tensor(self, cells: Cells, shapes: dict[str, Any]) -> None:
        attributes = {meshes.TINT: meshes.opaque(cells.color)}
        moving = bool((cells.start != ALWAYS).any())
        if moving:
            attributes |= {"origin": cells.origin, "start": cells.start, "arrive": cells.arrive}
        if cells.lit_by is not None:
            attributes["anchor"] = cells.anchor
        attributes |= {name: way for name, way in (("via", cells.via), ("bow", cells.bow)) if way is not None}
        if cells.becomes is not None:
            attributes["becomes"] = meshes.opaque(cells.becomes)
        if cells.extent is not None:
            attributes["extent"] = cells.extent / np.float32(CUBE)
        mesh = meshes.points(cells.name, cells.position, attributes)
        if not moving:
            parts = {cells.name: None}
        elif cells.via is None:
            parts = {cells.name: self._rest, cells.name + ON_ITS_WAY: self._flight}
        else:
            parts = {cells.name: self._detour}
        for name, motion in parts.items():
            moves = cells.role == "traveller" or name != cells.name
            kind = "ghost" if cells.role == "ghost" else "moving" if moves or cells.role == "copy" else "cell"
            worn = {name: meshes.template_of(cells) if kind == "cell" else kind}
            if kind == "ghost" and cells.numbers:
                worn[name + VEIL] = "veil"
            last = float(cells.arrive.max(initial=-np.inf)) if name != cells.name else cells.end
            for called, template in worn.items():
                obj = self._object(called, mesh, {"ghost": "ghosts", "moving": "moving", "cell": "tensors"}[kind])
                either = self._unless_solid if template == "veil" else self._either
                add_modifier(obj, self._cell_tree(cells, shapes[template], called, motion, either))
                if kind != "cell":
                    looks.let_light_pass(obj)
                self._show_while(obj, float(cells.start.min(initial=np.inf)), last)

    def _show_while(self, obj: Any, first: float, last: float | None) -> None:
        """Hide what has nothing to show up to the step ``first`` and after ``last``: Blender then spares it."""
        frames, step = range(1, self.board.frames + 1), self.board.step
        begins = bisect_right(frames, first, key=lambda frame: step.at(frame)[0])
        ends = len(frames) if last is None else bisect_left(frames, last, key=lambda frame: step.at(frame)[0]) + 1
        show_between(obj, max(1, begins), ends, self.board.frames)

    def _cell_tree(self, cells: Cells, template: Any, name: str, motion: Any, either: Any) -> Any:
        """A tensor's own tree: little but the groups that all share, and the step only where it changes something.

        ``motion`` is the group that moves its cells, if any does; ``either`` gives Workbench what it can draw of them.
        """
        tree = Tree(name)
        geometry, selection, scale = tree.geometry, True, 1.0
        if motion is not None:
            moved = tree.call(motion, geometry, _stop(cells))
            geometry, selection, scale = moved["Geometry"], moved["Shown"], moved["Scale"]
        if cells.becomes is not None:
            tint = self._ripened(tree, cells, tree.step(self.step))
            store = {"Geometry": geometry, "Name": meshes.TINT, "Value": tint}
            node = tree.node("GeometryNodeStoreNamedAttribute", store, data_type="FLOAT_COLOR", domain="POINT")
            geometry = node.outputs[0]
        if cells.end is not None:
            selection = tree.both(selection, tree.greater(cells.end, tree.step(self.step)))
        if cells.lit_by is not None:
            mover = self.board.mover(cells.lit_by)
            geometry = self._lit(tree, geometry, mover)
            if mover.opens:
                scale = tree.math("MULTIPLY", self._opened(tree, mover), scale)
        cube = tree.node("GeometryNodeObjectInfo", {"Object": template, "As Instance": True}).outputs["Geometry"]
        instances = {"Points": geometry, "Selection": selection, "Instance": cube}
        node = tree.node("GeometryNodeInstanceOnPoints", instances)
        if cells.scale != 1.0:
            scale = tree.math("MULTIPLY", scale, cells.scale)
        if cells.extent is not None:
            scale = tree.attribute("extent", "FLOAT_VECTOR")
        if scale != 1.0:
            tree.feed(node.inputs["Scale"], scale)
        return tree.finish(tree.call(either, node.outputs[0])["Geometry"])

    def _numbers(self, cells: Cells, numbers: Numbers, name: str) -> None:
        """A point for every character, at its cell's place: it comes and goes with that."""
        row, attributes = numerals.characters(numbers, self._glyphs[1])
        cell = numbers.cell[row]
        attributes[meshes.TINT] = meshes.opaque(numbers.color[row])
        moving = bool((cells.start != ALWAYS).any())
        if moving:
            attributes |= {"origin": cells.origin[cell], "start": cells.start[cell], "arrive": cells.arrive[cell]}
        attributes |= {name: way[cell] for name, way in (("via", cells.via), ("bow", cells.bow)) if way is not None}
        if numbers.until is not None:
            attributes["until"] = numbers.until[row]
        reader = None if cells.lit_by is None else self.board.mover(cells.lit_by)
        if reader is not None and reader.opens:
            attributes["anchor"] = cells.anchor[cell]
        obj = self._object(name, meshes.points(name, cells.position[cell], attributes), "numbers")
        looks.let_light_pass(obj)
        tree = Tree(name)
        inputs: dict[str, Any] = {"Shown": True, "Scale": cells.scale}
        geometry = tree.geometry
        if moving:
            moved = tree.call(self._carried if cells.via is None else self._detour, geometry, _stop(cells))
            geometry, inputs["Shown"] = moved["Geometry"], moved["Shown"]
            inputs["Scale"] = tree.math("MULTIPLY", moved["Scale"], cells.scale)
        if reader is not None and reader.opens:
            inputs["Scale"] = tree.math("MULTIPLY", self._opened(tree, reader), inputs["Scale"])
        bounds = [] if numbers.first == ALWAYS else [tree.greater(tree.step(self.step), numbers.first)]
        bounds += [] if numbers.last is None else [tree.negated(tree.greater(tree.step(self.step), numbers.last))]
        if numbers.until is not None:
            bounds.append(tree.negated(tree.greater(tree.step(self.step), tree.attribute("until", "FLOAT"))))
        bounds += [] if cells.end is None else [tree.greater(cells.end, tree.step(self.step))]
        for bound in bounds:
            inputs["Shown"] = tree.both(inputs["Shown"], bound)
        add_modifier(obj, tree.finish(tree.call(self._print, geometry, inputs)["Geometry"]))
        ends = [step for step in (numbers.last, cells.end) if step is not None]
        first = max(numbers.first, float(cells.start[numbers.cell].min()))
        self._show_while(obj, first, min(ends, default=None))

    @cached_property
    def _glyphs(self) -> tuple[Any, NDArray[np.float64]]:
        """The folder of the glyphs' objects, hidden, and the glyphs' advances."""
        made = numerals.glyphs(load_face(), glow_material(f"{NAME} ink", None, "INSTANCER"))
        for glyph in made:
            looks.make_paintable(glyph.mesh)
            obj = self._object(glyph.mesh.name, glyph.mesh, "glyphs")
            obj.hide_render = obj.hide_viewport = True
        return self.groups["glyphs"], np.array([glyph.advance for glyph in made])

    @cached_property
    def _print(self) -> Any:
        """The glyphs of characters, on the fronts of their cells."""
        tree = Tree(f"{NAME} print", {"Shown": "NodeSocketBool", "Scale": "NodeSocketFloat"})
        shown, scale = list(tree.inputs.values())[1:3]
        size = tree.attribute("digit", "FLOAT_VECTOR")
        offset = tree.scaled(tree.attribute("offset", "FLOAT_VECTOR"), scale)
        placed = tree.node("GeometryNodeSetPosition", {"Geometry": tree.geometry, "Offset": offset}).outputs[0]
        folder = {"Collection": self._glyphs[0], "Separate Children": True, "Reset Children": True}
        glyph = tree.node("GeometryNodeCollectionInfo", folder).outputs[0]
        inputs = {"Points": placed, "Selection": shown, "Instance": glyph, "Pick Instance": True}
        inputs |= {"Instance Index": tree.attribute("glyph", "FLOAT"), "Scale": tree.scaled(size, scale)}
        node = tree.node("GeometryNodeInstanceOnPoints", inputs)
        return tree.finish(tree.call(self._either, node.outputs[0])["Geometry"])

    @cached_property
    def _either(self) -> Any:
        """The instances or, for Workbench, meshes of their own with the colours that it draws: see looks.set_solid."""
        tree = Tree(f"{NAME} shape")
        gain = tree.math("MULTIPLY", tree.attribute("lit", "FLOAT"), looks.SOLID_GAIN / 2)
        shown = tree.scaled(tree.attribute(meshes.TINT, "FLOAT_COLOR"), tree.math("ADD", looks.SOLID_GAIN, gain))
        realized = tree.node("GeometryNodeRealizeInstances", {0: tree.geometry}).outputs[0]
        store = {"Geometry": realized, "Name": looks.SHOWN, "Value": shown}
        painted = tree.node("GeometryNodeStoreNamedAttribute", store, data_type="FLOAT_COLOR", domain="POINT")
        choices = {"Switch": False, "False": tree.geometry, "True": painted.outputs[0]}
        switch = tree.node("GeometryNodeSwitch", choices, input_type="GEOMETRY")
        switch.name = looks.SOLID
        return tree.finish(switch.outputs[0])

    @cached_property
    def _unless_solid(self) -> Any:
        """The instances; for Workbench, which sees through nothing here, none."""
        tree = Tree(f"{NAME} veil")
        switch = tree.node("GeometryNodeSwitch", {"Switch": False, "False": tree.geometry}, input_type="GEOMETRY")
        switch.name = looks.SOLID
        return tree.finish(switch.outputs[0])

    @cached_property
    def _rest(self) -> Any:
        """Cells that have arrived at their place."""
        tree = Tree(f"{NAME} rest")
        step = tree.step(self.step)
        started = tree.greater(step, tree.attribute("start", "FLOAT"))
        arrived = tree.negated(tree.greater(tree.attribute("arrive", "FLOAT"), step))
        return tree.finish(tree.geometry, {"Shown": tree.both(started, arrived), "Scale": tree.math("ADD", 1.0)})

    @cached_property
    def _flight(self) -> Any:
        """Cells on their way from the origin to the place, growing.

        They are objects of their own because they wear plain colours and cast no shadow: what hurries over the picture
        would darken all of it for a moment.
        """
        tree = Tree(f"{NAME} flight")
        step, start, arrive = tree.step(self.step), tree.attribute("start", "FLOAT"), tree.attribute("arrive", "FLOAT")
        u = tree.progress(step, start, arrive)
        return self._flown(tree, u, tree.both(tree.greater(step, start), tree.greater(arrive, step)))

    @cached_property
    def _carried(self) -> Any:
        """What is written on cells: on their way, and where they have arrived."""
        tree = Tree(f"{NAME} carried")
        step, start, arrive = tree.step(self.step), tree.attribute("start", "FLOAT"), tree.attribute("arrive", "FLOAT")
        arrived = tree.negated(tree.greater(arrive, step))  # at once where nothing flies
        u = tree.math("MAXIMUM", tree.progress(step, start, arrive), arrived)
        return self._flown(tree, u, tree.greater(step, start))

    def _flown(self, tree: Tree, u: Socket, shown: Socket) -> Any:
        """So far, 0..1, from the origin to the place; growing."""
        position = tree.node("GeometryNodeInputPosition").outputs[0]
        place = tree.between(tree.attribute("origin", "FLOAT_VECTOR"), position, u)
        place = tree.vector("ADD", place, self._aside(tree, u))
        return self._moved(tree, place, shown, tree.math("ADD", NEWBORN, tree.math("MULTIPLY", u, 1.0 - NEWBORN)))

    @cached_property
    def _detour(self) -> Any:
        """From the origin to the stop on the way, small in between; a rest there; then to the place, shrinking."""
        tree = Tree(f"{NAME} detour", dict.fromkeys(("Reached", "Left", "Swells"), "NodeSocketFloat"))
        step, start = tree.step(self.step), tree.attribute("start", "FLOAT")
        position = tree.node("GeometryNodeInputPosition").outputs[0]
        there = tree.progress(step, start, tree.inputs["Reached"])
        on = tree.progress(step, tree.inputs["Left"], tree.attribute("arrive", "FLOAT"))
        stop = tree.between(tree.attribute("origin", "FLOAT_VECTOR"), tree.attribute("via", "FLOAT_VECTOR"), there)
        flight = tree.math("MULTIPLY", there, tree.math("SUBTRACT", 1.0, there))
        place = tree.between(tree.vector("ADD", stop, self._aside(tree, there)), position, on)
        shrunk = tree.math("ADD", tree.math("MULTIPLY", flight, 2.0), tree.math("MULTIPLY", on, COVER - NEWBORN))
        stays = tree.math("MULTIPLY", there, tree.math("SUBTRACT", 1.0, on))
        swollen = tree.math("ADD", 1.0, tree.math("MULTIPLY", tree.inputs["Swells"], stays))
        size = tree.math("MULTIPLY", tree.math("SUBTRACT", COVER, shrunk), swollen)
        return self._moved(tree, place, tree.greater(step, start), size)

    @staticmethod
    def _aside(tree: Tree, u: Socket) -> Socket:
        """So far, 0..1, on the way: how far from the straight one."""
        flight = tree.math("MULTIPLY", u, tree.math("SUBTRACT", 1.0, u))
        return tree.scaled(tree.attribute("bow", "FLOAT_VECTOR"), tree.math("MULTIPLY", flight, 4.0))

    @staticmethod
    def _moved(tree: Tree, place: Socket, shown: Socket, scale: Socket) -> Any:
        geometry = tree.node("GeometryNodeSetPosition", {"Geometry": tree.geometry, "Position": place}).outputs[0]
        return tree.finish(geometry, {"Shown": shown, "Scale": scale})

    @staticmethod
    def _ripened(tree: Tree, cells: Cells, step: Socket) -> Socket:
        """A traveller's colour: its own up to the stop, the other one soon after."""
        u = tree.progress(step, *cells.ripens)
        node = tree.node("ShaderNodeMix", {"Factor": u}, data_type="RGBA")
        tree.feed(node.inputs[6], tree.attribute(meshes.TINT, "FLOAT_COLOR"))
        tree.feed(node.inputs[7], tree.attribute("becomes", "FLOAT_COLOR"))
        return tree.result(node)

    def _lit(self, tree: Tree, geometry: Socket, mover: Mover) -> Socket:
        """The points with what this mover's window, or its samples, light."""
        appears, lands = self.board.glows(mover)
        for each in self.board.lights(mover):
            last_tap: Any = tuple(count - 1.0 for count in each.counts)
            if each.taps is not None:
                last_tap = tree.vector("SUBTRACT", tree.value(self.taps[each.name]), (1.0, 1.0, 1.0))
            inputs = {
                "Window": tree.location(self.movers[each.name]),
                "Spacing": each.spacing,
                "Last Tap": last_tap,
                "Appears": appears,
                "Lands": lands,
                "Leaves": self.board.leaves(mover),
            }
            geometry = tree.call(self._light, geometry, inputs)["Geometry"]
        return geometry

    def _opened(self, tree: Tree, mover: Mover) -> Socket:
        """How much smaller the points before a window are: pose._opened."""
        offset = tree.vector(
            "SUBTRACT", tree.location(self.movers[mover.name]), tree.attribute("anchor", "FLOAT_VECTOR")
        )
        before = tree.node("ShaderNodeSeparateXYZ", {0: offset}).outputs[1]
        before = tree.math("MINIMUM", tree.math("MAXIMUM", before, 0.0), 1.0)
        step, leaves = tree.step(self.step), self.board.leaves(mover)
        gone = tree.math("SUBTRACT", 1.0, tree.progress(step, leaves - CLOSING, leaves))
        there = tree.math("MULTIPLY", tree.progress(step, *self.board.glows(mover)), gone)
        shrunk = tree.math("MULTIPLY", tree.math("MULTIPLY", before, there), 1.0 - OPENED)
        return tree.math("SUBTRACT", 1.0, shrunk)

    @cached_property
    def _light(self) -> Any:
        """1 on the cells that the window touches, falling to 0 one cell off: the distance to the nearest tap.

        With what others have lit before it is no more than 1.
        """
        sockets: dict[str, str] = dict.fromkeys(("Window", "Spacing", "Last Tap"), "NodeSocketVector")
        sockets |= dict.fromkeys(("Appears", "Lands", "Leaves"), "NodeSocketFloat")
        tree = Tree(f"{NAME} light", sockets)
        window, spacing, last, appears, lands, leaves = list(tree.inputs.values())[1:]
        offset = tree.vector("SUBTRACT", tree.attribute("anchor", "FLOAT_VECTOR"), window)
        at = tree.vector("DIVIDE", offset, spacing)
        nearest = tree.vector("FLOOR", tree.vector("ADD", at, (0.5, 0.5, 0.5)))
        tap = tree.vector("MINIMUM", tree.vector("MAXIMUM", nearest, (0.0, 0.0, 0.0)), last)
        distance = tree.vector("ABSOLUTE", tree.vector("MULTIPLY", tree.vector("SUBTRACT", at, tap), spacing))
        near = tree.vector("MAXIMUM", tree.vector("SUBTRACT", (1.0, 1.0, 1.0), distance), (0.0, 0.0, 0.0))
        x, y, z = tree.node("ShaderNodeSeparateXYZ", {0: near}).outputs
        lit = tree.math("MULTIPLY", tree.math("MULTIPLY", x, y), z)
        step = tree.step(self.step)
        there = tree.math("MULTIPLY", tree.progress(step, appears, lands), tree.greater(leaves, step))
        lit = tree.math("ADD", tree.attribute("lit", "FLOAT"), tree.math("MULTIPLY", lit, there))
        store = {"Geometry": tree.geometry, "Name": "lit", "Value": tree.math("MINIMUM", lit, 1.0)}
        node = tree.node("GeometryNodeStoreNamedAttribute", store, data_type="FLOAT", domain="POINT")
        return tree.finish(node.outputs[0])

    # Lines and outlines

    def _lines(self, lines: Lines) -> None:
        carriers = sorted({on for line in lines.lines for on in (line.start_on, line.end_on) if on})
        ends = np.array([p for line in lines.lines for p in (line.start, line.end)], np.float32)
        on = [c for line in lines.lines for c in (line.start_on, line.end_on)]
        color = np.repeat(np.array([line.color for line in lines.lines]), 2, axis=0)
        attributes = {meshes.TINT: meshes.opaque(color)}
        for carrier in carriers:
            attributes[f"on {carrier}"] = np.array([c == carrier for c in on], np.float32)
        mesh = meshes.points(lines.name, ends, attributes)
        mesh.edges.add(len(lines.lines))
        mesh.edges.foreach_set("vertices", np.arange(len(ends), dtype=np.int32))
        obj = self._object(lines.name, mesh, "lines")
        looks.let_light_pass(obj)

        tree = Tree(lines.name)
        place = tree.node("GeometryNodeInputPosition").outputs[0]
        for carrier in carriers:
            carried = tree.scaled(tree.location(self.movers[carrier]), tree.attribute(f"on {carrier}", "FLOAT"))
            place = tree.vector("ADD", place, carried)
        moved = tree.node("GeometryNodeSetPosition", {"Geometry": tree.geometry, "Position": place}).outputs[0]
        curve = tree.node("GeometryNodeMeshToCurve", {0: moved}).outputs[0]
        ring = tree.node("GeometryNodeCurvePrimitiveCircle", {"Resolution": 6, "Radius": lines.radius}).outputs[0]
        tube = tree.node("GeometryNodeCurveToMesh", {0: curve, 1: ring}).outputs[0]
        material = self._glow("line", None)
        painted = tree.node("GeometryNodeSetMaterial", {"Geometry": tube, "Material": material}).outputs[0]
        step = tree.step(self.step)
        shown = tree.both(tree.greater(step, lines.first), tree.greater(lines.last, step))
        switch = tree.node("GeometryNodeSwitch", {"Switch": shown, "True": painted}, input_type="GEOMETRY")
        add_modifier(obj, tree.finish(switch.outputs[0]))
        self._show_while(obj, lines.first, lines.last)

    def _outlines(self) -> None:
        if not self.board.outlines:
            return
        mesh = meshes.bars("outlines", [(o.center, o.size) for o in self.board.outlines], self.board.outline_bar)
        mesh.materials.append(self._glow("ghost", self.theme.ghost))
        looks.let_light_pass(self._object("outlines", mesh, "outlines"))

    # Words

    def _beside(self, anchor: Vector, page: Any) -> Any:
        """What goes, on the page, where a point in the world is seen."""
        if anchor not in self.anchors:
            self.anchors[anchor] = carrier = self._object("anchor", None, "stage")
            carrier.parent = page
            frames = range(1, self.board.frames + 1) if self.board.camera.turn is not None else range(1, 2)
            seen = np.array([Screen(self.board, frame).eye.seen(np.array(anchor)) for frame in frames])
            flat = np.column_stack([seen, np.zeros(len(seen))])
            carrier.location = flat[0]
            if len(frames) > 1:
                keyframe(carrier, "location", Track(np.array(frames, float), flat, ("linear",) * len(flat)))
        return self.anchors[anchor]

    def _captions(self, camera: Any) -> None:
        face = load_face()
        shades: dict[Any, Any] = {}
        page = self._page(camera)
        words = self._words(camera) if self.board.camera.travel is not None else None
        for caption in self.board.captions:
            if caption.color not in shades:
                shades[caption.color] = glow_material(f"{NAME} text {len(shades) + 1}", caption.color)
            material = shades[caption.color]
            if "{step}" in caption.body:
                obj = counter_object(caption, face, material, self.step)
            else:
                obj = text_object(caption, face, material)
            texts = [obj]
            if caption.halo:
                texts.append(plate_object(caption, self._card()))
            for text, behind in zip(texts, (0.0, HALO_BEHIND), strict=False):
                self._link(text, "captions")
                text.parent = (
                    words if caption.in_world else self._beside(caption.anchor, page) if caption.anchor else page
                )
                text.location = (*caption.at, (LABELS if caption.in_world else WORDS) - behind)
                looks.let_light_pass(text)
                # on the grey of a solid view the backdrop's colour would look like bold letters
                show_between(text, caption.first, caption.last, self.board.frames, viewport=text is obj)


def _stop(cells: Cells) -> dict[str, float]:
    """What the group needs that moves cells with a stop on their way."""
    return {} if cells.via is None else {"Reached": cells.rest[0], "Left": cells.rest[1], "Swells": cells.swells - 1.0}
