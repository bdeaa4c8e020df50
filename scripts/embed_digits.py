"""Make src/layerscope/data/digits.png from scikit-learn's copy of the UCI digits.

Run with the `dev` extra installed: python scripts/embed_digits.py
"""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sklearn.datasets import load_digits

digits = load_digits()
pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
facts = PngInfo()
facts.add_text("labels", "".join(map(str, digits.target)))
target = Path(__file__).parents[1] / "src/layerscope/data/digits.png"
Image.fromarray(pixels.reshape(-1, 8)).save(target, pnginfo=facts, optimize=True)
