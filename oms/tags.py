"""Tags are short words that people make up; rows keep them in the order given."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value


class TagsField(ArrayField):
    """varchar(64)[], empty where nothing is said."""

    def __init__(self, **kwargs: Any):
        kwargs["base_field"] = models.CharField(max_length=64)
        kwargs.setdefault("default", list)
        kwargs.setdefault("db_default", Value([], ArrayField(models.CharField(max_length=64))))
        kwargs.setdefault("blank", True)
        super().__init__(**kwargs)
