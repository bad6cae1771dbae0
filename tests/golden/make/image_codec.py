"""Small PNG, JPEG and WebP files of every kind we read, and the CRC-32 of their RGB pixels.

    image_codec.py             remakes tests/golden/codec/* and tests/golden/codec.json
    image_codec.py --check     decodes the committed files again and compares; exit 1 if not equal

Each file is decoded as convert("RGB") of Pillow does (`crc32`), with transparency laid on white by
convert_to_rgb of transformers (`white`), and by its load_image, which turns it upright (`upright`);
the last two only where they differ. `orientation` is the EXIF value. Files that Pillow cannot write itself (16-bit RGB, interlaced,
palette with too few entries, YCCK) are put together by hand. Broken files are told by what our
message says.
"""
import argparse
import io
import json
import pathlib
import struct
import sys
import zlib

import numpy
import PIL
import transformers
from PIL import Image, features
from transformers.image_transforms import convert_to_rgb
from transformers.image_utils import load_image

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
    yield from transparent()
    yield from sixteen_bits()
    yield from inks()
    yield from orientations()
    yield from webp()


def transparent():
    """Every level under every alpha, and the colors that PNG can mark as transparent."""
    level, alpha = numpy.mgrid[0:256, 0:256].astype(numpy.uint8)
    every = numpy.stack([level, 255 - level, level // 2, alpha], -1)
    yield "every_alpha.png", saved(Image.fromarray(every), format="PNG", optimize=True)
    yield "grey_alpha_interlaced.png", raw_png(9, 7, 8, 4, adam7(picture(7, 9, 2)), interlace=1)
    steps = numpy.arange(60, dtype=numpy.uint8).reshape(4, 15)
    key = lambda *levels: chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels))
    for name, depth, level in ("1_white", 1, 1), ("1_black", 1, 0), ("2", 2, 1), ("4", 4, 15), ("8", 8, 257):
        yield f"grey{name}_trns.png", raw_png(15 * 8 // depth, 4, depth, 0, steps * 4, key(level))
    yield "rgb_trns_high.png", raw_png(5, 4, 8, 2, steps, key(0x1200 + 3, 4, 0xFF05))
    few = chunk(b"PLTE", bytes(range(9))) + chunk(b"tRNS", bytes([255, 0]))
    yield "palette_short_trns.png", raw_png(15, 4, 8, 3, steps % 5, few)


def sixteen_bits():
    # 16-bit grey by rows of low levels, edges of a byte, and high levels, all of which turn white.
    levels = numpy.concatenate([numpy.arange(0, 256, 8), [254, 255, 256, 257, 511, 4096, 32768, 65535]])
    words = lambda channels: (numpy.arange(40 * channels, dtype=numpy.uint32) * 1637 % 65536)
    row = lambda values: values.astype(">u2").reshape(5, -1).view(numpy.uint8)
    key = chunk(b"tRNS", struct.pack(">H", 8))
    yield "grey16.png", raw_png(8, 5, 16, 0, row(levels))
    yield "grey16_trns.png", raw_png(8, 5, 16, 0, row(levels), key)
    yield "rgb16.png", raw_png(8, 5, 16, 2, row(words(3)))
    first = (0, 1637 >> 8, 3274 >> 8)  # of the first pixel: Pillow compares the reduced levels
    yield "rgb16_trns.png", raw_png(8, 5, 16, 2, row(words(3)), chunk(b"tRNS", struct.pack(">3H", *first)))
    yield "grey_alpha16.png", raw_png(8, 5, 16, 4, row(words(2)))
    yield "rgba16.png", raw_png(8, 5, 16, 6, row(words(4)))
    deep = words(3).astype(">u2").reshape(5, 8, 3)
    yield "rgb16_interlaced.png", raw_png(8, 5, 16, 2, adam7(deep), interlace=1)


def inks():
    data = saved(Image.fromarray(picture(37, 45, 4), "CMYK"), format="JPEG", quality=85)
    at = data.index(b"\xff\xee")
    assert data[at + 4 : at + 9] == b"Adobe" and data[at + 15] == 0
    yield "ycck.jpg", data[: at + 15] + b"\x02" + data[at + 16 :]  # the same samples, read as YCCK
    yield "cmyk_plain.jpg", data[:at] + data[at + 16 :]  # without the Adobe marker
    progressive = saved(Image.fromarray(picture(20, 31, 4), "CMYK"), format="JPEG", progressive=True)
    yield "cmyk_progressive.jpg", progressive


def tiff(value, order=">", kind=3, count=1, before=0):
    """An EXIF block: `before` other entries, then the orientation."""
    entry = lambda tag, kind, count, value: struct.pack(
        order + "HHI", tag, kind, count) + (struct.pack(order + "HH", value, 0) if kind == 3
                                             else struct.pack(order + "I", value))
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", 8)
    entries = [entry(0x0100 + i, 4, 1, 7) for i in range(before)] + [entry(0x0112, kind, count, value)]
    return head + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)


