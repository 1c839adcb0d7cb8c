"""Remedies: commands that work as they are printed."""

from pipeline import remedies


def test_a_run_with_a_state_of_its_own_names_it() -> None:
    assert remedies.of_run("my state").forget == "`pipeline forget --state 'my state' NAME`"
    assert remedies.of_run(None).forget == "`pipeline forget NAME`"
