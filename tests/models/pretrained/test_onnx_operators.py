"""Operators that onnx2torch does not know, each held against ONNX's own reference."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from layerscope.vision import torchvision

onnx = pytest.importorskip("onnx")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
MAPS = np.random.default_rng(0).normal(size=(2, 4, 6, 6)).astype(np.float32)


def graph_of(nodes: list[Any], since: int, functions: Any = (), **values: np.ndarray) -> Any:
    """A network of some nodes, from "x" to "y", with some constants."""
    return helper.make_model(
        helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(MAPS.shape))],
            [helper.make_empty_tensor_value_info("y")],
            [numpy_helper.from_array(value, name) for name, value in values.items()],
        ),
        opset_imports=[helper.make_opsetid("", since), helper.make_opsetid("own", 1)],
        functions=functions,
        ir_version=10,
    )


def converted(proto: Any) -> torch.nn.Module:
    """The network in torch's modules."""
    torchvision()  # onnx2torch imports it
    import onnx2torch

    from layerscope.models.pretrained.onnx_operators import add_missing_operators, with_own_slices
    from layerscope.models.pretrained.onnx_rewriting import in_known_operators

    add_missing_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arrays that it does not write to
        return with_own_slices(onnx2torch.convert(in_known_operators(proto)))


def check_same(proto: Any) -> torch.nn.Module:
    """The converted network gives what ONNX's reference gives."""
    from onnx.reference import ReferenceEvaluator

    net = converted(proto)
    expected = ReferenceEvaluator(proto).run(None, {"x": MAPS})[0]
    with torch.no_grad():
        found = net(torch.from_numpy(MAPS))
    found = found[0] if isinstance(found, tuple | list) else found
    assert found.shape == expected.shape
    assert np.allclose(found.numpy(), expected, atol=1e-5), np.abs(found.numpy() - expected).max()
    return net


@pytest.mark.parametrize(
    ("operator", "since", "attributes"),
    [
        ("Gelu", 20, {}),
        ("Gelu", 20, {"approximate": "tanh"}),
        ("Mish", 18, {}),
        ("Swish", 24, {}),
        ("Swish", 24, {"alpha": 2.0}),
        ("ThresholdedRelu", 10, {"alpha": 0.5}),
        ("ThresholdedRelu", 22, {}),
        ("GlobalMaxPool", 1, {}),
        ("GlobalMaxPool", 22, {}),
        ("Trilu", 14, {"upper": 0}),
        ("Trilu", 14, {}),
        ("SpaceToDepth", 13, {"blocksize": 2}),
        ("LpNormalization", 13, {"axis": 1}),
        # A function that ONNX defines by other operators, which are converted instead.
        ("Shrink", 18, {"lambd": 0.3, "bias": 0.1}),
    ],
)
def test_operators_of_one_input(operator: str, since: int, attributes: dict[str, Any]) -> None:
    check_same(graph_of([helper.make_node(operator, ["x"], ["y"], **attributes)], since))


def test_normalisations_take_their_weights() -> None:
    rng = np.random.default_rng(1)
    scale, bias = (rng.normal(size=4).astype(np.float32) for _ in range(2))
    group = helper.make_node("GroupNormalization", ["x", "scale", "bias"], ["y"], num_groups=2)
    check_same(graph_of([group], 21, scale=scale, bias=bias))
    check_same(graph_of([group], 18, scale=scale[:2], bias=bias[:2]))
    rms = helper.make_node("RMSNormalization", ["x", "scale"], ["y"], axis=-1)
    check_same(graph_of([rms], 23, scale=rng.normal(size=6).astype(np.float32)))


def test_what_younger_sets_write_otherwise_is_put_back() -> None:
    axes = np.array([2, 3])
    mean = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)
    check_same(graph_of([mean], 18, axes=axes))
    split = helper.make_node("Split", ["x"], ["y", "z"], axis=1, num_outputs=2)
    check_same(graph_of([split], 18))
    pad = helper.make_node("Pad", ["x", "pads", "", "axes"], ["y"])
    check_same(graph_of([pad], 18, pads=np.array([1, 2, 0, 3]), axes=np.array([2, -1])))
    shape = helper.make_node("Reshape", ["x", "shape"], ["y"], allowzero=1)
    check_same(graph_of([shape], 19, shape=np.array([2, -1])))
    constant = helper.make_node("Constant", [], ["axes"], value_ints=[1])
    largest = helper.make_node("ReduceMax", ["x", "axes"], ["y"])
    check_same(graph_of([constant, largest], 20))


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [
        ([1, 0], [3, 5], [1, 3], [1, 2]),
        ([-1], [-(2**31)], [2], [-1]),
        ([4, -3], [0, 2**31], [-1, -2], [-2, 1]),
    ],
)
def test_slices_are_those_of_numpy(
    starts: list[int], ends: list[int], axes: list[int], steps: list[int]
) -> None:
    node = helper.make_node("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])
    given = dict(zip(("starts", "ends", "axes", "steps"), (starts, ends, axes, steps), strict=True))
    check_same(graph_of([node], 13, **{name: np.array(one) for name, one in given.items()}))


def test_a_files_own_functions_are_spelt_out() -> None:
    twice = helper.make_function(
        "own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    check_same(graph_of([helper.make_node("Twice", ["x"], ["y"], domain="own")], 17, [twice]))


def test_casts_to_the_same_type_are_no_layers() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Identity", ["b"], ["c"]),
        helper.make_node("Neg", ["c"], ["y"]),
    ]
    net = check_same(graph_of(nodes, 17))
    called = [node for node in net.graph.nodes if node.op == "call_module"]  # type: ignore[union-attr]
    assert len(called) == 2


def test_an_operator_that_nobody_knows_stays_unknown() -> None:
    with pytest.raises(NotImplementedError, match="Det"):
        converted(graph_of([helper.make_node("Det", ["x"], ["y"])], 11))
