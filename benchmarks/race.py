"""The race: pixelwise and every installed peer on the same jobs, in turns, pixels checked.

    python benchmarks/race.py --jobs 1,2,3,4,5,6 --repeats 3 --epochs 4 --out benchmarks/results/race

Each run is a process of its own, in the interpreter that the peer's group is given (--peers, --python). A
round runs every peer once; rounds are repeated and rotated, so that a slow minute of the machine hits all
alike. Before the rounds each peer delivers batches that verify.py judges, and its memory is watched, in runs
that are not timed. A peer that cannot run is listed with the reason. The results go to OUT.json and OUT.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import harness
import numpy as np
import report
import verify
from jobs import JOBS, Data, Job, check_data_of, data_of, prepare
from peers import PEERS, Peer

HERE = Path(__file__).resolve().parent
MARK = "RESULT "
COLD_JOB = 5  # the job that is also run with the data's files dropped from the page cache


class RunError(Exception):
    """A run ended without a result; says why in one line."""


@dataclass
class Race:
    """The options of one race, and how a run is started."""

    data: dict[str, Path]
    interpreters: dict[str, str]
    threads: int
    epochs: int
    timeout: float
    absent: dict[str, str] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    def run(self, peer: Peer, *options: str, watch: bool = False) -> dict[str, Any]:
        """One process of runner.py; its result, with peak memory in bytes where `watch`. RunError
        otherwise."""
        python = self.interpreters.get(peer.group, sys.executable)
        name = f"{peer.module}:{peer.variant}" if peer.variant else peer.module
        with tempfile.TemporaryFile("w+") as errors:
            try:
                child = subprocess.Popen(
                    [python, str(HERE / "runner.py"), name, *options],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env=harness.child_environment(**peer.environment),
                    start_new_session=True,  # so that whatever it starts can be ended with it
                )
            except OSError as error:
                raise RunError(f"{python}: {error.strerror}") from None
            try:
                if watch:
                    with harness.MemoryWatch(child.pid) as memory:
                        output, _ = child.communicate(timeout=self.timeout)
                else:
                    output, _ = child.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                raise RunError(f"took more than {self.timeout:.0f} s") from None
            finally:
                end_session(child)
            found = [line[len(MARK) :] for line in output.splitlines() if line.startswith(MARK)]
            if not found:
                errors.seek(0)
                raise RunError(last_words(errors.read()) or f"exit code {child.returncode}, nothing said")
        result: dict[str, Any] = json.loads(found[-1])
        if watch:
            result["peak"], result["peak_anonymous"] = memory.peak, memory.peak_anonymous
        return result

    def run_job(self, peer: Peer, job: Job, tree: str, *options: str, watch: bool = False) -> dict[str, Any]:
        where = ["--job", str(job.number), "--data", str(self.data[tree]), "--threads", str(self.threads)]
        return self.run(peer, *where, *options, watch=watch)

    # -- before the rounds -----------------------------------------------------------------------------------

    def probe(self, peers: list[Peer]) -> list[Peer]:
        """The peers whose libraries can be imported; the others go to `absent`."""
        present = []
        for peer in peers:
            try:
                self.versions[peer.name] = self.run(peer, "--probe")["versions"]
                present.append(peer)
            except RunError as error:
                self.absent[peer.name] = str(error)
                say(f"absent: {peer.name}: {error}")
        return present

    def examine(self, peer: Peer, job: Job) -> dict[str, Any]:
        """Prepare the peer's files, have its pixels judged, watch its memory."""
        checked, raced = check_data_of(job), data_of(job)
        seconds = self.run_job(peer, job, raced, "--prepare")["prepare_s"]
        if checked != raced:
            self.run_job(peer, job, checked, "--prepare")
        with tempfile.TemporaryDirectory() as folder:
            data = Data.load(self.data[checked])

            def verdicts_of(*options: str) -> list[verify.Verdict]:
                nonlocal seen
                seen = self.run_job(peer, job, checked, "--dump", folder, "--epochs", "1", *options, watch=True)
                plain = replace(job, jitter=0.0) if options else job
                loaded = [[np.load(f"{folder}/{what}{k}.npy") for what in ("images", "labels")] for k in (0, 1)]
                return [verify.check(plain, data, images, labels) for images, labels in loaded]

            seen: dict[str, Any] = {}
            verdicts = verdicts_of("--no-jitter") + verdicts_of() if job.jitter else verdicts_of()
        if checked != raced:
            seen = self.run_job(peer, job, raced, "--epochs", "1", watch=True)
        wrong = [v for v in verdicts if not v.right]
        return {
            "right": not wrong,
            "pixels": str((wrong or verdicts)[0]),
            "prepare_s": seconds,
            "peak": seen["peak"],
            "peak_anonymous": seen["peak_anonymous"],
        }

    # -- the rounds ------------------------------------------------------------------------------------------

    def job(self, job: Job, peers: list[Peer], repeats: int) -> dict[str, Any]:
        """The results of one job: {"floors": [...], "peers": {name: {...}}}."""
        rows: dict[str, dict[str, Any]] = {}
        for peer in [p for p in peers if job.number in p.jobs]:
            try:
                rows[peer.name] = {**self.examine(peer, job), "runs": [], "cold": []}
                say(f"job {job.number}: {peer.name}: {rows[peer.name]['pixels']}")
            except RunError as error:
                self.absent[f"{peer.name}, job {job.number}"] = str(error)
                say(f"job {job.number}: {peer.name} cannot run: {error}")
        entrants = [p for p in peers if p.name in rows]
        floors = []
        for turn in range(repeats):
            floors.append(self.floor(job))
            for peer in entrants[turn % len(entrants) :] + entrants[: turn % len(entrants)] if entrants else []:
                self.turn(peer, job, rows[peer.name])
        return {"title": job.title, "floors": [f for f in floors if f], "peers": rows}

    def turn(self, peer: Peer, job: Job, row: dict[str, Any]) -> None:
        """One timed run, added to the row; how busy the machine was before it is kept with it."""
        busy = harness.busy_cores()
        try:
            if job.number == COLD_JOB:
                row["cold"].append(self.run_job(peer, job, data_of(job), "--cold", "--epochs", "0"))
            run = self.run_job(peer, job, data_of(job), "--epochs", str(self.epochs))
        except RunError as error:
            row.setdefault("failures", []).append(str(error))
            say(f"job {job.number}: {peer.name} failed: {error}")
            return
        row["runs"].append({**run, "busy": busy})
        say(f"job {job.number}: {peer.name}: {harness.summary(run['rates'])} images/s (others use {busy} cores)")

    def floor(self, job: Job) -> dict[str, Any] | None:
        """floor.py in its own process; None where it cannot run."""
        command = [sys.executable, str(HERE / "floor.py"), "--job", str(job.number), "--json"]
        command += ["--data", str(self.data[data_of(job)]), "--threads", str(self.threads)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            say(f"no floors: {last_words(done.stderr)}")
            return None
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def end_session(child: subprocess.Popen[str]) -> None:
    """End the run's process and everything that it started and left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def last_words(text: str) -> str:
    """The line of a traceback that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if line.split(":")[0].endswith(("Error", "Exception", "Fault"))]
    return (named or lines or [""])[-1][:300]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def interpreters(file: Path | None, pairs: list[str]) -> dict[str, str]:
    """{group: python} from peers.toml, as install_peers.py writes it, and --python GROUP=PATH."""
    found = tomllib.loads(file.read_text())["python"] if file else {}
    for pair in pairs:
        group, _, path = pair.partition("=")
        found[group] = path
    return found


