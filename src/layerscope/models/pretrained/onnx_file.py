"""An ONNX file as a network of torch's own modules, compared with onnxruntime before it is used."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from layerscope.data.folders.framing import Framing
from layerscope.errors import ModelError, first_line
from layerscope.models.preprocessing import InputFacts
from layerscope.models.pretrained.opened_network import OpenedNetwork
from layerscope.vision import torchvision

INSTALL = "ONNX files need onnx, onnx2torch and onnxruntime: pip install 'layerscope[onnx]'"
# Of a network that leaves its picture's size open; only the comparison takes it.
OPEN_SIDE_PX = 224
ALIKE_FRAC = 1e-3


def open_onnx(path: Path) -> OpenedNetwork:
    """Read an ONNX file as a network of torch's modules, named after its nodes.

    Every operator becomes a module (onnx2torch), so that its layers are read, changed and measured
    as any other network's are. The result is compared with onnxruntime on drawn images.

    Raises:
        ModelError: it is no such file, takes something other than one picture, has operators that
            are not known, or the result differs from onnxruntime's.
    """
    torchvision()  # onnx2torch imports it
    try:
        import onnx
        import onnx2torch
        import onnxruntime
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("onnx", "onnx2torch", "onnxruntime"):
            raise
        raise ModelError(INSTALL) from error
    from layerscope.models.pretrained.onnx_operators import (
        add_missing_operators,
        with_own_slices,
    )
    from layerscope.models.pretrained.onnx_rewriting import in_known_operators

    add_missing_operators()
    try:
        proto = onnx.load(str(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arrays that it does not write to
            net = with_own_slices(onnx2torch.convert(in_known_operators(proto)))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever a strange file makes three libraries meet
        raise ModelError(
            f"{path} cannot be opened as an ONNX network ({first_line(error)}); open it as the "
            "network that it was exported from (module:make, file.py:make)"
        ) from error
    name, dims = picture_of(session, path)
    channels_last = dims[1] not in (1, 3) and dims[3] in (1, 3)
    C, H, W = (dims[3], dims[1], dims[2]) if channels_last else dims[1:]
    net = with_plain_names(net, channels_last=channels_last)
    net.eval()
    compare(net, session, name, (C or 3, H, W), path, channels_last=channels_last)
    facts = InputFacts(source=path.name, channels=C, framing=Framing(H, W) if H and W else None)
    return OpenedNetwork(str(path), net, facts, names_of(proto))


def picture_of(session: Any, path: Path) -> tuple[str, list[int | None]]:
    """The name and the four sides of a network's picture; None where a side is left open.

    Raises:
        ModelError: it reads something other than one picture of float32.
    """
    inputs = session.get_inputs()
    found = inputs[0]
    if len(inputs) != 1 or len(found.shape) != 4:
        shapes = ", ".join(f"{i.name} {i.shape}" for i in inputs)
        raise ModelError(f"{path} reads {shapes}; only networks of one picture are looked at")
    if found.type != "tensor(float)":
        raise ModelError(
            f"{path} reads {found.type}; export it with an input of float32, before quantising"
        )
    return found.name, [
        side if isinstance(side, int) and side > 0 else None for side in found.shape
    ]


def with_plain_names(net: fx.GraphModule, *, channels_last: bool) -> fx.GraphModule:
    """Modules named like attributes ("/conv/Conv" is "conv_Conv"), pictures with channels first."""
    taken: dict[str, str] = {}
    for node in net.graph.nodes:
        if node.op != "call_module":
            continue
        old = str(node.target)
        if old not in taken:
            plain = re.sub(r"[^A-Za-z0-9_]+", "_", old).strip("_") or "layer"
            taken[old] = plain
            if plain != old:
                number = 1
                while hasattr(net, taken[old]):
                    number += 1
                    taken[old] = f"{plain}_{number}"
                net.add_submodule(taken[old], net.get_submodule(old))
        node.target = taken[old]
    if channels_last:
        start = next(node for node in net.graph.nodes if node.op == "placeholder")
        with net.graph.inserting_after(start):
            turned = net.graph.call_method("permute", (start, 0, 2, 3, 1))
        start.replace_all_uses_with(turned, delete_user_cb=lambda user: user is not turned)
    net.delete_all_unused_submodules()
    net.recompile()
    return net


def compare(
    net: nn.Module,
    session: Any,
    name: str,
    size: tuple[int, int | None, int | None],
    path: Path,
    *,
    channels_last: bool,
) -> None:
    """Refuse a converted network that does not say what onnxruntime says.

    Raises:
        ModelError: it fails on two pictures at once, or its outputs differ.
    """
    C, H, W = size[0], size[1] or OPEN_SIDE_PX, size[2] or OPEN_SIDE_PX
    generator = torch.Generator().manual_seed(0)
    for strength in (1.0, 255.0):
        images = strength * torch.rand(2, C, H, W, generator=generator)
        given = images.permute(0, 2, 3, 1) if channels_last else images
        try:
            # One at a time: a file may be exported for a single picture.
            theirs = [
                session.run(None, {name: np.ascontiguousarray(one[None].numpy())})[0]
                for one in given
            ]
            with torch.no_grad():
                ours = net(images)
        except Exception as error:  # whatever its operators meet
            raise ModelError(
                f"{path} does not run on two pictures of {C} x {H} x {W} ({first_line(error)}); "
                "export it with a batch axis that is left open (dynamic_axes or dynamic_shapes)"
            ) from error
        expected = torch.from_numpy(np.concatenate(theirs))
        ours = ours[0] if isinstance(ours, tuple | list) else ours
        if ours.shape != expected.shape:
            raise ModelError(
                f"{path} was exported for a single picture: two give {tuple(ours.shape)}; export "
                "it with a batch axis that is left open (dynamic_axes or dynamic_shapes)"
            )
        worst = float((ours - expected).abs().max())
        if not worst <= ALIKE_FRAC * max(float(expected.abs().max()), 1e-3):
            raise ModelError(
                f"{path} converted to torch does not say what onnxruntime says (they differ by "
                f"{worst:.2g}); open it as the network that it was exported from (file.py:make)"
            )


def names_of(proto: Any) -> tuple[str, ...] | None:
    """Class names that an exporter wrote into the file as "names" or "classes"."""
    for entry in proto.metadata_props:
        if entry.key in ("names", "classes", "class_names", "id2label"):
            try:
                value = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError):
                continue
            if isinstance(value, dict):
                value = [value[key] for key in sorted(value, key=int)]
            if isinstance(value, list | tuple) and len(value) > 1:
                return tuple(str(each) for each in value)
    return None
