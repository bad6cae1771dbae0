#!/usr/bin/env python3
"""Oracle of the image processor: Pillow, torchvision and the image processors of transformers.

    image_processor.py             remakes tests/golden/image_processor.json
    image_processor.py --check     makes it again and compares with the committed one; exit 1 if not

`files` are the pictures of tests/golden/codec, all in one call, by path and by what becomes of EXIF
orientation and transparency. `videos` on path "torchvision" are Qwen2VLVideoProcessor's; on "pillow",
for which transformers has no class, frames of Qwen2VLImageProcessorPil put together.

Images come from a rule in integers (pixels() below, repeated in image_processor_test.cpp), so that
only checksums are stored: CRC-32 of the resized bytes and of pixel_values as float32. Equal
checksums mean equal bits. Paths: "pillow" is Qwen2VLImageProcessorPil, "torchvision" is
Qwen2VLImageProcessor on CPU. Made with transformers 5.23.0, Pillow 13.0.0, torch 2.15.0,
torchvision 0.29.2, numpy 2.4.6.
"""
import argparse
import json
import math
import pathlib
import sys
import zlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parent.parent / "image_processor.json"
PUBLISHED = (3136, 12845056)
CLASS_DEFAULT = (3136, 1003520)
VISPLAY = (262144, 4194304)

# kind, height, width, (min_pixels, max_pixels)
CASES = [
    ("pattern", 56, 84, PUBLISHED), ("pattern", 84, 84, PUBLISHED), ("noise", 84, 84, PUBLISHED),
    ("pattern", 100, 133, PUBLISHED), ("noise", 97, 150, PUBLISHED), ("noise", 48, 64, PUBLISHED),
    ("photo", 333, 777, PUBLISHED), ("photo", 500, 375, (3136, 50176)), ("noise", 1, 1, PUBLISHED),
    ("noise", 9, 13, PUBLISHED), ("noise", 2, 380, PUBLISHED), ("photo", 640, 480, CLASS_DEFAULT),
    ("noise", 29, 1400, PUBLISHED), ("pattern", 1401, 31, (3136, 25088)), ("noise", 27, 27, PUBLISHED),
    ("photo", 61, 91, (100352, 200704)), ("noise", 613, 407, (3136, 9408)),
    ("noise", 112, 130, PUBLISHED), ("noise", 130, 112, PUBLISHED),
    # Pillow 13 runs the vertical pass first if the height shrinks by more than twice as many pixels
    # as the width: at, below and above that bound.
    ("noise", 88, 86, PUBLISHED), ("noise", 89, 86, PUBLISHED), ("noise", 97, 76, PUBLISHED),
    ("photo", 900, 301, (3136, 50176)), ("noise", 97, 57, PUBLISHED),
]
# frames, height, width, (min_pixels, max_pixels)
VIDEOS = [(1, 60, 90, PUBLISHED), (2, 60, 90, PUBLISHED), (3, 77, 50, PUBLISHED), (5, 56, 84, PUBLISHED),
          (4, 120, 200, (3136, 12544))]
SIZES = [(1, 1), (14, 14), (42, 42), (70, 98), (13, 100), (10, 2000), (28, 5600), (29, 5801),
         (154, 182), (210, 350), (238, 266), (224, 224), (480, 640), (1080, 1920), (1365, 2048),
         (2160, 3840), (4000, 6000), (300, 59000), (1, 200), (1, 201), (126, 126), (98, 70)]


