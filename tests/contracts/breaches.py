"""The module of docs/modules.md, changed for the worse: each change breaks one promise of the contract."""

ENTER = "        phases = NotesPhases(self, self.rule, self.signer)\n"
RESPOND = "        return self.gateway.issuance.respond(phases, self.gateway.address())\n"
UNRECORDED = 'redirect(self.settings.service_url + self.signer.sign({"jti": "x"})[0])'
MODULE_MEMBER = "    def enter(self):\n"
PHASES_MEMBER = "    def answer(self, token):\n"


def member(place: str, head: str, *body: str) -> tuple[str, str]:
    """Put a method before another one."""
    lines = "".join(f"        {line}\n" for line in body)
    return place, f"    def {head}:\n{lines}\n{place}"


BREACHES = {
    "test_it_can_be_found": ('title = "Notes"', 'title = ""'),
    "test_every_option_says_what_it_is_for": ('    """Where the service takes them', '    """""" and """'),
    "test_the_sample_of_its_docstring_can_be_used": ("    service_url = ", "    service = "),
    "test_an_unknown_option_is_refused": ("(ModuleSettings):", '(ModuleSettings, extra="ignore"):'),
    "test_a_rule_that_does_not_compile_stops_the_start": ("(settings.rule,", '("1",'),
    "test_a_rule_that_does_not_say_yes_gives_no_token": ("(settings.rule,", '("1",'),
    "test_its_routes_are_below_its_path": member(MODULE_MEMBER, "owns(self, path)", "return True"),
    "test_two_instances_live_side_by_side": member(
        MODULE_MEMBER, "owns(self, path)", "return path.startswith(self.settings.path)"
    ),
    "test_its_tables_are_what_its_migrations_make": member(
        MODULE_MEMBER,
        "tables(cls=None)",
        "from pathlib import Path",
        "from sqlalchemy import MetaData, Table",
        "from issuer.store import Tables",
        "metadata = MetaData()",
        'Table("pages", metadata)',
        'return Tables("notes", metadata, Path(__file__).parent, "0001")',
    ),
    "test_every_route_answers_strangers": (
        ENTER,
        f'        from flask import request\n        int(request.args.get("a", 1))\n{ENTER}',
    ),
    "test_a_token_is_recorded": (RESPOND, f"        return {UNRECORDED}\n"),
    "test_what_cannot_be_recorded_is_not_given_out": (
        RESPOND,
        f"        try:\n    {RESPOND}        except Exception:\n            return {UNRECORDED}\n",
    ),
    "test_a_token_is_in_no_log": (
        PHASES_MEMBER,
        f'{PHASES_MEMBER}        __import__("logging").info(token.text)\n',
    ),
    "test_nobody_gets_a_token_who_is_not_signed_in": member(
        PHASES_MEMBER, "authenticate(self)", "from issuer.testing import PERSON", "return PERSON"
    ),
    "test_a_token_leads_only_to_its_destinations": ("return [self.settings.service_url]", "return []"),
    "test_its_tiles_are_on_the_home_page": ('path}/enter")', 'path}/nowhere")'),
    "test_its_checks_pass": member(
        MODULE_MEMBER,
        "checks(self)",
        "from issuer.check import Check",
        'return [Check("sum", lambda: 1 / 0)]',
    ),
    "test_it_starts_and_stops": member(MODULE_MEMBER, "start(self)", "1 / 0"),
}
"""What is replaced by what, by the test that finds it."""
