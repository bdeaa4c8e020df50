"""Small networks as people write them, each with something that a reader of networks may trip over.

Each takes float (B, 3, 16, 16) unless it says otherwise, and returns (B, 4) logits.
"""

from __future__ import annotations

from helpers.people import layouts, products, reach, tutorials, untraceable, weights

NETWORKS = (
    tutorials.NETWORKS
    | layouts.NETWORKS
    | reach.NETWORKS
    | weights.NETWORKS
    | products.NETWORKS
    | untraceable.NETWORKS
)
