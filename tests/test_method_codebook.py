"""The hand codebook: grids, quantising, EMA and gradient learning, dead codes, usage."""

from __future__ import annotations

import pytest
import torch
from einops import rearrange
from torch import Tensor

from tests.dummies import ROUNDING
from vivid.method.hcc import HandCodebook, Quantiser


def codebook(grid: int = 16, **options: object) -> HandCodebook:
    torch.manual_seed(0)
    channels = (4, 4, 4) if grid == 16 else (4, 4, 4, 4)
    settings = {"codes": 24, "code_dim": 8, "norm_groups": 2, "patch": 4} | options
    return HandCodebook(channels=channels, **settings)


def pictures(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("grid", [8, 16])
@torch.no_grad()
def test_both_grids(grid):
    book = codebook(grid).eval()
    assert book.grid == grid
    latents = book.encode(pictures())
    assert latents.shape == (2, 8, grid, grid)
    quantised, indices, loss, stats = book.quantise(latents)
    assert quantised.shape == latents.shape and indices.shape == (2, grid, grid) and loss.ndim == 0
    assert book.decode(quantised).shape == (2, 3, 256, 256)
    codes = rearrange(book.quantiser.codes[indices], "n h w c -> n c h w")
    assert torch.allclose(book.decode(codes), book.decode(quantised), atol=ROUNDING)
    assert 1 <= float(stats.perplexity) <= 24 and 1 <= int(stats.used) <= 24
    left, right = pictures()[:1], pictures()[1:]
    tokens = book.tokens(left, right)
    assert tokens.shape == (1, 2 * grid**2, 8)
    # left first, rows before columns, codes themselves
    assert torch.allclose(tokens[0, grid + 2], quantised[0, :, 1, 2], atol=ROUNDING)
    assert torch.allclose(tokens[0, grid**2], quantised[1, :, 0, 0], atol=ROUNDING)


def test_paper_sizes_without_memory():
    with torch.device("meta"):
        fine = HandCodebook()
        coarse = HandCodebook(channels=(32, 64, 96, 128, 128, 128))
    assert (fine.grid, coarse.grid) == (16, 8)
    assert fine.quantiser.codes.shape == (1024, 256)


def test_nearest_is_nearest():
    quantiser = Quantiser(7, 5).eval()
    vectors = torch.randn(40, 5)
    distances = torch.cdist(vectors, quantiser.codes)
    assert torch.equal(quantiser.nearest(vectors), distances.argmin(1))


def test_gradient_passes_straight_through_and_commits():
    quantiser = Quantiser(7, 5).eval()
    latents = torch.randn(1, 5, 2, 2, requires_grad=True)
    quantised, indices, loss, _ = quantiser(latents)
    assert torch.allclose(quantised[0, :, 1, 0], quantiser.codes[indices[0, 1, 0]])
    weights = torch.randn_like(quantised)
    (through,) = torch.autograd.grad((quantised * weights).sum(), latents, retain_graph=True)
    assert torch.equal(through, weights)
    (commit,) = torch.autograd.grad(loss, latents)
    assert torch.allclose(commit, 0.25 * 2 * (latents - quantised).detach() / latents.numel(), atol=1e-6)


def clusters(count: int, dim: int = 4, per_cluster: int = 32) -> tuple[Tensor, Tensor]:
    """Vectors around `count` far-apart centres, as latents (B, dim, 1, 1), and the centres."""
    generator = torch.Generator().manual_seed(1)
    centres = 5 * torch.randn(count, dim, generator=generator)
    vectors = centres.repeat(per_cluster, 1) + 0.05 * torch.randn(count * per_cluster, dim, generator=generator)
    return vectors[:, :, None, None], centres


def test_codes_find_the_clusters_and_dead_ones_come_back():
    torch.manual_seed(0)
    latents, centres = clusters(8)
    quantiser = Quantiser(16, 4, decay=0.8, restart_below=0.5).train()
    with torch.no_grad():
        quantiser.codes.fill_(50.0)  # all of them far away and the same: a collapsed codebook
        quantiser.usage.fill_(1.0)
        quantiser.sums.fill_(50.0)
    restarted = 0.0
    for _ in range(60):
        restarted += float(quantiser(latents)[3].restarted)
    quantiser.eval()
    quantised, _, _, stats = quantiser(latents)
    assert restarted > 0
    assert (quantised - latents).abs().max() < 0.4
    assert float(stats.perplexity) > 7.5
    assert torch.cdist(centres, quantiser.codes.detach()).amin(1).max() < 0.4


def test_ema_follows_the_running_mean():
    quantiser = Quantiser(2, 1, decay=0.5, restart_below=0.0).train()
    with torch.no_grad():
        quantiser.codes.copy_(torch.tensor([[0.0], [10.0]]))
        quantiser.sums.copy_(torch.tensor([[0.0], [10.0]]))
        quantiser.usage.fill_(1.0)
    quantiser(torch.tensor([1.0, 2.0, 9.0]).reshape(3, 1, 1, 1))
    # code 0: (0.5 * 0 + 0.5 * 3) / (0.5 * 1 + 0.5 * 2); code 1: (5 + 4.5) / 1
    assert torch.allclose(quantiser.codes, torch.tensor([[1.0], [9.5]]))


def test_first_training_batch_places_all_codes():
    quantiser = Quantiser(8, 4).train()
    latents, _ = clusters(8, per_cluster=1)
    quantiser(latents)
    distances = torch.cdist(quantiser.codes, latents[:, :, 0, 0])
    assert distances.amin(1).max() < 1e-4 and distances.amin(0).max() < 1e-4, "each vector became a code"
    assert (quantiser.usage > 0).all()


def test_evaluation_changes_nothing():
    book = codebook()
    before = {key: value.clone() for key, value in book.state_dict().items()}
    book.eval()(pictures())
    with torch.no_grad():
        book.train()(pictures())
    assert all(torch.equal(value, before[key]) for key, value in book.state_dict().items())
    assert book.perplexity == pytest.approx(1.0)


def test_training_lowers_the_loss_and_reaches_every_parameter():
    book = codebook().train()
    optimizer = torch.optim.Adam(book.parameters(), 3e-3)
    losses = []
    for _ in range(6):
        out = book(pictures())
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        losses.append(float(out.loss.detach()))
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in book.parameters())
    assert torch.allclose(out.loss, out.reconstruction_loss + out.quantiser_loss)
    assert book.perplexity > 1


def test_saved_and_loaded_again(tmp_path):
    book = codebook(8).train()
    book(pictures()).loss.backward()
    book.eval().save_pretrained(tmp_path)
    loaded = HandCodebook.from_pretrained(tmp_path)
    assert loaded.grid == 8
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in book.state_dict().items())
