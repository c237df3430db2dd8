"""The words of the theme, which comes without translations: named here, they are collected with ours."""

from django.utils.translation import gettext_lazy as _

WORDS = [
    _("Add row"),
    _("After you've created a user, you’ll be able to edit more user options."),
    _("Apply Filters"),
    _("Cancel"),
    _("Choose file to upload"),
    _("Dark"),
    _("General"),
    _("Go back"),
    _("Light"),
    _("More actions"),
    _("Next"),
    _("No data"),
    _("No results found"),
    _("No results matching your query"),
    _("Previous"),
    _("Reset filters"),
    _("Run"),
    _("Search apps and models..."),
    _("Select all rows"),
    _("Select format"),
    _("Select value"),
    _("System"),
    _("Type to search"),
    _("You have been successfully logged out from the administration"),
]
