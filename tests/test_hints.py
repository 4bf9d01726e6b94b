"""Mistakes, and what is said about them: wrong kinds of arguments, wrong names, names from other libraries."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.dataset.splits import Splits
from pixelwise.errors import MissingExtraError, PixelwiseError, UsageError
from pixelwise.hints import _foreign, answering

BAD: dict[str, Any] = {
    "None": None, "3": 3, "x": "x", "path": Path("nowhere"), "array": np.zeros((2, 3)), "object": object(), "[]": [],
    "-1.5": -1.5, "dict": {"a": 1},
}  # fmt: skip
"""What no argument wants, or only a few."""
VALUES = {"Sample", "Batch", "Window", "Plan", "Plans", "Finding", "Findings", "Stats", "Scores", "Scoring",
          "Prediction", "Submission", "Verification", "Picture", "Dataset", "Split", "ClassIndex"}  # fmt: skip
"""What pixelwise makes: users get these, and seldom call their classes."""


def image() -> np.ndarray:
    return np.zeros((20, 30, 3), np.uint8)


def split() -> pw.Split:
    labels = [np.full((20, 30), k, np.uint8) for k in (0, 1, 1)]
    return pw.Split("train", pw.ClassTable(("road", "car")), pw.ArraySource([image()] * 3, labels))


def confusion() -> pw.Confusion:
    found = pw.Confusion(2, per_image=True)
    for k, one in enumerate(split()):
        found.update(one.label, one.label, names=str(k))
    return found


def model(images: Any) -> Any:
    return np.zeros((len(images), 2, *images.shape[2:]), np.float32)


def calls(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Arguments of each public function with which it works."""
    data = split()
    counts = pw.count_classes(data)[:, :-1]
    label = np.zeros((20, 30), np.uint8)
    demo = pw.sample(folder / "demo", count=4, seed=0)
    pack = pw.pack(demo, folder / "demo.pack").root
    return {
        "check": (data,), "ClassTable": (("a", "b"),), "voc_colormap": (3,), "class_index": (data,),
        "count_classes": (data,), "stats": (data,), "concat": ([pw.open(demo)],),
        "ArraySource": ([image()], [label]), "download": ("voc2012", folder), "show": (data, 1),
        "show_plans": (data, [pw.CenterCrop(4)], 1), "predict": (model, data, folder / "predictions"),
        "score": (folder / "predictions", data), "submit": (folder / "predictions", data, folder / "a.zip"),
        "Tiling": (16,), "convert": (data, folder / "converted"), "open": (demo,), "Loader": (data, 1),
        "RareClassSampling": (counts,), "RepeatFactor": (counts,), "bootstrap": (confusion(),),
        "paired_bootstrap": (confusion(), confusion()), "BoundaryConfusion": (2,), "trimap": (label, 3),
        "compare_protocols": (confusion(),), "Confusion": (2,), "verify": (pack,), "pack": (data, folder / "a.pack"),
        "sample": (folder / "painted",), "RandomClassCrop": (pw.class_index(data), 4), "Apply": (lambda i, m: (i, m),),
        "from_albumentations": (lambda image, mask: {"image": image, "mask": mask},), "Pad": (2,),
        "to_huggingface": (data,),
        "CopyPaste": ([1],), "Normalize": (), "ColorJitter": (), "RandomErasing": (), "GaussianBlur": (3,),
    }  # fmt: skip


NAMES = [name for name in pw.__all__ if callable(getattr(pw, name)) and name not in VALUES | {"Transform"}
         and not (isinstance(getattr(pw, name), type) and issubclass(getattr(pw, name), (Exception,)))]  # fmt: skip


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    return calls(tmp_path_factory.mktemp("mistakes"))


