"""Three classic saliency maps, as plain as their papers have them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from layerscope.graph.program import Program

# Program, images (B, C, H, W), classes (B,) -> maps (B, C, H, W) with signs, or (B, H, W).
Method = Callable[[Program, torch.Tensor, torch.Tensor], torch.Tensor]


def explained(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The logit of each picture's class, float (B,); of a single one, class 0 is its opposite."""
    if logits.shape[1] == 1:
        return logits[:, 0] * (2 * classes - 1)
    return logits.gather(1, classes[:, None])[:, 0]


def gradient(program: Program, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The logit's slope at each pixel and channel.

    Source: Simonyan et al., "Deep Inside Convolutional Networks", 2014, section 3.
    """
    return slopes(program, images, classes, lambda name, output: None)


def guided_backprop(program: Program, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The same with negative slopes stopped at every ReLU on the way back.

    Source: Springenberg et al., "Striving for Simplicity", 2015, section 3.4.
    """
    relus = {layer.name for layer in program.layers if layer.function == "relu"}

    def guide(name: str, output: torch.Tensor) -> None:
        if name in relus:
            output.register_hook(lambda slope: slope.clamp(min=0))

    return slopes(program, images, classes, guide)


def slopes(
    program: Program,
    images: torch.Tensor,
    classes: torch.Tensor,
    visit: Callable[[str, torch.Tensor], None],
) -> torch.Tensor:
    """The slopes at the pixels, whatever `visit` does to them on their way: float (B, C, H, W)."""
    images = images.clone().requires_grad_()
    logits = program.run(images, visit, grad=True)
    (slope,) = torch.autograd.grad(explained(logits, classes).sum(), images)
    return slope


def magnitude(method: Method) -> Method:
    """The map as it is drawn: without signs, the largest over channels."""
    return lambda program, images, classes: method(program, images, classes).abs().amax(1)


def grad_cam(program: Program, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The last maps behind a ReLU, weighted by their mean slopes, positive part, enlarged.

    Source: Selvaraju et al., "Grad-CAM", 2017, equations 1 and 2.
    """
    last = [x.name for x in program.layers if x.kind == "activation" and len(x.shape) == 3][-1]
    kept: list[torch.Tensor] = []
    logits = program.run(
        images, lambda name, output: kept.append(output) if name == last else None, grad=True
    )
    (slope,) = torch.autograd.grad(explained(logits, classes).sum(), kept[0])
    cam = (kept[0].detach() * slope.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
    size = (images.shape[2], images.shape[3])
    return F.interpolate(cam, size=size, mode="bilinear", align_corners=False)[:, 0]


METHODS: dict[str, Method] = {
    "gradient": gradient,
    "gradient, magnitude": magnitude(gradient),
    "guided backprop": guided_backprop,
    "guided backprop, magnitude": magnitude(guided_backprop),
    "Grad-CAM": grad_cam,
}
