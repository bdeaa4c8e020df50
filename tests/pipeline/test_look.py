"""The atlas of a trained network: valid, and true to the network it describes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PIL import Image
from safetensors.numpy import load_file
from schemas import check_atlas, plain_atlas

from layerscope.atlas.atlas_folder import Atlas, load_atlas
from layerscope.data.imageset import Splits
from layerscope.errors import AtlasError, DataError, LayerNotFoundError
from layerscope.formats.file_references import ArrayRef
from layerscope.pipeline import look_request, stages
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.pipeline.look_progress import PICTURES, READING, UNITS, WRITING, LookProgress
from layerscope.pipeline.measuring import evidence
from layerscope.pipeline.preliminaries import AS_TRAINED
from layerscope.pipeline.subject import subject_of
from layerscope.training.runs.run_folder import Run
from layerscope.training.session import train

# Everything is measured, of everything little.
LITTLE = Effort(
    pictures=48, untrained=2, ablation_pictures=24, featurevis_steps=6, featurevis_variants=1,
    dependence_patches=3,
    dependence_copies=1,
)  # fmt: skip
LEAST = Effort(
    pictures=12, untrained=2, stimuli="coarse", ablation_pictures=0, featurevis_steps=0,
    dependence_patches=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        striped, model="fashion-cnn", out=tmp_path_factory.mktemp("runs"), epochs=1, batch_size=16
    )


@pytest.fixture(scope="module")
def atlas(run: Run) -> Atlas:
    return look(run, seed=3, effort=LITTLE)


def array(atlas: Atlas, ref: ArrayRef) -> np.ndarray:
    return load_file(atlas.path / ref.file)[ref.name]


def test_it_keeps_to_its_schema_and_names_only_files_that_are_there(atlas: Atlas) -> None:
    check_atlas(atlas)

    def refs(value):
        if isinstance(value, dict):
            if "file" in value:
                yield value["file"]
            for item in value.values():
                yield from refs(item)
        elif isinstance(value, list):
            for item in value:
                yield from refs(item)

    named = set(refs(plain_atlas(atlas.path)))
    there = {str(p.relative_to(atlas.path)) for p in atlas.path.rglob("*.*") if p.is_file()}
    assert named == there - {"atlas.json"}


def test_nothing_escapes_of_a_network_that_is_traced(atlas: Atlas) -> None:
    found = atlas.record.model
    assert found.not_captured == ()
    assert found.replay.n_layers == min(16, len(atlas.record.layers))
    assert found.replay.n == 4
    assert found.replay.layer_difference < 1e-4
    assert found.replay.program_difference < 1e-4
    assert found.replay.worst_layer in [layer.name for layer in atlas.record.layers]


def test_samples_hold_what_the_network_computes(atlas: Atlas, run: Run, striped: Splits) -> None:
    for sample in atlas.record.samples:
        pixels = array(atlas, sample.pixels)
        assert (pixels == striped.test.take(torch.tensor([sample.row]))[0].numpy()).all()
        images = run.spec.normalise(torch.from_numpy(pixels)[None])
        x = images
        for name, module in (*run.model.features.named_children(),):  # type: ignore[union-attr]
            x = module(x)
            stored = array(atlas, sample.activations[f"features.{name}"])
            assert stored == pytest.approx(x[0].detach().numpy(), abs=1e-5)
        logits = run.model(images)[0].tolist()
        assert sample.logits == pytest.approx(logits, abs=1e-4)
        exponents = np.exp(np.array(logits) - max(logits))
        assert sample.probs == pytest.approx(exponents / exponents.sum(), abs=1e-5)
        assert sample.predicted == int(np.argmax(logits))


def test_a_run_takes_values_as_it_was_trained_whoever_asks(
    atlas: Atlas, run: Run, tmp_path: Path
) -> None:
    assert atlas.record.input.values_from == AS_TRAINED
    # As the command line looks at it: its network, beside what is known of it.
    found = subject_of(run)
    again = look(
        found.model, found.pictures, spec=found.spec, out=tmp_path / "a", effort=None,
        known=found.known,
    )  # fmt: skip
    assert again.record.input.values_from == AS_TRAINED


def test_patches_show_the_pixels_that_their_boxes_name(atlas: Atlas, striped: Splits) -> None:
    for name in ("features.1", "features.4"):
        layer = atlas[name]
        sheet = np.asarray(Image.open(atlas.path / layer.patch_sprite.file).convert("L"))
        h, w = layer.patch_sprite.tile_px
        columns, tiles = layer.patch_sprite.columns, layer.patch_sprite.tiles
        checked = 0
        for unit in layer.units:
            for j, patch in enumerate(unit.patches):
                i = unit.index * 9 + j
                i = tiles[i] if tiles else i
                tile = sheet[i // columns * h :, i % columns * w :][:h, :w]
                top, left, bh, bw = patch.box_px
                assert (bh, bw) == (h, w)  # no padding here: nothing is cut off
                picture = striped.test.take(torch.tensor([patch.row]))[0, 0].numpy()
                assert (tile == picture[top : top + bh, left : left + bw]).all()
                checked += 1
        assert checked > 50


def test_a_patch_is_where_the_unit_responds_as_it_says(atlas: Atlas, run: Run, striped) -> None:
    layer = atlas["features.1"]
    for unit in layer.units[:8]:
        for patch in unit.patches:
            images = run.spec.normalise(striped.test.take(torch.tensor([patch.row])))
            maps = run.model.features[:2](images)[0, unit.index].detach()  # type: ignore[index]
            y, x = patch.position
            assert float(maps[y, x]) == pytest.approx(patch.value, rel=1e-4)
            assert float(maps.max()) == pytest.approx(patch.value, rel=1e-4)


def test_weights_are_those_of_the_network(atlas: Atlas, run: Run) -> None:
    state = run.model.state_dict()
    for layer in atlas.record.layers:
        for kind in ("weight", "bias"):
            if ref := getattr(layer, kind):
                stored = array(atlas, ref)
                assert stored == pytest.approx(state[f"{layer.name}.{kind}"].numpy(), rel=1e-3)
    assert atlas["features.0"].filter_sprite.count == 32
    assert atlas["features.3"].filter_sprite is None  # acts on maps, not on the picture


def test_units_are_found_and_wrong_names_refused(atlas: Atlas) -> None:
    assert atlas["features.1"].unit(31).index == 31
    with pytest.raises(AtlasError, match="no unit 32; choose 0 to 31"):
        atlas["features.1"].unit(32)
    with pytest.raises(
        LayerNotFoundError, match=r"no layer 'feature.1'; did you mean 'features.1'"
    ):
        atlas["feature.1"]
    with pytest.raises(AtlasError, match="has no units of its own"):
        atlas["features.2"].unit(0)


def test_the_same_seed_gives_the_same_atlas(run: Run, atlas: Atlas, tmp_path: Path) -> None:
    again = look(run, seed=3, out=tmp_path / "again", effort=LITTLE)
    assert again.record == replace(atlas.record, created=again.record.created)
    for file in sorted(atlas.path.rglob("*.*")):
        if file.name != "atlas.json":
            assert file.read_bytes() == (again.path / file.relative_to(atlas.path)).read_bytes()


def test_copies_measured_side_by_side_are_those_measured_one_by_one(
    run: Run, atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    @contextmanager
    def two_workers(most: int) -> Iterator[ThreadPoolExecutor]:
        asked.append(most)
        with ThreadPoolExecutor(2) as pool:
            yield pool

    monkeypatch.setattr(evidence, "copies_at_once", lambda *_: 2)
    monkeypatch.setattr(stages, "cores_apart", two_workers)
    effort = dataclasses.replace(LITTLE, ablation_pictures=0, featurevis_steps=0)
    found = look(run, seed=3, out=tmp_path / "atlas", effort=effort)
    assert asked == [2]
    assert found.record.evidence == atlas.record.evidence


def test_every_number_of_the_evidence_stands_beside_its_control(atlas: Atlas) -> None:
    evidence = atlas.record.evidence
    assert (evidence.n, evidence.untrained_copies) == (48, 2)
    assert evidence.kinds == ("brightness", "edge", "spot", "corner", "texture", "class")
    measured = [layer for layer in atlas.record.layers if layer.evidence]
    assert [rung.layer for rung in evidence.ladder] == [layer.name for layer in measured]
    assert list(evidence.cka.layers) == [layer.name for layer in measured]
    for rung, layer in zip(evidence.ladder, measured, strict=True):
        units = atlas[rung.layer].units
        for kind, share in rung.responds.items():
            if kind == "undescribed":
                found = [u for u in units if not any(d.holds for d in u.descriptions)]
            else:
                found = [
                    u for u in units if any(d.kind == kind and d.holds for d in u.descriptions)
                ]
            assert share.count == len(found)
            assert share.frac == pytest.approx(len(found) / rung.n_units, abs=1e-5)
            assert share.untrained_mean is not None
            assert share.excess == pytest.approx(share.frac - share.untrained_mean, abs=1e-5)
        probe = layer.evidence.probe
        assert probe.untrained
        assert (probe.learned_split, probe.n) == ("train", 48)
        assert probe.over_halves.low <= probe.over_halves.mean <= probe.over_halves.high
        for figure in ("class_separation", "sparsity", "dead_frac", "duplicate_pairs"):
            assert getattr(layer.evidence, figure).untrained
        assert layer.evidence.duplicate_pairs.value >= len(layer.evidence.duplicates)
        for unit in units:
            assert (unit.name is None) == (unit.kind is None)
            assert {d.kind for d in unit.descriptions} <= set(evidence.kinds)
            if unit.kind:
                assert unit.descriptions[0].holds
                assert (unit.descriptions[0].kind, unit.descriptions[0].words) == (
                    unit.kind,
                    unit.name,
                )
            else:
                assert not any(d.holds for d in unit.descriptions)
            assert unit.featurevis.natural_max <= unit.max + 1e-4  # a mean of the strongest
            assert (unit.ablation is None) == (layer.name == "classifier.3")
            if unit.ablation:
                lost = unit.ablation
                assert lost.loss_interval[0] <= lost.loss_change <= lost.loss_interval[1]
                assert lost.control_draws == 100
                assert lost.p <= lost.q
                assert len(lost.largest_class_changes) == 2
        directions = layer.evidence.directions
        assert (directions is None) == (layer.name == "classifier.3")
        if directions:
            assert directions.how == "nmf"
            fracs = [one.variance_frac for one in directions.directions]
            assert fracs == sorted(fracs, reverse=True)
            assert all(one.ablation for one in directions.directions)
            assert directions.patch_sprite and directions.patch_sprite.columns == 9
            for one in directions.directions:
                drive = [patch.value for patch in one.patches]
                assert drive == sorted(drive, reverse=True) and min(drive) > 0
                assert len({patch.row for patch in one.patches}) == len(drive) <= 9
            kept = directions.kept
            assert [one.n for one in kept] == [n for n in (1, 2, 4, 8, 16, 32) if n < len(units)]
            assert all(one.random_accuracy for one in kept)
    cka = evidence.cka
    for matrix in (cka.trained, cka.untrained):
        assert np.allclose(matrix, np.transpose(matrix))
        assert np.diag(matrix) == pytest.approx(1, abs=1e-5)
    assert len(cka.with_untrained) == len(cka.untrained) == len(measured)
    for over_copies in (cka.with_untrained_range, cka.thumbnail_untrained, cka.at_places):
        assert len(over_copies) == len(measured)
        assert all(one.low <= one.mean <= one.high for one in over_copies)
    assert len(cka.with_thumbnail) == len(cka.thumbnail_at_places) == len(measured)
    first, dense = atlas["features.1"].unit(0), atlas["classifier.2"].unit(0)
    assert first.strongest_inputs == ()  # it reads the picture
    assert 1 <= len(dense.strongest_inputs) <= 4
    assert all(value > 0 for _, value in dense.excited_by)
    assert all(value < 0 for _, value in dense.inhibited_by)
    assert first.class_weights == ()  # behind it lie other activations
    last = atlas["classifier.2"].units
    weights = load_file(atlas.path / "arrays" / "weights.safetensors")["classifier.3.weight"]
    assert np.allclose([unit.class_weights for unit in last], weights.T, atol=1e-4)


@pytest.mark.parametrize("way", ["resample", "zero"])
def test_units_are_ablated_in_the_way_that_is_asked_for(
    run: Run, tmp_path: Path, way: Literal["resample", "zero"]
) -> None:
    effort = dataclasses.replace(LITTLE, featurevis_steps=0, ablation_baseline=way)
    atlas = look(run, out=tmp_path / "atlas", only=["features.3"], effort=effort)
    check_atlas(atlas)
    assert {unit.ablation.baseline for unit in atlas["features.4"].units} == {way}


def test_an_interrupted_look_goes_on_where_it_stopped(
    run: Run, atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[LookProgress] = []

    def stop(now: LookProgress) -> None:
        seen.append(now)
        if len({found.part for found in seen if found.part.kind == "ablation"}) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(run, seed=3, out=tmp_path / "atlas", effort=LITTLE, progress=stop)
    with pytest.raises(AtlasError, match="holds no atlas"):
        load_atlas(tmp_path / "atlas")
    first = next(now.part for now in seen if now.part.kind == "ablation")
    again: list[LookProgress] = []
    done = look(run, seed=3, out=tmp_path / "atlas", effort=LITTLE, progress=again.append)
    parts = list(dict.fromkeys(now.part for now in again))
    assert first not in parts  # that layer was finished
    assert parts[:3] == [READING, PICTURES, UNITS]
    assert (again[0].done_frac, again[-1].part, again[-1].left_s) == (0, WRITING, 0)
    shares = [now.done_frac for now in again]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert done.record == replace(atlas.record, created=done.record.created)
    assert not [p for p in done.path.rglob("*") if "stage" in p.name]


def test_only_some_layers_are_measured_when_asked(run: Run, tmp_path: Path) -> None:
    atlas = look(run, out=tmp_path / "atlas", only=["features.3"], effort=LEAST)
    check_atlas(atlas)
    measured = [layer.name for layer in atlas.record.layers if layer.units]
    assert measured == ["features.3", "features.4"]  # its units are seen through the ReLU
    with pytest.raises(LayerNotFoundError, match=r"no layer 'features\.2' has units"):
        look(run, out=tmp_path / "atlas", only=["features.2"], effort=LEAST)


def test_of_a_large_set_a_seeded_choice_is_measured(
    run: Run, striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_request, "MOST_PICTURES", 20)
    atlas = look(run, out=tmp_path / "atlas", effort=None)
    assert atlas.record.data.n == 20
    assert atlas.record.evidence is None
    check_atlas(atlas)


def test_what_cannot_be_looked_at_is_refused(run: Run, striped: Splits, tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="a bare network needs spec="):
        look(run.model, striped)
    with pytest.raises(AtlasError, match="no pictures to measure on"):
        look(run.model, spec=run.spec, out=tmp_path)
    with pytest.raises(AtlasError, match="split of stripes is empty"):
        look(run, striped.test.subset(torch.tensor([], dtype=torch.long)))
    with pytest.raises(AtlasError, match="holds no atlas"):
        load_atlas(tmp_path)
    (tmp_path / "atlas.json").write_text('{"schema": 7}')
    with pytest.raises(AtlasError, match="has schema 7; this layerscope reads 2 and 3"):
        load_atlas(tmp_path)
    (tmp_path / "atlas.json").write_text("[")
    with pytest.raises(AtlasError, match=r"cannot be read \(it is no JSON"):
        load_atlas(tmp_path)


def test_own_pictures_are_walked_through_as_the_network_receives_them(
    run: Run, tmp_path: Path
) -> None:
    picture = np.zeros((12, 12), np.uint8)
    picture[:, ::4] = 200
    Image.fromarray(picture).save(tmp_path / "mine.png")
    (tmp_path / "folder").mkdir()
    Image.fromarray(picture.T.copy()).save(tmp_path / "folder" / "other.png")
    own = look(
        run, effort=None, out=tmp_path / "atlas",
        pictures=[tmp_path / "mine.png", tmp_path / "folder", picture],
    )  # fmt: skip
    check_atlas(own)
    mine, other, again, *rest = own.record.samples
    assert mine.id == str(tmp_path / "mine.png") and other.id.endswith("other.png")
    assert {mine.label, mine.row, other.label, again.label} == {None}
    assert len(rest) >= 4 and all(sample.label is not None for sample in rest)
    assert np.array_equal(array(own, mine.pixels), picture[None])
    assert np.array_equal(array(own, again.pixels), picture[None])
    images = run.spec.normalise(torch.from_numpy(picture)[None, None])
    with torch.inference_mode():
        assert mine.logits == pytest.approx(run.model(images)[0].tolist(), abs=1e-4)
    first = own.record.layers[0].name
    assert array(own, mine.activations[first]).shape == own.record.layers[0].shape
    with pytest.raises(DataError, match="there is no"):
        look(run, effort=None, out=tmp_path / "atlas", pictures=[tmp_path / "nothing.png"])


def test_a_class_with_a_single_picture_leaves_an_atlas(run: Run, tmp_path: Path) -> None:
    assert run.data is not None
    test = run.data.test
    for rows in ([0, 1], [0, 1, 2, 3, 4, 6]):  # one of each class; one of one class
        few = test.subset(torch.tensor([row for row in rows if row < 2 or row % 2 == 0]))
        atlas = look(run, few, out=tmp_path / f"{len(rows)}", effort=LEAST)
        check_atlas(atlas)
        assert len(atlas.record.samples) == len(few)
        assert bool(atlas.record.evidence) is (len(few) >= 4)
