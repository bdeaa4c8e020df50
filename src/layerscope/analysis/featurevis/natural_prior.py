"""What a set's pictures look like on average: their waves, and the ground they lie on."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.analysis.featurevis.random_transforms import Box
from layerscope.analysis.tuning.battery import MID_GREY, ground_of


@dataclass(frozen=True)
class NaturalPrior:
    """How strong each wave is in a set's pictures.

    Args:
        amplitudes: float (C, h, w // 2 + 1), the deviation of each wave's coefficient, in the
            colours that vary independently.
        ground: float (C,), 0 to 1, from which pictures deviate.
        mixture: float (C, C), turns independent colours into channels.
    """

    amplitudes: torch.Tensor
    ground: torch.Tensor
    mixture: torch.Tensor

    def images(self, waves: torch.Tensor, width: int) -> torch.Tensor:
        """Pictures of some coefficients, each a share of how strong that wave usually is.

        Args:
            waves: float (B, C, h, w // 2 + 1, 2); drawn from a normal distribution of spread 1,
                they give pictures with the set's own spectrum.
            width: w.

        Returns:
            float (B, C, h, w) in 0 to 1.
        """
        spectrum = torch.view_as_complex(waves) * self.amplitudes
        values = torch.fft.irfft2(spectrum, s=(waves.shape[2], width), norm="ortho")
        values = torch.einsum("dc,bchw->bdhw", self.mixture, values)
        values = self.ground.view(1, -1, 1, 1) + values
        # Gradients pass what is cut off: a picture that is black all over could not change else.
        return values + (values.clamp(0, 1) - values).detach()

    def to(self, device: torch.device) -> NaturalPrior:
        """The same on a device."""
        return NaturalPrior(
            self.amplitudes.to(device), self.ground.to(device), self.mixture.to(device)
        )


def natural_prior(
    pixels: torch.Tensor, canvas: Box, colours: torch.Tensor | None, generator: torch.Generator
) -> NaturalPrior:
    """Measure the waves of a set's pictures, in pieces as large as what is optimised.

    Args:
        pixels: uint8 (N, C, H, W), some hundred of the set's pictures.
        canvas: (top, left, height, width) of what is optimised.
        colours: float (C, C), what `colour_decorrelation` gave; None: channels as they are.
        generator: draws which piece of each picture is taken.

    Source: the power spectra of natural images: Field, 1987; that a picture optimised with the
    amplitudes of natural images can be read: Fel et al., "Unlocking Feature Visualization for
    Deeper Networks with MAgnitude Constrained Optimization", 2023. There amplitudes are fixed;
    here they are what deviations from the ground are measured by.

    Example:
        >>> draw = torch.Generator().manual_seed(0)
        >>> noise = torch.randint(0, 256, (50, 1, 16, 16), generator=draw).to(torch.uint8)
        >>> found = natural_prior(noise, (0, 0, 16, 16), None, draw).amplitudes
        >>> bool(found.std() < 0.2 * found.mean())  # all waves of noise are alike
        True
    """
    N, C, H, W = pixels.shape
    h, w = canvas[2:]
    tops = torch.randint(H - h + 1, (N,), generator=generator).tolist()
    lefts = torch.randint(W - w + 1, (N,), generator=generator).tolist()
    pieces = [p[:, t : t + h, le : le + w] for p, t, le in zip(pixels, tops, lefts, strict=True)]
    values = torch.stack(pieces).float() / 255
    mean = values.mean((0, 2, 3))
    ground = ground_of(pixels)
    mixture = torch.eye(C)
    if colours is not None and C > 1:
        mixture = colours / colours.norm(dim=0).max().clamp(min=1e-12)
    centred = torch.einsum(
        "dc,bchw->bdhw", torch.linalg.pinv(mixture), values - mean.view(1, -1, 1, 1)
    )
    # Faded out towards the border, which would be an edge when the waves go round.
    fading = torch.hann_window(h + 2)[1:-1, None] * torch.hann_window(w + 2)[1:-1]
    faded = centred * fading
    power = torch.fft.rfft2(faded, norm="ortho").abs().square().mean(0)
    kept = faded.square().mean() / centred.square().mean().clamp(min=1e-12)
    return NaturalPrior(
        amplitudes=(power / kept.clamp(min=1e-12)).sqrt().clamp(min=1e-6),
        ground=mean if ground == MID_GREY else torch.full((C,), ground),
        mixture=mixture,
    )
