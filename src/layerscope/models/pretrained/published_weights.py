"""Published weights: from the hub's cache, or downloaded, and checked either way."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlparse

import torch

from layerscope.errors import ModelError, first_line
from layerscope.files import sha256_of
from layerscope.models.pretrained.backbone import find_backbone
from layerscope.vision import timm, torchvision


def published_file(name: str) -> Path:
    """The file with a network's published weights, downloaded where it is not there yet.

    torchvision's lie in torch's hub folder (TORCH_HOME) and have the beginning of their checksum in
    their name; timm's lie in Hugging Face's cache (HF_HOME), which names files by their checksum.

    Args:
        name: "torchvision:NAME" or "timm:NAME".

    Raises:
        ModelError: the file is neither there nor to be had, or damaged.
    """
    found = find_backbone(name)
    if found.library == "torchvision":
        weights = torchvision().models.get_model_weights(found.name).DEFAULT
        return from_torch_hub(name, weights.url)
    form = timm().get_pretrained_cfg(found.name)
    if form.hf_hub_id:
        file = form.hf_hub_filename or "model.safetensors"
        # The same weights lie beside the older pickle, under this name.
        file = re.sub(r"(pytorch_)?model\.bin$", "model.safetensors", file)
        return from_hugging_face(name, form.hf_hub_id, file)
    if form.url:
        return from_torch_hub(name, form.url)
    raise ModelError(
        f"timm publishes no weights for {name}; give a file (--weights FILE), or begin with "
        "nothing (--weights none)"
    )


def from_torch_hub(name: str, url: str) -> Path:
    """A file of torch's hub folder, downloaded where it is not there yet."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    marked = re.search(r"-([a-f0-9]{8,})\.", file.name)
    if not file.is_file():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # It takes the file's name only when all of it is there with the right checksum.
            torch.hub.download_url_to_file(
                url, str(file), hash_prefix=marked[1] if marked else None, progress=False
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise out_of_reach(name, url, error) from error
    elif marked:
        check(file, marked[1], name=str(file))
    return file


def from_hugging_face(name: str, repository: str, file_name: str) -> Path:
    """A file of Hugging Face's cache, downloaded where it is not there yet."""
    import huggingface_hub as hub

    repository, _, revision = repository.partition("@")
    url = hub.hf_hub_url(repository, file_name, revision=revision or None)
    cached = hub.try_to_load_from_cache(repository, file_name, revision=revision or None)
    try:
        if isinstance(cached, str):
            file = Path(cached)
            checksum = file.resolve().name  # the cache keeps a large file under its checksum
        else:
            # Asked for first: unlike the download it does not try five times where nobody answers.
            checksum = hub.get_hf_file_metadata(url).etag or ""
            file = Path(hub.hf_hub_download(repository, file_name, revision=revision or None))
    except Exception as error:  # each version of its client has other errors for no network
        raise out_of_reach(name, url, error) from error
    if re.fullmatch(r"[a-f0-9]{64}", checksum):
        check(file, checksum, name=str(file))
    return file


def check(file: Path, checksum: str, *, name: str) -> None:
    """Compare a file with the checksum, or the beginning of one, that its hub gives.

    Raises:
        ModelError: it is another.
    """
    found = sha256_of(file)
    if not found.startswith(checksum):
        raise ModelError(
            f"{name} is damaged: its checksum begins with {found[:8]} and not with {checksum[:8]}; "
            "delete it and try again"
        )


def out_of_reach(name: str, url: str, why: BaseException) -> ModelError:
    """The error of weights that are neither here nor to be had."""
    return ModelError(
        f"the published weights of {name} are not on this machine and could not be downloaded "
        f"({first_line(why)}); connect to the internet, fetch {url} elsewhere and name it with "
        "--weights FILE, or begin with nothing: --weights none"
    )