def orientations():
    rgb = Image.fromarray(picture(13, 10))
    small = lambda exif, **options: saved(rgb, format="JPEG", quality=70, exif=exif, **options)
    for value in range(1, 9):
        yield f"exif{value}.jpg", small(b"Exif\0\0" + tiff(value, "<>"[value % 2], before=value % 3))
    yield "exif8.png", saved(rgb, format="PNG", exif=tiff(8))
    yield "exif6.webp", saved(rgb, format="WEBP", quality=80, exif=tiff(6, "<"))
    yield "exif_long.jpg", small(b"Exif\0\0" + tiff(5, kind=4))
    yield "exif0.jpg", small(b"Exif\0\0" + tiff(0))
    yield "exif9.jpg", small(b"Exif\0\0" + tiff(9))
    yield "exif_twice.jpg", small(b"Exif\0\0" + tiff(3, count=2))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="7"/></x:xmpmeta>'
    yield "xmp7.jpg", small(b"", xmp=xmp)
    yield "xmp_and_exif.jpg", small(b"Exif\0\0" + tiff(2), xmp=xmp)
    yield "xmp3.webp", saved(rgb, format="WEBP", lossless=True,
                             xmp=xmp.replace(b'="7"/>', b"/><tiff:Orientation>3</tiff:Orientation>"))
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
    plain = saved(rgb, format="PNG")
    yield "xmp7.png", plain[:33] + chunk(b"iTXt", text) + plain[33:]


def webp():
    rgb, rgba = Image.fromarray(picture(37, 45)), Image.fromarray(picture(37, 45, 4))
    for quality in 10, 80, 100:
        yield f"lossy{quality}.webp", saved(rgb, format="WEBP", quality=quality)
    yield "lossless.webp", saved(rgb, format="WEBP", lossless=True)
    yield "lossless_alpha.webp", saved(rgba, format="WEBP", lossless=True, exact=True)
    yield "lossy_alpha.webp", saved(rgba, format="WEBP", quality=75, alpha_quality=40)
    yield "grey.webp", saved(rgb.convert("L"), format="WEBP", quality=60)
    yield "one_pixel.webp", saved(rgb.crop((0, 0, 1, 1)), format="WEBP", quality=80)
    yield "narrow.webp", saved(rgb.crop((0, 0, 3, 33)), format="WEBP", quality=80)
    frames = [Image.fromarray(numpy.roll(picture(20, 24), 3 * i, 0)) for i in range(3)]
    yield "animated.webp", saved(frames[0], format="WEBP", save_all=True, append_images=frames[1:],
                                 duration=50, quality=70)
    spot = Image.new("RGBA", (24, 20))
    spot.paste(rgba.crop((0, 0, 9, 7)), (6, 8))
    moved = [Image.fromarray(numpy.roll(numpy.asarray(spot), 4 * i, 1)) for i in range(3)]
    yield "animated_alpha.webp", saved(moved[0], format="WEBP", save_all=True, append_images=moved[1:],
                                       duration=50, lossless=True)
    yield "animated.png", saved(frames[0], format="PNG", save_all=True, append_images=frames[1:], duration=50)
    yield "webp_named.png", saved(rgb.crop((0, 0, 6, 5)), format="WEBP", lossless=True)


