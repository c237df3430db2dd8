from django.db import models


class Version(models.Model):
    """A number that grows whenever what is cached under its name changes (see `oms.cache`)."""

    name = models.CharField(max_length=40, primary_key=True)
    number = models.BigIntegerField(default=0)
