# SPDX-License-Identifier: GPL-2.0-only
"""user/bench: what the kernel's paths cost, against the budgets in tests/budgets."""
import pytest

import budget

ARCHS = ["x86_64", "x86_32"]


@pytest.fixture(scope="module")
def measured(built, tmp_path_factory):
    """measured(arch): {name: instructions}, measured once."""
    from conftest import OUT
    from harness import Running
    done = {}

    def measure(arch):
        if arch not in done:
            run = Running(budget.boot(built(arch)), OUT / "tests" / f"test_bench-{arch}")
            try:
                failed = run.expect(budget.DONE)[1]
                assert failed == "0", run.explain("a step of the measurement failed")
                done[arch] = budget.parse(run.text())
            finally:
                run.close()
        return done[arch]

    return measure


@pytest.mark.parametrize("arch", ARCHS)
def test_budgets(measured, arch):
    findings, better = budget.compare(arch, budget.read(arch), measured(arch))
    if better:
        print("cheaper than the budget; `make bench-update` keeps it so:", *better, sep="\n")
    assert not findings, "\n".join(["paths of the kernel cost more than their budget:", *findings, budget.ADVICE])


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("what", ["lookup", "semaphore_up"])
def test_many_objects(measured, arch, what):
    """With 100,000 semaphores in the object space a capability is found as fast as with ten, but for the one more table on the way: 16 instructions."""
    few, many = measured(arch)[f"{what}_of_10"], measured(arch)[f"{what}_of_100000"]
    assert many <= max(few * 1.1, few + 16), f"{what}: {few} instructions with ten semaphores, {many} with 100,000"


# ---- the comparison itself ----

BUDGETS = {"call": 200, "revoke": 1500}


@pytest.mark.parametrize("measured_value,red", [(200, False), (204, False), (205, True), (150, False), (400, True)])
def test_comparison(measured_value, red):
    findings, _ = budget.compare("x86_64", BUDGETS, {"call": measured_value, "revoke": 1500})
    assert bool(findings) == red
    if red:
        assert "x86_64 call: 200 -> " in findings[0] and "%" in findings[0]


def test_comparison_of_missing_paths():
    assert budget.compare("x86_64", BUDGETS, {"call": 200})[0] == ["x86_64 revoke: has the budget 1500, but was not measured"]
    assert budget.compare("x86_64", {"call": 200}, {**BUDGETS})[0] == ["x86_64 revoke: measured 1500, but has no budget"]


def test_cheaper_is_said():
    assert budget.compare("x86_64", BUDGETS, {"call": 100, "revoke": 1500}) == ([], ["x86_64 call: 200 -> 100, -50.0 %"])


def test_parse():
    assert budget.parse("[0] log\nBENCH call 200\r\nBENCH 3\n# BENCH x 1\nBENCH revoke 1500\n") == BUDGETS
