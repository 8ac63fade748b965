import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.packing import Packing, best_fit, stream

lengths_of_documents = st.lists(st.integers(1, 60), min_size=1, max_size=60)


def plan(lengths: list[int], seq_len: int) -> Packing:
    counts = np.array(lengths, np.int64)
    return best_fit(np.cumsum(counts) - counts, counts, seq_len)


def pieces_of_rows(packing: Packing) -> list[list[tuple[int, int]]]:
    starts, lengths = packing.starts.tolist(), packing.lengths.tolist()
    edges = packing.rows.tolist()
    return [list(zip(starts[a:b], lengths[a:b], strict=True)) for a, b in itertools.pairwise(edges)]


def test_a_page_of_documents_worked_by_hand() -> None:
    # Documents of 6, 4, 3 and 9 tokens ask for 5, 3, 2 and 8 predictions; rows hold 6.
    packing = plan([6, 4, 3, 9], 6)
    # 8 = 2 + 6: the short piece first, at the document's start (13); its full row starts at 15.
    assert pieces_of_rows(packing) == [[(0, 5)], [(6, 3), (10, 2)], [(13, 2)], [(15, 6)]]


@given(lengths_of_documents, st.integers(2, 40))
def test_every_prediction_is_in_exactly_one_row(lengths: list[int], seq_len: int) -> None:
    counts = np.array(lengths)
    seen = np.zeros(int(counts.sum()), int)
    for row in pieces_of_rows(plan(lengths, seq_len)):
        for start, length in row:
            seen[start : start + length] += 1
    expected = np.ones_like(seen)
    expected[np.cumsum(counts) - 1] = 0  # after a document's last token nothing is predicted
    assert seen.tolist() == expected.tolist()


@given(lengths_of_documents, st.integers(2, 40))
def test_rows_start_with_an_opening_or_are_one_slice_of_a_long_document(lengths: list[int], seq_len: int) -> None:
    counts = np.array(lengths)
    openings = set((np.cumsum(counts) - counts).tolist())
    for row in pieces_of_rows(plan(lengths, seq_len)):
        assert sum(length for _, length in row) <= seq_len
        if row[0][0] not in openings:
            assert row == [(row[0][0], seq_len)]
        else:
            assert all(start in openings for start, _ in row)


@given(lengths_of_documents, st.integers(2, 40))
def test_only_documents_longer_than_a_row_are_cut(lengths: list[int], seq_len: int) -> None:
    counts = np.array(lengths)
    begins = (np.cumsum(counts) - counts).tolist()
    found = [piece for row in pieces_of_rows(plan(lengths, seq_len)) for piece in row]
    for begin, length in zip(begins, lengths, strict=True):
        if 1 < length <= seq_len + 1:
            assert (begin, length - 1) in found


@given(lengths_of_documents.filter(lambda lengths: max(lengths) > 1), st.integers(2, 40), st.integers(1, 900))
def test_a_part_is_whole_rows_of_the_whole_and_a_smaller_part_is_in_a_larger(
    lengths: list[int], seq_len: int, most: int
) -> None:
    packing = plan(lengths, seq_len)
    part, larger = packing.up_to(most), packing.up_to(2 * most)
    rows, found = pieces_of_rows(part), pieces_of_rows(larger)
    assert part.n_predictions <= max(most, seq_len) and part.n_rows >= 1
    assert found[: len(rows)] == rows and all(row in pieces_of_rows(packing) for row in found)
    assert packing.n_predictions < most or part.n_predictions + seq_len >= most
    assert part.share == part.n_predictions / packing.n_predictions


def test_best_fit_wastes_little_where_documents_are_many() -> None:
    lengths = np.random.default_rng(0).integers(2, 900, 5_000).tolist()
    assert plan(lengths, 1024).padding < 0.01


@given(st.integers(2, 500), st.integers(2, 40))
def test_a_stream_is_cut_without_a_gap(n_tokens: int, seq_len: int) -> None:
    packing = stream(n_tokens, seq_len)
    assert packing.n_predictions == n_tokens - 1
    assert (packing.starts[1:] == packing.starts[:-1] + packing.lengths[:-1]).all()
    assert packing.filled().tolist() == packing.lengths.tolist()
