"""The same attacks with the walls down that stop them: they work, so it is these walls that hold.

Inside PID, mount, network, IPC and UTS namespaces of their own, or not at all.
"""

from __future__ import annotations

import pytest

from . import controls
from .attack import Attack, Wall
from .table import ATTACKS

TRIED = {name: attack for name, attack in ATTACKS.items() if not attack.no_control}
ALONE = {
    f"{name}: {wall}": (attack, wall, others)
    for name, attack in TRIED.items()
    for wall, others in controls.alone(attack)
}


def control(found: controls.Controls, attack: Attack, down: frozenset[Wall]) -> controls.Control:
    result = found.of(attack, down)
    assert result, f"no result; the log: {found.log[-3000:]}"
    return result


@pytest.mark.parametrize("name", TRIED)
def test_without_its_walls_an_attack_works(of_controls: controls.Controls, name: str) -> None:
    attack = TRIED[name]
    result = control(of_controls, attack, frozenset(attack.walls))
    if not result.won and attack.needs and not control(of_controls, attack, controls.bare(attack)).won:
        pytest.skip(f"this machine lacks {attack.needs}")
    if not result.won:
        # On a busy machine an attack that only takes time may lose its race once. What a wall stops loses it always.
        again = controls.run_jobs([(name, [*sorted(attack.walls)])])
        result = control(again, attack, frozenset(attack.walls))
    assert result.won, result.said


@pytest.mark.parametrize("name", ALONE)
def test_each_of_its_walls_stops_it_alone(of_controls: controls.Controls, name: str) -> None:
    attack, wall, others = ALONE[name]
    result = control(of_controls, attack, others)
    if (
        wall is Wall.LANDLOCK
        and attack.needs == controls.SCOPES
        and controls.landlock_abi() < controls.SCOPES_SINCE
    ):
        pytest.skip(f"this machine lacks {attack.needs}")
    assert not result.won, result.said
