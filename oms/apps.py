from django import forms
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from oms.characters import check_text

# Every text of every form, also of those that are made from models: no form has to think of it. Here, because fields
# take it when they are made, and forms are read after all apps are known.
forms.CharField.default_validators = [check_text]


class OmsConfig(AppConfig):
    name = "oms"
    verbose_name = _("System")
