"""JSON lines that each end with the checksum of what stands before it, so that damage is seen."""

import json
import zlib
from typing import Any

Record = dict[str, Any]


def write(record: Record) -> bytes:
    """A record as a line."""
    text = json.dumps(record, ensure_ascii=False).removesuffix("}").encode("utf-8", "surrogatepass")
    return text + b', "crc32": "%08x"}\n' % zlib.crc32(text)


def read(line: bytes) -> Record | None:
    """The record of a line without its end; None if the line is not as it was written."""
    text, _, checksum = line.rpartition(b', "crc32": ')
    if checksum != b'"%08x"}' % zlib.crc32(text):
        return None
    try:
        record = json.loads(text + b"}")
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
