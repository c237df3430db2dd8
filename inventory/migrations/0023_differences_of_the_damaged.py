from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0022_levels_of_what_is_announced"),
    ]

    operations = [
        migrations.AddField(
            model_name="countline",
            name="damaged_difference",
            field=models.IntegerField(blank=True, null=True, verbose_name="difference of the damaged"),
        ),
    ]
