"""Geometry Nodes from code that reads like the tree: values and sockets go in, sockets come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

Socket = Any


class Tree:
    """A geometry node group under construction; ``geometry`` is what comes in, ``inputs`` all that does, by name."""

    def __init__(self, name: str, inputs: Mapping[str, str] | None = None) -> None:
        """``inputs`` are the types of the sockets beside the geometry's."""
        self.group = bpy.data.node_groups.new(name, "GeometryNodeTree")
        kinds = {"Geometry": "NodeSocketGeometry", **(inputs or {})}
        for socket, kind in kinds.items():
            self.group.interface.new_socket(socket, in_out="INPUT", socket_type=kind)
        outputs = self.group.nodes.new("NodeGroupInput").outputs
        self.inputs: dict[str, Socket] = dict(zip(kinds, outputs, strict=False))  # the last one makes new inputs
        self.geometry = self.inputs["Geometry"]

    def node(self, kind: str, inputs: Mapping[Any, Any] | None = None, **properties: Any) -> Any:
        """A node of class ``kind``: properties are set first, then inputs are linked (sockets) or set (values)."""
        node = self.group.nodes.new(kind)
        for name, value in properties.items():
            setattr(node, name, value)
        for key, value in (inputs or {}).items():
            self.feed(self._input(node, key), value)
        return node

    @staticmethod
    def _input(node: Any, key: str | int) -> Socket:
        """An input by index or by name; of several with one name (one per data type), the one in use."""
        if isinstance(key, int):
            return node.inputs[key]
        return next(s for s in node.inputs if s.name == key and s.enabled)

    def feed(self, socket: Socket, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.group.links.new(value, socket)
        else:
            socket.default_value = value

    @staticmethod
    def result(node: Any) -> Socket:
        """The output in use."""
        return next(s for s in node.outputs if s.enabled)

    def math(self, operation: str, a: Any, b: Any = 0.0) -> Socket:
        return self.node("ShaderNodeMath", {0: a, 1: b}, operation=operation).outputs[0]

    def vector(self, operation: str, a: Any, b: Any = (0.0, 0.0, 0.0)) -> Socket:
        return self.node("ShaderNodeVectorMath", {0: a, 1: b}, operation=operation).outputs[0]

    def scaled(self, vector: Any, factor: Any) -> Socket:
        return self.node("ShaderNodeVectorMath", {0: vector, "Scale": factor}, operation="SCALE").outputs[0]

    def between(self, a: Any, b: Any, u: Any) -> Socket:
        """The vector ``a + (b - a) * u``."""
        return self.vector("ADD", a, self.scaled(self.vector("SUBTRACT", b, a), u))

    def progress(self, value: Any, start: Any, end: Any) -> Socket:
        """0 up to ``start``, 1 from ``end`` on, smooth between."""
        inputs = {"Value": value, "From Min": start, "From Max": end, "To Min": 0.0, "To Max": 1.0}
        return self.result(self.node("ShaderNodeMapRange", inputs, interpolation_type="SMOOTHSTEP"))

    def greater(self, a: Any, b: Any) -> Socket:
        return self.node("FunctionNodeCompare", {0: a, 1: b}, data_type="FLOAT", operation="GREATER_THAN").outputs[0]

    def both(self, a: Any, b: Any) -> Socket:
        return self.node("FunctionNodeBooleanMath", {0: a, 1: b}, operation="AND").outputs[0]

    def negated(self, a: Any) -> Socket:
        return self.node("FunctionNodeBooleanMath", {0: a}, operation="NOT").outputs[0]

    def attribute(self, name: str, data_type: str) -> Socket:
        return self.result(self.node("GeometryNodeInputNamedAttribute", {"Name": name}, data_type=data_type))

    def location(self, obj: Any) -> Socket:
        """Where another object is, seen from the one that carries the modifier."""
        return self.node("GeometryNodeObjectInfo", {"Object": obj}, transform_space="RELATIVE").outputs["Location"]

    def step(self, step_group: Any) -> Socket:
        """The animation's step: the one keyframed number."""
        return self.value(step_group)

    def value(self, group: Any) -> Socket:
        """What a group gives that takes nothing."""
        return self.node("GeometryNodeGroup", node_tree=group).outputs[0]

    def call(self, group: Any, geometry: Socket, inputs: Mapping[str, Any] | None = None) -> dict[str, Socket]:
        """The outputs of another finished tree, by name, for this geometry."""
        node = self.node("GeometryNodeGroup", {"Geometry": geometry, **(inputs or {})}, node_tree=group)
        return {socket.name: socket for socket in node.outputs}

    def finish(self, geometry: Socket, others: Mapping[str, Socket] | None = None) -> Any:
        """Close the tree, with outputs beside the geometry if need be; returns the node group."""
        outputs = {"Geometry": geometry, **(others or {})}
        for name, socket in outputs.items():
            self.group.interface.new_socket(name, in_out="OUTPUT", socket_type=socket.bl_idname)
        for end, socket in zip(self.group.nodes.new("NodeGroupOutput").inputs, outputs.values(), strict=False):
            self.group.links.new(socket, end)
        return self.group


def step_group(name: str) -> Any:
    """A group that gives one number, the output of its Value node "step"; keyframe that and every tree follows."""
    group = bpy.data.node_groups.new(name, "GeometryNodeTree")
    group.interface.new_socket("Step", in_out="OUTPUT", socket_type="NodeSocketFloat")
    value = group.nodes.new("ShaderNodeValue")
    value.name = value.label = "step"
    group.links.new(value.outputs[0], group.nodes.new("NodeGroupOutput").inputs[0])
    return group


def taps_group(name: str) -> Any:
    """A group that gives one vector, that of its node "taps", as :func:`step_group` a number."""
    group = bpy.data.node_groups.new(name, "GeometryNodeTree")
    group.interface.new_socket("Taps", in_out="OUTPUT", socket_type="NodeSocketVector")
    vector = group.nodes.new("FunctionNodeInputVector")
    vector.name = vector.label = "taps"
    group.links.new(vector.outputs[0], group.nodes.new("NodeGroupOutput").inputs[0])
    return group


TAPS_PATH = 'nodes["taps"].vector'
STEP_PATH = 'nodes["step"].outputs[0].default_value'


def add_modifier(obj: Any, group: Any) -> None:
    group.is_modifier = True
    obj.modifiers.new("convmotion", "NODES").node_group = group
