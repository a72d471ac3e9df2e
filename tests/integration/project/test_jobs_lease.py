"""Who runs a job: claims, fences and ends, on the database's clock."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections

from frontdesk.tenants import lease as leases
from frontdesk.tenants.lease import JobInterrupted, JobLease, LeaseLost

NAME = "tests.sweep"
LATER = datetime(2100, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)
SUCCEEDED, FAILED, INTERRUPTED = JobLease.Outcome.SUCCEEDED, JobLease.Outcome.FAILED, JobLease.Outcome.INTERRUPTED


def no_check() -> None:
    pass


@pytest.fixture
def registered(db):
    leases.register({NAME: PAST})


def expire() -> None:
    JobLease.objects.filter(name=NAME).update(expires_at=PAST)


def row() -> JobLease:
    return JobLease.objects.get(name=NAME)


def test_due_job_is_granted_to_the_first_who_asks(registered):
    alice = leases.claim(NAME, "alice", 30)
    bob = leases.claim(NAME, "bob", 30)

    assert (alice.owner, alice.fence, alice.due_at) == ("alice", 1, PAST)
    assert bob is None
    assert row().owner == "alice"


def test_job_that_is_not_due_is_granted_to_nobody(db):
    leases.register({NAME: LATER})

    assert leases.claim(NAME, "alice", 30) is None
    assert row().fence == 0


def test_job_without_a_row_is_granted_to_nobody(db):
    assert leases.claim("tests.unknown", "alice", 30) is None


def test_lease_that_expired_is_granted_again_with_a_higher_fence(registered):
    first = leases.claim(NAME, "alice", 30)
    expire()
    second = leases.claim(NAME, "bob", 30)

    assert (first.fence, second.fence) == (1, 2)
    assert not leases.renew(first, 30)
    assert not leases.finish(first, SUCCEEDED, LATER)
    assert (row().owner, row().due_at, row().runs) == ("bob", PAST, 0)


def test_renewed_lease_outlasts_its_first_length(registered):
    held = leases.claim(NAME, "alice", 0.0)
    assert leases.renew(held, 30)

    assert leases.claim(NAME, "bob", 30) is None


def test_end_is_on_record_and_the_job_is_due_when_it_was_said(registered):
    held = leases.claim(NAME, "alice", 30)
    assert leases.finish(held, SUCCEEDED, LATER)

    found = row()
    assert (found.owner, found.outcome, found.runs, found.failures) == ("", "succeeded", 1, 0)
    assert (found.due_at, found.error_class) == (LATER, "")
    assert found.started_at <= found.ended_at


def test_failures_are_counted_until_a_success(registered):
    for _ in range(2):
        leases.finish(leases.claim(NAME, "alice", 30), FAILED, PAST, "ValueError")
    failed = row()
    leases.finish(leases.claim(NAME, "alice", 30), INTERRUPTED, PAST)
    interrupted = row()
    leases.finish(leases.claim(NAME, "alice", 30), SUCCEEDED, LATER)
    succeeded = row()

    assert (failed.failures, failed.runs, failed.error_class) == (2, 0, "ValueError")
    assert (interrupted.failures, interrupted.runs, interrupted.outcome) == (2, 0, "interrupted")
    assert (succeeded.failures, succeeded.runs, succeeded.error_class) == (0, 1, "")


def test_registering_again_keeps_what_is_there_and_takes_an_earlier_time(registered):
    leases.finish(leases.claim(NAME, "alice", 30), SUCCEEDED, LATER)

    leases.register({NAME: LATER + timedelta(days=1)})
    kept = row().due_at
    leases.register({NAME: LATER - timedelta(days=1)})

    assert kept == LATER
    assert (row().due_at, row().runs) == (LATER - timedelta(days=1), 1)


def test_registering_does_not_move_a_job_that_runs(registered):
    leases.claim(NAME, "alice", 30)
    leases.register({NAME: PAST - timedelta(days=1)})

    assert row().due_at == PAST


def test_due_tells_what_may_be_claimed_and_how_long_until_more(db):
    now = leases.database_now()
    leases.register({"tests.now": PAST, "tests.soon": now + timedelta(seconds=50), "tests.other": PAST})
    held = leases.claim("tests.other", "alice", 20)

    found = leases.due(["tests.now", "tests.soon", "tests.other"])

    assert found.leases == (("tests.now", 0),)
    assert found.next_in_s == pytest.approx(20, abs=5)
    assert held is not None
    assert leases.due([]).next_in_s is None


def test_step_is_an_ordinary_transaction_outside_of_a_run(db):
    with pytest.raises(ZeroDivisionError), leases.step():
        leases.register({NAME: PAST})
        raise ZeroDivisionError

    assert not JobLease.objects.exists()


def test_step_of_a_lost_lease_writes_nothing(registered):
    held = leases.claim(NAME, "alice", 30)
    expire()
    leases.claim(NAME, "bob", 30)

    with leases.running(held, no_check), pytest.raises(LeaseLost), leases.step():
        JobLease.objects.filter(name=NAME).update(error_class="written all the same")

    assert row().error_class == ""


def test_step_of_a_run_that_must_end_writes_nothing(registered):
    held = leases.claim(NAME, "alice", 30)

    def must_end() -> None:
        raise JobInterrupted(NAME, is_late=False)

    with leases.running(held, must_end), pytest.raises(JobInterrupted), leases.step():
        JobLease.objects.filter(name=NAME).update(error_class="written all the same")

    assert row().error_class == ""


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-3), timedelta(hours=3)])
def test_clock_of_a_machine_plays_no_part_beside_a_database_server(registered, monkeypatch, wrong_by):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no clock of its own")
    wrong = datetime.now(UTC) + wrong_by
    monkeypatch.setattr("django.utils.timezone.now", lambda: wrong)

    held = leases.claim(NAME, "alice", 30)

    assert held is not None
    assert leases.claim(NAME, "bob", 30) is None
    assert abs(row().started_at - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_is_granted():
    leases.register({NAME: PAST})
    start = threading.Barrier(8)
    granted = []

    def ask(owner: str) -> None:
        try:
            start.wait()
            if leases.claim(NAME, owner, 30) is not None:
                granted.append(owner)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask, args=(f"process-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 1
    assert (row().owner, row().fence) == (granted[0], 1)


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_process_that_froze_in_the_middle_of_a_step():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer: who froze in a transaction keeps all others from writing")
    leases.register({NAME: PAST})
    held = leases.claim(NAME, "frozen", 0.0)
    in_step, thaw = threading.Event(), threading.Event()

    def freeze() -> None:
        try:
            with leases.running(held, no_check), leases.step():
                in_step.set()
                thaw.wait(10)
        finally:
            connections.close_all()

    thread = threading.Thread(target=freeze)
    thread.start()
    assert in_step.wait(10)
    while_frozen = leases.claim(NAME, "other", 30)
    thaw.set()
    thread.join()

    assert while_frozen is None
    assert leases.claim(NAME, "other", 30).fence == 2
