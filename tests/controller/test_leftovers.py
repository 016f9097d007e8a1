"""What no policy holds goes back by the ramp: a step a minute, and none within the first."""

from __future__ import annotations

from controller.leftovers import Leftovers
from controller.originals import ANNOTATION, read
from tests.controller.test_restoring import KEY, Hpas, held
from tests.helpers.builders import at


async def floors_of(hpas: Hpas, seconds: int, in_force: frozenset[tuple[str, str]] = frozenset()) -> list[int]:
    """With every tick of 15 seconds."""
    leftovers, found = Leftovers(), []
    for k in range(seconds // 15 + 1):
        await leftovers.walk(hpas, hpas, {}, in_force, at(seconds=15 * k))
        found.append(hpas[KEY]["spec"]["minReplicas"])
    return found


async def test_it_goes_back_a_step_a_minute() -> None:
    hpas = held(20)
    assert await floors_of(hpas, 120) == [20] * 4 + [18] * 4 + [17]
    await floors_of(hpas, 3600)
    assert (hpas[KEY]["spec"]["minReplicas"], read(hpas[KEY])) == (2, None)


async def test_what_a_policy_holds_and_what_another_owns_stays() -> None:
    assert set(await floors_of(held(20), 600, frozenset({KEY}))) == {20}
    owned = held(20)
    owned[KEY]["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "gateway", "controller": True}]
    assert set(await floors_of(owned, 600)) == {20}


async def test_one_that_cannot_be_written_leaves_the_others_their_way() -> None:
    hpas = held(20)
    first = {**hpas[KEY], "metadata": {**hpas[KEY]["metadata"], "name": "a"}}
    hpas["chat", "a"] = first
    hpas.refused = {"a"}
    assert (await floors_of(hpas, 60))[-1] == 18
    assert ANNOTATION in hpas["chat", "a"]["metadata"]["annotations"]
