"""The layers of include/visplay, lowest first: the one table that the checks read.

A header may include its own folder, any lower layer, and the folders that stand before it in its own
row. What a folder may include from outside is below the table.
"""

LAYERS = [
    ["core"],
    ["data", "text", "cluster"],
    ["grade", "reward", "advantage", "loss", "curriculum", "rollout", "world", "io"],
    ["kernels", "tensor"],
    ["model", "policy", "generate"],
    ["train", "eval", "report"],
]
FOLDERS = [folder for row in LAYERS for folder in row]
IO = {"io"}
TORCH = {"tensor", *LAYERS[4], *LAYERS[5]}
TORCH_FREE = [folder for folder in FOLDERS if folder not in TORCH]

# The beginning of an include -> (the folders that may have it, why the others may not).
OUTSIDE = [
    ("torch/torch.h", set(), "library headers take ATen's headers, not the whole API"),
    (("ATen/", "torch/", "c10/"), TORCH, "this folder is torch-free"),
    (("nlohmann/", "yaml-cpp/"), IO | TORCH, "JSON and YAML belong in io/ and above"),
    (("png.h", "jpeglib.h", "turbojpeg.h", "webp/"), IO, "image codecs belong in io/"),
    ("regex", set(), "std::regex overflows the stack on long answers"),
    ("iostream", set(), "the library never prints"),
    ("catch2/", set(), "tests are not part of the library"),
]


def may_include(folder: str, target: str) -> bool:
    """Whether a header in include/visplay/<folder> may include one in include/visplay/<target>."""
    return FOLDERS.index(target) <= FOLDERS.index(folder)


def row(folder: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if folder in names)
