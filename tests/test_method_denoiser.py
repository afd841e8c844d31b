"""The denoiser: what its streams may and may not do, absent conditions, windows, storage, gradients."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from torch import Tensor

from tests.dummies import DUMMY, ROUNDING, dummy_conditions, dummy_models, fill
from vivid.errors import InputError
from vivid.method.attention import MaskedCrossAttention, Region, mask_pyramid, regions_of
from vivid.method.conditions import Conditions
from vivid.method.denoiser import Denoiser, noise_levels
from vivid.method.factory import Models, build_denoiser
from vivid.method.hand_encoder import HandEncoder
from vivid.method.options import rebuilt
from vivid.method.reference import ReferenceNet

FRAMES = 3


@pytest.fixture(scope="module")
def models() -> Models:
    return dummy_models()


def noisy(videos: int = 1, frames: int = FRAMES, size: int = 8) -> Tensor:
    return torch.randn(videos, DUMMY.latent_channels, frames, size, size, generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def test_golden_numbers():
    models = dummy_models(replace(DUMMY, reference_shift=False))
    conditions = dummy_conditions(models)
    out = models.denoiser(noisy(), 500, conditions)
    silent = models.denoiser(noisy(), 500, conditions.unconditional(keep_image=True))
    nothing = models.denoiser(noisy(), 500, conditions.unconditional(keep_image=False))
    got = torch.stack([t for o in (out, silent, nothing) for t in (o.mean(), o.std(), o[0, 1, 2, 3, 4])])
    wanted = torch.tensor(GOLDEN)
    assert torch.allclose(got, wanted, atol=ROUNDING), got.tolist()


GOLDEN = [0.02723, 0.56278, -1.18580, -0.00527, 0.55710, -1.29462, -0.03476, 0.55370, -0.27229]


@torch.no_grad()
def test_added_parts_begin_without_effect():
    models = dummy_models(trained=False)
    fill(models.denoiser, 3)
    for name in models.denoiser.block_names:
        for stream in (models.denoiser.block(name).head_stream, models.denoiser.block(name).codebook_attention):
            stream.mute()
    conditions = dummy_conditions(models)
    with_streams = models.denoiser(noisy(), 700, conditions)
    base = replace(conditions, hand_tokens=None, hand_token_mask=None, head_mask=None, hand_mask=None)
    assert torch.equal(models.denoiser(noisy(), 700, base), with_streams)


@torch.no_grad()
def test_a_new_model_already_returns_the_still_portrait():
    """reference_shift: without noise the picture that a mute network's velocity implies is the reference, at any t."""
    models = dummy_models(trained=False)
    torch.nn.init.zeros_(models.denoiser.conv_out.weight)
    torch.nn.init.zeros_(models.denoiser.conv_out.bias)
    conditions = dummy_conditions(models)
    still = conditions.reference_latents[:, :, None].expand(-1, -1, FRAMES, -1, -1)
    for t in (1, 500, 999):
        alpha, sigma = noise_levels(t, still)
        velocity = models.denoiser(alpha * still, t, conditions)
        assert torch.allclose(alpha * (alpha * still) - sigma * velocity, still, atol=ROUNDING)


@torch.no_grad()
@pytest.mark.parametrize("stream", ["head", "hand"])
def test_a_stream_stays_inside_its_mask_and_follows_its_tokens(models, stream):
    """At the level of one block: outside the mask not one bit changes, inside it does when the tokens change."""
    conditions = dummy_conditions(models, videos=2)
    other = replace(
        conditions,
        rhythm=conditions.rhythm.flip(3) if stream == "head" else conditions.rhythm,
        hand_tokens=-conditions.hand_tokens if stream == "hand" else conditions.hand_tokens,
    )
    denoiser = models.denoiser
    block = denoiser.block(denoiser.block_names[0])
    module = block.head_stream if stream == "head" else block.codebook_attention
    states = torch.randn(2 * FRAMES, 64, block.dim, generator=torch.Generator().manual_seed(1))
    outputs = []
    for each in (conditions, other):
        prepared = denoiser.prepare(each).prepared
        context = (prepared.head if stream == "head" else prepared.codes)[block.name]
        region = (prepared.head_regions if stream == "head" else prepared.hand_regions)[0]
        outputs.append(module(states, context, region))
    inside = (conditions.head_mask if stream == "head" else conditions.hand_mask).reshape(2 * FRAMES, 64)
    for output in outputs:
        assert not output[~inside].any()
        assert (output[inside].abs().amax(1) > 0).all()
    assert ((outputs[0] - outputs[1])[inside].abs().amax(1) > 1e-5).all()


