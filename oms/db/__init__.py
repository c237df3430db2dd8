"""Django's Postgres backend, less anxious: settings name it as ENGINE."""
