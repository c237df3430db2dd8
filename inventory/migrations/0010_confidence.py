from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0009_feeds_and_imports")]

    operations = [
        migrations.AddField(
            model_name="stocklevel",
            name="confidence",
            field=models.FloatField(
                blank=True,
                help_text="How far this number can be believed, from 0 to 1. Empty: nobody has counted here yet.",
                null=True,
                verbose_name="confidence",
            ),
        ),
        migrations.AddConstraint(
            model_name="stocklevel",
            constraint=models.CheckConstraint(
                condition=models.Q(("confidence__range", (0, 1))), name="a_confidence_is_between_0_and_1"
            ),
        ),
    ]
