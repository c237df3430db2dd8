from pathlib import Path

import pytest

from oms.dev import messages

HEADER = """
msgid ""
msgstr ""
"Language: fr\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"
"""


@pytest.fixture
def code(tmp_path, monkeypatch) -> Path:
    """A small code base of one module and one template, and its French."""
    templates = tmp_path / "shop" / "templates" / "shop"
    templates.mkdir(parents=True)
    (tmp_path / "shop" / "views.py").write_text('title = _("Your order")\nlazy = gettext_lazy("%(n)d left")\n')
    (templates / "page.html").write_text('{% load i18n %}{% translate "Good day" %}')
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "PACKAGES", ["shop"])
    return tmp_path


def french(code: Path, *entries: tuple[str, str]) -> Path:
    po = code / "locale" / "fr" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True, exist_ok=True)
    po.write_text(HEADER + "".join(f'\nmsgid "{id}"\nmsgstr "{string}"\n' for id, string in entries))
    return code / "locale"


def test_a_complete_translation_has_no_faults(code):
    locale = french(code, ("Your order", "Votre commande"), ("%(n)d left", "reste %(n)d"), ("Good day", "Bonjour"))

    assert messages.untranslated(locale) == []


def test_strings_that_are_missing_empty_or_lose_a_placeholder_are_faults(code):
    locale = french(code, ("Your order", ""), ("%(n)d left", "reste %(m)d"))

    faults = messages.untranslated(locale)

    assert faults[:2] == [
        "fr/LC_MESSAGES/django.po: 'Good day' is not in it; run make messages",
        "fr/LC_MESSAGES/django.po: 'Your order' has no translation",
    ]
    assert len(faults) == 3
    assert "'%(n)d left'" in faults[2]


def test_an_update_adds_what_is_new_drops_what_is_gone_and_keeps_the_rest(code):
    locale = french(code, ("Your order", "Votre commande"), ("Gone", "Parti"))

    messages.update_messages(locale)

    text = next(locale.rglob("*.po")).read_text()
    assert 'msgid "Good day"\nmsgstr ""' in text
    assert 'msgid "Your order"\nmsgstr "Votre commande"' in text
    assert "Gone" not in text


def test_compiles_only_what_has_changed(code):
    locale = french(code, ("Your order", "Votre commande"))

    first, second = messages.compile_messages(locale), messages.compile_messages(locale)

    assert first == [locale / "fr" / "LC_MESSAGES" / "django.mo"]
    assert second == []
