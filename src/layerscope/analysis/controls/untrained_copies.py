"""The same network with nothing learned: the control that every finding is held against."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from layerscope.device import as_taken
from layerscope.errors import ModelError, first_line
from layerscope.graph.program import told_of
from layerscope.graph.state_guard import evaluating

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def untrained_copy(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Copy a network and initialise every module of the copy anew.

    Each module that knows how (`reset_parameters`) draws its weights as it did when it was made;
    batch norms forget their running statistics. A parameter that no module initialises, such as a
    vision transformer's class token and positions or a layer scale, is drawn from a normal
    distribution with the mean and standard deviation of the original's own values: its size is
    kept, what it says is not. A parameter whose values are all the same stays.

    Args:
        model: any network; left as it was, as is torch's own random generator.
        generator: draws the weights.

    Returns:
        A network of the same shape, mode and device.

    Source: Adebayo et al., "Sanity Checks for Saliency Maps", 2018, section 3: what an untrained
    network shows as well was not learned.

    Example:
        >>> net = nn.Linear(3, 2)
        >>> fresh = untrained_copy(net, torch.Generator().manual_seed(0))
        >>> torch.equal(fresh.weight, net.weight)
        False
    """
    fresh = copied(model)
    devices = {p.device for p in model.parameters()}
    fresh = fresh.cpu()  # drawn there, so that devices agree
    seed = int(torch.randint(1 << 62, (), generator=generator))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        # Inner modules first: an outer one may set what its parts have drawn.
        for module in reversed(list(fresh.modules())):
            # torch's own attention calls it `_reset_parameters`.
            for name in ("reset_parameters", "_reset_parameters"):
                reset = getattr(module, name, None)
                if callable(reset):
                    reset()
                    break
        redraw_untouched(fresh, model)
    return fresh.to(devices.pop()) if len(devices) == 1 else fresh


def copied(model: nn.Module) -> nn.Module:
    """A deep copy, also where weights are computed from others (pruning, weight norm).

    Raises:
        ModelError: the network holds something that cannot be copied.
    """
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    }
    try:
        return copy.deepcopy(model, computed)
    except Exception as error:  # whatever an author's own attributes meet
        raise ModelError(
            f"{type(model).__name__} cannot be copied ({first_line(error)}), so that nothing of it "
            "can be held against untrained copies; leave out of its attributes what is no weight"
        ) from error


def redraw_untouched(fresh: nn.Module, model: nn.Module) -> None:
    """Draw the parameters that are still the original's, in place, from torch's own generator."""
    for new, old in zip(fresh.parameters(), model.parameters(), strict=True):
        old = old.detach().cpu()
        if torch.equal(new, old) and new.is_floating_point():
            std, mean = torch.std_mean(old.double(), correction=0)
            if std > 0:
                new.normal_(float(mean), float(std))


def calibrate_batch_norms(model: nn.Module, images: torch.Tensor, *, batch_size: int = 256) -> None:
    """Give batch norms the running statistics of some pictures, in place; no weight changes.

    A batch norm that has seen nothing takes mean 0 and variance 1 for granted, and a deep network
    of such either fades out or blows up: nothing could be read from it even by chance. With the
    statistics of real pictures an untrained network is the fairest control.

    Args:
        model: any network; its mode is put back.
        images: float (N, C, H, W), N at least 2, a few hundred.
        batch_size: images at a time; every batch counts alike.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, NORMS) and module.running_mean is not None
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    with evaluating(model), torch.no_grad(), told_of(images):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over batches
            norm.training = True  # this module alone: dropout and the like stay off
        try:
            for batch in images.tensor_split(math.ceil(len(images) / batch_size)):
                model(as_taken(model, batch))
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
