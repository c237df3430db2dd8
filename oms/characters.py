"""What is no character of any text: what stands below the space, but the tab and the ends of lines, and what Unicode leaves out.

Postgres keeps no NUL and XML none of these: one name with U+FFFE would spoil the spreadsheet of a whole list.
"""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_STRAY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def stray(text: str) -> str:
    """The first of them; empty if there is none."""
    found = _STRAY.search(text)
    return found[0] if found else ""


def without_stray(text: str) -> str:
    """With the sign for what cannot be shown in their places."""
    return _STRAY.sub("\N{REPLACEMENT CHARACTER}", text)


def told(character: str) -> str:
    return _("This holds a character that no text may have: %(character)s") % {"character": f"U+{ord(character):04X}"}


def check_text(text: object) -> None:
    """What somebody typed into a form. Errors: ValidationError."""
    if isinstance(text, str) and (character := stray(text)):
        raise ValidationError(told(character), code="not_printable")
