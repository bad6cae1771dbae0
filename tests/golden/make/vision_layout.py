#!/usr/bin/env python3
"""Oracle of window order, patch coordinates and M-RoPE positions: transformers' own functions.

    vision_layout.py             remakes tests/golden/vision_layout.json
    vision_layout.py --check     makes it again and compares; exit 1 if something differs

Token ids: 1 image, 2 video, others text. Made with transformers 5.23.0 and torch 2.15.0.
"""
import argparse
import json
import pathlib
import random
import sys

OUT = pathlib.Path(__file__).resolve().parent.parent / "vision_layout.json"
GRIDS = [[(1, 4, 6)], [(1, 8, 8)], [(1, 10, 12)], [(1, 4, 4), (1, 10, 6)], [(2, 6, 10)],
         [(1, 24, 24)], [(1, 2, 2)], [(1, 2, 40)], [(3, 18, 2), (1, 8, 10), (1, 6, 6)]]
SEED = 7


def layouts():
    import torch
    from transformers.vision_utils import (get_vision_cu_seqlens, get_vision_position_ids,
                                           get_vision_window_index)
    out = []
    for grids in GRIDS:
        tensor = torch.tensor(grids)
        index, cu = get_vision_window_index(tensor, 2, 112, 14)
        where = get_vision_position_ids(tensor, 2)
        out.append(dict(grids=grids, window_index=index.tolist(), cu_window=cu.tolist(),
                        reverse_index=torch.argsort(index).tolist(),
                        cu_full=get_vision_cu_seqlens(tensor).tolist(),
                        rows=where[:, 0].tolist(), cols=where[:, 1].tolist()))
    return out


def positions():
    import torch
    from transformers import Qwen2_5_VLConfig
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
    config = Qwen2_5_VLConfig(image_token_id=1, video_token_id=2)
    with torch.device("meta"):
        model = Qwen2_5_VLModel(config)
    rng = random.Random(SEED)
    out = []
    for images in (0, 1, 1, 1, 2, 3):
        ids, grids = [], []
        for _ in range(images):
            grid = (1, 2 * rng.randint(1, 5), 2 * rng.randint(1, 7))
            ids += [rng.randint(3, 9) for _ in range(rng.randint(1, 6))]
            ids += [1] * (grid[1] * grid[2] // 4)
            grids.append(grid)
        ids += [rng.randint(3, 9) for _ in range(rng.randint(1, 9))]
        if images == 0:
            rows, delta = [list(range(len(ids)))] * 3, 0
        else:
            row = torch.tensor([ids])
            rows, delta = model.get_rope_index(row, (row == 1).int(), torch.tensor(grids))
            rows, delta = rows[:, 0].tolist(), int(delta)
        out.append(dict(ids=ids, grids=grids, positions=rows, delta=delta))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    made = json.loads(json.dumps(dict(layouts=layouts(), positions=positions())))
    if arguments.check:
        same = json.loads(OUT.read_text()) == made
        print(f"vision_layout: {'ok' if same else 'differs'}")
        return 0 if same else 1
    lists = {name: ",\n".join("  " + json.dumps(item) for item in items)
             for name, items in made.items()}
    OUT.write_text("{" + ",\n".join(f'"{n}": [\n{text}\n]' for n, text in lists.items()) + "}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
