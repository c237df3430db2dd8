# ruff: noqa: E501 (one row per line: a table reads better wide)
"""Product pictures drawn by code: the silhouette of a thing in its colour, as a small SVG."""

from collections.abc import Iterable
from pathlib import Path

FOLDER = "demo"

# Paths on a canvas of 240 × 240. "fill" takes the product's colour, "dark" is a seam or a shade over it.
_LEGS = "M78 40h84l10 164h-40l-12-104-12 104H68z"
SHAPES: dict[str, dict[str, str]] = {
    "tee": {
        "fill": "M88 46c10 14 54 14 64 0l48 26-20 40-22-10v102H82V102l-22 10-20-40z",
        "dark": "M98 50c10 20 34 20 44 0M82 190h76",
    },
    "polo": {
        "fill": "M88 46c10 14 54 14 64 0l48 26-20 40-22-10v102H82V102l-22 10-20-40z",
        "dark": "M96 48l24 26 24-26M120 74v36M82 190h76",
    },
    "shirt": {
        "fill": "M90 42h60l44 24 14 112-26 4-16-74v100H74V108l-16 74-26-4 14-112z",
        "dark": "M96 42l24 26 24-26M120 68v140M120 92h.5M120 118h.5M120 144h.5M120 170h.5",
    },
    "knit": {
        "fill": "M90 44c14 10 46 10 60 0l40 22 18 112-30 4-14-70v94H76v-94l-14 70-30-4L50 66z",
        "dark": "M94 46c14 16 38 16 52 0M76 192h88M32 170l30 6M208 170l-30 6",
    },
    "hoodie": {
        "fill": "M86 54c6-28 62-28 68 0l38 16 16 108-30 4-14-70v94H76v-94l-14 70-30-4L48 70z",
        "dark": "M90 56c4 30 56 30 60 0M104 80v30M136 80v30M90 150h60l12 34H78z",
    },
    "jacket": {
        "fill": "M88 42h64l42 22 14 114-28 4-14-74v98H74v-98l-14 74-28-4L46 64z",
        "dark": "M120 52v154M88 42l32 34 32-34M88 140h20M132 140h20",
    },
    "coat": {
        "fill": "M90 34h60l40 20 14 118-26 4-14-72 10 110H66l10-110-14 72-26-4L50 54z",
        "dark": "M120 60v154M92 34l28 40 28-40M84 146h22M134 146h22M132 98h.5M132 124h.5",
    },
    "dress": {
        "fill": "M96 34l12 14h24l12-14 10 6-4 56 34 112H56l34-112-4-56z",
        "dark": "M88 98h64M108 98l-18 110M132 98l18 110",
    },
    "skirt": {"fill": "M86 60h68l38 132H48z", "dark": "M84 74h72M104 74l-16 118M136 74l16 118"},
    "trousers": {"fill": _LEGS, "dark": "M76 58h88M120 58v42M96 60l-10 142M144 60l10 142"},
    "jeans": {"fill": _LEGS, "dark": "M76 56h88M120 56v46M84 62q4 20 22 18M156 62q-4 20-22 18"},
    "leggings": {"fill": "M84 36h72l2 60-12 112h-20l-6-96-6 96H94L82 96z", "dark": "M82 54h76M120 54v58"},
    "shorts": {"fill": "M74 64h92l14 96h-50l-10-44-10 44H60z", "dark": "M72 82h96M120 82v34"},
    "socks": {
        "fill": "M84 36h40v92l34 40c14 18-16 42-36 24l-38-42z",
        "dark": "M84 52h40M84 62h40M150 192q-6-16 6-26",
    },
    "sneaker": {
        "fill": "M36 110c22 6 40-8 48-30l60 44 46 10c18 4 18 26 14 38H36z",
        "dark": "M34 176h172v12H34zM96 96l-14 16M112 108l-14 16M128 120l-14 14",
    },
    "boot": {
        "fill": "M84 40h60v84l44 18c18 8 18 28 16 42H84z",
        "dark": "M82 186h124v12H82zM84 62h60M112 80h32M112 100h32",
    },
    "sandal": {"fill": "M34 160c60-4 110-14 172 4v20H34z", "dark": "M70 160q30-64 70-2M120 158q30-40 54-2M34 186h172v8H34z"},
    "bag": {"fill": "M56 96h128l14 104H42z", "dark": "M88 104V80c0-44 64-44 64 0v24M50 124h140"},
    "backpack": {
        "fill": "M70 84c0-56 100-56 100 0v104c0 14-10 20-20 20H90c-10 0-20-6-20-20z",
        "dark": "M104 42v-14h32v14M70 104h100M88 140h64v44H88zM88 154h64",
    },
    "cap": {"fill": "M60 132c0-72 120-72 120 0 30 4 42 16 42 26-34-14-90-14-162-6z", "dark": "M120 78v54M60 134c40-10 80-10 120-2"},
    "scarf": {"fill": "M78 44c30 20 54 20 84 0l10 40c-36 22-68 22-104 0zM92 92l40 6-14 110H80z", "dark": "M84 190h34M82 200h36M94 60q26 14 52 0"},
    "mat": {"fill": "M44 84h120v84H44zM164 84a42 42 0 1 1 0 84z", "dark": "M164 104a22 22 0 1 1 0 44M44 100h120M44 152h120"},
    "dumbbell": {"fill": "M40 84h24v72H40zM68 72h24v96H68zM148 72h24v96h-24zM176 84h24v72h-24z", "dark": "M92 112h56v16H92z"},
    "bottle": {"fill": "M92 82c0-14 10-18 14-22h28c4 4 14 8 14 22v116c0 8-6 12-12 12h-32c-6 0-12-4-12-12z", "dark": "M102 34h36v22h-36zM92 120h56M92 160h56"},
    "ball": {"fill": "M120 44a76 76 0 1 1 0 152 76 76 0 1 1 0-152z", "dark": "M120 44v152M44 120h152M66 66q54 54 108 0M66 174q54-54 108 0"},
    "racket": {"fill": "M120 32c40 0 52 44 44 76-6 26-26 36-36 44v56h-16v-56c-10-8-30-18-36-44-8-32 4-76 44-76z", "dark": "M120 44v92M98 50v80M142 50v80M84 74h72M82 98h76M90 120h60M112 162h16"},
    "tent": {"fill": "M120 56l92 132H28z", "dark": "M120 56v132M120 100l-34 88M120 100l34 88M20 188h200"},
    "cushion": {"fill": "M58 62c40 10 84 10 124 0 -10 40-10 76 0 116-40-10-84-10-124 0 10-40 10-76 0-116z", "dark": "M74 80q46 10 92 0M74 160q46-10 92 0"},
    "throw": {"fill": "M52 60h120v120H52z", "dark": "M172 60l22 20v120H74l-22-20M52 90h120M52 120h120M52 150h120"},
    "bedding": {"fill": "M30 112h180v70H30zM48 78h64v34H48zM128 78h64v34h-64z", "dark": "M30 136h180M30 182v16M210 182v16"},
    "towel": {"fill": "M74 40h92v164H74z", "dark": "M74 172h92M74 182h92M104 40v164"},
    "mug": {"fill": "M66 76h84v104c0 10-8 18-18 18H84c-10 0-18-8-18-18z", "dark": "M150 100c46-8 46 66 0 58M66 94h84"},
    "plate": {"fill": "M120 54c56 0 92 30 92 66s-36 66-92 66-92-30-92-66 36-66 92-66z", "dark": "M120 84c34 0 56 16 56 36s-22 36-56 36-56-16-56-36 22-36 56-36z"},
    "vase": {"fill": "M100 40h40l-6 34c34 20 40 56 30 84-8 26-24 42-24 46h-40c0-4-16-20-24-46-10-28-4-64 30-84z", "dark": "M98 54h44M74 124q46 16 92 0"},
    "candle": {"fill": "M80 92h80v100c0 8-6 12-12 12H92c-6 0-12-4-12-12z", "dark": "M120 92V70M120 68q-12-14 0-32 12 18 0 32M80 128h80M80 168h80"},
    "lamp": {"fill": "M88 44h64l30 76H58z", "dark": "M120 120v70M84 200h72M120 190v10"},
    "rug": {"fill": "M50 60h140v120H50z", "dark": "M66 76h108v88H66zM50 48v12M80 48v12M110 48v12M140 48v12M170 48v12M60 180v12M90 180v12M120 180v12M150 180v12M180 180v12"},
    "chair": {"fill": "M76 36h88v84H76zM66 120h108v24H66z", "dark": "M76 144v62M164 144v62M92 52h56M92 72h56M92 92h56"},
    "table": {"fill": "M28 92h184v20H28z", "dark": "M46 112l-10 92M194 112l10 92M36 150h168"},
    "tea": {"fill": "M72 70h96v130H72z", "dark": "M72 70l14-22h68l14 22M72 100h96M72 150h96M108 114q12 22 24 0"},
}  # fmt: skip


def file_name(shape: str, color: str) -> str:
    return f"{shape}-{color}.svg"


def url_path(shape: str, color: str) -> str:
    """Where the picture stands below MEDIA_URL."""
    return f"{FOLDER}/{file_name(shape, color)}"


def draw(shape: str, color: str) -> str:
    """The silhouette filled with `color` (#rrggbb) on a plain ground."""
    paths = SHAPES[shape]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" role="img">'
        '<rect width="240" height="240" fill="#f1efec"/>'
        f'<path d="{paths["fill"]}" fill="{color}" stroke="#2b2b2b" stroke-opacity=".35" stroke-width="2"/>'
        f'<path d="{paths["dark"]}" fill="none" stroke="#000" stroke-opacity=".45" stroke-width="4"'
        ' stroke-linecap="round" stroke-linejoin="round"/></svg>\n'
    )


def write_pictures(root: Path, wanted: Iterable[tuple[str, str, str]]) -> int:
    """Write each (shape, colour name, #rrggbb) below `root` unless it is there. Returns how many were new."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(folder / file_name(shape, name), draw(shape, rgb)) for shape, name, rgb in wanted]
    missing = [(path, text) for path, text in missing if not path.exists()]
    for path, text in missing:
        path.write_text(text)
    return len(missing)
