"""Compiled networks: the same results, few shapes, and nothing of one call left in the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.dummies import ROUNDING, dummy_conditions, dummy_models
from vivid.generators.diffusion.compiling import (
    Graphs,
    compile_networks,
    pad_regions,
    shape_of,
    tensors_of,
    used,
    with_tensors,
)
from vivid.method.conditions import Conditions
from vivid.method.factory import Models


@pytest.fixture(scope="module")
def models() -> Models:
    return dummy_models()


def prepared(models: Models, hand_rows: int = 2, seed: int = 0) -> Conditions:
    """Prepared conditions whose hands fill the last rows of the picture."""
    conditions = dummy_conditions(models, frames=3, seed=seed)
    hands = torch.zeros_like(conditions.head_mask)  # type: ignore[arg-type]
    hands[..., 8 - hand_rows :, :3] = True
    with torch.no_grad():
        return models.denoiser.prepare(replace(conditions, hand_mask=hands))


class Replayed:
    """Does on any machine what a CUDA graph does: the same call on the same memory."""

    def __init__(self, forward: Any, own: Any, out: Tensor) -> None:
        self.forward, self.own, self.out = forward, own, out

    def replay(self) -> None:
        self.out.copy_(self.forward(*self.own))


class FakeGraphs(Graphs):
    def _record(self, given: Any) -> Any:
        inputs = [tensor.clone() for tensor in tensors_of(given)]
        own = with_tensors(given, iter(inputs))
        out = torch.full_like(given[0], float("nan"))
        return Replayed(self.forward, own, out), inputs, out


def sample(seed: int) -> Tensor:
    return torch.randn(1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_padded_regions_change_nothing(models: Models) -> None:
    conditions = prepared(models)
    padded = pad_regions(used(conditions))
    assert padded.prepared.hand_regions[0].valid.shape[1] > conditions.prepared.hand_regions[0].valid.shape[1]  # type: ignore[union-attr, index]
    with torch.no_grad():
        one, other = (models.denoiser(sample(0), 500, given) for given in (conditions, padded))
    torch.testing.assert_close(one, other, atol=ROUNDING, rtol=0)


def test_a_graph_serves_all_calls_of_its_shape(models: Models) -> None:
    graphs = FakeGraphs(models.denoiser.forward)
    calls = [(sample(n), torch.tensor(100 * n), prepared(models, rows, n)) for n, rows in ((1, 1), (2, 1), (3, 4))]
    with torch.no_grad():
        made = [graphs(*call) for call in calls]
        made.append(graphs(*calls[0]))
        true = [models.denoiser(*call) for call in (*calls, calls[0])]
    assert len(graphs.recorded) == 2
    for one, other in zip(made, true, strict=True):
        torch.testing.assert_close(one, other, atol=ROUNDING, rtol=0)


def test_conditions_that_are_not_prepared_run_without(models: Models) -> None:
    graphs, conditions = FakeGraphs(models.denoiser.forward), dummy_conditions(models)
    with torch.no_grad():
        made, true = (run(sample(0), torch.tensor(5), conditions) for run in (graphs, models.denoiser))
    assert not graphs.recorded and torch.equal(made, true)


def test_more_shapes_than_graphs_run_without(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivid.generators.diffusion.compiling.MOST_GRAPHS", 1)
    graphs = FakeGraphs(models.denoiser.forward)
    with torch.no_grad():
        for rows in (1, 4):
            conditions = prepared(models, rows)
            made = graphs(sample(0), torch.tensor(5), conditions)
            torch.testing.assert_close(made, models.denoiser(sample(0), 5, conditions), atol=ROUNDING, rtol=0)
    assert len(graphs.recorded) == 1


def test_conditions_are_taken_apart_and_put_together(models: Models) -> None:
    conditions = used(prepared(models))
    tensors = list(tensors_of(conditions))
    again = with_tensors(conditions, iter([tensor.clone() for tensor in tensors]))
    assert shape_of(again) == shape_of(conditions)
    assert all(torch.equal(one, other) for one, other in zip(tensors, tensors_of(again), strict=True))
    assert len({id(tensor) for tensor in tensors}) == len(tensors) > 20


def test_compiled_networks_give_the_same_video_parts() -> None:
    plain, compiled = dummy_models(), dummy_models()
    conditions, latents = prepared(plain), sample(3)[0].transpose(0, 1)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        compile_networks(compiled, decoded=3)
        torch.testing.assert_close(
            compiled.denoiser(sample(0), 500, conditions),
            plain.denoiser(sample(0), 500, conditions),
            atol=ROUNDING,
            rtol=0,
        )
        for count in (3, 2):
            made, true = (models.vae.decode(latents[:count]).sample for models in (compiled, plain))
            torch.testing.assert_close(made, true, atol=ROUNDING, rtol=0)
