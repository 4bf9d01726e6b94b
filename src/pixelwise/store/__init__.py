"""The packed store, read: a manifest, an index in memory, shards mapped into memory. docs/pack.md is its format."""

from .changes import changed, look, stale_files
from .manifest import FORMAT, MANIFEST, VERSION, FileEntry, Manifest, ShardEntry, SplitEntry, read_manifest
from .source import PackSource
from .tables import Index, checksum, read_table
from .volume import Volume, load_volume, open_volume, shard_problems

__all__ = [
    "FORMAT",
    "MANIFEST",
    "VERSION",
    "FileEntry",
    "Index",
    "Manifest",
    "PackSource",
    "ShardEntry",
    "SplitEntry",
    "Volume",
    "changed",
    "checksum",
    "load_volume",
    "look",
    "open_volume",
    "read_manifest",
    "read_table",
    "shard_problems",
    "stale_files",
]
