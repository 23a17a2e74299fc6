"""Puts the pages of the second factor together."""

from typing import TYPE_CHECKING

from issuer.portal.choices import Choices
from issuer.portal.code_check import CodeCheck
from issuer.portal.cookies import Cookies
from issuer.portal.current import Current
from issuer.portal.entrance import Entrance
from issuer.portal.factor_pages import FactorPages
from issuer.portal.pending import PendingSteps
from issuer.portal.second_step import Completion, SecondStep
from issuer.portal.sign_in import SignIn

if TYPE_CHECKING:
    from issuer.app import Parts


def factor_pages(
    house: "Parts", current: Current, cookies: Cookies, sign_in: SignIn, entrance: Entrance, choices: Choices
) -> FactorPages:
    """Return the pages, which have the second step of a sign-in."""
    factors, world = house.factors, house.world
    completion = Completion(cookies, house.freshness, factors, sign_in, entrance, choices)
    check = CodeCheck(factors, sign_in, cookies, current, world.metrics)
    steps = PendingSteps(house.store, cookies, world.clock, world.randomness)
    step = SecondStep(current, steps, factors, check, completion, house.settings.portal.name)
    return FactorPages(current, factors, check, step, world.clock)
