"""Regions by name over label codes by number."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myosweep.errors import ConfigError
from myosweep.regions import (
    LABEL_CODES,
    NAMED_SCHEMES,
    NO_REGION,
    Region,
    RegionScheme,
    free_code,
    named_scheme,
    parse_codes,
    read_scheme,
)

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


# Names for codes


@pytest.mark.parametrize(
    ("name", "codes", "expected"),
    [
        ("three", "myosweep", {"background": [0, 5], "blood pool": [1], "myocardium": [2, 3, 4]}),
        ("three", "emidec", {"background": [0], "blood pool": [1], "myocardium": [2, 3, 4]}),
        ("three", "myops",
         {"background": [0, 600], "blood pool": [500], "myocardium": [200, 2221, 1220]}),
        ("three", "acdc", {"background": [0, 1], "blood pool": [3], "myocardium": [2]}),
        ("three", "paper", {"background": [255], "blood pool": [128], "myocardium": [0]}),
        ("five", "myosweep",
         {"background": [0, 5], "blood pool": [1], "normal myocardium": [2], "infarct": [3],
          "no-reflow": [4]}),
        ("five", "emidec",
         {"background": [0], "blood pool": [1], "normal myocardium": [2], "infarct": [3],
          "no-reflow": [4]}),
    ],
)  # fmt: skip
def test_named_schemes(name: str, codes: str, expected: dict[str, list[int]]) -> None:
    scheme = named_scheme(name, codes)
    assert scheme.as_mapping() == expected
    assert list(scheme.names) == list(expected)
    assert scheme.ignored == ()
    assert scheme.codes == set(LABEL_CODES[codes].values())  # no structure is lost


def test_our_own_codes_are_meant_where_none_are_named() -> None:
    for name in NAMED_SCHEMES:
        assert named_scheme(name) == named_scheme(name, "myosweep")


@pytest.mark.parametrize(
    ("codes", "missing"),
    [
        ("paper", "infarct and no-reflow"),
        ("acdc", "infarct and no-reflow"),
        ("myops", "no-reflow"),
    ],
)
def test_five_regions_need_five_structures(codes: str, missing: str) -> None:
    message = (
        f"regions 'five' need {missing}, which the codes '{codes}' do not have; take --regions "
        "three, or define yours with --region"
    )
    with pytest.raises(ConfigError) as caught:
        named_scheme("five", codes)
    assert str(caught.value) == message


def test_names_that_nobody_knows() -> None:
    with pytest.raises(ConfigError, match="known are three, five, got 'four'; take one of them"):
        named_scheme("four", "acdc")
    with pytest.raises(ConfigError, match="known are myosweep, emidec, myops, acdc, paper, got 'x"):
        named_scheme("three", "x")


def test_codes_mean_one_structure_each_and_every_structure_has_a_region() -> None:
    structures = {structure for codes in LABEL_CODES.values() for structure in codes}
    assert len(structures) == 7
    for codes in LABEL_CODES.values():
        assert len(set(codes.values())) == len(codes)
        assert {"background", "blood pool", "normal myocardium"} <= set(codes)
    for regions in NAMED_SCHEMES.values():
        named = [structure for group in regions.values() for structure in group]
        assert len(set(named)) == len(named)
        assert set(named) == structures


# Schemes from files


def test_a_scheme_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "regions.toml"
    path.write_text('ignored = [9]\n[regions]\n"blood pool" = [1]\nbackground = [0, 300]\n')
    scheme = read_scheme(path)
    assert scheme.as_mapping() == {"blood pool": [1], "background": [0, 300]}
    assert scheme.names == ("blood pool", "background")
    assert scheme.ignored == (9,)
    path.write_text("regions = { a = [1], b = [0x02] }")
    assert read_scheme(path) == RegionScheme.parse(["a=1", "b=2"])


def test_a_file_from_windows_may_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "regions.toml"
    path.write_bytes(b'\xef\xbb\xbf[regions]\r\na = [1]\r\n"\xc3\xa4" = [2]\r\n')
    assert read_scheme(path).names == ("a", "ä")


@pytest.mark.parametrize(
    "content",
    [
        b"[regions",
        b"\xff\xfe",
        b"[regions]\na = [1]\na = [2]\n",
        b"[regions]\na = [1" + b"0" * 5000 + b"]\nb = [2]\n",  # Python reads no longer numbers
        b"[regions]\na = " + b"[" * 5000 + b"]" * 5000,
    ],
)
def test_what_is_no_toml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.toml").write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"'r\.toml' is not a TOML file; write for inst"
    ) as caught:
        read_scheme(tmp_path / "r.toml")
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a = [1]\nb = [2]",
        "regions = 1",
        "regions = [1, 2]",
        "[regions]",
        "[regions]\na = 1\nb = [2]",
        "[regions]\na = [1.0]\nb = [2]",
        "[regions]\na = [true]\nb = [2]",
        "[regions]\na = ['1']\nb = [2]",
        "[regions.a]\ncodes = [1]",
        "ignored = 9\n[regions]\na = [1]\nb = [2]",
        "ignore = [9]\n[regions]\na = [1]\nb = [2]",
    ],
)
def test_what_is_no_scheme(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.toml").write_text(content)
    with pytest.raises(
        ConfigError, match=r"'r\.toml' needs a table \[regions\] with lists of codes"
    ):
        read_scheme(tmp_path / "r.toml")


def test_ignored_codes_below_the_regions_are_no_region(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("[regions]\na = [1]\nb = [2]\nignored = [9]\n")
    with pytest.raises(ConfigError, match=r"has 'ignored' among its regions; write it above the l"):
        read_scheme(tmp_path / "r.toml")


def test_rules_of_schemes_hold_for_files_too(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("ignored = [2]\n[regions]\na = [1]\nb = [2, 70000]\nc = []\n")
    with pytest.raises(ConfigError) as caught:
        read_scheme(tmp_path / "r.toml")
    assert list(caught.value.problems) == [
        "region 'c' has no codes",
        "codes lie in 0..65535, region 'b' has 70000",
        "code 2 is in region 'b' and again in the list of ignored codes; keep it in one",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=r"there is no file of regions '.*'; check") as caught:
            read_scheme(path)
        assert str(tmp_path.parent) not in str(caught.value)