@torch.no_grad()
def test_each_stream_is_left_out_with_its_condition_and_motion_by_its_option(models):
    conditions = dummy_conditions(models)
    denoiser = models.denoiser
    full = denoiser(noisy(), 500, conditions)
    headless = replace(conditions, head_mask=None)
    for without in (headless, replace(conditions, hand_tokens=None)):
        assert not torch.allclose(denoiser(noisy(), 500, without), full)
    still = rebuilt(denoiser, motion=False)
    assert not torch.allclose(still(noisy(), 500, conditions), full)
    frame = still(noisy()[:, :, :1], 500, replace(slice_frames(conditions, 0, 1), head_mask=None))
    assert torch.allclose(still(noisy(), 500, headless)[:, :, :1], frame, atol=ROUNDING)


def slice_frames(conditions: Conditions, start: int, stop: int) -> Conditions:
    return replace(
        conditions,
        audio=conditions.audio[:, start:stop],
        rhythm=conditions.rhythm[:, start:stop],
        hand_features=conditions.hand_features[:, :, start:stop],
        head_mask=conditions.head_mask[:, start:stop],
        hand_mask=conditions.hand_mask[:, start:stop],
    )


@torch.no_grad()
def test_the_tokens_of_a_missing_hand_have_no_influence(models):
    conditions = dummy_conditions(models)
    count = conditions.hand_token_mask.shape[1] // 2
    left_only = models.codebook.token_mask(torch.tensor([[True, False]]))
    assert left_only[0, :count].all() and not left_only[0, count:].any()
    garbage = conditions.hand_tokens.clone()
    garbage[:, count:] = 1e4
    one = replace(conditions, hand_token_mask=left_only)
    expected = models.denoiser(noisy(), 500, one)
    assert torch.equal(models.denoiser(noisy(), 500, replace(one, hand_tokens=garbage)), expected)
    cut = replace(one, hand_tokens=conditions.hand_tokens[:, :count], hand_token_mask=left_only[:, :count])
    assert torch.allclose(models.denoiser(noisy(), 500, cut), expected, atol=ROUNDING)
    none = replace(conditions, hand_token_mask=torch.zeros_like(left_only))
    without = models.denoiser(noisy(), 500, replace(conditions, hand_tokens=None))
    assert torch.equal(models.denoiser(noisy(), 500, none), without)


@torch.no_grad()
def test_absent_hands_of_one_video_leave_the_other_alone(models):
    conditions = dummy_conditions(models, videos=2)
    mask = conditions.hand_token_mask.clone()
    mask[1] = False
    out = models.denoiser(noisy(2), 500, replace(conditions, hand_token_mask=mask))
    full = models.denoiser(noisy(2), 500, conditions)
    without = models.denoiser(noisy(2), 500, replace(conditions, hand_tokens=None))
    assert torch.allclose(out[0], full[0], atol=ROUNDING) and torch.allclose(out[1], without[1], atol=ROUNDING)
    assert not torch.allclose(full[1], without[1], atol=1e-3)