def refused():
    rgb = Image.fromarray(picture(37, 45))
    png, jpeg = saved(rgb, format="PNG"), saved(rgb, format="JPEG", quality=80)
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    yield "text.png", b"not a picture, but a text\n", "expected a PNG, JPEG or WebP file"
    yield "empty.png", b"", "empty"
    yield "truncated.png", png[: len(png) // 2], "truncated"
    yield "header_only.png", png[:20], "truncated"
    yield "bad_crc.png", png[:60] + bytes([png[60] ^ 255]) + png[61:], "broken PNG"
    yield "bomb.png", png[:8] + chunk(b"IHDR", header) + png[33:], "limit"
    yield "truncated.jpg", jpeg[: len(jpeg) // 2], "truncated"
    yield "no_end.jpg", jpeg[:-2], "truncated"
    yield "header_only.jpg", jpeg[:30], "broken JPEG"
    yield "picture.gif", saved(rgb.convert("P"), format="GIF")[:80], "got a GIF file"
    lossy, lossless = saved(rgb, format="WEBP", quality=80), saved(rgb, format="WEBP", lossless=True)
    yield "truncated.webp", lossy[: len(lossy) // 2], "truncated"
    yield "truncated_lossless.webp", lossless[: len(lossless) // 2], "truncated"
    yield "header_only.webp", lossy[:20], "truncated"
    canvas = struct.pack("<I", 16383)[:3]  # of 16384 x 16384, with nothing on it
    bomb = b"WEBPVP8X" + struct.pack("<II", 10, 2) + canvas + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    yield "bomb.webp", b"RIFF" + struct.pack("<I", len(bomb)) + bomb, "limit"
    frame = bytearray(jpeg)
    at = jpeg.index(b"\xff\xc0")
    frame[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    yield "bomb.jpg", bytes(frame), "limit"
    frame = bytearray(jpeg)
    frame[at + 4] = 12
    yield "twelve_bits.jpg", bytes(frame[: at + 40]), "broken JPEG"
    yield "picture.bmp", saved(rgb.crop((0, 0, 4, 4)), format="BMP"), "got a BMP file"
    yield "picture.avif", bytes(4) + b"ftypavif" + bytes(8), "AVIF"
    yield "sound.webp", b"RIFF\x24\0\0\0WAVEfmt ", "got a RIFF file"
    yield "zeros.png", bytes(300), "expected a PNG, JPEG or WebP file"


def crc(image):
    return zlib.crc32(numpy.asarray(image).tobytes())


def decoded(data):
    image = Image.open(io.BytesIO(data))
    pixels = numpy.asarray(image.convert("RGB"))
    white = crc(convert_to_rgb(Image.open(io.BytesIO(data)), return_numpy=True))
    upright, plain = crc(load_image(Image.open(io.BytesIO(data)))), crc(pixels)
    orientation = Image.open(io.BytesIO(data)).getexif().get(0x0112, 1)
    made = {"mode": image.mode, "height": pixels.shape[0], "width": pixels.shape[1], "crc32": plain}
    made |= {"orientation": orientation} if orientation in range(2, 9) else {}
    made |= {"white": white} if white != plain else {}
    return made | ({"upright": upright} if upright != plain else {})


def check():
    stored = json.loads((HERE / "codec.json").read_text())["files"]
    bad = [case["file"] for case in stored
           if case != {"file": case["file"], **decoded((OUT / case["file"]).read_bytes())}]
    print(f"image_codec: {bad or 'ok'}, {len(stored)} files")
    return 1 if bad else 0


def make():
    OUT.mkdir(exist_ok=True)
    (OUT / "refused").mkdir(exist_ok=True)
    for old in [*OUT.glob("*.*"), *OUT.glob("refused/*")]:
        old.unlink()
    good, bad = [], []
    for name, data in files():
        (OUT / name).write_bytes(data)
        good.append({"file": name, **decoded(data)})
    for name, data, reason in refused():
        (OUT / "refused" / name).write_bytes(data)
        bad.append({"file": name, "says": reason})
    versions = {"pillow": PIL.__version__, "transformers": transformers.__version__,
                **{name: features.version(name) for name in ("libjpeg_turbo", "webp", "zlib")}}
    rows = lambda cases: ",\n".join(json.dumps(case) for case in cases)
    (HERE / "codec.json").write_text(f'{{"seed": {SEED}, "versions": {json.dumps(versions)},\n'
                                     f'"files": [\n{rows(good)}],\n"refused": [\n{rows(bad)}]}}\n')
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    sys.exit(check() if parser.parse_args().check else make())
