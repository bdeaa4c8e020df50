"""An ONNX network written in the operators that can be converted; it means the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import inliner, numpy_helper

from layerscope.models.pretrained.onnx_operators import OPERATOR_SET, is_known

STANDARD = ("", "ai.onnx")
# Attributes that younger operators have, with the value that changes nothing; None: any does not.
NEUTRAL = {
    "Resize": {"antialias": 0, "keep_aspect_ratio_policy": b"stretch"},
    "AveragePool": {"dilations": 1},
    "Cast": {"saturate": 1, "round_mode": b"up"},
    "Split": {"num_outputs": None},
    "Reshape": {"allowzero": None},  # it differs only where an axis is empty
}


def in_known_operators(proto: Any) -> Any:
    """A network in operators that onnx2torch knows; the one that is given stays as it is.

    Functions, the file's own and those that ONNX defines by other operators, are replaced by what
    they stand for, where onnx2torch does not know them as they are. What only hands a value on is
    left out, and a newer set of operators is declared as the newest known one: most operators mean
    the same in both, and those that take an input or attribute otherwise are put back. Where one
    means something else, the comparison with onnxruntime, which runs the file as it is, finds it.
    """
    found = without_functions(proto)
    skip_identities(found)
    values = constants(found.graph)
    hoist_constants(found.graph, values)
    for entry in found.opset_import:
        if entry.domain in STANDARD and entry.version > OPERATOR_SET:
            entry.version = OPERATOR_SET
            ranks = ranks_in(proto)
            for node in found.graph.node:
                as_older(node, values, ranks, found.graph)
    return found


def without_functions(proto: Any) -> Any:
    """A copy in which functions are spelt out, but for those that are known as they are."""
    kept = [("", name) for name in onnx_names(proto.graph) if is_known(name)]
    return inliner.inline_selected_functions(
        proto, kept, exclude=True, inline_schema_functions=True
    )


def onnx_names(graph: Any) -> set[str]:
    """The operators of a graph that are ONNX's own."""
    return {node.op_type for node in graph.node if node.domain in STANDARD}


def skip_identities(proto: Any) -> None:
    """Leave out what only hands a value on, but for the network's own results."""
    graph, types = proto.graph, types_in(proto)
    results = {output.name for output in graph.output}
    same = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.output[0] not in results and hands_on(node, types)
    }
    kept = [node for node in graph.node if node.output[0] not in same]
    for node in kept:
        for i, name in enumerate(node.input):
            while name in same:
                name = same[name]
            node.input[i] = name
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(nodes)


def hands_on(node: Any, types: Mapping[str, int]) -> bool:
    """Whether an operator gives the very value that it is given."""
    if node.op_type == "Cast":
        to = next((a.i for a in node.attribute if a.name == "to"), None)
        return to == types.get(node.input[0])
    return node.op_type == "Identity"


def types_in(proto: Any) -> dict[str, int]:
    """The type of each value's numbers, where ONNX can tell."""
    graph = onnx.shape_inference.infer_shapes(proto).graph
    named = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    return named | {tensor.name: tensor.data_type for tensor in graph.initializer}


def constants(graph: Any) -> dict[str, np.ndarray]:
    """The values of a graph that are known before it is run."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            value = onnx.helper.get_attribute_value(node.attribute[0])
            name, attribute = str(node.output[0]), node.attribute[0].name
            if attribute == "value":
                found[name] = numpy_helper.to_array(value)
            elif attribute in ("value_int", "value_ints"):
                found[name] = np.asarray(value, np.int64)
            elif attribute in ("value_float", "value_floats"):
                found[name] = np.asarray(value, np.float32)
    return found


def hoist_constants(graph: Any, values: Mapping[str, np.ndarray]) -> None:
    """Keep constants beside the weights instead of as operators that give them."""
    held = {tensor.name for tensor in graph.initializer}
    results = {output.name for output in graph.output}
    for node in [*graph.node]:
        name = node.output[0]
        if node.op_type == "Constant" and name in values and name not in results:
            if name not in held:
                graph.initializer.append(numpy_helper.from_array(values[name], name))
            graph.node.remove(node)


def ranks_in(proto: Any) -> dict[str, int]:
    """How many axes each value has, where ONNX can tell."""
    graph = onnx.shape_inference.infer_shapes(proto).graph
    return {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }


def as_older(
    node: Any, values: Mapping[str, np.ndarray], ranks: Mapping[str, int], graph: Any
) -> None:
    """Give an operator of a newer set the inputs and attributes that it had in `OPERATOR_SET`."""
    kind = node.op_type
    if kind.startswith("Reduce") and kind != "ReduceSum" and given(node, 1) in values:
        axes = values[node.input[1]].reshape(-1).tolist()
        del node.input[1:]
        node.attribute.append(onnx.helper.make_attribute("axes", axes))
    elif kind == "Pad" and given(node, 3) in values and given(node, 1) in values:
        rank = ranks.get(node.input[0])
        if rank is None:
            return
        pads = np.zeros((2, rank), np.int64)
        axes = values[node.input[3]].reshape(-1) % rank
        pads[:, axes] = values[node.input[1]].reshape(2, -1)
        name = f"{node.output[0]}_pads"
        graph.initializer.append(numpy_helper.from_array(pads.reshape(-1), name))
        node.input[1] = name
        del node.input[3:]
    drop_neutral(node)


def given(node: Any, place: int) -> str:
    """The name of an operator's input; "" where it has none there."""
    return node.input[place] if len(node.input) > place else ""


def drop_neutral(node: Any) -> None:
    """Leave out younger attributes that change nothing."""
    neutral = NEUTRAL.get(node.op_type, {})
    for attribute in list(node.attribute):
        if attribute.name in neutral:
            value, same = onnx.helper.get_attribute_value(attribute), neutral[attribute.name]
            if same is None or (
                all(v == same for v in value) if isinstance(value, list) else value == same
            ):
                node.attribute.remove(attribute)