@torch.no_grad()
def test_unconditional_means_absent_parts(models):
    conditions = dummy_conditions(models)
    denoiser = models.denoiser
    zeros = torch.zeros_like(conditions.audio)
    silent = denoiser(noisy(), 500, replace(conditions, audio=zeros, rhythm=zeros))
    image_only = conditions.unconditional(keep_image=True)
    assert torch.allclose(denoiser(noisy(), 500, image_only), silent, atol=ROUNDING)
    nothing = Conditions(audio=zeros, rhythm=zeros, head_mask=conditions.head_mask)
    unconditional = conditions.unconditional(keep_image=False)
    assert torch.allclose(denoiser(noisy(), 500, unconditional), denoiser(noisy(), 500, nothing), atol=ROUNDING)
    prepared = denoiser.prepare(conditions)
    for keep in (True, False):
        expected = denoiser(noisy(), 500, conditions.unconditional(keep))
        assert torch.allclose(denoiser(noisy(), 500, prepared.unconditional(keep)), expected, atol=ROUNDING)
    absent = replace(conditions, reference_present=torch.tensor([False]))
    assert torch.allclose(
        denoiser(noisy(), 500, absent), denoiser(noisy(), 500, replace(conditions, reference=None)), atol=ROUNDING
    )


@torch.no_grad()
def test_prepared_conditions_give_the_same_numbers(models):
    conditions = dummy_conditions(models, videos=2)
    prepared = models.denoiser.prepare(
        replace(conditions, hand_tokens=models.denoiser.project_codes(conditions.hand_tokens))
    )
    expected = models.denoiser(noisy(2), 500, conditions)
    assert torch.allclose(models.denoiser(noisy(2), 500, prepared), expected, atol=ROUNDING)
    assert prepared.window_bytes() > conditions.window_bytes() > 0


@torch.no_grad()
def test_videos_of_a_batch_do_not_mix(models):
    conditions = dummy_conditions(models, videos=2)
    first = replace(
        conditions,
        **{name: value[:1] for name, value in vars(conditions).items() if isinstance(value, Tensor)},
        reference={name: (k[:1], v[:1]) for name, (k, v) in conditions.reference.items()},
    )
    both = models.denoiser(noisy(2), torch.tensor([100, 900]), conditions)
    alone = models.denoiser(noisy(2)[:1], 100, first)
    assert torch.allclose(both[:1], alone, atol=ROUNDING)


