"""Fields that several forms of the back office have."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from oms.money import EXPONENTS


class CurrencyChoice(forms.ChoiceField):
    """One of the currencies that the API takes, too."""

    widget = UnfoldAdminSelectWidget

    def __init__(self, **kwargs: Any):
        choices = [(code, code) for code in sorted(EXPONENTS)]
        super().__init__(label=gettext_lazy("Currency"), choices=choices, **kwargs)
