import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """The OpenAPI document, made as by hand: any warning fails. That it is valid is a test of its own, as it takes seconds."""
    out = StringIO()
    call_command("spectacular", fail_on_warn=True, format="openapi-json", stdout=out)
    return json.loads(out.getvalue())
