"""Tables: what is read from .csv files and written back, what is refused, and what the scores say."""

from __future__ import annotations

import contextlib
import io
import random
import sys
from pathlib import Path
from typing import Any

import ganzoo_table.csv_files as csv_files
import numpy as np
import pytest
import torch
from ganzoo_table import columns, data, pictures, privacy, quality, utility
from paths import ROOT
from scipy.stats import chi2_contingency

from ganzoo import cli
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data
from ganzoo.zoo import registry

HEADER = "name of it,weight,age,when,smokes,city"


def people(path: Path, count: int = 60, missing: bool = True) -> Path:
    """A .csv file of all kinds of columns, with missing values in most."""
    rng = random.Random(0)
    lines = [HEADER]
    for number in range(count):
        age = rng.randrange(18, 90)
        weight = f"{50 + age / 2 + rng.gauss(0, 3):.1f} kg"
        city = rng.choice(["Graz", "Graz", "Łódź", 'New "York", NY'])
        row = [
            f"{rng.gauss(0, 1):.3e}",
            "" if missing and number % 7 == 0 else weight,
            str(age),
            f"20{rng.randrange(10, 25)}-0{rng.randrange(1, 10)}-1{rng.randrange(10)}",
            rng.choice(["yes", "no"]),
            "?" if missing and number % 5 == 0 else city,
        ]
        lines.append(",".join(f'"{value.replace(chr(34), chr(34) * 2)}"' if '"' in value else value for value in row))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def load(path: Path | str, split: str = "train", **settings: str) -> Any:
    return data.from_file(Data(name="table-csv", path=str(path), settings=settings), split)


def test_kinds_are_inferred(tmp_path: Path) -> None:
    found = load(people(tmp_path / "people.csv")).spec.note["columns"]
    kinds = {column["name"]: column["kind"] for column in found}
    assert kinds == {
        "name of it": "number",
        "weight": "number",
        "age": "integer",
        "when": "date",
        "smokes": "boolean",
        "city": "category",
    }
    assert [column["missing"] for column in found] == [None, "", None, None, None, "?"]
    assert found[1]["suffix"] == " kg"
    assert found[-1]["values"] == ["Graz", 'New "York", NY', "Łódź"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "-3"], "integer"),
        (["0", "1"], "boolean"),
        (["True", "false"], "boolean"),
        (["yes", "maybe"], "category"),
        (["01234", "98765"], "category"),
        (["1.5", ".5", "2e3"], "number"),
        (["1,5", "2,25"], "number"),
        (["$5", "$7.50"], "number"),
        (["5 %", "12 %"], "integer"),
        (["A5", "A7"], "category"),
        (["2024-02-29", "1999-12-31"], "date"),
        (["2024-02-29 10:00", "1999-12-31 23:59"], "date"),
        (["31.12.2020", "01.02.2021"], "date"),
        (["2023-02-29", "1999-12-31"], "category"),
    ],
)
def test_a_kind_follows_from_the_values(values: list[str], kind: str) -> None:
    assert columns.infer(values) == kind


def test_rows_are_written_as_they_were(tmp_path: Path) -> None:
    path = people(tmp_path / "people.csv")
    lines = csv_files.read(path)
    whole = data.dataset("table-csv", lines, "train", {}, "")
    x = data.encode(lines.rows, whole.spec.note["columns"])
    assert x.dtype == np.float32
    written = columns.texts_of(x, whole.spec.note["columns"])
    known = columns.texts_of(whole.arrays["x"].numpy(), whole.spec.note["columns"])
    # Of other rows, values beyond the range of the training rows are clipped.
    train = [number for number, row in enumerate(written) if row in known]
    assert len(train) >= 48
    for row in train:
        assert written[row][1:] == lines.rows[row][1:]
        assert float(written[row][0]) == pytest.approx(float(lines.rows[row][0]))


def test_every_row_is_in_one_split(tmp_path: Path) -> None:
    path = people(tmp_path / "people.csv")
    train, test = load(path), load(path, "test")
    assert (len(train), len(test)) == (48, 12)
    rows = torch.cat([train.arrays["x"], test.arrays["x"]])
    assert len(rows.unique(dim=0)) == 60
    assert train.spec == test.spec
    number = train.arrays["x"][:, 0]
    assert number.mean().item() == pytest.approx(0, abs=1e-5)
    assert number.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_out_of_range_values_are_clipped_and_the_largest_number_of_a_choice_counts(tmp_path: Path) -> None:
    train = load(people(tmp_path / "people.csv"))
    found, width = train.spec.note["columns"], train.spec.shape[0]
    low, high = (torch.full((1, width), value) for value in (-1e6, 1e6))
    low[0, 3], low[0, -1] = 1e7, 1e7  # The weight is missing, and the city.
    rows = columns.texts_of(torch.cat([low, high]).numpy(), found)
    assert rows[0][1] == ""
    assert rows[0][5] == "?"
    assert rows[1][2] == str(int(found[2]["high"]))
    assert rows[1][4] == "no"