def pixels(kind, height, width):
    """[height, width, 3] uint8."""
    y, x = np.mgrid[0:height, 0:width].astype(np.uint64)
    if kind == "pattern":
        planes = [3 * x + 5 * y, x * x + 7 * y, x * y + 11 * x]
        return np.stack([p % 256 for p in planes], axis=-1).astype(np.uint8)
    index = (np.arange(height * width * 3, dtype=np.uint64) + 1).reshape(height, width, 3)
    z = index * np.uint64(0x9E3779B97F4A7C15)  # splitmix64, modulo 2^64
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    if kind == "noise":
        return (z >> np.uint64(56)).astype(np.uint8)
    # "photo": slopes, edges every 40 pixels, 8 x 8 blocks of slightly different level, grain.
    block = ((x // 8 * 7 + y // 8 * 13) % 9)[..., None]
    edge = ((x // 40 + y // 40) % 2 * 90)[..., None]
    slope = np.stack([x * 100 // width, y * 100 // height, (x + y) * 100 // (width + height)], -1)
    return (slope + edge + block + (z >> np.uint64(60))).astype(np.uint8)


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def run(processor, image, limits):
    from PIL import Image
    out = processor(images=[Image.fromarray(image)], return_tensors="np",
                    size={"shortest_edge": limits[0], "longest_edge": limits[1]})
    values = np.asarray(out["pixel_values"])
    assert values.dtype == np.float32
    return dict(grid=np.asarray(out["image_grid_thw"])[0].tolist(), crc=crc(values),
                sum=float(values.sum(dtype=np.float64)))


def resized(image, height, width):
    import torch
    from PIL import Image
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional
    pillow = np.asarray(Image.fromarray(image).resize((width, height), Image.BICUBIC))
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)
    torchvision = functional.resize(tensor, [height, width], InterpolationMode.BICUBIC,
                                    antialias=True).permute(1, 2, 0).numpy()
    return dict(pillow=crc(pillow), torchvision=crc(torchvision))


def files():
    """The pictures in the order of their names. Policies: as VisPlay, as handed over, as load_image."""
    import transformers
    from PIL import Image
    from transformers.image_utils import load_image
    size = dict(shortest_edge=3136, longest_edge=12845056)
    processors = dict(pillow=transformers.Qwen2VLImageProcessorPil(size=size),
                      torchvision=transformers.Qwen2VLImageProcessor(size=size))
    paths = sorted(OUT.parent.glob("codec/*.*"))
    # convert() keeps a PNG's note of its transparent color, which the processors would then apply.
    bare = lambda image: Image.fromarray(np.asarray(image.convert("RGB")))
    opened = dict(plain=[bare(Image.open(path)) for path in paths],
                  white=[Image.open(path) for path in paths],
                  upright=[bare(load_image(str(path))) for path in paths])
    made = dict(count=len(paths))
    for name, processor in processors.items():
        for policy, images in opened.items():
            out = processor(images=images, return_tensors="np")
            made[f"{name}_{policy}"] = dict(
                crc=crc(np.asarray(out["pixel_values"])), patches=len(out["pixel_values"]),
                grid_crc=crc(np.asarray(out["image_grid_thw"]).astype(np.int64)))
    return made


def videos():
    import transformers
    from PIL import Image
    made = []
    for frames, height, width, limits in VIDEOS:
        clip = [pixels("photo", height + i, width)[i:] for i in range(frames)]
        size = dict(shortest_edge=limits[0], longest_edge=limits[1])
        fast = transformers.Qwen2VLVideoProcessor(size=size, cap_pixels_per_frame=False)
        out = fast(videos=[np.stack(clip)], return_tensors="np", do_sample_frames=False)
        slow = transformers.Qwen2VLImageProcessorPil(size=size)
        even = clip + clip[-1:] * (frames % 2)
        each = [np.asarray(slow(images=[Image.fromarray(f)], return_tensors="np")["pixel_values"])
                .reshape(-1, 3, 2, 14, 14)[:, :, 0] for f in even]
        pairs = [np.stack(each[i : i + 2], axis=2).reshape(-1, 1176) for i in range(0, len(even), 2)]
        made.append(dict(frames=frames, height=height, width=width, min_pixels=limits[0],
                         max_pixels=limits[1], grid=np.asarray(out["video_grid_thw"])[0].tolist(),
                         torchvision=crc(np.asarray(out["pixel_values_videos"])),
                         pillow=crc(np.concatenate(pairs))))
    return made


def make():
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
        Qwen2VLImageProcessorPil, smart_resize)
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    slow, fast = Qwen2VLImageProcessorPil(), Qwen2VLImageProcessor()
    cases = []
    for kind, height, width, limits in CASES:
        image = pixels(kind, height, width)
        to = smart_resize(height, width, 28, *limits)
        cases.append(dict(kind=kind, height=height, width=width, min_pixels=limits[0],
                          max_pixels=limits[1], source=crc(image), to=list(to),
                          resized=resized(image, *to), pillow=run(slow, image, limits),
                          torchvision=run(fast, image, limits)))
    sizes = []
    for height, width in SIZES:
        for limits in (PUBLISHED, CLASS_DEFAULT, VISPLAY):
            try:
                to = list(smart_resize(height, width, 28, *limits))
            except ValueError:
                to = None
            sizes.append([height, width, *limits, to])
    return dict(cases=cases, smart_resize=sizes, files=files(), videos=videos())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    made = make()
    if arguments.check:
        # Sums are for people who look at the file; another numpy may add in another order.
        stored = json.loads(OUT.read_text())
        bad = [a for a, b in zip(stored["cases"], made["cases"], strict=True)
               if any(a[k] != b[k] for k in ("source", "to", "resized"))
               or any(a[p]["crc"] != b[p]["crc"] or not math.isclose(a[p]["sum"], b[p]["sum"])
                      for p in ("pillow", "torchvision"))]
        bad += [key for key in ("smart_resize", "files", "videos") if stored[key] != made[key]]
        same = not bad
        print(f"image_processor: {'ok' if same else bad}")
        return 0 if same else 1
    rows = ",\n".join("  " + json.dumps(case) for case in made["cases"])
    sizes = ",\n".join("  " + json.dumps(size) for size in made["smart_resize"])
    clips = ",\n".join("  " + json.dumps(clip) for clip in made["videos"])
    OUT.write_text(f'{{"cases": [\n{rows}\n],\n"smart_resize": [\n{sizes}\n],\n'
                   f'"files": {json.dumps(made["files"])},\n"videos": [\n{clips}\n]}}\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
