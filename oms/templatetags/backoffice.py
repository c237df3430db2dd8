"""The words of `oms.backoffice` for templates."""

from django import template

from oms.backoffice import words

register = template.Library()
register.filter("instant", words.instant)
register.filter("money", words.money)
register.filter("figure", words.figure)
register.filter("who", words.who)
register.filter("pairs", words.pairs)
register.simple_tag(words.badge, name="badge")
register.simple_tag(words.link, name="row_link")
