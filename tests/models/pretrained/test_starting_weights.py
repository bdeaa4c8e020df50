"""Weights to begin with: taken as they are, but for the head; refused where they do not fit."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from published import published_network, spec_of, write_published
from safetensors.torch import load_file, save_file
from torch import nn

from layerscope.errors import ModelError
from layerscope.models import ModelSpec, build
from layerscope.models.pretrained.published_weights import published_file
from layerscope.models.pretrained.starting_weights import choose_weights, load_weights, read_weights
from layerscope.vision import torchvision


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_published(tmp_path_factory.mktemp("hub"))


def nobody_answers(*arguments: object, **options: object) -> None:
    raise URLError("Name or service not known")


def begun(file: Path | str, spec: ModelSpec | None = None) -> nn.Module:
    """A network as a training begins with it."""
    spec = spec or spec_of()
    spec = replace(spec, weights=choose_weights(spec.name, file))
    model = build(spec, torch.Generator().manual_seed(0))
    load_weights(model, spec)
    return model


def test_every_tensor_but_the_head_is_the_file_s(file: Path) -> None:
    given = load_file(str(file))
    own = begun(file).state_dict()
    fresh = begun("none").state_dict()
    assert set(own) == set(given)
    for name, value in own.items():
        expected = fresh[name] if name.startswith("fc.") else given[name]
        assert torch.equal(value, expected), name


def test_it_computes_what_the_published_network_computes(file: Path) -> None:
    published = published_network()
    published.fc = nn.Identity()
    ours = begun(file).eval()
    ours.fc = nn.Identity()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(ours(images), published(images))


def test_a_head_of_the_same_size_is_new_too(tmp_path: Path) -> None:
    # Three classes of someone else's are not the three classes to learn.
    spec = spec_of()
    other = build(spec, torch.Generator().manual_seed(5))
    save_file(other.state_dict(), str(tmp_path / "w.safetensors"))
    ours = begun(tmp_path / "w.safetensors")
    assert torch.equal(ours.conv1.weight, other.conv1.weight)
    assert torch.equal(ours.fc.weight, begun("none").fc.weight)


def test_a_dropout_before_the_head_does_not_matter(file: Path, tmp_path: Path) -> None:
    dropped = spec_of().with_shape(dropout_frac=0.3)
    with_dropout = begun(file, dropped)
    assert torch.equal(with_dropout.layer4[1].conv2.weight, begun(file).layer4[1].conv2.weight)
    save_file(with_dropout.state_dict(), str(tmp_path / "w.safetensors"))
    back = begun(tmp_path / "w.safetensors")
    assert torch.equal(back.conv1.weight, with_dropout.conv1.weight)


@pytest.mark.parametrize("inside", [None, "state_dict", "model"])
def test_torch_s_own_files_are_read(file: Path, tmp_path: Path, inside: str | None) -> None:
    given = load_file(str(file))
    torch.save({inside: given, "epoch": 3} if inside else given, tmp_path / "w.pth")
    assert torch.equal(begun(tmp_path / "w.pth").conv1.weight, given["conv1.weight"])


def test_batch_counters_may_be_missing(file: Path, tmp_path: Path) -> None:
    given = {n: v for n, v in load_file(str(file)).items() if "num_batches" not in n}
    save_file(given, str(tmp_path / "old.safetensors"))
    assert torch.equal(begun(tmp_path / "old.safetensors").conv1.weight, given["conv1.weight"])


def test_the_checksum_is_noted_and_kept_to(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "w.safetensors"
    copy.write_bytes(file.read_bytes())
    weights = choose_weights("torchvision:resnet18", copy)
    assert weights is not None
    assert weights.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert weights.file == str(copy)
    spec = replace(spec_of(), weights=weights)
    model = build(spec, torch.Generator())
    load_weights(model, spec)
    given = load_file(str(file))
    save_file({**given, "bn1.weight": given["bn1.weight"] + 1}, str(copy))
    with pytest.raises(ModelError, match="is gone or has changed"):
        load_weights(model, spec)
    copy.unlink()
    with pytest.raises(ModelError, match="is gone or has changed"):
        load_weights(model, spec)


def test_weights_that_do_not_fit_are_refused_by_name(file: Path, tmp_path: Path) -> None:
    given = load_file(str(file))
    path = tmp_path / "w.safetensors"

    def refused(tensors: dict[str, torch.Tensor]) -> str:
        save_file(tensors, str(path))
        with pytest.raises(ModelError) as caught:
            begun(path)
        return str(caught.value)

    lacking = {n: v for n, v in given.items() if n != "layer2.0.conv1.weight"}
    assert "it has no layer2.0.conv1.weight: give" in refused(lacking)
    assert "the network has no extra.weight: give" in refused(
        {**given, "extra.weight": torch.ones(1)}
    )
    said = refused({**given, "conv1.weight": torch.ones(64, 1, 7, 7)})
    assert "conv1.weight is 64 x 1 x 7 x 7 there and 64 x 3 x 7 x 7 here" in said
    # another network: the first few are named, the others counted
    write_published(tmp_path, "shufflenet_v2_x0_5")
    with pytest.raises(ModelError, match=r"it has no conv1\.weight; .*; and \d+ more: give [^,]*$"):
        begun(tmp_path / "shufflenet_v2_x0_5.safetensors")


def test_positions_of_another_size_are_refused_with_the_reason(tmp_path: Path) -> None:
    large = build(spec_of("torchvision:vit_b_32", size=64), torch.Generator())
    save_file(large.state_dict(), str(tmp_path / "vit.safetensors"))
    begun(tmp_path / "vit.safetensors", spec_of("torchvision:vit_b_32", size=64))
    with pytest.raises(ModelError, match=r"pos_embedding is 1 x 5 x 768.*made for 224 px"):
        begun(tmp_path / "vit.safetensors", spec_of("torchvision:vit_b_32", size=32))


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no weights file .*nope\.pth"):
        choose_weights("torchvision:resnet18", tmp_path / "nope.pth")
    for name, content in (
        ("text.pth", b"hello"),
        ("text.safetensors", b"hello"),
        ("empty.pth", b""),
        ("empty.safetensors", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=rf"{name}.*state_dict\(\)"):
            read_weights(tmp_path / name)
    for value in ([torch.ones(1)], {"epoch": 1}, {}, torch.ones(2)):
        torch.save(value, tmp_path / "other.pth")
        with pytest.raises(ModelError, match="holds no tensors by name"):
            read_weights(tmp_path / "other.pth")


def test_a_pickle_with_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")  # a network itself is code as well
    for name in ("evil.pth", "whole.pth"):
        with pytest.raises(ModelError, match="nothing in it was run"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_our_own_networks_have_no_weights_to_begin_with(file: Path) -> None:
    assert choose_weights("compact", None) is None
    for given in (file, "none"):
        with pytest.raises(ModelError, match="compact has no published weights"):
            choose_weights("compact", given)


class TestHubs:
    """Published weights as hubs keep them on the disk; nothing here has a network."""

    def test_torch_s_hub_is_read_and_checked(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        url = torchvision().models.ResNet18_Weights.DEFAULT.url
        cached = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
        cached.parent.mkdir(parents=True)
        torch.save(load_file(str(file)), cached)
        # Only the published file itself has the checksum in its name.
        with pytest.raises(ModelError, match=r"is damaged: .* not with f37072fd; delete it"):
            published_file("torchvision:resnet18")

    def test_hugging_face_s_cache_is_read_and_checked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        torchvision()
        pytest.importorskip("timm")
        import timm
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        network = timm.create_model("test_resnet", pretrained=False)
        save_file(network.state_dict(), str(tmp_path / "w.safetensors"))
        content = (tmp_path / "w.safetensors").read_bytes()
        checksum = hashlib.sha256(content).hexdigest()
        home = tmp_path / "models--timm--test_resnet.r160_in1k"
        (home / "blobs").mkdir(parents=True)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text("abc")
        (home / "snapshots" / "abc").mkdir(parents=True)
        (home / "blobs" / checksum).write_bytes(content)
        link = home / "snapshots" / "abc" / "model.safetensors"
        link.symlink_to(home / "blobs" / checksum)

        spec = spec_of("timm:test_resnet")
        weights = choose_weights(spec.name, None)
        assert weights is not None
        assert (weights.source, weights.sha256) == ("published", checksum)
        assert weights.name == "test_resnet.r160_in1k"
        spec = replace(spec, weights=weights)
        model = build(spec, torch.Generator())
        load_weights(model, spec)
        own, theirs = model.state_dict(), network.state_dict()
        assert all(torch.equal(own[n], theirs[n]) for n in own if not n.startswith("fc."))

        (home / "blobs" / checksum).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(ModelError, match="is damaged"):
            choose_weights(spec.name, None)

    @pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet18"])
    def test_where_there_is_no_network_the_sentence_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        torchvision()
        if name.startswith("timm"):
            pytest.importorskip("timm")
            from huggingface_hub import constants

            monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
            # A port of this machine where nobody answers, should there be a network.
            monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setattr(torch.hub, "urlopen", nobody_answers)
        with pytest.raises(ModelError) as caught:
            published_file(name)
        said = str(caught.value)
        assert "could not be downloaded" in said
        assert "--weights FILE" in said
        assert "http" in said
        assert "\n" not in said
        assert not list(tmp_path.rglob("*.pth"))
