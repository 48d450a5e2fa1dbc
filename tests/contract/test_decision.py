import hashlib

import pytest

from credit_contract.decision import (
    GENESIS,
    TABLES,
    ChainHead,
    DecisionRecord,
    GivenReason,
    Provenance,
    StoredDecision,
    applicant_commitment,
    breaks,
    row_hash,
    seal,
)

PROVENANCE = Provenance(
    request_id="r",
    time="2026-01-31T10:00:00.000001Z",
    caller="branch",
    reference="C-77",
    model_tag="v1",
    model_digest="a" * 64,
    policy_version="2026-01",
    policy_digest="b" * 64,
    image_digest="",
    commit="c" * 40,
)


def chain(length, pd=0.1 + 0.2):
    head, rows = ChainHead("w"), []
    for number in range(1, length + 1):
        record = DecisionRecord(
            f"d{number}", PROVENANCE, pd, 612, "refer", "C", (GivenReason("income", 0.25),), ("age",), 153
        )
        head, sealed = seal(head, record, '{"income":1}', "5a" * 16)
        rows.append(sealed.decision)
    return head, rows


def found(rows, *heads):
    return [(one.sequence, one.through, one.id, one.fault) for one in breaks("w", rows, heads)]


def test_the_hash_can_be_computed_with_nothing_but_the_documented_lines():
    _, (row,) = chain(1)
    lines = ["d1", "w", "1", "2026-01-31T10:00:00.000001Z", "r", "branch", "v1", "a" * 64, "2026-01", "b" * 64, ""]
    lines += ["c" * 40, "0.30000000000000004", "612", "refer", "C", '[["income",0.25]]', '["age"]', "153"]
    lines += [hashlib.sha256(f'{"5a" * 16}\nC-77\n{{"income":1}}'.encode()).hexdigest(), "", GENESIS]
    assert row.hash == hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_an_untouched_chain_holds():
    head, rows = chain(20)
    assert found(rows, head, ChainHead("w", 7, rows[6].hash), ChainHead("w")) == []


@pytest.mark.parametrize("column", StoredDecision._fields)
def test_a_change_in_any_column_is_found_and_named(column):
    _, rows = chain(5)
    value = getattr(rows[2], column)
    other = 10 if column == "sequence" else value + 1 if isinstance(value, int | float) else f"{value or ''}x"
    rows[2] = rows[2]._replace(**{column: other})
    rows.sort(key=lambda row: row.sequence)
    assert (rows[2 if column != "sequence" else 4].id) in [one[2] for one in found(rows)]


def test_the_smallest_change_of_a_pd_is_found():
    _, rows = chain(3)
    rows[1] = rows[1]._replace(pd=0.3)
    assert found(rows) == [(2, 2, "d2", "changed")]


def test_a_change_with_a_fitting_hash_is_found():
    _, rows = chain(5)
    forged = rows[2]._replace(decision="approve")
    rows[2] = forged._replace(hash=row_hash(forged[:-1]))
    assert found(rows) == [(3, 3, "d3", "changed")]


def test_a_whole_chain_written_anew_is_found_by_its_checkpoint():
    head, _ = chain(5)
    _, forged = chain(5, pd=0.05)
    assert found(forged) == []
    assert found(forged, head) == [(5, 5, "d5", "changed")]


def test_a_checkpoint_counts_beside_another_of_the_same_place():
    head, _ = chain(5)
    other, forged = chain(5, pd=0.05)
    for heads in ([head, other], [other, head]):
        assert found(forged, *heads) == [(5, 5, "d5", "changed")]


def test_removed_records_are_named_by_their_place():
    head, rows = chain(9)
    assert found(rows[:3] + rows[6:], head) == [(4, 6, None, "removed")]
    assert found(rows[2:], head) == [(1, 2, None, "removed")]


def test_a_cut_tail_shows_by_the_checkpoint():
    head, rows = chain(9)
    assert found(rows[:7], head) == [(8, 9, None, "cut")]
    assert found([], head) == [(1, 9, None, "cut")]


def test_records_that_changed_places_are_both_named():
    _, rows = chain(9)
    rows[3], rows[5] = rows[5]._replace(sequence=4), rows[3]._replace(sequence=6)
    assert found(rows) == [(4, 4, "d6", "reordered"), (6, 6, "d4", "reordered")]


def test_a_gap_of_any_width_is_one_break():
    _, rows = chain(3)
    rows[2] = rows[2]._replace(sequence=10**15)
    assert found(rows) == [(3, 10**15 - 1, None, "removed"), (10**15, 10**15, "d3", "reordered")]


def test_values_cannot_be_recognised_without_their_salt():
    record = DecisionRecord("d", PROVENANCE, 0.5, 1, "approve", "A", (), (), 1)
    first = seal(ChainHead("w"), record, '{"income":1}', "00" * 16)[1]
    second = seal(ChainHead("w"), record, '{"income":1}', "01" * 16)[1]
    assert first.decision.applicant_hash != second.decision.applicant_hash
    assert applicant_commitment(first.applicant) == first.decision.applicant_hash


def test_values_are_no_part_of_the_decisions_table():
    assert not {"applicant", "salt", "reference", "attributes"} & set(TABLES["decisions"])
