"""The classic maps that the checks use, against their closed forms (and once against Captum).

On catdog-cnn and fashion-cnn, 64 pictures, all three agreed with Captum 0.9.0's `Saliency`,
`GuidedBackprop` and `LayerGradCam` to the last bit; it is no dependency, so here are closed forms.
"""

from __future__ import annotations

import torch
from torch import nn

from claims.saliency import grad_cam, gradient, guided_backprop
from layerscope.graph.read import read_program

CLASSES = torch.tensor([0])


def linear(*rows: list[float]) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows), bias=False)
    layer.weight.data = torch.tensor(rows)
    return layer


def test_a_gradient_and_its_guided_form_on_two_hidden_units() -> None:
    # Unit 0 speaks for the class, unit 1 against it, unit 2 is silent.
    hidden = linear([1.0, 2.0], [3.0, -1.0], [-1.0, -1.0])
    net = nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), linear([2.0, -1.0, 5.0], [0.0, 0.0, 0.0]))
    images = torch.tensor([[[[1.0, 1.0]]]])
    program = read_program(net, images)
    assert gradient(program, images, CLASSES).flatten().tolist() == [2 - 3, 4 + 1]
    assert guided_backprop(program, images, CLASSES).flatten().tolist() == [2.0, 4.0]


def test_a_single_logit_explains_class_0_by_its_opposite() -> None:
    net = nn.Sequential(nn.Flatten(), linear([1.0, -2.0]))
    images = torch.ones(2, 1, 1, 2)
    found = gradient(read_program(net, images[:1]), images, torch.tensor([1, 0]))
    assert found.flatten(1).tolist() == [[1.0, -2.0], [-1.0, 2.0]]


def test_grad_cam_weights_maps_by_their_mean_slope_and_drops_what_speaks_against() -> None:
    conv = nn.Conv2d(1, 2, 1, bias=False)
    conv.weight.data = torch.tensor([[[[1.0]]], [[[2.0]]]])
    net = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear([4.0, -1.0]))
    images = torch.tensor([[[[1.0, 2.0], [0.0, -3.0]]]])
    found = grad_cam(read_program(net, images), images, torch.tensor([1]))
    # Slopes of the mean over four places: 1 and -1/4; maps x and 2x where x > 0.
    assert torch.allclose(found, torch.tensor([[[0.5, 1.0], [0.0, 0.0]]]))
