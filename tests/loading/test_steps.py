from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from vqatune.loading.steps import cut_micro_batches, epoch_groups, image_groups, plan_step


def test_an_image_and_its_copies_are_groups_of_their_own(pairs):
    twice = pd.concat([pairs.head(3), pairs.head(3).assign(copy=1)], ignore_index=True)
    assert [group.tolist() for group in image_groups(twice)[:]] == [[0], [1, 2], [3], [4, 5]]
    assert image_groups(pairs.iloc[:0])[:] == []


def test_every_epoch_and_every_seed_has_an_order_of_its_own(pairs):
    first, second, again, other = (
        epoch_groups(pairs, seed, epoch, "all")[:] for seed, epoch in ((13, 0), (13, 1), (13, 1), (5, 0))
    )
    assert [group[0] for group in second] == [group[0] for group in again]
    assert len({tuple(group[0] for group in groups) for groups in (first, second, other)}) == 3
    assert np.array_equal(np.sort(np.concatenate(second)), np.arange(len(pairs)))


def test_one_question_an_image_is_drawn_anew_each_epoch_whatever_the_order_of_the_rows(pairs):
    epochs = [epoch_groups(pairs, 13, epoch, "one")[:] for epoch in range(20)]
    for groups in epochs:
        assert [len(group) for group in groups] == [1] * pairs["image_id"].nunique()
    asked = {pairs["qa_id"].iloc[group[0]] for groups in epochs for group in groups}
    assert asked == set(pairs["qa_id"])
    reversed_pairs = pairs.iloc[::-1].reset_index(drop=True)
    for epoch in (0, 3):
        chosen = {pairs["qa_id"].iloc[group[0]] for group in epochs[epoch]}
        groups = epoch_groups(reversed_pairs, 13, epoch, "one")[:]
        assert {reversed_pairs["qa_id"].iloc[group[0]] for group in groups} == chosen


@st.composite
def images(draw):
    counts = draw(st.lists(st.integers(1, 40), min_size=1, max_size=30))
    starts = np.cumsum([0, *counts])
    groups = [np.arange(start, end) for start, end in pairwise(starts)]
    tokens = draw(st.lists(st.integers(3, 30), min_size=int(starts[-1]), max_size=int(starts[-1])))
    return groups, np.array(tokens)


@given(images(), st.integers(1, 8), st.integers(1, 60))
def test_a_micro_batch_keeps_to_both_budgets_and_no_image_is_cut(drawn, most_images, most_pairs):
    groups, tokens = drawn
    micro_batches = cut_micro_batches(groups, tokens, most_images, most_pairs)
    for micro_batch in micro_batches:
        assert 1 <= len(micro_batch) <= most_images
        assert len(micro_batch) == 1 or sum(map(len, micro_batch)) <= most_pairs
    met = sorted(group[0] for micro_batch in micro_batches for group in micro_batch)
    assert met == [group[0] for group in groups]


@given(images(), st.integers(1, 4), st.integers(1, 60), st.integers(1, 3), st.integers(1, 3))
def test_a_step_has_the_same_images_however_it_is_cut_and_shared(
    drawn, most_images, most_pairs, accumulation, processes
):
    groups, tokens = drawn
    window = most_images * accumulation
    for start in range(0, len(groups), window):
        own = groups[start : start + window]
        shares = plan_step(own, tokens, most_images, most_pairs, processes)
        assert len(shares) == processes
        met = sorted(
            int(group[0])
            for micro_batches in shares
            for micro_batch in micro_batches
            for group in micro_batch
        )
        assert met == [int(group[0]) for group in own]
        sizes = [sum(map(len, micro_batches)) for micro_batches in shares]
        assert max(sizes) - min(sizes) <= 1


def test_sorting_by_length_leaves_little_to_pad():
    lengths = np.random.default_rng(0).integers(4, 24, 4000)
    groups = np.split(np.arange(4000), np.arange(10, 4000, 10))

    def padding(micro_batches):
        padded = sum(
            len(micro_batch) * max(lengths[group].sum() for group in micro_batch)
            for micro_batch in micro_batches
        )
        return 1 - lengths.sum() / padded

    unsorted = [groups[start : start + 8] for start in range(0, 400, 8)]
    assert padding(cut_micro_batches(groups, lengths, 8, 1000)) < 0.05 < padding(unsorted) / 2
