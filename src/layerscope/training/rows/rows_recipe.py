"""How networks of words and numbers are trained where nothing else is said."""

from __future__ import annotations

from layerscope.errors import RecipeError
from layerscope.training.recipe import Recipe

# docs/words-and-numbers.md says how these were chosen.
COMMON = Recipe(
    optimiser="adamw",
    learning_rate=0.003,
    weight_decay=0.01,
    gradient_clip=1.0,
    precision="float32",
)
USUAL_RECIPES = {
    "text": {"epochs": 4, "batch_size": 64, "learning_rate": 0.008},
    "next-word": {"epochs": 20, "batch_size": 32, "learning_rate": 0.005},
    "table": {"epochs": 100, "batch_size": 16, "weight_decay": 0.1},
    "series": {"epochs": 20, "batch_size": 64},
}


def rows_recipe(kind: str) -> Recipe:
    """The recipe of a kind of rows."""
    return COMMON.with_changes(**USUAL_RECIPES[kind])


def check_rows_recipe(recipe: Recipe) -> None:
    """Refuse what has no meaning for rows.

    Raises:
        RecipeError: pictures are changed, or layers frozen.
    """
    if recipe.augment != "none":
        raise RecipeError(
            f"augment is {recipe.augment!r}, which changes pictures; words and numbers have none"
        )
    if recipe.freeze:
        raise RecipeError(
            f"freeze is {recipe.freeze!r}; networks of words and numbers learn from the start, "
            "with every layer"
        )