def test_too_long_a_window_is_refused(models):
    with pytest.raises(InputError, match="9 frames is too long: this model takes at most 8"):
        models.denoiser(noisy(frames=9), 500, Conditions())


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 3)])
def test_a_coarser_cell_is_inside_when_any_part_is(size):
    mask = torch.rand(2, FRAMES, *size, generator=torch.Generator().manual_seed(2)) > 0.8
    for fine, coarse in zip(mask_pyramid(mask, 3), mask_pyramid(mask, 3)[1:], strict=False):
        for y in range(coarse.shape[2]):
            for x in range(coarse.shape[3]):
                cell = fine[:, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
                assert torch.equal(cell.flatten(2).any(2), coarse[:, :, y, x])


def test_regions_pick_exactly_the_marked_tokens():
    mask = torch.zeros(2, FRAMES, 4, 4, dtype=torch.bool)
    mask[0, 0, 0, :3] = mask[0, 2, 3, 3] = mask[1, 1, 2, 2] = True
    region = regions_of(mask, 1)[0]
    rows = region.rows.unflatten(0, (2, -1))[region.valid[..., 0]]
    assert sorted(rows.tolist()) == mask.flatten().nonzero()[:, 0].tolist()
    assert region.valid.sum(1).flatten().tolist() == [4, 1]
    assert regions_of(torch.zeros_like(mask), 3) is None


def test_stream_gradient_stays_inside():
    stream = fill(MaskedCrossAttention(8, 6, 4, 2))
    mask = torch.zeros(1, 2, 4, dtype=torch.bool)
    mask[0, 1, 2] = True
    states = torch.randn(2, 4, 8, requires_grad=True)
    stream(states, stream.project(torch.randn(1, 3, 6)), Region.of(mask)).sum().backward()
    assert states.grad[1, 2].any() and not states.grad[mask[0].logical_not()].any()


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradient_reaches_every_trainable_parameter(checkpointing):
    models = dummy_models(replace(DUMMY, trim_reference=False, up_attention=(True, True)))
    models.denoiser.dsaa.embedding.summary.fill_(0.01)  # zeros until it is fitted
    if checkpointing:
        models.denoiser.enable_gradient_checkpointing()
        models.denoiser.train()
    conditions = dummy_conditions(models)
    maps = torch.rand(FRAMES, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features = models.hand_encoder(maps).transpose(0, 1)[None]
    reference = models.denoiser.project_reference(models.reference.bank(conditions.reference_latents))
    out = models.denoiser(noisy(), 500, replace(conditions, hand_features=features, reference=reference))
    out.square().mean().backward()
    for part in (models.denoiser, models.reference, models.hand_encoder):
        for name, parameter in part.named_parameters():
            assert parameter.requires_grad == (parameter.grad is not None), name
            assert not parameter.requires_grad or parameter.grad.any(), name
    frozen = [name for name, parameter in models.reference.named_parameters() if not parameter.requires_grad]
    assert len(frozen) == 13


def test_trimming_the_reference_changes_nothing_that_is_read():
    models = dummy_models()
    whole = dummy_models(replace(DUMMY, trim_reference=False)).reference
    whole.load_state_dict(models.reference.state_dict(), strict=False)
    latents = torch.randn(1, DUMMY.latent_channels, 8, 8)
    with torch.no_grad():
        expected, got = whole.bank(latents), models.reference.bank(latents)
    assert set(got) == set(expected) == set(models.denoiser.block_names)
    assert all(torch.allclose(got[name], expected[name], atol=ROUNDING) for name in expected)
    assert sum(p.numel() for p in models.reference.parameters()) < sum(p.numel() for p in whole.parameters())


@pytest.mark.parametrize("cls", [Denoiser, ReferenceNet, HandEncoder])
def test_saved_and_loaded_again(models, tmp_path, cls, caplog):
    network = next(network for network in vars(models).values() if type(network) is cls)
    network.save_pretrained(tmp_path)
    loaded, info = cls.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert "not expected" not in caplog.text
    for key, value in network.config.items():
        if not key.startswith("_"):
            assert json.dumps(loaded.config[key]) == json.dumps(value), key
    state = network.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.state_dict().items())
    if cls is Denoiser:
        conditions = dummy_conditions(models)
        with torch.no_grad():
            expected = network(noisy(), 500, conditions)
            assert torch.allclose(loaded(noisy(), 500, conditions), expected, atol=ROUNDING)


def test_hand_features_are_added_after_the_first_convolution(models):
    conditions = dummy_conditions(models)
    seen = []
    hook = models.denoiser.conv_in.register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.no_grad():
        models.denoiser(noisy(), 500, conditions)
        models.denoiser(noisy(), 500, replace(conditions, hand_features=None))
    hook.remove()
    added = conditions.hand_features[0].transpose(0, 1)
    assert torch.allclose(seen[0] - seen[1], added, atol=ROUNDING)


def test_one_seed_builds_one_model():
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in build_denoiser(DUMMY).parameters()])

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))


def test_an_offloaded_network_is_fetched_before_its_weights_are_used_outside_forward():
    class Fetch(ModelHook):
        def __init__(self) -> None:
            self.calls = 0

        def pre_forward(self, module, *args, **kwargs):
            self.calls += 1
            return args, kwargs

    models = dummy_models()
    conditions = dummy_conditions(models)
    bank = models.reference.bank(conditions.reference_latents)
    pictures = torch.zeros(1, 3, 256, 256)
    latents = models.codebook.encode(pictures)
    uses = {
        "reference": [lambda: models.reference.bank(conditions.reference_latents)],
        "denoiser": [
            lambda: models.denoiser.project_reference(bank),
            lambda: models.denoiser.project_codes(conditions.hand_tokens),
            lambda: models.denoiser.prepare(conditions),
        ],
        "codebook": [
            lambda: models.codebook.encode(pictures),
            lambda: models.codebook.quantise(latents),
            lambda: models.codebook.decode(latents),
            lambda: models.codebook.tokens(pictures, pictures),
        ],
    }
    for name, calls in uses.items():
        hook = Fetch()
        add_hook_to_module(getattr(models, name), hook)
        for count, call in enumerate(calls, 1):
            call()
            assert hook.calls >= count, f"{name}, call {count}"
