"""Regions by name over label codes by number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myosweep.errors import ConfigError
from myosweep.regions import NO_REGION, Region, RegionScheme, free_code, parse_codes

PAPER = RegionScheme.parse(["background=255", "blood pool=128", "myocardium=0"])
EMIDEC = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"], ignored=[9])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_codes_become_positions(dtype: type) -> None:
    labels = np.array([[255, 128], [0, 128]], dtype)
    regions = PAPER.encode(labels)
    assert regions.dtype == np.uint8
    assert regions.tolist() == [[0, 1], [2, 1]]


def test_several_codes_make_one_region_and_ignored_ones_none() -> None:
    labels = np.array([0, 1, 2, 3, 4, 9, 77, 255], np.uint8)
    assert EMIDEC.encode(labels).tolist() == [0, 1, 2, 2, 2, NO_REGION, NO_REGION, NO_REGION]
    assert EMIDEC.unknown_codes(labels) == (77, 255)
    assert EMIDEC.unknown_codes(labels[:6]) == ()
    assert EMIDEC.codes == {0, 1, 2, 3, 4, 9}


def test_codes_above_8_bits_need_16_bit_labels() -> None:
    scheme = RegionScheme.parse(["a=0,300", "b=65535"])
    assert scheme.encode(np.array([0, 44, 255], np.uint8)).tolist() == [0, NO_REGION, NO_REGION]
    assert scheme.encode(np.array([300, 65535, 44], np.uint16)).tolist() == [0, 1, NO_REGION]


@given(st.permutations(range(8)), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_encode_names_the_region_of_every_code(codes: list[int], cut: int) -> None:
    scheme = RegionScheme.from_mapping({"a": codes[:cut], "b": codes[cut:7]}, codes[7:])
    expected = [0 if code in codes[:cut] else NO_REGION if code == codes[7] else 1
                for code in range(8)]  # fmt: skip
    assert scheme.encode(np.arange(8, dtype=np.uint8)).tolist() == expected


def test_order_names_and_index() -> None:
    assert PAPER.names == ("background", "blood pool", "myocardium")
    assert PAPER.as_mapping() == {"background": [255], "blood pool": [128], "myocardium": [0]}
    assert [PAPER.index(name) for name in PAPER.names] == [0, 1, 2]
    with pytest.raises(ConfigError, match=r"no region 'scar'; the regions are 'background', 'bl"):
        PAPER.index("scar")
    assert RegionScheme.from_mapping(PAPER.as_mapping()) == PAPER
    assert RegionScheme.parse(reversed(["a=1", "b=2"])).names == ("b", "a")


def test_grey_levels() -> None:
    assert PAPER.grey_levels() == (255, 128, 0)
    assert RegionScheme.parse(["a=1", "b=2"]).grey_levels() == (255, 0)
    five = RegionScheme.parse([f"r{code}={code}" for code in range(5)])
    assert five.grey_levels() == (255, 191, 128, 64, 0)


def test_every_broken_rule_of_a_scheme_is_listed() -> None:
    regions = (
        Region("a", (1, 2, 1)),
        Region("b", (2, 70000)),
        Region("b", ()),
        Region("ignored", ()),
        Region(" ", (5,)),
    )
    with pytest.raises(ConfigError, match=r"the regions cannot be used \(9 problems\)") as caught:
        RegionScheme(regions, (5, -1))
    assert list(caught.value.problems) == [
        "region 'b' stands twice",
        "a region needs a name, got ' '",
        "region 'b' has no codes",
        "region 'ignored' has no codes",
        "code 1 is in region 'a' and again in region 'a'; keep it in one",
        "code 2 is in region 'a' and again in region 'b'; keep it in one",
        "codes lie in 0..65535, region 'b' has 70000",
        "code 5 is in region ' ' and again in the list of ignored codes; keep it in one",
        "codes lie in 0..65535, the list of ignored codes has -1",
    ]


@pytest.mark.parametrize(
    ("count", "message"),
    [(1, "at least two regions are needed, got 1"), (255, "at most 254 regions are possible")],
)
def test_number_of_regions(count: int, message: str) -> None:
    regions = {f"r{code}": [code] for code in range(count)}
    with pytest.raises(ConfigError, match=message):
        RegionScheme.from_mapping(regions)


def test_254_regions_are_told_from_no_region() -> None:
    scheme = RegionScheme.from_mapping({f"r{code}": [code] for code in range(254)})
    assert scheme.encode(np.array([0, 253, 254], np.uint8)).tolist() == [0, 253, NO_REGION]


@pytest.mark.parametrize(
    "definition", ["", "a", "a=", "=1", "a=x", "a=1.5", "a=1,", "a=1=2", "a=1 2", "a=1-3"]
)
def test_definitions_that_cannot_be_read(definition: str) -> None:
    with pytest.raises(ConfigError, match="a region is NAME=CODES, got") as caught:
        RegionScheme.parse(["b=7", definition, "c"])
    assert len(caught.value.problems) == 2
    assert repr(definition) in caught.value.problems[0]


def test_definitions_may_have_spaces() -> None:
    assert RegionScheme.parse([" a b = 1, 2 ", "c=3"]).as_mapping() == {"a b": [1, 2], "c": [3]}


def test_a_region_defined_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="'a' is given twice; put all its codes in one"):
        RegionScheme.parse(["a=1", "b=2", "a=3"])


def test_parse_codes() -> None:
    assert parse_codes(" ") == ()
    assert parse_codes("0, 255") == (0, 255)
    with pytest.raises(ConfigError, match="codes are whole numbers with commas between, got '1;2'"):
        parse_codes("1;2")


def test_free_code() -> None:
    assert free_code([], np.dtype(np.uint8)) == 255
    assert free_code([255, 254, 0], np.dtype(np.uint8)) == 253
    assert free_code([255], np.dtype(np.uint16)) == 65535
    assert free_code(range(1, 256), np.dtype(np.uint8)) == 0
    with pytest.raises(ConfigError, match=r"all of 0\.\.255 are taken; give fewer codes or a sm"):
        free_code(range(256), np.dtype(np.uint8))
