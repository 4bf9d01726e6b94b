"""pack and verify on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import pixelwise as pw
from pixelwise.cli import app
from tests.support.packing import voc_tree

runner = CliRunner()


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return voc_tree(tmp_path / "VOC2012")


def test_pack_and_verify(voc: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.pack"
    done = runner.invoke(app, ["pack", str(voc), str(out), "--split", "train", "--split", "val", "--threads", "2"])
    assert done.exit_code == 0, done.output
    assert "splits train 6, val 4" in done.output
    assert list(pw.open(out).splits) == ["train", "val"]
    done = runner.invoke(app, ["verify", str(out), "--check-source"])
    assert done.exit_code == 0, done.output
    assert "every record is as it was packed" in done.output


def test_damage_is_printed_and_exits_1(voc: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.pack"
    runner.invoke(app, ["pack", str(voc), str(out), "--encoding", "original"])
    (shard,) = out.glob("*/shard-*.arrow")
    data = bytearray(shard.read_bytes())
    data[5000] ^= 1
    shard.write_bytes(data)
    done = runner.invoke(app, ["verify", str(out)])
    assert done.exit_code == 1
    assert "[record-crc]" in done.output.replace("\n", "")
    assert "1 problem" in done.output
    done = runner.invoke(app, ["pack", str(voc), str(out), "--encoding", "original", "--overwrite"])
    assert done.exit_code == 0, done.output
    assert runner.invoke(app, ["verify", str(out)]).exit_code == 0


def test_wrong_use_is_the_callers(voc: Path, tmp_path: Path) -> None:
    for arguments, code in ((["--encoding", "zip"], "bad-argument"), (["--split", "none"], "unknown-split")):
        done = runner.invoke(app, ["pack", str(voc), str(tmp_path / "a.pack"), *arguments])
        assert isinstance(done.exception, pw.UsageError)
        assert done.exception.code == code
