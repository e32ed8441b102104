"""Reading of grey and label images: exact values from every accepted kind of file."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from myosweep.data.raster import list_rasters, raster_header, read_raster
from myosweep.errors import DatasetError

GREY = np.array([[0, 1, 2, 255], [128, 7, 9, 254], [3, 0, 200, 100]], np.uint8)
DEEP = np.array([[0, 1, 256, 65535], [4095, 7, 32768, 32767], [3, 0, 200, 513]], np.uint16)
BITS = GREY > 100


def save(path: Path, image: Image.Image | np.ndarray, **options: object) -> Path:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


def palette(indices: np.ndarray, colours: list[int]) -> Image.Image:
    image = Image.new("P", indices.shape[::-1])
    image.putdata(indices.ravel().tolist())
    image.putpalette(colours)
    return image


def png(size_yx: tuple[int, int], depth: int, colour: int, rows: list[bytes]) -> bytes:
    """A PNG file written by hand, for kinds that Pillow does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", size_yx[1], size_yx[0], depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize(
    ("file", "content", "options"),
    [
        ("a.png", GREY, {}),
        ("a.PNG", GREY, {"format": "PNG"}),
        ("a.bmp", GREY, {}),
        ("a.tif", GREY, {}),
        ("a.tiff", GREY, {"compression": "tiff_lzw"}),
        ("a.png", DEEP, {}),
        ("a.tif", DEEP, {}),
        ("a.tif", DEEP, {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_grey_files_give_their_values(
    tmp_path: Path, file: str, content: np.ndarray, options: dict[str, object], labels: bool
) -> None:
    path = save(tmp_path / file, content, **options)
    pixels = read_raster(path, labels=labels)
    assert pixels.dtype == content.dtype
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, content)
    assert raster_header(path) == ((3, 4), content.dtype)


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.png", GREY, {}),
        ("a.png", BITS, {}),
        ("a.bmp", GREY, {}),
        ("a.tif", DEEP, {"compression": "tiff_lzw"}),
        ("a.tif", DEEP.astype(">u2"), {}),
        ("a.png", palette(GREY % 3, [9, 9, 9, 100, 100, 100, 50, 50, 50]), {}),
        ("a.png", np.stack([GREY, GREY, GREY], 2), {}),
    ],
)
def test_the_content_of_a_file_gives_what_the_file_gives(
    tmp_path: Path,
    name: str,
    content: Image.Image | np.ndarray,
    options: dict[str, object],
    labels: bool,
) -> None:
    path = save(tmp_path / name, content, **options)
    from_file = read_raster(path, labels=labels)
    from_content = read_raster(path.read_bytes(), labels=labels)
    assert from_content.dtype == from_file.dtype
    assert from_content.flags.c_contiguous
    np.testing.assert_array_equal(from_content, from_file)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_content_that_is_cut_off_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    content = save(tmp_path / name, noise).read_bytes()
    refused = []
    for tenth in range(10):
        try:
            assert read_raster(content[: len(content) * tenth // 10]).shape == (40, 40)
        except DatasetError as error:
            refused.append(str(error))
    assert set(refused) == {"cannot be read as an image; is it damaged?"}
    assert len(refused) >= 9


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as an image"),
        (b"hello", "cannot be read as an image"),
        (b"/etc/passwd", "cannot be read as an image"),
        (png((60_000, 60_000), 8, 0, [b"\0"]), "far larger than any LGE slice"),
        (png((1, 1), 16, 2, [b"\0" * 6]), "has pixel type RGB;16B"),
    ],
)
def test_content_that_is_no_image(content: bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_raster(content)


def test_big_endian_tiff_gives_native_values(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", DEEP.astype(">u2"))
    assert path.read_bytes()[:2] == b"MM"
    assert raster_header(path) == ((3, 4), np.dtype(np.uint16))
    pixels = read_raster(path)
    assert pixels.dtype == np.dtype(np.uint16)
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, DEEP)


def test_32_bit_integers_are_read_if_16_bits_hold_them(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", DEEP.astype(np.int32))
    np.testing.assert_array_equal(read_raster(path), DEEP)
    for wrong in (65536, -1):
        path = save(tmp_path / "b.tif", np.where(DEEP == 513, np.int32(wrong), DEEP))
        with pytest.raises(DatasetError, match=r"outside 0\.\.65535; save it with 8 or 16 bits"):
            read_raster(path)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
@pytest.mark.parametrize("labels", [False, True])
def test_one_bit_gives_0_and_1(tmp_path: Path, ending: str, labels: bool) -> None:
    path = save(tmp_path / f"a.{ending}", BITS)
    pixels = read_raster(path, labels=labels)
    assert raster_header(path)[1] == pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, BITS.astype(np.uint8))


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_a_palette_gives_indices_in_masks_and_grey_levels_in_images(
    tmp_path: Path, ending: str
) -> None:
    indices = GREY % 3
    path = save(tmp_path / f"a.{ending}", palette(indices, [9, 9, 9, 100, 100, 100, 50, 50, 50]))
    np.testing.assert_array_equal(read_raster(path, labels=True), indices)
    np.testing.assert_array_equal(read_raster(path), np.array([9, 100, 50])[indices])


def test_a_coloured_palette_is_a_mask_but_no_image(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", palette(GREY % 3, [0, 0, 0, 255, 0, 0, 0, 255, 0]))
    np.testing.assert_array_equal(read_raster(path, labels=True), GREY % 3)
    with pytest.raises(DatasetError, match="is a colour image; save it as grey levels"):
        read_raster(path)


def test_a_transparent_palette_gives_no_warning(tmp_path: Path) -> None:
    image = palette(GREY % 2, [9, 9, 9, 100, 100, 100])
    path = save(tmp_path / "a.png", image, transparency=bytes([0, 255]))
    np.testing.assert_array_equal(read_raster(path, labels=True), GREY % 2)
    np.testing.assert_array_equal(read_raster(path), np.array([9, 100])[GREY % 2])


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_colours_are_read_if_their_channels_are_equal(
    tmp_path: Path, alpha: bool, ending: str
) -> None:
    channels = [GREY, GREY, GREY] + [255 - GREY] * alpha
    path = save(tmp_path / f"a.{ending}", np.stack(channels, 2))
    np.testing.assert_array_equal(read_raster(path, labels=True), GREY)
    channels[2] = GREY.copy()
    channels[2][2, 3] ^= 1
    path = save(tmp_path / f"a.{ending}", np.stack(channels, 2))
    with pytest.raises(DatasetError, match="is a colour image"):
        read_raster(path)


def test_transparency_is_no_channel(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.stack([GREY, 255 - GREY], 2))
    np.testing.assert_array_equal(read_raster(path), GREY)


@pytest.mark.parametrize(("channels", "colour"), [(3, 2), (2, 4), (4, 6)])
def test_16_bits_per_channel_are_refused(tmp_path: Path, channels: int, colour: int) -> None:
    """Pillow would cut them to 8 bits: codes 0, 1, 2 would all become 0."""
    path = tmp_path / "a.png"
    codes = np.repeat((DEEP % 3)[..., None], channels, 2).astype(">u2")
    path.write_bytes(png((3, 4), 16, colour, [row.tobytes() for row in codes]))
    for read in (raster_header, read_raster):
        with pytest.raises(DatasetError, match="16B; save it as grey levels of 8 or 16 bits"):
            read(path)


def test_float_tiff_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", GREY.astype(np.float32))
    for read in (raster_header, read_raster):
        with pytest.raises(DatasetError, match=r"has pixel type F.*8 or 16 bits per pixel"):
            read(path)


def test_several_pages_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY)]
    path = save(tmp_path / "a.tif", pages[0], save_all=True, append_images=pages[1:])
    for read in (raster_header, read_raster):
        with pytest.raises(DatasetError, match="several pages; save one slice per file"):
            read(path)


