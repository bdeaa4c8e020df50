"""A GPU that is not there: what is on it has no float64 and does not mix with the processor's.

torch knows it as a device of its own ("simulated"), with the means for backends written in Python.
The values lie in the processor's memory; but each tensor says that it is on the device, and what a
real one refuses is refused: an operation on tensors of two devices (a single number of the
processor's is allowed, as torch allows it), float64 as on Apple's GPUs, and NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from layerscope import device as layerscope_device

NAME = "simulated"
# What takes values from one device to another.
COPIES = {"aten::_to_copy", "aten::copy_"}
# What takes indices from the processor, too.
INDEXING = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}
# What makes tensors of Python's numbers, below all other modes.
FROM_NUMBERS = {torch.tensor, torch.as_tensor, torch.Tensor.new_tensor}
REFUSED = (torch.float64, torch.complex128)


@cache
def registered() -> Any:
    """Make the device known to torch, once in a process; unavailable but in `simulated_device`."""
    registration = pytest.importorskip("torch.utils.backend_registration")
    setup = getattr(registration, "_setup_privateuseone_for_python_backend", None)
    if setup is None:
        pytest.skip("this torch has no backends written in Python")

    class Backend(registration._DummyBackendModule):
        present = False

        def is_available(self) -> bool:
            return self.present

        def get_rng_state(self, device: Any = None) -> torch.Tensor:
            return torch.get_rng_state()

        def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
            torch.set_rng_state(state)

    backend = Backend()
    setup(NAME, backend)
    return backend


class OnDevice(torch.Tensor):
    """A tensor that says it is on the device; its values are `held` on the processor."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnDevice:
        if held.dtype in REFUSED:
            raise TypeError(f"the simulated device has no {held.dtype}; use float32 instead")
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device(NAME, 0),
            requires_grad=held.requires_grad,
        )
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnDevice({self.held!r})"

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.held.untyped_storage()

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, **_: Any) -> Any:  # type: ignore[override]
        raise TypeError("can't convert simulated device type tensor to numpy; use Tensor.cpu()")

    def __array__(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        return self.numpy()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on what is held; what it makes is on the device if its inputs are."""
    name = func._schema.name
    inputs = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
    there = any(isinstance(x, OnDevice) for x in inputs)
    target = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
    if there and name not in COPIES:
        strange = [x for x in inputs if not isinstance(x, OnDevice) and x.ndim]
        if name in INDEXING:
            strange = [x for x in strange if x.is_floating_point()]
        if strange:
            raise RuntimeError(
                f"{name}: all tensors should be on one device, but a tensor "
                f"{tuple(strange[0].shape)} is on the processor"
            )
    if there and target is not None and kwargs.get("dtype") in REFUSED:
        raise TypeError(f"the simulated device has no {kwargs['dtype']}: copy first, then convert")
    held_args, held_kwargs = tree_map(lambda x: getattr(x, "held", x), (args, kwargs))
    if target is not None:
        held_kwargs["device"] = torch.device("cpu")
    result = func(*held_args, **held_kwargs)
    if func._schema.is_mutable:
        return written(func, args, kwargs, result)
    if there if target is None else target.type == NAME:
        return tree_map(lambda x: OnDevice(x) if isinstance(x, torch.Tensor) else x, result)
    return result


def written(func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    """What an operation in place hands back: the very tensors that it wrote to, and new ones."""
    targets = {
        id(getattr(value, "held", value)): value
        for i, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
        for value in [args[i] if i < len(args) else kwargs.get(argument.name)]
        if isinstance(value, torch.Tensor)
    }
    there = any(isinstance(value, OnDevice) for value in targets.values())

    def handed_back(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or id(x) in targets:
            return targets.get(id(x), x)
        return OnDevice(x) if there else x

    return tree_map(handed_back, result)


class Simulated(TorchDispatchMode):
    """While it is on, what is made on the device or sent to it is an `OnDevice`."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


class Watching(TorchFunctionMode):
    """Turns `Simulated` on for the calls that name the device; all others run as fast as ever."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        target = kwargs.get("device")
        if func in FROM_NUMBERS and target is not None and torch.device(target).type == NAME:
            made = func(*args, **{**kwargs, "device": "cpu"})
            with Simulated():
                return made.to(target)
        if not any(names_it(x) for x in (*args, *kwargs.values())):
            return func(*args, **kwargs)
        with Simulated():
            return func(*args, **kwargs)


def names_it(value: Any) -> bool:
    """Whether an argument is the device or lies on it."""
    if isinstance(value, str):
        return value.startswith(NAME)
    return isinstance(value, OnDevice) or (isinstance(value, torch.device) and value.type == NAME)


def without_gradients(mode: Any = True) -> Any:
    """`torch.inference_mode` as far as this device has it."""
    if callable(mode):
        return torch.no_grad()(mode)
    return torch.no_grad() if mode else nullcontext()


@contextmanager
def simulated_device() -> Iterator[torch.device]:
    """Let the device be there for a while, the one that "auto" takes."""
    backend = registered()
    with pytest.MonkeyPatch.context() as patch, Watching():
        patch.setattr(backend, "present", True)
        # A network that is moved keeps its very parameters, as on a real device.
        patch.setattr(torch.__future__, "_swap_module_params_on_conversion", True)
        # Tensors with a class of their own have no views there.
        patch.setattr(torch, "inference_mode", without_gradients)
        patch.setattr(layerscope_device, "WITHOUT_FLOAT64", frozenset({"mps", NAME}))
        yield torch.device(NAME)