def mistakes(function: Callable[..., Any], args: tuple[Any, ...]) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Calls of the function with one argument that is wrong."""
    parameters = [p for n, p in inspect.signature(function).parameters.items() if n != "self"]
    kept = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    required = [p for p in kept if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]
    given = list(args) or [4] * len(required)
    for name, bad in BAD.items():
        for k, parameter in enumerate(kept):
            if k < len(given):
                yield f"{parameter.name}={name}", [*given[:k], bad, *given[k + 1 :]], {}
            else:
                yield f"{parameter.name}={name}", given, {parameter.name: bad}


@pytest.mark.filterwarnings("ignore::pixelwise.PixelwiseWarning")
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_kind_of_argument_is_no_bare_error(
    name: str, working: dict[str, tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXELWISE_OFFLINE", "1")
    function = getattr(pw, name)
    bad = []
    for what, args, options in mistakes(function, working.get(name, ())):
        if name == "download" and "name" not in what:
            continue  # it would begin
        try:
            with suppress(PixelwiseError):
                function(*args, **options)
        except Exception as error:
            bad.append(f"{name}({what}): {type(error).__name__}: {error}")
    assert not bad, "\n".join(bad)


# -- two hundred mistakes ---------------------------------------------------------------------------------------


def world(folder: Path) -> dict[str, Any]:
    """What the mistakes of the table are made with."""
    train = pw.Split("train", split().classes, pw.ArraySource([image()] * 3, [one.label for one in split()],
                                                              names=["scene00", "scene01", "scene02"]))  # fmt: skip
    bare = pw.Split("bare", pw.VOC, pw.ArraySource([image()] * 3))
    data = pw.Dataset(folder, "arrays", train.classes, Splits({"train": lambda: train, "val": lambda: train[:1]}))
    demo = pw.sample(folder / "demo", count=2, seed=0)
    with tarfile.open(folder / "VOCtrainval.tar", "w") as archive:
        archive.add(demo)
    (folder / "empty").mkdir()
    loader = pw.Loader(train, 2)
    return {
        "np": np, "loader": loader, "batch": next(iter(loader)), "sample": train[0],
        "pw": pw, "train": train, "data": data, "unlabeled": bare, "confusion": confusion(), "stats": pw.stats(train),
        "here": folder / "empty", "demo": demo, "archive": folder / "VOCtrainval.tar",
    }  # fmt: skip


MISTAKES = re.findall(r"(?m)^(\S.*)\n    (\S.*)$", (Path(__file__).parent / "support/mistakes.txt").read_text("utf-8"))
"""What is written, and what is said. A message that ends with "..." continues."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("world")
    return folder, world(folder)


def test_there_are_two_hundred() -> None:
    assert len(MISTAKES) >= 200
    assert len({mistake for mistake, _ in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[mistake for mistake, _ in MISTAKES])
def test_a_mistake_is_met_with_the_answer(
    mistake: str, message: str, made: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made[0])
    with pytest.raises((PixelwiseError, AttributeError, ImportError, IndexError)) as caught:
        exec(mistake, dict(made[1]))
    kind, said = type(caught.value).__name__, str(caught.value)
    assert "\n" not in said
    expected = message.removesuffix("...")
    assert f"{kind}: {said}"[: len(expected) if message.endswith("...") else None] == expected


def test_a_property_that_fails_says_its_own_error() -> None:
    """And is not called an attribute that is missing."""

    @answering
    class Broken:
        @property
        def size(self) -> int:
            return [].length  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError, match="'list' object has no attribute 'length'"):
        _ = Broken().size
    with pytest.raises(AttributeError, match="Broken has no attribute 'siz'; did you mean 'size'"):
        Broken().siz  # type: ignore[attr-defined]  # noqa: B018


def open_modules() -> dict[str, Any]:
    """The modules with public names, of which those whose package is not installed are left out."""
    found = {"pixelwise": pw}
    for name in ("torch", "d2l", "jax", "keras", "ray"):
        with suppress(MissingExtraError):
            found[f"pixelwise.{name}"] = importlib.import_module(f"pixelwise.{name}")
    return found


CALLABLE = {f"{where}.{name}": thing for where, module in open_modules().items()
            for name in getattr(module, "__all__", ["RayPool", "RayModel"])
            if callable(thing := getattr(module, name)) and name != "Planes"  # an array, made by `view`
            and not getattr(thing, "_is_protocol", False)}  # fmt: skip
CLASSES = {name: thing for name, thing in CALLABLE.items() if isinstance(thing, type)}
BUILT = {name: thing for name, thing in CALLABLE.items()
         if name not in CLASSES or not issubclass(CLASSES[name], Exception)}  # fmt: skip


