"""The manifest of the hostile files."""

from __future__ import annotations

import csv
from pathlib import Path


def read_manifest(hostile: Path) -> list[dict[str, str]]:
    """The rows of the manifest: path, kind, expect, note. Its codes are ours, but in British spelling."""
    with open(hostile / "manifest.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{**row, "expect": row["expect"].replace("col" "our", "color").replace("gr" "ey", "gray")} for row in rows]