def find_root(given: Path | None, work: Path) -> Path:
    """The VOC2012 folder to race on: the given one, the shared real files, or a sample dataset made now."""
    shared = HERE.parents[1] / "shared/data/VOCdevkit/VOC2012"
    if given or shared.is_dir():
        return given or shared
    import pixelwise as pw

    made = work / "sample"
    if not made.exists():
        with tempfile.TemporaryDirectory() as painted:  # as VOC stores labels: the sample has some in RGB
            pw.convert(pw.sample(painted, 300, seed=0), made, "voc")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", default="1,2,3,4,5,6", help="numbers, with commas")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--epochs", type=int, default=4, help="measured epochs a run, after one that warms up")
    parser.add_argument("--threads", type=int, default=2, help="threads or worker processes of each loader")
    parser.add_argument("--only", help="peers whose name contains one of these, with commas")
    parser.add_argument(
        "--root", type=Path, help="a VOC2012 folder; default: real files if they are here, else a sample"
    )
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "pixelwise-race", help="derived data"
    )
    parser.add_argument("--copies", type=int, default=4, help="how often each training image appears in the list")
    parser.add_argument("--peers", type=Path, default=os.environ.get("PIXELWISE_PEERS"), help="peers.toml")
    parser.add_argument("--python", action="append", default=[], metavar="GROUP=PATH", help="interpreter of a group")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one run may take")
    parser.add_argument("--out", type=Path, help="writes OUT.json and OUT.md; default: the table on standard output")
    args = parser.parse_args()
    root = find_root(args.root, args.work)
    numbers = [int(n) for n in args.jobs.split(",")]
    trees = {tree for n in numbers for tree in (data_of(JOBS[n]), check_data_of(JOBS[n]))}
    data = prepare(root, args.work, sorted(trees), copies=args.copies)
    race = Race(data, interpreters(args.peers, args.python), args.threads, args.epochs, args.timeout)
    wanted = [w.strip() for w in args.only.split(",")] if args.only else [""]
    peers = race.probe([p for p in PEERS if any(w in p.name for w in wanted)])
    jobs = {n: race.job(JOBS[n], peers, args.repeats) for n in numbers}
    document = {
        "machine": harness.machine(),
        "versions": race.versions,
        "absent": race.absent,
        "data": {
            "root": root.name,
            "images": {n: len(Data.load(data[data_of(JOBS[n])]).names) for n in jobs},
        },
        "options": {
            "threads": args.threads,
            "epochs": args.epochs,
            "repeats": args.repeats,
            "copies": args.copies,
        },
        "jobs": jobs,
    }
    text = report.markdown(document)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
        args.out.with_suffix(".md").write_text(text)
        say(f"wrote {args.out.with_suffix('.json')} and {args.out.with_suffix('.md')}")
    else:
        print(text)


if __name__ == "__main__":
    main()