@pytest.mark.parametrize("name", BUILT)
def test_a_call_that_does_not_fit_is_answered(name: str) -> None:
    """Of every function, and of every class but the errors: nothing given, too much, and a name that there is not."""
    thing, said = BUILT[name], BUILT[name].__name__
    wanted = [*inspect.signature(thing).parameters.values()]
    with pytest.raises(UsageError, match=rf"^{said}\(\) has no argument 'qwertz'; ") as caught:
        thing(qwertz=1)
    assert caught.value.code == "unknown-argument"
    calls: list[tuple[object, ...]] = []
    if any(p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in wanted):
        calls.append(())
    if not any(p.kind is p.VAR_POSITIONAL for p in wanted):
        calls.append((object(),) * (len(wanted) + 1))
    for given in calls:
        with pytest.raises(UsageError) as caught:
            thing(*given)
        if caught.value.code != "bad-argument":  # kinds are looked at first
            assert re.match(rf"{said}\(\): (missing|too many)", str(caught.value))
            assert caught.value.code == "wrong-arguments"


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_half_made_can_be_shown(name: str) -> None:
    """An object whose `__init__` raised is in the tracebacks of debuggers, as one of these is."""
    kind = CLASSES[name]
    thing = tuple.__new__(kind) if issubclass(kind, tuple) else kind.__new__(kind)
    for shown in (repr(thing), str(thing), f"{thing}"):
        assert "\n" not in shown
    assert kind.__name__ in repr(thing)


def test_what_is_wholly_made_is_shown_as_ever() -> None:
    assert repr(pw.Window(1, 2, 3, 4)) == str(pw.Window(1, 2, 3, 4)) == "Window(y0=1, x0=2, y1=3, x1=4)"
    assert repr(pw.CenterCrop(4)) == "CenterCrop(size=(4, 4), pad_if_needed=False)"
    assert pickle.loads(pickle.dumps(pw.Window(1, 2, 3, 4))) == pw.Window(1, 2, 3, 4)._replace()


PUBLIC = {name: kind for name in pw.__all__ if isinstance(kind := getattr(pw, name), type)
          and not issubclass(kind, (Exception, Warning)) and not getattr(kind, "_is_protocol", False)}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_class_answers(name: str) -> None:
    """An attribute, a call and an argument that do not exist."""
    kind = PUBLIC[name]
    thing = kind.__new__(kind, *((0,) * 4 if name == "Window" else ()))
    with pytest.raises(AttributeError, match=f"{name} has no attribute 'qwertz'; "):
        thing.qwertz  # noqa: B018
    assert not hasattr(thing, "qwertz")
    methods = {n: f for n, f in vars(kind).items() if inspect.isfunction(f) and n[0] != "_"}
    assert [n for n, f in methods.items() if not hasattr(f, "__wrapped__")] == []


def test_names_of_other_libraries_are_not_ours_and_the_answers_are() -> None:
    for section, answers in _foreign().items():
        kind = getattr(pw, section.partition(".")[2], None)
        for name, answer in answers.items():
            if section == "names":
                assert name not in pw.__all__, name
            elif section.startswith("attributes.") and kind is not None:
                assert name not in {*dir(kind), *getattr(kind, "__annotations__", {})}, (section, name)
            for ours in re.findall(r"\bpw\.(\w+)", answer):
                assert ours == "__version__" or ours in pw.__all__, answer


def test_who_only_asks_is_not_answered() -> None:
    """Truth, sequences and copies are as of any object, although an index and a length are refused."""
    sample = split()[0]
    assert sample
    assert len([*sample]) == 2
    assert np.asarray(sample, object).shape == ()
    assert not callable(sample)
    for thing in (sample, split(), confusion()):
        assert pickle.loads(pickle.dumps(thing)) is not None
        assert copy.copy(thing) is not thing
    try:
        sample.mask  # type: ignore[attr-defined]  # noqa: B018
    except AttributeError as error:
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_import_that_fails_has_the_answer(tmp_path: Path) -> None:
    """Python says only "cannot import name" of an AttributeError; whoever catches ImportError still may."""
    for line in ("from pixelwise import ToTensor", "from pixelwise import Loader, ToTensor",
                 "from pixelwise.transforms import ToTensor"):  # fmt: skip
        with pytest.raises(ImportError, match="a Loader gives float arrays"):
            exec(line)
    with pytest.raises(ImportError, match="cannot import name 'xyzzy' from 'pixelwise'"):
        exec("from pixelwise import xyzzy")
    assert not hasattr(pw, "xyzzy")
    assert getattr(pw, "xyzzy", None) is None
