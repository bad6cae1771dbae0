"""Small PNG and JPEG files of every kind we read, and the CRC-32 of Pillow's RGB pixels.

    .deps/oracle/bin/python tests/golden/make/image_codec.py

Writes tests/golden/codec/* and tests/golden/codec.json. Files that Pillow cannot write itself
(16-bit RGB, interlaced, palette with too few entries) are put together by hand from PNG chunks.
"""
import io
import json
import pathlib
import struct
import zlib

import numpy
import PIL
from PIL import Image, features

SEED = 7
HERE = pathlib.Path(__file__).parent.parent
OUT = HERE / "codec"


def picture(height, width, channels=3):
    """Smooth waves and a few hard edges: chroma upsampling and clipping both show."""
    rng = numpy.random.default_rng(SEED)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [128 + 120 * numpy.sin(x / (3 + 2 * c) + y / (7 - c) + c) for c in range(channels)]
    planes = numpy.stack(planes, -1) + rng.normal(0, 12, (height, width, channels))
    planes[height // 3 : height // 2, width // 4 : width // 2] = [255, 0, 40, 90][:channels]
    return planes.clip(0, 255).astype(numpy.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width, height, depth, color, rows, extra=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", body)
            + chunk(b"IEND", b""))


def adam7(pixels):
    """The rows of the seven passes, in order."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1)]
    for y, x, dy, dx in passes:
        part = pixels[y::dy, x::dx]
        if part.size:
            yield from (row.tobytes() for row in part)


def saved(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def resampled(side, sampling, old, new):
    """A file with a chroma layout that Pillow cannot write: another layout with as many blocks in
    all, its frame header patched. The content is scrambled, the file valid."""
    data = saved(Image.fromarray(picture(side, side)), format="JPEG", quality=80, subsampling=sampling)
    at = data.index(b"\xff\xc0") + 11
    assert data[at] == old
    return data[:at] + bytes([new]) + data[at + 1 :]


def files():
    rgb = Image.fromarray(picture(37, 45))
    grey = Image.fromarray(picture(37, 45, 1)[..., 0])
    rgba = Image.fromarray(picture(37, 45, 4))
    bits = rgb.resize((21, 13))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees: ignored
    yield "rgb.png", saved(rgb, format="PNG")
    yield "rgb_trns.png", saved(rgb, format="PNG", transparency=(255, 0, 40))
    yield "rgba.png", saved(rgba, format="PNG")
    yield "grey.png", saved(grey, format="PNG")
    yield "grey_trns.png", saved(grey, format="PNG", transparency=40)
    yield "grey_alpha.png", saved(rgba.convert("LA"), format="PNG")
    yield "bilevel.png", saved(bits.convert("1"), format="PNG")
    for depth in 1, 2, 4, 8:
        palette = bits.convert("P", palette=Image.Palette.ADAPTIVE, colors=2**depth)
        yield f"palette{depth}.png", saved(palette, format="PNG", bits=depth)
    yield "palette_trns.png", saved(palette, format="PNG", transparency=bytes([0, 128, 255]))
    indices = numpy.arange(256, dtype=numpy.uint8).reshape(16, 16)
    few = chunk(b"PLTE", bytes([200, 10, 30, 5, 90, 250, 60, 70, 80]))
    yield "palette_short.png", raw_png(16, 16, 8, 3, indices, few)
    packed = numpy.random.default_rng(SEED).integers(0, 256, (9, 6), numpy.uint8)
    yield "grey2.png", raw_png(23, 9, 2, 0, packed)
    yield "grey4.png", raw_png(11, 9, 4, 0, packed)
    yield "interlaced.png", raw_png(13, 11, 8, 2, adam7(picture(11, 13)), interlace=1)
    yield "gamma.png", raw_png(5, 3, 8, 2, picture(3, 5).reshape(3, 15),
                               chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "exif.png", saved(rgb, format="PNG", exif=exif)
    yield "one_pixel.png", saved(rgb.crop((0, 0, 1, 1)), format="PNG")
    yield "no_end.png", saved(grey.crop((0, 0, 9, 9)), format="PNG")[:-12]
    for name, sampling in ("444", 0), ("422", 1), ("420", 2):
        yield f"{name}.jpg", saved(rgb, format="JPEG", quality=80, subsampling=sampling)
    yield "440.jpg", resampled(48, 1, 0x21, 0x12)
    yield "411.jpg", resampled(64, 2, 0x22, 0x41)
    yield "low.jpg", saved(rgb, format="JPEG", quality=15)
    yield "progressive.jpg", saved(rgb, format="JPEG", quality=75, progressive=True)
    yield "restarts.jpg", saved(rgb, format="JPEG", quality=75, restart_marker_blocks=2)
    yield "grey.jpg", saved(grey, format="JPEG", quality=85)
    yield "rgb_space.jpg", saved(rgb, format="JPEG", quality=85, keep_rgb=True)
    yield "cmyk.jpg", saved(Image.fromarray(picture(37, 45, 4), "CMYK"), format="JPEG", quality=85)
    yield "exif.jpg", saved(rgb, format="JPEG", quality=85, exif=exif)
    yield "narrow.jpg", saved(rgb.crop((0, 0, 3, 33)), format="JPEG", quality=85)
    yield "png_named.jpg", saved(grey.crop((0, 0, 5, 4)), format="PNG")


def refused():
    rgb = Image.fromarray(picture(37, 45))
    wide = numpy.arange(8 * 3 * 6, dtype=numpy.uint16) * 331
    png, jpeg = saved(rgb, format="PNG"), saved(rgb, format="JPEG", quality=80)
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    yield "rgb16.png", raw_png(8, 6, 16, 2, wide.astype(">u2").reshape(6, 24).view(numpy.uint8)), "16-bit"
    yield "grey16.png", raw_png(8, 6, 16, 0, wide[:48].astype(">u2").reshape(6, 8).view(numpy.uint8)), "16-bit"
    yield "text.png", b"not a picture, but a text\n", "expected a PNG or JPEG file"
    yield "empty.png", b"", "empty"
    yield "truncated.png", png[: len(png) // 2], "truncated"
    yield "header_only.png", png[:20], "truncated"
    yield "bad_crc.png", png[:60] + bytes([png[60] ^ 255]) + png[61:], "broken PNG"
    yield "bomb.png", png[:8] + chunk(b"IHDR", header) + png[33:], "limit"
    yield "truncated.jpg", jpeg[: len(jpeg) // 2], "truncated"
    yield "no_end.jpg", jpeg[:-2], "truncated"
    yield "header_only.jpg", jpeg[:30], "broken JPEG"
    yield "picture.gif", saved(rgb.convert("P"), format="GIF")[:80], "expected a PNG or JPEG file"


def main():
    OUT.mkdir(exist_ok=True)
    good, bad = [], []
    for name, data in files():
        (OUT / name).write_bytes(data)
        image = Image.open(io.BytesIO(data))
        pixels = numpy.asarray(image.convert("RGB"))
        good.append({"file": name, "mode": image.mode, "height": pixels.shape[0],
                     "width": pixels.shape[1], "crc32": zlib.crc32(pixels.tobytes())})
    (OUT / "refused").mkdir(exist_ok=True)
    for name, data, reason in refused():
        (OUT / "refused" / name).write_bytes(data)
        bad.append({"file": name, "says": reason})
    versions = {"pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo")}
    rows = lambda cases: ",\n".join(json.dumps(case) for case in cases)
    (HERE / "codec.json").write_text(f'{{"seed": {SEED}, "versions": {json.dumps(versions)},\n'
                                     f'"files": [\n{rows(good)}],\n"refused": [\n{rows(bad)}]}}\n')


if __name__ == "__main__":
    main()
