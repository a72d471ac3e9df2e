"""The journal's file format: what was written is read, whatever happens to the bytes around it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.gateway.journal import record as records
from frontdesk.gateway.journal import segment
from frontdesk.gateway.journal.record import Record
from frontdesk.gateway.journal.segment import Damage
from tests.fakes.calls import intent, settled

SEED = 0x5EED1234
NAME = segment.file_name(1, SEED)
WRITTEN: list[Record] = [
    record for number in range(4) for record in (intent(number), settled(intent(number), output=number))
]
FRAMES = [segment.frame(records.encode(record), SEED) for record in WRITTEN]
WHOLE = segment.MAGIC + b"".join(FRAMES)
ENDS = [len(segment.MAGIC) + sum(map(len, FRAMES[: count + 1])) for count in range(len(FRAMES))]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal") / NAME


def read(path: Path, content: bytes, offset: int = 0, *, is_live: bool = False) -> list[tuple[Record | Damage, int]]:
    path.write_bytes(content)
    return list(segment.read_from(path, offset, is_live=is_live))


def found(items: list[tuple[Record | Damage, int]]) -> list[Record]:
    return [item for item, _ in items if not isinstance(item, Damage)]


def test_what_was_written_is_read_with_the_offset_that_follows_it(path: Path) -> None:
    assert read(path, WHOLE) == list(zip(WRITTEN, ENDS, strict=True))


def test_reading_goes_on_from_any_offset_that_was_given_out(path: Path) -> None:
    for count, offset in enumerate(ENDS, start=1):
        assert read(path, WHOLE, offset) == list(zip(WRITTEN, ENDS, strict=True))[count:]


def test_an_empty_segment_holds_nothing(path: Path) -> None:
    assert read(path, segment.MAGIC) == []
    assert read(path, segment.MAGIC, is_live=True) == []


def test_records_larger_than_the_window_between_them_are_read(path: Path) -> None:
    large = [intent(number, client_request_id="x" * 200_000) for number in range(20)]
    content = segment.MAGIC + b"".join(segment.frame(records.encode(record), SEED) for record in large)

    assert found(read(path, content)) == large


def test_a_payload_that_does_not_fit_is_refused() -> None:
    assert len(segment.frame(b"x" * segment.MAX_PAYLOAD_BYTES, SEED)) == segment.MAX_PAYLOAD_BYTES + 8
    with pytest.raises(ValueError, match="262144 bytes"):
        segment.frame(b"x" * (segment.MAX_PAYLOAD_BYTES + 1), SEED)
    with pytest.raises(ValueError, match="0 bytes"):
        segment.frame(b"", SEED)


def test_a_live_file_cut_at_any_byte_gives_its_whole_records_and_waits(path: Path) -> None:
    for cut in range(len(segment.MAGIC), len(WHOLE)):
        whole = sum(end <= cut for end in ENDS)
        assert read(path, WHOLE[:cut], is_live=True) == list(zip(WRITTEN, ENDS, strict=True))[:whole]


def test_a_closed_file_cut_at_any_byte_reports_its_torn_end(path: Path) -> None:
    for cut in range(len(segment.MAGIC) + 1, len(WHOLE)):
        whole = sum(end <= cut for end in ENDS)
        start = [len(segment.MAGIC), *ENDS][whole]
        items = read(path, WHOLE[:cut])
        assert found(items) == WRITTEN[:whole]
        torn = [] if cut == start else [(Damage(start, cut, "damaged", WHOLE[start:cut]), cut)]
        assert items[whole:] == torn


@given(position=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_one_flipped_byte_costs_one_record_at_most(path: Path, position: int, flip: int) -> None:
    content = bytearray(WHOLE)
    content[position] ^= flip
    index = sum(end <= position for end in ENDS)
    is_header = position < len(segment.MAGIC)

    items = read(path, bytes(content))

    assert found(items) == (WRITTEN if is_header else WRITTEN[:index] + WRITTEN[index + 1 :])
    damages = [item for item, _ in items if isinstance(item, Damage)]
    start, end = (0, len(segment.MAGIC)) if is_header else ([len(segment.MAGIC), *ENDS][index], ENDS[index])
    assert [(damage.start, damage.end) for damage in damages] == [(start, end)]


@given(
    cut=st.tuples(st.integers(8, len(WHOLE)), st.integers(0, 300)),
    junk=st.binary(max_size=300),
    is_live=st.booleans(),
)
def test_no_damage_makes_up_doubles_or_reorders_records(
    path: Path, cut: tuple[int, int], junk: bytes, is_live: bool
) -> None:
    start, length = cut
    content = WHOLE[:start] + junk + WHOLE[start + length :]

    items = read(path, content, is_live=is_live)

    intact = [
        record
        for record, begin, end in zip(WRITTEN, [8, *ENDS], ENDS, strict=False)
        if end <= start or begin >= start + length
    ]
    kept = found(items)
    assert [record for record in WRITTEN if record in kept] == kept
    if not is_live:
        assert [record for record in intact if record not in kept] == []
        assert [end for _, end in items][-1:] == [len(content)][: len(items)]


@given(content=st.binary(max_size=2_000))
def test_bytes_that_are_no_journal_are_damage_and_nothing_else(path: Path, content: bytes) -> None:
    content = b"\xff" + content

    assert read(path, content) == [(Damage(0, len(content), "damaged", content), len(content))]


def test_a_record_that_a_client_hid_in_its_own_text_is_not_believed(path: Path) -> None:
    forged = segment.frame(records.encode(settled(intent(99), cost=0)), 0).decode("latin-1")
    content = bytearray(segment.MAGIC + segment.frame(records.encode(intent(0, client_request_id=forged)), SEED))
    content[8] ^= 1  # the real record's length is damaged, so the reader searches inside it

    assert found(read(path, bytes(content))) == []


def test_a_sound_payload_that_cannot_be_decoded_is_reported_and_passed(path: Path) -> None:
    alien = segment.frame(b"\x93\xa5alien\x01\x02", SEED)
    content = segment.MAGIC + FRAMES[0] + alien + FRAMES[1]

    items = read(path, content)

    start = ENDS[0]
    end = start + len(alien)
    assert items == [
        (WRITTEN[0], start),
        (Damage(start, end, "undecodable", alien), end),
        (WRITTEN[1], end + len(FRAMES[1])),
    ]


def test_a_damaged_stretch_longer_than_the_window_is_passed(path: Path) -> None:
    noise = b"\x00\x01\x02\x03" * 600_000
    content = segment.MAGIC + FRAMES[0] + noise + FRAMES[1]

    items = read(path, content)

    assert found(items) == WRITTEN[:2]
    assert [(item.start, item.end) for item, _ in items if isinstance(item, Damage)] == [
        (ENDS[0], ENDS[0] + len(noise))
    ]


def test_a_listing_knows_segments_from_other_files(tmp_path: Path) -> None:
    for name in (segment.file_name(10, 1), segment.file_name(9, 2), "lock", "0000000011-00000001.new", "probe"):
        (tmp_path / name).touch()

    assert [path.name for path in segment.listing(tmp_path)] == [
        "0000000009-00000002.journal",
        "0000000010-00000001.journal",
    ]
    assert segment.listing(tmp_path / "gone") == []
    assert segment.sequence_of("0000000010-00000001.journal") == 10
    assert segment.sequence_of("lock") is None