def test_kinds_and_the_target_can_be_set(tmp_path: Path) -> None:
    path = people(tmp_path / "people.csv")
    spec = load(path, types="age=category,city=skip, smokes=category", target="age").spec
    assert [column["kind"] for column in spec.note["columns"]] == ["number", "number", "category", "date", "category"]
    assert spec.note["target"] == "age"
    assert load(path).spec.note["target"] == "city"
    assert load(path, types="city=skip,smokes=skip").spec.note["target"] == ""


LATIN = "name,x\nMüller,1\n".encode("latin-1")
LONG = "id,x\n" + "".join(f"person {number},{number}\n" for number in range(600))
ODD = "x,y\n" + "".join(f"{number}.5,{number}\n" for number in range(600)) + "abc,5\n"
BAD = {
    "ragged": ("a,b\n1,2\n1,2,3\n", "line 3 has 3 values, and the header has 2 names"),
    "short row": ("a,b\n1,2\n1\n", "line 3 has 1 value, and"),
    "duplicate": ("a,b,a\n1,2,3\n", "two columns are called 'a'"),
    "no name": ("a,,c\n1,2,3\n", "column 2 has no name"),
    "no header": ("1,2\n3,4\n", "holds numbers, not the names"),
    "empty": ("", "it is empty"),
    "blank": ("\n \n", "it is empty"),
    "only a header": ("a,b\n", "a header and no rows"),
    "one row": ("a,b\n1,2\n", "1 row, and at least 20"),
    "latin": (LATIN, "not UTF-8"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
    "open quote": ('a,b\n1,"2\n', "is no line of a .csv file"),
    "all missing": ("a,b\n" + "1,\n2,NA\n" * 15, "'b' has no values.*b=skip"),
    "names": (LONG, "'id' has 600 different values: leave it out"),
    "odd value": (ODD, "'x' has 601 different values: correct 'abc'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_table_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    content, message = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(GanzooError, match=message) as error:
        load(path)
    assert "\n" not in str(error.value)
    assert "bad.csv" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"types": "aeg=integer"}, "unknown column 'aeg': did you mean age"),
        ({"types": "age=whole"}, "unknown kind of column 'whole'"),
        ({"types": "age"}, "unknown column 'age'"),
        ({"types": "city=number"}, "'city' has values that are no numbers, such as"),
        ({"types": "city=date"}, "no dates"),
        ({"types": "city=boolean"}, "3 different values, which is too many"),
        ({"target": "income"}, "unknown column 'income'"),
        ({"types": ",".join(f"{name}=skip" for name in HEADER.split(","))}, "all of its columns are skipped"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=message):
        load(people(tmp_path / "people.csv"), **settings)


def test_other_forms_of_csv_are_read(tmp_path: Path) -> None:
    path = tmp_path / "euro.csv"
    rows = "".join(f"{number},5; x{number % 3}\r\n" for number in range(30))
    path.write_bytes(b"\xef\xbb\xbf" + f"price;kind\r\n\r\n{rows}".encode())
    found = load(path)
    assert [column["kind"] for column in found.spec.note["columns"]] == ["number", "category"]
    x = found.arrays["x"]
    back = tmp_path / "back.csv"
    registry.modality("table").write_file(x, found.spec, back)
    assert back.read_text("utf-8").splitlines()[0] == "price;kind"
    assert ",5;x" in back.read_text("utf-8").splitlines()[1]
    assert torch.equal(registry.modality("table").read(back, found.spec)[0], x)


def test_names_of_rows_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,x\n" + "".join(f"{number},{number % 5}.5\n" for number in range(40)))
    assert any("'id' differs in every row" in note for note in load(path).notes)


def test_files_that_do_not_fit_a_table_are_refused(tmp_path: Path) -> None:
    spec = load(people(tmp_path / "people.csv")).spec
    table, path = registry.modality("table"), tmp_path / "other.csv"
    for old, new, message in (
        ("age", "years", "lacks the columns age"),
        ("Graz", "Wien", "a value that the data lack, 'Wien'"),
        ("yes", "", "'smokes' has missing values"),
        (" kg", " stone", "'weight' is of another kind"),
    ):
        path.write_text((tmp_path / "people.csv").read_text("utf-8").replace(old, new), "utf-8")
        with pytest.raises(GanzooError, match=message):
            table.read(path, spec)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    found = load(people(tmp_path / "people.csv", missing=False))
    path = tmp_path / "turned.csv"
    lines = csv_files.read(tmp_path / "people.csv")
    csv_files.write(path, [*lines.names[::-1], "more"], [[*row[::-1], "1"] for row in lines.rows])
    table = registry.modality("table")
    assert torch.equal(table.read(path, found.spec)[0], table.read(tmp_path / "people.csv", found.spec)[0])


@pytest.mark.parametrize("name", ["breast-cancer", "wine"])
def test_tables_of_scikit_learn(name: str) -> None:
    from sklearn import datasets

    loaded = datasets.load_wine() if name == "wine" else datasets.load_breast_cancer()
    found = [registry.datasets()[name].load(Data(name=name), Path(), split) for split in ("train", "test")]
    assert sum(map(len, found)) == len(loaded.data)
    last = found[0].spec.note["columns"][-1]
    assert len(last["values"]) == len(loaded.target_names)
    decoded = columns.decode(found[0].arrays["x"].numpy(), found[0].spec.note["columns"])
    known = {tuple(np.round(row, 4)) for row in loaded.data}
    assert tuple(np.round(np.stack(decoded[:-1], 1)[5], 4)) in known


# Scores


def samples_of(fake: torch.Tensor, name: str = "wine", split: str | None = None) -> Samples:
    spec = registry.datasets()[name]
    found = {part: spec.load(Data(name=name), Path(), part) for part in ("train", "test")}
    kind = registry.modality("table")
    return Samples(fake, None, found["train"].spec, Data(name=name), Path(), 0, found.__getitem__, kind, split=split)


def rows_of(split: str) -> torch.Tensor:
    return registry.datasets()["wine"].load(Data(name="wine"), Path(), split).arrays["x"]


def test_copies_of_training_rows_have_no_privacy_and_held_out_rows_have() -> None:
    copies = privacy.compute(samples_of(rows_of("train")))
    assert copies["copies"] == 1
    assert copies["DCR-ratio"] == 0
    assert copies["DCR-share"] == 1
    assert copies["membership-AUC"] == 1
    held_out = privacy.compute(samples_of(rows_of("test")))
    assert held_out["DCR-share"] == held_out["membership-AUC"] == 0
    real = privacy.compute(samples_of(rows_of("train"), split="train"))
    assert real["copies"] == 0
    assert real["DCR-share"] == pytest.approx(0.5, abs=0.3)
    assert real["membership-AUC"] == pytest.approx(0.5, abs=0.25)
    assert real["DCR-ratio"] == pytest.approx(1, abs=0.3)


def test_distances_and_the_attack_are_those_of_their_definitions() -> None:
    a, b = torch.randn(7, 3), torch.randn(5, 3)
    by_hand = [min(float((x - y).norm()) for y in b) for x in a]
    assert privacy.nearest(a, b).tolist() == pytest.approx(by_hand, rel=1e-4)
    near, far = torch.tensor([0.1, 0.4, 0.4]), torch.tensor([0.3, 0.4])
    pairs = [float(x < y) + 0.5 * (x == y) for x in near.tolist() for y in far.tolist()]
    assert privacy.auc(near, far) == pytest.approx(sum(pairs) / 6)


def test_utility_tells_real_rows_from_rows_with_random_classes() -> None:
    train = rows_of("train")
    real = utility.compute(samples_of(train))["TSTR-F1"]
    shuffled = train.clone()
    shuffled[:, -3:] = shuffled[torch.randperm(len(train), generator=torch.Generator().manual_seed(0)), -3:]
    assert real > 0.9
    assert utility.compute(samples_of(shuffled))["TSTR-F1"] < 0.6
    one = train.clone()
    one[:, -3:] = torch.tensor([1.0, 0.0, 0.0])
    assert 0 < utility.compute(samples_of(one))["TSTR-F1"] < 0.3


def test_the_utility_of_a_numeric_target_is_r2(tmp_path: Path) -> None:
    path = people(tmp_path / "people.csv", 200, missing=False)
    found = {part: load(path, part, target="weight", types="name of it=skip") for part in ("train", "test")}
    kind = registry.modality("table")
    x = found["train"].arrays["x"]
    made = Samples(x, None, found["train"].spec, Data(name="table-csv"), Path(), 0, found.__getitem__, kind)
    assert utility.compute(made)["TSTR-R2"] > 0.7


def test_quality_is_that_of_sdmetrics() -> None:
    reports = pytest.importorskip("sdmetrics.single_column")
    train, test = rows_of("train"), rows_of("test")
    found = quality.compute(samples_of(train))
    described = samples_of(train).spec.note["columns"]
    real, fake = quality.frame(test, described), quality.frame(train, described)
    names = list(real)
    shapes = [reports.KSComplement.compute(real[name], fake[name]) for name in names[:-1]]
    shapes.append(reports.TVComplement.compute(real[names[-1]], fake[names[-1]]))
    assert found["column-shapes"] == pytest.approx(float(np.mean(shapes)))
    assert found["validity"] == 1
    assert found["table-quality"] == pytest.approx((found["column-shapes"] + found["column-pairs"]) / 2)


def test_without_sdmetrics_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sdmetrics.reports", None)
    with pytest.raises(GanzooError, match=r"pip install 'ganzoo\[table\]'"):
        quality.compute(samples_of(rows_of("train")))


def test_associations_are_those_of_their_definitions() -> None:
    rng = np.random.default_rng(0)
    number, other = rng.normal(size=(2, 300))
    groups, more = rng.integers(0, 3, (2, 300))
    number = number + groups
    kinds = [{"kind": kind} for kind in ("number", "number", "category", "category")]
    found = pictures.associations([number, other, groups, more], kinds)
    assert found[0, 1] == pytest.approx(abs(np.corrcoef(number, other)[0, 1]))
    table = np.array([[np.sum((groups == i) & (more == j)) for j in range(3)] for i in range(3)])
    assert found[2, 3] == pytest.approx(np.sqrt(chi2_contingency(table).statistic / 300 / 2))
    between = sum(np.sum(groups == g) * (number[groups == g].mean() - number.mean()) ** 2 for g in range(3))
    assert found[0, 2] == pytest.approx(np.sqrt(between / np.sum((number - number.mean()) ** 2)))
    assert np.array_equal(found, found.T)


def test_the_picture_shows_columns_of_all_kinds(tmp_path: Path) -> None:
    found = load(people(tmp_path / "people.csv"))
    picture = registry.modality("table").picture(found.arrays["x"], found.spec, real=found.arrays["x"], title="step 5")
    assert picture is not None
    assert picture.width > picture.height > 100


# The user's own file, from training to scores


def typed(*words: str) -> tuple[int, str]:
    """The exit code of a command and what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = cli.run(list(words))
    return code, " ".join(printed.getvalue().split())


def test_your_own_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    people(tmp_path / "people.csv")
    keys = "pack=2 batch=20 latent=4 g_hidden=8 d_hidden=8 modes=2 data.settings.types=smokes=category"
    sets = [part for key in keys.split() for part in ("--set", key)]
    commands = [
        ["train", "ctgan", "--dataset", "table-csv:people.csv", "--steps", "3", "--no-scores", *sets],
        ["resume", "runs/ctgan-people-1", "--steps", "4", "--no-scores"],
        ["sample", "runs/ctgan-people-1", "-n", "40", "--to", "new.csv"],
        ["eval", "new.csv", "--against", "table-csv:people.csv"],
        ["export", "runs/ctgan-people-1", "--to", "g.safetensors"],
    ]
    for command in commands:
        code, printed = typed(*command)
        assert code == 0, printed
    lines = csv_files.read(tmp_path / "new.csv")
    assert ",".join(lines.names) == HEADER
    assert len(lines.rows) == 40
    cities = {row[5] for row in lines.rows}
    assert cities <= {"Graz", 'New "York", NY', "Łódź", "?"}
    assert all(row[1] == "" or row[1].endswith(" kg") for row in lines.rows)
    assert typed("sample", "runs/ctgan-people-1", "-n", "5", "--to", "new.csv")[0] == 2
    (tmp_path / "people.csv").write_text("a,b\n1,2\n1,2,3\n")
    code, printed = typed("train", "ctgan", "--dataset", "table-csv:people.csv")
    assert code == 2
    assert "line 3 has 3 values" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "data.settings.types=a=skip"], "breast-cancer has no settings"),
        (["--dataset", "table-csv:t.csv", "--set", "data.settings.kind=a"], "unknown setting of table-csv 'kind'"),
        (["--dataset", "table-csv"], "FILE.csv"),
        (["--set", "data.size=8"], "data.size is for images"),
        (["--dataset", "digits"], "takes table data"),
    ],
)
def test_settings_that_do_not_fit_are_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    code, printed = typed("train", "ctgan", "--out", str(tmp_path / "run"), *arguments)
    assert code == 2, printed
    assert message in printed


def test_the_settings_of_a_data_set_are_shown() -> None:
    assert "data.settings.types" in typed("show", "table-csv")[1]


@pytest.mark.shared_data
def test_the_adult_table() -> None:
    path = ROOT / ".." / "shared" / "data" / "tabular" / "adult.csv"
    if not path.is_file():
        pytest.skip("the Adult table is not beside this checkout")
    found = load(path, "test")
    kinds = {column["name"]: column["kind"] for column in found.spec.note["columns"]}
    assert len(found) == 6512
    assert [name for name, kind in kinds.items() if kind == "integer"] == [
        "age",
        "fnlwgt",
        "education-num",
        "capital-gain",
        "capital-loss",
        "hours-per-week",
    ]
    assert found.spec.note["target"] == "income"
    assert found.spec.note["columns"][1]["missing"] == "?"
