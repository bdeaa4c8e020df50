"""How similar two layers' representations are: linear centred kernel alignment (CKA)."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from layerscope.errors import DataError

FEWEST = 4  # pictures that the unbiased estimate needs
BLOCK_VALUES = 1 << 24  # values of the similarity matrices that are held at once: 64 MB


def linear_cka(x: torch.Tensor, y: torch.Tensor, *, debiased: bool = True) -> float:
    """Compare two layers' features of the same pictures.

    1 says that both layers arrange the pictures alike, up to a rotation, a reflection and one
    common scale; 0 says that the two are unrelated. With few pictures and many features
    the plain estimate is far too large even for unrelated features, so the debiased one is the
    default; it may be a little below 0.

    Args:
        x: float (N, D), N at least 4.
        y: float (N, E), the same pictures.
        debiased: whether to estimate without bias.

    Returns:
        At most 1; 0.0 where a layer is constant over the pictures.

    Raises:
        DataError: the numbers of pictures differ or are too few.

    Source: Kornblith et al., "Similarity of Neural Network Representations Revisited", 2019,
    section 3; the debiased form by Nguyen, Raghu and Kornblith, "Do Wide and Deep Networks Learn
    the Same Things?", 2021, equation 3, after Song et al., "Feature Selection via Dependence
    Maximization", 2012, section 2.

    Example:
        >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        >>> round(linear_cka(x, -2 * x), 6)
        1.0
    """
    check({"the first": x, "the second": y})
    a, b = centred(x), centred(y)
    products = torch.stack([(m.T @ n).square().sum() for m, n in ((a, a), (a, b), (b, b))])
    xx, xy, yy = map(float, products)
    lengths = torch.stack([a.square().sum(1), b.square().sum(1)])
    sums = torch.tensor([[xx, xy], [xy, yy]], dtype=torch.float64)
    found = alignment(sums, lengths, debiased=debiased)
    return float(found[0, 1])


def cka_matrix(
    features: Mapping[str, torch.Tensor], *, debiased: bool = True
) -> tuple[tuple[str, ...], torch.Tensor]:
    """Compare every layer with every other.

    The layers' similarity matrices (N, N) are compared a few rows at a time: with many layers this
    takes far less work than comparing features pair by pair, and no matrix is held whole.

    Args:
        features: layer name -> float (N, D), of the same pictures.
        debiased: as for `linear_cka`.

    Returns:
        The layers, and float64 (L, L): symmetric, ones on its diagonal (0 for a layer that is
        constant over the pictures).

    Raises:
        DataError: the numbers of pictures differ or are too few.
    """
    check(features)
    layers = tuple(features)
    kept = [centred(x).float() for x in features.values()]
    L, n = len(kept), len(kept[0])
    products = torch.zeros(L, L, dtype=torch.float64)
    block = max(1, BLOCK_VALUES // (L * n))
    for start in range(0, n, block):
        rows = torch.stack([(x[start : start + block] @ x.T).flatten() for x in kept])
        products += (rows @ rows.T).double()
    lengths = torch.stack([x.double().square().sum(1) for x in kept])
    return layers, alignment(products, lengths, debiased=debiased)


def alignment(
    products: torch.Tensor, lengths: torch.Tensor, *, debiased: bool = True
) -> torch.Tensor:
    """CKA from sums over the similarity matrices of centred features.

    With K and L the similarity matrices of two layers, whose rows sum to zero, the unbiased
    estimate needs no more than the sum of K * L and their diagonals k and l: leaving the diagonal
    out, K's rows sum to -k.

    Args:
        products: float64 (L, L), the sum of K * L for each pair of layers.
        lengths: float64 (L, N), the diagonals.
        debiased: as for `linear_cka`.

    Returns:
        float64 (L, L).
    """
    hsic = products
    if debiased:
        n = lengths.shape[1]
        totals = lengths.sum(1)
        hsic = hsic - n / (n - 2) * (lengths @ lengths.T)
        hsic = hsic + torch.outer(totals, totals) / ((n - 1) * (n - 2))
    own = hsic.diagonal()
    # What is left of a constant layer is rounding.
    varies = (own > 1e-9 * products.diagonal()) & (own > 0)
    scale = torch.where(varies, own.clamp(min=0).rsqrt(), 0.0)
    return (hsic * torch.outer(scale, scale)).clamp(max=1.0)


def centred(x: torch.Tensor) -> torch.Tensor:
    """Features float64 (N, D) of mean 0, at one common scale."""
    x = x.double()
    mean = x.mean(0)
    away = x - mean
    # What differs by rounding alone is the same.
    away = torch.where(away.abs().amax(0) > 1e-6 * mean.abs(), away, 0.0)
    size = away.square().sum(1).mean().sqrt()
    return away / size if size > 0 else away


def check(features: Mapping[str, torch.Tensor]) -> None:
    """Refuse features that cannot be compared.

    Raises:
        DataError: see `linear_cka`.
    """
    counts = {name: len(x) for name, x in features.items()}
    if not counts or min(counts.values()) < FEWEST or len(set(counts.values())) > 1:
        told = ", ".join(f"{name}: {n}" for name, n in counts.items()) or "none"
        raise DataError(
            f"layers are compared on the same pictures, at least {FEWEST}; given were {told}"
        )
    for name, x in features.items():
        if not x.isfinite().all():
            raise DataError(f"the features of {name} hold values that are not finite")
