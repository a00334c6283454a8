import pytest

from vqatune.errors import ParameterError


def _chain(count: int) -> dict:
    names = ["base", *(f"v{number}" for number in range(1, count + 1))]
    versions = {
        name: {"previous": names[number - 1], "batch": f"{number:02d}"}
        for number, name in enumerate(names)
        if number
    }
    return {
        "versions": versions,
        "predicted": {"base": {}} | versions,
        "evaluated": {"blind": {}, "base": {}} | versions,
    }


@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_a_chain_has_any_number_of_versions(make_params, count):
    assert make_params(_chain(count)).version_names == ["base", *(f"v{n}" for n in range(1, count + 1))]


def test_the_order_of_the_keys_makes_no_difference(make_params):
    chain = _chain(13)
    chain["versions"] = dict(sorted(chain["versions"].items()))
    assert make_params(chain).version_names[-4:] == ["v10", "v11", "v12", "v13"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"v2": {"previous": "base", "batch": "02"}}, 'goes on with v2: {previous: v1, batch: "02"}'),
        ({"v2": {"previous": "v1", "batch": "03"}}, 'goes on with v2: {previous: v1, batch: "02"}'),
        ({"v4": {"previous": "v3", "batch": "04"}}, "v4 stands where the chain goes on with v3"),
    ],
)
def test_a_chain_with_a_gap_or_a_fork_is_refused(make_params, change, said):
    chain = _chain(2)
    chain["versions"] |= change
    with pytest.raises(ParameterError, match="versions") as caught:
        make_params(chain)
    assert said in str(caught.value)


def test_an_unknown_key_of_a_version_is_named(make_params):
    chain = _chain(2)
    chain["versions"]["v2"]["batches"] = "02"
    with pytest.raises(ParameterError, match=r"versions.v2.batches is not a parameter; did you mean batch\?"):
        make_params(chain)


@pytest.mark.parametrize(
    ("name", "left_out", "said"),
    [
        ("predicted", "base", "predicted must be base and every version"),
        ("predicted", "v2", "predicted must be base and every version"),
        ("evaluated", "blind", "evaluated must be blind, base and every version"),
        ("evaluated", "v1", "evaluated must be blind, base and every version"),
    ],
)
def test_what_is_predicted_and_evaluated_follows_from_the_versions(make_params, name, left_out, said):
    chain = _chain(2)
    del chain[name][left_out]
    with pytest.raises(ParameterError, match=f"^params.yaml: {said}"):
        make_params(chain)


def test_the_blind_guess_and_the_base_model_are_evaluated_before_the_versions(make_params):
    assert make_params(_chain(2)).evaluated_names == ["blind", "base", "v1", "v2"]
