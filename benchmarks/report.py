"""The race's results as Markdown: a table a job, the floors, and the targets with what was reached.

    python benchmarks/report.py race-1.json race-3.json --out race

joins races of different jobs, each run by itself, into one report.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import Summary, summary
from peers import FILES, ORIGINAL, PACK

Row = dict[str, Any]
MIB = 1 << 20
MOST_LOAD, MOST_BUSY = 1.2, 0.3
"""A race that begins at a higher load, or where others use more cores before a tenth of its runs, was not alone."""

DALI, DALI_NPY = "DALI CPU, gray labels", "DALI CPU, .npy labels"
FFCV, FUSED = "FFCV raw", "FFCV raw, fused by hand"
TORCHVISION, ALBUMENTATIONS = "torch + torchvision v2", "torch + albumentations"
CHAPTER = "chapter"


# -- numbers of a row ----------------------------------------------------------------------------------------


def rate(row: Row) -> Summary:
    """Images a second over all measured epochs of all runs."""
    return summary(r for run in row["runs"] for r in run["rates"])


def cpu(row: Row) -> Summary:
    """CPU milliseconds an image, likewise."""
    return summary(c for run in row["runs"] for c in run["cpu_ms"])


def first_batch(row: Row, which: str = "runs") -> Summary:
    """Seconds from the end of the imports to the first batch."""
    return summary(run["first_batch_s"] for run in row[which])


def floor(job: Row, name: str) -> float | None:
    """CPU milliseconds an image of one floor, the median of the rounds."""
    values = [f["floors"][name]["cpu_ms"] for f in job["floors"] if name in f["floors"]]
    return statistics.median(values) if values else None


# -- tables --------------------------------------------------------------------------------------------------


def markdown(document: dict[str, Any]) -> str:
    """The whole report."""
    machine, options = document["machine"], document["options"]
    lines = [
        "# The race",
        "",
        f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']} MB, "
        f"{machine['system']}, Python {machine['python']}. {options['threads']} threads or workers a loader, "
        f"{options['repeats']} rounds of {options['epochs']} measured epochs, peers in turns, each run its own "
        f"process. The machine: {loads(document)}.",
        "",
        "Images/s: median of all measured epochs (smallest to largest). CPU: user and system time of all "
        "processes. First batch: after the imports, whose time stands behind the +. Memory: peak of the "
        "processes' proportional size (PSS), in brackets the part that is not pages of mapped files. Pixels: a "
        "batch of the first and one of the second epoch against Pillow and NumPy.",
        "",
    ]
    for number, job in document["jobs"].items():
        images = document["data"]["images"]
        count = images.get(number, images.get(str(number)))
        lines += [f"## Job {number}: {job['title']} ({count} images in the list)", "", *table(job), ""]
        lines += [*floor_table(job), ""]
    lines += ["## Targets", "", *target_table(document["jobs"]), "", "## Versions", ""]
    lines += [
        f"- {name}: {', '.join(f'{k} {v}' for k, v in found.items())}" for name, found in document["versions"].items()
    ]
    if document["absent"]:
        lines += ["", "## Absent", "", *(f"- {name}: {why}" for name, why in document["absent"].items())]
    return "\n".join(lines) + "\n"


def loads(document: dict[str, Any]) -> str:
    """The load before the race, what others used before each run, and whether that forbids to publish the numbers."""
    before = document["machine"]["load"]
    rows = [row for job in document["jobs"].values() for row in job["peers"].values()]
    busy = [run["busy"] for row in rows for run in row["runs"] if run.get("busy") is not None]
    text = f"load {before} before the race" + (f", others used {min(busy)} to {max(busy)} cores" if busy else "")
    shared = before > MOST_LOAD or sum(b > MOST_BUSY for b in busy) > len(busy) / 10
    return text + ("; **the machine was shared: these numbers are not to be published**" if shared else "")


def table(job: Row) -> list[str]:
    """One row a peer, fastest first."""
    raced = {name: row for name, row in job["peers"].items() if row["runs"]}
    cold = any(row["cold"] for row in raced.values())
    head = [
        "loader",
        "images/s",
        "pack is",
        "files are",
        "CPU ms/image",
        "first batch s",
        "peak MB",
        "prepared in s",
        "pixels",
    ]
    if cold:
        head[6:6] = ["cold first batch s", "cold first epoch s"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, row in sorted(raced.items(), key=lambda item: -rate(item[1]).median):
        r, c, first = rate(row), cpu(row), first_batch(row)
        imported = statistics.median(run["import_s"] for run in row["runs"])
        cells = [
            name,
            f"**{r.median:,.0f}** ({r.low:,.0f} to {r.high:,.0f})",
            times(raced, PACK, r.median),
            times(raced, FILES, r.median),
            f"{c.median:.2f} ({c.low:.2f} to {c.high:.2f})",
            f"{first.median:.2f} (+{imported:.1f})",
            f"{megabytes(row['peak'])} ({megabytes(row['peak_anonymous'])})",
            f"{row['prepare_s']:.0f}" if row["prepare_s"] >= 0.5 else "",
            row["pixels"] if row["right"] else f"**WRONG**: {row['pixels']}",
        ]
        if cold:
            epochs = [run["first_epoch_s"] for run in row["cold"]]
            cells[6:6] = [f"{first_batch(row, 'cold').median:.2f}", f"{statistics.median(epochs):.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def times(rows: dict[str, Row], ours: str, other: float) -> str:
    return f"{rate(rows[ours]).median / other:.2f}x" if ours in rows else ""


def megabytes(size: int | None) -> str:
    return "not known" if size is None else f"{size / MIB:,.0f}"


def floor_table(job: Row) -> list[str]:
    """What the job cannot do without: CPU and wall milliseconds an image."""
    if not job["floors"]:
        return []
    first = job["floors"][0]
    lines = [
        f"Floors ({first['threads']} threads). Bytes an image that must move: {first['bytes']['read_files']:,} "
        f"read from files, or {first['bytes']['read_window']:,} of a window; {first['bytes']['written']:,} written.",
        "",
        "| floor | CPU ms/image | images/s |",
        "|---|---|---|",
    ]
    for name in first["floors"]:
        walls = [f["floors"][name]["wall_ms"] for f in job["floors"]]
        lines.append(f"| {name} | {floor(job, name):.3f} | {1000 / statistics.median(walls):,.0f} |")
    return lines


# -- targets -------------------------------------------------------------------------------------------------


def target_table(jobs: dict[Any, Row]) -> list[str]:
    """Every target whose job was raced: what was asked, what was reached."""
    lines = ["| target | asked | reached | |", "|---|---|---|---|"]
    by_number = {int(n): job for n, job in jobs.items()}
    for number, text, asked, value in TARGETS:
        if number not in by_number:
            continue
        reached = value(by_number[number])
        if reached is None:
            lines.append(f"| {text} | {asked} | not measured | |")
            continue
        limit = float(asked.split()[-1].rstrip("sx"))
        met = reached >= limit if asked.startswith("at least") else reached <= limit
        unit = asked[-1]
        lines.append(f"| {text} | {asked} | {reached:.2f}{unit} | {'met' if met else '**missed**'} |")
    return lines


Measure = Callable[[Row], float | None]


def faster(ours: str, other: str) -> Measure:
    """How many times as many images a second as the fastest peer whose name begins with `other`; an equal
    name wins."""

    def value(job: Row) -> float | None:
        rows = {n: row for n, row in job["peers"].items() if row["runs"] and row["right"]}
        rivals = [rows[other]] if other in rows else [row for n, row in rows.items() if n.startswith(other)]
        if ours not in rows or not rivals:
            return None
        return rate(rows[ours]).median / max(rate(row).median for row in rivals)

    return value


def fastest(ours: str, prefix: str) -> Measure:
    """The same against the best form of a peer."""

    def value(job: Row) -> float | None:
        found = [faster(ours, name)(job) for name in job["peers"] if name.startswith(prefix)]
        return min((f for f in found if f is not None), default=None)

    return value


def cpu_over(ours: str, *floors: str) -> Measure:
    """CPU an image over the sum of floors."""

    def value(job: Row) -> float | None:
        parts = [floor(job, name) for name in floors]
        row = job["peers"].get(ours)
        if not row or not row["runs"] or any(p is None for p in parts):
            return None
        return cpu(row).median / sum(p for p in parts if p is not None)

    return value


def sooner(ours: str, prefix: str, which: str) -> Measure:
    """How many times sooner the first batch comes than that of the quickest form of a peer."""

    def value(job: Row) -> float | None:
        rows = {n: row for n, row in job["peers"].items() if row["runs"]}
        rivals = [first_batch(row, which).median for n, row in rows.items() if n.startswith(prefix)]
        return min(rivals) / first_batch(rows[ours], which).median if ours in rows and rivals else None

    return value


def memory_against(ours: str, prefix: str) -> Measure:
    """Peak memory over that of the leanest form of a peer."""

    def value(job: Row) -> float | None:
        peaks = [row["peak"] for n, row in job["peers"].items() if n.startswith(prefix) and row["peak"]]
        row = job["peers"].get(ours)
        return row["peak"] / min(peaks) if row and row["peak"] and peaks else None

    return value


def seconds_to_first(ours: str) -> Measure:
    def value(job: Row) -> float | None:
        row = job["peers"].get(ours)
        return first_batch(row).median if row and row["runs"] else None

    return value


FILL, JPEG, PNG = "fill the output", "decode the JPEG (simplejpeg)", "decode the PNG (pixelwise)"

# (job, what, asked, how it is computed)
TARGETS: list[tuple[int, str, str, Measure]] = [
    (1, f"files against {DALI_NPY}", "at least 1.7x", faster(FILES, DALI_NPY)),
    (1, f"files against {DALI}", "at least 2x", faster(FILES, DALI)),
    (1, f"files against {TORCHVISION}", "at least 3x", faster(FILES, TORCHVISION)),
    (1, f"files against the best {ALBUMENTATIONS}", "at least 2x", fastest(FILES, ALBUMENTATIONS)),
    (1, "CPU of files over decoding alone", "at most 0.75x", cpu_over(FILES, JPEG, PNG)),
    (1, f"pack against {FFCV}", "at least 6x", faster(PACK, FFCV)),
    (1, f"pack against {FUSED}", "at least 1.8x", faster(PACK, FUSED)),
    (1, f"pack against {DALI}", "at least 10x", faster(PACK, DALI)),
    (1, "CPU of the pack over filling the output", "at most 2x", cpu_over(PACK, FILL)),
    (1, "first batch from files, after import", "at most 0.5s", seconds_to_first(FILES)),
    (1, "first batch from the pack, after import", "at most 0.5s", seconds_to_first(PACK)),
    (2, f"pack against {FFCV}, uint8", "at least 5x", faster(PACK, FFCV)),
    (3, f"pack against {FFCV} with its own resize", "at least 3x", faster(PACK, FFCV)),
    (3, f"files against {DALI_NPY}, scale and flip", "at least 1.4x", faster(FILES, DALI_NPY)),
    (3, f"pack against {DALI}, scale and flip", "at least 5x", faster(PACK, DALI)),
    (3, f"pack against {TORCHVISION}, scale and flip", "at least 8x", faster(PACK, TORCHVISION)),
    (4, f"pack against {TORCHVISION}, large images", "at least 20x", faster(PACK, TORCHVISION)),
    (4, f"files against {DALI_NPY}, large images", "at least 1.6x", faster(FILES, DALI_NPY)),
    (4, "CPU of files over decoding alone, large images", "at most 0.5x", cpu_over(FILES, JPEG, PNG)),
    (4, f"pack of original bytes against {DALI_NPY}, large images", "at least 2.2x", faster(ORIGINAL, DALI_NPY)),
    (5, "first batch from files against the chapter, warm", "at least 10x", sooner(FILES, CHAPTER, "runs")),
    (5, "first batch from files against the chapter, cold", "at least 10x", sooner(FILES, CHAPTER, "cold")),
    (5, "peak memory from files over the chapter's", "at most 0.1x", memory_against(FILES, CHAPTER)),
    (5, "images/s from files against the chapter", "at least 1x", fastest(FILES, CHAPTER)),
    (5, "images/s from the pack against the chapter", "at least 5x", fastest(PACK, CHAPTER)),
    (6, f"files against {DALI_NPY}, DeepLab's recipe", "at least 1.4x", faster(FILES, DALI_NPY)),
]


def join(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One document with the jobs of all; the machine is that of the first, a job that comes twice that of the last."""
    highest = max(document["machine"]["load"] for document in documents)
    joined = {**documents[0], "jobs": {}, "versions": {}, "absent": {}, "data": {**documents[0]["data"], "images": {}}}
    joined["machine"] = {**documents[0]["machine"], "load": highest}
    for document in documents:
        joined["jobs"] |= {int(number): job for number, job in document["jobs"].items()}
        joined["data"]["images"] |= {int(number): count for number, count in document["data"]["images"].items()}
        joined["versions"] |= document["versions"]
        joined["absent"] |= document["absent"]
    joined["jobs"] = dict(sorted(joined["jobs"].items()))
    rounds = sorted({(d["options"]["repeats"], d["options"]["epochs"]) for d in documents})
    joined["options"] = {
        **documents[0]["options"],
        "repeats": " or ".join(dict.fromkeys(str(r) for r, _ in rounds)),
        "epochs": " or ".join(dict.fromkeys(str(e) for _, e in rounds)),
    }
    return joined


def main() -> None:
    """Join the results of several races."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("results", type=Path, nargs="+", help="JSON files that race.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="writes OUT.json and OUT.md")
    options = parser.parse_args()
    joined = join([json.loads(path.read_text()) for path in options.results])
    options.out.with_suffix(".json").write_text(json.dumps(joined, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(markdown(joined))


if __name__ == "__main__":
    main()