@pytest.mark.parametrize("side", [60_000, 12_000])
def test_decompression_bombs_are_not_opened(tmp_path: Path, side: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png((side, side), 8, 0, [b"\0"]))
    for read in (raster_header, read_raster):
        with pytest.raises(DatasetError, match="far larger than any LGE slice"):
            read(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"II*\0", b"BM"])
def test_what_is_no_image_is_refused_without_a_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(content)
    for read in (raster_header, read_raster):
        with pytest.raises(DatasetError, match="cannot be read as an image") as caught:
            read(path)
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read as an image"):
        read_raster(tmp_path / "none.png")


def test_a_damaged_remark_does_not_spoil_the_pixels(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", DEEP, tiffinfo={270: "a remark of more than four letters"})
    entry = struct.pack("<HH", 270, 2)  # tag, type; then 4 bytes of length and 4 of offset
    content = bytearray(path.read_bytes())
    place = content.index(entry) + 4
    content[place : place + 4] = struct.pack("<I", 10**6)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_raster(path), DEEP)


@pytest.mark.parametrize("file", ["a.png", "a.tif", "a.bmp"])
def test_a_truncated_file_is_refused(tmp_path: Path, file: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    path = save(tmp_path / file, noise)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(DatasetError, match="cannot be read as an image; is it damaged"):
        read_raster(path)


@pytest.mark.parametrize(
    ("file", "options"),
    [("a.png", {}), ("a.bmp", {}), ("a.tif", {}), ("b.tif", {"compression": "packbits"})],
)
def test_damage_never_raises_anything_but_a_dataset_error(
    tmp_path: Path, file: str, options: dict[str, object]
) -> None:
    content = save(tmp_path / file, GREY, **options).read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for round_ in range(90):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(len(damaged), size=3)] = rng.choice([0, 1, 255, 77], 3)
        end = rng.integers(len(damaged)) if round_ % 3 == 0 else len(damaged)
        (tmp_path / file).write_bytes(damaged[:end].tobytes())
        try:
            assert read_raster(tmp_path / file).ndim == 2
        except DatasetError:
            refused += 1
    assert refused > 20


def test_links_that_lead_out_of_the_folder_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "secret.png").touch()
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "own.png").touch()
    try:
        (tmp_path / "given" / "out.png").symlink_to(tmp_path / "secret.png")
        (tmp_path / "given" / "in.png").symlink_to(tmp_path / "given" / "own.png")
    except OSError:
        pytest.skip("this system does not let us make links")
    assert set(list_rasters(tmp_path / "given")) == {"own", "in"}


def test_files_are_listed_by_relative_name_without_hidden_and_other_ones(tmp_path: Path) -> None:
    names = ["a.png", "a.TIF", "b/c.bmp", "1.2.3.tiff", "._a.png", ".git/d.png", "e.jpg", "f"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = list_rasters(tmp_path)
    assert {name: [path.name for path in paths] for name, paths in found.items()} == {
        "a": ["a.TIF", "a.png"],
        "b/c": ["c.bmp"],
        "1.2.3": ["1.2.3.tiff"],
    }
