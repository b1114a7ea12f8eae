from governance.states import MOVES, OPEN, TERMINAL, UNDECIDED, Status, Verdict, can_move


def test_every_status_is_open_or_terminal():
    assert set(Status) == OPEN | TERMINAL
    assert not OPEN & TERMINAL


def test_nothing_leaves_a_terminal_status():
    assert not [(old, new) for old in TERMINAL for new in Status if can_move(old, new)]


def test_only_an_approved_request_can_start_to_execute():
    assert [old for old in MOVES if Status.EXECUTING in MOVES[old]] == [Status.APPROVED]


def test_success_is_reached_through_execution_only():
    for end in (Status.SUCCEEDED, Status.FAILED, Status.OUTCOME_UNKNOWN):
        assert [old for old in MOVES if end in MOVES[old]] == [Status.EXECUTING]


def test_whatever_is_undecided_can_expire():
    assert all(can_move(status, Status.EXPIRED) for status in UNDECIDED)


def test_an_executing_request_cannot_expire_or_be_approved_again():
    assert not can_move(Status.EXECUTING, Status.EXPIRED)
    assert not can_move(Status.EXECUTING, Status.APPROVED)


def test_a_verdict_names_its_status():
    assert Verdict.APPROVED.status is Status.APPROVED
    assert Verdict.REJECTED.status is Status.DENIED
