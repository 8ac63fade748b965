import random

import pytest

from pipeline.copied import OF_CORPUS, longest_spans


def longest(text: bytes, documents: list[bytes]) -> int:
    """The same by trying all."""
    best = 0
    for start in range(len(text)):
        while start + best < len(text) and any(text[start : start + best + 1] in document for document in documents):
            best += 1
    return best


@pytest.mark.parametrize("alphabet", [b"ab", b"abcdefghijkl ", bytes(range(97, 123))])
@pytest.mark.parametrize("seed", range(8))
def test_the_longest_span_is_found_wherever_the_corpus_is_cut(seed: int, alphabet: bytes) -> None:
    draw = random.Random(seed)
    documents = [bytes(draw.choices(alphabet, k=draw.randrange(250))) for _ in range(4)]
    texts = [b"", b"Z", *(bytes(draw.choices(alphabet + b"XYZ", k=draw.randrange(80))) for _ in range(4))]
    for document in documents:
        start, size = draw.randrange(len(document) + 1), draw.randrange(100)
        texts.append(b"Q" * draw.randrange(20) + document[start : start + size] + b"Z" * draw.randrange(4))
    corpus, size = OF_CORPUS.join(documents), draw.randrange(1, 300)
    found = longest_spans(texts, lambda: (corpus[at : at + size] for at in range(0, len(corpus), size)))
    for text, (start, length) in zip(texts, found, strict=True):
        assert length == longest(text, documents), text
        assert any(text[start : start + length] in document for document in documents)
    assert found[-1].length >= 0


def test_no_span_goes_from_one_document_to_the_next() -> None:
    text = b"the end of one and the start of another"
    assert longest_spans([text], lambda: [text[:18] + OF_CORPUS + text[18:]]) == [(18, 21)]
