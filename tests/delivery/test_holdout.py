import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from credit_contract.applicant import encode
from credit_delivery.errors import CommandFailedError, EvidenceError
from credit_delivery.holdout import Holdout, read, rebuild, source
from credit_training.dataset import load_dataset
from credit_training.prepare import prepared
from credit_training.source import obtain

from .world import LENDER, World


@pytest.fixture(scope="module")
def holdout(released: World) -> Holdout:
    return read(released.holdout, released.dataset)


def test_it_holds_the_rows_that_training_holds_out(released: World, holdout: Holdout) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDIT_DATA_DIR", str(released.root.parent / "data"))
        test = prepared(released.spec, "v1", released.root.parent / "home").portfolio().test()
    encoded, taken = holdout.encode(test.schema)
    assert taken.all()
    np.testing.assert_array_equal(encoded.numbers, test.encoded.numbers)
    np.testing.assert_array_equal(encoded.categories, test.encoded.categories)
    np.testing.assert_array_equal(holdout.target, test.target)
    np.testing.assert_array_equal(holdout.groups["sex"], test.protected["sex"])


def test_it_encodes_as_the_contract_does(released: World, holdout: Holdout) -> None:
    schema = released.spec.feature_schema("v1")
    people = [
        {
            "income": None if np.isnan(holdout.numbers["income"][row]) else float(holdout.numbers["income"][row]),
            "amount": float(holdout.numbers["amount"][row]),
            "job": str(holdout.categories["job"][row]),
        }
        for row in range(len(holdout))
    ]
    expected, (encoded, _) = encode(schema, people), holdout.encode(schema)
    np.testing.assert_array_equal(encoded.numbers, expected.numbers)
    np.testing.assert_array_equal(encoded.categories, expected.categories)
    assert np.isnan(encoded.numbers).any()


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [("numbers", "amount", 1001.0), ("numbers", "amount", np.nan), ("categories", "job", "sea")],
)
def test_values_that_the_schema_refuses_are_marked(
    released: World, holdout: Holdout, kind: str, field: str, value: float | str
) -> None:
    columns = {"numbers": dict(holdout.numbers), "categories": dict(holdout.categories)}
    changed = columns[kind][field].copy()
    changed[[2, 7]] = value
    columns[kind][field] = changed
    other = Holdout(holdout.dataset, groups={}, target=holdout.target, weight=holdout.weight, **columns)
    _, taken = other.encode(released.spec.feature_schema("v1"))
    assert np.flatnonzero(~taken).tolist() == [2, 7]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"text"])
def test_a_file_of_another_kind_is_refused(released: World, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "holdout.npz"
    path.write_bytes(content)
    with pytest.raises(EvidenceError, match="no hold-out"):
        read(path, released.dataset)
    np.savez(tmp_path / "other.npz", target=np.ones(3))
    with pytest.raises(EvidenceError, match="no hold-out"):
        read(tmp_path / "other.npz", released.dataset)


def test_training_rebuilds_it_from_the_source(
    released: World, holdout: Holdout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CREDIT_DATA_DIR", str(released.root.parent / "data"))
    monkeypatch.setenv("CREDIT_HOME", str(tmp_path))
    described = released.dataset.model_copy(update={"name": str(released.root.parent / "lender.yaml")})
    again = rebuild(described, released.root)
    np.testing.assert_array_equal(again.numbers["income"], holdout.numbers["income"])


def test_asked_afresh_it_is_no_table_that_was_kept(
    released: World, holdout: Holdout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDIT_HOME", raising=False)
    with closing(sqlite3.connect("lender.db")) as database:
        published = pd.read_csv(released.root.parent / "data/lender.csv", dtype=str)
        published.to_sql("lender", database, index=False)
    database_source = "source: {kind: sql, url: 'sqlite:///lender.db', query: select * from lender"
    Path("lender.yaml").write_text(re.sub("source: .*", database_source + "}", LENDER, count=1))
    pinned = f"{database_source}, sha256: {obtain(load_dataset('lender.yaml'), Path('var')).sha256}}}"
    Path("lender.yaml").write_text(re.sub("source: .*", pinned, LENDER, count=1))
    prepared(load_dataset("lender.yaml"), "v1", Path("var"))
    (kept,) = Path("var/data/raw").glob("*.csv")
    kept.write_text(re.sub(",(late|paid)$", ",paid", kept.read_text(), count=63, flags=re.MULTILINE))
    shutil.rmtree("var/data/processed")
    described = released.dataset.model_copy(update={"name": "lender.yaml"})
    with pytest.raises(CommandFailedError, match="has sha256"):
        source(tmp_path)(described)
    np.testing.assert_array_equal(source(tmp_path, afresh=True)(described).target, holdout.target)
