"""Networks in other types, wrapped, compiled or scripted: opened by what they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from helpers.people.networks import NETWORKS
from helpers.people.tutorials import sequential
from layerscope.errors import ModelError, first_line
from layerscope.graph.cost import costs
from layerscope.graph.layout import Layout
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.graph.replay_check import check_replay
from layerscope.graph.resume import cut
from layerscope.graph.state_guard import opened

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["sequential", "channels_last_linear", "branches_on_values"])
def test_pictures_are_given_in_the_type_of_the_weights(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model, images = NETWORKS[name]().eval().to(dtype), torch.rand(2, 3, 16, 16)
    program = read_program(model, images)
    seen: dict[str, torch.Tensor] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        seen[name] = value.clone()

    logits = program.run(images, keep)
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    assert {value.dtype for value in (*seen.values(), logits)} == {wanted}
    assert torch.equal(logits, model(images.to(dtype)).to(wanted))
    assert all(found == 0 for found in check_replay(program, images).differences.values())
    assert images.dtype == torch.float32


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_wrapped_networks_are_opened_by_their_original(wrap: type) -> None:
    torch.manual_seed(0)
    model, images = sequential().eval(), torch.rand(2, 3, 16, 16)
    wrapped = wrap(model)
    assert opened(wrapped) is model
    program = read_program(wrapped, images)
    assert program.model is model
    assert [layer.name for layer in program.layers] == ["0", "1", "2", "3", "4"]
    assert check_replay(program, images).ok


def test_a_compiled_part_is_run_by_its_original() -> None:
    torch.manual_seed(0)
    model, images = sequential().eval(), torch.rand(2, 3, 16, 16)
    whole = nn.Sequential(torch.compile(model), nn.Softmax(1))
    program = read_program(whole, images)
    assert "Convolution 1" in [layer.title for layer in program.layers]
    assert torch.equal(program.run(images, lambda *_: None), model(images).softmax(1))


def test_a_script_module_is_refused_in_one_sentence() -> None:
    with pytest.raises(ModelError, match="script module does not show its operations; give"):
        read_program(torch.jit.script(sequential()), torch.rand(1, 3, 16, 16))


def test_one_logit_each_is_a_column() -> None:
    torch.manual_seed(0)
    images = torch.rand(3, 3, 16, 16)
    program = read_program(NETWORKS["one_logit_each"]().eval(), images)
    assert program.run(images, lambda *_: None).shape == (3, 1)
    behind = cut(program, "c")
    cached = behind.cache(images)
    assert behind.resume(cached, cached.output).shape == (3, 1)


class Fails(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise self.error


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "mat1", "the size and"),
        (KeyError(), "KeyError", "mend its forward pass"),
        (TypeError("it needs a mask\nand more"), "it needs a mask;", "mend its forward pass"),
        (NotImplementedError(), "NotImplementedError", "mend its forward pass"),
    ],
)
def test_a_network_that_fails_is_told_of_in_one_line(
    error: Exception, said: str, remedy: str
) -> None:
    with pytest.raises(ModelError) as caught:
        read_program(Fails(error), torch.rand(1, 3, 16, 16))
    message = str(caught.value)
    assert said in message
    assert remedy in message
    assert "\n" not in message


def test_a_size_that_does_not_fit_has_the_size_as_its_remedy() -> None:
    with pytest.raises(ModelError, match="give it the size"):
        read_program(sequential(), torch.rand(1, 3, 20, 20))


def test_the_first_line_of_a_foreign_error() -> None:
    assert first_line(ValueError("\n too long \nmore")) == "too long"
    assert first_line(KeyError()) == "KeyError"


@pytest.mark.parametrize(
    ("layout", "own", "shape"),
    [
        (Layout(0, (3,), (1, 2), is_map=True), (2, 4, 5, 6), (2, 6, 4, 5)),
        (Layout(0, (1,), (3, 2), is_map=True), (2, 6, 5, 4), (2, 6, 4, 5)),
        (Layout(1, (2,), (0,), is_map=False), (7, 2, 6), (2, 7, 6)),
        (Layout(0, (1, 3), (2,), is_map=False), (2, 3, 7, 4), (2, 7, 12)),
        (Layout(0, (3,), (1, 2), is_map=False, folded="outer"), (6, 7, 5), (2, 21, 5)),
        (Layout(0, (2,), (0, 3), is_map=False, folded="inner"), (6, 5, 7), (2, 21, 5)),
        (Layout(0, (), (), is_map=False), (2,), (2, 1)),
    ],
)
def test_what_is_read_is_written_back(
    layout: Layout, own: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    value = torch.arange(float(torch.tensor(own).prod())).view(own)
    read = layout.read(value, 2)
    assert read.shape == shape
    assert torch.equal(layout.write(read, own, 2), value)


def test_a_layer_knows_the_axis_of_its_units() -> None:
    torch.manual_seed(0)
    program = read_program(NETWORKS["channels_last_linear"](), torch.rand(1, 3, 16, 16))
    known = {layer.name: layer for layer in program.layers}
    assert (known["c"].unit_axis, known["c"].shape) == (1, (6, 16, 16))
    assert (known["up"].unit_axis, known["up"].shape) == (3, (12, 16, 16))
    assert known["up"].n_units == 12


def test_attention_and_recurrent_layers_have_their_titles_and_units() -> None:
    images = torch.rand(1, 3, 16, 16)
    found = {layer.title: layer for layer in read_program(NETWORKS["multihead"](), images).layers}
    assert (found["Attention 1"].kind, found["Attention 1"].shape) == ("attention", (16, 6))
    found = {layer.title: layer for layer in read_program(NETWORKS["lstm_states"](), images).layers}
    assert (found["LSTM 1"].kind, found["LSTM 1"].n_units) == ("recurrent", 5)


def test_convolutions_by_function_are_convolutions() -> None:
    images = torch.rand(1, 3, 16, 16)
    model = NETWORKS["OwnWeights"]()
    layers = read_program(model, images).layers
    found = {layer.title: layer for layer in layers}
    assert found["Convolution 1"].window.kernel_size == (3, 3)
    assert found["Dense 1"].shape == (4,)
    cost = costs(model, layers, channels=3, height=16, width=16)
    assert cost[found["Convolution 1"].name].multiply_adds == 6 * 8 * 8 * 27
    assert cost[found["Dense 1"].name].multiply_adds == 4 * 6


def test_a_layer_whose_output_leads_nowhere_can_be_cut_behind() -> None:
    torch.manual_seed(0)
    model, images = NETWORKS["unused_part"]().eval(), torch.rand(2, 3, 16, 16)
    behind = cut(read_program(model, images), "unused")
    cached = behind.cache(images)
    assert torch.equal(behind.resume(cached, 0 * cached.output), model(images))


GREY_TO_THREE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "cat": lambda x: torch.cat([x, x, x], 1),
    "stack": lambda x: torch.stack([x[:, 0]] * 3, 1),
    "repeat": lambda x: x.repeat(1, 3, 1, 1),
    "expand": lambda x: x.expand(-1, 3, -1, -1) + 0.5,
    "repeat_interleave": lambda x: x.repeat_interleave(3, 1),
}


@pytest.mark.parametrize("how", GREY_TO_THREE)
def test_a_grey_channel_made_three_is_three_maps(how: str) -> None:
    class Coloured(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.conv(GREY_TO_THREE[how](x)).relu().mean((2, 3)))

    images = torch.rand(2, 1, 8, 9)
    program = read_program(Coloured().eval(), images)
    known = {layer.name: layer for layer in program.layers}
    three = known[known["conv"].inputs[0]]
    assert (three.shape, three.unit_axis) == ((3, 8, 9), 1)
    assert torch.equal(program.output_of(three.name, images), GREY_TO_THREE[how](images))
    fields = receptive_fields(program.layers, height=8, width=9)
    assert fields[three.name] == ReceptiveField((1, 1), (1, 1), (0, 0))
    assert check_replay(program, images).ok


def test_a_grey_picture_laid_out_is_a_row_of_units_as_a_coloured_one_is() -> None:
    for channels in (1, 3):
        model = nn.Sequential(nn.Flatten(), nn.Linear(channels * 72, 5), nn.ReLU(), nn.Linear(5, 2))
        program = read_program(model.eval(), torch.rand(2, channels, 8, 9))
        flat = program.layers[0]
        assert (flat.kind, flat.shape) == ("flatten", (channels * 72,))
