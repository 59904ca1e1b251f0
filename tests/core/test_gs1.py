"""GS1 identifiers: scans, links and EPC URNs end in one name; every published vector parses as published."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.gs1 import ELEMENT_SYMBOLS, SEPARATOR, read_bracketed, read_elements, read_link, read_scanned
from services.core.gs1_ai import PREDEFINED, BadGs1, check_digit
from services.core.gs1_names import canonical_name, link, product_of, read_name, read_urn, unit_of

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "gs1_barcode" / "gs1_syntax_engine_vectors.jsonl"
EXPECTED = 244


def vectors(test: str) -> list[dict[str, Any]]:
    """The published vectors of one test; skips where the data is not here."""
    if not VECTORS.exists():
        pytest.skip("real data absent: gs1_barcode is not beside the repository")
    rows = [json.loads(line) for line in VECTORS.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == EXPECTED
    return [row for row in rows if row["test"] == test]


def raw(elements: tuple[tuple[str, str], ...]) -> str:
    """Elements as the vectors write them: `^` for FNC1, before each value that follows one without known length."""
    text, pending = "^", False
    for ai, value in elements:
        text += ("^" if pending else "") + ai + value
        pending = ai not in PREDEFINED
    return text


def parsed(read: Any, text: str) -> str:
    """What the reading gives, empty where it is refused: as the vectors write it."""
    try:
        return raw(read(text))
    except BadGs1:
        return ""


def test_links_parse_as_published() -> None:
    by_uri: dict[str, set[str]] = {}
    for row in vectors("test_parseDLuri"):
        by_uri.setdefault(row["dl_uri"], set()).add(row["expect_unbracketed_ai"])
    # Some stand there twice, with an option of that parser on and off.
    wrong = {
        uri: parsed(read_link, uri) for uri, published in by_uri.items() if parsed(read_link, uri) not in published
    }
    assert wrong == {}


def test_bracketed_strings_parse_as_published() -> None:
    rows = {row["bracketed_ai"]: row["expect_unbracketed_ai"] for row in vectors("test_parseAIdata")}
    assert {text: parsed(read_bracketed, text) for text in rows} == rows


def test_scans_parse_as_published() -> None:
    for row in vectors("test_testProcessScanData"):
        scan, published = row["scan_data"], row["data_str"]
        if published.startswith("^"):
            assert parsed(read_scanned, scan) == published, scan
        elif scan.startswith("]E") and published:
            digits, _, composite = published.partition("|^")
            expected = read_elements("01" + digits.zfill(14) + composite.replace("^", SEPARATOR))
            assert read_scanned(scan) == expected, scan
        elif published.startswith(("http:", "https:", "HTTP:", "HTTPS:")):
            assert read_scanned(scan) == read_link(published), scan
        else:  # a damaged scan, or plain text in a symbol that may hold GS1's
            assert parsed(read_scanned, scan) == "", scan


def test_what_an_encoder_sends_reads_as_what_it_encoded() -> None:
    compared = 0
    for row in vectors("test_testGenerateScanData"):
        scan = row["expect_scan_data"]
        if scan and scan.startswith(ELEMENT_SYMBOLS) and row["data_str"].startswith("^"):
            expected = row["data_str"].lstrip("^").replace("|^", "^").rstrip("^")
            assert read_scanned(scan) == read_elements(_separated(expected)), scan
            compared += 1
    assert compared > 10


def _separated(text: str) -> str:
    return text.replace("^", SEPARATOR)


ONE_THING = (
    "]d20104012345111118219876",
    "]C10104012345111118219876\x1d17280101",
    "01040123451111181728010110L1\x1d219876",
    "(01)04012345111118(21)9876",
    "urn:epc:id:sgtin:4012345.011111.9876",
    "https://id.gs1.org/01/04012345111118/21/9876",
    "https://example.com/stem/gtin/4012345111118/ser/9876?17=280101",
    "https://example.com/01/04012345111118/10/L1/21/9876",
)


@pytest.mark.parametrize("text", ONE_THING)
def test_one_thing_has_one_name_however_it_is_written(text: str) -> None:
    assert unit_of(read_name(text)) == "https://id.gs1.org/01/04012345111118/21/9876"


UNITS = {
    "(00)340123451111111111": "https://id.gs1.org/00/340123451111111111",
    "urn:epc:id:sscc:4012345.3111111111": "https://id.gs1.org/00/340123451111111111",
    "(00)340123451111111111(02)04012345111118(37)12": "https://id.gs1.org/00/340123451111111111",
    "urn:epc:class:lgtin:4012345.012345.Lot987": "https://id.gs1.org/01/04012345123456/10/Lot987",
    "(01)04012345123456(10)Lot987(17)280101": "https://id.gs1.org/01/04012345123456/10/Lot987",
    "urn:epc:id:grai:4012345.00022.334455": "https://id.gs1.org/8003/04012345000221334455",
    "urn:epc:id:giai:4012345.ABC345": "https://id.gs1.org/8004/4012345ABC345",
    "urn:epc:id:cpi:0614141.11111111111111-A%23%2F.1234": "https://id.gs1.org/8010/061414111111111111111-A%23%2F/8011/1234",
    "(01)04012345123456": None,
    "urn:epc:idpat:sgtin:4054739.099914.*": None,
    "urn:epc:id:sgln:4012345.00005.122": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "unit"), UNITS.items())
def test_the_unit_is_the_finest_thing_named(text: str, unit: str | None) -> None:
    assert unit_of(read_name(text)) == unit


def test_a_product_is_its_gtin() -> None:
    assert product_of(read_urn("urn:epc:id:itip:4012345.011111.01.02.987")) == "04012345111118"
    assert product_of(read_name("(00)340123451111111111")) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(01)04012345111119(21)1", "check digit must be 8"),
        ("(17)281301", "no such date"),
        ("(7003)2802301200", "no such date"),
        ("(7003)2802292400", "no such date"),
        ("(21)a b", "expected X..20"),
        ("urn:epc:id:sgtin:4012345.11111.1", "13 digits"),
        ("urn:epc:id:sgtin:4012345.011111.*", "only in urn:epc:idpat"),
        ("urn:epc:id:sgtin:40A2345.011111.1", "company prefix"),
        ("urn:epc:id:sgtin:4012345.01²111.1", "13 digits"),
        ("urn:epc:id:sgtin:4012345.011111.%ff", "percent-encoding"),
        ("(10)A(10)B", "twice"),
        ("]A0ABC", "carries no GS1"),
        ("", "no element string"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadGs1, match=says) as refused:
        read_name(text)
    assert refused.value.zh


@given(st.text(alphabet=st.characters(codec=None), max_size=80))
def test_nothing_that_can_be_scanned_breaks_the_parser(text: str) -> None:
    for read in (read_scanned, read_elements, read_bracketed, read_link, read_urn):
        parsed(read, text)
    canonical_name(text)


SERIAL = st.text(st.sampled_from("!\"%&'()*+,-./09:;<=>?AZ_az"), min_size=1, max_size=20)


@given(st.text("0123456789", min_size=13, max_size=13), SERIAL)
def test_every_serial_number_survives_each_way_of_writing(body: str, serial: str) -> None:
    gtin = body + check_digit(body)
    elements = (("01", gtin), ("21", serial))
    written = link(elements)
    assert read_link(written) == elements
    assert read_elements(f"01{gtin}21{serial}") == elements
    assert read_bracketed(f"(01){gtin}(21){serial.replace('(', chr(92) + '(')}") == elements
    assert canonical_name(written) == written
