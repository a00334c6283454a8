"""Sharing the work among people: each asks about product types of their own, chosen alike by all."""

import pandas as pd


def in_shard(product_types: pd.Series, shard: str) -> pd.Series:
    """Return which images are the shard's (bool, with the index of `product_types`, one value an image).

    `shard` is 'i/n', from 1/n to n/n. From the largest type to the smallest, each goes to the shard that has the
    fewest images so far (Graham 1969, longest processing time first), so the n shards hold every image once and are
    as equal as the types allow, whatever the order of the rows.
    """
    number, of = map(int, shard.split("/"))
    counts = product_types.value_counts()
    loads = [0] * of
    mine = set()
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))):
        least = loads.index(min(loads))
        loads[least] += int(count)
        if least == number - 1:
            mine.add(name)
    return product_types.isin(mine)
