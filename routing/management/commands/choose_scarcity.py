"""`manage.py choose_scarcity`: how much of the prices of scarce stock should count, by replay."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.clock import now
from oms.errors import DomainError
from routing.management.commands.simulate import BAD_INPUT, WORSE, add_orders, orders_asked_for, rules_asked_for, told
from routing.services.scarcity_scale import GRID, Chosen, Trial, choose_scale, write_scale


def _grid(text: str) -> Sequence[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError("numbers, parted by commas") from None
    if not all(0 <= scale <= 100 for scale in found):
        raise ArgumentTypeError("numbers from 0 to 100, parted by commas")
    return found


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError("an amount, such as 12.50") from None
    if not (amount.is_finite() and amount >= 0):
        raise ArgumentTypeError("an amount, such as 12.50")
    return amount


class Command(BaseCommand):
    help = (
        "Replay past orders, or those of a file, with several weights of scarcity (θ, per unit of the weight of cost), choose"
        " on the earlier half and tell what the choice is worth on the later half. Ends with 1 where no θ is worth having,"
        " with 2 if something is wrong with what was asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rule-set", required=True, metavar="FILE|ID", help="a document (JSON or YAML), or an id")
        add_orders(parser)
        parser.add_argument("--grid", type=_grid, default=GRID, metavar="θ,θ,…", help="0 is always tried")
        parser.add_argument(
            "--lost-per-unit",
            type=_amount,
            metavar="AMOUNT",
            help="what a unit costs that is not served (default: two parcels)",
        )
        parser.add_argument(
            "--write",
            action="store_true",
            help="write it into this draft, or into a new one of what is published; --rule-set is then an id",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        rules = rules_asked_for(options["rule_set"])
        if options["write"] and not isinstance(rules, str):
            raise CommandError(
                f"--write needs the id of a stored rule set; {options['rule_set']} is a file", returncode=BAD_INPUT
            )
        try:
            chosen = choose_scale(
                rule_set=rules,
                orders=orders_asked_for(options),
                grid=options["grid"],
                lost_per_unit=options["lost_per_unit"],
                as_of=now(),
                heard=lambda trial: self.stderr.write(f"θ {trial.scale:g}: {trial.orders} orders"),
            )
        except DomainError as refusal:
            raise CommandError(told(refusal), returncode=BAD_INPUT) from None
        self._print(chosen)
        if not chosen.is_confirmed:
            raise CommandError("no θ is worth having on orders that it was not chosen by", returncode=WORSE)
        if options["write"]:
            self._write(options["rule_set"], chosen)

    def _print(self, chosen: Chosen) -> None:
        lost, currency = chosen.lost_per_unit, chosen.currency
        self.stdout.write(f"a unit that is not served counts {lost:.2f} {currency}")
        for name, trials in (("chosen on the earlier orders", chosen.earlier), ("the later orders", chosen.later)):
            without = trials[0].money(lost)
            self.stdout.write(
                f"\n{name}\n{'θ':>6}{'orders':>9}{'paid':>13}{'unfilled':>10}{'splits':>8}{'money':>13}{'± %':>9}"
            )
            for trial in trials:
                self._print_trial(trial, trial.money(lost), without, is_ours=trial.scale == chosen.scale)

    def _print_trial(self, trial: Trial, money: Decimal, without: Decimal, *, is_ours: bool) -> None:
        share = (money - without) / without if without else Decimal(0)
        self.stdout.write(
            f"{trial.scale:6g}{trial.orders:9}{trial.paid:13.2f}{trial.unfilled:10}{trial.splits:8}{money:13.2f}"
            f"{share:+9.2%}{'  ←' if is_ours else ''}"
        )

    def _write(self, rule_set: str, chosen: Chosen) -> None:
        try:
            draft = write_scale(rule_set_id=rule_set, chosen=chosen)
        except DomainError as refusal:
            raise CommandError(told(refusal), returncode=BAD_INPUT) from None
        self.stdout.write(f"\nwritten into the draft {draft.pk}, {draft}; nothing is published by it")
