import pytest
import torch
from torch import nn

from vqatune.models.prepare import FastDropout, use_fast_dropout


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_drops_the_share_it_should_and_keeps_the_mean(rate, dtype):
    torch.manual_seed(0)
    states = torch.ones(1000, 501, dtype=dtype)
    dropped = FastDropout(rate)(states)
    assert dropped.dtype == dtype
    assert (dropped == 0).float().mean() == pytest.approx(rate, abs=0.003)
    assert dropped.float().mean() == pytest.approx(1.0, rel=0.02)
    assert len(dropped.unique()) == 2


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    dropped = (FastDropout(0.25)(torch.ones(400_000)) == 0).float()
    for distance in (1, 2, 3, 4, 5):
        both = (dropped[:-distance] * dropped[distance:]).mean()
        assert both == pytest.approx(0.25**2, abs=0.003)


def test_the_gradient_passes_where_the_states_do():
    torch.manual_seed(0)
    states = torch.randn(50, 7, requires_grad=True)
    dropped = FastDropout(0.3)(states)
    dropped.sum().backward()
    assert torch.equal(states.grad == 0, dropped == 0)
    torch.testing.assert_close(states.grad * states.detach(), dropped.detach())


def test_the_same_seed_drops_the_same():
    outcomes = []
    for _ in range(2):
        torch.manual_seed(3)
        outcomes.append(FastDropout(0.2)(torch.ones(33)))
    assert torch.equal(*outcomes)


def test_nothing_is_dropped_in_evaluation_or_at_rate_zero():
    states = torch.randn(10)
    assert torch.equal(FastDropout(0.5).eval()(states), states)
    assert torch.equal(FastDropout(0.0)(states), states)


def test_a_models_dropout_layers_are_replaced_in_their_mode():
    model = nn.Sequential(nn.Linear(2, 2), nn.ModuleDict({"inner": nn.Dropout(0.1)}), nn.Dropout(0.0)).eval()
    use_fast_dropout(model)
    replaced = model[1]["inner"]
    assert type(replaced) is FastDropout and replaced.p == 0.1 and not replaced.training
    assert type(model[2]) is nn.Dropout
