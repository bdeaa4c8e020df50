"""Pictures with labels: named sets, folders of photos, drawn creatures."""

from layerscope.data.catalogue import set_names
from layerscope.data.downloads.places import cache_folder
from layerscope.data.folders.picture import read_picture
from layerscope.data.imageset import ImageSet, Skipped, Splits
from layerscope.data.sets import load
from layerscope.data.split import stratified

__all__ = [
    "ImageSet",
    "Skipped",
    "Splits",
    "cache_folder",
    "load",
    "read_picture",
    "set_names",
    "stratified",
]
