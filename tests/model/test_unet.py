"""The paper's network: its size, its shapes, its dropout, its first weights."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from myosweep.model.unet import Norm, UNet, UpConv


def parameters(network: nn.Module, *, weights: bool) -> int:
    return sum(p.numel() for p in network.parameters() if (p.ndim > 1) is weights)


def test_full_size_has_the_papers_parameters() -> None:
    network = UNet()
    assert parameters(network, weights=True) == 31_023_872
    assert parameters(network, weights=False) == 6_851


def test_depth_3_has_matlabs_parameters() -> None:
    network = UNet(depth=3)
    assert sum(p.numel() for p in network.parameters()) == 7_696_323


@pytest.mark.parametrize(("depth", "classes", "channels"), [(1, 2, 1), (2, 5, 3), (4, 3, 1)])
def test_scores_have_one_channel_per_region(depth: int, classes: int, channels: int) -> None:
    network = UNet(channels, classes, depth, first_filters=2)
    assert network(torch.zeros(2, channels, 32, 48)).shape == (2, classes, 32, 48)


def test_first_weights_are_he_normal_and_biases_zero() -> None:
    network = UNet(first_filters=16, generator=torch.Generator().manual_seed(0))
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.weight.numel() > 5000:
            area = module.kernel_size[0] * module.kernel_size[1]
            variance = 2 / (area * module.in_channels)
            assert module.weight.var().item() == pytest.approx(variance, rel=0.08)
            assert module.bias is not None
            assert not module.bias.any()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_upsampling_is_torchs_transposed_convolution(memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    layer = UpConv(6, 3).to(memory_format=memory_format)  # type: ignore[call-overload]
    x = torch.randn(2, 6, 5, 4).to(memory_format=memory_format)
    places = (x.requires_grad_(), *layer.parameters())
    weights = torch.randn(2, 3, 10, 8)
    for found, expected in zip(
        torch.autograd.grad((layer(x) * weights).sum(), places),
        torch.autograd.grad((F.relu(nn.ConvTranspose2d.forward(layer, x)) * weights).sum(), places),
        strict=True,
    ):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(layer(x), F.relu(nn.ConvTranspose2d.forward(layer, x)))


def test_first_weights_come_from_the_generator_alone() -> None:
    draws = []
    for pollution in (1, 2):
        torch.manual_seed(pollution)
        draws.append(UNet(first_filters=2, generator=torch.Generator().manual_seed(7)))
    for one, other in zip(*(network.parameters() for network in draws), strict=True):
        assert torch.equal(one, other)


def test_dropout_stands_in_the_last_encoder_stage_and_in_the_bridge_only() -> None:
    """Dropping everything there leaves the skips, and they alone."""
    network = UNet(depth=2, first_filters=2, generator=torch.Generator().manual_seed(0)).eval()
    images = torch.rand(1, 1, 16, 16)
    shapes = network.dropout_shapes(16, 16)
    assert shapes == [(4, 8, 8), (8, 4, 4)]
    all_kept = [torch.ones(1, *shape, dtype=torch.bool) for shape in shapes]
    doubled = network(images, all_kept)  # kept values are divided by 1 - p = 0.5
    network.dropout = 0.0
    assert torch.equal(network(images, all_kept), network(images))
    assert not torch.allclose(doubled, network(images))
    network.dropout = 0.5
    bridge_dropped = [all_kept[0], torch.zeros_like(all_kept[1])]
    encoder_dropped = [torch.zeros_like(all_kept[0]), torch.zeros_like(all_kept[1])]
    # Without the bridge, what the last encoder stage sends down does not matter; its skip does.
    assert torch.equal(network(images, bridge_dropped), network(images, encoder_dropped))
    other = torch.rand(1, 1, 16, 16)
    assert not torch.equal(network(other, bridge_dropped), network(images, bridge_dropped))


def test_evaluation_drops_nothing() -> None:
    network = UNet(depth=2, first_filters=2).eval()
    images = torch.rand(1, 1, 16, 16)
    assert torch.equal(network(images), network(images))


def test_training_drops_half() -> None:
    network = UNet(depth=2, first_filters=2).train()
    images = torch.rand(1, 1, 16, 16)
    assert not torch.equal(network(images), network(images))


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_normalised_scores_do_not_see_the_images_grey_scale(norm: Norm) -> None:
    generator = torch.Generator().manual_seed(0)
    network = UNet(depth=1, first_filters=16, norm=norm, generator=generator).eval()
    images = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(network(5 * images), network(images), atol=1e-2, rtol=1e-2)
    plain = UNet(depth=1, first_filters=16, generator=generator).eval()
    assert not torch.allclose(plain(5 * images), plain(images), atol=1e-2, rtol=1e-2)


def test_groups_have_eight_channels_and_what_l2_touches_stays() -> None:
    network = UNet(depth=1, first_filters=16, norm="group")
    norms = [one for one in network.modules() if isinstance(one, nn.GroupNorm)]
    assert {one.num_channels // one.num_groups for one in norms} == {8}
    assert [one.num_channels for one in norms] == [16, 16, 32, 32, 16, 16]
    plain = UNet(depth=1, first_filters=16)
    assert parameters(network, weights=True) == parameters(plain, weights=True)
    small = UNet(depth=1, first_filters=2, norm="group").bridge.first_norm
    assert isinstance(small, nn.GroupNorm)
    assert small.num_groups == 1
