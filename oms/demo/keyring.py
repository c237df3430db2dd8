"""The demo's API keys in a file of their own, so that they can be shown and used again at each start."""

import json
from pathlib import Path
from typing import NamedTuple


class Keys(NamedTuple):
    """`visitor`: for whoever tries the API; the others are the programs that make the demo move."""

    visitor: str
    web: str
    marketplace: str
    stores: str


def _file(home: Path) -> Path:
    return home / "demo-keys.json"


def read_keys(home: Path) -> Keys | None:
    """None before the first start."""
    path = _file(home)
    return Keys(**json.loads(path.read_text())) if path.exists() else None


def write_keys(home: Path, keys: Keys) -> None:
    """For the owner's eyes only."""
    path = _file(home)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(keys._asdict(), indent=1) + "\n")
